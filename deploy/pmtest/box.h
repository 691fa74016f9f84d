/* deploy/pmtest/box.h - a whole box in one process, over a capture: the stages are the real ones, they
 * take turns, and a module dies where it is told to
 */
#ifndef FOS_DEPLOY_PMTEST_BOX_H
#define FOS_DEPLOY_PMTEST_BOX_H

#include "deploy/pmtest/streams.h"
#include "deploy/pmtest/variant.h"
#include "shm/layout.h"

#define PMTEST_OPTIONS 64u

/* What is tested: made once from a configuration, then used by each run. */
struct pmtest_setup {
	struct fos_dir *draft; /* compiled, not yet laid out */
	char dir[4096];	       /* for copies of modules and their output, removed at the end */
	const char *config;    /* file, or NULL: one pipeline with `module` alone, for everything */
	char module[4096];     /* file of the module under test */
	char name[64];	       /* its instance */
	const char *option[PMTEST_OPTIONS]; /* KEY=VALUE, over those of the configuration */
	uint32_t nr_options;
	bool in_place; /* load modules from where they are: for a debugger */
};

/* Reads the configuration.  0, or -1 after lines on stderr. */
int pmtest_setup_make(struct pmtest_setup *s);
void pmtest_setup_free(struct pmtest_setup *s);

/* What is handed back beside the streams; in memory that outlives a crash of the run. */
struct pmtest_result {
	uint64_t kill_points[32]; /* by PM */
	uint32_t kills;
	uint64_t rules_broken, hold_expired;
	char where[64]; /* kill point at which the last kill was */
	char error[256]; /* "" = the box came to its end */
	bool played;	 /* the process did not end before its run */
};

/* Runs the capture at `path`, with the kills of `v` (NULL = none).  In the caller's process: the caller
 * forks.  `large`: the capture has packets larger than a frame usually is. */
void pmtest_box_run(const struct pmtest_setup *s, const char *path, const struct variant *v,
		    bool large, struct streams *out, struct pmtest_result *result);

#endif
