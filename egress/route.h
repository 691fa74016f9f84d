/* egress/route.h - flows change their pipeline (struct fos_route)
 *
 * A PM that moves a flow stands still at some byte and says so with the same commit.  Egress tells the
 * other PMs of the pipeline (`moving`); they come to their ends, as at the end of a stream, each marking
 * it FOS_PM_CLOSED, and touch the flow no more.  When all have, and what was released before has left,
 * egress writes the new route: one store, from which on the flow's next byte belongs to the other
 * pipeline for everybody.  Egress's sequence map goes on.
 */
#ifndef FOS_EGRESS_ROUTE_H
#define FOS_EGRESS_ROUTE_H

#include "egress/egress.h"
#include "shm/view.h"

/* After a run of the flow: is it to be moved, or can it be by now?  `v` and `route` are those of the
 * run.  Commits when it has decided anything. */
void fos_route_look(struct fos_egress *e, uint32_t flow, const struct fos_view *v,
		   const struct fos_route_slot *route);

/* Have all PMs of pipeline `of` that watch the flow closed it? */
bool fos_route_all_closed(const struct fos_egress *e, uint32_t flow, uint32_t gen, uint32_t of);

/* Offline, at a flush's end: everybody looks at everything when a route was written in it.  True: so it
 * was, and there may be more to send than this flush has. */
bool fos_route_tell(struct fos_egress *e);

#endif
