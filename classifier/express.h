/* classifier/express.h - the straight way of a plain segment
 *
 * Most packets are one frame that continues an open TCP connection whose bytes modules read: the next
 * bytes, or nothing but an acknowledgement.  All that admit.c, deliver.c, tcp_in.c and reassembly.c would
 * ask about such a packet is asked here at once, before anything of the flow is changed; then what they
 * would do is done in one go.  Whatever is not plain finds its way there as it is.
 */
#ifndef FOS_CLASSIFIER_EXPRESS_H
#define FOS_CLASSIFIER_EXPRESS_H

#include "classifier/batch.h"
#include "classifier/tcp_state.h"

/* Is it worth trying, by the flags of its header and the states of the ends? */
static inline bool fos_express_may(const struct fos_classifier *c, uint32_t flow, const uint8_t *tcp)
{
	return (tcp[13] & (FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST | FOS_TCP_ACK)) == FOS_TCP_ACK &&
	       c->flows[flow].tcp_state == FOS_TCP_ST_ESTABLISHED &&
	       c->flows[FOS_PEER(flow)].tcp_state == FOS_TCP_ST_ESTABLISHED;
}

/* Takes a TCP packet of one frame, in which nothing was found wrong but perhaps its checksum:
 * c->part[0] has the frame and our claim on it, `meta` is checked.  `flow` is the one with its
 * addresses, for which fos_express_may() holds.  False: it is not plain, and still in the caller's
 * hands. */
bool fos_express_take(struct fos_classifier *c, uint32_t flow, const struct fos_frame_meta *meta);

#endif
