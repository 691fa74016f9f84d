/* adopt.c - a box whose supervisor was killed gets another one; see run.h
 *
 * Keeper and stages go on without a supervisor: they do not depend on it for anything but being
 * started again.  What is lost with it is its store of the keeper's descriptors; the keeper, which
 * still has them, hands them over once more.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/ctl/run.h"
#include "deploy/ctl/salvage.h"
#include "deploy/ctl/super.h"
#include "shm/proc.h"

#define STORE_NS 20000000000ull
#define REVIVE_NS 60000000000ull

static bool same_file(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	return a && b && realpath(a, x) && realpath(b, y) && !strcmp(x, y);
}

/* The keeper's messages are read while it sends them: there are more than a socket holds. */
static void ask_for_store(struct fos_super *s, const char *socket)
{
	uint64_t give_up = fos_clock_ns() + STORE_NS;
	struct pollfd p = {.fd = fos_grant_connect(socket), .events = POLLIN};

	if (p.fd < 0)
		return;
	if (fos_grant_say(p.fd, "{\"cmd\":\"store\"}") == 0)
		while (poll(&p, 1, 0) == 0 && fos_clock_ns() < give_up)
			fos_super_step(s, 5);
	fos_super_hear(s);
	close(p.fd);
}

static uint32_t adopt_stages(struct fos_super *s, const struct fos_ctl_view *v, const char *socket)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		struct fos_run_program run;
		bool granted = fos_acquire32(&p->lease.state) == FOS_LEASE_GRANTED;
		uint32_t pid;

		if (p->role == FOS_ROLE_KEEPER)
			continue;
		fos_ctl_state(v, i, &pid);
		fos_run_program(v->dir, i, socket, false, &run);
		n += fos_super_adopt(s, p->name, run.program, run.args,
				     granted ? (pid_t)p->lease.pid : 0, pid != 0);
	}
	return n;
}

void fos_run_spares(struct fos_super *s, const struct fos_ctl_view *v, const char *socket)
{
	for (uint32_t i = 0; i < v->dir->nr_procs && !v->dir->offline; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		struct fos_run_program run;

		if (p->role != FOS_ROLE_PM || !v->dir->pm[p->index].spare)
			continue;
		fos_run_program(v->dir, i, socket, true, &run);
		fos_super_add_spare(s, fos_super_find(s, p->name), run.program, run.args);
	}
}

/* The keeper is gone, too: another one, with what the stages hold. */
static int revive(struct fos_super *s, const char *file, const char *socket,
		  const char *const *keeper_args)
{
	uint64_t give_up = fos_clock_ns() + REVIVE_NS;
	int rc = fos_salvage(s, socket, file);
	struct fos_child *keeper;

	if (rc <= 0)
		return rc;
	keeper = fos_super_add(s, "keeper", "flowos-keeper", keeper_args);
	while (keeper && !keeper->ready && !s->failed && !s->interrupted && fos_clock_ns() < give_up)
		fos_super_step(s, 20);
	return keeper && keeper->ready ? 1 : -EIO;
}

/* Keeper and store are there: its stages. */
static int adopt_rest(struct fos_super *s, struct fos_ctl_view *v, const char *file,
		      const char *socket)
{
	char err[256];
	int rc = fos_ctl_attach(v, socket, err, sizeof(err));

	if (rc < 0) {
		fos_ctl_fail("%s", err);
		return rc;
	}
	printf("flowos: adopted %u of %u processes; what has changed in %s meanwhile counts from the "
	       "next start of the box on\n", adopt_stages(s, v, socket) + 1, v->dir->nr_procs, file);
	fos_run_spares(s, v, socket);
	return 1;
}

int fos_run_adopt(struct fos_super *s, struct fos_ctl_view *v, const char *file,
		  const char *socket, const char *const *keeper_args)
{
	json_t *status = fos_ctl_ask(socket, "{\"cmd\":\"status\"}");
	const char *theirs = json_string_value(json_object_get(status, "file"));
	pid_t pid = (pid_t)json_integer_value(json_object_get(status, "pid"));
	bool active = json_is_true(json_object_get(status, "active"));
	int rc;

	if (!status) {
		rc = revive(s, file, socket, keeper_args);
		return rc > 0 ? adopt_rest(s, v, file, socket) : rc;
	}
	if (same_file(file, theirs)) {
		fos_super_adopt(s, "keeper", "flowos-keeper", keeper_args, pid, true);
		ask_for_store(s, socket);
		s->keeper_active |= active;
		rc = adopt_rest(s, v, file, socket);
	} else {
		fos_ctl_fail("a box of %s runs at %s without a supervisor: `flowosctl stop` ends it",
			     theirs ? theirs : "another configuration", socket);
		rc = -EBUSY;
	}
	json_decref(status);
	return rc;
}
