/* restart.c - flowosctl restart and upgrade: a crash, done politely
 *
 * A stage that is asked to end finishes its batch and ends; whoever supervises it starts it again (the
 * file on disk: so a new binary is taken up), and it finds its region as it left it.  The keeper ends
 * likewise and gets its descriptors back.  Under systemd this is `systemctl restart` of the unit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deploy/ctl/compile.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/restart.h"
#include "deploy/ctl/rundir.h"
#include "deploy/ctl/super.h"
#include "shm/proc.h"

#define PATIENCE_NS 60000000000ull
#define TRIES 4u /* lives that end before they work: it will not */

static const char restart_synopsis[] =
	"restart keeper|ingress|classifier|egress|pm/NAME [FILE] [--run-dir DIR]";
static const char upgrade_synopsis[] = "upgrade pm/NAME MODULE.so [FILE] [--run-dir DIR]";

/* The unit of systemd that a process belongs to.  There is a line for each hierarchy; systemd's may be
 * any. */
static bool unit_of(uint32_t pid, char unit[256])
{
	char path[64], line[1024];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *name = strrchr(line, '/');

		line[strcspn(line, "\n")] = 0;
		found = name && !strncmp(name + 1, "flowos-", 7) && strstr(name, ".service");
		if (found)
			snprintf(unit, 256, "%s", name + 1);
	}
	if (f)
		fclose(f);
	return found;
}

/* Until a life of the process works: a later one than `gen`, or (`any`: it was down) also that. */
static bool wait_for_life(const struct fos_job *j, uint32_t proc, uint32_t gen, bool any)
{
	const struct fos_lease *l = &j->view.dir->proc[proc].lease;
	const struct timespec pause = {.tv_nsec = 2000000};
	uint64_t give_up = fos_clock_ns() + PATIENCE_NS;
	uint32_t pid;

	while (fos_clock_ns() < give_up) {
		uint32_t now = fos_acquire32(&l->generation);

		fos_ctl_state(&j->view, proc, &pid);
		if ((now != gen || any) && pid != 0)
			return true;
		if (now - gen > TRIES)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int ask_to_end(struct fos_job *j, uint32_t proc, uint32_t pid)
{
	const struct fos_dir_proc *p = &j->view.dir->proc[proc];
	char unit[256];
	json_t *answer;

	if (unit_of(pid, unit)) {
		const char *argv[] = {"systemctl", "restart", unit, NULL};

		return fos_spawn(argv) == 0 ? 0 : fos_ctl_fail("`systemctl restart %s` failed", unit);
	}
	if (fos_rundir_holder(j->run_dir) == 0)
		return fos_ctl_fail("nobody would start %s again: the supervisor is gone; "
				    "`flowosctl run FILE` adopts the box", p->name);
	if (p->role == FOS_ROLE_KEEPER) {
		answer = fos_ctl_ask(j->socket, "{\"cmd\":\"restart\"}");
		json_decref(answer);
		return answer ? 0 : fos_ctl_fail("the keeper does not answer");
	}
	if (kill((pid_t)pid, SIGTERM) == 0)
		return 0;
	return fos_ctl_fail("cannot ask %s (pid %u) to end: %s", p->name, pid, strerror(errno));
}

static int restart_proc(struct fos_job *j, uint32_t proc, bool quiet)
{
	const struct fos_dir_proc *p = &j->view.dir->proc[proc];
	uint32_t gen = fos_acquire32(&p->lease.generation), pid;
	uint64_t start = fos_clock_ns();
	bool down;
	int rc = 0;

	fos_ctl_state(&j->view, proc, &pid);
	down = pid == 0;
	if (!down) /* else it is about to be started anyway */
		rc = ask_to_end(j, proc, pid);

	if (rc != 0)
		return rc;
	if (!wait_for_life(j, proc, gen, down))
		return quiet ? FOS_EXIT_FAILED :
			       fos_ctl_fail("%s has not come back; see the log of the supervisor",
					    p->name);
	printf("%s: pid %u, before %u, %llu ms\n", p->name, p->lease.pid, pid,
	       (unsigned long long)((fos_clock_ns() - start) / 1000000));
	return FOS_EXIT_OK;
}

/* Does a word mean this process?  "classifier", "pm/web", or its name. */
static bool means(const struct fos_dir *dir, uint32_t proc, const char *word)
{
	static const char *const role[] = {"keeper", "ingress", "classifier", "", "egress"};
	const struct fos_dir_proc *p = &dir->proc[proc];

	if (!strcmp(word, p->name))
		return true;
	if (p->role == FOS_ROLE_PM)
		return !strncmp(word, "pm/", 3) && !strcmp(word + 3, dir->pm[p->index].name);
	return !strcmp(word, role[p->role]);
}

int fos_job_restart(struct fos_job *j, const char *word, bool quiet)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < j->view.dir->nr_procs; i++) {
		int rc;

		if (!means(j->view.dir, i, word))
			continue;
		n++;
		rc = restart_proc(j, i, quiet);
		if (rc != FOS_EXIT_OK)
			return rc;
	}
	return n ? FOS_EXIT_OK : fos_ctl_fail("there is no %s in this box; `flowosctl status` "
					      "names what there is", word);
}

int fos_job_open(struct fos_job *j, const struct fos_ctl_where *w)
{
	char err[512];

	j->run_dir = w->run_dir;
	snprintf(j->socket, sizeof(j->socket), "%s/%s", w->run_dir, FOS_GRANT_SOCKET);
	return fos_ctl_attach(&j->view, j->socket, err, sizeof(err)) < 0 ? fos_ctl_fail("%s", err) :
									    FOS_EXIT_OK;
}

int fos_ctl_restart(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_job j;
	int rc = fos_ctl_where(&w, argc, argv, restart_synopsis);

	if (rc >= 0)
		return rc;
	if (w.nr_rest != 1)
		return fos_ctl_misuse(restart_synopsis, "one stage is needed");
	rc = fos_job_open(&j, &w);
	if (rc != FOS_EXIT_OK)
		return rc;
	rc = fos_job_restart(&j, w.rest[0], false);
	fos_ctl_detach(&j.view);
	return rc;
}

/* ------------------------------------------------------------------ upgrade */

int fos_job_ask(const struct fos_job *j, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *answer = text ? fos_ctl_ask(j->socket, text) : NULL;
	const char *error = json_string_value(json_object_get(answer, "error"));
	int rc = FOS_EXIT_OK;

	if (!json_is_true(json_object_get(answer, "ok")))
		rc = fos_ctl_fail("%s", error ? error : "the keeper does not answer");
	json_decref(answer);
	json_decref(request);
	free(text);
	return rc;
}

static int set_module(const struct fos_job *j, const char *pm, const char *path)
{
	return fos_job_ask(j, json_pack("{s:s,s:s,s:s}", "cmd", "module", "pm", pm, "path", path));
}

/* What the file says of itself is checked by the keeper; that it can be loaded, by a host that does
 * nothing else.  Only then is the old one asked to end. */
static int loads(const char *path)
{
	char host[PATH_MAX];
	const char *argv[] = {host, "--try", path, NULL};

	fos_beside(host, "flowos-pmhost");
	return fos_spawn(argv) == 0 ? FOS_EXIT_OK :
				      fos_ctl_fail("%s does not load, see above: the module in use "
						   "stays", path);
}

static int set_options(const struct fos_job *j, const char *pm, bool undo)
{
	return fos_job_ask(j, undo ? json_pack("{s:s,s:s,s:b}", "cmd", "options", "pm", pm, "undo", 1) :
				     json_pack("{s:s,s:s}", "cmd", "options", "pm", pm));
}

int fos_job_upgrade(struct fos_job *j, const char *word, const char *path, bool options)
{
	const char *pm = word + 3;
	const struct fos_dir *dir = j->view.dir;
	char old[PATH_MAX] = "";
	int rc = loads(path);

	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (!strcmp(dir->pm[i].name, pm))
			snprintf(old, sizeof(old), "%s",
				 fos_dir_string(dir, dir->pm[i].file_off));
	if (rc == FOS_EXIT_OK)
		rc = set_module(j, pm, path);
	if (rc != FOS_EXIT_OK)
		return rc;
	if (options && set_options(j, pm, false) != FOS_EXIT_OK) {
		set_module(j, pm, old);
		return FOS_EXIT_FAILED;
	}
	if (fos_job_restart(j, word, true) == FOS_EXIT_OK) {
		printf("%s runs %s; the configuration is yours to change\n", word, path);
		return FOS_EXIT_OK;
	}
	if (options)
		set_options(j, pm, true);
	if (set_module(j, pm, old) == FOS_EXIT_OK && fos_job_restart(j, word, true) == FOS_EXIT_OK)
		return fos_ctl_fail("%s does not work with %s, see the log of the supervisor: it "
				    "runs %s again", word, path, old);
	return fos_ctl_fail("%s works neither with %s nor any more with %s", word, path, old);
}

int fos_ctl_upgrade(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_job j;
	char path[PATH_MAX];
	char *words[16];
	int n = 0, rc;

	/* the module is a file as well as the configuration: it is taken out of the words */
	path[0] = 0;
	for (int i = 0; i < argc && n < 16; i++) {
		if (i == 2 && argv[i][0] != '-' && realpath(argv[i], path))
			continue;
		if (i == 2)
			path[0] = 0; /* where realpath() fails it leaves how far it came */
		words[n++] = argv[i];
	}
	if (!path[0])
		return argc > 2 && argv[2][0] != '-' ?
			       fos_ctl_fail("there is no file %s", argv[2]) :
			       fos_ctl_misuse(upgrade_synopsis, "a PM and a module are needed");
	rc = fos_ctl_where(&w, n, words, upgrade_synopsis);
	if (rc >= 0)
		return rc;
	if (w.nr_rest != 1 || strncmp(w.rest[0], "pm/", 3) != 0)
		return fos_ctl_misuse(upgrade_synopsis, "a PM and a module are needed");
	rc = fos_job_open(&j, &w);
	if (rc != FOS_EXIT_OK)
		return rc;
	rc = fos_job_upgrade(&j, w.rest[0], path, false);
	fos_ctl_detach(&j.view);
	return rc;
}
