/* classifier/reassembly.h - bytes in sequence order: the app stream and its OOSEQ queue
 *
 * The queue holds pieces ahead of a hole, ascending and disjoint.  A byte taken once does not
 * change: of overlapping copies the first one stands (in the queue the last, where modules want that:
 * overlap.h), what a later one adds around it is cut out of its frame as further pieces (all but the
 * last borrow the frame).  A piece with FOS_PIECE_FIN ends the stream; nothing is queued beyond one.
 */
#ifndef FOS_CLASSIFIER_REASSEMBLY_H
#define FOS_CLASSIFIER_REASSEMBLY_H

#include "classifier/batch.h"

/* struct fos_reasm_in - a run of bytes for a stream */
struct fos_reasm_in {
	const struct fos_packet *pkt;
	uint64_t pos;     /* of the first byte to be placed; not below the tail */
	uint32_t off;     /* of that byte in the packet's IP payload */
	uint32_t len;
	uint32_t flags;   /* enum fos_piece_flag for the piece that ends the run (PSH, FIN) */
	bool whole;       /* the run is the whole payload of a packet in one frame */
	bool gone;        /* ahead of a hole, and its frame goes on: only where it lies is noted */
};

#define FOS_REASM_GONE_SPAN (1u << 26) /* bytes from a hole up to the end of what has gone on ahead of it */
#define FOS_REASM_GONE_RUNS 1024u      /* runs of such bytes in a queue */

enum fos_reasm_result {
	FOS_REASM_TAKEN = 0,  /* at least one frame of the packet holds new bytes */
	FOS_REASM_NOTHING,    /* every byte was there before */
	FOS_REASM_NO_PIECE,   /* refused: piece pool */
	FOS_REASM_TOO_FAR     /* refused: bound on the OOSEQ queue */
};

/* Places the run: in the stream, or in the queue when it lies ahead of a hole; then moves what has
 * become contiguous into the stream.  Frames that hold no new byte are still the caller's when
 * the result is not FOS_REASM_TAKEN; else they have been dropped.  *differs is set when a byte
 * differs from the copy taken before. */
enum fos_reasm_result fos_reasm_place(struct fos_classifier *c, uint32_t flow,
				      const struct fos_reasm_in *in, bool *differs);

/* Do bytes [pos, pos+len) of the stream, at `off` of the packet, differ from pieces still held? */
bool fos_reasm_differs(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		       uint64_t pos, uint32_t off, uint32_t len);

/* Do `len` bytes of the packet at `off` differ from those of a piece at `at`? */
bool fos_reasm_bytes_differ(const struct fos_classifier *c, const struct fos_packet *pkt,
			    uint32_t off, const struct fos_piece *p, uint32_t at, uint32_t len);

/* The queue holds so many bytes and pieces more. */
void fos_reasm_account(struct fos_classifier *c, uint32_t flow, int64_t bytes, int pieces);

/* Copies bytes [pos, pos+len) of the first copy, as far as they are held and lie together, at most max of
 * them; returns how many.  *skip: the first lies that far behind pos. */
uint32_t fos_reasm_copy(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len,
			uint8_t *to, uint32_t max, uint32_t *skip);

/* Drops what the queue holds beyond the bound that the flow's PMs have set. */
void fos_reasm_trim(struct fos_classifier *c, uint32_t flow);

/* Appends a piece to the app stream.  `piece` is filled but for its links. */
void fos_reasm_append(struct fos_classifier *c, uint32_t flow, uint32_t piece);

/* Position of a queued FIN, or UINT64_MAX. */
uint64_t fos_reasm_pinned_fin(struct fos_classifier *c, uint32_t flow);

/* May the stream end at `fin` (nothing taken before contradicts)? */
bool fos_reasm_fin_fits(const struct fos_classifier *c, uint32_t flow, uint64_t fin,
			bool in_order);

/* Empties the queue; its frames are dropped for `reason`. */
void fos_reasm_flush(struct fos_classifier *c, uint32_t flow, uint32_t reason);

/* Gives back pieces that egress has passed.  False: room ran out. */
bool fos_reasm_reclaim(struct fos_classifier *c, uint32_t flow);

/* End of the furthest byte known (in order or queued). */
uint64_t fos_reasm_end(struct fos_classifier *c, uint32_t flow);

#endif
