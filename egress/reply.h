/* egress/reply.h - answers to ARP and neighbour solicitations for addresses that PMs own, and resets
 * for TCP segments that a PM refused
 *
 * The classifier has found that the packet asks for such an address; the answer says that the box's
 * port, by which the question came in, has it (RFC 826; RFC 4861 section 7.2.4).  A segment of a
 * connection that a PM has reset before it began, or without anybody reading its bytes, is answered as a
 * closed port would (RFC 9293 section 3.10.7.1), in the name of whom it was for.  An answer is built in
 * a frame of egress's own reserve: the question is not touched, so that a batch that is undone finds
 * it again as it came.
 */
#ifndef FOS_EGRESS_REPLY_H
#define FOS_EGRESS_REPLY_H

#include "egress/egress.h"

/* Sends the answer to the question in d->frame out of port d->len, and gives the question's frame up.
 * Counted as arp_answered or rsts_made; no frame to build it in, or no question after all: as a drop. */
void fos_reply_send(struct fos_egress *e, const struct fos_desc *d);

#endif
