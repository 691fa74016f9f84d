/* egress/blind.h - packets of a capture that nobody gets: what of them counts
 *
 * Without an output file (struct fos_egress: blind) a packet's headers are left as they came.  What the
 * next packets, events and other processes are to know of it is noted, so that all counters are those of
 * a run that writes.
 */
#ifndef FOS_EGRESS_BLIND_H
#define FOS_EGRESS_BLIND_H

#include "egress/egress.h"
#include "egress/header.h"

/* For fos_emit_segment(), where the segment's record has the acknowledgement and the window. */
void fos_blind_segment(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* For fos_emit_translated(): a segment other than a SYN; its frame is free afterwards. */
void fos_blind_control(struct fos_egress *e, uint32_t flow, uint32_t frame,
		       const struct fos_header *h);

#endif
