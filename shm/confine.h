/* shm/confine.h - a process that runs somebody else's code gives up what it does not need
 *
 * `flowosctl run` starts its children as root, so a PM host does all of it to itself, after it has mapped
 * its regions and before it loads the module.  Under systemd the unit has taken user, capabilities,
 * network and memory; the list of system calls, which no unit has so short, is the host's there, too.
 */
#ifndef FOS_SHM_CONFINE_H
#define FOS_SHM_CONFINE_H

#include <stdint.h>

#define FOS_CONFINE_UID 61184u /* + process index: a user that nobody else is */
#define FOS_CONFINE_BYTES (256ull << 20) /* of private memory */

/* Gives up, for good: root and every capability (user and group FOS_CONFINE_UID + proc), the
 * network (a namespace of its own), new privileges, more than FOS_CONFINE_BYTES of memory, and
 * every system call that is not on the list in confine.c; those by which a process hurts others or
 * takes from the machine raise SIGSYS.  $NOTIFY_SOCKET and *keeper (a path) are replaced by ones
 * that still lead there.  keeper_fd: connection to the keeper, which is told how to see the end of this
 * process (shm/death.h).  Not root: what needs root has been given up by then; the rest, and that others
 * of its user can look into it, goes all the same.  Caller: a single-threaded process.  0 or -errno, after
 * one log line. */
int fos_confine(uint32_t proc, const char **keeper, int keeper_fd);

#endif
