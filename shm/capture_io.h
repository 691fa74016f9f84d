/* shm/capture_io.h - inner border of shm/capture*: byte streams over io_uring, double buffered */
#ifndef FOS_SHM_CAPTURE_IO_H
#define FOS_SHM_CAPTURE_IO_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOS_IO_CHUNK 262144u

/* struct fos_io - one file, read or written from front to back.  While one buffer is used, the
 * other may be with the kernel. */
struct fos_io {
	int fd;
	int error;       /* negative errno, sticky */
	bool uring;      /* else plain calls */
	bool ring_up;
	bool seekable;
	bool flying;     /* buf[!cur] is with the kernel */
	bool eof;
	unsigned int cur;
	struct io_uring ring;
	uint8_t *buf[2];
	size_t have;       /* bytes in buf[cur] */
	size_t pos;        /* reading: of which used */
	size_t fly_pos;    /* writing: of buf[!cur], written */
	size_t fly_len;    /* writing: of buf[!cur], to be written */
	uint64_t used;     /* reading: offset of the next byte to use; writing: bytes accepted */
	uint64_t file_off; /* offset of the next byte to read or write */
	uint8_t *spill;    /* reading: what crosses from one buffer to the next */
};

/* 0 or -ENOMEM.  The descriptor is the caller's. */
int fos_io_open(struct fos_io *io, int fd, bool plain);
void fos_io_close(struct fos_io *io);

/* The next `n` bytes (at most FOS_IO_CHUNK), or NULL: fewer are left (error == 0) or the read
 * failed.  Valid until the next call. */
const uint8_t *fos_io_take(struct fos_io *io, size_t n);

/* How many of the next `n` bytes are there; they are used up. */
uint64_t fos_io_skip(struct fos_io *io, uint64_t n);

/* Are there no more bytes? */
bool fos_io_at_end(struct fos_io *io);

int fos_io_put(struct fos_io *io, const void *data, size_t n);
int fos_io_flush(struct fos_io *io);

#endif
