/* egress/run.h - one run of one flow: what flow.c and plain.c share */
#ifndef FOS_EGRESS_RUN_H
#define FOS_EGRESS_RUN_H

#include "egress/build.h"
#include "egress/egress.h"
#include "egress/expect.h"
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

#endif
