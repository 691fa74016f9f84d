/* egress/recut.h - retained segments that the path has become too small for
 *
 * A path MTU message shrinks what may leave after segments have left.  Such a segment is replaced
 * by several before it is sent again, the bytes being the same; PSH and FIN are on the last.
 */
#ifndef FOS_EGRESS_RECUT_H
#define FOS_EGRESS_RECUT_H

#include "egress/egress.h"

/* Is the retained segment in `frame` too long for the way out? */
bool fos_recut_needed(const struct fos_egress *e, uint32_t flow, uint32_t frame);

/* Replaces it; returns the frame of the first part, FOS_NONE when there are no free frames (the
 * segment stays as it is). */
uint32_t fos_recut(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* Sends what is retained and too long again, cut anew: nobody else may know that it is lost. */
void fos_recut_resend(struct fos_egress *e, uint32_t flow);

#endif
