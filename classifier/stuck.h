/* classifier/stuck.h - a sender that cannot go on before a PM lets go of bytes
 *
 * What a PM holds is not acknowledged.  Where the segment behind the held bytes was lost, a sender that
 * has fallen back to its timer sends the first unacknowledged bytes, those held, again and again, and
 * the missing ones only after an acknowledgement (RFC 6298 section 5).  Waiting for them would be
 * waiting for nothing: the hold ends.  A sender behind whose bytes nothing has come yet may just be
 * slow; there the hold has its time.
 */
#ifndef FOS_CLASSIFIER_STUCK_H
#define FOS_CLASSIFIER_STUCK_H

#include "classifier/batch.h"

/* Bytes [pos, pos+len) of the flow came again.  The second time, a timeout after the first, with
 * bytes beyond a hole waiting, the flow's PMs are told (fos_flow.stuck_ns). */
void fos_stuck_again(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len,
		     uint64_t time_ns);

#endif
