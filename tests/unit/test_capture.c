/* test_capture.c - capture files: both formats, both byte orders, damage of every kind */
#define _GNU_SOURCE /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/capture.h"
#include "tests/tap.h"

/* A file that grows in memory. */
static uint8_t file[1 << 21];
static size_t len;
static bool big; /* byte order of what is put */
static bool plain_io;
static char err[512];

static void put(const void *p, size_t n)
{
	memcpy(file + len, p, n);
	len += n;
}

static void put16(unsigned int v)
{
	uint8_t le[2] = { (uint8_t)v, (uint8_t)(v >> 8) }, be[2] = { le[1], le[0] };

	put(big ? be : le, 2);
}

static void put32(uint32_t v)
{
	put16(big ? v >> 16 : v & 0xffff);
	put16(big ? v & 0xffff : v >> 16);
}

static void set32(size_t at, uint32_t v)
{
	size_t keep = len;

	len = at;
	put32(v);
	len = keep;
}

static void pcap_header(uint32_t magic, uint32_t link)
{
	len = 0;
	put32(magic);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(65535);
	put32(link);
}

static void pcap_packet(uint32_t sec, uint32_t frac, uint32_t origlen, const char *data)
{
	put32(sec);
	put32(frac);
	put32((uint32_t)strlen(data));
	put32(origlen);
	put(data, strlen(data));
}

static size_t block(uint32_t type)
{
	size_t at = len;

	put32(type);
	put32(0);
	return at;
}

static void end_block(size_t at)
{
	while (len & 3)
		put("", 1);
	put32((uint32_t)(len + 4 - at));
	set32(at + 4, (uint32_t)(len - at));
}

static void section(void)
{
	size_t at = block(0x0a0d0d0a);

	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put32(UINT32_MAX);
	put32(UINT32_MAX);
	end_block(at);
}

static void interface(unsigned int link, uint32_t snaplen, int tsresol, uint32_t offset)
{
	size_t at = block(1);

	put16(link);
	put16(0);
	put32(snaplen);
	if (tsresol >= 0) {
		put16(9);
		put16(1);
		put32(big ? (uint32_t)tsresol << 24 : (uint32_t)tsresol);
	}
	if (offset) {
		put16(14);
		put16(8);
		put32(big ? 0 : offset);
		put32(big ? offset : 0);
	}
	put32(0);
	end_block(at);
}

static void enhanced(uint32_t ifno, uint64_t ts, const char *data)
{
	size_t at = block(6);

	put32(ifno);
	put32((uint32_t)(ts >> 32));
	put32((uint32_t)ts);
	put32((uint32_t)strlen(data));
	put32((uint32_t)strlen(data) + 1);
	put(data, strlen(data));
	end_block(at);
}

static struct fos_capture *open_file(void)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	if (write(fd, file, len) != (ssize_t)len)
		abort();
	err[0] = 0;
	return fos_capture_open_fd(fd, "x.pcap", plain_io, err, sizeof(err));
}

/* The next packet as text: interface/link/time/origlen/data; or what ended the file. */
static const char *next(struct fos_capture *c)
{
	static char text[600];
	struct fos_capture_packet p;
	int rc = fos_capture_next(c, &p);

	if (rc == 0)
		return "end";
	if (rc < 0)
		return fos_capture_error(c);
	snprintf(text, sizeof(text), "%u/%u/%llu/%u/%.*s", p.interface, p.link,
		 (unsigned long long)p.time_ns, p.origlen, (int)p.caplen, (const char *)p.data);
	return text;
}

static void refused(const char *want, const char *sentence)
{
	struct fos_capture *c = open_file();

	ok(!c, "%s: refused", sentence);
	is_str(err, want, "%s: the message", sentence);
	fos_capture_close(c);
}

/* ---- pcap ------------------------------------------------------------------------------------ */

static void pcap(void)
{
	const char *how = plain_io ? "plain calls" : "io_uring";
	struct fos_capture *c;

	for (int order = 0; order < 2; order++) {
		big = order;
		pcap_header(0xa1b2c3d4, 1);
		pcap_packet(5, 7, 100, "hello");
		pcap_packet(6, 0, 3, "abc");
		c = open_file();
		ok(c && fos_capture_link(c) == 1 && !fos_capture_nanosecond(c), "%s, order %d: open",
		   how, order);
		is_str(next(c), "0/1/5000007000/100/hello", "first packet");
		is_str(next(c), "0/1/6000000000/3/abc", "second packet");
		is_str(next(c), "end", "the end");
		is_str(next(c), "end", "which repeats");
		fos_capture_close(c);

		pcap_header(0xa1b23c4d, 101 | 0x14000000);
		pcap_packet(5, 7, 1, "hello");
		c = open_file();
		ok(c && fos_capture_nanosecond(c) && fos_capture_link(c) == 101,
		   "nanoseconds; the link type without its upper bits");
		is_str(next(c), "0/101/5000000007/5/hello", "a wire length below the captured");
		fos_capture_close(c);
	}
	big = false;
}

static void pcap_damage(void)
{
	struct fos_capture *c;

	len = 0;
	refused("x.pcap: byte 0: the file is empty", "an empty file");
	pcap_header(0xa1b2c3d4, 1);
	len = 23;
	refused("x.pcap: byte 0: the file ends within the file header", "23 bytes");
	pcap_header(0xa1b2cd34, 1);
	refused("x.pcap: byte 0: a modified pcap file (Kuznetzov's); convert it: "
		"`editcap -F pcap IN OUT`", "a modified pcap file");
	len = 0;
	put("GIF89a, not a capture", 21);
	refused("x.pcap: byte 0: not a pcap or pcapng file (it starts with 47494638); "
		"`tcpdump -w FILE` writes one", "a picture");
	len = 0;
	put("\x1f\x8b\x08\0\0\0\0\0\0\0\0", 11);
	refused("x.pcap: byte 0: compressed; `gunzip` it first", "a compressed file");

	pcap_header(0xa1b2c3d4, 1);
	pcap_packet(5, 7, 5, "hello");
	pcap_packet(5, 7, 5, "hello");
	len--;
	c = open_file();
	is_str(next(c), "0/1/5000007000/5/hello", "cut in the second packet: the first is given");
	is_str(next(c), "x.pcap: byte 45: the file ends within a packet", "then the fault");
	is_str(next(c), "x.pcap: byte 45: the file ends within a packet", "which repeats");
	fos_capture_close(c);
	len -= 10;
	c = open_file();
	next(c);
	is_str(next(c), "x.pcap: byte 45: the file ends within a packet header", "cut in its header");
	fos_capture_close(c);
	set32(24 + 8, 262145);
	c = open_file();
	is_str(next(c), "x.pcap: byte 24: a packet of 262145 bytes (at most 262144 are possible)",
	       "a packet longer than can be");
	fos_capture_close(c);
}

/* ---- pcapng ---------------------------------------------------------------------------------- */

static void ng_sections(void)
{
	size_t at;

	len = 0;
	section();
	interface(1, 0, -1, 0);
	interface(113, 3, 9, 1000);
	at = block(0x0bad);
	put("comment", 7);
	end_block(at);
	enhanced(0, 5000007, "hello");
	enhanced(1, 5000000007, "abc");
	at = block(3);
	put32(9);
	put("simple...", 9);
	end_block(at);
	at = block(2);
	put16(1);
	put16(0);
	put32(0);
	put32(8);
	put32(3);
	put32(3);
	put("old", 3);
	end_block(at);
	big = !big; /* another section in the other byte order */
	section();
	interface(276, 4, 0x8a, 0);
	at = block(3);
	put32(9);
	put("simple...", 9);
	end_block(at);
	enhanced(0, 1536, "xyz");
	big = !big;
}

static void pcapng(void)
{
	struct fos_capture *c;

	for (int order = 0; order < 2; order++) {
		big = order;
		ng_sections();
		c = open_file();
		ok(c && fos_capture_link(c) == 1 && fos_capture_nanosecond(c), "pcapng, order %d",
		   order);
		is_str(next(c), "0/1/5000007000/6/hello", "microseconds by default");
		is_str(next(c), "1/113/1005000000007/4/abc", "nanoseconds and an offset");
		is_str(next(c), "0/1/1005000000007/9/simple...", "a simple packet: the last time");
		is_str(next(c), "1/113/1000000000008/3/old", "an old packet block");
		is_str(next(c), "2/276/1000000000008/9/simp",
		       "another section and order; the snap length cuts a simple packet");
		is_str(next(c), "2/276/1500000000/4/xyz", "times in powers of two");
		is_str(next(c), "end", "the end");
		fos_capture_close(c);
	}
	big = false;
}

static void ng_damage(void)
{
	struct fos_capture *c;
	size_t at;

	len = 0;
	section();
	interface(1, 0, -1, 0);
	at = len;
	enhanced(0, 1, "abc");
	enhanced(1, 1, "abc");
	c = open_file();
	is_str(next(c), "0/1/1000/4/abc", "before a fault");
	is_str(next(c), "x.pcap: byte 88: a packet of interface 1, which is not described",
	       "a packet of no interface");
	fos_capture_close(c);
	len = at + 36;
	set32(at + 4, 33);
	c = open_file();
	is_str(next(c), "x.pcap: byte 52: a block of type 6 cannot have 33 bytes", "an odd length");
	fos_capture_close(c);
	set32(at + 4, 8);
	c = open_file();
	is_str(next(c), "x.pcap: byte 52: a block of type 6 cannot have 8 bytes", "a short length");
	fos_capture_close(c);
	set32(at + 4, 36);
	set32(at + 20, 5);
	c = open_file();
	is_str(next(c), "x.pcap: byte 52: a packet of 5 bytes in a block of 36", "a packet too long");
	fos_capture_close(c);
	set32(at + 20, 3);
	set32(at + 32, 40);
	c = open_file();
	is_str(next(c), "x.pcap: byte 52: a block's two lengths differ (36, 40)", "other length");
	fos_capture_close(c);
	len = at + 35;
	c = open_file();
	is_str(next(c), "x.pcap: byte 52: the file ends within a packet block", "cut");
	fos_capture_close(c);
	len = at;
	set32(28 + 4, 0x40000000);
	c = open_file();
	is_str(next(c), "x.pcap: byte 28: the file ends within an interface description",
	       "a huge interface block");
	fos_capture_close(c);
	len = 28;
	set32(8, 0x11223344);
	refused("x.pcap: byte 0: a section header without byte-order magic", "no byte order");
}

/* A block of 3 GiB that nobody knows, and a packet behind it. */
static void huge_file(void)
{
	uint64_t gap = 3ull << 30;
	int fd = memfd_create("huge", MFD_CLOEXEC);
	struct fos_capture *c;
	size_t at;

	len = 0;
	section();
	interface(1, 0, -1, 0);
	put32(0x0bad);
	put32((uint32_t)gap);
	at = len;
	put32((uint32_t)gap);
	enhanced(0, 1, "far");
	if (pwrite(fd, file, at, 0) != (ssize_t)at ||
	    pwrite(fd, file + at, len - at, (off_t)(at - 8 + gap - 4)) != (ssize_t)(len - at))
		abort();
	c = fos_capture_open_fd(fd, "huge", plain_io, err, sizeof(err));
	is_str(next(c), "0/1/1000/4/far", "a packet beyond 3 GiB is found");
	fos_capture_close(c);
}

/* ---- pipes, and records across buffers ------------------------------------------------------- */

static void many(bool pipe_it)
{
	struct fos_capture_packet p;
	struct fos_capture *c;
	uint32_t bad = 0, nr = 0;
	int fds[2];

	big = false;
	pcap_header(0xa1b2c3d4, 1);
	for (uint32_t i = 0; len + 3000 < sizeof(file); i++) {
		uint32_t n = i * 37 % 2500;

		put32(i);
		put32(0);
		put32(n);
		put32(n);
		memset(file + len, (int)(i & 255), n);
		len += n;
		nr++;
	}
	if (pipe_it) {
		if (pipe(fds) < 0)
			abort();
		if (fork() == 0) {
			close(fds[0]);
			for (size_t at = 0; at < len;) {
				ssize_t w = write(fds[1], file + at, len - at > 5000 ? 5000 : len - at);

				if (w < 0)
					break;
				at += (size_t)w;
			}
			_exit(0);
		}
		close(fds[1]);
		c = fos_capture_open_fd(fds[0], "pipe", plain_io, err, sizeof(err));
	} else {
		c = open_file();
	}
	for (uint32_t i = 0; fos_capture_next(c, &p) == 1; i++, nr--) {
		bad += p.caplen != i * 37 % 2500 || p.time_ns != i * 1000000000ull;
		for (uint32_t k = 0; k < p.caplen; k++)
			bad += p.data[k] != (i & 255);
	}
	ok(!bad && !nr && !fos_capture_error(c)[0], "2 MB of packets from a %s, by %s",
	   pipe_it ? "pipe" : "file", plain_io ? "plain calls" : "io_uring");
	fos_capture_close(c);
}

int main(void)
{
	tap_plan(0);
	for (int i = 0; i < 2; i++) {
		plain_io = i;
		pcap();
		pcap_damage();
		pcapng();
		ng_damage();
		huge_file();
		many(false);
		many(true);
	}
	ok(!fos_capture_open("/nonexistent", err, sizeof(err)), "a file that is not there");
	is_str(err, "/nonexistent: cannot open: No such file or directory", "the message");
	ok(!fos_capture_open("/", err, sizeof(err)), "a directory");
	is_str(err, "/: byte 0: cannot read: Is a directory", "the message");
	return done();
}
