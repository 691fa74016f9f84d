/* egress/timer.h - own retransmission, window probes, and acknowledgements that are owed
 *
 * Inline only.  Bytes are resent on the box's own account only for flows that were edited: the
 * sender of an untouched flow does that itself.
 */
#ifndef FOS_EGRESS_TIMER_H
#define FOS_EGRESS_TIMER_H

#include "egress/egress.h"

/* Starts the flow's timer unless it runs (retransmission, or window probe when it is blocked). */
void fos_timer_start(struct fos_egress *e, uint32_t flow);

/* Direction `flow` owes its receiver an acknowledgement: it is made in about 1 ms unless a
 * packet carries it before.  fos_timer_ack_done(): one did. */
void fos_timer_ack_due(struct fos_egress *e, uint32_t flow);
void fos_timer_ack_done(struct fos_egress *e, uint32_t flow);

/* Looks at it in about 1 ms: fos_again_look() of the opposite direction. */
void fos_timer_look(struct fos_egress *e, uint32_t flow);

/* Does what is due; returns how much that was. */
uint32_t fos_timer_run(struct fos_egress *e);

/* When the next thing is due, or UINT64_MAX. */
uint64_t fos_timer_next(const struct fos_egress *e);

#endif
