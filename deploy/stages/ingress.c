/* deploy/stages/ingress.c - see stage.h; of a capture, it reads the file itself */
#include "ingress/ingress.h"
#include "deploy/stages/stage.h"

static void *make(void *arg)
{
	(void)arg;
	return fos_ingress_new();
}

static void drop(void *state)
{
	fos_ingress_free(state);
}

const struct sim_stage sim_ingress = {&fos_ingress_hooks, make, drop};
