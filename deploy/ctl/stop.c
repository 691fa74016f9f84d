/* stop.c - flowosctl stop: ends a running box, also one whose supervisor is gone */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"
#include "deploy/ctl/orphans.h"
#include "deploy/ctl/rundir.h"

#define PATIENCE 400 /* looks, 50 ms apart */

static const char synopsis[] = "stop [FILE] [--run-dir DIR]";

/* Waits until `alive` says no. */
static bool wait_end(bool (*alive)(const char *what), const char *what)
{
	struct timespec pause = {.tv_nsec = 50000000};

	for (int i = 0; i < PATIENCE; i++) {
		if (!alive(what))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool supervised(const char *run_dir)
{
	return fos_rundir_holder(run_dir) != 0;
}

static bool answers(const char *socket)
{
	int fd = fos_grant_connect(socket);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The supervisor is gone or is systemd: the keeper tells the stages itself. */
static int stop_orphans(const char *run_dir)
{
	char socket[PATH_MAX + 16];
	json_t *answer;

	snprintf(socket, sizeof(socket), "%s/%s", run_dir, FOS_GRANT_SOCKET);
	answer = fos_ctl_ask(socket, "{\"cmd\":\"stop\"}");
	json_decref(answer);
	if (!answer) {
		if (fos_orphans_end(socket) == 0)
			return fos_ctl_fail("no box runs in %s", run_dir);
		unlink(socket);
		fos_rundir_sweep(run_dir);
		return FOS_EXIT_OK;
	}
	if (!wait_end(answers, socket))
		return fos_ctl_fail("the keeper at %s did not end", socket);
	fos_orphans_end(socket);
	fos_rundir_sweep(run_dir);
	return FOS_EXIT_OK;
}

int fos_ctl_stop(int argc, char **argv)
{
	struct fos_ctl_where w;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);
	pid_t pid;

	if (rc >= 0)
		return rc;
	if (w.nr_rest > 0)
		return fos_ctl_misuse(synopsis, "there is no file %s", w.rest[0]);
	pid = fos_rundir_holder(w.run_dir);
	if (pid == 0)
		return stop_orphans(w.run_dir);
	if (kill(pid, SIGTERM) < 0)
		return fos_ctl_fail("cannot stop flowosctl (pid %d): %s; run as root", (int)pid,
				    strerror(errno));
	if (!wait_end(supervised, w.run_dir))
		return fos_ctl_fail("flowosctl (pid %d) did not end", (int)pid);
	return FOS_EXIT_OK;
}
