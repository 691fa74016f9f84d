/* egress/expect.h - the packet behind the one at hand is fetched while that one is copied
 *
 * Its record, headers and bytes were written by other processes, most likely on another core, and what
 * egress knows of the frame was last looked at when the frame was used before: all of that is far away.
 */
#ifndef FOS_EGRESS_EXPECT_H
#define FOS_EGRESS_EXPECT_H

#include "egress/egress.h"

#define EXPECT_LINES 8u /* headers, and where the payload begins */

/* The frame of a piece (any index, FOS_NONE too; its record has been fetched: fos_view_next()) is about
 * to be read and taken over. */
static inline void fos_expect_piece(const struct fos_egress *e, uint32_t piece)
{
	const struct fos_box *box = &e->p->box;
	const struct fos_piece *p;
	const uint8_t *f;
	uint32_t frame;

	if (piece >= box->cls->nr_pieces)
		return;
	/* whose piece it is does not matter: nothing but time is lost by a wrong one */
	p = &box->pieces[piece];
	if (p->next < box->cls->nr_pieces)
		__builtin_prefetch(&box->pieces[p->next]);
	frame = fos_relaxed32(&p->frame);
	if (frame >= e->p->dir->nr_frames)
		return;
	f = fos_box_frame(box, frame);
	__builtin_prefetch(f);
	__builtin_prefetch(f + FOS_FRAME_SAVED_OFF);
	__builtin_prefetch(&e->segs[frame]);
	__builtin_prefetch(&e->claims[frame]);
	/* the rest comes by itself, being read in order; more at a time would have to wait for room */
	fos_box_expect_bytes(f + FOS_FRAME_DATA_OFF, EXPECT_LINES * FOS_CACHE_LINE);
}

#endif
