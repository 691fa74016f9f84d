/* classifier/stuck.h - a sender that cannot go on before a PM lets go of bytes
 *
 * What a PM holds is not acknowledged.  A sender that has fallen back to its timer sends the first
 * unacknowledged bytes, those held, again and again, and others only after an acknowledgement (RFC
 * 6298 section 5, RFC 5681 section 3.1: its congestion window is one segment, and those bytes fill it).
 * Waiting for the rest of them would be waiting for nothing, whether that was lost or never sent: the
 * hold ends.  The first repetition may be a probe (TLP) or a fast retransmission; the second is a timer's.
 */
#ifndef FOS_CLASSIFIER_STUCK_H
#define FOS_CLASSIFIER_STUCK_H

#include "classifier/batch.h"

/* Bytes [pos, pos+len) of the flow came again.  The second time, a timeout after the first, the flow's
 * PMs are told (fos_flow.stuck_ns). */
void fos_stuck_again(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len,
		     uint64_t time_ns);

#endif
