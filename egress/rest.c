/* egress/rest.c - what modules still read of a flow that is over, see rest.h */
#include "egress/rest.h"

#include "egress/flow.h"
#include "egress/out.h"
#include "egress/route.h"
#include "egress/timer.h"

#define SPANS_PER_READ 1024u

/* Output position up to which modules have released. */
static uint64_t read_to(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];

	return t->flags & FOS_TCB_REST ? e->mores[flow].rest : t->out;
}

static void move(struct fos_egress *e, uint32_t flow, uint64_t to)
{
	if (to == read_to(e, flow))
		return;
	fos_out_more(e, flow)->rest = to;
	fos_out_tcb(e, flow)->flags |= FOS_TCB_REST;
}

/* Is the time over?  It begins when nothing more can come. */
static bool late(struct fos_egress *e, uint32_t flow, uint32_t state)
{
	if (e->p->offline || !(state & FOS_FLOW_ST_CLOSED))
		return false;
	if (e->tcbs[flow].rto_at == 0) {
		fos_out_tcb(e, flow)->rto_at = e->p->now_ns + FOS_REST_NS;
		fos_timer_start(e, flow);
	}
	return e->tcbs[flow].rto_at <= e->p->now_ns;
}

/* True: the view's cursor is behind all that will ever come. */
static bool read_on(struct fos_egress *e, uint32_t flow, struct fos_view *v, uint32_t state)
{
	struct fos_span span;
	uint32_t n = 0;

	while (n < SPANS_PER_READ && fos_view_next(v, UINT32_MAX, &span))
		n++;
	if (n == SPANS_PER_READ)
		fos_egress_run_later(e, flow);
	while (fos_view_settle(v))
		;
	return state & (FOS_FLOW_ST_FIN | FOS_FLOW_ST_CLOSED) && fos_view_ended(v) &&
	       fos_view_base(v) == v->base_tail;
}

bool fos_rest_read(struct fos_egress *e, uint32_t flow)
{
	const struct fos_box *box = &e->p->box;
	const struct fos_flow *f = &box->flows[flow];
	uint32_t gen = e->tcbs[flow].gen;
	/* pairs with the classifier's release: the tail that is read later is final then */
	uint32_t state = fos_acquire32(&f->state);
	struct fos_route_slot route;
	struct fos_view v;
	bool all;

	/* the end of the stream does not leave before modules have let go of all that is before it */
	if (e->tcbs[flow].flags & FOS_TCB_FIN_SENT)
		return true;
	fos_box_route(box, flow, gen, &route);
	/* (one that cannot be opened: a module broke the rules) */
	if (!fos_view_open(&v, box, flow, gen, e->p->dir->pipeline[route.pipeline].nr_stages,
			   read_to(e, flow) - route.delta))
		return e->p->offline || late(e, flow, state);
	all = read_on(e, flow, &v, state);
	move(e, flow, (v.nr_layers ? v.layer[v.nr_layers - 1].out : fos_view_base(&v)) + route.delta);
	if (!fos_flow_publish(e, flow, &v, fos_view_base(&v)))
		return false; /* for want of room: it is looked at again */
	/* one that has closed early reads no more, and holds back those behind it */
	return all || (state & FOS_FLOW_ST_CLOSED && fos_route_all_closed(e, flow, gen, route.pipeline)) ||
	       late(e, flow, state);
}
