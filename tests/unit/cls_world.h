/* tests/unit/cls_world.h - a classifier at work, with the test as ingress, PMs and egress
 *
 * Frames are crafted, parsed by the real parser and handed over a real ring; what comes out is
 * read as egress would: descriptors from the ring, bytes from the streams.  Every frame is counted:
 * one that comes back twice, or does not come back, fails the test.
 */
#ifndef TESTS_UNIT_CLS_WORLD_H
#define TESTS_UNIT_CLS_WORLD_H

#include "classifier/classifier.h"
#include "ingress/parse.h"
#include "tests/unit/cls_craft.h"
#include "tests/world.h"

#define CW_DESCS 4096u

struct cw_stream {
	uint32_t gen;
	uint8_t *bytes;
	uint64_t len;
	uint32_t zero; /* pieces without bytes already taken */
	uint32_t zero_flags;
};

struct cls_world {
	struct world w;
	struct fos_proc p;
	struct fos_classifier *c;
	struct fos_ring_prod in;
	struct fos_ring_cons out;
	struct fos_ring_prod egress_hint;
	struct fos_ring_prod pm_hint[FOS_MAX_PMS];
	uint8_t *away;  /* by frame: given to the classifier and not back */
	uint32_t *gens; /* by frame */
	uint32_t next_frame;
	uint32_t nr_away;
	uint32_t twice; /* frames that came back when they were not away */
	struct fos_desc desc[CW_DESCS]; /* what came out since cw_forget() */
	uint32_t nr_desc;
	struct cw_stream *stream; /* by flow */
	uint64_t now;
	bool lazy; /* egress does not look at streams */
};

static inline uint8_t *cw_region(struct cls_world *t, uint32_t proc)
{
	return t->w.box.region[t->w.dir->proc[proc].region].base;
}

static inline uint32_t cw_proc(struct cls_world *t, enum fos_role role, uint32_t index)
{
	return fos_proc_find(t->w.dir, role, 0, index);
}

static inline struct fos_cursor *cw_cursors(struct cls_world *t, uint32_t proc)
{
	uint8_t *base = cw_region(t, proc);

	if (t->w.dir->proc[proc].role == FOS_ROLE_EGRESS)
		return (void *)(base + ((struct fos_egr *)(void *)base)->cursors_off);
	return (void *)(base + ((struct fos_cls *)(void *)base)->cursors_off);
}

static inline const struct fos_dir_ring *cw_ring(struct cls_world *t, uint32_t kind, uint32_t from,
						 uint32_t to)
{
	for (uint32_t i = 0; i < t->w.dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &t->w.dir->ring[i];

		if (r->kind == kind && r->producer == from && r->consumer == to)
			return r;
	}
	abort();
}

static inline void cw_produce(struct cls_world *t, struct fos_ring_prod *h, uint32_t kind,
			      uint32_t from, uint32_t slot)
{
	uint32_t cls = cw_proc(t, FOS_ROLE_CLASSIFIER, 0);
	const struct fos_dir_ring *r = cw_ring(t, kind, from, cls);

	if (fos_ring_attach_prod(h, (void *)(cw_region(t, from) + r->off),
				 &cw_cursors(t, cls)[r->cursor].head, slot) < 0)
		abort();
}

/* (Re)starts the classifier on the world's regions. */
static inline void cw_start(struct cls_world *t)
{
	char err[256];

	memset(&t->p, 0, sizeof(t->p));
	memcpy(&t->p.box, &t->w.box, sizeof(t->p.box));
	t->p.box.self = cw_proc(t, FOS_ROLE_CLASSIFIER, 0);
	t->c = fos_classifier_new();
	t->p.state = t->c;
	if (fos_proc_bind(&t->p, &fos_classifier_hooks, err, sizeof(err)) < 0 ||
	    fos_classifier_hooks.init(&t->p) < 0) {
		fprintf(stderr, "classifier: %s\n", err);
		abort();
	}
	t->p.now_ns = t->now;
}

/* As after SIGKILL: the process's memory is gone, the regions stay. */
static inline void cw_kill(struct cls_world *t)
{
	fos_classifier_free(t->c);
	fos_proc_unbind(&t->p);
}

/* The plan (w) is filled; everything else is made here. */
static inline void cw_make(struct cls_world *t)
{
	uint32_t egr, ing;
	const struct fos_dir_ring *r;

	world_make(&t->w);
	egr = cw_proc(t, FOS_ROLE_EGRESS, 0);
	ing = cw_proc(t, FOS_ROLE_INGRESS, 0);
	cw_start(t);
	cw_produce(t, &t->in, FOS_RING_FRAME, ing, sizeof(struct fos_desc));
	cw_produce(t, &t->egress_hint, FOS_RING_READY, egr, sizeof(struct fos_hint));
	for (uint32_t i = 0; i < t->w.dir->nr_pms; i++)
		cw_produce(t, &t->pm_hint[i], FOS_RING_READY, cw_proc(t, FOS_ROLE_PM, i),
			   sizeof(struct fos_hint));
	r = cw_ring(t, FOS_RING_FRAME, cw_proc(t, FOS_ROLE_CLASSIFIER, 0), egr);
	if (fos_ring_attach_cons(&t->out,
				 (void *)(cw_region(t, cw_proc(t, FOS_ROLE_CLASSIFIER, 0)) + r->off),
				 &cw_cursors(t, egr)[r->cursor], sizeof(struct fos_desc)) < 0)
		abort();
	t->away = calloc(t->w.dir->nr_frames, 1);
	t->gens = calloc(t->w.dir->nr_frames, sizeof(uint32_t));
	t->stream = calloc(t->w.dir->nr_flows, sizeof(*t->stream));
	t->now = 1000000000ull;
	t->p.now_ns = t->now;
}

static inline void cw_free(struct cls_world *t)
{
	cw_kill(t);
	for (uint32_t i = 0; i < t->w.dir->nr_flows; i++)
		free(t->stream[i].bytes);
	free(t->stream);
	free(t->away);
	free(t->gens);
	world_free(&t->w);
}

/* ------------------------------------------------------------------ egress's half */

static inline void cw_home(struct cls_world *t, uint32_t frame)
{
	if (frame >= t->w.dir->nr_frames || !t->away[frame]) {
		t->twice++;
		return;
	}
	t->away[frame] = 0;
	t->nr_away--;
}

static inline uint32_t cw_descs(struct cls_world *t)
{
	uint64_t n = fos_ring_peek(&t->out);

	for (uint64_t i = 0; i < n; i++) {
		const struct fos_desc *d = fos_ring_at(&t->out, i);

		if (t->nr_desc < CW_DESCS)
			t->desc[t->nr_desc++] = *d;
		if (d->frame != FOS_NONE)
			cw_home(t, d->frame);
	}
	fos_ring_take(&t->out, n);
	fos_ring_release(&t->out);
	return (uint32_t)n;
}

static inline void cw_post(struct fos_ring_prod *r, uint32_t flow, uint32_t gen)
{
	struct fos_hint *h;

	if (fos_ring_room(r, 1) == 0)
		return;
	h = fos_ring_slot(r, 0);
	h->flow = flow;
	h->flow_gen = gen;
	fos_ring_advance(r, 1);
	fos_ring_commit(r);
}

static inline void cw_take_piece(struct cls_world *t, struct cw_stream *s,
				 const struct fos_piece *p)
{
	s->bytes = realloc(s->bytes, s->len + p->len + 1);
	memcpy(s->bytes + s->len, fos_box_frame(&t->w.box, p->frame) + p->off, p->len);
	s->len += p->len;
	if (!(p->flags & FOS_PIECE_BORROWED))
		cw_home(t, p->frame);
}

/* Takes all there is of a flow's stream.  Returns whether anything moved. */
static inline bool cw_read_stream(struct cls_world *t, uint32_t flow)
{
	const struct fos_flow *f = &t->w.box.flows[flow];
	struct fos_out *out = (struct fos_out *)(uintptr_t)&t->w.box.outs[flow];
	struct cw_stream *s = &t->stream[flow];
	uint32_t zero = 0, i;
	uint64_t before = s->len;

	if (f->gen == 0)
		return false;
	if (s->gen != f->gen) {
		free(s->bytes);
		memset(s, 0, sizeof(*s));
		s->gen = f->gen;
		memset(out, 0, sizeof(*out));
		out->gen = f->gen;
		before = 0;
	}
	for (i = f->app.first; i != FOS_NONE; i = t->w.box.pieces[i].next) {
		const struct fos_piece *p = &t->w.box.pieces[i];

		if (p->flow != flow || p->flow_gen != f->gen)
			abort(); /* a stream holds only its own pieces */
		if (p->len == 0 && zero++ >= s->zero) {
			s->zero++;
			s->zero_flags |= p->flags;
			cw_take_piece(t, s, p);
		} else if (p->len && p->pos >= s->len) {
			if (p->pos != s->len)
				abort(); /* a stream has no holes */
			cw_take_piece(t, s, p);
		}
	}
	out->pos[0] = s->len;
	if (f->state & FOS_FLOW_ST_CLOSED && !(out->done & FOS_OUT_DONE)) {
		out->done = FOS_OUT_DONE;
		return true;
	}
	return s->len != before;
}

static inline uint32_t cw_read_streams(struct cls_world *t)
{
	uint32_t moved = 0;

	for (uint32_t flow = 0; flow < t->w.dir->nr_flows; flow++) {
		if (!cw_read_stream(t, flow))
			continue;
		cw_post(&t->egress_hint, flow, t->stream[flow].gen);
		moved++;
	}
	return moved;
}

/* Runs classifier and egress until nothing moves. */
static inline void cw_run(struct cls_world *t)
{
	for (uint32_t quiet = 0; quiet < 2;) {
		uint32_t n = fos_classifier_hooks.work(&t->p);

		n += cw_descs(t);
		if (!t->lazy)
			n += cw_read_streams(t);
		quiet = n ? 0 : quiet + 1;
	}
}

static inline void cw_forget(struct cls_world *t)
{
	t->nr_desc = 0;
}

static inline uint32_t cw_nr_desc(const struct cls_world *t, enum fos_desc_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->nr_desc; i++)
		n += t->desc[i].kind == kind;
	return n;
}

static inline const struct fos_desc *cw_desc(const struct cls_world *t, enum fos_desc_kind kind)
{
	for (uint32_t i = 0; i < t->nr_desc; i++)
		if (t->desc[i].kind == kind)
			return &t->desc[i];
	return NULL;
}

static inline uint64_t cw_counter(const struct cls_world *t, enum fos_counter_id id)
{
	return t->p.counter[id];
}

/* ------------------------------------------------------------------ ingress's half */

/* A frame that is at home. */
static inline uint32_t cw_frame(struct cls_world *t)
{
	for (uint32_t n = 0; n < t->w.dir->nr_frames; n++) {
		uint32_t frame = t->next_frame++ % t->w.dir->nr_frames;

		if (!t->away[frame])
			return frame;
	}
	return FOS_NONE;
}

/* Hands over a packet of any bytes; false when no frame or no room is left. */
static inline bool cw_send(struct cls_world *t, const void *packet, uint32_t len, uint8_t port)
{
	uint32_t frame = cw_frame(t);
	struct fos_frame_meta *m;
	struct fos_desc *d;

	if (frame == FOS_NONE || fos_ring_room(&t->in, 1) == 0)
		return false;
	m = fos_box_meta(&t->w.box, frame);
	memset(m, 0, sizeof(*m));
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = port;
	m->time_ns = t->now;
	memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, packet, len);
	fos_parse((const uint8_t *)m, m, t->w.dir->hash_key);
	d = fos_ring_slot(&t->in, 0);
	memset(d, 0, sizeof(*d));
	d->frame = frame;
	d->gen = ++t->gens[frame] * 4;
	d->flow = FOS_NONE;
	d->kind = FOS_DESC_FRAME;
	t->away[frame] = 1;
	t->nr_away++;
	fos_ring_advance(&t->in, 1);
	fos_ring_commit(&t->in);
	return true;
}

/* A whole packet from host `src` (1 is on port 0, all others on port 1). */
static inline bool cw_packet(struct cls_world *t, const struct cw_ip *ip, const void *data,
			     uint32_t len)
{
	uint8_t l4[1700], packet[1800];
	uint32_t n = cw_l4(ip, data, len, l4);

	n = cw_wrap(ip, l4, n, packet);
	return cw_send(t, packet, n, ip->src == 1 ? 0 : 1);
}

/* PM `pm` publishes for a flow. */
static inline void cw_pm_publishes(struct cls_world *t, uint32_t pm, uint32_t flow, uint64_t head,
				   uint32_t flags, uint8_t verdict)
{
	struct fos_pm_pub pub = world_pub(&t->w, pm, flow);

	pub.gen = t->w.box.flows[flow].gen;
	pub.head = pub.out_head = head;
	pub.flags |= (uint16_t)flags;
	pub.verdict = verdict;
	world_publish(&t->w, pm, flow, &pub);
}

/* The same, and tells the classifier. */
static inline void cw_pm_says(struct cls_world *t, uint32_t pm, uint32_t flow, uint64_t head,
			      uint32_t flags, uint8_t verdict)
{
	cw_pm_publishes(t, pm, flow, head, flags, verdict);
	cw_post(&t->pm_hint[pm], flow, t->w.box.flows[flow].gen);
	cw_run(t);
}

/* ------------------------------------------------------------------ a TCP conversation */

#define CW_ISN_A 1000u
#define CW_ISN_B 5000000u

/* Options of the next segments; len 0 = none. */
static const void *cw_opt;
static uint32_t cw_opt_len;

/* A segment at stream position `pos` (-1: the SYN) that acknowledges `ack` bytes of the other
 * side (-1: nothing). */
static inline void cw_tcp(struct cls_world *t, bool from_a, uint8_t flags, int64_t pos, int64_t ack,
			  const char *data, uint32_t len)
{
	struct cw_ip ip = {
		.src = from_a ? 1 : 2,
		.dst = from_a ? 2 : 1,
		.sport = from_a ? 4000 : 80,
		.dport = from_a ? 80 : 4000,
		.proto = IPPROTO_TCP,
		.flags = flags,
		.opt = cw_opt,
		.opt_len = cw_opt_len,
		.seq = (from_a ? CW_ISN_A : CW_ISN_B) + 1 + (uint32_t)pos,
		.ack = flags & CW_ACK ? (from_a ? CW_ISN_B : CW_ISN_A) + 1 + (uint32_t)ack : 0,
	};

	cw_packet(t, &ip, data, len);
}

static inline void cw_handshake(struct cls_world *t)
{
	cw_tcp(t, true, CW_SYN, -1, -1, NULL, 0);
	cw_tcp(t, false, CW_SYN | CW_ACK, -1, 0, NULL, 0);
	cw_tcp(t, true, CW_ACK, 0, 0, NULL, 0);
}

/* The stream of a flow as a string. */
static inline const char *cw_text(struct cls_world *t, uint32_t flow)
{
	struct cw_stream *s = &t->stream[flow];

	if (!s->bytes)
		return "";
	s->bytes[s->len] = 0;
	return (const char *)s->bytes;
}

#endif
