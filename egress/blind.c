/* egress/blind.c - packets that nobody gets, see blind.h */
#include "egress/blind.h"

#include "egress/frames.h"
#include "egress/out.h"

/* The acknowledgement that the packet would have carried. */
static void note_ack(struct fos_egress *e, uint32_t flow, struct fos_tcb *t, uint32_t as_came,
		     uint16_t wnd)
{
	uint32_t ack;

	if (!fos_out_ack(e, flow, as_came, &ack))
		return;
	t->ack_sent = ack;
	t->wnd_sent = wnd;
	t->flags |= FOS_TCB_ACK_SENT;
	fos_out_tell_ack(e, FOS_PEER(flow), ack);
}

void fos_blind_segment(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	const struct fos_seg *s = &e->segs[frame];

	fos_out_learn_ack(t, s->ack, s->wnd);
	note_ack(e, flow, t, s->ack, s->wnd);
	fos_frames_send(e, frame, fos_out_port(e, flow), true);
}

void fos_blind_control(struct fos_egress *e, uint32_t flow, uint32_t frame,
		       const struct fos_header *h)
{
	if (h->l4[13] & FOS_TH_ACK)
		note_ack(e, flow, fos_out_tcb(e, flow), fos_header_ack(h), fos_header_wnd(h));
	fos_out_file(e, flow)->time_ns = e->time_ns;
	fos_frames_send(e, frame, fos_out_port(e, flow), false);
}
