/* classifier/timestamp.h - timestamps of a TCP direction (RFC 7323), as a Linux receiver takes them */
#ifndef FOS_CLASSIFIER_TIMESTAMP_H
#define FOS_CLASSIFIER_TIMESTAMP_H

#include "classifier/classifier.h"
#include "classifier/tcp_state.h"

/* May the segment be taken?  Not when it carries bytes (or a FIN) and is too old by its timestamp,
 * nor when the timestamp leaps so far ahead that all that follows would look old.  Without the
 * option, or where it was not agreed upon: yes. */
bool fos_timestamp_ok(const struct fos_classifier *c, uint32_t flow,
		      const struct fos_tcp_segment *seg, bool bytes);

/* A segment that does not lie ahead of the stream was taken: its timestamp counts from now on.  The
 * flow has been touched (batch.h). */
void fos_timestamp_take(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

#endif
