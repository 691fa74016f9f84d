/* pmhost/tick.c - the module's own timer, of no flow */
#include "pmhost/commit.h"
#include "pmhost/host.h"

void fos_tick(struct fos_instance *pm, uint64_t ns, void (*fn)(struct fos_instance *pm))
{
	/* a capture's time begins with its first packet: init may come before that or after */
	bool early = pm->p->offline && pm->p->now_ns == 0;

	if (!fn)
		ns = 0;
	pm->tick_after = early ? ns : 0;
	pm->tick_ns = ns && !early ? pm->p->now_ns + ns : 0;
	pm->tick = fn;
}

bool fos_tick_due(struct fos_instance *pm)
{
	if (pm->tick_after && pm->p->now_ns)
		fos_tick(pm, pm->tick_after, pm->tick);
	return pm->tick_ns && pm->tick_ns <= pm->p->now_ns;
}

void fos_tick_run(struct fos_instance *pm)
{
	void (*fn)(struct fos_instance *pm) = pm->tick;

	pm->tick_ns = 0;
	pm->in = FOS_IN_TICK;
	fos_count(pm->p->counter, FOS_C_pm_calls, 1);
	fn(pm);
	pm->in = FOS_IN_NONE;
	if (fos_commit_pm(pm) == FOS_OK)
		return;
	fos_commit_discard(pm);
	fos_tick(pm, FOS_HOST_RETRY_NS, fn);
}
