/* egress/again.h - segments that came again, and segments that came before their turn */
#ifndef FOS_EGRESS_AGAIN_H
#define FOS_EGRESS_AGAIN_H

#include "egress/egress.h"
#include "egress/header.h"

/* FOS_DESC_REXMIT: bytes still in the pipeline are ignored, of those sent and not acknowledged the
 * box sends its own copy, those acknowledged are acknowledged once more.  True: the frame is used up, as
 * it has itself gone on (early.h). */
bool fos_again(struct fos_egress *e, const struct fos_desc *d);

/* A segment without payload on a connection that the box has given up: its sender has missed the
 * reset, is told once more, and true is returned.  Else false. */
bool fos_again_given_up(struct fos_egress *e, uint32_t flow, const struct fos_header *h);

/* FOS_DESC_OOO: there is a hole before the box, which the receiver cannot see; the box tells the
 * sender, by duplicate acknowledgements with what the OOSEQ queue holds, as soon as the receiver has
 * acknowledged what comes before the hole, and in any case when it has not got on for 20 ms or one and a
 * half round trips to it (32 ms while PMs have bytes before the hole; the end of a packet whose beginning
 * has left is held, and not waited for).  If the sender knows of that hole, it is the one that was there
 * when the segment came, though it may have been filled since.  Each of the first three behind a hole has
 * an acknowledgement of its own, as each has where blocks are not agreed on; of others fos_again_told()
 * tells. */
void fos_again_early(struct fos_egress *e, const struct fos_desc *d);

/* The batch has ended: one acknowledgement for those segments of it that needed none of their own (or
 * several, where one does not hold all their blocks). */
void fos_again_told(struct fos_egress *e);

/* Everything before the hole has been sent: asks the receiver to acknowledge it at once, by its last byte
 * once more.  (It may otherwise delay that by 40 ms, RFC 9293 section 3.8.6.3; without the box the
 * segments beyond the hole would have made it hurry.)  Does nothing where nobody waits for it. */
void fos_again_prompt(struct fos_egress *e, uint32_t flow);

/* The receiver has acknowledged all that the box has in order.  If more waits behind a hole, the
 * sender is told of it once more: it may have counted the first duplicates for an earlier loss
 * (RFC 6582), and if its window is full no more will come.  With SACK at once; without, when it has
 * not moved for some milliseconds, and again after twice as long: more duplicates than segments
 * wait would read as reordering. */
void fos_again_hole(struct fos_egress *e, uint32_t flow);

/* An acknowledgement for the sender of `flow` is due.  Is it to wait, for 64 ms at the most, as it would be
 * a step through bytes of which the sender was told (sack.h)?  After the first such step Linux stops
 * mending losses until the next, and after 10 ms takes the receiver for one that has dropped them. */
bool fos_again_rises(struct fos_egress *e, uint32_t flow);

/* A millisecond has passed (fos_timer_look()). */
void fos_again_look(struct fos_egress *e, uint32_t flow);

#endif
