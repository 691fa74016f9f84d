/* rundir.h - the run directory of a box that `flowosctl run` supervises */
#ifndef FOS_DEPLOY_CTL_RUNDIR_H
#define FOS_DEPLOY_CTL_RUNDIR_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct fos_rundir {
	char path[PATH_MAX];
	bool made; /* by us: removed at the end */
	int lock_fd; /* held for our whole life */
};

/* Makes the directory if need be and takes its lock; one line says why it cannot be had (another
 * run holds it: its pid).  path NULL: a private temporary one.  0 or -errno. */
int fos_rundir_take(struct fos_rundir *r, const char *path);

/* Removes our files, and the directory if we made it. */
void fos_rundir_leave(struct fos_rundir *r);

/* Removes what a supervisor that was killed left behind, and the directory when it is empty. */
void fos_rundir_sweep(const char *path);

/* Pid of the supervisor that holds the directory; 0 = nobody does. */
pid_t fos_rundir_holder(const char *path);

#endif
