/* egress/retain.h - segments that were sent and are not acknowledged yet, in their frames */
#ifndef FOS_EGRESS_RETAIN_H
#define FOS_EGRESS_RETAIN_H

#include "egress/egress.h"

/* Appends the segment in `frame` (its record is filled) to its flow's list. */
void fos_retain_add(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* Position after a segment, the FIN counting one. */
static inline uint64_t fos_retain_end(const struct fos_seg *s)
{
	return s->pos + s->len + ((s->flags & FOS_SEG_FIN) ? 1 : 0);
}

/* Frees what lies below the flow's una, a bounded number at a time (true: there is more).
 * *sent_ns: when the newest of them was sent, 0 when one of them was sent more than once. */
bool fos_retain_ack(struct fos_egress *e, uint32_t flow, uint64_t *sent_ns);

/* Tells the classifier how many segments the flow keeps: the bound on them is kept there. */
void fos_retain_tell(struct fos_egress *e, uint32_t flow);

/* Frees everything. */
void fos_retain_drop(struct fos_egress *e, uint32_t flow);

#endif
