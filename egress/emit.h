/* egress/emit.h - the last step of every packet: numbers, options, rewrites, checksums, queue */
#ifndef FOS_EGRESS_EMIT_H
#define FOS_EGRESS_EMIT_H

#include "egress/build.h"

/* Sends the retained segment in `frame` (first time or again): sequence number from its record,
 * the newest acknowledgement and timestamps.  The caller has seen room at the port. */
void fos_emit_segment(struct fos_egress *e, uint32_t flow, uint32_t frame, bool again);

/* Sends a segment without payload that the box made, and forgets it.  `pos` is its place in the
 * flow's output; flags are added to ACK. */
void fos_emit_control(struct fos_egress *e, struct fos_build *b, uint64_t pos, uint8_t flags);

/* A pure acknowledgement in direction `flow`, with what is to be told selectively.  False: not
 * possible now. */
bool fos_emit_ack(struct fos_egress *e, uint32_t flow);

/* To be asked before a probe leaves in direction `flow`: sends the acknowledgement that is owed, or that
 * the probe would tell first.  A receiver answers what lies below the number that it expects and reads
 * nothing else in it (RFC 9293 section 3.10.7.4); least of all does it end a handshake.  False: not
 * possible now, and the probe is not to leave either. */
bool fos_emit_owed(struct fos_egress *e, uint32_t flow);

/* A probe that makes the receiver of `flow` tell its window: one byte before snd_nxt, no data. */
bool fos_emit_probe(struct fos_egress *e, uint32_t flow);

/* The same before position `next` of the output. */
bool fos_emit_probe_at(struct fos_egress *e, uint32_t flow, uint64_t next);

/* A byte of the flow's output once more, by itself: the receiver acknowledges at once. */
bool fos_emit_byte(struct fos_egress *e, uint32_t flow, uint64_t pos, uint8_t byte);

/* A reset in direction `flow` at output position pos. */
bool fos_emit_reset(struct fos_egress *e, uint32_t flow, uint64_t pos);

/* Sends on a segment that came in `frame` (TCP header open in h), translated: seq, ack.  Inline only
 * the first `keep` bytes of its payload go along: 0 but for bytes before the stream's start, and for
 * those ahead of a hole: all, with the FIN. */
#define FOS_EMIT_WHOLE UINT32_MAX
void fos_emit_translated(struct fos_egress *e, uint32_t flow, uint32_t frame,
			 struct fos_header *h, uint32_t seq, uint32_t keep);

/* The last steps for a packet whose headers are open and kept: the flow's rewrites, checksums, queue. */
void fos_emit_opened(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port,
		     struct fos_header *h);

/* Has the flow any rewrites? */
bool fos_emit_rewrites(struct fos_egress *e, uint32_t flow);

/* The flow's rewrites and the checksums of a packet.  Its link header may lie elsewhere: link_head, of
 * type `link`; else NULL. */
void fos_emit_rewrite(struct fos_egress *e, uint32_t flow, struct fos_header *h, uint8_t *link_head,
		      uint16_t link);

/* Sends a packet as it is but for the flow's rewrites (flow FOS_NONE: none) and a partial
 * checksum.  Frees it with a reason where it cannot be sent. */
void fos_emit_plain(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port);

#endif
