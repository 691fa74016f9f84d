/* egress/opaque.c - flows whose packets leave exactly as they came, see opaque.h */
#include "egress/opaque.h"

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/pieces.h"

/* The piece has been passed; where it is the last one of its frame, the packet leaves. */
static void send_piece(struct fos_egress *e, uint32_t flow, const struct fos_piece *pc)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	fos_seqmap_copy(&t->map, pc->len);
	if (pc->flags & FOS_PIECE_FIN)
		t->flags |= FOS_TCB_FIN_SENT;
	if (pc->flags & FOS_PIECE_RST)
		t->flags |= FOS_TCB_RESET;
	if (!(pc->flags & FOS_PIECE_BORROWED) && fos_frames_claim(e, pc->frame, pc->gen))
		fos_emit_plain(e, flow, pc->frame, fos_out_port(e, flow));
}

/* A reset, or an end that the classifier has published: nothing more will come. */
static void check_end(struct fos_egress *e, uint32_t flow)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	const struct fos_tcb *t = &e->tcbs[flow];
	/* pairs with the classifier's release of `state` */
	uint32_t state = fos_acquire32(&f->state);

	if (!(state & FOS_FLOW_ST_CLOSED) || t->map.in < fos_acquire64(&f->app.tail))
		return;
	fos_out_finish(e, flow);
	fos_egress_run_later(e, flow);
}

void fos_opaque_run(struct fos_egress *e, uint32_t flow, const struct fos_view *v)
{
	uint64_t upto = fos_view_tail(v);
	uint32_t port = fos_out_port(e, flow);
	struct fos_tcb *t;
	struct fos_piece pc;

	for (;;) {
		if (!fos_egress_room(e) || !fos_frames_tx_room(e, port, 2)) {
			fos_egress_run_later(e, flow);
			break;
		}
		if (!fos_pieces_next(e, flow, upto, &pc))
			break;
		send_piece(e, flow, &pc);
	}
	t = fos_out_tcb(e, flow);
	fos_out_publish(e, flow, 0, t->map.in + (t->flags & FOS_TCB_FIN_SENT ? 1 : 0));
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
