/* shm/keeper_spare.c - a warm process that waits for a PM's lease
 *
 * A spare maps every region read-only, has loaded the module and sleeps on its connection.  When the
 * holder of the lease is certainly dead the keeper gives it the lease and, only now, the descriptor by
 * which it can write the region; later where holders die one after the other (keeper_lease.c).
 */
#include <errno.h>
#include <string.h>

#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/proc.h"

int fos_keeper_spare(struct fos_keeper *k, struct fos_keeper_conn *c, uint32_t proc)
{
	if (k->dir->proc[proc].role != FOS_ROLE_PM)
		return -EINVAL;
	c->spare = proc;
	c->pm = true;
	c->warm = false;
	return fos_keeper_send_spare(k, c->fd, proc);
}

bool fos_keeper_has_spare(const struct fos_keeper *k, uint32_t proc)
{
	for (uint32_t i = 0; i < k->nr_conns; i++)
		if (k->conn[i]->spare == proc && k->conn[i]->warm)
			return true;
	return false;
}

void fos_keeper_takeover(struct fos_keeper *k, uint32_t proc)
{
	if (k->dir->proc[proc].lease.generation == 0 || fos_relaxed32(&k->dir->stopping) ||
	    fos_clock_ns() < k->not_before[proc])
		return;
	for (uint32_t i = 0; i < k->nr_conns; i++) {
		struct fos_keeper_conn *c = k->conn[i];

		if (c->spare != proc || !c->warm)
			continue;
		c->spare = FOS_NONE;
		if (fos_keeper_lease(k, proc, c->pid, false) < 0)
			continue;
		c->proc = proc;
		/* one that does not read it is dead, or will be killed as one that hangs */
		fos_keeper_send_lease(k, c->fd, proc);
		return;
	}
}

void fos_keeper_spare_ready(struct fos_keeper *k, struct fos_keeper_conn *c)
{
	uint32_t proc = c->spare;

	c->warm = true;
	c->haste_ns = UINT64_MAX;
	fos_keeper_haste(c->pid, true);
	/* the holder may have died while we were not ready */
	if (fos_relaxed32(&k->dir->proc[proc].lease.state) != FOS_LEASE_GRANTED)
		fos_keeper_takeover(k, proc);
}

void fos_keeper_look_spares(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->nr_conns; i++) {
		uint32_t proc = k->conn[i]->spare;

		if (proc != FOS_NONE && k->conn[i]->warm &&
		    fos_relaxed32(&k->dir->proc[proc].lease.state) != FOS_LEASE_GRANTED)
			fos_keeper_takeover(k, proc);
	}
}

void fos_keeper_dismiss(struct fos_keeper *k, const char *pm)
{
	for (uint32_t i = 0; i < k->nr_conns; i++) {
		struct fos_keeper_conn *c = k->conn[i];

		if (c->spare == FOS_NONE ||
		    (pm && strcmp(k->dir->pm[k->dir->proc[c->spare].index].name, pm) != 0))
			continue;
		c->spare = FOS_NONE;
		fos_keeper_send_word(c->fd, FOS_GRANT_STOP, 0, "");
	}
}
