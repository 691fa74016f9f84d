/* egress/forced.c - see forced.h and README.md, "When a PM fails" */
#include "egress/forced.h"

#include "egress/out.h"
#include "shm/build.h"
#include "shm/view.h"

#define LOOK_NS 20000000ull /* while a PM is down */

/* Whoever waits for the PM's head looks again: the PMs behind it, the classifier, we. */
static void tell(struct fos_egress *e, uint32_t pm, uint32_t flow, uint32_t gen)
{
	const struct fos_dir *dir = e->p->dir;

	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (e->pm[i] && dir->pm[i].pipeline == dir->pm[pm].pipeline) /* any version */
			fos_hint(e->p, e->pm[i], flow, gen);
	if (e->cls)
		fos_hint(e->p, e->cls, flow, gen);
	fos_egress_run_later(e, flow);
}

static void force(struct fos_egress *e, uint32_t pm, uint32_t flow, const struct fos_pm_pub *pub,
		  bool reset)
{
	uint8_t *own = fos_box_own(&e->p->box);
	struct fos_egr *r = (void *)own;
	struct fos_forced *f = (struct fos_forced *)(void *)(own + r->forced_off) + flow;
	uint64_t pms = f->pms;
	uint32_t resets = f->reset;

	/* released in this order: a reader that finds the PM's bit finds the rest */
	if (pms >> 32 != pub->gen) {
		pms = (uint64_t)pub->gen << 32;
		resets = 0;
		fos_txn_publish64(&e->txn, &f->pms, pms);
	}
	if (e->p->dir->pm[pm].edits) {
		struct fos_forced_edits *d = (void *)(own + r->forced_edits_off);

		d += (uint64_t)fos_build_edits_index(e->p->dir, pm) * r->nr_flows + flow;
		fos_txn_publish32(&e->txn, &d->edits, pub->edits);
		fos_txn_publish64(&e->txn, &d->delta, pub->out_head - pub->head);
	}
	fos_txn_publish32(&e->txn, &f->reset, resets | (uint32_t)reset << pm);
	fos_txn_publish64(&e->txn, &f->pms, pms | 1ull << pm);
	fos_txn_publish32(&e->txn, &r->nr_forced, r->nr_forced + 1);
	fos_egress_commit(e);
	tell(e, pm, flow, pub->gen);
}

/* What the PM has published of a live flow on which it could still go on; false = nothing to do. */
static bool concerned(struct fos_egress *e, uint32_t pm, uint32_t flow, uint32_t gen,
		      struct fos_pm_pub *pub)
{
	const struct fos_box *box = &e->p->box;
	struct fos_box_force f;

	if (flow >= e->p->dir->nr_flows || gen == 0 || fos_acquire32(&box->flows[flow].gen) != gen ||
	    fos_dir_place(e->p->dir, fos_box_pipeline(box, flow, gen), pm) == FOS_NONE ||
	    !fos_box_watches(e->p->dir, pm, box->flows[flow].flags) ||
	    fos_box_forced(box, pm, flow, gen, &f))
		return false;
	if (!fos_box_pub_own(box, pm, flow, gen, pub)) {
		struct fos_route_slot route;

		fos_box_route(box, flow, gen, &route);
		*pub = (struct fos_pm_pub){
			.gen = gen, .head = route.start, .out_head = route.start};
	}
	/* who has moved it has nothing more to do with it */
	return pub->head < FOS_POS_MAX && pub->verdict != FOS_VERDICT_MOVE;
}

/* ------------------------------------------------------------------ quarantine */

/* Has everything that the PM edited left, and been acknowledged?  Then the two ends' numbers differ by a
 * constant, and translation is all that the flow needs from now on. */
static bool folded(const struct fos_egress *e, uint32_t pm, uint32_t flow,
		   const struct fos_pm_pub *pub)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t editor = fos_dir_editor(
		e->p->dir, fos_box_pipeline(&e->p->box, flow, pub->gen), pm);

	if (pub->edits == 0 || editor == 0)
		return true; /* untouched; what a packet PM dropped is gone */
	return t->gen == pub->gen && fos_out_passed(e, flow, editor) >= pub->out_head &&
	       fos_seqmap_flat(fos_out_map(e, t), t->una);
}

static uint32_t quarantine(struct fos_egress *e, uint32_t pm, const struct fos_death *d)
{
	uint32_t flow = fos_relaxed32(&d->flow), gen = fos_relaxed32(&d->gen);
	const struct fos_dir_pm *p = &e->p->dir->pm[pm];
	struct fos_pm_pub pub;
	bool reset;

	if (fos_acquire32(&d->deaths) < p->quarantine || !concerned(e, pm, flow, gen, &pub))
		return 0;
	reset = p->on_failure == FOS_FAIL_BLOCK || !folded(e, pm, flow, &pub);
	/* a capture's ends cannot be told anything */
	if (e->p->offline)
		reset = false;
	fos_log(FOS_LOG_WARN, "%s died %u times on flow %u: the connection %s", p->name,
		d->deaths, flow, reset ? "is reset" : "goes on without it");
	fos_count(e->p->counter, FOS_C_flows_quarantined, 1);
	force(e, pm, flow, &pub, reset);
	return 1;
}

/* ------------------------------------------------------------------ bypass */

static bool is_down(const struct fos_egress *e, uint32_t pm)
{
	const struct fos_box *box = &e->p->box;
	uint32_t i = fos_proc_find(e->p->dir, FOS_ROLE_PM, box->lane, pm);
	const struct fos_lease *l;

	if (i == FOS_NONE || !box->pm[pm])
		return false;
	l = &e->p->dir->proc[i].lease;
	/* one that has not begun yet is not missed: packets are taken when all have */
	return fos_relaxed32(&l->generation) > 0 &&
	       (fos_acquire32(&l->state) != FOS_LEASE_GRANTED ||
		fos_relaxed32(&box->pm[pm]->head.pid) != fos_relaxed32(&l->pid));
}

/* Does anything wait for this PM?  A first packet at its gate, bytes, or the end of the stream. */
static bool waits(const struct fos_egress *e, uint32_t pm, uint32_t flow,
		  const struct fos_pm_pub *pub)
{
	const struct fos_box *box = &e->p->box;
	const struct fos_dir_pm *p = &e->p->dir->pm[pm];
	const struct fos_flow *f = &box->flows[flow];
	struct fos_route_slot route;
	struct fos_view v;

	fos_box_route(box, flow, pub->gen, &route);
	if (route.moving)
		return true;

	if (p->gates && !(pub->flags & FOS_PM_OPENED) &&
	    fos_acquire32(&f->flags) & FOS_FLOW_OFFERED)
		return true;
	if (p->stream == FOS_STREAM_IP)
		return fos_acquire64(&f->pkt.tail) > pub->head;
	if (p->stream == FOS_STREAM_TCP)
		return fos_acquire64(&f->pkt.tail_l4) > pub->head;
	if (fos_acquire32(&f->state) & (FOS_FLOW_ST_FIN | FOS_FLOW_ST_RESET | FOS_FLOW_ST_CLOSED))
		return true;
	return fos_view_open(&v, box, flow, pub->gen,
			     fos_dir_place(e->p->dir, route.pipeline, pm), pub->head) &&
	       fos_view_tail(&v) > pub->head;
}

static uint32_t bypass(struct fos_egress *e, uint32_t pm)
{
	uint32_t n = 0;

	for (uint32_t flow = 0; flow < e->p->dir->nr_flows; flow++) {
		uint32_t gen = fos_relaxed32(&e->p->box.flows[flow].gen);
		struct fos_pm_pub pub;

		if (!concerned(e, pm, flow, gen, &pub) || !waits(e, pm, flow, &pub))
			continue;
		fos_count(e->p->counter, FOS_C_flows_bypassed, 1);
		force(e, pm, flow, &pub, false);
		n++;
	}
	return n;
}

static uint32_t look_at(struct fos_egress *e, uint32_t pm)
{
	const struct fos_dir *dir = e->p->dir;
	const struct fos_death *d = dir->death[e->p->box.lane][pm];
	uint64_t *since = &e->down_ns[pm];
	uint32_t n = 0;

	for (uint32_t i = 0; i < FOS_DEATHS; i++)
		n += quarantine(e, pm, &d[i]);
	if (e->p->offline)
		return n;
	if (!is_down(e, pm)) {
		*since = 0;
		return n;
	}
	if (*since == 0)
		*since = e->p->now_ns;
	e->any_down = true;
	if (dir->pm[pm].on_failure == FOS_FAIL_BYPASS &&
	    e->p->now_ns - *since >= dir->pm[pm].hold_ns)
		n += bypass(e, pm);
	return n;
}

void fos_forced_over(struct fos_egress *e, uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_pm_pub pub;

	fos_count(e->p->counter, FOS_C_pm_rules_broken, 1);
	if (fos_box_pub_own(&e->p->box, pm, flow, gen, &pub))
		force(e, pm, flow, &pub, false);
}

uint32_t fos_forced_work(struct fos_egress *e)
{
	const struct fos_dir *dir = e->p->dir;
	/* pairs with the keeper's release: what it says of the dead was written before */
	uint64_t failures = fos_acquire64(&dir->failures);
	uint32_t n = 0;

	if (failures == e->failures_seen && (!e->any_down || e->p->now_ns < e->look_ns))
		return 0;
	e->failures_seen = failures;
	e->look_ns = e->p->now_ns + LOOK_NS;
	e->any_down = false;
	for (uint32_t pm = 0; pm < dir->nr_pms; pm++)
		n += look_at(e, pm);
	if (!e->any_down)
		return n;
	/* hints that a PM would pass on do not come: everybody looks at everything */
	e->walk_all = true;
	for (uint32_t pm = 0; pm < dir->nr_pms; pm++)
		if (e->pm[pm] && e->down_ns[pm] == 0)
			fos_hint(e->p, e->pm[pm], FOS_NONE, 0);
	return n;
}

uint64_t fos_forced_next(const struct fos_egress *e)
{
	return e->any_down ? e->look_ns : UINT64_MAX;
}
