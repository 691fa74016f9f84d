/* egress/icmp_error.h - ICMP errors about packets that the box sent on
 *
 * An error travels along flow f, against the packets of the peer flow, one of which it quotes as it
 * left the box.  It is shown to the sender in the sender's own addresses and numbers (RFC 5508); one
 * whose sequence number is not in flight is dropped (RFC 5927 section 4).  What it says of the
 * path's MTU also binds the box (RFC 1191, RFC 8201): for what it builds and for what it resends.
 */
#ifndef FOS_EGRESS_ICMP_ERROR_H
#define FOS_EGRESS_ICMP_ERROR_H

#include "egress/egress.h"

/* Sends on the error in `frame`, which is claimed and was found to belong to `flow`; or frees it. */
void fos_icmp_error_forward(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port);

#endif
