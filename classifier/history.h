/* classifier/history.h - what has happened on a flow so far, kept (shm/history.h)
 *
 * Caller: the classifier, in its batch: records are private words of its transaction.
 */
#ifndef FOS_CLASSIFIER_HISTORY_H
#define FOS_CLASSIFIER_HISTORY_H

#include "classifier/batch.h"

/* The record of a live flow, to be changed: its own, or a fresh one.  Another live flow's is forgotten
 * where there is no other place (counted: events_forgotten).  NULL: the flow is not live. */
struct fos_flow_events *fos_history_keep(struct fos_classifier *c, uint32_t flow);

#endif
