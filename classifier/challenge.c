/* classifier/challenge.c - RST and SYN that RFC 5961 refuses, see challenge.h */
#include "classifier/challenge.h"

#include "classifier/event.h"
#include "classifier/history.h"
#include "classifier/tcp_side.h"
#include "classifier/tcp_state.h"

#define GAP_NS 500000000ull /* between two questions to one side, as Linux does */
#define PER_SECOND 1000u
#define SECOND_NS 1000000000ull

/* RFC 5961 section 7: an attacker must not make the box send much. */
static bool allowed(struct fos_classifier *c, uint32_t flow, uint64_t now)
{
	struct fos_flow_events *e = fos_history_keep(c, flow);

	if (!e || (e->challenge_ns && now - e->challenge_ns < GAP_NS))
		return false;
	if (c->challenge_s != now / SECOND_NS) {
		c->challenge_s = now / SECOND_NS;
		c->challenges = 0;
	}
	if (c->challenges >= PER_SECOND)
		return false;
	c->challenges++;
	e->challenge_ns = now;
	return true;
}

static void ask(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	const struct fos_part *part = &pkt->part[0];

	fos_cls_count(c, FOS_C_drop_tcp_challenged);
	fos_emit(c, FOS_DESC_CHALLENGE, part->frame, part->gen, flow, 0, 0, 0);
	for (uint32_t i = 1; i < pkt->nr; i++)
		fos_cls_drop(c, pkt->part[i].frame, pkt->part[i].gen, FOS_C_drop_tcp_payload);
}

void fos_challenge(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		   uint8_t flags)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	uint32_t close = fos_cls_conn(c, flow)->close;
	bool live = s->state & FOS_FLOW_ST_ESTABLISHED && !c->p->offline &&
		    (close == FOS_CLOSE_NONE ||
		     (close == FOS_CLOSE_FIN && !fos_tcp_over(c, flow, pkt->meta.time_ns)));

	fos_cls_count(c, FOS_C_tcp_challenge);
	fos_event_note(c, flow, flags & FOS_TCP_RST ? FOS_EVENT_INVALID_RST : FOS_EVENT_INVALID_SYN,
		       s->app_tail, 0, pkt->meta.time_ns);
	if (s->flags & FOS_FLOW_OPAQUE && !c->p->offline) {
		fos_packet_forward(c, pkt, flow);
	} else if (live && allowed(c, flow, pkt->meta.time_ns)) {
		ask(c, flow, pkt);
	} else {
		if (live)
			fos_cls_count(c, FOS_C_challenges_limited);
		fos_packet_drop(c, pkt, FOS_C_drop_tcp_challenged);
	}
}
