/* tests/pm/conn.h - for tests of modules that decide about connections: flows as the test says, packets
 * on their `ip` streams, and what was published about them.  Upon play.h. */
#ifndef TESTS_PM_CONN_H
#define TESTS_PM_CONN_H

#include <libgen.h>

#include "ingress/parse.h"
#include "tests/pm/play.h"

struct conn_end {
	const char *addr;
	uint16_t port;
};

#ifdef FOS_SANITIZED
/* A module that is killed frees nothing; here the memory outlives it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* Path of the module NAME; `self` is argv[0] of the test. */
static inline const char *conn_module(const char *self, const char *name)
{
	static char so[8192];
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", self);
	snprintf(so, sizeof(so), "%s/../pms/%s.so", dirname(copy), name);
	return so;
}

/* Is the module there?  One whose library is not installed is not. */
static inline bool conn_built(const char *self, const char *name)
{
	return access(conn_module(self, name), R_OK) == 0;
}

/* Options written as "key=value\n..."; handed over as the configuration would. */
static inline uint32_t conn_pm(struct play *p, const char *self, const char *name, uint32_t stage,
			       const char *options)
{
	char buf[16384];
	size_t n = 0;

	for (const char *c = options; *c;) {
		const char *eq = strchr(c, '='), *end = strchr(c, '\n');

		if (!eq || !end || n + (size_t)(end - c) + 3 > sizeof(buf))
			abort();
		memcpy(buf + n, c, (size_t)(eq - c));
		n += (size_t)(eq - c);
		buf[n++] = 0;
		memcpy(buf + n, eq + 1, (size_t)(end - eq - 1));
		n += (size_t)(end - eq - 1);
		buf[n++] = 0;
		c = end + 1;
	}
	buf[n++] = 0;
	return play_pm_file(p, stage, conn_module(self, name), buf, n);
}

/* A connection as its first packet shows it, entering by `port`; handlers have not run. */
static inline void conn_make(struct play *p, uint32_t c, uint8_t proto, struct conn_end src,
			     struct conn_end dst, uint8_t port)
{
	static uint32_t gen = PLAY_GEN; /* a slot that is used again is another connection */
	struct fos_flow *f, *r;

	play_connection(p, c, gen++);
	f = world_flow(&p->w, 2 * c);
	r = world_flow(&p->w, 2 * c + 1);
	if (!fos_address_parse(src.addr, f->src) || !fos_address_parse(dst.addr, f->dst))
		abort();
	f->ip_version = r->ip_version = strchr(src.addr, ':') ? 6 : 4;
	f->proto = r->proto = proto;
	f->flags = FOS_FLOW_PKT | FOS_FLOW_APP;
	f->flags |= proto == 6 ? FOS_FLOW_TCP : proto == 17 ? FOS_FLOW_UDP : 0;
	r->flags = f->flags | FOS_FLOW_REVERSE;
	f->sport = r->dport = src.port;
	f->dport = r->sport = dst.port;
	memcpy(r->src, f->dst, 16);
	memcpy(r->dst, f->src, 16);
	f->port = port;
	r->port = (uint8_t)(port ^ 1);
	f->start_ns = r->start_ns = p->now;
	memcpy(f->src_mac, "\2\0\0\0\0\x77", 6);
	memcpy(f->dst_mac, "\2\0\0\0\0\x78", 6);
}

/* The same, and its first packet is at the gate. */
static inline void conn_open(struct play *p, uint32_t c, uint8_t proto, struct conn_end src,
			     struct conn_end dst, uint8_t port)
{
	conn_make(p, c, proto, src, dst, port);
	world_flow(&p->w, 2 * c)->flags |= FOS_FLOW_OFFERED;
	play_hint(p, 2 * c);
	play_run(p);
}

static inline void conn_close(struct play *p, uint32_t c, uint32_t why)
{
	play_close(p, c, why);
	play_hint(p, 2 * c);
	play_hint(p, 2 * c + 1);
	play_run(p);
}

/* Until the next call. */
static inline const struct fos_pm_pub *conn_pub(struct play *p, uint32_t pm, uint32_t flow)
{
	static struct fos_pm_pub pub;

	pub = world_pub(&p->w, pm, flow);
	return &pub;
}

/* A packet of `len` bytes (link header of 14 and all) on the packet stream of a flow, arrived now. */
static inline void conn_packet(struct play *p, uint32_t flow, const void *bytes, uint32_t len)
{
	struct fos_flow *f = world_flow(&p->w, flow);
	uint32_t idx = p->piece++ % p->w.dir->nr_pieces;
	struct fos_piece *piece = world_piece(&p->w, idx);
	struct fos_frame_meta *m;
	uint64_t tail = f->pkt.tail;

	memset(piece, 0, sizeof(*piece));
	p->frame = (p->frame + 1) % p->w.dir->nr_frames; /* one packet a frame: it has one meta */
	p->frame_at = p->w.dir->frame_size;
	piece->frame = p->frame;
	memcpy(fos_box_frame(&p->w.box, p->frame) + FOS_FRAME_DATA_OFF, bytes, len);
	m = fos_box_meta(&p->w.box, p->frame);
	memset(m, 0, sizeof(*m));
	m->time_ns = p->now;
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = f->port;
	m->next_frame = FOS_NONE;
	fos_parse(fos_box_frame(&p->w.box, p->frame), m, (const uint64_t[2]){1, 2});
	piece->off = FOS_FRAME_DATA_OFF + 14;
	piece->len = (uint16_t)(len - 14);
	piece->l4_off = m->l4_off;
	piece->l4_len = (uint16_t)(m->l4_off ? FOS_FRAME_DATA_OFF + len - m->l4_off : 0);
	piece->pos = tail;
	piece->pos_l4 = f->pkt.tail_l4;
	piece->flow = flow;
	piece->flow_gen = f->gen;
	piece->next = FOS_NONE;
	piece->flags = FOS_PIECE_FIRST | FOS_PIECE_LAST;
	play_link(p, &f->pkt, idx);
	f->pkt.tail_l4 += piece->l4_len;
	fos_release64(&f->pkt.tail, tail + piece->len);
}

/* Does the module's init() refuse these options? */
static inline bool conn_refused(const char *self, const char *name, const char *options)
{
	static struct play p;
	bool is;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	conn_pm(&p, self, name, 0, options);
	p.now = 1;
	world_make(&p.w);
	is = play_start(&p, 0) != 0;
	play_kill(&p, 0);
	world_free(&p.w);
	return is;
}

/* Flow 0 has more: module and egress have their turn. */
static inline void conn_turn(struct play *p)
{
	play_hint(p, 0);
	play_run(p);
	play_egress(p, 0);
}

/* It ends, and so does the module's process. */
static inline void conn_finish(struct play *p)
{
	play_fin(p, 0);
	conn_turn(p);
	conn_close(p, 0, FOS_CLOSE_FIN);
	p->host[0].hooks->fini(&p->host[0]);
}

#endif
