/* shm/keeper_nic.c - what the NICs say of themselves, and whether it fits the configuration */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/keeper.h"
#include "shm/proc.h"

#define LINK_HEADER 22u /* Ethernet and two VLAN tags */

/* ------------------------------------------------------------------ rtnetlink: the bridge */

struct link_request {
	struct nlmsghdr head;
	struct ifinfomsg info;
};

static uint32_t master_in(void *reply, size_t len)
{
	struct nlmsghdr *h = reply;
	const uint8_t *at;
	size_t left, head = NLMSG_LENGTH(sizeof(struct ifinfomsg));

	if (!NLMSG_OK(h, len) || h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < head)
		return 0;
	at = (const uint8_t *)reply + NLMSG_ALIGN(head);
	left = h->nlmsg_len - NLMSG_ALIGN(head);
	while (left >= sizeof(struct rtattr)) {
		struct rtattr a;
		uint32_t v;

		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > left)
			break;
		if (a.rta_type == IFLA_MASTER && a.rta_len >= sizeof(a) + sizeof(v)) {
			memcpy(&v, at + sizeof(a), sizeof(v));
			return v;
		}
		if (RTA_ALIGN((size_t)a.rta_len) >= left)
			break;
		left -= RTA_ALIGN((size_t)a.rta_len);
		at += RTA_ALIGN((size_t)a.rta_len);
	}
	return 0;
}

/* Index of the bridge (or other master) that a device is a port of; 0 = none. */
static uint32_t master_of(uint32_t ifindex)
{
	struct link_request q = {
		.head = {.nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex},
	};
	static union {
		struct nlmsghdr head;
		char bytes[16384];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = -1;

	if (fd < 0)
		return 0;
	if (send(fd, &q, sizeof(q), 0) == sizeof(q))
		n = recv(fd, &reply, sizeof(reply), 0);
	close(fd);
	return n > 0 ? master_in(&reply, (size_t)n) : 0;
}

/* ------------------------------------------------------------------ ioctl: the rest */

static uint32_t queues_of(int sock, struct ifreq *r)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
	uint32_t n;

	r->ifr_data = (void *)&c;
	if (ioctl(sock, SIOCETHTOOL, r) < 0)
		return 1; /* a driver that cannot say has one */
	n = c.combined_count + c.rx_count;
	return n ? n : 1;
}

static int check_queues(struct fos_dir_port *p, uint32_t have, uint32_t lanes)
{
	uint32_t want = p->nr_queues ? p->nr_queues : have;

	if (want > have) {
		fos_log(FOS_LOG_ERROR,
			"interface %s: %u queues are configured, %s has %u: `ethtool -L %s combined "
			"%u`", p->name, want, p->nic, have, p->nic, want);
		return -EINVAL;
	}
	if (have > FOS_MAX_QUEUES) {
		fos_log(FOS_LOG_ERROR, "interface %s: %s has %u queues, at most %u can be served: "
			"`ethtool -L %s combined %u`", p->name, p->nic, have, FOS_MAX_QUEUES,
			p->nic, FOS_MAX_QUEUES);
		return -EINVAL;
	}
	if (want < have)
		fos_log(FOS_LOG_WARN, "interface %s: packets that %s puts into queues %u to %u "
			"pass unprocessed: `ethtool -L %s combined %u`", p->name, p->nic, want,
			have - 1, p->nic, want);
	if (lanes > want) {
		fos_log(FOS_LOG_ERROR, "interface %s: %u lanes need as many queues, %s has %u: "
			"`ethtool -L %s combined %u`", p->name, lanes, p->nic, want, p->nic,
			lanes);
		return -EINVAL;
	}
	p->nr_queues = (uint16_t)want;
	return 0;
}

static int check_mtu(const struct fos_dir_port *p, uint32_t frame_size, bool sg)
{
	uint32_t share = frame_size - FOS_FRAME_DATA_OFF, room = share - LINK_HEADER;

	if (p->mtu <= room)
		return 0;
	if (!sg) {
		fos_log(FOS_LOG_WARN, "interface %s: packets of %s larger than %u bytes are lost "
			"(rx_lost), this kernel has no AF_XDP packets in several buffers (Linux 6.6): "
			"`ip link set dev %s mtu 1500`", p->name, p->nic, room, p->nic);
		return 0;
	}
	room = FOS_CHAIN_MAX * share - LINK_HEADER;
	if (p->mtu <= room)
		return 0;
	fos_log(FOS_LOG_ERROR, "interface %s: an MTU of %u does not fit frames of %u bytes: "
		"`ip link set dev %s mtu %u`%s", p->name, p->mtu, frame_size, p->nic,
		9000u,
		frame_size < 4096 ? ", or memory.frame_size: 4096" : "");
	return -EINVAL;
}

static int inspect(const struct fos_keeper *k, int sock, struct fos_dir *draft,
		   struct fos_dir_port *p)
{
	struct ifreq r;
	uint32_t have;
	int rc;

	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%.15s", p->nic);
	p->ifindex = if_nametoindex(p->nic);
	if (p->ifindex == 0) {
		fos_log(FOS_LOG_ERROR, "interface %s: there is no network device %s: "
			"`ip link` lists those there are", p->name, p->nic);
		return -ENODEV;
	}
	if (ioctl(sock, SIOCGIFHWADDR, &r) == 0)
		memcpy(p->mac, r.ifr_hwaddr.sa_data, sizeof(p->mac));
	if (ioctl(sock, SIOCGIFMTU, &r) == 0)
		p->mtu = (uint32_t)r.ifr_mtu;
	if (ioctl(sock, SIOCGIFFLAGS, &r) == 0 && !(r.ifr_flags & IFF_UP))
		fos_log(FOS_LOG_WARN, "interface %s: %s is down: `ip link set dev %s up`", p->name,
			p->nic, p->nic);
	have = queues_of(sock, &r);
	rc = check_queues(p, have, draft->nr_lanes);
	return rc < 0 ? rc : check_mtu(p, draft->frame_size, k->sg);
}

/* A packet that fits one end of a wire only is cut where that is allowed, else it is lost. */
static void check_mtus(const struct fos_dir_port *p, const struct fos_dir_port *q)
{
	if (p->mtu != q->mtu)
		fos_log(FOS_LOG_WARN, "%s has an MTU of %u, %s of %u: packets too large for the way out "
			"are lost (drop_mtu), except for TCP that PMs read: `ip link set dev %s mtu %u`, "
			"or tcp.mss: auto", p->nic, p->mtu, q->nic, q->mtu,
			p->mtu > q->mtu ? p->nic : q->nic, p->mtu > q->mtu ? q->mtu : p->mtu);
}

/* Without a bridge nothing that the box leaves alone (ARP to begin with) gets across. */
static void check_bridge(const struct fos_dir *draft, uint32_t i)
{
	const struct fos_dir_port *p = &draft->port[i], *q;
	uint32_t a, b;

	if (p->peer == FOS_NONE || p->peer < i)
		return;
	q = &draft->port[p->peer];
	check_mtus(p, q);
	a = master_of(p->ifindex);
	b = master_of(q->ifindex);
	if (a == 0 || a != b)
		fos_log(FOS_LOG_WARN, "%s and %s are not ports of one bridge: ARP and all that no "
			"pipeline takes does not pass: `ip link add name br0 type bridge; ip link "
			"set dev %s master br0; ip link set dev %s master br0; ip link set dev br0 "
			"up`", p->nic, q->nic, p->nic, q->nic);
}

int fos_keeper_inspect(struct fos_keeper *k, struct fos_dir *draft)
{
	int sock, rc = 0;

	if (draft->offline)
		return 0;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	for (uint32_t i = 0; i < draft->nr_ports && rc == 0; i++)
		rc = inspect(k, sock, draft, &draft->port[i]);
	close(sock);
	for (uint32_t i = 0; i < draft->nr_ports && rc == 0; i++) {
		check_bridge(draft, i);
		k->port[i].promisc = master_of(draft->port[i].ifindex) ? -1 : -2;
	}
	return rc;
}
