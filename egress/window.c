/* egress/window.c - the window that a sender is offered: see out.h */
#include "egress/edited.h"
#include "egress/out.h"

/* The edge to offer to the sender.  Small steps wait for more while more is to come: no silly
 * window (RFC 1122 section 4.2.3.3). */
static uint64_t edge_for_sender(const struct fos_egress *e, const struct fos_tcb *g, uint32_t mss)
{
	uint64_t told = e->edits[g - e->tcbs].edge_in;
	uint64_t edge = g->edge >= g->out ? g->in + (g->edge - g->out) :
						fos_seqmap_back(fos_out_map(e, g), &e->pool, g->edge);
	uint64_t step = g->wnd_max / 2 < mss ? g->wnd_max / 2 : mss;
	uint64_t most = fos_seqmap_back(fos_out_map(e, g), &e->pool, g->una) + g->wnd_max;

	/* Bytes to be deleted need no room, but a window larger than the receiver ever has would be
	 * remembered: the sender waits for half of it (section 4.2.3.4), and sends by its persist
	 * timer alone where it never comes again. */
	if (edge > most)
		edge = most;
	if (edge <= told || (edge - told < step && g->una < fos_out_wire(g)))
		return told;
	return edge;
}

uint16_t fos_out_wnd(const struct fos_egress *e, uint32_t flow, uint64_t *edge)
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);
	uint32_t shift, mss, pickup = e->p->box.flows[flow].flags & FOS_FLOW_PICKUP;
	uint64_t ack, room;

	*edge = 0;
	if (e->p->offline || pickup || !g || !(g->flags & FOS_TCB_EDITED) ||
	    !(g->flags & FOS_TCB_WND))
		return t->wnd;
	shift = t->wscale != 0xff && g->wscale != 0xff ? t->wscale : 0;
	ack = fos_seqmap_back(fos_out_map(e, g), &e->pool, g->una);
	mss = e->mores[flow].mss;
	*edge = edge_for_sender(e, g, mss ? mss : FOS_MSS_LEAST);
	room = *edge > ack ? *edge - ack : 0;
	room = (room + (1u << shift) - 1) >> shift;
	room = room > UINT16_MAX ? UINT16_MAX : room;
	*edge = ack + (room << shift);
	return (uint16_t)room;
}

bool fos_out_kept_wnd(const struct fos_egress *e, uint32_t flow, uint32_t ack, uint16_t *wnd,
		      uint64_t *edge)
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);
	uint32_t shift = t->wscale != 0xff && g->wscale != 0xff ? t->wscale : 0;
	uint32_t less = (ack - t->ack_sent) >> shift, most, end;

	*wnd = t->wnd_sent;
	*edge = 0;
	if (!fos_out_ack(e, flow, t->ack_seen, &most))
		return false;
	most += (uint32_t)fos_out_wnd(e, flow, edge) << shift;
	*wnd = less < t->wnd_sent ? (uint16_t)(t->wnd_sent - less) : 0;
	end = ack + ((uint32_t)*wnd << shift);
	if (*edge)
		*edge -= most - end;
	return !fos_out_newer(end, most);
}

void fos_out_tell_edge(struct fos_egress *e, uint32_t flow, uint64_t edge)
{
	if (edge && edge > e->edits[FOS_PEER(flow)].edge_in)
		fos_out_edit(e, FOS_PEER(flow))->edge_in = edge;
}

uint64_t fos_out_window(const struct fos_egress *e, const struct fos_tcb *t)
{
	bool pickup = e->p->box.flows[t - e->tcbs].flags & FOS_FLOW_PICKUP;

	/* without the handshake the scale is not known; the ends keep their own window */
	if (e->p->offline || pickup || !(t->flags & FOS_TCB_WND))
		return UINT32_MAX;
	return t->edge > t->out ? t->edge - t->out : 0;
}
