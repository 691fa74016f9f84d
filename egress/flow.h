/* egress/flow.h - a flow's bytes leave: the view after the last stage becomes packets */
#ifndef FOS_EGRESS_FLOW_H
#define FOS_EGRESS_FLOW_H

#include "egress/egress.h"
#include "shm/view.h"

/* Sends what the flow may send now, publishes its progress.  What stops for want of room is
 * looked at again in a later batch. */
void fos_flow_run(struct fos_egress *e, uint32_t flow);

/* Shared by flow.c, tcp_end.c and udp.c. */

/* Accounts for input up to `base` that has no output: deletion.  False: no map node. */
bool fos_flow_skip(struct fos_egress *e, uint32_t flow, uint64_t base);

/* Publishes how far a flow has come: its input up to `in`, where v stands.  False: frames of pieces
 * that have been passed are still to be taken over, in the next run. */
bool fos_flow_publish(struct fos_egress *e, uint32_t flow, const struct fos_view *v, uint64_t in);

/* A finished flow: what still comes is only taken over; publishes `done` once modules are through. */
void fos_flow_drain(struct fos_egress *e, uint32_t flow);

/* Sends a segment that was just retained; offline it waits for its turn by frame number. */
void fos_flow_emit(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* The last packet of a direction: FIN or RST, once everything before has left. */
bool fos_tcp_end_due(const struct fos_egress *e, uint32_t flow);
void fos_tcp_end_fin(struct fos_egress *e, uint32_t flow);
bool fos_tcp_end_reset(struct fos_egress *e, uint32_t flow);

void fos_udp_run(struct fos_egress *e, uint32_t flow, struct fos_view *v);

#endif
