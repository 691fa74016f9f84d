/* classifier/challenge.h - RST and SYN that no connection takes at their word (RFC 5961)
 *
 * A RST whose number is not exactly the next one, or a SYN inside a connection, may be an attack or
 * the honest answer of an end that has lost its state.  The box refuses the packet and asks its
 * sender by an acknowledgement of its own: an honest one answers with the exact RST.  The real
 * receiver is not asked: it would see a number that the box may have moved.
 */
#ifndef FOS_CLASSIFIER_CHALLENGE_H
#define FOS_CLASSIFIER_CHALLENGE_H

#include "classifier/packet.h"

/* Refuses the packet (TCP flags `flags`); its frame goes.  The sender is asked at most twice a second,
 * all senders together at most 1000 times a second (challenges_limited counts the others), and
 * only on a connection that is established and not over.  The ends of an opaque flow see each
 * other's numbers: there the packet passes, and the receiver asks. */
void fos_challenge(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		   uint8_t flags);

#endif
