/* shm/keeper_slow.c - a handler that does not return costs others no more than a tenth of a core
 *
 * Every pass of a PM's host moves its heartbeat.  One that has used 20 ms of processor time since then
 * is in a handler that computes for long, or for ever: its process gets a low priority until the
 * heartbeat moves.  (Time on the clock would not do: who has to wait for a processor is not slow.)
 * Others' flows go on at nearly full speed meanwhile; the watchdog ends what lasts for seconds.
 * A keeper that may not set priorities (under systemd: the unit's limits hold there) leaves it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>

#include "shm/counter.h"
#include "shm/keeper.h"
#include "shm/proc.h"
#include "shm/region.h"
#include "shm/starved.h"

#define LONG_NS 20000000u
#define LOW 10
#define STANDS_NS 500000000u /* since when it is asked why */

static void look(struct fos_keeper *k, struct fos_keeper_slow *s, const struct fos_lease *l,
		 const struct fos_region_head *head)
{
	uint64_t beat = fos_relaxed64(&head->heartbeat_ns), now = fos_clock_ns(), cpu;

	if (s->generation != l->generation || s->beat != beat) {
		if (s->low && s->generation == l->generation)
			setpriority(PRIO_PROCESS, l->pid, s->nice);
		*s = (struct fos_keeper_slow){
			.generation = l->generation, .beat = beat, .since_ns = now};
		return;
	}
	cpu = fos_starved_cpu_ns((pid_t)l->pid);
	if (s->cpu == 0)
		s->cpu = cpu;
	if (now > s->since_ns + STANDS_NS && fos_starved_lives((pid_t)l->pid))
		s->starved = fos_starved((pid_t)l->pid, s->cpu);
	if (s->low)
		return;
	if (cpu < s->cpu + LONG_NS)
		return;
	s->nice = getpriority(PRIO_PROCESS, l->pid);
	s->low = setpriority(PRIO_PROCESS, l->pid, s->nice + LOW) == 0;
	fos_count(k->dir->head.counter, FOS_C_pm_slowed, s->low);
}

void fos_keeper_look_slow(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &k->dir->proc[i];

		if (p->role != FOS_ROLE_PM || p->lease.state != FOS_LEASE_GRANTED)
			continue;
		if (!k->pm_head[i].base &&
		    fos_region_map(k->region_ro[p->region], sizeof(struct fos_region_head), false,
				   false, &k->pm_head[i]) < 0)
			continue;
		look(k, &k->slow[i], &p->lease, (const void *)k->pm_head[i].base);
	}
}
