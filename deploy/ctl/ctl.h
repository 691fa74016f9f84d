/* ctl.h - flowosctl: its commands and what they share */
#ifndef FOS_DEPLOY_CTL_CTL_H
#define FOS_DEPLOY_CTL_CTL_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/box.h"
#include "shm/counter.h"
#include "shm/grant.h"

#define FOS_VERSION "0.1"

enum fos_ctl_exit { FOS_EXIT_OK = 0, FOS_EXIT_FAILED = 1, FOS_EXIT_USAGE = 2 };

/* The commands: argv[0] is the command's name.  Return the exit status. */
int fos_ctl_run(int argc, char **argv);
int fos_ctl_check(int argc, char **argv);
int fos_ctl_status(int argc, char **argv);
int fos_ctl_get(int argc, char **argv);
int fos_ctl_digest(int argc, char **argv);
int fos_ctl_stop(int argc, char **argv);
int fos_ctl_units(int argc, char **argv);
int fos_ctl_enable(int argc, char **argv);
int fos_ctl_traffic(int argc, char **argv);
int fos_ctl_audit(int argc, char **argv);
int fos_ctl_restart(int argc, char **argv);
int fos_ctl_upgrade(int argc, char **argv);
int fos_ctl_pipeline(int argc, char **argv);
int fos_ctl_reload(int argc, char **argv);
int fos_ctl_pm(int argc, char **argv);
int fos_ctl_midstat(int argc, char **argv);

/* Prints "flowosctl: ..." as one line to stderr; returns FOS_EXIT_FAILED. */
int fos_ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same for wrong usage, with the command's synopsis; returns FOS_EXIT_USAGE. */
int fos_ctl_misuse(const char *synopsis, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- where.c: which box is meant --------------------------------------------------------------*/

/* Options that status, get and stop have in common. */
struct fos_ctl_where {
	char run_dir[PATH_MAX];
	bool json;
	const char *rest[4]; /* words that are no option */
	int nr_rest;
};

/* Parses [-o json] [--run-dir DIR] and words; a word that names an existing file is taken for a
 * configuration and gives the run directory.  -1, or the exit status to end with. */
int fos_ctl_where(struct fos_ctl_where *w, int argc, char **argv, const char *synopsis);

/* box.run_dir of a configuration that has no errors; reports them otherwise.  0 or -EINVAL. */
int fos_ctl_run_dir(const char *file, char run_dir[PATH_MAX]);

/* ---- ask.c ------------------------------------------------------------------------------------*/

/* Sends one line to the keeper at `path` and reads one; NULL = no keeper, or no answer in 5 s.  The
 * caller lets go of it (json_decref). */
json_t *fos_ctl_ask(const char *path, const char *request);

/* ---- view.c: the regions of a running box, read-only ------------------------------------------*/

struct fos_ctl_view {
	const struct fos_dir *dir;
	struct fos_map map[FOS_MAX_REGIONS];
	int steer_counters[FOS_MAX_PORTS];
};

/* Maps everything through the keeper's socket.  0 or -errno with one line in err. */
int fos_ctl_attach(struct fos_ctl_view *v, const char *socket, char *err, size_t err_size);

/* The same for the box that is meant; the line is printed. */
int fos_ctl_view(struct fos_ctl_view *v, const struct fos_ctl_where *w);

void fos_ctl_detach(struct fos_ctl_view *v);

/* Head of a process's region, NULL for a process that has none mapped. */
const struct fos_region_head *fos_ctl_head(const struct fos_ctl_view *v, uint32_t proc);

/* One counter summed over all processes. */
uint64_t fos_ctl_counter(const struct fos_ctl_view *v, enum fos_counter_id id);

/* Entries in a ring now. */
uint64_t fos_ctl_depth(const struct fos_ctl_view *v, const struct fos_dir_ring *r);

/* "running", "starting", "dead", "absent"; its pid while it is running, else 0. */
const char *fos_ctl_state(const struct fos_ctl_view *v, uint32_t proc, uint32_t *pid);

/* Name by which people call a process: a PM's own name where there is one lane. */
const char *fos_ctl_name(const struct fos_ctl_view *v, uint32_t proc);

/* The box of one lane, for flows. */
int fos_ctl_lane(const struct fos_ctl_view *v, uint32_t lane, struct fos_box *box);

/* Tail of the stream that a PM reads, in its own positions, and its head; false = not readable or
 * it does not watch this flow. */
bool fos_ctl_pm_position(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
			 uint64_t *head, uint64_t *tail);

/* ---- summary.c ------------------------------------------------------------------------------- */

/* What an offline run did, to stderr. */
void fos_ctl_summary(const struct fos_ctl_view *v);

#endif
