/* egress/icmp.h - what a PM's rewrite means for ICMP: identifiers, and the packets that errors quote
 *
 * An echo's identifier stands for the port of the one who asked.  An error goes against the packet
 * that it quotes, so what the rewrite says of its destination is the quoted packet's source: it is
 * shown to the receiver as that host sent it.
 */
#ifndef FOS_EGRESS_ICMP_H
#define FOS_EGRESS_ICMP_H

#include "egress/header.h"

/* Applies rw to an ICMP or ICMPv6 packet's own fields (the IP header is the caller's).  The
 * checksum is kept in h, as in egress/header.h.  Does nothing to other packets, nor to a quotation
 * that is cut short. */
void fos_icmp_rewrite(struct fos_header *h, const struct fos_rewrite *rw);

#endif
