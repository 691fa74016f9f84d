/* shm/killpoint.h - named places where a test may kill the process
 *
 * A kill point stands between two steps of a protocol that must survive the process's death there:
 * commits and what surrounds them.  In production the hook is NULL and a point costs one predicted
 * branch.  The simulation's hook leaves by longjmp() and drops the process's private state, which is
 * what SIGKILL does; tests of real processes set it to raise(SIGKILL).
 */
#ifndef FOS_SHM_KILLPOINT_H
#define FOS_SHM_KILLPOINT_H

#include <stddef.h>

/* Set by tests only, before any stage runs. */
extern void (*fos_killpoint_hook)(const char *name);

static inline void fos_killpoint(const char *name)
{
	if (__builtin_expect(fos_killpoint_hook != NULL, 0))
		fos_killpoint_hook(name);
}

#endif
