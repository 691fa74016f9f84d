/* egress/tcp_end.c - FIN and RST leave in stream order */
#include "egress/emit.h"
#include "egress/flow.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/retain.h"
#include "egress/timer.h"

bool fos_tcp_end_due(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	const struct fos_tcb *t = &e->tcbs[flow];

	/* pairs with the classifier's release of `state`: fin_pos is set */
	return fos_acquire32(&f->state) & FOS_FLOW_ST_FIN && !(t->flags & FOS_TCB_FIN_SENT) &&
	       t->in == f->fin_pos;
}

/* May a frame leave as the FIN or RST that it is? */
static bool reusable(struct fos_egress *e, uint32_t frame, uint8_t flag, struct fos_header *h)
{
	return fos_header_open(h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size,
			       e->claims[frame]) &&
	       h->l4 && h->m->flags & FOS_PKT_TCP && h->m->payload_len == 0 &&
	       (h->l4[13] & (FOS_TH_SYN | FOS_TH_FIN | FOS_TH_RST)) == flag &&
	       (uint32_t)(h->m->payload_off - h->m->data_off) <= FOS_HEADER_KEPT_MAX;
}

/* Offline: the place among the frames, never before what the flow has sent. */
static void place(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	const struct fos_tcb_file *newest;

	if (!e->files)
		return;
	newest = &e->files[flow];
	e->number = newest->number;
	e->time_ns = newest->time_ns;
	if (frame == FOS_NONE || fos_box_meta(&e->p->box, frame)->number < newest->number)
		return;
	e->number = fos_box_meta(&e->p->box, frame)->number;
	e->time_ns = fos_box_meta(&e->p->box, frame)->time_ns;
}

/* Frame for a FIN of its own: the packet that brought it, or a new one. */
static uint32_t fin_frame(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_header h;
	struct fos_build b;

	place(e, flow, frame);
	if (frame != FOS_NONE && reusable(e, frame, FOS_TH_FIN, &h))
		return frame;
	if (frame != FOS_NONE)
		fos_frames_put(e, frame);
	if (!fos_build_tcp(e, flow, NULL, 0, &b))
		return FOS_NONE;
	fos_build_end(e, &b, 0);
	return b.frame;
}

void fos_tcp_end_fin(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_seg *s;
	uint32_t frame;

	if (!(t->flags & FOS_TCB_FIN_SENT) &&
	    (!fos_egress_room(e) || !fos_frames_tx_room(e, fos_out_port(e, flow), 1))) {
		fos_egress_run_later(e, flow);
		return;
	}
	fos_pieces_take(e, flow, t->in);
	frame = fos_pieces_take_end(e, flow, FOS_PIECE_FIN);
	if (t->flags & FOS_TCB_FIN_SENT) {
		/* it went along with the last bytes */
		if (frame != FOS_NONE)
			fos_frames_put(e, frame);
		return;
	}
	frame = fin_frame(e, flow, frame);
	if (frame == FOS_NONE) {
		fos_egress_run_later(e, flow);
		return;
	}
	s = fos_frames_seg(e, frame);
	s->pos = t->out;
	s->in_pos = t->in;
	s->len = 0;
	s->flags |= FOS_SEG_FIN;
	t->flags |= FOS_TCB_FIN_SENT;
	fos_retain_add(e, flow, frame);
	fos_flow_emit(e, flow, frame);
	if (t->flags & FOS_TCB_ANSWERS)
		fos_timer_start(e, flow);
}

static void finish_both(struct fos_egress *e, uint32_t flow)
{
	fos_out_finish(e, flow);
	if (fos_out_peer(e, flow))
		fos_out_finish(e, FOS_PEER(flow));
	fos_egress_run_later(e, flow);
	fos_egress_run_later(e, FOS_PEER(flow));
}

bool fos_tcp_end_reset(struct fos_egress *e, uint32_t flow)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	struct fos_tcb *t = &e->tcbs[flow]; /* asked of every flow: not kept until there is a reset */
	struct fos_header h;
	uint32_t frame;

	/* a reset does not wait for a closed window, nor for acknowledgements that would make room in
	 * the map: what stands before it goes with it */
	bool stuck = !e->p->offline &&
		     (t->flags & FOS_TCB_BLOCKED || !fos_seqmap_room(fos_out_map(e, t), &e->pool));

	if (!(fos_acquire32(&f->state) & FOS_FLOW_ST_RESET) || t->flags & FOS_TCB_DONE ||
	    (t->in < fos_acquire64(&f->app.tail) && !stuck))
		return false;
	if (!fos_egress_room(e) || !fos_frames_tx_room(e, fos_out_port(e, flow), 1)) {
		fos_egress_run_later(e, flow);
		return false;
	}
	fos_pieces_take(e, flow, t->in);
	frame = fos_pieces_take_end(e, flow, FOS_PIECE_RST);
	if (frame == FOS_NONE && !stuck)
		return false; /* the reset is the other direction's */
	t = fos_out_tcb(e, flow);
	t->flags |= FOS_TCB_RESET;
	place(e, flow, frame);
	if (frame != FOS_NONE && reusable(e, frame, FOS_TH_RST, &h)) {
		fos_emit_translated(e, flow, frame, &h, fos_out_seq(t, fos_out_wire(t)), 0);
	} else {
		if (frame != FOS_NONE)
			fos_frames_put(e, frame);
		fos_emit_reset(e, flow, fos_out_wire(t));
	}
	/* RFC 5961: only the exact number resets at once; what was sent may not have arrived */
	if (!e->p->offline && t->una < fos_out_wire(t))
		fos_emit_reset(e, flow, t->una);
	finish_both(e, flow);
	return true;
}
