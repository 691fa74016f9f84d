/* run.h - one run of a box, as `run` and `digest` use it */
#ifndef FOS_DEPLOY_CTL_RUN_H
#define FOS_DEPLOY_CTL_RUN_H

#include <stdbool.h>

struct fos_run_conf {
	const char *file;
	const char *run_dir; /* NULL: a private temporary one */
	const char *input;   /* NULL: inline, until interrupted */
	const char *output;
	bool summary;
};

/* Runs to the end.  Returns the exit status. */
int fos_ctl_run_box(const struct fos_run_conf *conf);

#endif
