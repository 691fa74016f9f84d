/* egress/retain.c - sent and unacknowledged segments, see retain.h */
#include "egress/retain.h"

#include "egress/frames.h"
#include "egress/out.h"

#define EVICT_LOOK 4096u /* frames looked at to free one segment */
#define ACK_MAX 1024u /* segments freed by one acknowledgement at a time */

static void drop_first(struct fos_egress *e, struct fos_tcb *t)
{
	uint32_t frame = t->seg_first;

	t->seg_first = e->segs[frame].next;
	if (t->seg_first == FOS_NONE)
		t->seg_last = FOS_NONE;
	t->nr_seg--;
	fos_frames_retained(e, -1);
	fos_frames_put(e, frame);
}

/* The flow of the next retained frame gives up its first one.  By frames, not by flows: half of them and
 * more are retained, of millions of flows hardly any has one. */
static void evict(struct fos_egress *e, uint32_t but)
{
	uint32_t nr = e->p->dir->nr_frames;

	fos_frames_touch(e);
	for (uint32_t i = 0; i < nr && i < EVICT_LOOK; i++) {
		uint32_t frame = (uint32_t)(e->st->evict++ % nr), flow = e->segs[frame].flow;

		if (e->segs[frame].state != FOS_SEG_RETAINED || flow == but ||
		    e->segs[e->tcbs[flow].seg_first].flags & FOS_SEG_WAITS)
			continue;
		drop_first(e, fos_out_tcb(e, flow));
		return;
	}
}

/* Offline nobody waits for a resend; what is kept must not starve the input. */
static void bound(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	if (!e->p->offline || e->st->nr_retained <= e->p->dir->nr_frames / 4)
		return;
	if (t->nr_seg > 1 && !(e->segs[t->seg_first].flags & FOS_SEG_WAITS))
		drop_first(e, t);
	/* two, so that one that was not found is made up for */
	for (uint32_t i = 0; i < 2 && e->st->nr_retained > e->p->dir->nr_frames / 2; i++)
		evict(e, flow);
}

void fos_retain_add(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_seg *s = fos_frames_seg(e, frame);

	s->state = FOS_SEG_RETAINED;
	s->flow = flow;
	s->next = FOS_NONE;
	s->sent_ns = e->p->now_ns;
	if (t->seg_last == FOS_NONE)
		t->seg_first = frame;
	else
		fos_frames_seg(e, t->seg_last)->next = frame;
	t->seg_last = frame;
	t->nr_seg++;
	fos_frames_retained(e, 1);
	bound(e, flow);
}

void fos_retain_tell(struct fos_egress *e, uint32_t flow)
{
	struct fos_out *o = &e->outs[flow];

	if (o->retained != e->tcbs[flow].nr_seg)
		fos_txn_publish32(&e->txn, &o->retained, e->tcbs[flow].nr_seg);
}

bool fos_retain_ack(struct fos_egress *e, uint32_t flow, uint64_t *sent_ns)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	bool again = false;
	uint32_t n = 0;

	*sent_ns = 0;
	while (t->seg_first != FOS_NONE) {
		const struct fos_seg *s = &e->segs[t->seg_first];

		if (fos_retain_end(s) > t->una || s->flags & FOS_SEG_WAITS)
			return false;
		if (n++ == ACK_MAX)
			return true;
		/* those behind one that was lost waited for it: no measure of the path */
		again |= s->flags & FOS_SEG_RESENT;
		*sent_ns = again ? 0 : s->sent_ns;
		drop_first(e, t);
	}
	return false;
}

void fos_retain_drop(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	while (t->seg_first != FOS_NONE) {
		if (!fos_egress_room(e)) {
			fos_egress_commit(e);
			t = fos_out_tcb(e, flow);
		}
		drop_first(e, t);
	}
}
