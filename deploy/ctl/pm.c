/* pm.c - flowosctl pm: what authors of modules need */
#define _GNU_SOURCE
#include "deploy/ctl/pm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/ctl/compile.h"
#include "deploy/ctl/ctl.h"

static const char synopsis[] = "pm new|build|test|run ...";

bool fos_share(const char *what, char path[PATH_MAX])
{
	static const char *const place[] = {"../share/flowos/", "../../deploy/"};
	char rest[128];

	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		snprintf(rest, sizeof(rest), "%s%s", place[i], what);
		fos_beside(path, rest);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* The whole box is in that program; this one knows nothing of stages. */
static int test(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	fos_beside(path, "flowos-pmtest");
	execv(path, argv);
	return fos_ctl_fail("cannot run %s: %s", path, strerror(errno));
}

/* The topology is that of the demo and the tests: a script. */
static int run(int argc, char **argv)
{
	char script[PATH_MAX], self[PATH_MAX];
	char *words[128] = {NULL};
	int n = 0;

	if (!fos_share("pm_run.sh", script))
		return fos_ctl_fail("share/flowos/pm_run.sh is missing beside flowosctl; `make "
				    "install` puts it there");
	fos_beside(self, "flowosctl");
	setenv("FLOWOSCTL", self, 1);
	words[n++] = strdup("bash");
	words[n++] = script;
	for (int i = 1; i < argc && n < 127; i++)
		words[n++] = argv[i];
	execvp(words[0], words);
	return fos_ctl_fail("cannot run %s: %s", words[0], strerror(errno));
}

/* For who has no Makefile. */
static int build(int argc, char **argv)
{
	char to[PATH_MAX];

	if (argc < 2 || argc > 3 || !fos_ends_with(argv[1], ".c"))
		return fos_ctl_misuse("pm build NAME.c [NAME.so]", "a source is needed");
	snprintf(to, sizeof(to), "%.*s.so", (int)strlen(argv[1]) - 2, argv[1]);
	return fos_compile(argv[1], argc > 2 ? argv[2] : to, false) < 0 ? FOS_EXIT_FAILED :
									   FOS_EXIT_OK;
}

int fos_ctl_pm(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} command[] = {{"new", fos_ctl_pm_new}, {"test", test}, {"run", run}, {"build", build}};

	if (argc < 2)
		return fos_ctl_misuse(synopsis, "one of `new`, `build`, `test` and `run` is needed");
	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++)
		if (!strcmp(argv[1], command[i].name))
			return command[i].run(argc - 1, argv + 1);
	return fos_ctl_misuse(synopsis, "there is no `pm %s`", argv[1]);
}
