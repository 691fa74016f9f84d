/* egress/before.c - bytes before the start of a connection, see before.h */
#include "egress/before.h"

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"

void fos_before_send(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_tcb *t = fos_out_open(e, d->flow, d->flow_gen);
	struct fos_header h;

	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	if (t && fos_header_open(&h, fos_box_frame(&e->p->box, d->frame), e->p->dir->frame_size,
				 e->claims[d->frame]) &&
	    h.l4 && h.m->flags & FOS_PKT_TCP && d->len <= h.m->payload_len) {
		fos_out_learn_ack(t, fos_header_ack(&h), fos_header_wnd(&h));
		fos_out_acked(e, d->flow, fos_header_ack(&h), fos_header_wnd(&h), true);
		fos_emit_translated(e, d->flow, d->frame, &h, fos_header_seq(&h), d->len);
		return;
	}
	fos_count(e->p->counter, FOS_C_drop_meta, 1);
	fos_frames_put(e, d->frame);
}
