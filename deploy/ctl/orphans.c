/* orphans.c - see orphans.h.  They are found by their command lines: with the keeper gone nobody holds
 * a list of them. */
#define _GNU_SOURCE
#include "deploy/ctl/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define MOST 1024
#define PATIENCE_MS 5000

/* argv of a process: "flowos-NAME ... --keeper SOCKET ..."? */
static bool is_stage_of(long pid, const char *socket)
{
	char path[64], args[PATH_MAX + 256], *end, *name;
	bool keeper = false;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, args, sizeof(args) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	args[n] = 0;
	end = args + n;
	name = strrchr(args, '/');
	if (strncmp(name ? name + 1 : args, "flowos-", 7) != 0)
		return false;
	for (char *a = args; a < end; a += strlen(a) + 1) {
		if (keeper && !strcmp(a, socket))
			return true;
		keeper = !strcmp(a, "--keeper");
	}
	return false;
}

int fos_orphans_find(const char *socket, int *pidfd, pid_t *pids, int most)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && n < most && (e = readdir(d)) != NULL) {
		long pid = strtol(e->d_name, NULL, 10);

		if (pid <= 0 || !is_stage_of(pid, socket))
			continue;
		pidfd[n] = pidfd_open((pid_t)pid, 0);
		/* the number may have changed hands since we looked */
		if (pidfd[n] >= 0 && is_stage_of(pid, socket))
			pids[n++] = (pid_t)pid;
		else if (pidfd[n] >= 0)
			close(pidfd[n]);
	}
	if (d)
		closedir(d);
	return n;
}

int fos_orphans_end(const char *socket)
{
	static int pidfd[MOST];
	static pid_t pids[MOST];
	int n = fos_orphans_find(socket, pidfd, pids, MOST), left = PATIENCE_MS;

	for (int i = 0; i < n; i++)
		pidfd_send_signal(pidfd[i], SIGTERM, NULL, 0);
	for (int i = 0; i < n; i++) {
		struct pollfd p = {.fd = pidfd[i], .events = POLLIN};

		while (left > 0 && poll(&p, 1, 50) == 0)
			left -= 50;
		if (poll(&p, 1, 0) == 0)
			pidfd_send_signal(pidfd[i], SIGKILL, NULL, 0);
		close(pidfd[i]);
	}
	return n;
}
