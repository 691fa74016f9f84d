/* classifier/goodbye.h - both directions of a TCP connection have ended
 *
 * The box knows all bytes then.  The last acknowledgement is still to come; with it, or when it does
 * not, PMs are told.  Of a connection that shows one direction only, that one's end is all there is.
 */
#ifndef FOS_CLASSIFIER_GOODBYE_H
#define FOS_CLASSIFIER_GOODBYE_H

#include "classifier/batch.h"

/* The flow's stream has ended by a FIN. */
void fos_goodbye_fin(struct fos_classifier *c, uint32_t flow, uint64_t time_ns);

/* A segment of the flow was taken: is it the last acknowledgement? */
void fos_goodbye_ack(struct fos_classifier *c, uint32_t flow);

#endif
