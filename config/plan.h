/* plan.h - compiles a checked configuration into the directory that the stages read.
 *
 * The only file of config/ that knows shared memory.  Caller: the keeper, once, with a zeroed
 * directory in its own memory; fos_build_plan() comes after.
 */
#ifndef FOS_CONFIG_PLAN_H
#define FOS_CONFIG_PLAN_H

#include "config/config.h"
#include "shm/layout.h"
#include "shm/pmfile.h"

/* What the configuration does not say. */
struct fos_plan {
	const struct fos_pmfile *pm;	/* cfg->pms_nr of them, as the files say */
	const char *const *pm_path;	/* of each file, absolute */
	const char *input;		/* capture file, or NULL: inline */
	const char *output;		/* capture file or NULL */
};

/* Fills geometry, limits, ports (names, wires and `queues`; the keeper asks the NICs for the rest),
 * pipelines, PMs and strings.  Returns 0, or -E2BIG with one line in err. */
int fos_plan_compile(const struct fos_config *cfg, const struct fos_plan *plan,
		     struct fos_dir *dir, char *err, size_t err_size);

/* A PM's options as the directory has them: key NUL value NUL, once per value; an empty key ends the
 * list.  Bytes, or -E2BIG. */
int fos_plan_options(const struct fos_config_pm *pm, char *buf, size_t size);

#endif
