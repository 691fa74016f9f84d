/* egress/expect.h - the packet behind the one at hand is fetched while that one is copied
 *
 * Its record, headers and bytes were written by other processes, most likely on another core, and what
 * egress knows of the frame was last looked at when the frame was used before: all of that is far away.
 */
#ifndef FOS_EGRESS_EXPECT_H
#define FOS_EGRESS_EXPECT_H

#include "egress/egress.h"

#define EXPECT_PARTS 2u
#define EXPECT_LINES 12u /* in each part: more at a time would wait for room, and hold up the rest */

struct fos_expect {
	uint32_t piece; /* that comes next; any index, its record has been fetched (fos_view_next()) */
	uint32_t parts; /* of its packet that have been fetched */
};

static inline void fos_expect_next(struct fos_expect *x, uint32_t piece)
{
	if (x->piece == piece)
		return;
	x->piece = piece;
	x->parts = 0;
}

/* The packet of that piece is about to be read and taken over: fetches the next part of it.  To be called
 * with work in between. */
static inline void fos_expect_part(const struct fos_egress *e, struct fos_expect *x)
{
	const struct fos_box *box = &e->p->box;
	const struct fos_piece *p;
	const uint8_t *f;
	uint32_t frame;

	if (x->parts == EXPECT_PARTS || x->piece >= box->cls->nr_pieces)
		return;
	/* whose piece it is does not matter: nothing but time is lost by a wrong one */
	p = &box->pieces[x->piece];
	frame = fos_relaxed32(&p->frame);
	if (frame >= e->p->dir->nr_frames)
		return;
	f = fos_box_frame(box, frame);
	if (x->parts == 0) {
		__builtin_prefetch(f);
		__builtin_prefetch(f + FOS_FRAME_SAVED_OFF);
		__builtin_prefetch(&e->segs[frame]);
		__builtin_prefetch(&e->claims[frame]);
		__builtin_prefetch(&box->pieces[p->next]); /* any index may be fetched */
	}
	f += FOS_FRAME_DATA_OFF + (uint64_t)x->parts++ * EXPECT_LINES * FOS_CACHE_LINE;
	fos_box_expect_bytes(f, EXPECT_LINES * FOS_CACHE_LINE);
}

#endif
