/* shm/death.h - word of a process's death before its memory is taken apart
 *
 * A pidfd tells of an end when the kernel has unmapped everything, which takes milliseconds where the
 * regions are large.  A listener of a filter of system calls hangs up as soon as every thread that has
 * the filter has entered its exit (Linux 6.11; before, when the process is reaped), after which none
 * executes another instruction.  A process cannot leave its filter, so it cannot pretend either.
 */
#ifndef FOS_SHM_DEATH_H
#define FOS_SHM_DEATH_H

#include <stdbool.h>

/* Gives the calling process such a filter, which allows everything, and sends {"cmd":"watch"} with its
 * listener to the keeper.  Caller: a process with no_new_privs, single-threaded, before it runs code
 * that it does not trust.  0, or -errno where the kernel or a filter that has a listener already
 * refuses: then the pidfd is all there is. */
int fos_death_offer(int keeper);

/* Is this descriptor such a listener? */
bool fos_death_genuine(int fd);

/* Has it hung up? */
bool fos_death_over(int fd);

#endif
