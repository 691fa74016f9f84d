/* egress/rest.h - the rest of a flow that is over for egress: modules read it, nothing leaves
 *
 * A reset, an eviction or a timer ends a flow while modules still have bytes of it before them, in both
 * directions.  Those are theirs to read: pieces and edits are given back as modules get past them, as on
 * a flow that lives, only that what they release is thrown away.  The flow is done when they have released
 * all of it or have closed, or FOS_REST_NS after its end: one that hangs is not waited for longer.
 */
#ifndef FOS_EGRESS_REST_H
#define FOS_EGRESS_REST_H

#include "egress/egress.h"

#define FOS_REST_NS 7000000000ull /* (as long as the classifier waits for FOS_PM_CLOSED) */

/* Goes on through what modules have released of a flow that is FOS_TCB_DONE and publishes how far that
 * is.  True: nobody needs anything of it any more. */
bool fos_rest_read(struct fos_egress *e, uint32_t flow);

#endif
