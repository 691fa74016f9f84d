/* pmhost/all.c - every live flow, a few at a time, see visit.h
 *
 * A successor meets all flows, and whoever has missed a hint looks at all of them: between two steps of
 * that those flows are served which have something new.
 */
#include <sched.h>

#include "pmhost/visit.h"

uint32_t fos_pmhost_step = 256;

bool fos_host_live(struct fos_instance *pm, uint32_t *next, uint32_t conns, fos_host_visit_fn fn,
		   void *arg)
{
	const uint8_t *cls = (const uint8_t *)pm->box->cls;
	const uint64_t *live = (const uint64_t *)(const void *)(cls + pm->box->cls->live_off);
	uint32_t conn = *next;

	for (; conn < pm->region->nr_flows / 2 && conns > 0; conn++) {
		uint64_t bits = fos_relaxed64(&live[conn / 64]);

		if (bits == 0) {
			conn |= 63;
		} else if (bits >> (conn % 64) & 1u) {
			fn(pm, 2 * conn, arg);
			fn(pm, 2 * conn + 1, arg);
			conns--;
		}
	}
	*next = conn;
	return conn >= pm->region->nr_flows / 2;
}

static bool visit_all(struct fos_instance *pm, uint32_t *next, uint32_t conns)
{
	const uint8_t *cls = (const uint8_t *)pm->box->cls;
	const uint64_t *live = (const uint64_t *)(const void *)(cls + pm->box->cls->live_off);
	uint32_t conn = *next;

	for (; conn < pm->region->nr_flows / 2 && conns > 0; conn++) {
		/* those that are over may have left edits or timers with us */
		uint64_t bits = fos_relaxed64(&live[conn / 64]) | pm->met[conn / 64];

		if (bits == 0) {
			conn |= 63;
		} else if (bits >> (conn % 64) & 1u) {
			fos_visit(pm, 2 * conn);
			fos_visit(pm, 2 * conn + 1);
			if (pm->local[2 * conn].gen == 0 && pm->local[2 * conn + 1].gen == 0)
				pm->met[conn / 64] &= ~(1ull << (conn % 64));
			conns--;
		}
	}
	*next = conn;
	return conn >= pm->region->nr_flows / 2;
}

uint32_t fos_visit_step(struct fos_instance *pm)
{
	uint32_t conns = pm->p->offline ? UINT32_MAX : fos_pmhost_step;
	bool learning = fos_edit_pool_learning(&pm->edits);

	/* who brings what is new has waited for this core, maybe */
	if ((learning || pm->walking) && pm->p->loop)
		sched_yield();
	fos_edit_pool_learn(pm, conns);
	if (fos_edit_pool_learning(&pm->edits))
		return 1;
	if (pm->walk && !pm->walking) {
		pm->walk = false;
		pm->walking = true;
		pm->walk_next = 0;
	}
	if (!pm->walking)
		return 0;
	pm->walking = !visit_all(pm, &pm->walk_next, conns);
	return 1;
}
