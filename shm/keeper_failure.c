/* shm/keeper_failure.c - what a PM was doing when it died
 *
 * Before it calls a handler the host publishes the flow (struct fos_pm_region, `at`), and a process
 * that receives a deadly signal of its own making leaves word of it (`fault`).  A death counts against
 * the flow when there is such a word, or when the heartbeat had stopped: then the handler did not
 * return, and a watchdog has ended it; unless the machine is to blame, which has run neither the
 * process nor, maybe, the keeper (keeper_slow.c).  A kill from outside counts against nobody.  All of
 * it is the PM's to write, so it can only harm its own flows.
 */
#include "shm/counter.h"
#include "shm/keeper.h"
#include "shm/proc.h"
#include "shm/region.h"

#define HUNG_NS 1000000000ull
#define SEEN_NS (HUNG_NS / 2)

static void note(struct fos_dir *dir, uint32_t lane, uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_death *d = dir->death[lane][pm], *at = &d[0];

	for (uint32_t i = 0; i < FOS_DEATHS; i++) {
		if (d[i].gen == gen && d[i].flow == flow) {
			fos_release32(&d[i].deaths, d[i].deaths + 1);
			return;
		}
		if (d[i].deaths < at->deaths)
			at = &d[i];
	}
	/* readers compare flow and generation with those of the flow table */
	fos_release32(&at->deaths, 0);
	at->flow = flow;
	at->gen = gen;
	fos_release32(&at->deaths, 1);
}

static bool hung(const struct fos_keeper *k, uint32_t proc, const struct fos_pm_region *r)
{
	uint64_t beat = fos_relaxed64(&r->head.heartbeat_ns), now = fos_clock_ns();
	const struct fos_keeper_slow *s = &k->slow[proc];
	bool seen = s->generation == k->dir->proc[proc].lease.generation && s->beat == beat &&
		    now > s->since_ns + SEEN_NS;

	/* a capture's modules are not looked at */
	return now > beat && now - beat > HUNG_NS && (k->dir->offline || (seen && !s->starved));
}

static void look(struct fos_keeper *k, uint32_t proc, const struct fos_pm_region *r)
{
	const struct fos_dir_proc *p = &k->dir->proc[proc];
	uint64_t at = fos_relaxed64(&r->at), fault = fos_relaxed64(&r->fault);
	bool own = (fault >> 32) == p->lease.generation && (uint32_t)fault != 0;

	if (fos_relaxed32(&r->head.pid) != p->lease.pid)
		return; /* it had ended in order, or never begun */
	fos_count(k->dir->head.counter, FOS_C_pm_deaths, 1);
	if (at == 0 || !(own || hung(k, proc, r)) || (uint32_t)at >= k->dir->nr_flows)
		return;
	fos_count(k->dir->head.counter, FOS_C_pm_deaths_on_flow, 1);
	note(k->dir, p->lane, p->index, (uint32_t)at, (uint32_t)(at >> 32));
}

void fos_keeper_failed(struct fos_keeper *k, uint32_t proc)
{
	const struct fos_dir_proc *p = &k->dir->proc[proc];
	struct fos_map m;

	if (fos_region_map(k->region_ro[p->region], sizeof(struct fos_pm_region), false, false,
			   &m) < 0)
		return;
	look(k, proc, (const void *)m.base);
	fos_region_unmap(&m);
	/* pairs with egress's acquire */
	fos_release64(&k->dir->failures, k->dir->failures + 1);
}
