/* tests/sim/tun.c - the running kernel as receiver, see tun.h */
#define _GNU_SOURCE
#include "tests/sim/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUIET_MS 2 /* the kernel answers while we write; timers are slower than any run */

/* What the application can read now. */
static void read_all(struct tun *t)
{
	for (uint32_t i = 0; i < t->r.nr_conns; i++) {
		struct host_conn *c = &t->conns[i];

		while (c->end == HOST_OPEN) {
			ssize_t n = recv(t->sock[i], c->bytes + c->len, HOST_STREAM_MAX - c->len,
					 MSG_DONTWAIT);

			if (n > 0)
				c->len += (uint32_t)n;
			else if (n == 0)
				c->end = HOST_EOF;
			else if (errno == ECONNRESET)
				c->end = HOST_RESET;
			else
				break;
		}
	}
}

static void accept_all(struct tun *t)
{
	while (t->r.nr_conns < HOST_MAX_CONNS) {
		int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		memset(&t->conns[t->r.nr_conns], 0, sizeof(t->conns[0]));
		t->sock[t->r.nr_conns++] = fd;
	}
}

/* Packets of the kernel go to the box until it is quiet. */
static void pump(struct tun *t)
{
	struct pollfd p = {.fd = t->fd, .events = POLLIN};

	while (poll(&p, 1, QUIET_MS) > 0) {
		uint8_t f[SCRIPT_FRAME_MAX] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
		ssize_t n = read(t->fd, f + 14, sizeof(f) - 14);

		if (n <= 0)
			break;
		f[12] = f[14] >> 4 == 6 ? 0x86 : 0x08;
		f[13] = f[14] >> 4 == 6 ? 0xdd : 0x00;
		if (t->r.emit && (f[14] >> 4 == 6 ? f[20] : f[23]) == IPPROTO_TCP)
			t->r.emit(t->r.emit_arg, f, 14 + (uint32_t)n);
	}
}

static void input(struct receiver *r, const uint8_t *frame, uint32_t len)
{
	struct tun *t = (struct tun *)r;

	if (len <= 14)
		return;
	/* what the kernel refuses at once it does not receive either */
	if (write(t->fd, frame + 14, len - 14) < 0 && errno != EINVAL)
		return;
	pump(t);
	accept_all(t);
	read_all(t);
}

static void app(struct receiver *r, const char *word, uint32_t len)
{
	struct tun *t = (struct tun *)r;
	int fd = r->nr_conns ? t->sock[r->nr_conns - 1] : -1;

	if (fd >= 0 && len > 4 && strncmp(word, "srv:", 4) == 0 &&
	    send(fd, word + 4, len - 4, MSG_NOSIGNAL) < 0)
		return;
	if (fd >= 0 && strncmp(word, "srvfin", 6) == 0)
		shutdown(fd, SHUT_WR);
	pump(t);
}

void tun_reset(struct tun *t)
{
	struct linger l = {.l_onoff = 1};

	t->r.emit = NULL;
	accept_all(t);
	for (uint32_t i = 0; i < t->r.nr_conns; i++) {
		setsockopt(t->sock[i], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(t->sock[i]);
	}
	t->r.nr_conns = 0;
	pump(t);
}

static int make_device(int *fd)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "host0");
	if (ioctl(*fd, TUNSETIFF, &ifr) < 0)
		return -1;
	return system("ip link set lo up && ip addr add " SCRIPT_SERVER4 "/24 dev host0 && "
		      "ip -6 addr add " SCRIPT_SERVER6 "/64 dev host0 nodad && "
		      "ip link set host0 up mtu 1500 && "
		      "sysctl -q -w net.ipv4.tcp_invalid_ratelimit=0");
}

static int listen_on(int *fd)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(SCRIPT_PORT)};
	int one = 1, off = 0;

	*fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -1;
	setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(*fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	return listen(*fd, 64);
}

int tun_open(struct tun *t, const char **why)
{
	memset(t, 0, sizeof(*t));
	*why = "needs root and network namespaces";
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	*why = "needs /dev/net/tun";
	if (make_device(&t->fd) != 0)
		return -1;
	*why = "cannot listen in the namespace";
	if (listen_on(&t->listener) < 0)
		return -1;
	t->r.input = input;
	t->r.app = app;
	t->r.conn = t->conns;
	return 0;
}
