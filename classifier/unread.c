/* classifier/unread.c - segments ahead of a hole that nobody waits for, see unread.h */
#include "classifier/unread.h"

#include "classifier/reassembly.h"
#include "classifier/tcp_side.h"

/* What the flow's readers have left behind. */
struct left {
	bool edits;     /* some of them were there */
	bool settled;   /* and egress has passed them all */
	uint64_t shift; /* by which the output is longer, so far */
};

/* Has the PM let the side go for good? */
static bool let_go(struct fos_classifier *c, uint32_t flow, uint32_t pm, uint32_t pipeline,
		   struct left *l)
{
	uint32_t gen = fos_touch(c, flow)->gen, nr = fos_dir_editor(c->dir, pipeline, pm);
	const struct fos_out *out = &c->box->outs[flow];
	struct fos_pm_pub pub;

	if (!fos_box_watches(c->dir, pm, c->flows[flow].flags))
		return true;
	if (!fos_box_pub(c->box, pm, flow, gen, &pub) || pub.head < FOS_POS_MAX ||
	    pub.verdict > FOS_VERDICT_BYPASS)
		return false;
	if (nr == 0 || nr > FOS_MAX_EDITORS)
		return true;
	l->edits |= pub.edits > 0;
	l->shift += pub.out_head - pub.head;
	/* pairs with egress's releases */
	l->settled &= fos_acquire64(&out->pos[nr]) == fos_acquire64(&out->pos[0]) + l->shift;
	return true;
}

bool fos_unread(struct fos_classifier *c, uint32_t flow)
{
	const struct fos_out *out = &c->box->outs[flow];
	const struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];
	const struct fos_dir_pipeline *pl;
	struct left l = { .settled = true };
	struct fos_route_slot route;

	if (f->pass_pos_flags & FOS_NOTE_UNREAD)
		return true;
	if (c->p->offline || !(s->state & FOS_FLOW_ST_ESTABLISHED))
		return false;
	/* before the heads: no edit lies beyond it once they all are at their end */
	fos_box_route(c->box, flow, s->gen, &route);
	pl = &c->dir->pipeline[route.pipeline];
	for (uint32_t k = pl->nr_pkt_stages; k < pl->nr_stages; k++)
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++)
			if (!let_go(c, flow, pl->stage[k].pm[i], route.pipeline, &l))
				return false;
	if ((l.edits || route.visited) &&
	    (fos_acquire32(&out->gen) != s->gen || !l.settled ||
	     fos_acquire64(&out->pos[0]) < f->app.tail))
		return false;
	f->pass_pos_flags |= FOS_NOTE_UNREAD;
	return true;
}

/* The sender of an edited side may have been told of room that inserted bytes have taken. */
static bool fits(struct fos_classifier *c, uint32_t flow, uint64_t end)
{
	const struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	uint32_t by = fos_tcp_edited_by(c, flow, fos_touch(c, flow)->gen);
	uint32_t shift = f->wscale != 0xff && p->wscale != 0xff ? p->wscale : 0;

	if (by == 0)
		return true;
	return p->pass_pos_flags & FOS_NOTE_ACKED && !(f->flags & FOS_FLOW_PICKUP) &&
	       (int64_t)end <= fos_tcp_position(f->isn, fos_touch(c, flow)->app_tail,
						p->last_ack - by) + ((int64_t)p->last_wnd << shift);
}

/* May the packet in this frame, whose bytes end at `end`, leave as it is? */
static bool leaves(struct fos_classifier *c, uint32_t flow, uint32_t frame, uint64_t end)
{
	const struct fos_frame_meta *m = fos_box_meta(c->box, frame);
	uint32_t port = c->flows[flow].port, mtu;

	if (port >= c->dir->nr_ports || c->dir->port[port].peer >= c->dir->nr_ports ||
	    m->flags & (FOS_PKT_CHAIN | FOS_PKT_CONT))
		return false;
	mtu = c->dir->port[c->dir->port[port].peer].mtu;
	return (mtu == 0 || m->l3_len <= mtu) && fits(c, flow, end);
}

bool fos_unread_ahead(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		      uint64_t pos, uint64_t end)
{
	if (pos <= fos_touch(c, flow)->app_tail || !fos_unread(c, flow))
		return false;
	if (c->flows[flow].ooo_bytes > 0)
		fos_unread_look(c, flow);
	return pkt->nr == 1 && leaves(c, flow, pkt->part[0].frame, end);
}

void fos_unread_send(struct fos_classifier *c, uint32_t flow, const struct fos_part *part)
{
	fos_cls_count(c, FOS_C_tcp_passed_early);
	fos_emit(c, FOS_DESC_EARLY, part->frame, part->gen, flow, 0, 0, 0);
}

/* Of the pieces in one frame the last one owns it. */
static const struct fos_piece *owner(const struct fos_classifier *c, uint32_t piece)
{
	uint32_t frame = c->pieces[piece].frame;

	for (uint32_t i = piece; i != FOS_NONE; i = c->pieces[i].next)
		if (c->pieces[i].frame == frame &&
		    !(c->pieces[i].flags & (FOS_PIECE_BORROWED | FOS_PIECE_GONE)))
			return &c->pieces[i];
	return NULL;
}

bool fos_unread_look(struct fos_classifier *c, uint32_t flow)
{
	if (!(c->flows[flow].flags & FOS_FLOW_TCP) || !fos_unread(c, flow))
		return true;
	for (uint32_t i = c->flows[flow].ooo_first; i != FOS_NONE && c->flows[flow].ooo_bytes > 0;
	     i = c->pieces[i].next) {
		struct fos_piece *p = &c->pieces[i];
		const struct fos_piece *own = p->flags & FOS_PIECE_GONE ? NULL : owner(c, i);

		if (p->flags & FOS_PIECE_GONE || (own && !leaves(c, flow, own->frame, own->pos + own->len)))
			continue;
		if (!fos_batch_room(c, 0))
			return false;
		fos_reasm_account(c, flow, -(int64_t)p->len, 0);
		if (own == p)
			fos_unread_send(c, flow, &(struct fos_part){.frame = p->frame, .gen = p->gen});
		fos_txn_save(&c->txn, &p->flags, sizeof(p->flags));
		p->flags |= FOS_PIECE_GONE | FOS_PIECE_BORROWED;
		p->flags &= (uint16_t)~FOS_PIECE_WHOLE;
	}
	return true;
}
