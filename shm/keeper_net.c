/* shm/keeper_net.c - sockets and programs on the NICs; everything is undone by closing it */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
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
	int rc = fos_steer_open(&p->steer, conf, i ? &k->port[0].steer : NULL, k->sg, msg,
				sizeof(msg));

	if (rc == 0)
		rc = fos_steer_attach(&p->steer, d->ifindex, d->nic, p->mode, msg, sizeof(msg));
	if (rc != 0)
		fos_log(rc < 0 ? FOS_LOG_ERROR : FOS_LOG_WARN, "%s", msg);
	return rc < 0 ? rc : 0;
}

static struct fos_xsk_conf conf_of(const struct fos_keeper *k, uint32_t port, uint32_t queue)
{
	return (struct fos_xsk_conf){
		.ifname = k->dir->port[port].nic,
		.ifindex = k->dir->port[port].ifindex,
		.queue = queue,
		.mode = FOS_XSK_COPY,
		.sg = k->sg,
		.sizes = FOS_XSK_SIZES,
	};
}

static struct fos_xsk_umem umem_of(const struct fos_keeper *k)
{
	return (struct fos_xsk_umem){
		.base = k->packets.base,
		.size = (uint64_t)k->dir->nr_frames * k->dir->frame_size,
		.frame_size = k->dir->frame_size,
		.owner_fd = -1,
	};
}

/* Everything about one queue; 1 = this kernel maps rings only before bind. */
static int open_queue(struct fos_keeper *k, uint32_t port, uint32_t q, struct fos_xsk_umem *umem)
{
	struct fos_xsk_conf conf = conf_of(k, port, q);
	struct fos_xsk_pair pair;
	char err[512];
	int rc = fos_xsk_open(umem, &conf, &pair, err, sizeof(err));

	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "%s", err);
		return rc;
	}
	if (!fos_xsk_maps_late(&pair, &conf.sizes)) {
		fos_xsk_close(&pair);
		return 1;
	}
	k->port[port].rx[q] = pair.rx_fd;
	k->port[port].tx[q] = pair.tx_fd;
	return 0;
}

static int open_sockets(struct fos_keeper *k)
{
	struct fos_xsk_umem umem = umem_of(k);

	/* for tests: as if the kernel were an old one */
	if (getenv("FLOWOS_MAP_BEFORE_BIND"))
		return fos_keeper_renew_sockets(k);
	for (uint32_t i = 0; i < k->dir->nr_ports; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++) {
			int rc = open_queue(k, i, q, &umem);

			if (rc != 0)
				return rc < 0 ? rc : fos_keeper_renew_sockets(k);
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
	struct fos_steer_conf conf;
	int rc = 0;

	if (k->dir->offline)
		return 0;
	lift_limits();
	fos_keeper_superset(k->dir, &conf);
	for (uint32_t i = 0; i < k->dir->nr_ports && rc == 0; i++)
		rc = open_program(k, i, &conf);
	if (rc == 0)
		rc = open_sockets(k);
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

/* ---- Linux before 6.4 ------------------------------------------------------------------------ */

static void close_sockets(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_ports; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++) {
			struct fos_keeper_port *p = &k->port[i];

			if (p->tx[q] >= 0)
				close(p->tx[q]);
			if (p->rx[q] >= 0)
				close(p->rx[q]);
			p->tx[q] = p->rx[q] = -1;
		}
}

static int create_sockets(struct fos_keeper *k)
{
	struct fos_xsk_umem umem = umem_of(k);
	char err[512];

	for (uint32_t i = 0; i < k->dir->nr_ports; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++) {
			struct fos_xsk_conf conf = conf_of(k, i, q);
			struct fos_keeper_port *p = &k->port[i];
			int rc = fos_xsk_create(&umem, &conf, &p->rx[q], err, sizeof(err));

			if (rc == 0) {
				/* one socket for both directions */
				p->tx[q] = fcntl(p->rx[q], F_DUPFD_CLOEXEC, 3);
				rc = p->tx[q] < 0 ? -errno : 0;
				snprintf(err, sizeof(err), "%s: %s", conf.ifname, strerror(-rc));
			}
			if (rc < 0) {
				fos_log(FOS_LOG_ERROR, "%s", err);
				return rc;
			}
		}
	return 0;
}

static bool uses_sockets(const struct fos_keeper *k, uint32_t proc)
{
	return k->dir->proc[proc].role == FOS_ROLE_INGRESS ||
	       k->dir->proc[proc].role == FOS_ROLE_EGRESS;
}

int fos_keeper_renew_sockets(struct fos_keeper *k)
{
	int rc;

	close_sockets(k);
	k->bound = k->bind_failed = false;
	k->dir->sockets++;
	rc = create_sockets(k);
	if (rc < 0) {
		close_sockets(k);
		return rc;
	}
	for (uint32_t i = 0; i < k->nr_conns; i++)
		if (k->conn[i]->proc != FOS_NONE && uses_sockets(k, k->conn[i]->proc) &&
		    k->pidfd[k->conn[i]->proc] >= 0)
			fos_keeper_send_sockets(k, k->conn[i]->fd, k->conn[i]->proc);
	return 0;
}

int fos_keeper_bind_sockets(struct fos_keeper *k)
{
	struct fos_xsk_umem umem = umem_of(k);
	char err[512];

	if (!k->dir->sockets || k->bound)
		return 0;
	for (uint32_t i = 0; i < k->dir->nr_procs; i++)
		if (uses_sockets(k, i) && k->mapped[i] != k->dir->sockets)
			return 0;
	umem.owner_fd = k->port[0].rx[0];
	for (uint32_t i = 0; i < k->dir->nr_ports; i++)
		for (uint32_t q = 0; q < k->dir->port[i].nr_queues; q++) {
			struct fos_xsk_conf conf = conf_of(k, i, q);
			int rc = fos_xsk_bind(&umem, &conf, k->port[i].rx[q], err, sizeof(err));

			if (rc < 0) {
				fos_log(FOS_LOG_ERROR, "%s", err);
				k->bind_failed = true;
				return rc;
			}
		}
	k->bound = true;
	if (k->active)
		fos_keeper_activate(k);
	return 0;
}
