/* pmhost/move.h - a flow leaves this pipeline for another (pm_link.h, fos_move(); egress/route.h)
 *
 * While egress says that a flow is moving, each of the pipeline's PMs comes to its end, whose place
 * depends on where it stands to the PM that moves it.
 */
#ifndef FOS_PMHOST_MOVE_H
#define FOS_PMHOST_MOVE_H

#include <stdbool.h>
#include <stdint.h>

struct fos_instance;
struct fos_window;

enum fos_moving {
	FOS_MOVING_NONE = 0,
	FOS_MOVING_END,   /* a PM of an earlier stage moves it: what comes of there ends there */
	FOS_MOVING_LIMIT, /* one beside us: our stream ends at its head */
	FOS_MOVING_NOW    /* a later one, or we are beyond that: there is nothing more for us */
};

/* Fills w->moving and w->move_limit: the window is turned to a flow. */
void fos_move_look(struct fos_window *w);

/* The window has been opened: cuts it where the stream ends for us; is that reached? */
bool fos_move_cut(struct fos_window *w);

/* Egress is to look at both directions of a flow that this PM moves. */
void fos_move_hint(struct fos_window *w);

/* A flow that was this PM's is in another pipeline: nobody reads its edits of it any more. */
void fos_move_left(struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* An operator has taken the PM out of the pipeline, for the flows that live, too: as if the module had
 * said fos_bypass() at its last release.  False: it has let go already (http.body: it stays in the way,
 * blind). */
bool fos_move_leave(struct fos_window *w);

/* In the commit of a move: the other direction goes with it, if this PM watches it there. */
void fos_move_peer(struct fos_window *w);

#endif
