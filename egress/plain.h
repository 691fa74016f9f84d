/* egress/plain.h - pieces that leave exactly as they came, one after the other
 *
 * Nearly all bytes are a packet's whole payload, in order, unedited, with room in the receiver's window.
 * What a run asks of the view for every span is asked here once, for all of them; whatever is otherwise is
 * left as it is, and flow.c takes the next step.
 */
#ifndef FOS_EGRESS_PLAIN_H
#define FOS_EGRESS_PLAIN_H

#include "egress/run.h"

/* Are there bytes, and no edits among them, so that fos_plain_send() is worth asking? */
bool fos_plain_may(const struct fos_run *r);

/* Up to max pieces at the cursor leave in their own frames; returns how many. */
uint32_t fos_plain_send(struct fos_run *r, uint32_t max);

#endif
