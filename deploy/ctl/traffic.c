/* traffic.c - flowosctl traffic: the box as a whole, for service managers
 *
 *   traffic wait	returns when every stage is ready and packets are taken
 *   traffic off	packets go past the box from now on; returns when what was under way has left
 *
 * A manager starts and ends processes one by one; these two are the points between which the box
 * processes.  `off` comes before the stages are ended, so that no packet is caught inside.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"
#include "shm/proc.h"

#define PAUSE_NS 20000000L
#define DRAIN_NS 2000000000ull

static void nap(void)
{
	nanosleep(&(const struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

/* Until killed: how long it may take is the manager's to say. */
static int wait_active(const char *path)
{
	for (;; nap()) {
		json_t *answer = fos_ctl_ask(path, "{\"cmd\":\"status\"}");
		bool active = json_is_true(json_object_get(answer, "active"));

		json_decref(answer);
		if (active)
			return FOS_EXIT_OK;
	}
}

/* Do entries lie in a ring that carries packets? */
static bool under_way(const struct fos_ctl_view *v)
{
	for (uint32_t i = 0; i < v->dir->nr_rings; i++)
		if (v->dir->ring[i].kind == FOS_RING_FRAME &&
		    fos_ctl_depth(v, &v->dir->ring[i]) > 0)
			return true;
	return false;
}

static int turn_off(const char *path)
{
	struct fos_ctl_view *v = calloc(1, sizeof(*v));
	uint64_t give_up = fos_clock_ns() + DRAIN_NS;
	json_t *answer = fos_ctl_ask(path, "{\"cmd\":\"stopping\"}");
	char err[256];
	int still = 0;

	/* without a keeper nothing leads packets into the box */
	if (answer && v && fos_ctl_attach(v, path, err, sizeof(err)) == 0) {
		while (still < 2 && fos_clock_ns() < give_up) {
			nap();
			still = under_way(v) ? 0 : still + 1;
		}
		fos_ctl_detach(v);
	}
	json_decref(answer);
	free(v);
	return FOS_EXIT_OK;
}

int fos_ctl_traffic(int argc, char **argv)
{
	static const char synopsis[] = "traffic wait|off [FILE] [--run-dir DIR]";
	struct fos_ctl_where w;
	char path[PATH_MAX + 32];
	int status = fos_ctl_where(&w, argc, argv, synopsis);

	if (status >= 0)
		return status;
	if (w.nr_rest != 1 || (strcmp(w.rest[0], "wait") != 0 && strcmp(w.rest[0], "off") != 0))
		return fos_ctl_misuse(synopsis, "wait or off is needed");
	snprintf(path, sizeof(path), "%s/%s", w.run_dir, FOS_GRANT_SOCKET);
	return w.rest[0][0] == 'w' ? wait_active(path) : turn_off(path);
}
