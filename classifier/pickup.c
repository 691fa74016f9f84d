/* classifier/pickup.c - mid-stream, one-directional and signed connections, see pickup.h */
#include "classifier/pickup.h"

#include "classifier/expire.h"
#include "classifier/tcp_side.h"

#define ALONE_MAX 64u /* packets of one direction until the other is not waited for any more */

static void make_opaque(struct fos_classifier *c, uint32_t flow)
{
	fos_touch(c, flow)->flags |= FOS_FLOW_OPAQUE;
	fos_touch(c, FOS_PEER(flow))->flags |= FOS_FLOW_OPAQUE;
}

static void note_both(struct fos_classifier *c, uint32_t flow, uint32_t note)
{
	fos_touch(c, flow);
	fos_touch(c, FOS_PEER(flow));
	c->flows[flow].pass_pos_flags |= note;
	c->flows[FOS_PEER(flow)].pass_pos_flags |= note;
}

static void start_at(struct fos_classifier *c, uint32_t flow, uint32_t seq)
{
	struct fos_flow *f = &c->flows[flow];
	struct fos_shadow *s = fos_touch(c, flow);

	if (s->state & FOS_FLOW_ST_SYN)
		return;
	if (!(f->pass_pos_flags & FOS_NOTE_PASSED) || (int32_t)(seq - (f->isn + 1)) > 0)
		f->isn = seq - 1;
	s->state |= FOS_FLOW_ST_SYN;
}

/* The stream begins at the segment, or where what has passed before ends; the other one likewise, or
 * with its first segment: what is acknowledged of it may be less than what has passed. */
static void take_up(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	struct fos_shadow *s = fos_touch(c, flow), *p = fos_touch(c, FOS_PEER(flow));

	start_at(c, flow, seg->seq);
	if (c->p->offline)
		start_at(c, FOS_PEER(flow), seg->ack);
	else if (c->flows[FOS_PEER(flow)].pass_pos_flags & FOS_NOTE_PASSED)
		start_at(c, FOS_PEER(flow), c->flows[FOS_PEER(flow)].isn + 1);
	s->flags |= FOS_FLOW_PICKUP;
	p->flags |= FOS_FLOW_PICKUP;
	s->state |= FOS_FLOW_ST_ESTABLISHED;
	p->state |= FOS_FLOW_ST_ESTABLISHED;
	if (seg->md5 || seg->mptcp) {
		make_opaque(c, flow);
		if (seg->md5)
			note_both(c, flow, FOS_NOTE_MD5);
		fos_cls_count(c, seg->md5 ? FOS_C_flows_signed : FOS_C_flows_mptcp);
	}
	fos_cls_count(c, FOS_C_flows_picked_up);
}

static void take_up_alone(struct fos_classifier *c, uint32_t flow,
			  const struct fos_tcp_segment *seg)
{
	take_up(c, flow, seg);
	make_opaque(c, flow);
	note_both(c, flow, FOS_NOTE_ONE_WAY);
	fos_cls_count(c, FOS_C_flows_one_way);
}

bool fos_pickup_midstream(struct fos_classifier *c, uint32_t flow,
			  const struct fos_tcp_segment *seg)
{
	bool other = c->flows[FOS_PEER(flow)].packets > 0;

	/* one that waited at the gate until its connection was over has no stream to begin */
	if (!c->dir->pass_midstream || !(seg->flags & FOS_TCP_ACK) ||
	    seg->flags & (FOS_TCP_RST | FOS_TCP_SYN) ||
	    fos_touch(c, flow)->state & FOS_FLOW_ST_CLOSED)
		return false;
	if (c->p->offline) {
		take_up(c, flow, seg);
		fos_conn_list(c, flow >> 1, FOS_LIST_IDLE);
		return true;
	}
	if (fos_cls_pipeline(c, flow)->nr_editors == 0) {
		take_up(c, flow, seg);
		make_opaque(c, flow);
	} else if (other) {
		take_up(c, flow, seg);
	} else if (c->flows[flow].packets > ALONE_MAX) {
		take_up_alone(c, flow, seg);
	} else {
		return false;
	}
	return true;
}

void fos_pickup_join(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	start_at(c, flow, seg->seq);
}

void fos_pickup_passed(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	struct fos_flow *f = &c->flows[flow];
	uint32_t end = seg->seq + seg->len + (seg->flags & FOS_TCP_FIN ? 1 : 0);

	if (seg->flags & (FOS_TCP_RST | FOS_TCP_SYN) || fos_touch(c, flow)->state & FOS_FLOW_ST_SYN)
		return;
	if (!(f->pass_pos_flags & FOS_NOTE_PASSED) || (int32_t)(end - (f->isn + 1)) > 0)
		f->isn = end - 1;
	f->pass_pos_flags |= FOS_NOTE_PASSED;
}

bool fos_pickup_stray(struct fos_classifier *c, uint32_t flow)
{
	uint32_t begun = fos_touch(c, flow)->state | fos_touch(c, FOS_PEER(flow))->state;

	return c->flows[flow & ~1u].pass_pos_flags & FOS_NOTE_STRAY && !(begun & FOS_FLOW_ST_SYN);
}

bool fos_pickup_failed(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	const struct fos_shadow *p = fos_touch(c, FOS_PEER(flow));
	struct fos_tcp_side peer;
	uint32_t most;

	if (c->p->offline || !(p->flags & FOS_FLOW_PICKUP) || !(p->state & FOS_FLOW_ST_SYN) ||
	    !(seg->flags & FOS_TCP_ACK))
		return false;
	fos_tcp_side_of(c, FOS_PEER(flow), p, &peer);
	most = peer.nxt + fos_tcp_edited_by(c, FOS_PEER(flow), p->gen);
	/* one more: a FIN that is not told by itself yet */
	if ((int32_t)(seg->ack - (most + 1)) <= 0)
		return false;
	fos_cls_count(c, FOS_C_pickups_failed);
	return true;
}

bool fos_pickup_before(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		       const struct fos_tcp_segment *seg, int64_t pos)
{
	uint32_t flags = fos_touch(c, flow)->flags;
	uint64_t most = pos < 0 ? (uint64_t)-pos : 0;

	if (!(flags & FOS_FLOW_PICKUP) || pos >= 0 || seg->len == 0 || c->p->offline)
		return false;
	if (flags & FOS_FLOW_OPAQUE && most < seg->len)
		return false; /* the whole packet leaves with what is new in it */
	if (flags & FOS_FLOW_OPAQUE || pkt->nr > 1) {
		fos_packet_forward(c, pkt, flow);
		return true;
	}
	fos_emit(c, FOS_DESC_BEFORE, pkt->part[0].frame, pkt->part[0].gen, flow, (uint64_t)pos,
		 most < seg->len ? (uint32_t)most : seg->len, 0);
	return true;
}

void fos_pickup_settle(struct fos_classifier *c, uint32_t flow, uint64_t time_ns)
{
	if (fos_cls_conn(c, flow)->list != FOS_LIST_HANDSHAKE)
		return;
	if (c->flows[FOS_PEER(flow)].packets > 0 || c->flows[flow].packets > ALONE_MAX)
		fos_expire_touch(c, flow, time_ns, FOS_LIST_IDLE);
}

bool fos_pickup_one_way(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	if (!c->dir->pass_midstream) {
		note_both(c, flow, FOS_NOTE_ONE_WAY);
		return false;
	}
	take_up_alone(c, flow, seg);
	return true;
}

uint32_t fos_pickup_opaque(struct fos_classifier *c, const struct fos_tcp_segment *seg)
{
	if (seg->md5)
		fos_cls_count(c, FOS_C_flows_signed);
	else if (seg->mptcp && c->dir->tcp_mptcp_pass)
		fos_cls_count(c, FOS_C_flows_mptcp);
	else
		return 0;
	return FOS_FLOW_OPAQUE;
}
