/* egress/frames.h - frames that egress holds: taking over, free queue, sending, going home
 *
 * A frame handed to egress is claimed first.  It ends in the sink and then free, or free at once.
 * Free frames go home: to the ingress that the packet came in by until that has its number
 * (fos_build_ingress_frames()), then to the one that is shortest; those of segments that the box built
 * came in nowhere.  What nobody needs waits in the
 * free queue, from which segments that the box builds are taken, and ingress processes that
 * become short are helped; the last `reserve` frames of it are for the former alone.
 * Frames freed in a batch are used again in the next one only: until the commit, the old contents
 * are what a successor would send.
 */
#ifndef FOS_EGRESS_FRAMES_H
#define FOS_EGRESS_FRAMES_H

#include "egress/egress.h"

/* First start: fills the free queue with this lane's frames. */
void fos_frames_init(struct fos_egress *e);

/* Looks how many frames each ingress has, and gives spare ones to those that are short.  Once per
 * pass, live only. */
void fos_frames_share(struct fos_egress *e);

/* A frame's record, to be changed (kept in the undo log). */
static inline struct fos_seg *fos_frames_seg(struct fos_egress *e, uint32_t frame)
{
	struct fos_seg *s = &e->segs[frame];

	/* once a batch: undone, the mark goes back with the rest */
	if (s->batch != e->batch) {
		fos_egress_save(e, s, sizeof(*s));
		s->batch = e->batch;
	}
	return s;
}

/* The claim that taking over a frame of generation `gen` makes. */
static inline uint32_t fos_frames_gen(uint32_t gen)
{
	return gen + 1 ? gen + 1 : 1;
}

/* Takes a frame over from another process.  False: index out of range, or ours already (counted
 * as drop_meta). */
bool fos_frames_claim(struct fos_egress *e, uint32_t frame, uint32_t gen);

/* Free frames that can be had in this batch, and one of them (FOS_NONE: none left). */
uint32_t fos_frames_avail(const struct fos_egress *e);
uint32_t fos_frames_get(struct fos_egress *e);

/* Gives a held or retained frame up; where the sink has it still, as soon as it comes back. */
void fos_frames_put(struct fos_egress *e, uint32_t frame);

/* Queues the packet in the frame for port; the frame is the sink's until it comes back.  The
 * caller has seen fos_frames_tx_room().  `keep`: stays ours afterwards (retained), else free.  Where
 * nobody gets it (struct fos_egress: blind) there is nothing to wait for: it is counted and, unless kept,
 * free. */
void fos_frames_send(struct fos_egress *e, uint32_t frame, uint32_t port, bool keep);
/* The same for a frame of a packet in several; `more`: it goes on in the next one sent.  Not kept. */
void fos_frames_send_part(struct fos_egress *e, uint32_t frame, uint32_t port, bool more);

/* Is there room for n more packets (frames of packets) at the port? */
bool fos_frames_tx_room(struct fos_egress *e, uint32_t port, uint32_t n);

/* Keeps the counters at the head of the private area (once per batch) before they change. */
static inline void fos_frames_touch(struct fos_egress *e)
{
	if (e->head_batch == e->batch)
		return;
	fos_egress_save(e, &e->st->free_head, FOS_EGR_HEAD_BYTES);
	e->head_batch = e->batch;
}

/* Counts segments that are retained now, over all flows. */
void fos_frames_retained(struct fos_egress *e, int64_t by);

/* Takes back what the sink is done with; a transaction of its own.  Returns how many. */
uint32_t fos_frames_reap(struct fos_egress *e);

/* The sockets that packets were given to are gone: they count as sent.  Commits. */
void fos_frames_abandon(struct fos_egress *e);

#endif
