/* egress/ahead.c - the tail of a flow sent again unasked, see ahead.h */
#include "egress/ahead.h"

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/recut.h"
#include "egress/retain.h"
#include "egress/sack.h"

#define SEGMENTS_MAX 512u /* retained ones: they are walked for each acknowledgement */

static bool asks(const struct fos_egress *e, uint32_t pm, uint32_t flow)
{
	struct fos_pm_pub pub;

	return pm < FOS_MAX_PMS && e->p->dir->pm[pm].resends &&
	       fos_box_pub(&e->p->box, pm, flow, e->tcbs[flow].gen, &pub) &&
	       pub.flags & FOS_PM_RESEND && pub.head < FOS_POS_MAX;
}

/* Does a PM ask for it, and can the box keep the sender from hearing of what comes twice? */
static bool wanted(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);
	const struct fos_dir_pipeline *pl;

	if (e->p->offline || t->una >= FOS_RESEND_MAX || t->seg_first == FOS_NONE ||
	    t->nr_seg > SEGMENTS_MAX || !g || t->flags & FOS_TCB_DONE ||
	    !(t->flags & g->flags & FOS_TCB_SACK))
		return false;
	pl = &e->p->dir->pipeline[fos_box_pipeline(&e->p->box, flow, t->gen)];
	for (uint32_t s = 0; s < pl->nr_stages; s++)
		for (uint32_t i = 0; i < pl->stage[s].nr_pms; i++)
			if (asks(e, pl->stage[s].pm[i], flow))
				return true;
	return false;
}

static bool mark(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	int64_t lo = fos_out_pos(t, left, t->una), hi = fos_out_pos(t, right, t->una);
	bool news = false;

	for (uint32_t f = t->seg_first; f != FOS_NONE; f = e->segs[f].next) {
		const struct fos_seg *s = &e->segs[f];

		if ((int64_t)s->pos < lo || (int64_t)fos_retain_end(s) > hi || s->flags & FOS_SEG_AHEAD)
			continue;
		fos_frames_seg(e, f)->flags |= FOS_SEG_AHEAD;
		news = true;
	}
	return news;
}

void fos_ahead_sacked(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right)
{
	if (wanted(e, flow) && fos_egress_room(e))
		mark(e, flow, left, right);
}

/* May it be sent ahead?  One in the sink still is on its way; one sent again has been asked for, or is of
 * a path that became too narrow. */
static bool due(const struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	const uint8_t not = FOS_SEG_AHEAD | FOS_SEG_RESENT | FOS_SEG_IN_TX | FOS_SEG_WAITS;
	const struct fos_seg *s = &e->segs[frame];

	return !(s->flags & not) && fos_retain_end(s) > e->tcbs[flow].una &&
	       fos_retain_end(s) <= FOS_RESEND_MAX && !fos_recut_needed(e, flow, frame);
}

static void send(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_seg *s;

	if (frame == FOS_NONE || !fos_egress_room(e) ||
	    !fos_frames_tx_room(e, fos_out_port(e, flow), 1))
		return;
	s = fos_frames_seg(e, frame);
	s->flags |= FOS_SEG_AHEAD;
	fos_sack_sent_ahead(e, flow, fos_out_seq(&e->tcbs[flow], s->pos),
			    fos_out_seq(&e->tcbs[flow], fos_retain_end(s)));
	fos_emit_segment(e, flow, frame, true);
	fos_count(e->p->counter, FOS_C_resent_ahead, 1);
}

void fos_ahead_try(struct fos_egress *e, uint32_t flow, const struct fos_header *h, bool news)
{
	uint32_t last = FOS_NONE, fin = FOS_NONE;
	struct fos_header_options o = {0};

	if (!wanted(e, flow) || !fos_egress_room(e))
		return;
	if (h)
		fos_header_options(h, &o);
	for (uint32_t i = 0; i < o.nr_sack; i++)
		news |= mark(e, flow, o.sack[i][0], o.sack[i][1]);
	/* an answer to what was sent ahead brings none of its own: each would bring the next */
	if (!news)
		return;
	for (uint32_t f = e->tcbs[flow].seg_first; f != FOS_NONE; f = e->segs[f].next)
		if (due(e, flow, f) && e->segs[f].len)
			last = f;
		else if (due(e, flow, f))
			fin = f;
	send(e, flow, last);
	send(e, flow, fin); /* a FIN by itself is no segment's worth */
}
