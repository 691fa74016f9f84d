/* egress/again.h - segments that came again, and segments that came before their turn */
#ifndef FOS_EGRESS_AGAIN_H
#define FOS_EGRESS_AGAIN_H

#include "egress/egress.h"

/* FOS_DESC_REXMIT: bytes still in the pipeline are ignored, of those sent and not acknowledged the
 * box sends its own copy, those acknowledged are acknowledged once more. */
void fos_again(struct fos_egress *e, const struct fos_desc *d);

/* FOS_DESC_OOO: there is a hole before the box, which the receiver cannot see; the box tells the
 * sender at once, by a duplicate acknowledgement with what the OOSEQ queue holds. */
void fos_again_early(struct fos_egress *e, const struct fos_desc *d);

/* The receiver has acknowledged all that the box has in order.  If more waits behind a hole, the
 * sender is told of it once more: it may have counted the first duplicates for an earlier loss
 * (RFC 6582), and if its window is full no more will come.  With SACK at once; without, when it has
 * not moved for some milliseconds, and again after twice as long: more duplicates than segments
 * wait would read as reordering. */
void fos_again_hole(struct fos_egress *e, uint32_t flow);

/* A millisecond has passed (fos_timer_look()). */
void fos_again_look(struct fos_egress *e, uint32_t flow);

#endif
