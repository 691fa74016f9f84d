/* shm/notify.h - the service manager's protocol (sd_notify(3), sd_listen_fds(3)), client side
 *
 * A datagram of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names; descriptors to be kept
 * travel with it.  The manager is systemd or `flowosctl run`.  Without $NOTIFY_SOCKET nothing is
 * sent.  Caller: any process, one thread.  Sending may block while the manager's queue is full.
 */
#ifndef FOS_SHM_NOTIFY_H
#define FOS_SHM_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define FOS_NOTIFY_NAME_MAX 32u

/* Sends one message.  1 = sent, 0 = no manager, -errno. */
int fos_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* READY=1, and `more` (lines, or ""): without it the manager would wait for ever, so where it cannot
 * be said within a while the process is to end: -errno after one log line.  0 = said, or no manager. */
int fos_notify_ready(const char *more);

/* Has the manager keep a copy of fd under `name` (no ':') until fos_notify_forget(). */
int fos_notify_keep(const char *name, int fd);
int fos_notify_forget(const char *name);

/* Waits (at most 5 s) until the manager has acted on all that was sent before. */
void fos_notify_barrier(void);

/* Descriptors that the manager handed back at the start. */
struct fos_notify_fd {
	int fd;
	char name[FOS_NOTIFY_NAME_MAX];
};

/* Reads $LISTEN_FDS and its companions once, removes them from the environment and makes the
 * descriptors close-on-exec.  Returns their number; *out is to be freed. */
int fos_notify_kept(struct fos_notify_fd **out);

/* Interval in which WATCHDOG=1 is expected, ns; 0 = not at all. */
uint64_t fos_notify_watchdog_ns(void);

#endif
