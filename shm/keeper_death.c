/* shm/keeper_death.c - PMs' processes whose end is known before their memory is taken apart
 *
 * The host of a module sends the listener of a filter that it cannot leave (shm/death.h), before it loads
 * the module.  It is taken at that moment only: what comes later may be the module's, which is to be able
 * neither to pretend its death, and have two processes write its region, nor to hide it, for the pidfd is
 * looked at besides.
 */
#include <errno.h>
#include <unistd.h>

#include "shm/death.h"
#include "shm/keeper.h"
#include "shm/proc.h"

int fos_keeper_watch(struct fos_keeper *k, struct fos_keeper_conn *c)
{
	bool early = c->spare != FOS_NONE ? !c->warm : c->proc != FOS_NONE && !k->ready[c->proc];
	int fd = c->passed;

	c->passed = -1;
	if (fd >= 0 && early && c->death < 0 && fos_death_genuine(fd)) {
		c->death = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	fos_log(FOS_LOG_WARN, "a module's process (pid %u) asks for 'watch': refused", c->pid);
	return -EPERM;
}

void fos_keeper_over(struct fos_keeper *k, struct fos_keeper_conn *c)
{
	const struct fos_lease *l = c->proc == FOS_NONE ? NULL : &k->dir->proc[c->proc].lease;

	if (!fos_death_over(c->death))
		return;
	close(c->death);
	c->death = -1;
	c->warm = false; /* a spare that is dead does not take over */
	if (l && fos_relaxed32(&l->state) == FOS_LEASE_GRANTED && l->pid == c->pid) {
		fos_keeper_no_haste(k, c->proc);
		fos_keeper_dead(k, c->proc);
	}
}
