/* classifier/goodbye.c - both directions have ended, see goodbye.h */
#include "classifier/goodbye.h"

#include "classifier/expire.h"
#include "classifier/packet.h"
#include "classifier/tcp_side.h"

void fos_goodbye_fin(struct fos_classifier *c, uint32_t flow, uint64_t time_ns)
{
	bool alone = c->flows[flow].pass_pos_flags & FOS_NOTE_ONE_WAY;
	struct fos_cls_conn *k = fos_cls_conn(c, flow);

	if (!alone &&
	    !(fos_touch(c, flow)->state & fos_touch(c, FOS_PEER(flow))->state & FOS_FLOW_ST_FIN))
		return;
	fos_save_conn(c, flow >> 1);
	k->close = FOS_CLOSE_FIN;
	if (!alone)
		k->flags |= FOS_CONN_GOODBYE;
	if (!alone && flow & 1)
		k->flags |= FOS_CONN_LAST_R;
	fos_expire_touch(c, flow, time_ns, FOS_LIST_CLOSING);
}

void fos_goodbye_ack(struct fos_classifier *c, uint32_t flow)
{
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	bool last_r = k->flags & FOS_CONN_LAST_R;

	if (!(k->flags & FOS_CONN_GOODBYE) || last_r == (flow & 1))
		return;
	fos_save_conn(c, flow >> 1);
	k->flags &= (uint8_t)~FOS_CONN_GOODBYE;
	fos_expire_publish_closed(c, flow >> 1, FOS_CLOSE_FIN);
}

void fos_goodbye_late(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt,
		      const struct fos_tcp_segment *seg)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	bool missed = fos_cls_conn(c, flow)->close == FOS_CLOSE_RST && seg->flags & FOS_TCP_ACK;

	if (missed && s->flags & FOS_FLOW_OPAQUE && !c->p->offline &&
	    !(s->state & FOS_FLOW_ST_RESET) && !(seg->flags & FOS_TCP_SYN)) {
		fos_packet_forward(c, pkt, flow);
		return;
	}
	if (missed)
		fos_emit(c, FOS_DESC_REXMIT, FOS_NONE, 0, flow, seg->ack, 0, FOS_PIECE_RST);
	fos_packet_drop(c, pkt, FOS_C_drop_tcp_closed);
}
