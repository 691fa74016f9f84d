/* test_capture_write.c - captures written, continued, read back; disks that are full */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/capture.h"
#include "tests/tap.h"

static char err[512];

/* The next packet as text: link/time/origlen/data. */
static const char *next(struct fos_capture *c)
{
	static char text[600];
	struct fos_capture_packet p;

	if (fos_capture_next(c, &p) != 1)
		return "end";
	snprintf(text, sizeof(text), "%u/%llu/%u/%.*s", p.link, (unsigned long long)p.time_ns,
		 p.origlen, (int)p.caplen, (const char *)p.data);
	return text;
}

static char path[64];

static void write_and_read(bool nano)
{
	struct fos_capture_writer *w;
	struct fos_capture *c;
	uint64_t size;

	w = fos_capture_create(path, 101, nano, 0, err, sizeof(err));
	ok(w && fos_capture_write(w, "hello", 5, 9, 5000000007) == 0, "write a packet");
	size = fos_capture_size(w);
	is_u64(size, 24 + 16 + 5, "the size so far");
	fos_capture_write(w, "lost", 4, 4, 6000000000);
	is_u64((uint64_t)fos_capture_finish(w, err, sizeof(err)), 0, "finish");
	w = fos_capture_create(path, 101, nano, size, err, sizeof(err));
	ok(w && fos_capture_write(w, "again", 5, 5, 7000000000) == 0, "continue at that size");
	is_u64((uint64_t)fos_capture_finish(w, err, sizeof(err)), 0, "finish again");
	c = fos_capture_open(path, err, sizeof(err));
	is_str(next(c), nano ? "101/5000000007/9/hello" : "101/5000000000/9/hello",
	       "read back, %s", nano ? "nanoseconds" : "microseconds");
	is_str(next(c), "101/7000000000/5/again", "what came after the size was replaced");
	is_str(next(c), "end", "the end");
	fos_capture_close(c);
}

static void write_much(void)
{
	struct fos_capture_writer *w = fos_capture_create(path, 1, false, 0, err, sizeof(err));
	struct fos_capture_packet p;
	struct fos_capture *c;
	uint8_t data[1500];
	uint32_t bad = 0, n = 0;

	for (uint32_t i = 0; i < 2000; i++) {
		memset(data, (int)(i & 255), sizeof(data));
		bad += fos_capture_write(w, data, i % 1500, i % 1500, i) != 0;
		if (i == 700)
			bad += fos_capture_flush(w) != 0;
	}
	bad += fos_capture_finish(w, err, sizeof(err)) != 0;
	c = fos_capture_open(path, err, sizeof(err));
	for (; fos_capture_next(c, &p) == 1; n++) {
		bad += p.caplen != n % 1500;
		for (uint32_t k = 0; k < p.caplen; k++)
			bad += p.data[k] != (n & 255);
	}
	fos_capture_close(c);
	ok(!bad && n == 2000, "1.5 MB written are read back");
}

static void write_far(void)
{
	struct fos_capture_writer *w;
	uint64_t far = 3ull << 30;
	struct stat st;
	char back[6] = "";
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (ftruncate(fd, (off_t)far) < 0)
		abort();
	w = fos_capture_create(path, 1, false, far, err, sizeof(err));
	ok(w && fos_capture_write(w, "hello", 5, 5, 0) == 0 &&
	   fos_capture_finish(w, err, sizeof(err)) == 0, "write beyond 3 GiB");
	ok(fstat(fd, &st) == 0 && (uint64_t)st.st_size == far + 21 &&
	   pread(fd, back, 5, (off_t)far + 16) == 5 && !strcmp(back, "hello"), "it is there");
	close(fd);
	w = fos_capture_create(path, 1, false, far + 22, err, sizeof(err));
	ok(!w && strstr(err, "cannot continue: it is shorter than it was"), "nothing to continue");
}

static void write_errors(void)
{
	struct fos_capture_writer *w;
	uint8_t data[1500] = { 0 };
	int rc = 0;

	ok(!fos_capture_create("/nonexistent/x.pcap", 1, false, 0, err, sizeof(err)), "no directory");
	is_str(err, "/nonexistent/x.pcap: cannot create: No such file or directory", "the message");
	w = fos_capture_create("/dev/full", 1, false, 0, err, sizeof(err));
	for (int i = 0; w && i < 1000 && rc == 0; i++)
		rc = fos_capture_write(w, data, sizeof(data), sizeof(data), 0);
	ok(rc < 0, "a full disk is noticed while writing");
	rc = w ? fos_capture_finish(w, err, sizeof(err)) : 0;
	ok(rc < 0, "and reported at the end");
	is_str(err, "/dev/full: cannot write at byte 0: No space left on device; make room on the disk",
	       "the message");
}

int main(void)
{
	tap_plan(0);
	snprintf(path, sizeof(path), "/tmp/fos-capture-%d.pcap", (int)getpid());
	write_and_read(false);
	write_and_read(true);
	write_much();
	write_far();
	unlink(path);
	write_errors();
	return done();
}
