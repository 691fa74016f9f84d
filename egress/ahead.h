/* egress/ahead.h - the tail of a flow sent again before anybody misses it (pmhost/pm_resend.h)
 *
 * Asked for by a PM: FOS_PM_RESEND in what it publishes for the flow (dir->pm[].resends: one that may).
 * Nothing more is kept for it than what egress retains of every flow that some PM reads: a flag of each
 * segment says that it had its turn, and is committed before the packet leaves; so a kill may cost a
 * repetition, never make a second one.  What a successor does not know is for which repetitions the
 * receiver's D-SACKs are (sack.h): the sender then hears of them, too.
 */
#ifndef FOS_EGRESS_AHEAD_H
#define FOS_EGRESS_AHEAD_H

#include "egress/egress.h"
#include "egress/header.h"

/* A block [left, right) of selective acknowledgement of the output of `flow` has come, in the receiver's
 * numbers: what lies in it is not sent ahead any more. */
void fos_ahead_sacked(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right);

/* The part of fos_ahead_acked() that only short flows need. */
void fos_ahead_try(struct fos_egress *e, uint32_t flow, const struct fos_header *h, bool news);

/* An acknowledgement of the output of `flow` has come and was taken in.  h: its packet, for its blocks,
 * NULL where they came before; `news`: it acknowledges more than any before.  Sends one segment, the last
 * that has not had its turn, where that was asked for. */
static inline void fos_ahead_acked(struct fos_egress *e, uint32_t flow, const struct fos_header *h,
				   bool news)
{
	if (e->tcbs[flow].una < FOS_RESEND_MAX && !e->p->offline)
		fos_ahead_try(e, flow, h, news);
}

#endif
