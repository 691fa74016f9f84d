/* classifier/batch.c - one pass is one transaction, see batch.h */
#include "classifier/batch.h"

#include <stdlib.h>
#include <string.h>

#include "classifier/deliver.h"
#include "classifier/event.h"

#define REDO_PER_FLOW 13u
#define UNDO_SPARE (128u << 10) /* what one packet can need at most, with its queue work */
#define OUT_SPARE (2u * FOS_MAX_SEGS + 64u)
#define PRIVATE_OFF offsetof(struct fos_flow, isn) /* lines 1 to 3 of a flow */

/* Below these bounds there is room whatever the batch touches. */
static void know_room(struct fos_classifier *c)
{
	uint32_t redo = REDO_PER_FLOW * FOS_SHADOWS + 2 * FOS_MAX_SEGS + c->p->nr_cons + 8 +
			c->event.nr_rings * (FOS_MISSES / 2 + 1);
	uint64_t used = c->out->next - c->out->head_seen, size = c->out->mask + 1;

	c->easy_redo = redo < FOS_TXN_REDO_MAX ? FOS_TXN_REDO_MAX - redo : 0;
	c->easy_undo = FOS_TXN_UNDO_BYTES - UNDO_SPARE;
	c->easy_out = used <= size && size >= OUT_SPARE ? c->out->head_seen + size - OUT_SPARE : 0;
}

void fos_batch_begin(struct fos_classifier *c)
{
	/* 0 is a flow that no batch has touched: passed over where the count begins anew, which it does
	 * within the hour where the process looks for work without a pause */
	if (++c->batch == 0)
		c->batch = 1;
	c->nr_shadows = 0;
	c->header_saved = false;
	c->fifo_limit = c->priv->fifo_tail;
	know_room(c);
}

static uint32_t redo_of(const struct fos_classifier *c, uint32_t nr_shadows)
{
	return REDO_PER_FLOW * (nr_shadows + 8) + 2 * FOS_MAX_SEGS + c->p->nr_cons + 8 +
	       (c->event.nr_rings ? fos_event_redo(c) : 0);
}

/* Free slots can only become more, so they are counted anew only when those known of are too few. */
static bool out_room(struct fos_classifier *c)
{
	uint64_t used = c->out->next - c->out->head_seen, size = c->out->mask + 1, out = OUT_SPARE;

	if (used <= size && size - used >= OUT_SPARE)
		return true;
	if (out > c->out->mask / 2)
		out = c->out->mask / 2;
	return fos_ring_room(c->out, out) >= out;
}

bool fos_batch_room_exactly(struct fos_classifier *c, uint32_t spare)
{
	if (c->event.nr_rings && !fos_event_room(c))
		return false;
	if (c->nr_shadows + spare + 8 > FOS_SHADOWS ||
	    !fos_txn_room(&c->txn, redo_of(c, c->nr_shadows), UNDO_SPARE) || !out_room(c))
		return false;
	know_room(c);
	return true;
}

static void publish_stream(struct fos_classifier *c, struct fos_flow *f,
			   const struct fos_shadow *s)
{
	if (f->pkt.first != s->pkt_first)
		fos_txn_publish32(&c->txn, &f->pkt.first, s->pkt_first);
	if (f->pkt.tail_l4 != s->pkt_tail_l4)
		fos_txn_publish64(&c->txn, &f->pkt.tail_l4, s->pkt_tail_l4);
	if (f->pkt.tail != s->pkt_tail)
		fos_txn_publish64(&c->txn, &f->pkt.tail, s->pkt_tail);
	if (f->pkt_done_l4 != s->pkt_done_l4)
		fos_txn_publish64(&c->txn, &f->pkt_done_l4, s->pkt_done_l4);
	if (f->pkt_done != s->pkt_done)
		fos_txn_publish64(&c->txn, &f->pkt_done, s->pkt_done);
	if (f->app.first != s->app_first)
		fos_txn_publish32(&c->txn, &f->app.first, s->app_first);
	if (f->app.tail != s->app_tail)
		fos_txn_publish64(&c->txn, &f->app.tail, s->app_tail);
}

/* In the order in which a reader may find them: a generation that ends goes first, one that
 * begins comes last; the end of a stream is known before the state that says so. */
static void publish_flow(struct fos_classifier *c, const struct fos_shadow *s)
{
	struct fos_flow *f = &c->flows[s->flow];

	if (f->gen != s->gen && s->gen == 0)
		fos_txn_publish32(&c->txn, &f->gen, 0);
	publish_stream(c, f, s);
	if (f->fin_pos != s->fin_pos)
		fos_txn_publish64(&c->txn, &f->fin_pos, s->fin_pos);
	if (f->close != s->close)
		fos_txn_publish32(&c->txn, &f->close, s->close);
	if (f->flags != s->flags)
		fos_txn_publish32(&c->txn, &f->flags, s->flags);
	if (f->state != s->state)
		fos_txn_publish32(&c->txn, &f->state, s->state);
	if (f->gen != s->gen && s->gen != 0)
		fos_txn_publish32(&c->txn, &f->gen, s->gen);
}

static void post_hints(struct fos_classifier *c)
{
	for (uint32_t i = 0; i < c->nr_shadows; i++) {
		const struct fos_shadow *s = &c->shadow[i];

		if (s->gen == 0)
			continue;
		if (s->hint_app)
			fos_deliver_choose(c, s->flow);
		/* (a shift by 32, for the last PM, would be none) */
		for (uint32_t pms = s->hint_pms; pms != 0; pms &= pms - 1) {
			struct fos_ring_prod *ready = c->pm_ready[__builtin_ctz(pms)];

			if (ready)
				fos_hint(c->p, ready, s->flow, s->gen);
		}
		if (s->hint_egress && c->egress_ready)
			fos_hint(c->p, c->egress_ready, s->flow, s->gen);
	}
}

void fos_batch_commit(struct fos_classifier *c)
{
	fos_event_publish(c);
	for (uint32_t i = 0; i < c->nr_shadows; i++)
		publish_flow(c, &c->shadow[i]);
	if (c->out->next != *fos_ring_tail_word(c->out))
		fos_txn_publish64(&c->txn, fos_ring_tail_word(c->out), c->out->next);
	for (uint32_t i = 0; i < c->p->nr_cons; i++) {
		struct fos_ring_cons *r = &c->p->cons[i];

		/* last: the heads move after what their entries caused is visible */
		if (r->next != r->cursor->head)
			fos_txn_publish64(&c->txn, &r->cursor->head, r->next);
	}
	fos_txn_commit(&c->txn);
	post_hints(c);
}

struct fos_shadow *fos_touch_first(struct fos_classifier *c, uint32_t flow)
{
	struct fos_flow *f = &c->flows[flow];
	struct fos_shadow *s;

	if (c->nr_shadows >= FOS_SHADOWS)
		abort(); /* fos_batch_room() promised room */
	fos_txn_save(&c->txn, (uint8_t *)f + PRIVATE_OFF, sizeof(*f) - PRIVATE_OFF);
	s = &c->shadow[c->nr_shadows];
	*s = (struct fos_shadow){
		.flow = flow,
		.gen = f->gen,
		.flags = f->flags,
		.state = f->state,
		.close = f->close,
		.app_first = f->app.first,
		.pkt_first = f->pkt.first,
		.fresh = FOS_NONE,
		.app_tail = f->app.tail,
		.pkt_tail = f->pkt.tail,
		.pkt_tail_l4 = f->pkt.tail_l4,
		.pkt_done = f->pkt_done,
		.pkt_done_l4 = f->pkt_done_l4,
		.fin_pos = f->fin_pos,
	};
	c->local[flow].shadow = c->nr_shadows++ * (uint32_t)sizeof(*s);
	c->local[flow].batch = c->batch;
	return s;
}

void fos_set32(struct fos_classifier *c, uint32_t *p, uint32_t v)
{
	if (*p == v)
		return;
	fos_txn_save(&c->txn, p, sizeof(*p));
	*p = v;
}

/* ------------------------------------------------------------------ pieces */

uint64_t fos_pieces_left(const struct fos_classifier *c)
{
	return c->fifo_limit - c->priv->fifo_head;
}

uint32_t fos_piece_new(struct fos_classifier *c)
{
	uint32_t piece;

	if (c->priv->fifo_head == c->fifo_limit)
		return FOS_NONE;
	piece = fos_piece_take(c);
	memset(&c->pieces[piece], 0, sizeof(c->pieces[piece]));
	c->pieces[piece].next = FOS_NONE;
	return piece;
}

void fos_piece_link(struct fos_classifier *c, uint32_t prev, uint32_t piece)
{
	fos_set32(c, &c->pieces[prev].next, piece);
}

/* ------------------------------------------------------------------ frames */

void fos_emit(struct fos_classifier *c, enum fos_desc_kind kind, uint32_t frame, uint32_t gen,
	      uint32_t flow, uint64_t pos, uint32_t len, uint32_t flags)
{
	uint32_t gen_of = flow == FOS_NONE ? 0 : fos_touch(c, flow)->gen;
	struct fos_desc *d;

	if (c->out->next >= c->easy_out && fos_ring_room(c->out, 1) == 0)
		abort(); /* fos_batch_room() promised room */
	d = fos_ring_slot(c->out, 0);
	d->frame = frame;
	d->gen = gen;
	d->flow = flow;
	d->flow_gen = gen_of;
	d->pos = pos;
	d->len = len;
	d->kind = (uint16_t)kind;
	d->flags = (uint16_t)flags;
	fos_ring_advance(c->out, 1);
	if (frame != FOS_NONE)
		fos_disclaim(c, frame);
}

void fos_cls_drop(struct fos_classifier *c, uint32_t frame, uint32_t gen, uint32_t reason)
{
	fos_cls_count(c, reason);
	fos_emit(c, FOS_DESC_FREE, frame, gen, FOS_NONE, 0, 0, reason);
}

void fos_purge_add(struct fos_classifier *c, uint32_t first, uint32_t reason)
{
	struct fos_cls_private *h = fos_touch_header(c);
	uint32_t last = first;

	if (first == FOS_NONE)
		return;
	for (uint32_t i = first; i != FOS_NONE; i = c->pieces[i].next) {
		c->pieces[i].pad0 = (uint16_t)reason;
		last = i;
	}
	if (h->purge_first == FOS_NONE)
		h->purge_first = first;
	else
		fos_piece_link(c, h->purge_last, first);
	h->purge_last = last;
}

uint32_t fos_purge_work(struct fos_classifier *c)
{
	uint32_t done = 0;

	while (c->priv->purge_first != FOS_NONE && fos_batch_room(c, 0)) {
		struct fos_cls_private *h = fos_touch_header(c);
		uint32_t i = h->purge_first;
		const struct fos_piece *p = &c->pieces[i];

		h->purge_first = p->next;
		if (!(p->flags & FOS_PIECE_BORROWED))
			fos_cls_drop(c, p->frame, p->gen, p->pad0);
		fos_piece_free(c, i);
		done++;
	}
	return done;
}

/* ------------------------------------------------------------------ hints */

void fos_hint_pm(struct fos_classifier *c, uint32_t flow, uint32_t pm)
{
	fos_touch(c, flow)->hint_pms |= 1u << pm;
}

void fos_hint_egress(struct fos_classifier *c, uint32_t flow)
{
	fos_touch(c, flow)->hint_egress = true;
}
