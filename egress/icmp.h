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

/* What an ICMP error says; TCP numbers in host order, as quoted. */
struct fos_icmp_quoted {
	bool v6;
	uint8_t proto;
	bool has_ack;
	bool too_big;   /* fragmentation needed, packet too big */
	uint32_t seq;
	uint32_t ack;
	uint32_t total; /* length of the quoted packet */
	uint32_t mtu;   /* as announced; 0 = the router does not say (RFC 1191 section 5) */
};

/* Reads an error's quotation; false: it is no error, or quotes too little. */
bool fos_icmp_quoted(const struct fos_header *h, struct fos_icmp_quoted *q);

/* Puts seq and ack (where it was there) into the quotation of a TCP segment; the error's own
 * checksum is computed anew.  The headers have been kept (fos_header_restore()). */
void fos_icmp_requote(struct fos_header *h, const struct fos_icmp_quoted *now);

#endif
