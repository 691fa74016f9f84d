/* shm/keeper_listen.c - the control socket's path: one keeper at a time, a dead one's is removed */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/proc.h"

/* Another keeper on this socket?  Tells its pid; a dead one's socket is removed. */
static int make_way(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	int fd = fos_grant_connect(path);

	if (fd == -ECONNREFUSED)
		unlink(path);
	if (fd < 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	close(fd);
	/* the manager may hold the listening end of one that died */
	if (kill(peer.pid, 0) < 0 && errno == ESRCH) {
		unlink(path);
		return 0;
	}
	fos_log(FOS_LOG_ERROR, "a keeper (pid %d) serves %s already: `flowosctl stop --run-dir "
		"%.*s` ends it", (int)peer.pid, path, slash ? (int)(slash - path) : 1,
		slash ? path : ".");
	return -EADDRINUSE;
}

int fos_keeper_listen(struct fos_keeper *k)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc = make_way(k->socket);

	if (rc < 0)
		return rc;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", k->socket);
	k->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* trusted() says who is heard; hosts that gave up root are to find us again */
	mask = umask(getegid() ? 0117 : 0111);
	rc = k->listen_fd < 0 || bind(k->listen_fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ||
			     listen(k->listen_fd, 128) < 0
		     ? -errno : 0;
	umask(mask);
	if (rc < 0)
		fos_log(FOS_LOG_ERROR, "cannot listen on %s: %s; `mkdir -p` its directory or name "
			"another as box.run_dir", k->socket, strerror(-rc));
	return rc;
}
