/* classifier/successor.h - a connection on ports that another one has had just before
 *
 * The box knows that the other one is over; an end may not: its reset was lost, died with a process of the
 * box, or had too few hops to live.  What such an end says, and what is said to it, stands in numbers of
 * the old connection and in bytes that no module would see.  So until both ends have begun the new one,
 * a segment of the old is answered as its addressee would answer it that had forgotten (RFC 9293 section
 * 3.5.1): with a reset, in the number that its sender expects.
 */
#ifndef FOS_CLASSIFIER_SUCCESSOR_H
#define FOS_CLASSIFIER_SUCCESSOR_H

#include "classifier/batch.h"

/* The connection of `flow` makes way for another: may an end of it, or of the one before it, go on?
 * Asked before it is taken out of the table. */
bool fos_successor_due(struct fos_classifier *c, uint32_t flow);

/* `flow` (forward) is that other one. */
void fos_successor_mark(struct fos_classifier *c, uint32_t flow);

bool fos_successor_is(const struct fos_classifier *c, uint32_t flow);

/* Answers the segment with a reset; it goes no further (drop_tcp_closed). */
void fos_successor_answer(struct fos_classifier *c, struct fos_packet *pkt);

#endif
