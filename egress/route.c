/* egress/route.c - see route.h */
#include "egress/route.h"

#include "egress/forced.h"
#include "egress/out.h"

static const struct fos_dir_pipeline *pipeline(const struct fos_egress *e, uint32_t i)
{
	return &e->p->dir->pipeline[i];
}

/* Fills the slot that nobody reads, and turns to it. */
static void publish(struct fos_egress *e, uint32_t flow, const struct fos_route_slot *route)
{
	uint8_t *own = fos_box_own(&e->p->box);
	struct fos_egr *r = (void *)own;
	struct fos_route *to = (struct fos_route *)(void *)(own + r->routes_off) + flow;
	uint32_t ver = to->ver + 1;

	/* pairs with the acquire fence in fos_box_route(): who copies the old slot sees that `ver` has
	 * moved on before this one changes */
	fos_fence_release();
	to->slot[ver & 1u] = *route;
	fos_txn_publish32(&e->txn, &to->ver, ver);
	fos_txn_publish32(&e->txn, &r->nr_routes, r->nr_routes + 1 ? r->nr_routes + 1 : 1);
	fos_egress_commit(e);
	e->moved = true;
}

/* In a capture not before the flush is over (fos_route_tell()): what modules do meanwhile is chance. */
static void tell(struct fos_egress *e, uint32_t flow, uint32_t gen, uint32_t of)
{
	const struct fos_dir *dir = e->p->dir;

	if (e->p->offline)
		return;
	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (e->pm[i] && fos_dir_place(dir, of, i) != FOS_NONE)
			fos_hint(e->p, e->pm[i], flow, gen);
}

/* What a PM asks for is checked here: its host does, but who knows what wrote into its region. */
static bool allowed(const struct fos_egress *e, const struct fos_route_slot *route, uint32_t to)
{
	const struct fos_dir *dir = e->p->dir;

	if (to >= dir->nr_pipelines || route->visited >> fos_dir_root(dir, to) & 1u ||
	    fos_dir_root(dir, to) == fos_dir_root(dir, route->pipeline))
		return false;
	if (pipeline(e, to)->nr_pkt_stages || pipeline(e, route->pipeline)->nr_pkt_stages)
		return false;
	for (uint32_t i = 0; i < dir->nr_pms; i++) {
		const struct fos_dir_pm *d = &dir->pm[i];

		bool there = fos_dir_place(dir, to, i) != FOS_NONE;

		if ((there || fos_dir_place(dir, route->pipeline, i) != FOS_NONE) &&
		    (d->rewrites || d->event_wants || (there && d->gates)))
			return false;
	}
	return true;
}

bool fos_route_all_closed(const struct fos_egress *e, uint32_t flow, uint32_t gen, uint32_t of)
{
	const struct fos_dir_pipeline *pl = pipeline(e, of);
	const struct fos_box *box = &e->p->box;

	for (uint32_t s = 0; s < pl->nr_stages; s++)
		for (uint32_t i = 0; i < pl->stage[s].nr_pms; i++) {
			uint32_t pm = pl->stage[s].pm[i];
			struct fos_pm_pub pub;

			if (fos_box_watches(e->p->dir, pm, box->flows[flow].flags) &&
			    (!fos_box_pub(box, pm, flow, gen, &pub) || !(pub.flags & FOS_PM_CLOSED)))
				return false;
		}
	return true;
}

/* PM index of who moves the flow when everything of this pipeline has left, else FOS_NONE. */
static uint32_t drained(const struct fos_egress *e, uint32_t flow, const struct fos_route_slot *route)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	struct fos_view v;

	/* heads may have moved since the run */
	if (!fos_route_all_closed(e, flow, t->gen, route->pipeline) || t->passed < t->in ||
	    !fos_view_open(&v, &e->p->box, flow, t->gen, pipeline(e, route->pipeline)->nr_stages,
			   t->out - route->delta))
		return FOS_NONE;
	while (fos_view_settle(&v))
		;
	return fos_view_base(&v) == t->in ? fos_view_moved(&v) : FOS_NONE;
}

static void turn(struct fos_egress *e, uint32_t flow, const struct fos_route_slot *route, uint32_t to)
{
	uint32_t gen = e->tcbs[flow].gen, from = route->pipeline;
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_route_slot next = {
		.gen = gen,
		.pipeline = (uint8_t)to,
		.visited = (uint16_t)(route->visited |
				      1u << fos_dir_root(e->p->dir, from)),
		.start = t->in,
		.delta = t->out - t->in,
	};

	/* the editors' positions begin anew; stored before the route, from which they are read */
	for (uint32_t i = 1; i <= FOS_MAX_EDITORS; i++)
		fos_out_passed_anew(e, flow, i, t->in);
	publish(e, flow, &next);
	fos_count(e->p->counter, FOS_C_flows_moved, 1);
	tell(e, flow, gen, from); /* edits of theirs are free */
	tell(e, flow, gen, to);
	if (e->cls)
		fos_hint(e->p, e->cls, flow, gen);
	if (!e->p->offline)
		fos_egress_run_later(e, flow);
}

bool fos_route_tell(struct fos_egress *e)
{
	bool moved = e->moved;

	for (uint32_t i = 0; i < e->p->dir->nr_pms && moved; i++)
		if (e->pm[i])
			fos_hint(e->p, e->pm[i], FOS_NONE, 0);
	e->walk_all |= moved;
	e->moved = false;
	return moved;
}

static uint32_t mover(const struct fos_view *v)
{
	for (uint32_t i = v->nr_layers; i-- > 0;)
		if (v->layer[i].mover != FOS_NONE)
			return v->layer[i].mover;
	return FOS_NONE;
}

void fos_route_look(struct fos_egress *e, uint32_t flow, const struct fos_view *v,
		   const struct fos_route_slot *route)
{
	uint32_t pm = mover(v), gen = e->tcbs[flow].gen, to;
	struct fos_route_slot marked = *route;
	struct fos_pm_pub pub;

	if (pm == FOS_NONE || e->tcbs[flow].flags & FOS_TCB_DONE || !fos_egress_room(e))
		return;
	if (!((const struct fos_egr *)(const void *)fos_box_own(&e->p->box))->routes_off) {
		fos_forced_over(e, pm, flow, gen); /* whereto?  There is one pipeline */
		return;
	}
	if (!route->moving) {
		marked.gen = gen;
		marked.moving = 1;
		publish(e, flow, &marked);
		tell(e, flow, gen, route->pipeline);
		return;
	}
	pm = drained(e, flow, route);
	if (pm == FOS_NONE || !fos_box_pub(&e->p->box, pm, flow, gen, &pub) || !fos_pub_moves(&pub))
		return;
	to = pub.flags >> FOS_PM_MOVE_SHIFT;
	if (allowed(e, route, to))
		turn(e, flow, route, to);
	else
		fos_forced_over(e, pm, flow, gen);
}
