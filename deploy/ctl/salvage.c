/* salvage.c - a box whose supervisor and keeper were both killed: what they held is with the stages
 *
 * Every stage but PMs was started with a copy of the store's descriptors (super.c).  Whoever takes the
 * box over copies them out of one of them (pidfd_getfd) and starts a keeper with them, which goes on
 * where the last one was killed; the XDP program and its sockets have never been without a holder.
 */
#define _GNU_SOURCE
#include "deploy/ctl/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "deploy/ctl/orphans.h"

#define MOST 1024
#define FIRST_FD 3
#define ENV_BYTES (1u << 20)

/* NAME's value in what a process was started with; NULL = none. */
static char *value(char *env, size_t len, const char *name)
{
	size_t n = strlen(name);

	for (char *p = env; p < env + len; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=')
			return p + n + 1;
	return NULL;
}

static size_t read_env(pid_t pid, char *to, size_t size)
{
	char path[40];
	size_t n = 0;
	ssize_t got = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && got > 0 && n < size - 1) {
		got = read(fd, to + n, size - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	to[n] = 0;
	return n;
}

/* All that this one holds, or nothing. */
static int copy(struct fos_super *s, int pidfd, char *names)
{
	char *rest = NULL, *name = strtok_r(names, ":", &rest);

	for (int i = FIRST_FD; name; i++, name = strtok_r(NULL, ":", &rest)) {
		int fd = pidfd_getfd(pidfd, i, 0);

		if (fd < 0 || !fos_super_keep(s, name, fd)) {
			int rc = fd < 0 ? -errno : -ENOMEM;

			fos_super_clear_store(s);
			return rc;
		}
	}
	return 0;
}

static int take(struct fos_super *s, int pidfd, pid_t pid, const char *file)
{
	char *env = malloc(ENV_BYTES), *names, *theirs, *number;
	size_t len = env ? read_env(pid, env, ENV_BYTES) : 0;
	int rc = 0;

	names = len ? value(env, len, "LISTEN_FDNAMES") : NULL;
	number = len ? value(env, len, "LISTEN_PID") : NULL;
	theirs = len ? value(env, len, "FLOWOS_FILE") : NULL;
	if (names && theirs && number && atoi(number) == (int)pid && *names) {
		if (strcmp(theirs, file) != 0) {
			fos_ctl_fail("what is left of a box of %s runs there: `flowosctl stop` ends "
				     "it", theirs);
			rc = -EBUSY;
		} else {
			rc = copy(s, pidfd, names);
		}
	}
	free(env);
	return rc;
}

int fos_salvage(struct fos_super *s, const char *socket, const char *file)
{
	static int pidfd[MOST];
	static pid_t pids[MOST];
	int n = fos_orphans_find(socket, pidfd, pids, MOST), rc = 0;

	for (int i = 0; i < n; i++) {
		if (rc >= 0 && s->nr_store == 0)
			rc = take(s, pidfd[i], pids[i], file);
		close(pidfd[i]);
	}
	if (rc == -EBUSY || n == 0)
		return rc;
	if (s->nr_store == 0) {
		/* they would hold the interfaces' XDP programs, and have no keeper to belong to */
		fprintf(stderr, "flowos: supervisor and keeper of the last box were killed, and what they "
				"held cannot be had from its processes (%s): these end, connections "
				"with edits are lost\n", rc < 0 ? strerror(-rc) : "they have nothing");
		fos_orphans_end(socket);
		return 0;
	}
	return 1;
}
