/* egress/resend.c - sending retained segments again, see resend.h */
#include "egress/resend.h"

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/recut.h"
#include "egress/retain.h"
#include "egress/sack.h"

#define AGAIN_MIN_NS 1000000ull  /* between two resends of a segment: half an RTT within these */
#define AGAIN_MAX_NS 10000000ull
#define DUPACKS 3u

static bool too_soon(const struct fos_egress *e, const struct fos_tcb *t, const struct fos_seg *s)
{
	uint64_t gap = t->srtt_us * 500ull;

	if (!(s->flags & FOS_SEG_RESENT) || e->p->offline)
		return false;
	gap = gap < AGAIN_MIN_NS ? AGAIN_MIN_NS : gap > AGAIN_MAX_NS ? AGAIN_MAX_NS : gap;
	return e->p->now_ns - s->sent_ns < gap;
}

uint32_t fos_resend_range(struct fos_egress *e, uint32_t flow, uint64_t lo, uint64_t hi)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t n = 0;

	for (uint32_t f = t->seg_first; f != FOS_NONE; f = e->segs[f].next) {
		const struct fos_seg *s = &e->segs[f];

		if (s->pos >= hi)
			break;
		if (fos_retain_end(s) > lo && fos_recut_needed(e, flow, f)) {
			uint32_t cut = fos_recut(e, flow, f);

			if (cut == FOS_NONE)
				break;
			f = cut;
			s = &e->segs[f];
		}
		/* one that has not left yet will, at its place in the capture */
		if (fos_retain_end(s) <= lo || s->flags & (FOS_SEG_IN_TX | FOS_SEG_WAITS) ||
		    too_soon(e, t, s))
			continue;
		/* in a capture a byte alone would read as a keep-alive */
		if (e->p->offline && fos_retain_end(s) - s->pos <= 1)
			continue;
		if (!fos_egress_room(e) || !fos_frames_tx_room(e, fos_out_port(e, flow), 1))
			break; /* the sender, or our timer, asks again */
		fos_emit_segment(e, flow, f, true);
		n++;
	}
	return n;
}

bool fos_resend_first(struct fos_egress *e, uint32_t flow)
{
	uint32_t f = e->tcbs[flow].seg_first;

	if (f != FOS_NONE && fos_egress_room(e) && fos_recut_needed(e, flow, f))
		f = fos_recut(e, flow, f);
	if (f == FOS_NONE || e->segs[f].flags & (FOS_SEG_IN_TX | FOS_SEG_WAITS) || !fos_egress_room(e) ||
	    !fos_frames_tx_room(e, fos_out_port(e, flow), 1))
		return false;
	fos_emit_segment(e, flow, f, true);
	return true;
}

/* Is the first missing byte one that its sender has no reason to send again: inserted, or reported
 * to it as received while there was a hole before the box? */
static bool ours(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];

	if (e->p->offline || t->seg_first == FOS_NONE)
		return false;
	return fos_seqmap_inserted(fos_out_map(e, t), &e->pool, t->una) ||
	       fos_sack_vouched(e, flow,
				fos_out_seq(t, fos_seqmap_back(fos_out_map(e, t), &e->pool, t->una)));
}

void fos_resend_dupack(struct fos_egress *e, uint32_t flow, uint32_t sacked)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	int64_t hole = fos_out_pos(t, sacked, t->una);
	struct fos_tcb_more *m = fos_out_loss(e, flow);

	if (m->dupacks < DUPACKS)
		m->dupacks++;
	if (m->dupacks != DUPACKS || t->una < m->recover || !ours(e, flow))
		return;
	m->recover = fos_out_wire(t); /* partial acknowledgements bring the next: out.c */
	fos_resend_range(e, flow, t->una, hole > (int64_t)t->una ? (uint64_t)hole : t->una + 1);
}
