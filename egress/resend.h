/* egress/resend.h - sending retained segments again */
#ifndef FOS_EGRESS_RESEND_H
#define FOS_EGRESS_RESEND_H

#include "egress/egress.h"

/* Sends again what covers output positions [lo, hi) of the flow; a segment still in the sink, or
 * sent again a moment ago, is skipped.  Returns segments sent. */
uint32_t fos_resend_range(struct fos_egress *e, uint32_t flow, uint64_t lo, uint64_t hi);

/* The flow's receiver acknowledged the same again; three times: a loss (RFC 5681).  Where the byte that
 * it misses is an inserted one, or one that the box told the sender of, nobody but the box sends it
 * again, and does at once; all others their sender is asked for.  sacked: left edge of the nearest
 * block that came with it, or the acknowledgement itself. */
void fos_resend_dupack(struct fos_egress *e, uint32_t flow, uint32_t sacked);

/* The oldest one, whatever its age. */
bool fos_resend_first(struct fos_egress *e, uint32_t flow);

#endif
