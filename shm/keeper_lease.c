/* shm/keeper_lease.c - who holds which process slot
 *
 * A slot is granted while its holder certainly lives, or is free.  The holder's end is known by its
 * pidfd, a module's earlier (keeper_death.c); a closed connection alone means nothing.  The directory
 * keeps pid and start time, so a keeper that was restarted finds the holders again and is not fooled by a
 * reused pid.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/killpoint.h"
#include "shm/proc.h"

#define MS 1000000ull
#define QUICK_NS (200 * MS)
#define FREE_RESTARTS 3u
#define BACKOFF_NS (10 * MS)
#define BACKOFF_MAX_NS (2000 * MS)

/* Field 22 of /proc/PID/stat; 0 = no such process. */
static uint64_t start_time(uint32_t pid)
{
	unsigned long long t = 0;
	char path[40], line[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	/* the name in field 2 may hold anything but ends at the last ')' */
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (p && field == 21 && sscanf(p, "%llu", &t) != 1)
			t = 0;
	}
	return t;
}

static bool over(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return pidfd < 0 || poll(&p, 1, 0) > 0;
}

static void hold(struct fos_keeper *k, uint32_t proc, int pidfd)
{
	if (k->pidfd[proc] >= 0)
		close(k->pidfd[proc]);
	k->pidfd[proc] = pidfd;
}

int fos_keeper_lease(struct fos_keeper *k, uint32_t proc, uint32_t pid, bool resume)
{
	struct fos_lease *l = &k->dir->proc[proc].lease;
	uint64_t started = start_time(pid);
	int fd;

	if (k->dir->proc[proc].role == FOS_ROLE_KEEPER)
		return -EINVAL;
	if (l->state == FOS_LEASE_GRANTED && over(k->pidfd[proc]))
		fos_keeper_dead(k, proc);
	/* its own: we were restarted, or our predecessor died between the lease and the grant */
	if (l->state == FOS_LEASE_GRANTED && l->pid == pid && l->start_time == started &&
	    (resume || !k->ready[proc]))
		return 0;
	if (resume || l->state == FOS_LEASE_GRANTED)
		return -EBUSY;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0 || started == 0) {
		if (fd >= 0)
			close(fd);
		return -ESRCH;
	}
	hold(k, proc, fd);
	l->restarts += l->generation > 0;
	l->generation++;
	l->pid = pid;
	l->start_time = started;
	k->ready[proc] = false;
	fos_killpoint("lease.filled");
	/* pairs with the acquire of whoever shows or adopts leases: the fields above are set */
	fos_release32(&l->state, FOS_LEASE_GRANTED);
	fos_killpoint("lease.granted");
	return 0;
}

/* Neighbours look at everything: they may have been waiting for the dead one's bell. */
static void wake_neighbours(struct fos_keeper *k, uint32_t dead)
{
	static const uint64_t one = 1;
	const struct fos_dir *dir = k->dir;
	bool near[FOS_MAX_PROCS] = {false};

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		if (dir->ring[i].producer == dead)
			near[dir->ring[i].consumer] = true;
		if (dir->ring[i].consumer == dead)
			near[dir->ring[i].producer] = true;
	}
	for (uint32_t i = 0; i < dir->nr_rings; i++)
		if (near[dir->ring[i].consumer] && k->bell[i] >= 0 &&
		    write(k->bell[i], &one, sizeof(one)) < 0)
			continue; /* full: it has been rung */
	for (uint32_t i = 0; i < dir->nr_procs; i++)
		if (near[i])
			fos_keeper_tell(k, i, FOS_GRANT_PEER, dead);
}

/* A manager may start what dies ever again at once (systemd), or it has a spare; it gets its lease ever
 * later.  The first few deaths cost no time; `flowosctl run`, which does the same, has waited by then. */
static void back_off(struct fos_keeper *k, uint32_t proc)
{
	uint64_t now = fos_clock_ns(), wait = 0;
	bool quick = !k->ready[proc] || now - k->ready_ns[proc] < QUICK_NS;

	k->quick[proc] = quick ? k->quick[proc] + 1 : 0;
	if (k->quick[proc] > FREE_RESTARTS) {
		uint32_t n = k->quick[proc] - FREE_RESTARTS;

		wait = n > 8 ? BACKOFF_MAX_NS : BACKOFF_NS << (n - 1);
		wait = wait < BACKOFF_MAX_NS ? wait : BACKOFF_MAX_NS;
	}
	k->not_before[proc] = now + wait;
}

void fos_keeper_dead(struct fos_keeper *k, uint32_t proc)
{
	hold(k, proc, -1);
	back_off(k, proc);
	k->ready[proc] = false;
	fos_killpoint("lease.over");
	fos_release32(&k->dir->proc[proc].lease.state, FOS_LEASE_DEAD);
	fos_killpoint("lease.dead");
	if (fos_relaxed32(&k->dir->stopping))
		return;
	if (k->dir->proc[proc].role == FOS_ROLE_PM)
		fos_keeper_failed(k, proc);
	fos_keeper_takeover(k, proc);
	wake_neighbours(k, proc);
	/* whoever takes its place cannot map the rings that it had */
	if (k->dir->sockets && (k->dir->proc[proc].role == FOS_ROLE_INGRESS ||
				k->dir->proc[proc].role == FOS_ROLE_EGRESS) &&
	    fos_keeper_renew_sockets(k) < 0)
		k->bind_failed = true; /* said; the loop tries again */
}

void fos_keeper_recheck_leases(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_lease *l = &k->dir->proc[i].lease;
		int fd;

		if (l->state != FOS_LEASE_GRANTED)
			continue;
		fd = pidfd_open((pid_t)l->pid, 0);
		hold(k, i, fd);
		if (fd < 0 || start_time(l->pid) != l->start_time)
			fos_keeper_dead(k, i);
	}
}
