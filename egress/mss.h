/* egress/mss.h - the largest segment that both ends are to announce (configuration: tcp.mss) */
#ifndef FOS_EGRESS_MSS_H
#define FOS_EGRESS_MSS_H

#include "egress/egress.h"
#include "egress/header.h"

/* The bound on an announced MSS; 0 = none.  RFC 9293 section 3.7.1: headers without options. */
uint32_t fos_mss_bound(const struct fos_egress *e, bool v6);

/* Lowers the MSS option of a SYN segment to the bound; other packets stay.  The headers have been
 * kept (fos_header_restore()). */
void fos_mss_clamp(struct fos_egress *e, struct fos_header *h);

/* Does the packet announce more than the bound? */
bool fos_mss_exceeds(const struct fos_egress *e, const struct fos_header *h);

#endif
