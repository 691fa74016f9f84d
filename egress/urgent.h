/* egress/urgent.h - urgent data (RFC 6093): its flag and pointer are cleared, or kept true
 *
 * `tcp: urgent` decides.  Cleared, the urgent byte is a byte of the stream for modules and receiver
 * alike.  Translated, the pointer follows the byte that it points behind through all edits; a byte
 * that was deleted without replacement is not urgent any more.
 */
#ifndef FOS_EGRESS_URGENT_H
#define FOS_EGRESS_URGENT_H

#include "egress/egress.h"
#include "egress/header.h"

/* Notes the pointer of a packet whose payload begins at input position `in`. */
void fos_urgent_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint64_t in);

/* A segment that leaves at output position `out`: fills what w says of urgent data.  `in`: input
 * position of its own pointer's origin, UINT64_MAX = the box built it. */
void fos_urgent_fill(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint64_t in,
		     uint64_t out, struct fos_header_tcp *w);

#endif
