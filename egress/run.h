/* egress/run.h - one run of one flow: what flow.c and plain.c share */
#ifndef FOS_EGRESS_RUN_H
#define FOS_EGRESS_RUN_H

#include "egress/build.h"
#include "egress/egress.h"
#include "egress/expect.h"
#include "egress/frames.h"
#include "egress/header.h"
#include "egress/out.h"
#include "shm/view.h"

struct fos_run {
	struct fos_egress *e;
	uint32_t flow;
	struct fos_tcb *t;
	struct fos_build b; /* segment under way: frame FOS_NONE = none */
	bool own;           /* it is being built; else it is a packet's own frame */
	uint32_t len;
	uint64_t delta; /* output is that much further than the view's positions (struct fos_route) */
	uint64_t number, time_ns; /* offline: of the newest piece in it */
	uint32_t template_of; /* frame whose headers the template has */
	struct fos_expect expect;
	uint32_t near;      /* newest piece in it, FOS_NONE: none yet; and the position after its packet */
	uint64_t passed;
	uint8_t ecn;        /* CWR, ECE (offline PSH) of packets whose bytes are being copied */
	uint8_t marks;      /* congestion bits of the newest of them, and of the segment */
	uint8_t seg_marks;
	bool fin_here;      /* the newest piece in it brought the FIN */
	bool blocked;       /* by the window */
	bool again;         /* by anything else: look again */
	bool plain;         /* no edit is near: fos_plain_send() may be asked */
	uint64_t file_batch; /* in which its struct fos_tcb_file was kept last */
	bool unread;        /* no module reads it, no edit is to come */
	struct fos_view view; /* last: not cleared at the beginning */
};

/* Closes the segment under way and sends it. */
void fos_run_flush(struct fos_run *r, bool last, bool fin);

/* Is the piece a packet's whole payload, whose frame may leave as it is?  mtu: fos_run_mtu(). */
static inline bool fos_run_whole(const struct fos_run *r, const struct fos_piece *pc, uint32_t mtu)
{
	const struct fos_frame_meta *m = fos_box_meta(&r->e->p->box, pc->frame);

	return (pc->flags & (FOS_PIECE_WHOLE | FOS_PIECE_BORROWED | FOS_PIECE_SYN)) == FOS_PIECE_WHOLE &&
	       m->payload_off == pc->off && m->payload_len == pc->len && m->flags & FOS_PKT_TCP &&
	       m->l4_off && m->l3_len <= mtu &&
	       (uint32_t)(m->payload_off - m->data_off) <= FOS_HEADER_KEPT_MAX;
}

/* What the way out takes; captures take anything. */
static inline uint32_t fos_run_mtu(const struct fos_run *r)
{
	return r->e->p->offline ? UINT32_MAX : fos_build_mtu(r->e, r->flow);
}

/* The piece's packet is the segment under way, in its own frame.  False: the frame is not there. */
static inline bool fos_run_take(struct fos_run *r, const struct fos_piece *pc)
{
	struct fos_seg *s;

	fos_run_flush(r, false, false);
	if (!fos_frames_claim(r->e, pc->frame, pc->gen))
		return false;
	s = &r->e->segs[pc->frame];
	s->flow = r->flow;
	s->pos = r->t->out;
	s->in_pos = pc->pos;
	s->gen = pc->gen;
	r->b.frame = pc->frame;
	r->own = false;
	r->len = pc->len;
	return true;
}

/* Of a capture: the piece's place among its packets.  A stream leaves in its order, also where a packet of
 * it had come early. */
static inline struct fos_tcb_file *fos_run_place(struct fos_run *r, const struct fos_piece *pc)
{
	struct fos_tcb_file *x = &r->e->files[r->flow];

	if (r->file_batch != r->e->batch) {
		fos_out_file(r->e, r->flow);
		r->file_batch = r->e->batch;
	}
	if (pc->number >= x->number) {
		x->number = pc->number;
		x->time_ns = fos_box_meta(&r->e->p->box, pc->frame)->time_ns;
	}
	r->number = x->number;
	r->time_ns = x->time_ns;
	return x;
}

#endif
