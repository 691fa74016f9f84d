/* shm/keeper_haste.c - who is to have a processor at once when a PM with a spare dies, and who is not
 *
 * On cores that have nothing to spare most of a takeover is waiting for them.  The keeper works for a
 * fifth of a millisecond and is first in line: of what it hears of a death others are to hear soon.  A
 * spare has short turns, until it has looked through its flows: a process that asks for those is let in
 * before one whose turn is a long one is over, is back the sooner when it has let others in between, and
 * gets no more of the processor in all (Linux 6.12; before, it means nothing).  The dead one meanwhile
 * unmaps its memory, milliseconds, often on the very core where its successor is to run: nobody waits for
 * that, so it has a low priority.
 *
 * What the keeper may not do (under systemd it is not root) stays as it was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/keeper.h"
#include "shm/proc.h"

#define SHORT_NS 100000u /* the shortest there is */
#define LOW 10
#define HIGH 5

/* struct sched_attr as sched_setattr(2) has it: C libraries differ in where, and whether, they do. */
struct attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

/* By so much, where that is allowed; it may take longer otherwise, no more.  pid 0: this process. */
static void renice(uint32_t pid, int by)
{
	int nice;

	errno = 0;
	nice = getpriority(PRIO_PROCESS, pid);
	if (errno == 0)
		(void)setpriority(PRIO_PROCESS, pid, nice + by);
}

void fos_keeper_first(void)
{
	fos_keeper_haste(0, true);
	renice(0, -HIGH);
}

void fos_keeper_haste(uint32_t pid, bool soon)
{
	struct attr a = {.size = sizeof(a)};

	if (syscall(SYS_sched_getattr, (pid_t)pid, &a, sizeof(a), 0) < 0)
		return;
	/* who has given the box a real-time priority knows better */
	if (a.policy != SCHED_NORMAL)
		return;
	a.size = sizeof(a);
	a.flags &= SCHED_FLAG_RESET_ON_FORK;
	a.runtime = soon ? SHORT_NS : 0;
	(void)syscall(SYS_sched_setattr, (pid_t)pid, &a, 0); /* as above */
}

void fos_keeper_look_hasty(struct fos_keeper *k)
{
	uint64_t now = fos_clock_ns();

	for (uint32_t i = 0; i < k->nr_conns; i++) {
		struct fos_keeper_conn *c = k->conn[i];

		if (c->haste_ns == 0 || c->haste_ns > now)
			continue;
		fos_keeper_haste(c->pid, false);
		c->haste_ns = 0;
	}
}

void fos_keeper_no_haste(const struct fos_keeper *k, uint32_t proc)
{
	/* what its parent has not been told, no other process has the number of */
	struct pollfd p = {.fd = k->pidfd[proc], .events = POLLIN};

	if (p.fd >= 0 && poll(&p, 1, 0) == 0 && fos_keeper_has_spare(k, proc))
		renice(k->dir->proc[proc].lease.pid, LOW);
}
