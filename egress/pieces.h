/* egress/pieces.h - the pieces of app streams: their frames are egress's once they are passed */
#ifndef FOS_EGRESS_PIECES_H
#define FOS_EGRESS_PIECES_H

#include "egress/egress.h"

/* Takes over and frees the frames of pieces that end at or below `upto`, except those that were
 * sent in their own frame.  Returns the position below which no piece is needed any more: `upto`,
 * or less when the transaction has no room for more now. */
uint64_t fos_pieces_take(struct fos_egress *e, uint32_t flow, uint64_t upto);

/* Everything up to the tail and the end markers: the flow is finished.  Ends batches as needed. */
void fos_pieces_take_all(struct fos_egress *e, uint32_t flow);

/* What follows a piece, when that is known already; or FOS_NONE. */
uint32_t fos_pieces_after(const struct fos_egress *e, uint32_t flow, const struct fos_piece *pc);

/* The next piece that ends at or below `upto` (with no bytes: whose end is announced), for who sends
 * each frame as it came: *pc = a copy, marked taken; its frame, if it owns it, is the caller's to
 * claim.  False: there is none. */
bool fos_pieces_peek(struct fos_egress *e, uint32_t flow, struct fos_piece *pc);
bool fos_pieces_next(struct fos_egress *e, uint32_t flow, uint64_t upto, struct fos_piece *pc);

/* The next piece without bytes that carries one of the flags (FOS_PIECE_FIN, _RST), once all
 * bytes have been passed: marks it taken, claims its frame and returns it, or FOS_NONE. */
uint32_t fos_pieces_take_end(struct fos_egress *e, uint32_t flow, uint16_t flags);

/* The frame of the piece that fos_pieces_take_end() would give, nothing being taken; or FOS_NONE. */
uint32_t fos_pieces_end(struct fos_egress *e, uint32_t flow, uint16_t flags);

#endif
