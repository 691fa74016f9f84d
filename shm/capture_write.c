/* shm/capture_write.c - writes classic pcap files */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/capture.h"
#include "shm/capture_io.h"

struct fos_capture_writer {
	struct fos_io io;
	int fd;
	bool nanosecond;
	char name[256];
};

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, link;
};

struct record_header {
	uint32_t sec, frac, caplen, origlen;
};

static int open_file(const char *path, uint64_t resume)
{
	struct stat st;
	int fd;

	if (!strcmp(path, "-")) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	fd = open(path, O_RDWR | O_CLOEXEC | (resume ? 0 : O_CREAT | O_TRUNC), 0666);
	if (fd < 0 && errno == EACCES && !resume)
		fd = open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		return -errno;
	if (resume && (fstat(fd, &st) < 0 || (uint64_t)st.st_size < resume ||
		       ftruncate(fd, (off_t)resume) < 0)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

struct fos_capture_writer *fos_capture_create(const char *path, uint32_t link, bool nanosecond,
					      uint64_t resume, char *err, size_t errlen)
{
	const struct file_header h = {
		.magic = nanosecond ? 0xa1b23c4du : 0xa1b2c3d4u,
		.major = 2,
		.minor = 4,
		.snaplen = FOS_CAPTURE_MAX_PACKET,
		.link = link,
	};
	struct fos_capture_writer *w;
	int fd = open_file(path, resume);

	if (fd < 0) {
		snprintf(err, errlen, "%s: cannot %s: %s", path, resume ? "continue" : "create",
			 fd == -ESTALE ? "it is shorter than it was" : strerror(-fd));
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (!w || fos_io_open(&w->io, fd, false) < 0) {
		snprintf(err, errlen, "%s: out of memory", path);
		close(fd);
		free(w);
		return NULL;
	}
	w->fd = fd;
	w->nanosecond = nanosecond;
	snprintf(w->name, sizeof(w->name), "%s", strcmp(path, "-") ? path : "standard output");
	w->io.used = resume;
	w->io.file_off = resume;
	if (!resume)
		fos_io_put(&w->io, &h, sizeof(h));
	return w;
}

int fos_capture_write(struct fos_capture_writer *w, const void *data, uint32_t caplen,
		      uint32_t origlen, uint64_t time_ns)
{
	uint32_t frac = (uint32_t)(time_ns % 1000000000u);
	const struct record_header h = {
		.sec = (uint32_t)(time_ns / 1000000000u),
		.frac = w->nanosecond ? frac : frac / 1000,
		.caplen = caplen,
		.origlen = origlen < caplen ? caplen : origlen,
	};
	int rc = fos_io_put(&w->io, &h, sizeof(h));

	return rc < 0 ? rc : fos_io_put(&w->io, data, caplen);
}

uint64_t fos_capture_size(const struct fos_capture_writer *w)
{
	return w->io.used;
}

int fos_capture_flush(struct fos_capture_writer *w)
{
	return fos_io_flush(&w->io);
}

int fos_capture_finish(struct fos_capture_writer *w, char *err, size_t errlen)
{
	int rc = fos_io_flush(&w->io);
	uint64_t off = w->io.file_off;

	fos_io_close(&w->io);
	if (close(w->fd) < 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		snprintf(err, errlen, "%s: cannot write at byte %" PRIu64 ": %s%s", w->name, off,
			 strerror(-rc), rc == -ENOSPC ? "; make room on the disk" : "");
	free(w);
	return rc;
}
