/* shm/notify.c - see notify.h */
#define _GNU_SOURCE
#include "shm/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shm/proc.h"

#define FIRST_FD 3
#define READY_TRIES 20
#define READY_PAUSE_NS 10000000L

static int manager_address(struct sockaddr_un *sa, socklen_t *len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n;

	if (!path || !path[0])
		return 0;
	n = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(sa->sun_path))
		return -EINVAL;
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	memcpy(sa->sun_path, path, n);
	if (path[0] == '@')
		sa->sun_path[0] = 0;
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 1;
}

static int send_text(const char *text, size_t len, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_un sa;
	struct iovec iov = {.iov_base = NULL, .iov_len = len};
	struct msghdr msg = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};
	int rc = manager_address(&sa, &msg.msg_namelen), sock, flags = MSG_NOSIGNAL;

	if (rc <= 0)
		return rc;
	memcpy(&iov.iov_base, &text, sizeof(text)); /* iovec has no const form */
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	/* a manager that is stuck must not stop a stage; the next one of these will do */
	if (!strncmp(text, "WATCHDOG", 8))
		flags |= MSG_DONTWAIT;
	rc = sendmsg(sock, &msg, flags) < 0 ? -errno : 1;
	close(sock);
	return rc;
}

int fos_notify(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	return send_text(text, (size_t)n, -1);
}

int fos_notify_ready(const char *more)
{
	const struct timespec pause = {.tv_nsec = READY_PAUSE_NS};
	int rc = 0;

	for (int i = 0; i < READY_TRIES; i++) {
		rc = fos_notify("READY=1%s", more);
		if (rc >= 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	fos_log(FOS_LOG_ERROR, "cannot tell the service manager (NOTIFY_SOCKET) that all is ready: %s; "
			       "start it again", strerror(-rc));
	return rc;
}

int fos_notify_keep(const char *name, int fd)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);

	return send_text(text, (size_t)n, fd);
}

int fos_notify_forget(const char *name)
{
	return fos_notify("FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* The manager closes what comes with the message when it has read it; then our end hangs up. */
void fos_notify_barrier(void)
{
	static const char text[] = "BARRIER=1";
	struct pollfd p;
	int end[2], rc;

	if (pipe2(end, O_CLOEXEC) < 0)
		return;
	rc = send_text(text, sizeof(text) - 1, end[1]);
	close(end[1]);
	p = (struct pollfd){.fd = end[0]};
	if (rc > 0)
		poll(&p, 1, 5000);
	close(end[0]);
}

static void copy_name(struct fos_notify_fd *f, const char **names)
{
	size_t n = *names ? strcspn(*names, ":") : 0;

	snprintf(f->name, sizeof(f->name), "%.*s", (int)n, n ? *names : "");
	if (*names)
		*names += n + ((*names)[n] == ':');
}

int fos_notify_kept(struct fos_notify_fd **out)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	struct fos_notify_fd *f = NULL;
	long n = 0;

	*out = NULL;
	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		n = strtol(count, NULL, 10);
	if (n > 0 && n < 65536)
		f = calloc((size_t)n, sizeof(*f));
	for (long i = 0; f && i < n; i++) {
		f[i].fd = FIRST_FD + (int)i;
		fcntl(f[i].fd, F_SETFD, FD_CLOEXEC);
		copy_name(&f[i], &names);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*out = f;
	return f ? (int)n : 0;
}

uint64_t fos_notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 1000u;
}
