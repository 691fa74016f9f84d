/* pmhost/program.c - a module that is a program of its own, see pm_main.h */
#include <getopt.h>

#include "pmhost/host.h"

int fos_pm_main(const struct fos_pm *module)
{
	char name[] = "flowos-pm";
	char *argv[] = {name, NULL};
	struct fos_instance *pm = fos_pmhost_new();
	int rc;

	optind = 0; /* the program may have read its own arguments */
	pm->program = true;
	fos_pmhost_module(pm, module);
	rc = fos_proc_main(1, argv, &fos_pmhost_hooks, pm);
	fos_pmhost_free(pm);
	return rc;
}
