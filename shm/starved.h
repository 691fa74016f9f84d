/* shm/starved.h - a process that is silent: does it hang, or has it not been given a processor?
 *
 * A watchdog goes by the clock on the wall.  On a machine that has more to do than it can, a process may
 * be silent for seconds without any fault of its own, and to kill it only makes more to do.  It is known
 * by what it has not done: it is ready to run, and has used hardly any processor time for a while.  One
 * that loops uses it; one that is stopped or waits for something is not ready to run.
 *
 * For whoever watches processes that it may look at in /proc (flowosctl run, the keeper); allocates
 * nothing.
 */
#ifndef FOS_SHM_STARVED_H
#define FOS_SHM_STARVED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Processor time that the process has used, in ns; 0 = it is not there. */
uint64_t fos_starved_cpu_ns(pid_t pid);

/* Is it there, and not about to be gone (a zombie)? */
bool fos_starved_lives(pid_t pid);

/* Is it kept waiting by the machine?  cpu_ns: what fos_starved_cpu_ns() said some time ago. */
bool fos_starved(pid_t pid, uint64_t cpu_ns);

/* Does another process than the caller trace it (a debugger)?  It is silent as long as somebody wishes. */
bool fos_starved_traced(pid_t pid);

#endif
