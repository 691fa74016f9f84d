/* shm/killpoint.h - named places where a test may kill the process
 *
 * A kill point stands between two steps of a protocol that must survive the process's death there:
 * commits, frames and hints that change hands, leases, and what surrounds them.  In production the
 * hook is NULL and a point costs one predicted branch.  The simulation's hook leaves by longjmp()
 * and drops the process's private state, which is what SIGKILL does; in real processes the
 * environment sets it:
 *
 *	FLOWOS_KILL_AT="SEED DIRECTORY"
 *
 * The process then kills itself by SIGKILL once at every point it passes, at the first, second, ...
 * or sixth time (SEED, the process and the point say which).  DIRECTORY/PROCESS:POINT, an empty file
 * made just before, says that it has happened, also to successors.  So that this is not taken for a
 * restart storm, inline points do not count that are passed within a quarter of a second after
 * READY=1, and on a capture a process has eight lives a run.
 */
#ifndef FOS_SHM_KILLPOINT_H
#define FOS_SHM_KILLPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set by tests only, before any stage runs. */
extern void (*fos_killpoint_hook)(const char *name);

static inline void fos_killpoint(const char *name)
{
	if (__builtin_expect(fos_killpoint_hook != NULL, 0))
		fos_killpoint_hook(name);
}

/* Sets the hook if the environment asks for it; `process` (its name in the directory) must live as
 * long as the process; life = generation of its lease.  ready: READY=1 was said.  Caller: the
 * skeleton, the keeper. */
void fos_killpoint_arm(const char *process, bool offline, uint32_t life);
void fos_killpoint_ready(void);

#endif
