/* shm/capture_io.c - byte streams over io_uring, double buffered
 *
 * One operation is under way at a time, so the order of bytes needs no care, not on pipes either.
 * The buffers are private memory: nothing of the kernel's outlives the process in a region.
 */
#include "shm/capture_io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fos_io_open(struct fos_io *io, int fd, bool plain)
{
	memset(io, 0, sizeof(*io));
	io->fd = fd;
	io->seekable = lseek(fd, 0, SEEK_CUR) >= 0;
	io->buf[0] = malloc(FOS_IO_CHUNK);
	io->buf[1] = malloc(FOS_IO_CHUNK);
	io->spill = malloc(FOS_IO_CHUNK);
	if (!io->buf[0] || !io->buf[1] || !io->spill) {
		fos_io_close(io);
		return -ENOMEM;
	}
	io->ring_up = !plain && io_uring_queue_init(2, &io->ring, 0) == 0;
	io->uring = io->ring_up;
	return 0;
}

static int wait_done(struct fos_io *io)
{
	struct io_uring_cqe *cqe;
	int rc;

	do
		rc = io_uring_wait_cqe(&io->ring, &cqe);
	while (rc == -EINTR);
	if (rc < 0)
		return rc;
	rc = cqe->res;
	io_uring_cqe_seen(&io->ring, cqe);
	return rc;
}

void fos_io_close(struct fos_io *io)
{
	if (io->flying)
		wait_done(io);
	if (io->ring_up)
		io_uring_queue_exit(&io->ring);
	free(io->buf[0]);
	free(io->buf[1]);
	free(io->spill);
	memset(io, 0, sizeof(*io));
}

/* Hand buf[!cur] to the kernel.  False: io_uring would not take it. */
static bool submit(struct fos_io *io, bool write)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);
	uint64_t off = io->seekable ? io->file_off : UINT64_MAX;
	uint8_t *b = io->buf[!io->cur];

	if (!sqe)
		return false;
	if (write)
		io_uring_prep_write(sqe, io->fd, b + io->fly_pos,
				    (unsigned int)(io->fly_len - io->fly_pos), off);
	else
		io_uring_prep_read(sqe, io->fd, b, FOS_IO_CHUNK, off);
	io->flying = io_uring_submit(&io->ring) == 1;
	io->uring = io->flying; /* a ring that refuses once is not asked again */
	return io->flying;
}

static void wait_ready(struct fos_io *io, short events)
{
	struct pollfd p = { .fd = io->fd, .events = events };

	poll(&p, 1, -1);
}

/* One plain read or write; a negative errno only where trying again is of no use. */
static int plain(struct fos_io *io, bool write_it, uint8_t *b, size_t n)
{
	off_t off = (off_t)io->file_off;
	ssize_t rc;

	for (;;) {
		if (io->seekable)
			rc = write_it ? pwrite(io->fd, b, n, off) : pread(io->fd, b, n, off);
		else
			rc = write_it ? write(io->fd, b, n) : read(io->fd, b, n);
		if (rc >= 0)
			return (int)rc;
		if (errno == EAGAIN)
			wait_ready(io, write_it ? POLLOUT : POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
}

/* Is this result one that a plain call in its place may better?  Older kernels lack the
 * operation, and a non-blocking pipe says EAGAIN. */
static bool fall_back(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP || rc == -EAGAIN || rc == -EINTR;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Make the next chunk the current one, and send for the one after it. */
static bool refill(struct fos_io *io)
{
	int rc = -EAGAIN;

	if (io->eof || io->error)
		return false;
	if (io->flying || (io->uring && submit(io, false))) {
		rc = wait_done(io);
		io->flying = false;
	}
	if (fall_back(rc))
		rc = plain(io, false, io->buf[!io->cur], FOS_IO_CHUNK);
	if (rc <= 0) {
		io->error = rc;
		io->eof = true;
		return false;
	}
	io->cur = !io->cur;
	io->have = (size_t)rc;
	io->pos = 0;
	io->file_off += (uint64_t)rc;
	if (io->uring)
		submit(io, false);
	return true;
}

const uint8_t *fos_io_take(struct fos_io *io, size_t n)
{
	size_t part, got = 0;
	const uint8_t *p;

	if (n > FOS_IO_CHUNK)
		return NULL;
	if (io->pos == io->have && n && !refill(io))
		return NULL;
	if (io->have - io->pos >= n) {
		p = io->buf[io->cur] + io->pos;
		io->pos += n;
		io->used += n;
		return p;
	}
	while (got < n) {
		if (io->pos == io->have && !refill(io))
			return NULL;
		part = io->have - io->pos;
		if (part > n - got)
			part = n - got;
		memcpy(io->spill + got, io->buf[io->cur] + io->pos, part);
		io->pos += part;
		io->used += part;
		got += part;
	}
	return io->spill;
}

/* Jump ahead in a regular file, as far as it goes; the current buffer has been used up. */
static uint64_t jump(struct fos_io *io, uint64_t n)
{
	struct stat st;
	uint64_t left;

	if (!io->seekable || fstat(io->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (io->flying) {
		wait_done(io); /* read ahead in vain */
		io->flying = false;
	}
	left = (uint64_t)st.st_size > io->file_off ? (uint64_t)st.st_size - io->file_off : 0;
	if (n > left)
		n = left;
	io->file_off += n;
	io->used += n;
	return n;
}

uint64_t fos_io_skip(struct fos_io *io, uint64_t n)
{
	uint64_t done = 0;

	while (done < n) {
		size_t part = io->have - io->pos;

		if (!part) {
			if (n - done > FOS_IO_CHUNK && !io->eof)
				done += jump(io, n - done);
			if (done == n || !refill(io))
				break;
			continue;
		}
		if (part > n - done)
			part = (size_t)(n - done);
		io->pos += part;
		io->used += part;
		done += part;
	}
	return done;
}

bool fos_io_at_end(struct fos_io *io)
{
	return io->pos == io->have && !refill(io);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Bring what is with the kernel to its end. */
static int settle(struct fos_io *io)
{
	while (io->fly_pos < io->fly_len && !io->error) {
		int rc = -EAGAIN;

		if (io->flying || (io->uring && submit(io, true))) {
			rc = wait_done(io);
			io->flying = false;
		}
		if (fall_back(rc))
			rc = plain(io, true, io->buf[!io->cur] + io->fly_pos,
				   io->fly_len - io->fly_pos);
		if (rc <= 0) {
			io->error = rc < 0 ? rc : -EIO;
			break;
		}
		io->fly_pos += (size_t)rc;
		io->file_off += (uint64_t)rc;
	}
	return io->error;
}

/* Send the current buffer off, and go on with the other. */
static int turn(struct fos_io *io)
{
	if (settle(io) < 0)
		return io->error;
	io->cur = !io->cur;
	io->fly_pos = 0;
	io->fly_len = io->have;
	io->have = 0;
	if (io->fly_len && io->uring)
		submit(io, true);
	return 0;
}

int fos_io_put(struct fos_io *io, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n && !io->error) {
		size_t part = FOS_IO_CHUNK - io->have;

		if (part > n)
			part = n;
		memcpy(io->buf[io->cur] + io->have, p, part);
		io->have += part;
		io->used += part;
		p += part;
		n -= part;
		if (io->have == FOS_IO_CHUNK)
			turn(io);
	}
	return io->error;
}

int fos_io_flush(struct fos_io *io)
{
	if (turn(io) < 0)
		return io->error;
	return settle(io);
}
