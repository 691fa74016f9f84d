/* fuzz_capture.c - any bytes as a capture file: read to the end, bounded, twice the same */
#define _GNU_SOURCE /* memfd_create */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int holds)
{
	if (!holds)
		abort();
}

/* Reads everything; returns a sum over what was read, for comparison. */
static uint64_t read_all(int fd)
{
	struct fos_capture_packet p;
	struct fos_capture *c;
	char err[256] = "";
	uint64_t sum = 0;
	int rc;

	c = fos_capture_open_fd(fd, "fuzz", true, err, sizeof(err));
	if (!c) {
		expect(err[0] && !strchr(err, '\n'));
		return 1;
	}
	while ((rc = fos_capture_next(c, &p)) == 1) {
		expect(p.caplen <= FOS_CAPTURE_MAX_PACKET && p.origlen >= p.caplen);
		expect(p.interface < FOS_CAPTURE_MAX_INTERFACES);
		for (uint32_t i = 0; i < p.caplen; i++)
			sum += p.data[i];
		sum = sum * 31 + p.caplen + p.time_ns + p.link + p.interface;
	}
	expect(rc == 0 || fos_capture_error(c)[0]);
	expect(fos_capture_next(c, &p) == rc);
	fos_capture_close(c);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC), fds[2];
	uint64_t a;

	if (fd < 0 || size > 60000)
		goto out;
	if (write(fd, data, size) != (ssize_t)size)
		abort();
	a = read_all(dup(fd));
	/* a pipe holds 64 KiB: the same file, unseekable */
	if (pipe(fds) == 0) {
		if (write(fds[1], data, size) != (ssize_t)size)
			abort();
		close(fds[1]);
		expect(read_all(fds[0]) == a);
	}
out:
	if (fd >= 0)
		close(fd);
	return 0;
}
