/* restart.h - replacing processes of a running box, as restart, upgrade and reload do */
#ifndef FOS_DEPLOY_CTL_RESTART_H
#define FOS_DEPLOY_CTL_RESTART_H

#include "deploy/ctl/ctl.h"

struct fos_job {
	struct fos_ctl_view view;
	char socket[PATH_MAX + 16];
	const char *run_dir;
};

/* The box that is meant; the caller detaches j->view.  An exit status. */
int fos_job_open(struct fos_job *j, const struct fos_ctl_where *w);

/* Ends every process that `word` means ("classifier", "pm/web"), one after the other (the others work
 * meanwhile), and waits for its next life.  An exit status; what failed is said unless quiet. */
int fos_job_restart(struct fos_job *j, const char *word, bool quiet);

/* Another module (absolute path) for `word`, "pm/NAME", from its next life on, if asked for with the
 * options that the configuration file has now; when that fails, what was before.  An exit status; all
 * is said. */
int fos_job_upgrade(struct fos_job *j, const char *word, const char *path, bool options);

/* A request to the keeper, which is let go of; its error is said.  An exit status. */
int fos_job_ask(const struct fos_job *j, json_t *request);

#endif
