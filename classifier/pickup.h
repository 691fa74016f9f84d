/* classifier/pickup.h - connections seen from the middle on, or in one direction only
 *
 * `pickup: pass`: their packets pass as they are.  `pickup: process`: modules see their bytes.
 *
 * An edit needs the acknowledgements of the other direction to pass the box.  So where modules
 * edit, a connection that begins in the middle passes until a packet of each direction has been
 * seen, and is taken up then, all modules included.  One of which only one direction comes is
 * taken up as opaque: readers see its bytes, modules that edit do not (flows_one_way).  Where no module
 * edits, the first segment is the start, and the flow is opaque: the box has not seen what the
 * ends agreed on, and leaves everything as it is.
 */
#ifndef FOS_CLASSIFIER_PICKUP_H
#define FOS_CLASSIFIER_PICKUP_H

#include "classifier/packet.h"
#include "classifier/tcp_state.h"

/* A segment of a connection of which nothing is known (FOS_TCP_DO_MIDSTREAM).  True: it is taken up
 * with this segment; false: the segment passes. */
bool fos_pickup_midstream(struct fos_classifier *c, uint32_t flow,
			  const struct fos_tcp_segment *seg);

/* The first segment of the other side (FOS_TCP_DO_JOIN): its stream starts here. */
void fos_pickup_join(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

/* A segment that was not taken up passes: a stream cannot start before its end. */
void fos_pickup_passed(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

/* Was the connection opened by a packet that begins none (midstream, or damaged), and has none of its
 * bytes been taken up?  A SYN is then no part of it but begins another: else a stray packet
 * against its direction would make its client the server. */
bool fos_pickup_stray(struct fos_classifier *c, uint32_t flow);

/* Does the segment acknowledge bytes that never passed the box?  They were on their way before the
 * connection was taken up, and a hole that they left would stay: it is over for the box, and may be
 * taken up anew from here.  (What has been edited egress resets.) */
bool fos_pickup_failed(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

/* A side acknowledges a SYN that did not pass the box (FOS_TCP_DO_ONE_WAY).  The same. */
bool fos_pickup_one_way(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

/* A segment with bytes at position `pos` of the flow.  True: it lies (or begins) before the start of a
 * connection that was taken up, and has been passed on: neither end's numbers were moved before
 * that.  What reaches beyond the start comes again. */
bool fos_pickup_before(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		       const struct fos_tcp_segment *seg, int64_t pos);

/* A packet of a connection that was taken up: once it is no flood it is no half-open one either. */
void fos_pickup_settle(struct fos_classifier *c, uint32_t flow, uint64_t time_ns);

/* Does the SYN (the first packet) say that the connection's packets must not be changed?  Returns
 * FOS_FLOW_OPAQUE or 0, and counts why. */
uint32_t fos_pickup_opaque(struct fos_classifier *c, const struct fos_tcp_segment *seg);

#endif
