/* classifier/progress.h - what PMs and egress have done: gate, packet stages, verdicts, reclaiming */
#ifndef FOS_CLASSIFIER_PROGRESS_H
#define FOS_CLASSIFIER_PROGRESS_H

#include "classifier/batch.h"

/* Looks at a flow that a PM or egress has published something about.  False: room ran out, the
 * hint is to be looked at again in the next batch. */
bool fos_progress_flow(struct fos_classifier *c, uint32_t flow, uint32_t gen);

/* Goes on looking at all live flows, if hints were lost or after a restart.  Returns how many. */
uint32_t fos_progress_walk(struct fos_classifier *c);

#endif
