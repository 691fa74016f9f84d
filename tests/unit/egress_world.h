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
	uint32_t lost_home; /* frames that came home */
};

static struct egress_world W;

/* ------------------------------------------------------------------ the sink */

static int mem_open(void *ctx, struct fos_proc *p)
{
	(void)ctx;
	(void)p;
	return 0;
}

static uint32_t mem_room(void *ctx, uint32_t port)
{
	(void)ctx;
	(void)port;
	return W.room;
}

static void mem_parse(struct out_packet *o)
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

static void mem_send(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n)
{
	(void)ctx;
	for (uint32_t i = 0; i < n; i++) {
		struct out_packet *o = &W.out[W.nr_out++ % MAX_OUT];

		memset(o, 0, sizeof(*o));
		o->port = port;
		o->len = tx[i].len;
		o->number = tx[i].number;
		memcpy(o->bytes, fos_box_frame(&W.p.box, tx[i].frame) + tx[i].off, tx[i].len);
		mem_parse(o);
		W.pending[W.nr_pending++] = tx[i].frame;
	}
	W.sent[port] += n;
}

static bool mem_kick(void *ctx)
{
	(void)ctx;
	return false;
}

static uint32_t mem_reap(void *ctx, uint32_t *frames, uint32_t max)
{
	uint32_t n = 0;

	(void)ctx;
	while (!W.stuck && n < max && W.nr_pending)
		frames[n++] = W.pending[--W.nr_pending];
	return n;
}

static void mem_nothing(void *ctx)
{
	(void)ctx;
}

static uint64_t mem_mark(void *ctx, uint32_t port)
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
	.close = mem_nothing,
};

/* ------------------------------------------------------------------ processes */

static void attach_ring(const struct fos_dir_ring *r)
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
static void start_egress(void)
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

static void kill_egress(void)
{
	fos_proc_unbind(&W.p);
	fos_egress_free(W.e);
}

static void init_flow(uint32_t i, bool v6)
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

/* `editor`: a PM that edits, at stage 0, publishing what the test says; else no PM at all. */
static void world_start(bool editor, bool offline, bool v6)
{
	uint32_t count;

	if (!W.out)
		W.out = calloc(MAX_OUT, sizeof(*W.out));
	W = (struct egress_world){ .out = W.out, .now = 1000000000, .room = 1000, .v6 = v6 };
	W.last_piece[0] = W.last_piece[1] = FOS_NONE;
	world_plan(&W.w, offline);
	W.w.dir->nr_pipelines = 1;
	if (editor)
		world_pm(&W.w, "editor", 0, FOS_STREAM_APP, true);
	world_make(&W.w);
	for (uint32_t i = 0; i < W.w.dir->nr_rings; i++)
		attach_ring(&W.w.dir->ring[i]);
	fos_build_ingress_frames(W.w.dir, 0, &first_frame, &count);
	W.next_frame = first_frame;
	init_flow(0, v6);
	init_flow(1, v6);
	start_egress();
}

static void world_stop(void)
{
	kill_egress();
	world_free(&W.w);
}

static void run(void)
{
	for (int i = 0; i < 8; i++) {
		W.p.now_ns = W.now;
		fos_proc_work(&W.p);
	}
}

/* Next packet that left, NULL: none. */
static struct out_packet *next_out(void)
{
	return W.taken < W.nr_out ? &W.out[W.taken++ % MAX_OUT] : NULL;
}

static uint32_t frames_home(void)
{
	for (int i = 0; i < 2; i++) {
		uint64_t n = W.home[i].ring ? fos_ring_peek(&W.home[i]) : 0;

		fos_ring_take(&W.home[i], n);
		if (n)
			fos_ring_release(&W.home[i]);
		W.lost_home += (uint32_t)n;
	}
	return W.lost_home;
}

/* ------------------------------------------------------------------ classifier, PM, packets */

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v & 0xffff);
}

/* A TCP packet of direction dir in a fresh frame, as ingress would hand it over. */
static uint32_t make_packet(uint32_t dir, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
			    const void *payload, uint32_t len)
{
	static const uint64_t key[2] = { 1, 2 };
	const struct fos_flow *f = &W.w.box.flows[dir];
	uint32_t frame = W.next_frame++, at = 12, l3, opts = W.ts[dir] ? 12 : 0;
	uint8_t *base = fos_box_frame(&W.w.box, frame), *k = base + FOS_FRAME_DATA_OFF, *t;
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);
	uint64_t pseudo;

	memset(base, 0, FOS_FRAME_DATA_OFF + 128);
	k[5] = (uint8_t)(dir ? 1 : 2);
	k[11] = (uint8_t)(dir ? 2 : 1);
	if (W.vlan) {
		put_be16(k + at, 0x8100);
		put_be16(k + at + 2, 5);
		at += 4;
	}
	put_be16(k + at, W.v6 ? 0x86dd : 0x0800);
	l3 = at + 2;
	t = k + l3 + (W.v6 ? 40 : 20);
	if (flags & SYN)
		opts += 4;
	if (W.v6) {
		k[l3] = 0x60;
		put_be16(k + l3 + 4, 20 + opts + len);
		k[l3 + 6] = 6;
		k[l3 + 7] = 61;
		memcpy(k + l3 + 8, f->src, 16);
		memcpy(k + l3 + 24, f->dst, 16);
		pseudo = fos_csum_pseudo6(f->src, f->dst, 6, 20 + opts + len);
	} else {
		k[l3] = 0x45;
		put_be16(k + l3 + 2, 40 + opts + len);
		put_be16(k + l3 + 4, frame);
		k[l3 + 6] = 0x40;
		k[l3 + 8] = 61;
		k[l3 + 9] = 6;
		memcpy(k + l3 + 12, f->src + 12, 4);
		memcpy(k + l3 + 16, f->dst + 12, 4);
		fos_csum_ipv4_set(k + l3, 20);
		pseudo = fos_csum_pseudo4(f->src + 12, f->dst + 12, 6, (uint16_t)(20 + opts + len));
	}
	put_be16(t, f->sport);
	put_be16(t + 2, f->dport);
	put_be32(t + 4, seq);
	put_be32(t + 8, ack);
	t[12] = (uint8_t)((20 + opts) / 4 << 4);
	t[13] = flags;
	put_be16(t + 14, wnd);
	at = 20;
	if (flags & SYN) {
		memcpy(t + at, "\x02\x04\x03\xe8", 4); /* MSS 1000 */
		at += 4;
	}
	if (W.ts[dir]) {
		memcpy(t + at, "\x01\x01\x08\x0a", 4);
		put_be32(t + at + 4, W.ts[dir]++);
		put_be32(t + at + 8, W.ts[1 - dir]);
	}
	if (len)
		memcpy(t + 20 + opts, payload, len);
	if (W.partial) {
		uint16_t c = fos_csum_fold(pseudo);

		memcpy(t + 16, &c, 2);
	} else {
		fos_csum_transport_set(pseudo, 6, t, 20 + opts + len);
	}
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)(t + 20 + opts + len - k);
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)dir;
	m->time_ns = W.now;
	m->number = W.w.dir->offline ? frame - first_frame + 1 : 0;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
	return frame;
}

static void send_desc(uint32_t kind, uint32_t dir, uint32_t frame, uint64_t pos, uint32_t len)
{
	struct fos_desc *d = fos_ring_slot(&W.descs, 0);

	*d = (struct fos_desc){ .frame = frame,
				.gen = ++W.gen,
				.flow = dir,
				.flow_gen = GEN,
				.pos = pos,
				.len = len,
				.kind = (uint16_t)kind };
	fos_ring_advance(&W.descs, 1);
	fos_ring_commit(&W.descs);
}

static void hint(uint32_t dir)
{
	struct fos_hint *h = fos_ring_slot(&W.hints, 0);

	*h = (struct fos_hint){ .flow = dir, .flow_gen = GEN };
	fos_ring_advance(&W.hints, 1);
	fos_ring_commit(&W.hints);
}

static uint32_t isn(uint32_t dir)
{
	return dir ? ISN1 : ISN0;
}

/* A segment without payload; positions count as seq - isn - 1. */
static uint32_t control(uint32_t dir, uint8_t flags, uint64_t pos, uint64_t ack_pos, uint16_t wnd)
{
	uint32_t frame = make_packet(dir, flags, isn(dir) + 1 + (uint32_t)pos,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, wnd, NULL, 0);

	send_desc(FOS_DESC_TCP_CTL, dir, frame, 0, 0);
	return frame;
}

static void append_piece(uint32_t dir, uint32_t frame, uint32_t len, uint16_t flags)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t i = W.next_piece++;
	struct fos_piece *p = world_piece(&W.w, i);

	*p = (struct fos_piece){ .pos = f->app.tail,
				 .frame = frame,
				 .gen = ++W.gen,
				 .off = fos_box_meta(&W.w.box, frame)->payload_off,
				 .len = (uint16_t)len,
				 .flow = dir,
				 .flow_gen = GEN,
				 .next = FOS_NONE,
				 .number = fos_box_meta(&W.w.box, frame)->number,
				 .flags = flags };
	if (W.last_piece[dir] == FOS_NONE)
		f->app.first = i;
	else
		world_piece(&W.w, W.last_piece[dir])->next = i;
	W.last_piece[dir] = i;
	f->app.tail += len;
}

/* A data segment in order. */
static uint32_t data(uint32_t dir, const void *bytes, uint32_t len, uint64_t ack_pos)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t frame = make_packet(dir, ACK | PSH, isn(dir) + 1 + (uint32_t)f->app.tail,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, 5000, bytes, len);

	append_piece(dir, frame, len, FOS_PIECE_WHOLE | FOS_PIECE_FIRST | FOS_PIECE_LAST);
	hint(dir);
	return frame;
}

static void fin(uint32_t dir, uint64_t ack_pos)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t frame = make_packet(dir, ACK | FIN, isn(dir) + 1 + (uint32_t)f->app.tail,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, 5000, NULL, 0);

	append_piece(dir, frame, 0, FOS_PIECE_FIN);
	f->fin_pos = f->app.tail;
	f->state |= FOS_FLOW_ST_FIN;
	hint(dir);
}

/* The PM's view of a flow: the edits so far, then everything up to `head` released. */
static struct fos_pm_pub pubs[2];

static void edit(uint32_t dir, uint64_t pos, uint64_t del, const char *ins)
{
	struct fos_pm_pub *pub = &pubs[dir];
	uint32_t i = W.next_edit++;
	uint32_t n = (uint32_t)strlen(ins);

	*world_edit(&W.w, 0, i) = (struct fos_edit){
		.pos = pos,
		.out_pos = pub->out_head + (pos - pub->head),
		.del = del,
		.ins = n,
		.flow = dir,
		.flow_gen = GEN,
		.nr = pub->edits + 1,
		.next = FOS_NONE,
	};
	memcpy(world_insert(&W.w, 0, i), ins, n);
	if (pub->edits)
		world_edit(&W.w, 0, pub->edit_last)->next = i;
	else
		pub->edit_first = i;
	pub->edit_last = i;
	pub->edits++;
	pub->out_head += pos - pub->head + n;
	pub->head = pos + del;
}

static void release_to(uint32_t dir, uint64_t head)
{
	struct fos_pm_flow *f = world_pm_flow(&W.w, 0, dir);
	struct fos_pm_pub *pub = &pubs[dir];

	pub->out_head += head - pub->head;
	pub->head = head;
	pub->gen = GEN;
	f->pub[(f->ver + 1) & 1] = *pub;
	f->ver++;
	hint(dir);
}

static void acked(uint32_t dir, uint64_t ack_pos, uint16_t wnd)
{
	send_desc(FOS_DESC_ACK, dir, FOS_NONE,
		  (uint64_t)wnd << 32 | (uint32_t)(isn(1 - dir) + 1 + (uint32_t)ack_pos), 0);
}

/* SYN, SYN+ACK, ACK; what leaves is taken away. */
static void handshake(void)
{
	uint32_t frame;

	memset(pubs, 0, sizeof(pubs));
	frame = make_packet(0, SYN, ISN0, 0, 60000, NULL, 0);
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	frame = make_packet(1, SYN | ACK, ISN1, ISN0 + 1, 60000, NULL, 0);
	world_flow(&W.w, 1)->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_ESTABLISHED;
	send_desc(FOS_DESC_TCP_CTL, 1, frame, 0, 0);
	run();
	control(0, ACK, 0, 0, 60000);
	run();
}

#endif
