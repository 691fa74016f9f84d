/* shm/steer.h - loads and attaches the XDP program, and talks to its maps
 *
 * Keeper: open, attach, bind; it holds the descriptors (they, and the attachment, live as long
 * as anyone holds them: closing link_fd detaches).  Stages: the calls that take a map descriptor
 * need no privilege (Linux 5.19 on).  Failures are a negative errno, and one line where there is
 * a `msg`.
 */
#ifndef FOS_SHM_STEER_H
#define FOS_SHM_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/steer_abi.h"

/* The program as loaded for one device.  -1 where a descriptor is not there. */
struct fos_steer {
	int prog_fd;
	int link_fd; /* the attachment */
	int xsks_fd;
	int edited_fd;   /* one map for all devices of the box */
	int owned_fd;    /* likewise */
	int counters_fd; /* this device's */
};

enum fos_steer_mode {
	FOS_STEER_AUTO,   /* native; generic where the driver refuses */
	FOS_STEER_NATIVE, /* in the driver, or fail */
	FOS_STEER_GENERIC
};

/* Load the program; `peer`, an instance loaded before, lends its edited and owned maps (NULL for
 * the first); `frags`: frames in several buffers are to be given to it (Linux 5.18).  Needs CAP_BPF
 * and CAP_NET_ADMIN. */
int fos_steer_open(struct fos_steer *s, const struct fos_steer_conf *conf,
		   const struct fos_steer *peer, bool frags, char *msg, size_t msglen);

/* Attach to a device of the calling thread's network namespace.  0: as asked for; 1: AUTO fell
 * back to generic mode, msg is a warning; negative: msg says what and which command mends it
 * (another program is never replaced; one of ours is given 2 s to go, for its keeper may just have been
 * killed). */
int fos_steer_attach(struct fos_steer *s, uint32_t ifindex, const char *ifname,
		     enum fos_steer_mode mode, char *msg, size_t msglen);

/* Packets of `queue` go to the receive socket from now on.  The kernel takes the entry out by
 * itself when the socket's last descriptor is closed. */
int fos_steer_bind(const struct fos_steer *s, uint32_t queue, int rx_fd);

/* Packets of `queue` go the way of a box that is down, from now on. */
int fos_steer_unbind(const struct fos_steer *s, uint32_t queue);

/* Detach and close everything. */
void fos_steer_close(struct fos_steer *s);

/* Addresses whose ARP and neighbour requests are taken.  family 4 or 6, addr 4 or 16 bytes. */
int fos_steer_own(int owned_fd, uint32_t family, const void *addr);
int fos_steer_disown(int owned_fd, uint32_t family, const void *addr);

/* Flows that must not pass unprocessed while the box is down: both directions, and fragments
 * between the same addresses.  `t` need not be normalised.  One caller at a time per pair of
 * addresses (egress of their lane).  Adding twice or removing what is not there changes nothing,
 * so a restarted caller may repeat itself.  -E2BIG: the map is full. */
int fos_steer_edited_add(int edited_fd, const struct fos_steer_tuple *t);
int fos_steer_edited_del(int edited_fd, const struct fos_steer_tuple *t);

/* The counters, summed over the CPUs; and their names and help texts. */
int fos_steer_count(int counters_fd, uint64_t out[FOS_STEER_NR]);
const char *fos_steer_name(enum fos_steer_counter c);
const char *fos_steer_help(enum fos_steer_counter c);

#endif
