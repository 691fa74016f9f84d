/* egress/chain.h - packets that leave in several frames (AF_XDP multi-buffer)
 *
 * A chain is a packet that came so and whose bytes nobody changed (its first frame's headers may be),
 * or a datagram of the box's that fits the way out but no frame.  TCP streams leave in segments that
 * fit one frame each.
 */
#ifndef FOS_EGRESS_CHAIN_H
#define FOS_EGRESS_CHAIN_H

#include "egress/egress.h"

/* Sends a packet in `nr` claimed frames on, with the flow's rewrites (FOS_NONE: none); or frees them,
 * counted.  The caller has seen room for nr packets at the port. */
void fos_chain_send(struct fos_egress *e, uint32_t flow, const uint32_t *frame, uint32_t nr,
		    uint32_t port);

/* A FORWARD descriptor at the ring's head that others follow (d->len).  Returns how many entries were
 * used up; 0: no room now. */
uint32_t fos_chain_forward(struct fos_egress *e, const struct fos_desc *d);

#endif
