/* shm/patience.h - how long a process without work looks again before it sleeps (`wait: adaptive`)
 *
 * Usually SHORT: under load the next batch is there by then, and who looks longer takes the endpoints'
 * time where cores are few.  But work after a pause is the first packet of an exchange, and its answer
 * comes within some tens of microseconds: it would find every process asleep again, to be woken by the
 * one before it, one after another.  So once after each pause a process looks on until LONG after the
 * work that ended it, which is at most LONG / PAUSE of a core.  A pause is time slept: a process that
 * was not given a processor is under load.
 *
 * Caller: shm/proc_run.c.  Time is passed in (CLOCK_MONOTONIC, ns); no system call, private memory.
 */
#ifndef FOS_SHM_PATIENCE_H
#define FOS_SHM_PATIENCE_H

#include <stdint.h>

#define FOS_PATIENCE_SHORT_NS 20000ull
#define FOS_PATIENCE_LONG_NS 100000ull
#define FOS_PATIENCE_PAUSE_NS 1000000ull

/* zeroed = a process that has not slept yet */
struct fos_patience {
	uint64_t slept_ns; /* since work was found last */
	uint64_t until_ns; /* LONG after the last pause ended */
};

/* The process has slept. */
static inline void fos_patience_slept(struct fos_patience *p, uint64_t ns)
{
	p->slept_ns += ns;
}

/* A pass has found work. */
static inline void fos_patience_worked(struct fos_patience *p, uint64_t now_ns)
{
	if (p->slept_ns >= FOS_PATIENCE_PAUSE_NS)
		p->until_ns = now_ns + FOS_PATIENCE_LONG_NS;
	p->slept_ns = 0;
}

/* A pass has found none: until when it is looked again. */
static inline uint64_t fos_patience_until(const struct fos_patience *p, uint64_t now_ns)
{
	uint64_t until = now_ns + FOS_PATIENCE_SHORT_NS;

	return until > p->until_ns ? until : p->until_ns;
}

#endif
