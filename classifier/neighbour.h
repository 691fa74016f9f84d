/* classifier/neighbour.h - ARP requests and neighbour solicitations for addresses that PMs own
 *
 * A PM that translates addresses publishes those of its pool (struct fos_pm_region, owned[]); no
 * host has them, so the box answers, with the address of the port that the question came in by.
 * The question is found here; egress builds the answer (egress/reply.h).
 */
#ifndef FOS_CLASSIFIER_NEIGHBOUR_H
#define FOS_CLASSIFIER_NEIGHBOUR_H

#include "classifier/batch.h"

/* Tells the XDP program of addresses that PMs have published since (all of them, after a restart):
 * what it does not know of stays with the bridge.  Once per pass; a look per PM when nothing is
 * new. */
void fos_neighbour_publish(struct fos_classifier *c);

/* True: the packet is a question for an owned address, and is on its way to be answered
 * (FOS_DESC_REPLY: len = port). */
bool fos_neighbour_answer(struct fos_classifier *c, const struct fos_frame_meta *m,
			  uint32_t frame, uint32_t gen);

#endif
