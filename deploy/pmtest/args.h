/* deploy/pmtest/args.h - what `flowosctl pm test` was asked for */
#ifndef FOS_DEPLOY_PMTEST_ARGS_H
#define FOS_DEPLOY_PMTEST_ARGS_H

#include "deploy/pmtest/test.h"

struct args {
	const char *pm, *read, *expect, *write_expect, *only;
	const char *tool; /* "gdb", "valgrind": run again under it; "asan" */
	uint64_t runs, seed, fuzz;
	uint32_t segment, patience_s;
	bool random, no_kill, no_reorder, verbose, in_place, compare;
};

/* -1, or the exit status to end with.  again: the command without what names a single run. */
int args_parse(struct args *a, struct pmtest_setup *s, int argc, char **argv, char *again, size_t size);

/* Makes the directory of the test and finds (compiles) the module.  0 or the exit status. */
int args_module(struct args *a, struct pmtest_setup *s);

/* Runs this program again under a tool; its exit status. */
int args_under_tool(const struct args *a, const struct pmtest_setup *s, int argc, char **argv);

/* Removes the directory. */
void args_clean(const struct pmtest_setup *s);

#endif
