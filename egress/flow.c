/* egress/flow.c - a TCP stream after the last stage becomes segments
 *
 * A span that is one untouched packet's whole payload leaves in its own frame; everything else is
 * copied into own frames.  The segment under way is closed only when what follows is known, so
 * that PSH and FIN are on the last one.
 */
#include "egress/flow.h"

#include <string.h>

#include "egress/again.h"
#include "egress/early.h"
#include "egress/edited.h"
#include "egress/emit.h"
#include "egress/expect.h"
#include "egress/frames.h"
#include "egress/route.h"
#include "egress/offline.h"
#include "egress/opaque.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/plain.h"
#include "egress/retain.h"
#include "egress/run.h"
#include "egress/timer.h"
#include "egress/urgent.h"

#define SPANS_PER_RUN 256u

void fos_flow_emit(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	if (!e->p->offline)
		fos_emit_segment(e, flow, frame, false);
	else
		fos_offline_defer(e, flow, frame);
}

void fos_run_flush(struct fos_run *r, bool last, bool fin)
{
	struct fos_egress *e = r->e;
	uint32_t frame = r->b.frame;
	struct fos_seg *s;

	if (frame == FOS_NONE)
		return;
	s = fos_frames_seg(e, frame);
	s->len = r->len;
	if (fin)
		s->flags |= FOS_SEG_FIN;
	if (r->own) {
		s->ecn = r->ecn;
		r->ecn = 0;
		if (last && !e->p->offline)
			s->flags |= FOS_SEG_PSH;
		fos_build_ecn(e, &r->b, r->seg_marks);
		fos_build_end(e, &r->b, r->len);
		fos_count(e->p->counter, FOS_C_segments_built, 1);
	}
	e->number = r->number;
	e->time_ns = r->time_ns;
	r->b.frame = FOS_NONE;
	r->len = 0;
	if (r->unread && fos_early_unkept(e, r->flow, frame))
		return;
	fos_retain_add(e, r->flow, frame);
	fos_flow_emit(e, r->flow, frame);
	if (r->t->flags & FOS_TCB_ANSWERS)
		fos_timer_start(e, r->flow);
}

/* Learns from the packet that a span's bytes came in. */
static void learn(struct fos_run *r, const struct fos_piece *pc, bool copying)
{
	struct fos_egress *e = r->e;
	struct fos_header_options o;
	struct fos_header h;

	if (e->files)
		fos_run_place(r, pc);
	r->fin_here = pc->flags & FOS_PIECE_FIN;
	r->passed = pc->pos + pc->len;
	fos_expect_next(&r->expect, pc->next);
	/* the headers in a borrowed frame are another packet's, maybe of the other direction */
	if ((!copying && !e->p->offline) || r->template_of == pc->frame ||
	    pc->flags & FOS_PIECE_BORROWED)
		return;
	if (copying)
		r->template_of = pc->frame;
	if (!fos_header_open(&h, fos_box_frame(&e->p->box, pc->frame), e->p->dir->frame_size,
			     fos_frames_gen(pc->gen)) ||
	    !h.l4 || !(h.m->flags & FOS_PKT_TCP))
		return;
	if (e->p->offline)
		fos_offline_passed(fos_out_file(e, r->flow), r->t, &h);
	if (!copying) {
		fos_offline_read(fos_frames_seg(e, pc->frame), &h);
		return;
	}
	fos_build_learn(e, r->flow, &h);
	fos_urgent_learn(e, r->flow, &h, pc->pos - (pc->off - h.m->payload_off));
	fos_out_learn_len(e, r->flow, h.m->payload_len);
	fos_header_options(&h, &o);
	if (o.has_ts && fos_out_has_ts(e, r->t)) {
		if (!(r->t->flags & FOS_TCB_TS) || fos_out_newer(o.tsval, r->t->ts_seen))
			r->t->ts_seen = o.tsval;
		r->t->flags |= FOS_TCB_TS;
	}
	if (!(r->t->flags & FOS_TCB_ACCECN))
		r->ecn |= h.l4[13] & (FOS_TH_CWR | FOS_TH_ECE);
	/* one mark among the packets that a segment is made of marks it (RFC 3168 section 5.3) */
	r->marks = fos_header_ecn(&h);
	if (r->marks == FOS_ECN_CE)
		r->seg_marks = FOS_ECN_CE;
	if (e->p->offline)
		r->ecn |= h.l4[13] & FOS_TH_PSH;
}

/* The span leaves in its packet's frame. */
static bool send_whole(struct fos_run *r, const struct fos_piece *pc)
{
	if (!fos_run_take(r, pc))
		return false;
	learn(r, pc, false);
	return true;
}

static bool begin_own(struct fos_run *r)
{
	struct fos_seg *s;

	if (!fos_build_tcp(r->e, r->flow, NULL, 0, &r->b)) {
		r->b.frame = FOS_NONE;
		r->again = true;
		r->e->starved = true;
		return false;
	}
	s = fos_frames_seg(r->e, r->b.frame);
	s->pos = r->t->out;
	s->in_pos = r->t->in;
	s->flow = r->flow;
	r->own = true;
	r->len = 0;
	/* bytes of the box alone: as the sender's packets, but unmarked */
	r->seg_marks = r->template_of != FOS_NONE ? r->marks : fos_build_marks(r->e, &r->b);
	if (r->template_of == FOS_NONE && r->seg_marks == FOS_ECN_CE)
		r->seg_marks = FOS_ECN_ECT0;
	return true;
}

static bool account(struct fos_run *r, const struct fos_span *span)
{
	struct fos_egress *e = r->e;

	if (!fos_flow_skip(e, r->flow, span->base_pos))
		return false;
	if (span->kind == FOS_SPAN_PIECE) {
		fos_out_copy(r->t, span->len);
		return true;
	}
	if (!fos_out_replace(e, r->flow, 0, span->len))
		return false;
	fos_edited_mark(e, r->flow);
	fos_count(e->p->counter, FOS_C_bytes_inserted, span->len);
	fos_count(e->p->counter, FOS_C_edits_applied, 1);
	return true;
}

/* Where the window cuts a packet in two, or leaves room for a crumb, waiting for an acknowledgement is
 * better (RFC 9293 section 3.8.6.2.1), as long as one is to come. */
static bool silly(const struct fos_run *r, const struct fos_span *span, const struct fos_piece *pc,
		  uint64_t window)
{
	if (span->len != window || r->t->una >= fos_out_wire(r->t))
		return false;
	if (pc && span->piece_off + span->len < pc->len && pc->flags & FOS_PIECE_WHOLE)
		return true;
	return r->len + window < fos_out_enough(r->e, r->t) &&
	       fos_view_tail(&r->view) > r->t->out + window;
}

/* Offline, packets keep their borders: each has its place among those of the other direction. */
static bool next_packet(const struct fos_run *r, const struct fos_piece *pc)
{
	return r->e->p->offline && r->len > 0 && r->template_of != pc->frame &&
	       r->template_of != FOS_NONE;
}

/* Copies (part of) the next span into an own segment. */
static bool copy_span(struct fos_run *r, struct fos_span *span, const struct fos_piece *pc)
{
	uint32_t room;

	if (r->b.frame != FOS_NONE &&
	    (!r->own || r->len >= r->b.room || (pc && next_packet(r, pc))))
		fos_run_flush(r, false, false);
	if (pc)
		learn(r, pc, true);
	if (r->b.frame == FOS_NONE && !begin_own(r)) {
		fos_view_back(&r->view, span, span->len);
		return false;
	}
	room = r->b.room - r->len;
	if (span->len > room) {
		fos_view_back(&r->view, span, span->len - room);
		span->len = room;
	}
	memcpy(r->b.payload + r->len, span->data, span->len);
	r->len += span->len;
	fos_expect_part(r->e, &r->expect);
	return account(r, span);
}

/* Offline: the packet with the byte at `pos` is what comes next, and its place that of what is made. */
static void place_at(struct fos_run *r, uint64_t pos)
{
	const struct fos_box *box = &r->e->p->box;
	/* a run that has just begun knows nothing of the packet that the last one stopped in */
	bool known = r->template_of != FOS_NONE || r->b.frame != FOS_NONE;
	struct fos_piece pc;

	if (fos_piece_find(box, r->flow, r->t->gen, true, false, pos, r->near, &pc) == FOS_NONE ||
	    pc.number < r->number || (pc.number == r->number && known))
		return;
	fos_run_flush(r, false, false);
	learn(r, &pc, true);
}

/* Inserted bytes leave at the place of those that are deleted for them; else where what is before them
 * went; the first ones of a stream with the byte behind them. */
static void place_inserted(struct fos_run *r, uint64_t base_pos)
{
	struct fos_view v;
	struct fos_span span;
	uint64_t next;

	if (base_pos < r->passed)
		return; /* among the bytes of that packet */
	fos_view_copy(&v, &r->view);
	do
		span.kind = FOS_SPAN_NONE;
	while (fos_view_next(&v, UINT32_MAX, &span) && span.kind == FOS_SPAN_INSERT);
	while (span.kind == FOS_SPAN_NONE && fos_view_settle(&v))
		;
	next = span.kind == FOS_SPAN_PIECE ? span.base_pos : fos_view_base(&v);
	place_at(r, next > base_pos ? next - 1 : base_pos ? base_pos - 1 : 0);
}

/* One span.  False: nothing more now. */
static bool step(struct fos_run *r)
{
	struct fos_egress *e = r->e;
	uint64_t window = fos_out_window(e, r->t);
	const struct fos_piece *pc;
	struct fos_span span;

	/* in a capture nobody is silent: who is read on only has not acknowledged yet */
	if (!fos_egress_room(e) || e->pool.free->nr < 4 ||
	    (!e->p->offline && !fos_seqmap_room(fos_out_map(e, r->t), &e->pool)) ||
	    !fos_frames_tx_room(e, fos_out_port(e, r->flow), r->b.frame == FOS_NONE ? 1 : 2)) {
		r->again = true;
		return false;
	}
	if (r->t->flags & FOS_TCB_EARLY && fos_early_next(e, r->flow, &r->view, &span)) {
		fos_run_flush(r, false, false);
		return account(r, &span); /* there is no edit, so no node is needed */
	}
	if (window == 0) {
		r->blocked = fos_view_tail(&r->view) > r->t->out - r->delta;
		return false;
	}
	if (!fos_view_next(&r->view, window > UINT32_MAX ? UINT32_MAX : (uint32_t)window, &span))
		return false;
	pc = span.kind == FOS_SPAN_PIECE ? &span.pc : NULL;
	r->near = pc ? span.piece : r->near;
	if (span.len == 0 || (pc && span.base_pos < r->t->in)) {
		fos_count(e->p->counter, FOS_C_pm_rules_broken, 1);
		fos_view_back(&r->view, &span, span.len);
		return false;
	}
	if (pc && span.piece_off == 0 && span.len == pc->len &&
	    fos_run_whole(r, pc, fos_run_mtu(r))) {
		/* the gap before it first: its place in the output is after that */
		if (!send_whole(r, pc) || !account(r, &span)) {
			fos_view_back(&r->view, &span, span.len);
			return false;
		}
		return true;
	}
	if (silly(r, &span, pc, window)) {
		fos_view_back(&r->view, &span, span.len);
		r->blocked = true;
		return false;
	}
	if (!pc && e->p->offline)
		place_inserted(r, span.base_pos);
	return copy_span(r, &span, pc);
}

/* An acknowledgement for deleted bytes when nothing else will bring one. */
static void ack_deleted(struct fos_run *r, uint64_t in_before, uint64_t out_before)
{
	uint32_t peer = FOS_PEER(r->flow), ack;
	const struct fos_tcb *g = fos_out_peer(r->e, r->flow);

	if (r->e->p->offline || r->t->in == in_before || r->t->out != out_before ||
	    r->t->una < r->t->out || !g || !fos_out_ack(r->e, peer, 0, &ack))
		return;
	if (g->flags & FOS_TCB_ACK_SENT && g->ack_sent == ack)
		return;
	fos_emit_ack(r->e, peer);
}

static void finish_run(struct fos_run *r)
{
	struct fos_egress *e = r->e;
	bool fin, all;

	while (fos_view_settle(&r->view))
		;
	if (!fos_flow_skip(e, r->flow, fos_view_base(&r->view)))
		r->again = true;
	fin = !r->again && !r->blocked && fos_tcp_end_due(e, r->flow) &&
	      fos_view_ended(&r->view);
	/* offline a FIN that came alone has its own place among the frames, and so has one whose bytes
	 * are deleted */
	if (fin && e->p->offline && r->t->in)
		place_at(r, r->t->in - 1);
	if (fin && r->b.frame != FOS_NONE && (!e->p->offline || r->fin_here)) {
		fos_run_flush(r, true, true);
		r->t->flags |= FOS_TCB_FIN_SENT;
	} else {
		fos_run_flush(r, true, false);
	}
	if (fin)
		fos_tcp_end_fin(e, r->flow);
	if (r->blocked) {
		r->t->flags |= FOS_TCB_BLOCKED;
		if (r->t->seg_first == FOS_NONE) {
			/* nothing is on its way that would bring news of the window */
			if (!r->t->rto_at)
				fos_emit_probe(e, r->flow);
			fos_timer_start(e, r->flow);
		}
	} else {
		r->t->flags &= ~(uint32_t)FOS_TCB_BLOCKED;
	}
	all = fos_flow_publish(e, r->flow, &r->view, r->t->in);
	/* the FIN, too, once the frames before it have been taken over: what is passed is forgotten */
	if (r->t->flags & FOS_TCB_FIN_SENT && all)
		fos_out_publish(e, r->flow, 0, r->t->in + 1);
}

static void run_tcp(struct fos_run *r)
{
	uint64_t in = r->t->in, out = r->t->out;
	uint32_t n = 0;

	if (r->e->files) {
		r->number = r->e->files[r->flow].number;
		r->time_ns = r->e->files[r->flow].time_ns;
	}
	r->unread = fos_early_unread(r->e, r->flow, &r->view);
	r->plain = fos_plain_may(r);
	for (;; n++) {
		if (r->plain)
			n += fos_plain_send(r, SPANS_PER_RUN - n);
		if (n == SPANS_PER_RUN || !step(r))
			break;
	}
	if (n == SPANS_PER_RUN)
		r->again = true;
	finish_run(r);
	ack_deleted(r, in, out);
	fos_again_prompt(r->e, r->flow);
	if (!r->e->p->offline && fos_tcp_end_reset(r->e, r->flow))
		return;
	if (r->again)
		fos_egress_run_later(r->e, r->flow);
	fos_out_check_done(r->e, r->flow);
}

/* What a PM says of itself cannot be; nothing is done by it, so it is only counted. */
static void note_astray(const struct fos_run *r, uint32_t pipeline)
{
	const struct fos_proc *p = r->e->p;
	struct fos_view v;

	if (fos_view_open(&v, &p->box, r->flow, r->t->gen, p->dir->pipeline[pipeline].nr_stages,
			  r->t->out - r->delta) &&
	    fos_view_astray(&v))
		fos_count(p->counter, FOS_C_pm_rules_broken, 1);
}

void fos_flow_run(struct fos_egress *e, uint32_t flow)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	uint32_t gen = fos_acquire32(&f->gen);
	struct fos_route_slot route;
	uint64_t sent_ns;
	struct fos_run r;

	memset(&r, 0, offsetof(struct fos_run, view));
	r.e = e;
	r.flow = flow;
	r.b.frame = r.template_of = r.near = r.expect.piece = FOS_NONE;
	/* over, and said so: only pieces that have come since are left to be taken */
	if (gen && e->tcbs[flow].gen == gen && e->tcbs[flow].flags & FOS_TCB_TOLD) {
		fos_flow_drain(e, flow);
		return;
	}
	r.t = fos_out_open(e, flow, gen);
	if (!r.t)
		return;
	if (r.t->flags & FOS_TCB_DONE) {
		fos_flow_drain(e, flow);
		return;
	}
	if (fos_retain_ack(e, flow, &sent_ns))
		fos_egress_run_later(e, flow);
	/* what no PM reads as a stream leaves packet by packet, its FIN too */
	if (f->flags & FOS_FLOW_TCP && (!(f->flags & FOS_FLOW_APP) || !(r.t->flags & FOS_TCB_ISN)))
		return;
	if (!(f->flags & (FOS_FLOW_TCP | FOS_FLOW_UDP)) || fos_out_port(e, flow) == FOS_NONE)
		return;
	fos_box_route(&e->p->box, flow, gen, &route);
	r.delta = route.delta;
	if (!fos_view_open(&r.view, &e->p->box, flow, gen,
			   e->p->dir->pipeline[route.pipeline].nr_stages,
			   r.t->out - r.delta)) {
		if (r.view.broken != FOS_NONE)
			fos_count(e->p->counter, FOS_C_pm_rules_broken, 1);
		return;
	}
	if (fos_view_astray(&r.view))
		note_astray(&r, route.pipeline);
	if (fos_opaque(e, flow)) {
		fos_opaque_run(e, flow, &r.view);
	} else if (f->flags & FOS_FLOW_TCP) {
		fos_out_learn_passed(e, r.t, f);
		run_tcp(&r);
		fos_out_note_window(e, flow);
	} else {
		fos_udp_run(e, flow, &r.view);
	}
	fos_route_look(e, flow, &r.view, &route);
}
