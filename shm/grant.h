/* shm/grant.h - what the keeper hands out, and the words spoken on its socket
 *
 * A stream socket, RUN_DIR/control.sock.  The client sends one JSON object per line; the keeper
 * answers "hello" and "attach" by records (struct fos_grant_msg, descriptors beside them), every
 * other request by one JSON line:
 *
 *   {"cmd":"hello","proc":"classifier.0"}                a stage takes its lease: all regions, its
 *                                                        own writable, doorbells, sockets, maps
 *   {"cmd":"hello","proc":"classifier.0","resume":true}  the same stage again after the keeper was
 *                                                        restarted: lease only
 *   {"cmd":"hello","proc":"pm.web.0","spare":true}       a warm spare: all regions, read-only; after
 *                                                        "ready" it waits for WELCOME, REGION (its
 *                                                        own, writable), END: now it has the lease
 *   {"cmd":"hello","proc":"pm.web.0","or_spare":true}    the first, or where a process has the lease
 *                                                        and the PM `spare: yes`, the second: then
 *                                                        WELCOME's generation is 0
 *   {"cmd":"ready","sockets":N}                          the stage works, and has mapped the rings
 *                                                        of those sockets (no answer)
 *   {"cmd":"watch"}                                      a PM's host, before it loads the module; the
 *                                                        descriptor beside it tells of its death
 *                                                        (shm/death.h; no answer)
 *   {"cmd":"attach"}                                     an observer: all regions, read-only
 *   {"cmd":"status"} {"cmd":"stopping"} {"cmd":"stop"}   see shm/keeper_serve.c
 *
 * A stage keeps its connection; the keeper sends records on it when something happens (STOP,
 * PEER).  Everyone who may connect has the keeper's uid, or its gid unless that is
 * root's, or is root.
 */
#ifndef FOS_SHM_GRANT_H
#define FOS_SHM_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm/layout.h"
#include "shm/proc.h"

#define FOS_GRANT_MAGIC 0x464f5347u
#define FOS_GRANT_FDS 64u /* per record */
#define FOS_GRANT_TEXT 232u
#define FOS_GRANT_SOCKET "control.sock" /* in the run directory */

enum fos_grant_kind {
	FOS_GRANT_WELCOME = 1, /* index[0] = proc, [1] = lease generation */
	FOS_GRANT_REGION,      /* index[i] = region, FOS_GRANT_WRITABLE */
	FOS_GRANT_BELL,        /* index[i] = ring */
	FOS_GRANT_WAKE,        /* index[i] = proc: a doorbell that wakes it (offline) */
	/* text = number of these sockets, where the stage maps their rings before they are bound; such
	 * ones may come again at any time, and take the place of those before */
	FOS_GRANT_RX_SOCKET,
	FOS_GRANT_TX_SOCKET, /* index[i] = port; text as above */
	FOS_GRANT_EDITED_MAP,
	FOS_GRANT_OWNED_MAP,
	FOS_GRANT_STEER_COUNTERS, /* index[i] = port; observers */
	FOS_GRANT_END,
	FOS_GRANT_REFUSED, /* text says why */
	FOS_GRANT_STOP,    /* end in an orderly way */
	FOS_GRANT_PEER     /* index[0] = proc that died: look at everything */
};
#define FOS_GRANT_WRITABLE (1u << 31)

struct fos_grant_msg {
	uint32_t magic;
	uint16_t kind;   /* enum fos_grant_kind */
	uint16_t nr_fds; /* index[] has as many entries; fds travel by SCM_RIGHTS */
	uint32_t index[FOS_GRANT_FDS];
	char text[FOS_GRANT_TEXT];
};

/* What a client has got.  Every descriptor is -1 or its own; fos_grant_close() closes them. */
struct fos_grant {
	uint32_t proc;
	uint32_t generation;
	int region[FOS_MAX_REGIONS];
	bool writable[FOS_MAX_REGIONS];
	int bell[FOS_MAX_RINGS];
	int wake[FOS_MAX_PROCS];
	int steer_counters[FOS_MAX_PORTS];
	struct fos_proc_fds fds;
};

/* As many descriptors as the system allows: one per ring and socket.  Keeper, supervisor. */
void fos_grant_raise_limit(void);

/* Connects to the keeper; -errno.  Non-blocking in effect: a local socket accepts or refuses. */
int fos_grant_connect(const char *path);

/* Writes one request line; -errno.  with: a descriptor goes along. */
int fos_grant_say(int sock, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fos_grant_say_with(int sock, int fd, const char *line);

/* What has come on a socket, not waiting: bytes and at most one descriptor, the caller's (-1 = none).
 * As recv(). */
ssize_t fos_grant_hear(int sock, void *to, size_t size, int *fd);

/* Reads records up to END into a freshly allocated grant, waiting at most timeout_ms for each.
 * 0, or -errno with one line in err: -EPERM, -EBUSY (who asks for a lease finds it taken) and -EAGAIN
 * (later) are refusals; -EINTR = a signal came, which may ask the caller to end.  *out is to be freed
 * after fos_grant_close(). */
int fos_grant_receive(int sock, int timeout_ms, struct fos_grant **out, char *err,
		      size_t err_size);
void fos_grant_close(struct fos_grant *g);

/* Sends one record with its descriptors (nr_fds of them); -EAGAIN when the receiver's queue is
 * full. */
int fos_grant_send(int sock, const struct fos_grant_msg *m, const int *fds);

/* Reads one record without waiting; returns 1, 0 = nothing there, -EPIPE = other side gone,
 * -EPROTO.  At most FOS_GRANT_FDS descriptors in fds, m->nr_fds of them valid. */
int fos_grant_poll(int sock, struct fos_grant_msg *m, int fds[FOS_GRANT_FDS]);

/* Sockets that come while the stage works: those before are closed; fds become the grant's. */
void fos_grant_renew_sockets(struct fos_grant *g, const struct fos_grant_msg *m, const int *fds);

#endif
