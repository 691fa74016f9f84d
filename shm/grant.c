/* shm/grant.c - records with descriptors over a unix socket, see grant.h */
#include "shm/grant.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union fd_room {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * FOS_GRANT_FDS)];
};

void fos_grant_raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int fos_grant_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int rc, fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int fos_grant_say(int sock, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		return -EMSGSIZE;
	line[n++] = '\n';
	return send(sock, line, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

static void attach_fds(struct msghdr *msg, union fd_room *control, const int *fds, uint32_t nr)
{
	size_t bytes = nr * sizeof(int);

	if (nr == 0)
		return;
	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(bytes);
	control->head.cmsg_level = SOL_SOCKET;
	control->head.cmsg_type = SCM_RIGHTS;
	control->head.cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(&control->head), fds, bytes);
}

int fos_grant_say_with(int sock, int fd, const char *line)
{
	union fd_room control;
	struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
			       {.iov_base = (char[]){'\n'}, .iov_len = 1}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	attach_fds(&msg, &control, &fd, 1);
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)(iov[0].iov_len + 1) ? 0 : -EPIPE;
}

int fos_grant_send(int sock, const struct fos_grant_msg *m, const int *fds)
{
	union fd_room control;
	struct fos_grant_msg copy = *m;
	struct iovec iov = {.iov_base = &copy, .iov_len = sizeof(copy)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	attach_fds(&msg, &control, fds, m->nr_fds);
	n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(copy) ? 0 : -EPIPE;
}

static uint32_t take_fds(struct msghdr *msg, int fds[FOS_GRANT_FDS])
{
	uint32_t nr = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int got[FOS_GRANT_FDS];
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(got, CMSG_DATA(c), n * sizeof(int));
		for (size_t i = 0; i < n; i++) {
			if (nr < FOS_GRANT_FDS)
				fds[nr++] = got[i];
			else
				close(got[i]);
		}
	}
	return nr;
}

ssize_t fos_grant_hear(int sock, void *to, size_t size, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = to, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[FOS_GRANT_FDS];
	uint32_t nr;
	ssize_t n;

	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	*fd = -1;
	n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	nr = n < 0 ? 0 : take_fds(&msg, fds);
	while (nr > 1)
		close(fds[--nr]);
	if (nr == 1)
		*fd = fds[0];
	return n;
}

int fos_grant_poll(int sock, struct fos_grant_msg *m, int fds[FOS_GRANT_FDS])
{
	union fd_room control;
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	uint32_t nr;
	ssize_t n;

	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	/* records are written whole by one call, so one is there whole or not at all */
	n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	nr = take_fds(&msg, fds);
	if (n == (ssize_t)sizeof(*m) && m->magic == FOS_GRANT_MAGIC && m->nr_fds == nr &&
	    !(msg.msg_flags & MSG_CTRUNC)) {
		m->text[FOS_GRANT_TEXT - 1] = 0;
		return 1;
	}
	while (nr > 0)
		close(fds[--nr]);
	return n == 0 ? -EPIPE : -EPROTO;
}

static int *place(struct fos_grant *g, uint32_t kind, uint32_t index)
{
	switch (kind) {
	case FOS_GRANT_REGION:
		index &= ~FOS_GRANT_WRITABLE;
		return index < FOS_MAX_REGIONS ? &g->region[index] : NULL;
	case FOS_GRANT_BELL:
		return index < FOS_MAX_RINGS ? &g->bell[index] : NULL;
	case FOS_GRANT_WAKE:
		return index < FOS_MAX_PROCS ? &g->wake[index] : NULL;
	case FOS_GRANT_RX_SOCKET:
		return &g->fds.xsk;
	case FOS_GRANT_TX_SOCKET:
		return index < FOS_MAX_PORTS ? &g->fds.xsk_tx[index] : NULL;
	case FOS_GRANT_EDITED_MAP:
		return &g->fds.edited_map;
	case FOS_GRANT_OWNED_MAP:
		return &g->fds.owned_map;
	case FOS_GRANT_STEER_COUNTERS:
		return index < FOS_MAX_PORTS ? &g->steer_counters[index] : NULL;
	default:
		return NULL;
	}
}

static void accept_record(struct fos_grant *g, const struct fos_grant_msg *m, const int *fds)
{
	if (m->kind == FOS_GRANT_RX_SOCKET || m->kind == FOS_GRANT_TX_SOCKET)
		g->fds.sockets = (uint32_t)strtoul(m->text, NULL, 10);
	if (m->kind == FOS_GRANT_WELCOME) {
		g->proc = m->index[0];
		g->generation = m->index[1];
	}
	for (uint32_t i = 0; i < m->nr_fds; i++) {
		int *at = place(g, m->kind, m->index[i]);

		if (!at || *at >= 0) {
			close(fds[i]);
			continue;
		}
		*at = fds[i];
		if (m->kind == FOS_GRANT_REGION)
			g->writable[at - g->region] = m->index[i] & FOS_GRANT_WRITABLE;
	}
}

static void fill_empty(int *fd, size_t nr)
{
	while (nr > 0)
		fd[--nr] = -1;
}

static struct fos_grant *empty_grant(void)
{
	struct fos_grant *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->proc = FOS_NONE;
	fill_empty(g->region, FOS_MAX_REGIONS);
	fill_empty(g->bell, FOS_MAX_RINGS);
	fill_empty(g->wake, FOS_MAX_PROCS);
	fill_empty(g->steer_counters, FOS_MAX_PORTS);
	fill_empty(g->fds.xsk_tx, FOS_MAX_PORTS);
	g->fds.xsk = g->fds.edited_map = g->fds.owned_map = -1;
	return g;
}

int fos_grant_receive(int sock, int timeout_ms, struct fos_grant **out, char *err,
		      size_t err_size)
{
	struct fos_grant *g = empty_grant();
	struct fos_grant_msg m;
	int fds[FOS_GRANT_FDS], rc = g ? 0 : -ENOMEM;

	*out = NULL;
	while (rc == 0) {
		struct pollfd p = {.fd = sock, .events = POLLIN};

		rc = poll(&p, 1, timeout_ms);
		if (rc <= 0) {
			rc = rc == 0 ? -ETIMEDOUT : -errno;
			break;
		}
		rc = fos_grant_poll(sock, &m, fds);
		if (rc <= 0)
			continue;
		if (m.kind == FOS_GRANT_END) {
			*out = g;
			return 0;
		}
		rc = 0;
		accept_record(g, &m, fds);
		if (m.kind == FOS_GRANT_REFUSED) {
			snprintf(err, err_size, "the keeper refuses: %s", m.text);
			rc = m.index[0] == EAGAIN ? -EAGAIN : m.index[0] == EBUSY ? -EBUSY : -EPERM;
		}
	}
	if (rc != -EPERM && rc != -EBUSY)
		snprintf(err, err_size, "no answer from the keeper: %s", strerror(-rc));
	if (g)
		fos_grant_close(g);
	free(g);
	return rc;
}

static void shut(int *fd, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

void fos_grant_renew_sockets(struct fos_grant *g, const struct fos_grant_msg *m, const int *fds)
{
	shut(g->fds.xsk_tx, FOS_MAX_PORTS);
	shut(&g->fds.xsk, 1);
	accept_record(g, m, fds);
}

void fos_grant_close(struct fos_grant *g)
{
	shut(g->region, FOS_MAX_REGIONS);
	shut(g->bell, FOS_MAX_RINGS);
	shut(g->wake, FOS_MAX_PROCS);
	shut(g->steer_counters, FOS_MAX_PORTS);
	shut(g->fds.xsk_tx, FOS_MAX_PORTS);
	shut(&g->fds.xsk, 1);
	shut(&g->fds.edited_map, 1);
	shut(&g->fds.owned_map, 1);
}
