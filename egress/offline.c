/* egress/offline.c - batches of a capture, see offline.h */
#include "egress/offline.h"

#include <stdlib.h>

#include "egress/direct.h"
#include "egress/emit.h"
#include "egress/flow.h"
#include "egress/frames.h"
#include "egress/order.h"
#include "egress/out.h"
#include "egress/pieces.h"

#define AHEAD 4u /* what comes next is brought near meanwhile */

/* one thing to be done at the place of an input frame */
struct item {
	uint64_t time_ns;
	uint32_t flow;  /* a deferred segment's */
	uint32_t frame; /* FOS_NONE: the flow's reset */
	uint32_t stash; /* or a descriptor: index in the stash; FOS_NONE = segment */
};

struct fos_offline {
	struct item *item;
	uint64_t *key; /* input frame of each */
	uint32_t *place[2]; /* for fos_order() */
	uint32_t nr;
	uint32_t max;
	uint32_t *flows; /* that ran in this flush */
	uint64_t *flow_key;
	uint32_t nr_flows;
};

struct fos_offline *fos_offline_new(const struct fos_dir *dir)
{
	struct fos_offline *o = calloc(1, sizeof(*o));
	uint32_t most;

	if (!o)
		return NULL;
	o->max = dir->nr_frames + FOS_EGR_STASH_MAX;
	most = o->max > dir->nr_flows ? o->max : dir->nr_flows;
	o->item = calloc(o->max, sizeof(*o->item));
	o->key = calloc(o->max, sizeof(*o->key));
	o->place[0] = calloc(most, sizeof(*o->place[0]));
	o->place[1] = calloc(most, sizeof(*o->place[1]));
	o->flows = calloc(dir->nr_flows, sizeof(*o->flows));
	o->flow_key = calloc(dir->nr_flows, sizeof(*o->flow_key));
	if (!o->item || !o->key || !o->place[0] || !o->place[1] || !o->flows || !o->flow_key) {
		fos_offline_free(o);
		return NULL;
	}
	return o;
}

void fos_offline_free(struct fos_offline *o)
{
	if (!o)
		return;
	free(o->item);
	free(o->key);
	free(o->place[0]);
	free(o->place[1]);
	free(o->flows);
	free(o->flow_key);
	free(o);
}

/* To be done in the order of `number`, the input frame; after that in which it was added. */
static void add(struct fos_egress *e, uint64_t number, struct item it)
{
	struct fos_offline *o = e->offline;

	if (o->nr == o->max)
		abort(); /* one item per frame and stash entry at most */
	o->key[o->nr] = number;
	o->item[o->nr++] = it;
}

void fos_offline_read(struct fos_seg *s, const struct fos_header *h)
{
	s->ack = fos_header_ack(h);
	s->wnd = fos_header_wnd(h);
	s->read = 1;
}

void fos_offline_passed(struct fos_tcb_file *x, struct fos_tcb *t, const struct fos_header *h)
{
	uint32_t ack = fos_header_ack(h);

	if (!(h->l4[13] & FOS_TH_ACK) || (t->flags & FOS_TCB_PASSED && fos_out_newer(x->passed_ack, ack)))
		return;
	x->passed_ack = ack;
	x->passed_wnd = fos_header_wnd(h);
	t->flags |= FOS_TCB_PASSED;
}

/* A segment that the box makes acknowledges what the packets that it is of did: when it leaves, the
 * newest that have been seen of its direction may have other places. */
static void keep_ack(struct fos_egress *e, uint32_t flow, struct fos_seg *s)
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);

	s->ack = t->flags & FOS_TCB_PASSED || !g ? e->files[flow].passed_ack : fos_out_seq(g, 0);
	s->wnd = e->files[flow].passed_wnd;
}

void fos_offline_defer(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_seg *s = fos_frames_seg(e, frame);

	s->flags |= FOS_SEG_WAITS;
	if (s->flags & FOS_SEG_OWN)
		keep_ack(e, flow, s);
	add(e, e->number,
	    (struct item){.time_ns = e->time_ns, .flow = flow, .frame = frame, .stash = FOS_NONE});
}

bool fos_offline_stash(struct fos_egress *e, const struct fos_desc *d)
{
	if (e->st->nr_stash == FOS_EGR_STASH_MAX)
		return false;
	fos_frames_touch(e);
	e->st->stash[e->st->nr_stash++] = *d;
	return true;
}

static void sort_flows(struct fos_offline *o, uint32_t *flow, uint32_t nr)
{
	const uint32_t *place;

	for (uint32_t i = 0; i < nr; i++)
		o->flow_key[i] = flow[i];
	place = fos_order(o->flow_key, nr, o->place[0], o->place[1]);
	for (uint32_t i = 0; i < nr; i++)
		flow[i] = (uint32_t)o->flow_key[place[i]];
}

/* The flow is run soon. */
static void expect_flow(const struct fos_egress *e, uint32_t flow)
{
	if (flow >= e->p->dir->nr_flows)
		return;
	fos_box_expect_bytes(&e->p->box.flows[flow], sizeof(e->p->box.flows[flow]));
	fos_box_expect_bytes(&e->tcbs[flow & ~1u], 2 * sizeof(e->tcbs[flow]));
	fos_box_expect_bytes(&e->outs[flow], sizeof(e->outs[flow]));
	__builtin_prefetch(&e->told[flow]);
	__builtin_prefetch(&e->files[flow]);
	__builtin_prefetch(&e->hinted_bits[flow / 64]);
}

/* Its record has come meanwhile: the segment behind which its next one is put. */
static void expect_last(const struct fos_egress *e, uint32_t flow)
{
	uint32_t last = e->tcbs[flow].seg_last;

	if (last < e->p->dir->nr_frames)
		__builtin_prefetch(&e->segs[last]);
}

/* Every flow that has something, ascending: bytes become segments, deferred. */
static uint32_t run_flows(struct fos_egress *e)
{
	struct fos_offline *o = e->offline;
	uint32_t n = 0;

	o->nr_flows = 0;
	while (e->nr_run) {
		uint32_t first = o->nr_flows, nr = e->nr_run;

		/* a flow may come again: it goes on where it stopped for want of room */
		if (first + nr > e->p->dir->nr_flows)
			first = o->nr_flows = 0;
		for (uint32_t i = 0; i < nr; i++)
			o->flows[first + i] = e->run_list[i];
		fos_egress_run_clear(e);
		o->nr_flows = first + nr;
		sort_flows(o, o->flows + first, nr);
		for (uint32_t i = 0; i < nr; i++) {
			if (i + AHEAD < nr)
				expect_flow(e, o->flows[first + i + AHEAD]);
			if (i + AHEAD / 2 < nr)
				expect_last(e, o->flows[first + i + AHEAD / 2]);
			if (!fos_egress_room(e))
				fos_egress_commit(e);
			fos_flow_run(e, o->flows[first + i]);
		}
		n += nr;
		fos_egress_commit(e);
		if (n > 64u * e->p->dir->nr_flows || (e->starved && !fos_frames_reap(e)))
			break; /* nothing moves: the rest waits for the next batch */
		e->starved = false;
	}
	return n;
}

static void add_stash(struct fos_egress *e)
{
	uint64_t number = 0, time_ns = 0;

	for (uint32_t i = 0; i < e->st->nr_stash; i++) {
		const struct fos_desc *d = &e->st->stash[i];
		bool last = d->kind == FOS_DESC_CLOSE || d->kind == FOS_DESC_FREE ||
			    d->kind == FOS_DESC_ACK;

		if (d->frame < e->p->dir->nr_frames) {
			number = fos_box_meta(&e->p->box, d->frame)->number;
			time_ns = fos_box_meta(&e->p->box, d->frame)->time_ns;
		}
		/* what frees or ends something comes after all packets that leave */
		add(e, last ? UINT64_MAX : number, (struct item){.time_ns = time_ns, .stash = i});
	}
}

/* A reset leaves at its own place: its ports may be used again in the same batch. */
static void add_resets(struct fos_egress *e)
{
	struct fos_offline *o = e->offline;

	for (uint32_t i = 0; i < o->nr_flows; i++) {
		uint32_t flow = o->flows[i], frame;
		struct fos_tcb *t = &e->tcbs[flow];

		if (!(t->flags & FOS_TCB_ISN) || t->flags & FOS_TCB_DONE)
			continue;
		/* pairs with the classifier's release: the reset is linked before it is announced */
		if (!(fos_acquire32(&e->p->box.flows[flow].state) &
		      (FOS_FLOW_ST_RESET | FOS_FLOW_ST_CLOSED)))
			continue;
		frame = fos_pieces_end(e, flow, FOS_PIECE_RST);
		if (frame >= e->p->dir->nr_frames)
			continue;
		add(e, fos_box_meta(&e->p->box, frame)->number,
		    (struct item){.time_ns = fos_box_meta(&e->p->box, frame)->time_ns,
				  .flow = flow,
				  .frame = FOS_NONE,
				  .stash = FOS_NONE});
	}
}

static void make_room(struct fos_egress *e)
{
	fos_egress_commit(e);
	fos_frames_reap(e);
}

static void do_item(struct fos_egress *e, uint64_t number, const struct item *it)
{
	if (number != UINT64_MAX) {
		e->number = number;
		e->time_ns = it->time_ns;
	}
	if (it->stash == FOS_NONE && it->frame == FOS_NONE) {
		fos_tcp_end_reset(e, it->flow);
		return;
	}
	if (it->stash == FOS_NONE) {
		struct fos_seg *s = fos_frames_seg(e, it->frame);

		if (s->state != FOS_SEG_RETAINED || !(s->flags & FOS_SEG_WAITS))
			return;
		s->flags &= (uint8_t)~FOS_SEG_WAITS;
		fos_emit_segment(e, it->flow, it->frame, false);
		return;
	}
	/* what is to be resent may have left a moment ago: the sink has copied it by now */
	if (e->st->stash[it->stash].kind == FOS_DESC_REXMIT)
		make_room(e);
	fos_direct_do(e, &e->st->stash[it->stash]);
}

/* The segment leaves soon. */
static void expect_item(const struct fos_egress *e, const struct item *it)
{
	if (it->stash != FOS_NONE || it->frame == FOS_NONE)
		return;
	fos_box_expect(&e->p->box, it->frame);
	__builtin_prefetch(&e->segs[it->frame]);
	fos_box_expect_bytes(&e->tcbs[it->flow & ~1u], 2 * sizeof(e->tcbs[it->flow]));
	__builtin_prefetch(&e->told[it->flow]);
}

/* In the order of input frames; what is added meanwhile comes after what was there. */
static void do_items(struct fos_egress *e)
{
	struct fos_offline *o = e->offline;
	uint32_t nr = o->nr;
	const uint32_t *place = fos_order(o->key, nr, o->place[0], o->place[1]);

	for (uint32_t i = 0; i < o->nr; i++) {
		uint32_t at = i < nr ? place[i] : i;

		if (i + AHEAD < nr)
			expect_item(e, &o->item[place[i + AHEAD]]);
		if (!fos_egress_room(e) || e->st->nr_tx > FOS_EGR_TX_MAX / 2)
			make_room(e);
		do_item(e, o->key[at], &o->item[at]);
	}
}

uint32_t fos_offline_work(struct fos_egress *e)
{
	struct fos_offline *o = e->offline;
	uint32_t n;

	o->nr = 0;
	for (uint32_t i = 0; i < e->st->nr_stash; i++) {
		if (i + AHEAD < e->st->nr_stash) {
			fos_box_expect(&e->p->box, e->st->stash[i + AHEAD].frame);
			expect_flow(e, e->st->stash[i + AHEAD].flow);
		}
		if (!fos_egress_room(e))
			make_room(e);
		fos_direct_learn(e, &e->st->stash[i]);
	}
	n = run_flows(e);
	add_resets(e);
	add_stash(e);
	do_items(e);
	for (uint32_t i = 0; i < o->nr_flows; i++) {
		if (!fos_egress_room(e))
			make_room(e);
		if (e->tcbs[o->flows[i]].flags & FOS_TCB_ISN)
			fos_tcp_end_reset(e, o->flows[i]);
	}
	fos_frames_touch(e);
	e->st->nr_stash = 0;
	n += o->nr;
	o->nr = 0;
	make_room(e);
	/* flows that were finished just now still hold frames upstream */
	for (uint32_t i = 0; i < e->nr_run; i++)
		if (e->tcbs[e->run_list[i]].flags & FOS_TCB_DONE)
			fos_flow_run(e, e->run_list[i]);
	make_room(e);
	return n;
}
