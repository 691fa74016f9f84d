/* pm.c - flowosctl pm: what authors of modules need */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "deploy/ctl/compile.h"
#include "deploy/ctl/ctl.h"

static const char synopsis[] = "pm test PM -r CAPTURE [--expect FILE] ...";

/* The whole box is in that program; this one knows nothing of stages. */
static int test(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	fos_beside(path, "flowos-pmtest");
	execv(path, argv);
	return fos_ctl_fail("cannot run %s: %s", path, strerror(errno));
}

int fos_ctl_pm(int argc, char **argv)
{
	if (argc < 2)
		return fos_ctl_misuse(synopsis, "one of `test` is needed");
	if (!strcmp(argv[1], "test"))
		return test(argc - 1, argv + 1);
	return fos_ctl_misuse(synopsis, "there is no `pm %s`", argv[1]);
}
