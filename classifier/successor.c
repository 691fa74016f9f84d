/* classifier/successor.c - a connection on ports that another one has had just before, see successor.h */
#include "classifier/successor.h"

#include "classifier/packet.h"
#include "classifier/tcp_side.h"

bool fos_successor_is(const struct fos_classifier *c, uint32_t flow)
{
	return c->flows[flow & ~1u].pass_pos_flags & FOS_NOTE_AFTER;
}

bool fos_successor_due(struct fos_classifier *c, uint32_t flow)
{
	const struct fos_shadow *a = fos_touch(c, flow), *b = fos_touch(c, FOS_PEER(flow));

	/* of one that is never edited and only passes, late segments do so too */
	if (c->p->offline || !(a->flags & FOS_FLOW_TCP) || !(a->flags & FOS_FLOW_APP) ||
	    a->flags & FOS_FLOW_OPAQUE)
		return false;
	/* each end has had the other's FIN acknowledged: nobody waits, one may be in TIME_WAIT */
	if (fos_cls_conn(c, flow)->close == FOS_CLOSE_FIN && fos_tcp_over(c, flow, 0))
		return false;
	return fos_successor_is(c, flow) || a->state & b->state & FOS_FLOW_ST_SYN;
}

void fos_successor_mark(struct fos_classifier *c, uint32_t flow)
{
	fos_touch(c, flow);
	c->flows[flow & ~1u].pass_pos_flags |= FOS_NOTE_AFTER;
}

void fos_successor_answer(struct fos_classifier *c, struct fos_packet *pkt)
{
	if (pkt->nr != 1 || pkt->meta.link != FOS_LINK_ETHERNET) {
		fos_packet_drop(c, pkt, FOS_C_drop_tcp_closed);
		return;
	}
	fos_cls_count(c, FOS_C_drop_tcp_closed);
	fos_emit(c, FOS_DESC_REPLY, pkt->part[0].frame, pkt->part[0].gen, FOS_NONE, 0,
		 pkt->meta.port, 0);
}
