/* shm/xsk_open.c - AF_XDP sockets from the keeper's side: UMEM, rings, bind */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shm/frame.h"
#include "shm/xsk.h"

enum { BIND_TRIES = 100, BIND_WAIT_NS = 20 * 1000 * 1000 };

/* struct attempt - one fos_xsk_open() under way */
struct attempt {
	struct fos_xsk_umem *umem;
	const struct fos_xsk_conf *conf;
	struct fos_xsk_pair *pair;
	char *err;
	size_t errlen;
};

static const char *advice(int rc)
{
	switch (-rc) {
	case EPERM:
		return "; CAP_NET_RAW is needed: run as root";
	case ENOBUFS:
		return "; not enough locked memory: `ulimit -l unlimited`, or LimitMEMLOCK=infinity"
		       " in the unit";
	case EBUSY:
		return "; another process has an AF_XDP socket on this queue: stop it";
	case ENODEV:
		return "; no such interface";
	case ENETDOWN:
		return "; the interface is down: `ip link set dev NAME up`";
	case EOPNOTSUPP:
		return "; the driver has no zero copy for this queue: use `mode: native`";
	case EAFNOSUPPORT:
		return "; the kernel has no AF_XDP (CONFIG_XDP_SOCKETS)";
	case EINVAL:
		return "; no such queue, or its settings do not go with the packet region";
	default:
		return "";
	}
}

static int failed(const struct attempt *a, int rc, const char *what)
{
	snprintf(a->err, a->errlen, "%s queue %u: cannot %s: %s%s", a->conf->ifname,
		 a->conf->queue, what, strerror(-rc), advice(rc));
	return rc;
}

static int set_ring(int fd, int name, uint32_t nr)
{
	return setsockopt(fd, SOL_XDP, name, &nr, sizeof(nr)) < 0 ? -errno : 0;
}

static int register_umem(int fd, const struct fos_xsk_umem *u)
{
	struct xdp_umem_reg reg;

	memset(&reg, 0, sizeof(reg));
	reg.addr = (uint64_t)(uintptr_t)u->base;
	reg.len = u->size;
	reg.chunk_size = u->frame_size;
	reg.headroom = FOS_FRAME_HEADROOM;
	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ? -errno : 0;
}

/* The kernel frees a closed socket's queue a little later: be patient with EBUSY. */
static int bind_queue(int fd, const struct sockaddr_xdp *sa)
{
	const struct timespec pause = { .tv_nsec = BIND_WAIT_NS };

	for (int i = 0;; i++) {
		if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0)
			return 0;
		if (errno != EBUSY || i == BIND_TRIES)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static uint16_t mode_flags(const struct fos_xsk_conf *conf)
{
	uint16_t flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (conf->sg ? XDP_USE_SG : 0));

	if (conf->mode == FOS_XSK_COPY)
		return flags | XDP_COPY;
	return conf->mode == FOS_XSK_ZEROCOPY ? flags | XDP_ZEROCOPY : flags;
}

/* FILL and COMPLETION belong to the queue and are made through its receive socket. */
static int open_rx(struct attempt *a)
{
	const struct fos_xsk_sizes *s = &a->conf->sizes;
	bool first = a->umem->owner_fd < 0;
	struct sockaddr_xdp sa = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = a->conf->ifindex,
		.sxdp_queue_id = a->conf->queue,
	};
	int rc, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed(a, -errno, "create an AF_XDP socket");
	a->pair->rx_fd = fd;
	if (first) {
		rc = register_umem(fd, a->umem);
		if (rc < 0)
			return failed(a, rc, "register the packet region (UMEM)");
	}
	rc = set_ring(fd, XDP_UMEM_FILL_RING, s->fill);
	if (rc == 0)
		rc = set_ring(fd, XDP_UMEM_COMPLETION_RING, s->comp);
	if (rc == 0)
		rc = set_ring(fd, XDP_RX_RING, s->rx);
	if (rc < 0)
		return failed(a, rc, "create receive rings");
	if (first) {
		sa.sxdp_flags = mode_flags(a->conf);
	} else {
		sa.sxdp_flags = XDP_SHARED_UMEM; /* the other flags are inherited */
		sa.sxdp_shared_umem_fd = (uint32_t)a->umem->owner_fd;
	}
	rc = bind_queue(fd, &sa);
	return rc < 0 ? failed(a, rc, "bind the receive socket") : 0;
}

static int open_tx(struct attempt *a)
{
	uint32_t nr = a->conf->sizes.tx;
	struct sockaddr_xdp sa = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_SHARED_UMEM,
		.sxdp_ifindex = a->conf->ifindex,
		.sxdp_queue_id = a->conf->queue,
		.sxdp_shared_umem_fd = (uint32_t)a->pair->rx_fd,
	};
	int rc, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed(a, -errno, "create an AF_XDP socket");
	a->pair->tx_fd = fd;
	rc = set_ring(fd, XDP_TX_RING, nr);
	if (rc < 0)
		return failed(a, rc, "create the send ring");
	a->pair->big_budget =
		setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &nr, sizeof(nr)) == 0;
	rc = bind_queue(fd, &sa);
	return rc < 0 ? failed(a, rc, "bind the send socket") : 0;
}

static bool is_zerocopy(int fd)
{
	struct xdp_options o = { 0 };
	socklen_t len = sizeof(o);

	return getsockopt(fd, SOL_XDP, XDP_OPTIONS, &o, &len) == 0 &&
	       o.flags & XDP_OPTIONS_ZEROCOPY;
}

int fos_xsk_open(struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf,
		 struct fos_xsk_pair *pair, char *err, size_t errlen)
{
	struct attempt a = { umem, conf, pair, err, errlen };
	int rc;

	memset(pair, 0, sizeof(*pair));
	pair->rx_fd = -1;
	pair->tx_fd = -1;
	rc = open_rx(&a);
	if (rc == 0)
		rc = open_tx(&a);
	if (rc < 0) {
		fos_xsk_close(pair);
		return rc;
	}
	pair->zerocopy = is_zerocopy(pair->rx_fd);
	if (umem->owner_fd < 0)
		umem->owner_fd = pair->rx_fd;
	return 0;
}

void fos_xsk_close(struct fos_xsk_pair *pair)
{
	if (pair->tx_fd >= 0)
		close(pair->tx_fd);
	if (pair->rx_fd >= 0)
		close(pair->rx_fd);
	pair->tx_fd = -1;
	pair->rx_fd = -1;
}

bool fos_xsk_maps_late(const struct fos_xsk_pair *pair, const struct fos_xsk_sizes *sizes)
{
	struct fos_xsk_map m;
	int rc = fos_xsk_map_ring(&m, pair->rx_fd, XDP_PGOFF_RX_RING, sizes->rx);

	if (rc == 0)
		fos_xsk_unmap(&m);
	return rc != -EBUSY;
}

/* ---- rings mapped before the bind ------------------------------------------------------------ */

int fos_xsk_create(struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf, int *out, char *err,
		   size_t errlen)
{
	const struct fos_xsk_sizes *s = &conf->sizes;
	struct attempt a = { umem, conf, NULL, err, errlen };
	int rc = 0, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	*out = -1;
	if (fd < 0)
		return failed(&a, -errno, "create an AF_XDP socket");
	if (umem->owner_fd < 0)
		rc = register_umem(fd, umem);
	if (rc < 0)
		failed(&a, rc, "register the packet region (UMEM)");
	if (rc == 0) {
		rc = set_ring(fd, XDP_UMEM_FILL_RING, s->fill);
		if (rc == 0)
			rc = set_ring(fd, XDP_UMEM_COMPLETION_RING, s->comp);
		if (rc == 0)
			rc = set_ring(fd, XDP_RX_RING, s->rx);
		if (rc == 0)
			rc = set_ring(fd, XDP_TX_RING, s->tx);
		if (rc < 0)
			failed(&a, rc, "create rings");
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	if (umem->owner_fd < 0)
		umem->owner_fd = fd;
	*out = fd;
	return 0;
}

int fos_xsk_bind(const struct fos_xsk_umem *umem, const struct fos_xsk_conf *conf, int fd,
		 char *err, size_t errlen)
{
	struct attempt a = { NULL, conf, NULL, err, errlen };
	struct sockaddr_xdp sa = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_SHARED_UMEM, /* the other flags are inherited */
		.sxdp_ifindex = conf->ifindex,
		.sxdp_queue_id = conf->queue,
		.sxdp_shared_umem_fd = (uint32_t)umem->owner_fd,
	};
	int rc;

	if (fd == umem->owner_fd) {
		sa.sxdp_flags = mode_flags(conf);
		sa.sxdp_shared_umem_fd = 0;
	}
	rc = bind_queue(fd, &sa);
	return rc < 0 ? failed(&a, rc, "bind the socket") : 0;
}

bool fos_xsk_has_sg(void)
{
	/* flags are looked at before the device: ENODEV says that the flag is known */
	struct sockaddr_xdp sa = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_USE_SG,
		.sxdp_ifindex = INT_MAX,
	};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return false;
	has = bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 && errno != EINVAL;
	close(fd);
	return has;
}
