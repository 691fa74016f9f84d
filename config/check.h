/* check.h - the rules that span several keys of a loaded configuration.
 *
 * All findings are reported through fos_config_error() and fos_config_warn(), as many as there
 * are.  Callers: flowosctl (check, run) and the keeper, after fos_config_load() returned 0.
 */
#ifndef FOS_CONFIG_CHECK_H
#define FOS_CONFIG_CHECK_H

#include "config/config.h"

/* Names, references, wires, matches and filter expressions.  Resolves names to indices
 * (wires[].end, match.in_port).  Returns 0 or -EINVAL. */
int fos_config_check(struct fos_config *cfg);

enum fos_pm_stream { FOS_PM_STREAM_IP, FOS_PM_STREAM_TCP, FOS_PM_STREAM_APP };

/* What a PM file says of itself. */
struct fos_pm_info {
	const char *path;			/* the file found; belongs to the catalogue */
	enum fos_pm_stream stream;		/* what it reads */
	bool edits;				/* deletes, inserts or overwrites bytes */
	bool gates;				/* decides on a connection's first packet */
	bool rewrites;				/* changes addresses, ports or MACs of flows */
	bool http;				/* reads http.body; `stream` is the app stream below it */
	/* what it calls itself, and its lists of links (shm/pmfile.h); belong to the catalogue, NULL =
	 * none */
	const char *module, *imports, *exports, *after, *before;
	char error[256];			/* not "": the file cannot be used (ABI, ...) */
};

/* How the caller finds PM files. */
struct fos_pm_catalogue {
	void *arg;
	/* Fill `info` (zeroed by the caller) for a PM of the configuration.  0 = found, also with
	 * info->error set; -ENOENT = no such file (info->error may say where it was looked for). */
	int (*lookup)(void *arg, const struct fos_config_pm *pm, struct fos_pm_info *info);
	/* The name of the i-th PM file there is, NULL past the end; NULL callback = unknown. */
	const char *(*name)(void *arg, uint32_t i);
};

/* Rules that depend on the PMs.  Call after fos_config_check().  When `infos` is not NULL it
 * receives cfg->pms_nr entries.  Makes the stages of pipelines given as `modules`, and cfg->links.
 * Returns 0 or -EINVAL. */
int fos_config_check_pms(struct fos_config *cfg, const struct fos_pm_catalogue *catalogue,
			 struct fos_pm_info *infos);

#endif
