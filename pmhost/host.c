/* pmhost/host.c - the hooks of flowos-pmhost: attach, the batch, idle, stop; see host.h */
#include "pmhost/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pmhost/commit.h"
#include "pmhost/fault.h"
#include "pmhost/http.h"
#include "pmhost/load.h"
#include "pmhost/preopen.h"
#include "pmhost/visit.h"
#include "pmhost/window.h"
#include "shm/table.h"

#define HINTS_PER_BATCH 256u
#define AHEAD 4u /* flows that are looked at next are brought near meanwhile */
#define DEFAULT_HOLD_BYTES 65536u

void *fos_pmhost_new(void)
{
	struct fos_instance *pm = calloc(1, sizeof(*pm));

	if (!pm)
		abort();
	return pm;
}

void fos_pmhost_module(void *state, const struct fos_pm *module)
{
	struct fos_instance *pm = state;

	pm->module = module;
}

/* ---------------------------------------------------------------- attach */

static void bind_region(struct fos_instance *pm)
{
	uint8_t *base = fos_box_own(pm->box);

	pm->region = (struct fos_pm_region *)(void *)base;
	pm->flows = (struct fos_pm_flow *)(void *)(base + pm->region->flows_off);
	pm->edited = pm->region->edited_off ?
			     (struct fos_pm_edited *)(void *)(base + pm->region->edited_off) :
			     NULL;
	pm->rewrites = pm->region->rewrites_off ?
			       (struct fos_rewrite *)(void *)(base + pm->region->rewrites_off) :
			       NULL;
	pm->contexts = base + pm->region->contexts_off;
	pm->states = base + pm->region->state_off;
}

static void bind_rings(struct fos_instance *pm)
{
	const struct fos_dir *dir = pm->dir;
	uint32_t lane = pm->box->lane;

	for (uint32_t i = 0; i < dir->nr_pms; i++)
		pm->to_pm[i] = fos_proc_prod(pm->p, FOS_RING_READY,
					     fos_proc_find(dir, FOS_ROLE_PM, lane, i));
	pm->to_classifier = fos_proc_prod(pm->p, FOS_RING_READY,
					  fos_proc_find(dir, FOS_ROLE_CLASSIFIER, lane, lane));
	pm->to_egress = fos_proc_prod(pm->p, FOS_RING_READY,
				      fos_proc_find(dir, FOS_ROLE_EGRESS, lane, lane));
}

/* Rolls the predecessor's last batch forward or back, and takes up the ring indices after it. */
static int recover(struct fos_instance *pm)
{
	struct fos_txn_log *log = (void *)((uint8_t *)pm->region + pm->region->txn_off);
	int did = fos_txn_attach(&pm->txn, log, pm->region, pm->region->head.size);

	if (did < 0) {
		fos_log(FOS_LOG_ERROR, "%s: the transaction log of its region is damaged: stop the "
				       "box and run it again", pm->d->name);
		return did;
	}
	if (did == 1)
		fos_count(pm->p->counter, FOS_C_txn_rolled_forward, 1);
	if (did == 2)
		fos_count(pm->p->counter, FOS_C_txn_rolled_back, 1);
	for (uint32_t i = 0; i < pm->p->nr_prod; i++)
		pm->p->prod[i].next = pm->p->prod[i].ring->tail;
	for (uint32_t i = 0; i < pm->p->nr_cons; i++)
		pm->p->cons[i].next = pm->p->cons[i].cursor->head;
	return 0;
}

static void see_one(struct fos_instance *pm, uint32_t flow, void *live)
{
	(void)pm;
	(void)flow;
	*(bool *)live = true;
}

/* What is known of each flow follows from what was published: it is looked up when the flow is met. */
static void rebuild(struct fos_instance *pm)
{
	uint32_t nr = pm->region->nr_flows, first = 0;
	bool live = false;

	pm->local_bytes = nr * sizeof(*pm->local);
	pm->local = fos_table_new(pm->local_bytes);
	pm->retry = calloc(nr, sizeof(*pm->retry));
	pm->met = calloc(nr / 128 + 1, sizeof(*pm->met));
	if (!pm->local || !pm->retry || !pm->met)
		abort();
	if (pm->events)
		fos_events_recall(pm);
	fos_edit_pool_attach(pm);
	fos_host_live(pm, &first, 1, see_one, &live);
	if (!live)
		fos_edit_pool_learn(pm, UINT32_MAX);
	pm->walk = true;
}

/* A capture's time is the wall's already. */
static uint64_t epoch(const struct fos_proc *p)
{
	struct timespec now;

	if (p->offline || !p->loop || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - fos_clock_ns();
}

static int start_module(struct fos_instance *pm)
{
	int rc;

	pm->in = FOS_IN_INIT;
	rc = pm->module->init ? pm->module->init(pm) : 0;
	pm->in = FOS_IN_NONE;
	if (rc != 0) {
		fos_log(FOS_LOG_ERROR, "%s: the module's init() refused (%d)", pm->d->name, rc);
		return rc < 0 ? rc : -EINVAL;
	}
	if (pm->module->init)
		fos_option_unasked(pm);
	if (fos_commit_pm(pm) != FOS_OK)
		fos_commit_discard(pm);
	return 0;
}

static void bind_proc(struct fos_instance *pm, struct fos_proc *p)
{
	pm->p = p;
	pm->box = &p->box;
	pm->dir = p->dir;
	pm->index = p->me->index;
	pm->d = &p->dir->pm[pm->index];
}

static void prepare(struct fos_proc *p)
{
	bind_proc(p->state, p);
	fos_preopen(p->state);
}

static int warm(struct fos_proc *p)
{
	bind_proc(p->state, p);
	return fos_load(p->state);
}

static int init(struct fos_proc *p)
{
	struct fos_instance *pm = p->state;
	int rc;

	bind_proc(pm, p);
	pm->hold_bytes = pm->d->hold_bytes ? pm->d->hold_bytes : DEFAULT_HOLD_BYTES;
	pm->hold_ns = pm->d->hold_ns ? pm->d->hold_ns : UINT64_MAX;
	pm->epoch_ns = epoch(p);
	bind_region(pm);
	if (pm->d->ctx_size < FOS_PM_HOST_CTX || pm->d->state_size < FOS_PM_HOST_STATE) {
		fos_log(FOS_LOG_ERROR, "%s: its region has no room for contexts", pm->d->name);
		return -EINVAL;
	}
	if (p->loop)
		fos_fault_watch(pm);
	rc = fos_load(pm);
	if (rc == 0)
		rc = recover(pm);
	if (rc < 0)
		return rc;
	bind_rings(pm);
	pm->state = calloc(1, pm->d->state_size);
	if (!pm->state)
		abort();
	fos_state_load(pm);
	fos_window_init(pm);
	pm->events = fos_events_attach(pm);
	pm->parcels = fos_parcels_attach(pm);
	rebuild(pm);
	if (pm->d->http && fos_http_init(pm) != 0)
		return -EINVAL;
	fos_keys_bind(pm);
	if (!fos_topics_bind(pm)) {
		fos_log(FOS_LOG_ERROR, "%s: the module exports more than %u topics", pm->d->name,
			FOS_TOPICS_MAX);
		return -EINVAL;
	}
	return start_module(pm);
}

/* ---------------------------------------------------------------- the batch */

/* The flow of a hint that comes soon. */
static void expect_flow(const struct fos_instance *pm, const struct fos_hint *h)
{
	uint32_t flow = fos_relaxed32(&h->flow);

	if (flow >= pm->region->nr_flows)
		return;
	fos_box_expect_bytes(&pm->box->flows[flow], sizeof(pm->box->flows[flow]));
	fos_box_expect_bytes(&pm->flows[flow], sizeof(pm->flows[flow]));
	fos_box_expect_bytes(&pm->local[flow], sizeof(pm->local[flow]));
	fos_box_expect_bytes(&pm->box->outs[flow], sizeof(pm->box->outs[flow]));
}

static uint32_t take_hints(struct fos_instance *pm, struct fos_ring_cons *c)
{
	uint64_t n = fos_ring_peek(c);

	if (c->broken) {
		fos_count(pm->p->counter, FOS_C_ring_broken, 1);
		return 0;
	}
	if (n > HINTS_PER_BATCH)
		n = HINTS_PER_BATCH;
	for (uint64_t i = 0; i < n; i++) {
		const struct fos_hint *h = fos_ring_at(c, i);
		uint32_t flow = fos_relaxed32(&h->flow);

		if (i + AHEAD < n)
			expect_flow(pm, fos_ring_at(c, i + AHEAD));
		if (flow == FOS_NONE)
			pm->walk = true;
		else
			fos_visit(pm, flow);
	}
	fos_ring_take(c, n);
	return (uint32_t)n;
}

static uint32_t try_again(struct fos_instance *pm)
{
	uint32_t n = pm->nr_retry, did = 0;

	pm->nr_retry = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t flow = pm->retry[i];

		/* the list grows behind i at most as fast as it is read */
		pm->local[flow].queued = 0;
		did += fos_visit(pm, flow);
	}
	return did;
}

static uint32_t deadlines(struct fos_instance *pm)
{
	struct fos_deadline due;
	uint32_t n = 0;

	while (fos_timers_take(&pm->timers, pm->p->now_ns, &due))
		n += fos_visit_due(pm, &due);
	if (fos_tick_due(pm)) {
		fos_tick_run(pm);
		n++;
	}
	return n;
}

/* Hints are given back when their work is done; offline an empty ring also tells ingress that
 * nothing is pending, so while a release waits for room they stay. */
static void give_back(struct fos_instance *pm)
{
	if (pm->p->offline && (pm->nr_retry > 0 || pm->message_retry))
		return;
	for (uint32_t i = 0; i < pm->p->nr_cons; i++) {
		struct fos_ring_cons *c = &pm->p->cons[i];

		if (c->kind == FOS_RING_READY && c->cursor->head != c->next)
			fos_ring_release(c);
	}
	/* pairs with ingress's acquire: timers up to this time have run */
	if (pm->p->offline && pm->region->head.clock_seen_ns != pm->p->now_ns)
		fos_release64(&pm->region->head.clock_seen_ns, pm->p->now_ns);
}

static uint32_t work(struct fos_proc *p)
{
	struct fos_instance *pm = p->state;
	uint32_t n = 0;

	n += deadlines(pm);
	/* nearly all of them wait for edit records, and there are none yet */
	if (pm->nr_retry > 0 && !fos_edit_pool_learning(&pm->edits))
		n += try_again(pm);
	if (pm->events)
		n += fos_events_work(pm);
	for (uint32_t i = 0; i < p->nr_cons; i++)
		if (p->cons[i].kind == FOS_RING_READY)
			n += take_hints(pm, &p->cons[i]);
	n += fos_visit_step(pm);
	n += fos_messages_work(pm);
	give_back(pm);
	return n;
}

static uint64_t idle(struct fos_proc *p)
{
	struct fos_instance *pm = p->state;
	uint64_t next = fos_timers_next(&pm->timers);

	if (pm->tick_ns && pm->tick_ns < next)
		next = pm->tick_ns;
	if ((pm->nr_retry > 0 || pm->message_retry || (pm->events && pm->events->again)) &&
	    next > p->now_ns + FOS_HOST_RETRY_NS)
		next = p->now_ns + FOS_HOST_RETRY_NS;
	return next;
}

/* ---------------------------------------------------------------- stop */

static void fini(struct fos_proc *p)
{
	struct fos_instance *pm = p->state;

	if (!pm->module || !pm->local)
		return;
	if (pm->module->fini)
		pm->module->fini(pm);
	if (fos_commit_pm(pm) != FOS_OK)
		fos_commit_discard(pm);
}

void fos_pmhost_free(void *state)
{
	struct fos_instance *pm = state;

	fos_fault_end(pm);
	if (pm->local) {
		fos_http_fini(pm);
		fos_window_fini(pm);
		fos_edit_pool_detach(pm);
		fos_files_close(pm);
	}
	fos_hosts_free(pm);
	fos_keys_free(pm);
	fos_timers_free(&pm->timers);
	fos_events_free(pm->events);
	free(pm->parcels);
	fos_table_free(pm->local, pm->local_bytes);
	free(pm->retry);
	free(pm->met);
	free(pm->state);
	fos_unload(pm);
	free(pm);
}

const struct fos_proc_hooks fos_pmhost_hooks = {
	.program = "flowos-pmhost",
	.prepare = prepare,
	.warm = warm,
	.init = init,
	.work = work,
	.idle = idle,
	.fini = fini,
};
