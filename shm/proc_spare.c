/* shm/proc_spare.c - a warm spare: waits for the lease, then becomes the process; see proc_run.h */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/killpoint.h"
#include "shm/notify.h"
#include "shm/proc_run.h"

#define PING_MS 250

/* The own region, so far mapped read-only, is writable from now on, at the same place. */
static int take_region(struct fos_run *r, int fd)
{
	struct fos_map *m = &r->p->box.region[r->p->dir->proc[r->p->box.self].region];
	void *p = mmap(m->base, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);

	close(fd);
	return p == MAP_FAILED ? -errno : 0;
}

/* 1 = the lease is ours, 0 = not yet, -EPIPE = not any more: keeper gone, or told to end. */
static int hear(struct fos_run *r)
{
	struct fos_grant_msg m;
	int fds[FOS_GRANT_FDS], rc, got = 0;

	while ((rc = fos_grant_poll(r->control, &m, fds)) > 0) {
		if (m.kind == FOS_GRANT_WELCOME)
			r->grant->generation = m.index[1];
		if (m.kind == FOS_GRANT_REGION && m.nr_fds == 1) {
			got = take_region(r, fds[0]);
			m.nr_fds = 0;
			if (got < 0)
				return got;
		}
		while (m.nr_fds > 0)
			close(fds[--m.nr_fds]);
		if (m.kind == FOS_GRANT_STOP)
			return -EPIPE;
		if (m.kind == FOS_GRANT_END)
			return 1;
	}
	return rc;
}

int fos_proc_spare(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	char err[256];
	int rc = p->hooks->warm ? p->hooks->warm(p) : 0;

	if (rc < 0)
		return rc;
	rc = fos_notify_ready("");
	if (rc < 0)
		return rc;
	rc = fos_grant_say(r->control, "{\"cmd\":\"ready\"}");
	while (rc == 0) {
		struct pollfd f = {.fd = r->control, .events = POLLIN};

		if (*r->stop)
			return -ECANCELED;
		fos_notify("WATCHDOG=1");
		if (poll(&f, 1, PING_MS) > 0)
			rc = hear(r);
	}
	if (rc < 0)
		return -ECANCELED; /* nothing was lost: another spare is started */
	fos_killpoint("spare.granted");
	/* the rings' indices are those of the moment of death, not of our start */
	fos_proc_unbind(p);
	rc = fos_proc_bind(p, p->hooks, err, sizeof(err));
	if (rc < 0)
		fos_log(FOS_LOG_ERROR, "%s: %s", r->name, err);
	return rc;
}
