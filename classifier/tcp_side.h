/* classifier/tcp_side.h - what the tables say of one direction of a TCP connection */
#ifndef FOS_CLASSIFIER_TCP_SIDE_H
#define FOS_CLASSIFIER_TCP_SIDE_H

#include "classifier/batch.h"
#include "classifier/reassembly.h"
#include "classifier/tcp_state.h"

/* fos_flow.pass_pos_flags: notes on one direction, the classifier's own */
#define FOS_NOTE_ACKED (1u << 0) /* last_ack is valid */
#define FOS_NOTE_MD5 (1u << 1)   /* its SYN carried a signature */
#define FOS_NOTE_PASSED (1u << 3) /* not taken up yet: isn + 1 is the end of what has passed */
#define FOS_NOTE_ONE_WAY (1u << 2) /* on both: only one direction passes the box */
#define FOS_NOTE_STRAY (1u << 4)   /* forward flow: not opened by a SYN */
#define FOS_NOTE_AFTER (1u << 5)   /* forward flow: see successor.h */
#define FOS_NOTE_UNREAD (1u << 6)  /* no module reads the side any more: see unread.h */

/* One direction in numbers, for fos_tcp_judge().  `s`: the shadow of the flow. */
static inline void fos_tcp_side_of(struct fos_classifier *c, uint32_t flow,
				   const struct fos_shadow *s, struct fos_tcp_side *side)
{
	const struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	uint64_t end = f->ooo_first == FOS_NONE ? s->app_tail : fos_reasm_end(c, flow);
	bool fin = s->state & FOS_FLOW_ST_FIN;

	*side = (struct fos_tcp_side){
		.syn = s->state & FOS_FLOW_ST_SYN,
		.fin = fin,
		.acked = f->pass_pos_flags & FOS_NOTE_ACKED,
		.isn = f->isn,
		.nxt = f->isn + 1 + (uint32_t)s->app_tail + fin,
		.max = f->isn + 1 + (uint32_t)end + 1,
		.last_ack = f->last_ack,
		.una = p->last_ack,
		.una_known = p->pass_pos_flags & FOS_NOTE_ACKED,
		.wnd = (uint32_t)f->last_wnd << (p->wscale != 0xff && f->wscale != 0xff ? f->wscale : 0),
	};
}

/* Does fos_tcp_judge() make a segment of a connection that both ends have opened and none has closed, and
 * which was seen from its start, FOS_TCP_DO_DATA?  False: it has to be asked. */
bool fos_tcp_plain(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

/* What the flow's sender was told last to be acknowledged, exactly; 0 = nothing, or not by egress. */
uint32_t fos_tcp_told(const struct fos_classifier *c, uint32_t flow, uint32_t gen);

/* Both FINs have been taken: may a SYN begin another connection with these ports?  Not before each end
 * has had all of the other acknowledged, its FIN included: until then a host asks about a SYN (RFC
 * 5961 section 4), and what is under way still has to be translated.  `time_ns` is the SYN's: after
 * limits.closing without a packet no end waits for anything. */
bool fos_tcp_over(struct fos_classifier *c, uint32_t flow, uint64_t time_ns);

/* How far the receiver's numbers lie from the sender's, by what editors have added and taken out:
 * inline it acknowledges the edited stream.  Recorded acknowledgements know of no edits. */
uint32_t fos_tcp_edited_now(const struct fos_classifier *c, uint32_t flow, uint32_t gen);

static inline uint32_t fos_tcp_edited_by(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	/* by no pipeline that it has left, nor by the one that it is in */
	if (c->p->offline || (fos_acquire32(&c->box->egr->nr_routes) == 0 &&
			      c->dir->pipeline[c->flows[flow].pipeline].nr_editors == 0))
		return 0;
	return fos_tcp_edited_now(c, flow, gen);
}

/* Do bytes up to `end` go beyond what the receiver has offered?  (*edge: that much it has; NULL: no
 * matter.)  Where an edit has moved the numbers, only while the sender has been told
 * all that was acknowledged behind the last edit: else only egress knows the edge.  Not on
 * connections picked up, whose window scale is not known. */
static inline bool fos_tcp_overruns(struct fos_classifier *c, uint32_t flow, int64_t end,
				    int64_t *edge)
{
	const struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	const struct fos_shadow *s = fos_touch(c, flow);
	uint32_t shift = f->wscale != 0xff && p->wscale != 0xff ? p->wscale : 0;
	uint32_t ack = p->last_ack, edited;
	int64_t to;

	if (!(p->pass_pos_flags & FOS_NOTE_ACKED) || s->flags & FOS_FLOW_PICKUP)
		return false;
	edited = fos_tcp_edited_by(c, flow, s->gen);
	if (edited != 0) {
		ack = fos_tcp_told(c, flow, s->gen);
		if (ack == 0 || ack + edited != p->last_ack)
			return false;
	}
	to = fos_tcp_position(f->isn, s->app_tail, ack) + ((int64_t)p->last_wnd << shift);
	if (edge)
		*edge = to;
	return end > to;
}

/* Does the segment acknowledge the FIN of the other direction, which has been taken? */
static inline bool fos_tcp_acks_fin(struct fos_classifier *c, uint32_t flow,
				    const struct fos_tcp_segment *seg)
{
	const struct fos_shadow *p = fos_touch(c, FOS_PEER(flow));
	uint32_t fin = c->flows[FOS_PEER(flow)].isn + 1 + (uint32_t)p->fin_pos;

	return seg->flags & FOS_TCP_ACK && p->state & FOS_FLOW_ST_FIN &&
	       (int32_t)(seg->ack - (fin + 1 + fos_tcp_edited_by(c, FOS_PEER(flow), p->gen))) >= 0;
}

/* Moves the states of both ends on to what they are once the segment, which was accepted, has arrived. */
void fos_tcp_follow_on(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg);

static inline void fos_tcp_follow(struct fos_classifier *c, uint32_t flow,
				  const struct fos_tcp_segment *seg)
{
	/* most segments are data under way between two ends that are both open, and stay so */
	if (seg->flags & (FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST) ||
	    c->flows[flow].tcp_state != FOS_TCP_ST_ESTABLISHED ||
	    c->flows[FOS_PEER(flow)].tcp_state != FOS_TCP_ST_ESTABLISHED ||
	    (fos_touch(c, flow)->state | fos_touch(c, FOS_PEER(flow))->state) & FOS_FLOW_ST_FIN)
		fos_tcp_follow_on(c, flow, seg);
}

/* Is memory so short that this flow's bytes have to wait?  The drop counter that says so, or 0.  Its peer
 * resends; its acknowledgements count all the same.  A flow has what it holds by waiting bytes
 * and what egress keeps of it until it is acknowledged: one whose receiver has gone silent must
 * not take the frames of the others. */
uint32_t fos_tcp_over_quota(struct fos_classifier *c, uint32_t flow);

/* A probe of an idle connection: no byte, one before what was sent last.  (With a byte there it
 * may as well be a retransmission of a byte that a PM holds: egress knows.) */
bool fos_tcp_keepalive(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg,
		       int64_t pos);

#endif
