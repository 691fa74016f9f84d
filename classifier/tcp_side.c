/* classifier/tcp_side.c - what the tables say of one direction, see tcp_side.h */
#include "classifier/tcp_side.h"

#include <string.h>

#include "classifier/reassembly.h"
#include "classifier/tcp_track.h"

#define FLOW_SHARE 16u /* of the packet region, for one flow while half of it is in use */
#define FLOW_LITTLE 16u /* frames for one flow while five eighths of it are in use */

bool fos_tcp_plain(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	const uint32_t open = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	const struct fos_flow *f = &c->flows[flow], *pf = &c->flows[FOS_PEER(flow)];
	const struct fos_shadow *s = fos_touch(c, flow), *p = fos_touch(c, FOS_PEER(flow));
	uint32_t next;

	if ((seg->flags & (FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST | FOS_TCP_ACK)) != FOS_TCP_ACK ||
	    s->state != open || p->state != open || (s->flags | p->flags) & FOS_FLOW_PICKUP ||
	    (f->pass_pos_flags & (FOS_NOTE_ACKED | FOS_NOTE_ONE_WAY)) != FOS_NOTE_ACKED ||
	    fos_cls_conn(c, flow)->close != FOS_CLOSE_NONE)
		return false;
	/* what is acknowledged lies between what was before and the end of what the other has sent */
	next = pf->isn + 1 + (uint32_t)p->app_tail +
	       fos_tcp_edited_by(c, FOS_PEER(flow), p->gen);
	return (int32_t)(seg->ack - f->last_ack) >= 0 && (int32_t)(seg->ack - next) <= 0;
}

uint32_t fos_tcp_told(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_egr *egr = c->box->egr;
	const uint32_t *told = (const void *)((const uint8_t *)egr + egr->told_off);

	/* pairs with egress's release of gen */
	return fos_acquire32(&c->box->outs[flow].gen) == gen ? fos_relaxed32(&told[flow]) : 0;
}

static bool all_acked(struct fos_classifier *c, uint32_t flow)
{
	struct fos_tcp_side side;

	fos_tcp_side_of(c, flow, fos_touch(c, flow), &side);
	return (side.una_known && side.una == side.nxt) ||
	       fos_tcp_told(c, flow, fos_touch(c, flow)->gen) == side.nxt;
}

bool fos_tcp_over(struct fos_classifier *c, uint32_t flow, uint64_t time_ns)
{
	const struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	uint64_t last = f->last_time_ns > p->last_time_ns ? f->last_time_ns : p->last_time_ns;

	return c->p->offline || f->pass_pos_flags & FOS_NOTE_ONE_WAY ||
	       (time_ns > last && time_ns - last >= c->dir->closing_ns) ||
	       (all_acked(c, flow) && all_acked(c, FOS_PEER(flow)));
}

uint32_t fos_tcp_edited_now(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_dir_pipeline *pl;
	struct fos_route_slot route;
	uint64_t shift;

	fos_box_route(c->box, flow, gen, &route);
	shift = route.delta; /* by the pipelines that it has left */
	pl = fos_cls_pipeline(c, flow);
	if (pl->nr_editors == 0)
		return (uint32_t)shift;
	for (uint32_t k = pl->nr_pkt_stages; k < pl->nr_stages; k++) {
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++) {
			struct fos_pm_pub pub;
			uint32_t pm = pl->stage[k].pm[i];

			if (c->dir->pm[pm].edits && fos_box_watches(c->dir, pm, c->flows[flow].flags) &&
			    fos_box_pub(c->box, pm, flow, gen, &pub))
				shift += pub.out_head - pub.head;
		}
	}
	return (uint32_t)shift;
}

uint32_t fos_tcp_over_quota(struct fos_classifier *c, uint32_t flow)
{
	uint64_t frames = c->cls->nr_frames, pos, tail = fos_touch(c, flow)->app_tail;
	uint64_t waiting = c->cls->nr_pieces - (c->priv->fifo_tail - c->priv->fifo_head);
	uint64_t kept = fos_relaxed64(&c->box->egr->retained), share = frames / FLOW_SHARE;

	if (c->p->offline || waiting + kept < frames / 2)
		return 0;
	if (waiting + kept >= frames / 4 * 3)
		return waiting > kept ? FOS_C_drop_no_frame : FOS_C_drop_retained_limit;
	if (waiting + kept >= frames / 8 * 5)
		share = FLOW_LITTLE;
	pos = fos_acquire64(&c->box->outs[flow].pos[0]);
	if (tail > pos && tail - pos >= share * 1024u)
		return FOS_C_drop_no_frame;
	if (fos_relaxed32(&c->box->outs[flow].retained) >= share)
		return FOS_C_drop_retained_limit;
	return 0;
}

bool fos_tcp_keepalive(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg,
		       int64_t pos)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	uint64_t next = s->app_tail + (s->state & FOS_FLOW_ST_FIN ? 1 : 0);

	/* before the first byte there is none that it could be */
	if (pos == -1 && next == 0 && seg->len == 1 && !(seg->flags & FOS_TCP_FIN))
		return !(s->flags & FOS_FLOW_PICKUP);
	return seg->len == 0 && pos == (int64_t)next - 1 && !(seg->flags & FOS_TCP_FIN);
}

/* FIN as it counts for the ends: where the stream ends or, ahead of a hole, will end. */
static bool is_end(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	int64_t end = fos_tcp_position(c->flows[flow].isn, s->app_tail, seg->seq) + seg->len;

	return end == (int64_t)(s->state & FOS_FLOW_ST_FIN ? s->fin_pos : fos_reasm_pinned_fin(c, flow));
}

void fos_tcp_follow_on(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow], *pf = &c->flows[FOS_PEER(flow)];
	struct fos_tcp_seen seen = {
		.flags = seg->flags & (uint8_t)~FOS_TCP_FIN,
		.acks_fin = fos_tcp_acks_fin(c, flow, seg),
		.fin_taken = s->state & FOS_FLOW_ST_FIN,
	};

	if (seg->flags & FOS_TCP_FIN && is_end(c, flow, seg))
		seen.flags |= FOS_TCP_FIN;
	fos_tcp_track(&f->tcp_state, &pf->tcp_state, &seen);
}
