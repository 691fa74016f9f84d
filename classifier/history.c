/* classifier/history.c - see history.h */
#include "classifier/history.h"

#include <string.h>

#include "shm/history.h"

static bool lives(const struct fos_classifier *c, const struct fos_flow_events *x)
{
	return x->gen && x->flow < c->cls->nr_flows && fos_gen_now(c, x->flow) == x->gen;
}

/* A place for the flow: one of nobody that lives, else the one that has been silent longest. */
static struct fos_flow_events *choose(struct fos_classifier *c, uint32_t flow)
{
	struct fos_flow_events *oldest = NULL;

	for (uint32_t i = 0; i < FOS_HISTORY_PROBES; i++) {
		uint32_t at = fos_history_place(c->cls->nr_events, flow, i);
		struct fos_flow_events *x = &c->events[at];

		if (!lives(c, x))
			return x;
		if (!oldest || x->last_ns < oldest->last_ns)
			oldest = x;
	}
	fos_cls_count(c, FOS_C_events_forgotten);
	return oldest;
}

struct fos_flow_events *fos_history_keep(struct fos_classifier *c, uint32_t flow)
{
	uint32_t gen = fos_gen_now(c, flow);
	const struct fos_flow_events *own = fos_history_find(c->events, c->cls->nr_events, flow, gen);
	struct fos_flow_events *x;

	if (!gen)
		return NULL;
	x = own ? &c->events[own - c->events] : choose(c, flow);
	fos_txn_save(&c->txn, x, sizeof(*x));
	if (!own) {
		memset(x, 0, sizeof(*x));
		x->flow = flow;
		x->gen = gen;
	}
	return x;
}
