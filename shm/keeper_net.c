/* shm/keeper_net.c - sockets and programs on the NICs; everything is undone by closing it */
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/keeper.h"
#include "shm/proc.h"

/* A device that is no port of a bridge receives only what is addressed to it, unless asked to. */
static int hold_promisc(uint32_t ifindex)
{
	struct packet_mreq m = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_program(struct fos_keeper *k, uint32_t i, const struct fos_steer_conf *conf)
{
	struct fos_keeper_port *p = &k->port[i];
	const struct fos_dir_port *d = &k->dir->port[i];
	char msg[512];
	int rc = fos_steer_open(&p->steer, conf, i ? &k->port[0].steer : NULL, msg, sizeof(msg));

	if (rc == 0)
		rc = fos_steer_attach(&p->steer, d->ifindex, d->nic, p->mode, msg, sizeof(msg));
	if (rc != 0)
		fos_log(rc < 0 ? FOS_LOG_ERROR : FOS_LOG_WARN, "%s", msg);
	return rc < 0 ? rc : 0;
}

static int open_sockets(struct fos_keeper *k, uint32_t i, struct fos_xsk_umem *umem)
{
	struct fos_keeper_port *p = &k->port[i];
	const struct fos_dir_port *d = &k->dir->port[i];

	for (uint32_t q = 0; q < d->nr_queues; q++) {
		struct fos_xsk_conf conf = {
			.ifname = d->nic,
			.ifindex = d->ifindex,
			.queue = q,
			.mode = FOS_XSK_COPY,
			.sizes = FOS_XSK_SIZES,
		};
		struct fos_xsk_pair pair;
		char err[512];
		int rc = fos_xsk_open(umem, &conf, &pair, err, sizeof(err));

		if (rc < 0) {
			fos_log(FOS_LOG_ERROR, "%s", err);
			return rc;
		}
		p->rx[q] = pair.rx_fd;
		p->tx[q] = pair.tx_fd;
		if (!pair.late_map) {
			fos_xsk_close(&pair);
			p->rx[q] = p->tx[q] = -1;
			fos_log(FOS_LOG_ERROR, "this kernel cannot map AF_XDP rings of a bound "
				"socket: Linux 6.4 or newer is needed");
			return -ENOSYS;
		}
	}
	return 0;
}

static void lift_limits(void)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	/* the packet region counts as locked memory; without the right to lift it, opening the
	 * first socket says what to do */
	setrlimit(RLIMIT_MEMLOCK, &none);
}

int fos_keeper_open_net(struct fos_keeper *k)
{
	struct fos_xsk_umem umem = {
		.base = k->packets.base,
		.size = (uint64_t)k->dir->nr_frames * k->dir->frame_size,
		.frame_size = k->dir->frame_size,
		.owner_fd = -1,
	};
	struct fos_steer_conf conf;
	int rc = 0;

	if (k->dir->offline)
		return 0;
	lift_limits();
	fos_keeper_superset(k->dir, &conf);
	for (uint32_t i = 0; i < k->dir->nr_ports && rc == 0; i++)
		rc = open_program(k, i, &conf);
	for (uint32_t i = 0; i < k->dir->nr_ports && rc == 0; i++)
		rc = open_sockets(k, i, &umem);
	for (uint32_t i = 0; i < k->dir->nr_ports && rc == 0; i++)
		k->port[i].promisc = k->port[i].promisc == -2
					     ? hold_promisc(k->dir->port[i].ifindex) : -1;
	return rc;
}

void fos_keeper_activate(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_ports && !k->dir->offline; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++) {
			int rc = fos_steer_bind(&k->port[i].steer, q, k->port[i].rx[q]);

			if (rc < 0)
				fos_log(FOS_LOG_ERROR, "interface %s: queue %u cannot be taken: %s",
					k->dir->port[i].name, q, strerror(-rc));
		}
}

void fos_keeper_deactivate(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_ports && !k->dir->offline; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++)
			fos_steer_unbind(&k->port[i].steer, q);
}
