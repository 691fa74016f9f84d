/* run.c - flowosctl run: the foreground supervisor of one box */
#include "deploy/ctl/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/ctl/rundir.h"
#include "deploy/ctl/super.h"
#include "shm/proc.h"

#define START_MS 60000 /* for keeper and stages to become ready */
#define STOP_MS 5000   /* for one of them to end when asked */
#define DRAIN_MS 500
#define WATCHDOG_NS 10000000000ull
#define WATCHDOG_FILE_NS 60000000000ull /* a capture is worked off at 100 % load, maybe slowly */

struct run {
	const struct fos_run_conf *conf;
	struct fos_rundir dir;
	struct fos_super super;
	struct fos_ctl_view view;
	char socket[PATH_MAX + 16];
	char file[PATH_MAX]; /* absolute: it names the box, for whoever adopts it */
};

static const char synopsis[] = "run FILE [--read CAPTURE [--write CAPTURE]]";

/* ------------------------------------------------------------------ starting */

/* Waits while `waiting` holds; false = interrupted, failed or too late. */
static bool wait_while(struct run *r, bool (*waiting)(struct run *r), const char *what)
{
	uint64_t until = fos_clock_ns() + START_MS * 1000000ull;

	while (waiting(r)) {
		if (r->super.interrupted || r->super.failed)
			return false;
		if (fos_clock_ns() > until) {
			fos_ctl_fail("%s within %d s; see the lines above", what, START_MS / 1000);
			return false;
		}
		fos_super_step(&r->super, 100);
	}
	return true;
}

static bool keeper_starts(struct run *r)
{
	return !r->super.child[0].ready;
}

static bool stages_start(struct run *r)
{
	for (uint32_t i = 0; i < r->super.nr_children; i++)
		if (!r->super.child[i].ready)
			return true;
	return !r->super.keeper_active;
}

static void keeper_args(const struct run *r, const char *args[FOS_SUPER_ARGS])
{
	int n = 0;

	args[n++] = r->conf->input ? r->conf->file : r->file;
	args[n++] = "--socket";
	args[n++] = r->socket;
	if (r->conf->input) {
		args[n++] = "--read";
		args[n++] = r->conf->input;
	}
	if (r->conf->output) {
		args[n++] = "--write";
		args[n++] = r->conf->output;
	}
	args[n] = NULL;
}

static bool start_keeper(struct run *r)
{
	const char *args[FOS_SUPER_ARGS];
	char err[256];

	keeper_args(r, args);
	fos_super_add(&r->super, "keeper", "flowos-keeper", args);
	if (!wait_while(r, keeper_starts, "the keeper did not become ready"))
		return false;
	if (fos_ctl_attach(&r->view, r->socket, err, sizeof(err)) < 0) {
		fos_ctl_fail("%s", err);
		return false;
	}
	return true;
}

static void start_stages(struct run *r)
{
	const struct fos_dir *dir = r->view.dir;

	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		struct fos_run_program p;

		if (dir->proc[i].role == FOS_ROLE_KEEPER)
			continue;
		fos_run_program(dir, i, r->socket, false, &p);
		fos_super_add(&r->super, dir->proc[i].name, p.program, p.args);
	}
	fos_run_spares(&r->super, &r->view, r->socket);
}

/* ------------------------------------------------------------------ stopping */

static bool drained(const struct fos_ctl_view *v)
{
	for (uint32_t i = 0; i < v->dir->nr_rings; i++)
		if (v->dir->ring[i].kind != FOS_RING_FREE && fos_ctl_depth(v, &v->dir->ring[i]) > 0)
			return false;
	return true;
}

static void stop_role(struct run *r, enum fos_role role)
{
	const struct fos_dir *dir = r->view.dir;

	/* all of them at once, then wait for each */
	for (int wait = 0; wait < 2; wait++)
		for (uint32_t i = 0; i < dir->nr_procs; i++) {
			struct fos_child *c = fos_super_find(&r->super, dir->proc[i].name);

			if (dir->proc[i].role != role || !c)
				continue;
			if (wait)
				fos_super_stop(&r->super, c, STOP_MS);
			else
				fos_super_ask(&r->super, c);
		}
}

/* Packets go past the box from now on. */
static void tell_stopping(struct run *r)
{
	json_t *answer;

	/* the store holds the listening end of one that died: a connection would not tell */
	if (!r->super.child[0].pid)
		return;
	answer = fos_ctl_ask(r->socket, "{\"cmd\":\"stopping\"}");
	if (!answer)
		fos_ctl_fail("the keeper does not answer; stopping all the same");
	json_decref(answer);
}

static void stop_all(struct run *r)
{
	uint64_t until;

	if (r->super.nr_children == 0)
		return;
	for (uint32_t i = 0; i < r->super.nr_children; i++)
		r->super.child[i].stopping = true; /* nothing is started again */
	for (uint32_t i = 0; i < r->super.nr_children; i++)
		if (r->super.child[i].spare_of)
			fos_super_stop(&r->super, &r->super.child[i], STOP_MS);
	if (r->view.dir) {
		tell_stopping(r);
		stop_role(r, FOS_ROLE_INGRESS);
		until = fos_clock_ns() + DRAIN_MS * 1000000ull;
		while (!r->super.failed && !drained(&r->view) && fos_clock_ns() < until)
			fos_super_step(&r->super, 5);
		stop_role(r, FOS_ROLE_CLASSIFIER);
		stop_role(r, FOS_ROLE_PM);
		stop_role(r, FOS_ROLE_EGRESS);
	}
	fos_super_stop(&r->super, &r->super.child[0], STOP_MS);
}

/* ------------------------------------------------------------------ running */

static bool everything_delivered(const struct run *r)
{
	uint32_t i = fos_proc_find(r->view.dir, FOS_ROLE_INGRESS, 0, 0);
	/* acquire: pairs with ingress's release of eof = 2; all counters are final */
	const struct fos_region_head *h = fos_ctl_head(&r->view, i);

	return fos_acquire32(&h->eof) >= 2;
}

/* A box that a killed supervisor has left is taken over as it is. */
static bool start_box(struct run *r)
{
	const char *args[FOS_SUPER_ARGS];
	int rc = 0;

	keeper_args(r, args);
	r->super.keeper = r->socket;
	if (!r->conf->input)
		rc = fos_run_adopt(&r->super, &r->view, r->file, r->socket, args);
	if (rc > 0)
		r->dir.made = true; /* by the predecessor, most likely; it goes when it is empty */
	if (rc == 0 && start_keeper(r)) {
		start_stages(r);
		rc = 1;
	}
	return rc > 0;
}

static int run(struct run *r)
{
	struct fos_super *s = &r->super;

	s->watchdog_ns = r->conf->input ? WATCHDOG_FILE_NS : WATCHDOG_NS;
	s->give_up = r->conf->input != NULL;
	if (!start_box(r))
		return FOS_EXIT_FAILED;
	if (!r->conf->input) {
		if (!wait_while(r, stages_start, "the stages did not become ready"))
			return s->failed ? FOS_EXIT_FAILED : FOS_EXIT_OK;
		puts("flowos: ready");
		fflush(stdout);
	}
	while (!s->interrupted && !s->failed && !(r->conf->input && everything_delivered(r)))
		fos_super_step(s, r->conf->input ? 5 : 200);
	if (s->failed)
		return FOS_EXIT_FAILED;
	return r->conf->input && s->interrupted ? 130 : FOS_EXIT_OK;
}

/* Offline: what a stage could not do (it has said so) is known when all have ended. */
static bool delivered(const struct run *r)
{
	const struct fos_super *s = &r->super;

	for (uint32_t i = 0; i < s->nr_children; i++) {
		const struct fos_child *c = &s->child[i];

		if (WIFEXITED(c->status) && WEXITSTATUS(c->status) != 0)
			return false;
		if (r->conf->output && c->restarts > 0 && !strncmp(c->name, "egress", 6)) {
			fos_ctl_fail("%s died on the way: %s is incomplete, run it again", c->name,
				     r->conf->output);
			return false;
		}
	}
	return true;
}

int fos_ctl_run_box(const struct fos_run_conf *conf)
{
	struct run *r = calloc(1, sizeof(*r));
	int status = FOS_EXIT_FAILED;

	if (!r)
		return fos_ctl_fail("out of memory");
	r->conf = conf;
	if (!realpath(conf->file, r->file))
		snprintf(r->file, sizeof(r->file), "%s", conf->file);
	if (fos_rundir_take(&r->dir, conf->run_dir) == 0) {
		snprintf(r->socket, sizeof(r->socket), "%s/%s", r->dir.path, FOS_GRANT_SOCKET);
		if (fos_super_init(&r->super, r->dir.path) == 0)
			status = run(r);
		stop_all(r);
		if (conf->input && status == FOS_EXIT_OK && !delivered(r))
			status = FOS_EXIT_FAILED;
		if (conf->summary && status == FOS_EXIT_OK)
			fos_ctl_summary(&r->view);
		if (r->view.dir)
			fos_ctl_detach(&r->view);
		fos_super_fini(&r->super);
		fos_rundir_leave(&r->dir);
	}
	free(r);
	return status;
}

/* ------------------------------------------------------------------ the command */

static int check_input(const char *path)
{
	if (access(path, R_OK) == 0)
		return FOS_EXIT_OK;
	return fos_ctl_fail("cannot read the capture %s: %s", path, strerror(errno));
}

/* Before anything starts: the output can be made, and making it does not destroy the input. */
static int check_output(const char *path, const char *input)
{
	struct stat in, out;
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!strcmp(path, "-"))
		return FOS_EXIT_OK;
	if (stat(path, &out) == 0) {
		if (stat(input, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			return fos_ctl_fail("--write %s would overwrite the capture that is read: "
					    "name another file", path);
		if (S_ISDIR(out.st_mode))
			errno = EISDIR;
		else if (access(path, W_OK) == 0)
			return FOS_EXIT_OK;
		return fos_ctl_fail("cannot write the capture %s: %s", path, strerror(errno));
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (access(dir, W_OK | X_OK) == 0)
		return FOS_EXIT_OK;
	return fos_ctl_fail("cannot write the capture %s: %s: %s", path, dir, strerror(errno));
}

int fos_ctl_run(int argc, char **argv)
{
	static const struct option option[] = {
		{"read", required_argument, NULL, 'r'},
		{"write", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	struct fos_run_conf conf = {.file = NULL};
	char run_dir[PATH_MAX];
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "r:w:", option, NULL)) != -1) {
		if (c == 'r')
			conf.input = optarg;
		else if (c == 'w')
			conf.output = optarg;
		else
			return fos_ctl_misuse(synopsis, "unknown option or missing argument '%s'",
					      argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return fos_ctl_misuse(synopsis, "one FILE is needed");
	if (conf.output && !conf.input)
		return fos_ctl_misuse(synopsis, "--write goes with --read");
	conf.file = argv[optind];
	conf.summary = conf.input != NULL;
	if (fos_ctl_run_dir(conf.file, run_dir) < 0)
		return FOS_EXIT_FAILED;
	if (conf.input && check_input(conf.input) != FOS_EXIT_OK)
		return FOS_EXIT_FAILED;
	if (conf.output && check_output(conf.output, conf.input) != FOS_EXIT_OK)
		return FOS_EXIT_FAILED;
	if (!conf.input)
		conf.run_dir = run_dir;
	return fos_ctl_run_box(&conf);
}
