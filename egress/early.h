/* egress/early.h - segments of a side that no module reads, ahead of a hole (classifier/unread.h)
 *
 * They leave as soon as they come, a constant distance from their numbers, and are not kept, nor are those
 * in sequence: the receiver tells of holes, and the sender sends again, through here, what is lost.  Up to
 * fos_out_max() acknowledgements are then valid, though the stream has not come there.
 *
 * A sender that had been told by the box of what it kept (before the last module left) takes such bytes for
 * arrived; if they are lost behind the box, the receiver's acknowledgement in front of them says otherwise.
 */
#ifndef FOS_EGRESS_EARLY_H
#define FOS_EGRESS_EARLY_H

#include "egress/egress.h"
#include "shm/view.h"

/* FOS_DESC_EARLY: the segment leaves. */
void fos_early_send(struct fos_egress *e, const struct fos_desc *d);

/* Bytes came again (FOS_DESC_REXMIT, with its frame) that become [lo, hi) of the output.  Where some of
 * them are neither acknowledged nor kept because they left early, the packet goes on; false: it does not,
 * the frame is still the caller's. */
bool fos_early_again(struct fos_egress *e, const struct fos_desc *d, uint64_t lo, uint64_t hi);

/* Does no module read the side any more, and is there no edit in what is still to leave? */
bool fos_early_unread(const struct fos_egress *e, uint32_t flow, const struct fos_view *v);

/* A segment of such a side's stream is about to be sent for the first time.  True: it has left and is not
 * kept; its sender numbers it as the receiver does, or a constant distance apart. */
bool fos_early_unkept(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* Does the view come next to bytes that have left early?  Then they are *span, and it is behind them.
 * (No window is needed for them.) */
bool fos_early_next(const struct fos_egress *e, uint32_t flow, struct fos_view *v,
		    struct fos_span *span);

#endif
