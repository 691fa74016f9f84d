/* egress_world.h - egress alone over a box in memory; the test plays classifier, PM and network
 *
 * One connection: flow 0 from 10.0.0.1:1000 (port 0) to 10.0.0.2:80 (port 1), flow 1 back.
 */
#ifndef TESTS_UNIT_EGRESS_WORLD_H
#define TESTS_UNIT_EGRESS_WORLD_H

#include <arpa/inet.h>

#include "egress/egress.h"
#include "ingress/parse.h"
#include "shm/csum.h"
#include "tests/world.h"

#define MAX_OUT 4096u
#define GEN 7u
#define ISN0 0xfffffff0u /* wraps soon */
#define ISN1 5000u

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct out_packet {
	uint32_t port;
	uint32_t len;
	bool more; /* goes on in the next one */
	uint64_t number;
	struct fos_frame_meta m; /* parsed again */
	uint8_t bytes[2048];
	uint8_t *tcp, *payload;
	uint32_t seq, ack;
	uint16_t wnd;
};

struct egress_world {
	struct world w;
	struct fos_proc p;
	struct fos_egress *e;
	struct fos_ring_prod descs, hints;
	struct fos_ring_cons home[2];
	uint32_t next_frame, next_piece, next_edit;
	uint32_t last_piece[2];
	uint32_t gen;
	uint64_t now;
	struct out_packet *out;
	uint32_t nr_out, taken;
	uint32_t pending[MAX_OUT], nr_pending; /* frames in the "kernel" */
	uint64_t sent[2];
	bool stuck; /* completions do not come */
	uint32_t room;
	/* what the packets made by add_packet() look like */
	bool v6, vlan, partial;
	uint32_t ts[2]; /* 0 = no timestamps */
	const uint8_t *ext; /* between the IP header and TCP: IPv4 options, IPv6 extension headers */
	uint32_t ext_len;
	uint8_t ext_first; /* IPv6: kind of the first */
	bool qinq;
	bool sack;      /* permitted at the SYN */
	uint8_t scale[2]; /* of the window, 0 = not offered */
	uint8_t tos;
	uint16_t th; /* TCP flags (AE 0x100, CWR, ECE) beside those asked for */
	bool accecn; /* asked for and answered at the handshake */
	uint32_t block[4][2], nr_block; /* SACK blocks of the next packet */
	uint32_t lost_home; /* frames that came home */
};

static struct egress_world W;

/* ------------------------------------------------------------------ the sink */

static inline int mem_open(void *ctx, struct fos_proc *p)
{
	(void)ctx;
	(void)p;
	return 0;
}

static inline uint32_t mem_room(void *ctx, uint32_t port)
{
	(void)ctx;
	(void)port;
	return W.room;
}

static inline void mem_parse(struct out_packet *o)
{
	/* parsed in place of a frame: metadata need a frame's head before the packet */
	static uint8_t frame[FOS_FRAME_DATA_OFF + 2048];
	static const uint64_t key[2] = { 1, 2 };

	memset(&o->m, 0, sizeof(o->m));
	memcpy(frame + FOS_FRAME_DATA_OFF, o->bytes, o->len);
	o->m.data_off = FOS_FRAME_DATA_OFF;
	o->m.len = (uint16_t)o->len;
	o->m.orig_len = (uint16_t)o->len;
	o->m.link = FOS_LINK_ETHERNET;
	fos_parse(frame, &o->m, key);
	if (!o->m.l4_off)
		return;
	o->tcp = o->bytes + o->m.l4_off - FOS_FRAME_DATA_OFF;
	o->payload = o->bytes + o->m.payload_off - FOS_FRAME_DATA_OFF;
	memcpy(&o->seq, o->tcp + 4, 4);
	memcpy(&o->ack, o->tcp + 8, 4);
	memcpy(&o->wnd, o->tcp + 14, 2);
	o->seq = ntohl(o->seq);
	o->ack = ntohl(o->ack);
	o->wnd = ntohs(o->wnd);
}

static inline void mem_send(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n)
{
	(void)ctx;
	for (uint32_t i = 0; i < n; i++) {
		struct out_packet *o = &W.out[W.nr_out++ % MAX_OUT];

		memset(o, 0, sizeof(*o));
		o->port = port;
		o->len = tx[i].len;
		o->more = tx[i].more;
		o->number = tx[i].number;
		memcpy(o->bytes, fos_box_frame(&W.p.box, tx[i].frame) + tx[i].off, tx[i].len);
		mem_parse(o);
		W.pending[W.nr_pending++] = tx[i].frame;
	}
	W.sent[port] += n;
}

static inline bool mem_kick(void *ctx)
{
	(void)ctx;
	return false;
}

static inline uint32_t mem_reap(void *ctx, uint32_t *frames, uint32_t max)
{
	uint32_t n = 0;

	(void)ctx;
	while (!W.stuck && n < max && W.nr_pending)
		frames[n++] = W.pending[--W.nr_pending];
	return n;
}

static inline void mem_nothing(void *ctx)
{
	(void)ctx;
}

static inline uint64_t mem_mark(void *ctx, uint32_t port)
{
	(void)ctx;
	return W.sent[port];
}

static const struct fos_sink_ops mem_ops = {
	.open = mem_open,
	.room = mem_room,
	.send = mem_send,
	.kick = mem_kick,
	.reap = mem_reap,
	.reap_done = mem_nothing,
	.mark = mem_mark,
	.flush = mem_nothing,
	.finish = mem_nothing,
	.close = mem_nothing,
};

/* ------------------------------------------------------------------ processes */

static inline void attach_ring(const struct fos_dir_ring *r)
{
	const struct fos_dir *dir = W.w.dir;
	uint8_t *src = W.w.box.region[dir->proc[r->producer].region].base;
	uint8_t *dst = W.w.box.region[dir->proc[r->consumer].region].base;

	if (dir->proc[r->producer].role == FOS_ROLE_CLASSIFIER &&
	    dir->proc[r->consumer].role == FOS_ROLE_EGRESS) {
		struct fos_cursor *c = (void *)(dst + ((struct fos_egr *)(void *)dst)->cursors_off);
		bool ready = r->kind == FOS_RING_READY;

		fos_ring_attach_prod(ready ? &W.hints : &W.descs, (void *)(src + r->off),
				     &c[r->cursor].head,
				     ready ? sizeof(struct fos_hint) : sizeof(struct fos_desc));
	}
	if (dir->proc[r->consumer].role == FOS_ROLE_INGRESS && r->kind == FOS_RING_FREE) {
		struct fos_cursor *c = (void *)(dst + ((struct fos_ing *)(void *)dst)->cursors_off);

		fos_ring_attach_cons(&W.home[dir->proc[r->consumer].index], (void *)(src + r->off),
				     &c[r->cursor], sizeof(struct fos_desc));
	}
}

/* Starts egress, or starts it again over what a killed one left. */
static inline void start_egress(void)
{
	char err[256];

	memset(&W.p, 0, sizeof(W.p));
	memcpy(W.p.box.region, W.w.box.region, sizeof(W.p.box.region));
	W.p.box.dir = W.w.dir;
	W.p.box.self = fos_proc_find(W.w.dir, FOS_ROLE_EGRESS, 0, 0);
	W.p.now_ns = W.now;
	W.e = fos_egress_new(&mem_ops, NULL);
	W.p.state = W.e;
	if (fos_proc_bind(&W.p, &fos_egress_hooks, err, sizeof(err)) < 0 ||
	    fos_egress_hooks.init(&W.p) < 0) {
		fprintf(stderr, "egress does not start: %s\n", err);
		abort();
	}
}

static inline void kill_egress(void)
{
	fos_proc_unbind(&W.p);
	fos_egress_free(W.e);
}

/* The test is both ingress processes, and tells how many free frames each has. */
static inline void have_free(uint32_t port, int by)
{
	const struct fos_dir *dir = W.w.dir;
	uint32_t proc = dir->port[port].first_ingress;
	struct fos_ing *ing = (void *)W.w.box.region[dir->proc[proc].region].base;

	ing->nr_free += (uint32_t)by;
}

/* A frame for a packet that comes in by `port`. */
static inline uint32_t take_frame(uint32_t port)
{
	if (!W.w.dir->offline)
		have_free(port, -1);
	return W.next_frame++;
}

static inline void init_flow(uint32_t i, bool v6)
{
	struct fos_flow *f = world_flow(&W.w, i);
	uint8_t a[16] = { 0 }, b[16] = { 0 };

	a[10] = a[11] = b[10] = b[11] = v6 ? 0 : 0xff;
	a[0] = b[0] = v6 ? 0xfd : 0;
	a[12] = b[12] = v6 ? 0 : 10;
	a[15] = i ? 2 : 1;
	b[15] = i ? 1 : 2;
	memcpy(f->src, a, 16);
	memcpy(f->dst, b, 16);
	f->sport = i ? 80 : 1000;
	f->dport = i ? 1000 : 80;
	f->ip_version = v6 ? 6 : 4;
	f->proto = 6;
	f->port = (uint8_t)i;
	f->flags = FOS_FLOW_TCP | FOS_FLOW_APP | (i ? FOS_FLOW_REVERSE : 0);
	f->isn = i ? ISN1 : ISN0;
	f->gen = GEN;
}

static uint32_t first_frame;
/* Set before world_start(): the editor rewrites headers, may have the tail sent ahead, or send packets of
 * its own, too. */
static bool rewriting, resending, sending;
static uint32_t readers; /* PMs behind the editor that read, one a stage */

/* `editor`: a PM that edits, at stage 0, publishing what the test says; else no PM at all. */
static inline void world_start(bool editor, bool offline, bool v6)
{
	uint32_t count;

	if (!W.out)
		W.out = calloc(MAX_OUT, sizeof(*W.out));
	W = (struct egress_world){ .out = W.out, .now = 1000000000, .room = 1000, .v6 = v6 };
	W.last_piece[0] = W.last_piece[1] = FOS_NONE;
	world_plan(&W.w, offline);
	W.w.dir->nr_pipelines = 1;
	if (editor) {
		struct fos_dir_pm *pm =
			&W.w.dir->pm[world_pm(&W.w, "editor", 0, FOS_STREAM_APP, true)];

		pm->rewrites = rewriting;
		pm->resends = resending;
		pm->sends = sending;
	}
	for (uint32_t i = 0; i < readers; i++)
		world_pm(&W.w, "reader", i + 1, FOS_STREAM_APP, false);
	world_make(&W.w);
	for (uint32_t i = 0; i < W.w.dir->nr_rings; i++)
		attach_ring(&W.w.dir->ring[i]);
	fos_build_ingress_frames(W.w.dir, 0, &first_frame, &count);
	W.next_frame = first_frame;
	for (uint32_t port = 0; port < 2 && !offline; port++)
		have_free(port, (int)count);
	init_flow(0, v6);
	init_flow(1, v6);
	start_egress();
}

static inline void world_stop(void)
{
	kill_egress();
	world_free(&W.w);
}

static inline void run(void)
{
	for (int i = 0; i < 8; i++) {
		W.p.now_ns = W.now;
		fos_proc_work(&W.p);
	}
}

/* Next packet that left, NULL: none. */
static inline struct out_packet *next_out(void)
{
	return W.taken < W.nr_out ? &W.out[W.taken++ % MAX_OUT] : NULL;
}

static inline uint32_t frames_home(void)
{
	for (int i = 0; i < 2; i++) {
		uint64_t n = W.home[i].ring ? fos_ring_peek(&W.home[i]) : 0;

		fos_ring_take(&W.home[i], n);
		if (n)
			fos_ring_release(&W.home[i]);
		W.lost_home += (uint32_t)n;
		if (!W.w.dir->offline)
			have_free((uint32_t)i, (int)n);
	}
	return W.lost_home;
}

#endif
