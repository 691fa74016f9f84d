/* egress/opaque.c - flows whose packets leave exactly as they came, see opaque.h */
#include "egress/opaque.h"

#include "egress/chain.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/pieces.h"

static void note_piece(struct fos_egress *e, uint32_t flow, const struct fos_piece *pc)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	fos_out_copy(t, pc->len);
	if (pc->flags & FOS_PIECE_FIN)
		t->flags |= FOS_TCB_FIN_SENT;
	if (pc->flags & FOS_PIECE_RST)
		t->flags |= FOS_TCB_RESET;
}

/* The piece has been passed; where it is the last one of its frame, the packet leaves. */
static void send_piece(struct fos_egress *e, uint32_t flow, const struct fos_piece *pc)
{
	note_piece(e, flow, pc);
	if (!(pc->flags & FOS_PIECE_BORROWED) && fos_frames_claim(e, pc->frame, pc->gen))
		fos_emit_plain(e, flow, pc->frame, fos_out_port(e, flow));
}

/* Position after the packet in several frames that begins with this piece; 0: it is none. */
static uint64_t chain_end(const struct fos_egress *e, const struct fos_piece *pc)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, pc->frame);
	uint64_t end = pc->pos + pc->len;

	if (pc->flags & FOS_PIECE_GONE || !(m->flags & FOS_PKT_CHAIN))
		return 0;
	for (uint32_t i = 0; i < FOS_CHAIN_MAX && m->next_frame < e->p->dir->nr_frames; i++) {
		m = fos_box_meta(&e->p->box, m->next_frame);
		end += m->len;
	}
	return end;
}

/* Its pieces, one per frame, have all been passed.  Where they were cut by what had come before, it
 * cannot leave as it came; its sender repeats it. */
static void send_chain(struct fos_egress *e, uint32_t flow, uint64_t end)
{
	uint32_t frame[FOS_CHAIN_MAX + 1], nr = 0;
	struct fos_piece pc;

	while (nr <= FOS_CHAIN_MAX && fos_pieces_next(e, flow, end, &pc)) {
		note_piece(e, flow, &pc);
		if (!(pc.flags & FOS_PIECE_BORROWED) && fos_frames_claim(e, pc.frame, pc.gen))
			frame[nr++] = pc.frame;
		if (pc.pos + pc.len >= end)
			break;
	}
	if (nr)
		fos_chain_send(e, flow, frame, nr, fos_out_port(e, flow));
}

/* A reset, or an end that the classifier has published: nothing more will come. */
static void check_end(struct fos_egress *e, uint32_t flow)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	const struct fos_tcb *t = &e->tcbs[flow];
	/* pairs with the classifier's release of `state` */
	uint32_t state = fos_acquire32(&f->state);

	if (!(state & FOS_FLOW_ST_CLOSED) || t->in < fos_acquire64(&f->app.tail))
		return;
	fos_out_finish(e, flow);
	fos_egress_run_later(e, flow);
}

void fos_opaque_run(struct fos_egress *e, uint32_t flow, const struct fos_view *v)
{
	/* nobody edits such a flow: positions are those of its input, in whichever pipeline it is */
	uint64_t upto = fos_view_tail(v);
	uint32_t port = fos_out_port(e, flow);
	struct fos_tcb *t;
	struct fos_piece pc;
	uint64_t end;

	for (;;) {
		if (!fos_egress_room(e) || !fos_frames_tx_room(e, port, FOS_CHAIN_MAX + 1)) {
			fos_egress_run_later(e, flow);
			break;
		}
		if (!fos_pieces_peek(e, flow, &pc))
			break;
		end = chain_end(e, &pc);
		if (end > upto && upto < fos_acquire64(&e->p->box.flows[flow].app.tail))
			break; /* the rest of the packet is still with a PM */
		end = end > upto ? upto : end;
		if (end) {
			send_chain(e, flow, end);
			continue;
		}
		if (!fos_pieces_next(e, flow, upto, &pc))
			break;
		send_piece(e, flow, &pc);
	}
	t = fos_out_tcb(e, flow);
	fos_out_publish(e, flow, 0, t->in + (t->flags & FOS_TCB_FIN_SENT ? 1 : 0));
	check_end(e, flow);
}

bool fos_opaque_again(struct fos_egress *e, const struct fos_desc *d)
{
	if (d->flow >= e->p->dir->nr_flows || !fos_opaque(e, d->flow))
		return false;
	if (d->frame == FOS_NONE || !fos_frames_claim(e, d->frame, d->gen))
		return true;
	if (fos_out_open(e, d->flow, d->flow_gen))
		fos_emit_plain(e, d->flow, d->frame, fos_out_port(e, d->flow));
	else
		fos_frames_put(e, d->frame);
	return true;
}
