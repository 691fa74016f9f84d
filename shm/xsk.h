/* shm/xsk.h - AF_XDP sockets on one queue of one network device
 *
 * Every (device, queue) has two sockets: one that only receives (FILL and RX rings, used by
 * ingress) and one that only sends (TX and COMPLETION rings, used by egress), so that each kernel
 * ring has one user.  The keeper creates and binds them and holds the descriptors; a stage maps
 * the rings through a descriptor that it was handed, with no privilege, and maps them again
 * after a restart.  All sockets of a box share one UMEM, the packet region.
 *
 * Two halves.  Keeper (shm/xsk_open.c): fos_xsk_open() may block up to 2 s; a failure is a
 * negative errno and one line in `err`.  Stage (shm/xsk.c): nothing blocks; one thread per ring.
 *
 * Adopting resumes from the kernel's own ring words, so what the predecessor had not released
 * is delivered again: a user passes a received descriptor on before fos_xsk_rx_release(), and
 * tells copies apart by the frame's own state.
 */
#ifndef FOS_SHM_XSK_H
#define FOS_SHM_XSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "shm/xdp_compat.h"

/* Ring lengths, entries; powers of two.  Keeper and stages must use the same. */
struct fos_xsk_sizes {
	uint32_t rx;
	uint32_t fill;
	uint32_t tx;
	uint32_t comp;
};

/* What keeper, ingress and egress of a box agree on.  A packet that comes while FILL is empty is lost, and
 * if it is the last of a burst its sender waits 200 ms before it notices: FILL and RX hold what comes
 * while ingress waits for a processor that others use (8192 frames of 1448 bytes: 30 ms of 3 Gbit/s). */
#define FOS_XSK_SIZES {.rx = 8192, .fill = 8192, .tx = 2048, .comp = 2048}

enum fos_xsk_mode {
	FOS_XSK_COPY,     /* works with every driver; all sockets of a UMEM are alike in this */
	FOS_XSK_ZEROCOPY, /* or fail */
	FOS_XSK_AUTO      /* zero copy where the first device's driver has it */
};

/* The packet region as the kernel knows it.  Owner: keeper. */
struct fos_xsk_umem {
	void *base;          /* page aligned, mapped for the keeper's whole life */
	uint64_t size;       /* bytes, a multiple of frame_size */
	uint32_t frame_size; /* 2048 or 4096 */
	int owner_fd;        /* any bound receive socket of this UMEM; -1: none yet */
};

struct fos_xsk_conf {
	const char *ifname;
	uint32_t ifindex; /* in the network namespace of the calling thread */
	uint32_t queue;
	enum fos_xsk_mode mode;
	bool sg; /* packets in several buffers (fos_xsk_has_sg()); the first socket decides for all */
	struct fos_xsk_sizes sizes;
};

/* One mapped ring. */
struct fos_xsk_map {
	void *p;
	size_t len;
	uint32_t nr; /* entries */
	struct xdp_ring_offset off;
};

/* What the keeper holds of one (device, queue). */
struct fos_xsk_pair {
	int rx_fd;
	int tx_fd;
	bool zerocopy;
	bool big_budget; /* one sendto() sends a whole TX ring (XDP_MAX_TX_SKB_BUDGET) */
};

/* Create and bind both sockets; with umem->owner_fd == -1 registers the UMEM first and sets
 * owner_fd.  0 or -errno with one line in err, nothing left behind. */
int fos_xsk_open(struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf,
		 struct fos_xsk_pair *pair, char *err, size_t errlen);
void fos_xsk_close(struct fos_xsk_pair *pair);

/* Can rings of a bound socket be mapped (Linux 6.4 and newer)?  Otherwise the keeper makes one
 * socket per queue for both directions, the two stages map its rings while it is unbound, and then
 * it is bound.  Whoever is restarted cannot map them again: new sockets are made, and frames that
 * the old ones had are their users' again. */
bool fos_xsk_maps_late(const struct fos_xsk_pair *pair, const struct fos_xsk_sizes *sizes);

/* Such a socket: all four rings, and the UMEM on the first (sets umem->owner_fd).  Then bind them,
 * that first one before all others.  0 or -errno with one line in err; bind waits up to 2 s for a
 * predecessor's end. */
int fos_xsk_create(struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf, int *fd, char *err,
		   size_t errlen);
int fos_xsk_bind(const struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf, int fd,
		 char *err, size_t errlen);

/* Does the kernel have XDP_USE_SG (packets in several buffers)?  Needs CAP_NET_RAW. */
bool fos_xsk_has_sg(void);

/* Kernel counters of a socket; 0 or -errno. */
int fos_xsk_stats(int fd, struct xdp_statistics *st);

/* ---- stage side ------------------------------------------------------------------------------ */

/* Receive side.  Writer of the FILL ring, reader of the RX ring. */
struct fos_xsk_rx {
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	int fd; /* borrowed; poll it for input */
	struct fos_xsk_map map[2];
};

/* Send side.  Writer of the TX ring, reader of the COMPLETION ring. */
struct fos_xsk_tx {
	struct xsk_ring_prod tx;
	struct xsk_ring_cons comp;
	int fd; /* borrowed; never poll it */
	uint64_t nr_kicks;
	uint64_t nr_dropped; /* frames that the device's queue refused; they complete too */
	uint64_t nr_stalls;  /* kicks without progress: completion ring full, no socket memory */
	struct fos_xsk_map map[2];
};

/* Map the rings of a socket and resume where they stand.  0 or -errno with one line. */
int fos_xsk_adopt_rx(struct fos_xsk_rx *r, int fd, const struct fos_xsk_sizes *s, char *err,
		     size_t errlen);
int fos_xsk_adopt_tx(struct fos_xsk_tx *t, int fd, const struct fos_xsk_sizes *s, char *err,
		     size_t errlen);

/* Unmap; the descriptor stays the caller's. */
void fos_xsk_leave_rx(struct fos_xsk_rx *r);
void fos_xsk_leave_tx(struct fos_xsk_tx *t);

/* Up to `max` received descriptors, the first at ring index *idx.  They stay in the ring until
 * released, and what is not released is seen by the next peek again: peek, pass on, release as
 * many from the front as were passed on. */
uint32_t fos_xsk_rx_peek(struct fos_xsk_rx *r, uint32_t max, uint32_t *idx);
void fos_xsk_rx_release(struct fos_xsk_rx *r, uint32_t n);

static inline const struct xdp_desc *fos_xsk_rx_desc(const struct fos_xsk_rx *r, uint32_t idx)
{
	return xsk_ring_cons__rx_desc(&r->rx, idx);
}

/* Room in the FILL ring, and give `n` frames (addresses of their first byte) to the kernel;
 * returns how many went in. */
uint32_t fos_xsk_fill_room(struct fos_xsk_rx *r);
uint32_t fos_xsk_fill(struct fos_xsk_rx *r, const uint64_t *addrs, uint32_t n);

/* Room in the TX ring, and queue `n` descriptors; returns how many went in.  The kernel skips a
 * bad descriptor in silence (tx_invalid_descs), so the caller has validated them. */
uint32_t fos_xsk_tx_room(struct fos_xsk_tx *t);
uint32_t fos_xsk_tx_put(struct fos_xsk_tx *t, const struct xdp_desc *descs, uint32_t n);

/* Have the kernel send what is queued.  0: all sent or under way; -EAGAIN: some is left, reap
 * completions and kick again; else -errno of the device (-ENETDOWN, -ENXIO). */
int fos_xsk_tx_kick(struct fos_xsk_tx *t);

/* Frames sent: peek, take over, release.  An address may point into the frame. */
uint32_t fos_xsk_comp_peek(struct fos_xsk_tx *t, uint32_t max, uint32_t *idx);
void fos_xsk_comp_release(struct fos_xsk_tx *t, uint32_t n);

static inline uint64_t fos_xsk_comp_addr(const struct fos_xsk_tx *t, uint32_t idx)
{
	return *xsk_ring_cons__comp_addr(&t->comp, idx);
}

/* Used by both halves. */
int fos_xsk_map_ring(struct fos_xsk_map *m, int fd, uint64_t pgoff, uint32_t nr);
void fos_xsk_unmap(struct fos_xsk_map *m);

#endif
