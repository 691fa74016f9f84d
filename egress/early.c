/* egress/early.c - segments that wait for no hole, see early.h */
#include "egress/early.h"

#include "egress/again.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/opaque.h"
#include "egress/out.h"
#include "egress/retain.h"
#include "egress/sack.h"

/* The segment in a frame of ours leaves, as far behind or before its numbers as the stream's end. */
static void pass(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	enum fos_counter_id why = FOS_C_drop_meta;
	struct fos_header h;
	uint32_t seq;
	int64_t end;

	if (fos_header_open(&h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size,
			    e->claims[frame]) &&
	    h.l4 && h.m->flags & FOS_PKT_TCP && t->flags & FOS_TCB_ISN) {
		seq = fos_header_seq(&h) + (uint32_t)(t->out - t->in);
		end = fos_out_pos(t, seq, t->out) + h.m->payload_len +
		      (h.l4[13] & FOS_TH_FIN ? 1 : 0);
		if (end > (int64_t)fos_out_early(e, t)) {
			fos_out_more(e, flow)->early = (uint64_t)end;
			t->flags |= FOS_TCB_EARLY;
		}
		why = FOS_C_drop_tcp_closed;
		if (!(t->flags & FOS_TCB_DONE)) {
			fos_emit_translated(e, flow, frame, &h, seq, FOS_EMIT_WHOLE);
			return;
		}
		fos_again_given_up(e, flow, &h);
	}
	fos_count(e->p->counter, why, 1);
	fos_frames_put(e, frame);
}

void fos_early_send(struct fos_egress *e, const struct fos_desc *d)
{
	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	if (!fos_out_open(e, d->flow, d->flow_gen)) {
		fos_count(e->p->counter, FOS_C_drop_tcp_closed, 1);
		fos_frames_put(e, d->frame);
	} else if (fos_opaque(e, d->flow)) {
		fos_emit_plain(e, d->flow, d->frame, fos_out_port(e, d->flow));
	} else {
		fos_sack_forget(e, d->flow);
		pass(e, d->flow, d->frame);
	}
}

/* Is all of [lo, hi) among the segments kept? */
static bool kept(const struct fos_egress *e, uint32_t flow, uint64_t lo, uint64_t hi)
{
	for (uint32_t f = e->tcbs[flow].seg_first; f != FOS_NONE && lo < hi; f = e->segs[f].next) {
		if (e->segs[f].pos > lo)
			return false;
		if (fos_retain_end(&e->segs[f]) > lo)
			lo = fos_retain_end(&e->segs[f]);
	}
	return lo >= hi;
}

bool fos_early_again(struct fos_egress *e, const struct fos_desc *d, uint64_t lo, uint64_t hi)
{
	if (!(e->tcbs[d->flow].flags & FOS_TCB_EARLY) || d->frame == FOS_NONE || kept(e, d->flow, lo, hi) ||
	    !fos_frames_claim(e, d->frame, d->gen))
		return false;
	pass(e, d->flow, d->frame);
	return true;
}

bool fos_early_next(const struct fos_egress *e, uint32_t flow, struct fos_view *v,
		    struct fos_span *span)
{
	struct fos_view before;
	struct fos_piece pc;

	if (fos_out_early(e, &e->tcbs[flow]) <= e->tcbs[flow].out)
		return false;
	fos_view_copy(&before, v);
	if (fos_view_next(v, UINT32_MAX, span) && span->kind == FOS_SPAN_PIECE &&
	    fos_piece_get(&e->p->box, span->piece, flow, e->tcbs[flow].gen, &pc) &&
	    pc.flags & FOS_PIECE_GONE)
		return true;
	fos_view_copy(v, &before);
	return false;
}
