/* classifier/unread.h - sides of TCP connections that no module reads: nothing waits for a hole
 *
 * Where every module of the flow's pipeline that watches a side has let its bytes go for good (its head
 * stands at FOS_POS_MAX), or none ever watched it, a segment ahead of a hole goes on at once, and what was
 * kept when the last reader left goes on then.  The queue goes on to note where such bytes lie
 * (FOS_PIECE_GONE), so that events and both ends' numbers stay what they are; when the hole is filled they
 * become part of the stream, which egress passes without sending anything.  What comes again of them goes
 * on again.  Egress neither keeps them nor speaks for them: the receiver sees the hole itself.
 *
 * Where the side was edited, not before egress has passed all edits: from then on its numbers lie a
 * constant distance apart.  There is no way back: heads only grow, and who has let a side go cannot move
 * the flow to other readers.  Still in order go packets in several frames, those larger than the way out
 * takes, and on an edited side what inserted bytes leave no room for in the receiver's window.  In
 * captures everything does.
 */
#ifndef FOS_CLASSIFIER_UNREAD_H
#define FOS_CLASSIFIER_UNREAD_H

#include "classifier/batch.h"

/* Does nobody read this side any more?  The flow is TCP and has app readers on one of its sides. */
bool fos_unread(struct fos_classifier *c, uint32_t flow);

/* The segment in hand brings [pos, end): does it go on ahead of a hole?  What is kept there goes first. */
bool fos_unread_ahead(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		      uint64_t pos, uint64_t end);

/* It does: its frame is egress's. */
void fos_unread_send(struct fos_classifier *c, uint32_t flow, const struct fos_part *part);

/* Something is kept ahead of a hole: does it go on?  False: room ran out, look again. */
bool fos_unread_look(struct fos_classifier *c, uint32_t flow);

#endif
