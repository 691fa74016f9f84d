/* egress/opaque.h - flows whose packets leave exactly as they came
 *
 * A signature covers numbers that the box would change, MPTCP numbers bytes a second time, and
 * where only one direction passes nobody tells what has arrived.  On such flows (FOS_FLOW_OPAQUE)
 * packets leave in the order of the stream, as soon as the PMs that read them have passed: untouched,
 * and not kept.  What comes again goes on again.  The box makes no packet of its own.
 */
#ifndef FOS_EGRESS_OPAQUE_H
#define FOS_EGRESS_OPAQUE_H

#include "egress/egress.h"
#include "shm/view.h"

/* Inline only: in a capture nobody waits for what the box would have to make. */
static inline bool fos_opaque(const struct fos_egress *e, uint32_t flow)
{
	return !e->p->offline && e->p->box.flows[flow].flags & FOS_FLOW_OPAQUE;
}

/* Sends what the view shows to be passed. */
void fos_opaque_run(struct fos_egress *e, uint32_t flow, const struct fos_view *v);

/* A retransmission (FOS_DESC_REXMIT) of an opaque flow goes on; false: it is of another one. */
bool fos_opaque_again(struct fos_egress *e, const struct fos_desc *d);

#endif
