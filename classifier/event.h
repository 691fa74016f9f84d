/* classifier/event.h - what has happened on a flow, kept for those who will ask
 *
 * One line of counts per flow (struct fos_flow_events), changed inside the batch's transaction: a
 * batch that is undone has not happened.  A side's events are noted on the flow that it sends.
 */
#ifndef FOS_CLASSIFIER_EVENT_H
#define FOS_CLASSIFIER_EVENT_H

#include "classifier/batch.h"

/* `len` bytes at app position `pos` of the flow, in the packet of `time_ns`. */
void fos_event_note(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind, uint64_t pos,
		    uint32_t len, uint64_t time_ns);

/* Notes a window overrun when bytes up to `end` go beyond what the receiver has offered; the box keeps
 * them until there is room.  Not on flows whose numbers an edit has moved: there only egress knows
 * the edge. */
void fos_event_window(struct fos_classifier *c, uint32_t flow, int64_t end, uint64_t time_ns);

#endif
