/* pmhost/pm_resend.h - the tail of a flow sent again before anybody misses it: part of pmhost/pm.h,
 * include that
 *
 * A loss in the middle of a stream is told by the segments behind it within a round trip; behind the last
 * one nothing comes, and the sender waits for its timer.  Where a flow is short that is most of its
 * time.  So the box, which keeps what it has sent until the receiver acknowledges it, can send the
 * tail once more unasked: for each acknowledgement that arrives one segment, the last one first, until
 * the acknowledgements meet what was sent again (Li, Dong, Godfrey: Halfback, CoNEXT 2015).
 *
 *	static void on_data(struct fos_window *w)
 *	{
 *		fos_resend_tail(w, fos_tail(w) <= 100000); // a flow that is longer than that is not short
 *		fos_release_all(w);
 *	}
 *
 *	FOS_PM(.name = "tail", .stream = FOS_APP, .flags = FOS_PM_RESENDS, .on_data = on_data);
 *
 * What it costs: up to every second packet once more behind the box, and where nothing was lost, for
 * nothing.  The shipped module is pms/halfback.c.
 */
#ifndef FLOWOS_PM_RESEND_H
#define FLOWOS_PM_RESEND_H

#include <stdbool.h>

struct fos_window;

/* From the release that commits it on, the box does so with this direction, or does no longer.  It ends
 * with the module's watching it (fos_bypass(), fos_move()) too.  What is sent again are the bytes as they
 * left, edited by whomever: each once at most, none that the receiver has acknowledged (selectively
 * either) or that were sent again for another reason, none beyond the first MiB of the stream.  Only of TCP
 * connections whose both ends use SACK (by RFC 2883 the receiver says of what came twice, and the box
 * keeps that from the sender, who has sent nothing twice), whose start was seen, and that are not
 * among those never edited.  Not on captures.  Counted as resent_ahead.
 * FOS_EPERM: no FOS_PM_RESENDS, or a stream other than FOS_APP.  FOS_AGAIN: as fos_release(). */
int fos_resend_tail(struct fos_window *w, bool on);

#endif
