/* egress/early.c - segments that wait for no hole, see early.h */
#include "egress/early.h"

#include <string.h>

#include "egress/again.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/opaque.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/retain.h"
#include "egress/sack.h"

/* Bytes up to `end` of the output have left and are not kept. */
static void note(struct fos_egress *e, uint32_t flow, uint64_t end)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	if (end <= fos_out_early(e, t))
		return;
	fos_out_more(e, flow)->early = end;
	t->flags |= FOS_TCB_EARLY;
}

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
		if (end > 0)
			note(e, flow, (uint64_t)end);
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

/* Its bytes [from, to) of the output, as far as they fit, in a packet of the box's. */
static void pass_part(struct fos_egress *e, uint32_t flow, uint32_t frame, uint64_t from, uint64_t to)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);
	const struct fos_tcb *t = &e->tcbs[flow];
	struct fos_header h;
	struct fos_build b;
	struct fos_seg *s;
	int64_t off;

	if (fos_header_open(&h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size,
			    e->claims[frame]) &&
	    h.l4 && h.m->flags & FOS_PKT_TCP && !(t->flags & FOS_TCB_DONE)) {
		off = (int64_t)from - fos_out_pos(t, fos_header_seq(&h) + (uint32_t)(t->out - t->in), from);
		if (off >= 0 && off < m->payload_len && fos_build_tcp(e, flow, NULL, 0, &b)) {
			s = fos_frames_seg(e, b.frame);
			s->pos = from;
			s->in_pos = from - (t->out - t->in);
			s->flow = flow;
			s->len = (uint32_t)(m->payload_len - off);
			if (s->len > to - from)
				s->len = (uint32_t)(to - from);
			if (s->len > b.room)
				s->len = b.room;
			if (h.l4[13] & FOS_TH_FIN && to == from + s->len + 1)
				s->flags |= FOS_SEG_FIN;
			memcpy(b.payload, (const uint8_t *)m + m->payload_off + off, s->len);
			fos_build_end(e, &b, s->len);
			note(e, flow, from + s->len);
			fos_emit_segment(e, flow, b.frame, false);
		}
	}
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
	/* what comes before an edit has other numbers, and is acknowledged; what has not left yet may find
	 * no room in the receiver's window */
	if (d->pos < fos_out_map(e, &e->tcbs[d->flow])->open_in ||
	    d->pos + d->len > e->tcbs[d->flow].in)
		pass_part(e, d->flow, d->frame, lo, hi);
	else
		pass(e, d->flow, d->frame);
	return true;
}

bool fos_early_unread(const struct fos_egress *e, uint32_t flow, const struct fos_view *v)
{
	for (uint32_t i = 0; i < v->nr_layers; i++)
		if (v->layer[i].limit < FOS_POS_MAX || v->layer[i].edit != FOS_NONE)
			return false;
	return !e->p->offline && v->nr_layers > 0 && fos_view_base(v) == e->tcbs[flow].in;
}

bool fos_early_unkept(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	const struct fos_seg *s = &e->segs[frame];
	uint64_t end = s->pos + s->len + (s->flags & FOS_SEG_FIN ? 1 : 0);

	if (t->flags & FOS_TCB_VOUCHED || !fos_seqmap_flat(fos_out_map(e, t), t->una))
		return false;
	/* its piece must be passed before its frame goes home */
	if (fos_pieces_take(e, flow, t->in) != t->in)
		return false;
	note(e, flow, end);
	fos_emit_segment(e, flow, frame, false);
	if (!(e->segs[frame].flags & FOS_SEG_IN_TX))
		fos_frames_put(e, frame); /* its headers were wrong */
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
