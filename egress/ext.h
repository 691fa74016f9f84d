/* egress/ext.h - IP options and extension headers of a direction, for packets that the box makes
 *
 * What stands between the basic IP header and the transport header of the newest packet: IPv4
 * options, or IPv6 hop-by-hop, destination, routing and atomic fragment headers.  A fragment header
 * that says "fragment" is left out: what the box makes is whole.  There is place for some flows
 * only (FOS_EXT_SLOTS); beyond that their segments leave without.
 */
#ifndef FOS_EGRESS_EXT_H
#define FOS_EGRESS_EXT_H

#include "egress/egress.h"
#include "egress/header.h"

/* Keeps those of a packet of this direction.  `first` receives the protocol that the basic header is
 * to name. */
void fos_ext_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint8_t *first);

/* Copies them to `to` (FOS_EXT_MAX bytes of room); returns the length, 0 = none. */
uint32_t fos_ext_put(const struct fos_egress *e, uint32_t flow, uint8_t *to);

/* The source address that the checksum covers: the home address where a destination option names one
 * (RFC 6275 section 6.3), else the header's. */
const uint8_t *fos_ext_source6(const uint8_t *l3, const uint8_t *l4);

#endif
