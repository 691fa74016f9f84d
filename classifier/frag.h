/* classifier/frag.h - IP fragments become a packet
 *
 * The fragments of a datagram stay in their frames until all are there; then they are one packet
 * of several parts.  Bounded in datagrams, in fragments of one, and in time.  Any overlap that is
 * not an exact duplicate ends the datagram: what two ends would make of it differs.
 *
 * A first fragment too small for the transport header is refused over IPv6 (RFC 7112) and below 8
 * bytes over IPv4.  Where IPv4 cuts a TCP header in two, the whole is put together before anything
 * looks at it; it leaves in segments of the box's own, or not at all (RFC 1858): fos_packet_forward().
 *
 * What nobody changes leaves in the fragments that it came in; the rest is egress/refrag.h's.
 */
#ifndef FOS_CLASSIFIER_FRAG_H
#define FOS_CLASSIFIER_FRAG_H

#include "classifier/batch.h"

#define FOS_FRAG_NS 30000000000ull

/* Takes a fragment, whose metadata are checked and whose parts are c->part. */
void fos_frag_input(struct fos_classifier *c, const struct fos_packet *pkt);

/* Gives up datagrams that have waited too long, `all`: every one.  Returns how many. */
uint32_t fos_frag_expire(struct fos_classifier *c, bool all);

/* When the oldest is given up; UINT64_MAX = there is none. */
uint64_t fos_frag_next(const struct fos_classifier *c);

#endif
