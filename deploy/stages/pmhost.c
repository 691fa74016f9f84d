/* deploy/stages/pmhost.c - see stage.h */
#include "pmhost/host.h"
#include "deploy/stages/stage.h"

static void *make(void *arg)
{
	(void)arg;
	return fos_pmhost_new();
}

void sim_pmhost_module(void *state, const struct fos_pm *module)
{
	fos_pmhost_module(state, module);
}

const struct sim_stage sim_pmhost = {&fos_pmhost_hooks, make, fos_pmhost_free};
