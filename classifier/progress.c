/* classifier/progress.c - what PMs and egress have done, see progress.h */
#include "classifier/progress.h"

#include "classifier/deliver.h"
#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/gate.h"
#include "classifier/reassembly.h"
#include "classifier/unread.h"

#define WALK_PER_PASS 32u

/* The connection's packets are refused from now on; it is over for everybody else. */
static void refuse(struct fos_classifier *c, uint32_t conn, bool reset)
{
	struct fos_cls_conn *k = &c->conns[conn];

	fos_save_conn(c, conn);
	k->flags |= FOS_CONN_REFUSED | FOS_CONN_OPEN;
	k->close = FOS_CLOSE_PM;
	k->closed_ns = c->now_ns;
	fos_expire_publish_closed(c, conn, FOS_CLOSE_PM);
	fos_emit(c, FOS_DESC_CLOSE, FOS_NONE, 0, 2 * conn, 0, reset, FOS_CLOSE_PM);
	if (reset) {
		fos_cls_count(c, FOS_C_flows_reset);
		fos_conn_list(c, conn, FOS_LIST_CLOSING);
		k->list_ns = c->now_ns;
	}
}

static void check_verdicts(struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_cls_conn *k = fos_cls_conn(c, flow);
	uint32_t worst;

	if (k->flags & FOS_CONN_REFUSED || k->list == FOS_LIST_CLOSED)
		return;
	worst = fos_gate_verdict(c, flow, gen);
	if (worst >= FOS_VERDICT_DROP)
		refuse(c, flow >> 1, worst == FOS_VERDICT_RESET);
}

/* What waits at the gate or in the packet stages goes on, if it may.  False: room ran out. */
static bool let_through(struct fos_classifier *c, uint32_t flow)
{
	bool was_open = c->conns[flow >> 1].flags & FOS_CONN_OPEN;

	if (!was_open && !fos_gate_check(c, flow >> 1))
		return true;
	if ((c->flows[flow].pkt.first != FOS_NONE || fos_pkt_first_now(c, flow) != FOS_NONE) &&
	    !fos_deliver_waiting(c, flow))
		return false;
	/* the gate was the forward flow's; the answers have waited for it too.  A restarted
	 * hint finds the gate open: then both are looked at anyway. */
	return !(!was_open || fos_pkt_first_now(c, FOS_PEER(flow)) != FOS_NONE) ||
	       fos_deliver_waiting(c, FOS_PEER(flow));
}

bool fos_progress_flow(struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	uint32_t conn = flow >> 1;

	if (flow >= 2 * c->priv->conns_used || gen == 0 || fos_gen_now(c, flow) != gen)
		return true;
	check_verdicts(c, flow, gen);
	/* of the other direction as well, before the gate that its verdict stands at opens, or packets go
	 * on that wait for it: this hint may be here before that one's */
	if (!(c->conns[conn].flags & FOS_CONN_OPEN) ||
	    fos_pkt_first_now(c, FOS_PEER(flow)) != FOS_NONE)
		check_verdicts(c, FOS_PEER(flow), fos_gen_now(c, FOS_PEER(flow)));
	if (c->flows[flow].ooo_bytes > 0 && !fos_unread_look(c, flow))
		return false;
	if (c->event.nr_rings)
		fos_reasm_trim(c, flow);
	if (!let_through(c, flow) || !fos_reasm_reclaim(c, flow))
		return false;
	if (!c->p->offline)
		fos_expire_try_free(c, conn);
	return true;
}

uint32_t fos_progress_walk(struct fos_classifier *c)
{
	uint32_t done = 0;

	while (c->walk < c->priv->conns_used && done < WALK_PER_PASS &&
	       fos_batch_room(c, FOS_SHADOWS / 4)) {
		uint32_t f = 2 * c->walk, gen = c->flows[f].gen;

		done++;
		fos_event_forget(c, f);
		fos_event_forget(c, f + 1);
		if (gen && !(fos_progress_flow(c, f, gen) && fos_progress_flow(c, f + 1, gen)))
			break;
		c->walk++;
	}
	return done;
}
