/* tests/sim/far.c - connections that have lasted: positions beyond 32 bits, see sim_far() */
#include "tests/sim/sim.h"

static void far_pm(struct sim *s, uint32_t pm, uint32_t flow, uint64_t by)
{
	struct fos_pm_flow *f = world_pm_flow(&s->world, pm, flow);
	struct fos_pm_slot *slot = &f->slot[f->ver & 1u];

	if (slot->gen != s->world.box.flows[flow].gen) {
		memset(slot, 0, sizeof(*slot));
		slot->gen = s->world.box.flows[flow].gen;
	}
	slot->head += by;
	if (slot->flags & FOS_PM_EDITED)
		world_pm_edited(&s->world, pm, flow)->slot[f->ver & 1u].out_head += by;
}

void sim_far(struct sim *s, uint64_t by)
{
	for (uint32_t i = 0; i < s->world.dir->nr_flows; i++) {
		struct fos_flow *f = world_flow(&s->world, i);
		struct fos_out *o = (struct fos_out *)(uintptr_t)&s->world.box.outs[i];

		if (!f->gen)
			continue;
		f->isn -= (uint32_t)by;
		f->app.tail += by;
		for (uint32_t k = 0; k <= FOS_MAX_EDITORS; k++)
			o->pos[k] += by;
		for (uint32_t k = 0; k < s->world.dir->nr_pms; k++)
			if (s->world.dir->pm[k].stream == FOS_STREAM_APP)
				far_pm(s, k, i, by);
		for (uint32_t k = 0; k < s->nr_procs; k++)
			if (s->procs[k].stage == &sim_egress)
				sim_egress_far(s->procs[k].proc.state, i, by);
	}
}
