/* run.h - one run of a box, as `run` and `digest` use it */
#ifndef FOS_DEPLOY_CTL_RUN_H
#define FOS_DEPLOY_CTL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "deploy/ctl/super.h"

struct fos_run_conf {
	const char *file;
	const char *run_dir; /* NULL: a private temporary one */
	const char *input;   /* NULL: inline, until interrupted */
	const char *output;
	bool summary;
};


/* program.c: what is started as process `proc` of the box, and with which arguments (NULL at the end);
 * they point into the directory and to `socket`.  A PM may be a program of its own. */
struct fos_run_program {
	const char *program; /* a path when it has a '/', else it lies beside flowosctl */
	const char *args[FOS_SUPER_ARGS];
};
void fos_run_program(const struct fos_dir *dir, uint32_t proc, const char *socket, bool spare,
		     struct fos_run_program *out);

/* adopt.c: starts the spares that the configuration asks for (inline). */
void fos_run_spares(struct fos_super *s, const struct fos_ctl_view *v, const char *socket);

/* adopt.c: takes charge of the box at `socket`, whose supervisor was killed: its processes become
 * children of `s` as they are, those that have died meanwhile are started.  keeper_args: what the
 * keeper is started again with.  1, 0 = no box is there, -errno reported. */
int fos_run_adopt(struct fos_super *s, struct fos_ctl_view *v, const char *file,
		  const char *socket, const char *const *keeper_args);

/* Runs to the end.  Returns the exit status. */
int fos_ctl_run_box(const struct fos_run_conf *conf);

#endif
