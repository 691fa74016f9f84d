/* classifier/event.c - what has happened on a flow, see event.h */
#include "classifier/event.h"

#include "classifier/tcp_side.h"

void fos_event_note(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind, uint64_t pos,
		    uint32_t len, uint64_t time_ns)
{
	struct fos_flow_events *e = &c->events[flow];

	fos_txn_save(&c->txn, e, sizeof(*e));
	if (e->count[kind] < UINT16_MAX)
		e->count[kind]++;
	e->last_pos = pos;
	e->last_ns = time_ns;
	e->last_len = len;
	e->last_kind = (uint16_t)kind;
}

void fos_event_window(struct fos_classifier *c, uint32_t flow, int64_t end, uint64_t time_ns)
{
	const struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	const struct fos_shadow *s = fos_touch(c, flow);
	uint32_t shift = f->wscale != 0xff && p->wscale != 0xff ? p->wscale : 0;
	int64_t edge = fos_tcp_position(f->isn, s->app_tail, p->last_ack) +
		       ((int64_t)p->last_wnd << shift);

	if (!(p->pass_pos_flags & FOS_NOTE_ACKED) || end <= edge || s->flags & FOS_FLOW_PICKUP ||
	    fos_tcp_edited_by(c, flow, s->gen) != 0)
		return;
	fos_event_note(c, flow, FOS_EVENT_WINDOW_OVERRUN, (uint64_t)edge, (uint32_t)(end - edge),
		       time_ns);
}
