/* egress/build.h - packets that the box makes, in its own frames
 *
 * Link, VLAN and IP headers come from the newest packet of the direction (its TTL, TOS and flow
 * label stay), or mirrored from the other direction while this one has not been seen.
 */
#ifndef FOS_EGRESS_BUILD_H
#define FOS_EGRESS_BUILD_H

#include "egress/egress.h"
#include "egress/header.h"

/* Keeps the headers of a packet of this direction as the template, but for the TTL or hop limit: the
 * highest that has come stays.  A sender may give a packet too few hops to arrive; what stands for
 * bytes and ends that modules have seen is to go as far as the connection does. */
void fos_build_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h);

/* That TTL; 0: no packet has come yet. */
uint8_t fos_build_ttl(const struct fos_egress *e, uint32_t flow);

/* Largest IP packet that fits the way out of this direction: its port's MTU, a path MTU message. */
uint32_t fos_build_mtu(const struct fos_egress *e, uint32_t flow);

/* Copies link, VLAN and IP headers, options and extension headers too, for a packet of this
 * direction (at most 24 + 40 + FOS_EXT_MAX bytes) to `to`.  Returns their length, 0: nothing is known
 * of either direction; *l3 = offset of the IP header.  Lengths, protocol and checksum are stale. */
uint32_t fos_build_template(struct fos_egress *e, uint32_t flow, uint8_t *to, uint32_t *l3,
			    uint16_t *link);

/* A packet under construction. */
struct fos_build {
	uint32_t frame;
	uint32_t flow;
	uint8_t *payload;
	uint32_t head; /* bytes of IP and transport headers */
	uint32_t room; /* payload bytes that fit frame, path and, for TCP, the receiver's MSS */
};

/* Begins a TCP segment in a free frame, with nr SACK blocks [left, right).  False: no free frame, or
 * nothing known of either direction. */
bool fos_build_tcp(struct fos_egress *e, uint32_t flow, uint32_t (*sack)[2], uint32_t nr,
		   struct fos_build *b);

/* The congestion bits that it has, and those that it is to have; before fos_build_end(). */
uint8_t fos_build_marks(const struct fos_egress *e, const struct fos_build *b);
void fos_build_ecn(struct fos_egress *e, const struct fos_build *b, uint8_t ecn);

/* Begins a UDP datagram. */
bool fos_build_udp(struct fos_egress *e, uint32_t flow, struct fos_build *b);

/* Fills in the lengths; the metadata then describe a packet whose checksum is to be computed. */
void fos_build_end(struct fos_egress *e, struct fos_build *b, uint32_t len);

#endif
