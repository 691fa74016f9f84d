/* rundir.c - see rundir.h */
#define _GNU_SOURCE
#include "deploy/ctl/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"

#define LOCK "flowosctl.lock"

static int open_lock(const char *dir, int flags)
{
	char path[PATH_MAX + sizeof(LOCK) + 1];

	snprintf(path, sizeof(path), "%s/%s", dir, LOCK);
	return open(path, flags | O_CLOEXEC, 0644);
}

static pid_t read_pid(int fd)
{
	char buf[32];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return 0;
	buf[n] = 0;
	return (pid_t)strtol(buf, NULL, 10);
}

pid_t fos_rundir_holder(const char *path)
{
	int fd = open_lock(path, O_RDONLY);
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		pid = read_pid(fd);
	close(fd);
	return pid;
}

static int make_directory(struct fos_rundir *r, const char *path)
{
	const char *tmp = getenv("TMPDIR");

	if (!path) {
		snprintf(r->path, sizeof(r->path), "%s/flowos-XXXXXX", tmp && *tmp ? tmp : "/tmp");
		r->made = mkdtemp(r->path) != NULL;
		if (!r->made)
			fos_ctl_fail("cannot make a temporary directory %s: %s; set TMPDIR to one "
				     "that is writable", r->path, strerror(errno));
		return r->made ? 0 : -errno;
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	r->made = mkdir(path, 0755) == 0;
	if (!r->made && errno != EEXIST) {
		int rc = -errno;

		fos_ctl_fail("cannot make the run directory %s: %s; run as root, or name another "
			     "as box.run_dir", path, strerror(-rc));
		return rc;
	}
	return 0;
}

int fos_rundir_take(struct fos_rundir *r, const char *path)
{
	char text[32];
	int n, rc;

	memset(r, 0, sizeof(*r));
	r->lock_fd = -1;
	rc = make_directory(r, path);
	if (rc < 0)
		return rc;
	r->lock_fd = open_lock(r->path, O_RDWR | O_CREAT);
	if (r->lock_fd < 0) {
		rc = -errno;
		fos_ctl_fail("the run directory %s is not writable: %s; run as root, or name "
			     "another as box.run_dir", r->path, strerror(-rc));
		if (r->made)
			rmdir(r->path);
		return rc;
	}
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		fos_ctl_fail("a box runs in %s already (flowosctl pid %d): `flowosctl stop "
			     "--run-dir %s` ends it", r->path, (int)read_pid(r->lock_fd), r->path);
		close(r->lock_fd);
		return -EBUSY;
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	errno = ENOSPC; /* a write that is cut short does not say why */
	if (ftruncate(r->lock_fd, 0) == 0 && pwrite(r->lock_fd, text, (size_t)n, 0) == n)
		return 0;
	rc = -errno;
	fos_ctl_fail("cannot write into the run directory %s: %s; make room there (`df %s`), or name "
		     "another as box.run_dir", r->path, strerror(-rc), r->path);
	fos_rundir_leave(r);
	return rc;
}

void fos_rundir_sweep(const char *path)
{
	static const char *const file[] = {LOCK, "notify.sock"};
	char name[PATH_MAX + 32];

	if (fos_rundir_holder(path) != 0)
		return;
	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, file[i]);
		unlink(name);
	}
	rmdir(path);
}

void fos_rundir_leave(struct fos_rundir *r)
{
	char path[PATH_MAX + 32];
	int fd;

	/* a keeper that was killed leaves its socket; one that lives (not ours) needs it */
	snprintf(path, sizeof(path), "%s/%s", r->path, FOS_GRANT_SOCKET);
	fd = fos_grant_connect(path);
	if (fd == -ECONNREFUSED)
		unlink(path);
	else if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/%s", r->path, LOCK);
	unlink(path);
	if (r->made)
		rmdir(r->path);
	close(r->lock_fd);
}
