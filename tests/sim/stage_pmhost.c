/* tests/sim/stage_pmhost.c - see stage.h */
#include "pmhost/host.h"
#include "tests/sim/stage.h"

static void *make(void *arg)
{
	(void)arg;
	return fos_pmhost_new();
}

const struct sim_stage sim_pmhost = {&fos_pmhost_hooks, make, fos_pmhost_free};
