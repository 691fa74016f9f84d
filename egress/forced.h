/* egress/forced.h - heads that egress imposes on PMs: quarantine, and bypass while a PM is down
 *
 * Egress is where it is known whether a flow's edits are all acknowledged, so it decides what becomes
 * of a flow whose PM cannot go on with it, and writes that into its own region (struct fos_forced).
 */
#ifndef FOS_EGRESS_FORCED_H
#define FOS_EGRESS_FORCED_H

#include "egress/egress.h"

/* Looks at what the keeper says of dead PMs, and acts; cheap when nothing has happened.  Begin of a
 * batch: commits for itself.  Returns how many heads were forced. */
uint32_t fos_forced_work(struct fos_egress *e);

/* Takes a flow out of the hands of a PM that has broken the rules on it; commits. */
void fos_forced_over(struct fos_egress *e, uint32_t pm, uint32_t flow, uint32_t gen);

/* When it wants to look again, or UINT64_MAX. */
uint64_t fos_forced_next(const struct fos_egress *e);

#endif
