/* shm/capture.c - capture files: opening, and the classic pcap format */
#include "shm/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/capture_read.h"

enum { PCAP_HEADER = 24, PCAP_RECORD = 16 };
enum { MAGIC_USEC = 0xa1b2c3d4u, MAGIC_NSEC = 0xa1b23c4du, MAGIC_NG = 0x0a0d0d0au };

/* ---- faults ---------------------------------------------------------------------------------- */

int fos_capture_fail(struct fos_capture *c, const char *fmt, ...)
{
	int n = snprintf(c->error, sizeof(c->error), "%s: byte %" PRIu64 ": ", c->name, c->at);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < sizeof(c->error))
		vsnprintf(c->error + n, sizeof(c->error) - (size_t)n, fmt, ap);
	va_end(ap);
	c->failed = true;
	return -1;
}

int fos_capture_short(struct fos_capture *c, const char *in_what)
{
	if (c->io.error)
		return fos_capture_fail(c, "cannot read: %s", strerror(-c->io.error));
	return fos_capture_fail(c, "the file ends within %s", in_what);
}

int fos_capture_add_if(struct fos_capture *c, const struct fos_capture_if *i)
{
	if (c->nr_ifs == FOS_CAPTURE_MAX_INTERFACES)
		return fos_capture_fail(c, "more than %u interfaces", FOS_CAPTURE_MAX_INTERFACES);
	if (c->nr_ifs == c->room_ifs) {
		uint32_t room = c->room_ifs ? c->room_ifs * 2 : 8;
		struct fos_capture_if *ifs = realloc(c->ifs, room * sizeof(*ifs));

		if (!ifs)
			return fos_capture_fail(c, "out of memory");
		c->ifs = ifs;
		c->room_ifs = room;
	}
	c->ifs[c->nr_ifs++] = *i;
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Formats that one meets and that we do not read, each with the way out. */
static int refuse(struct fos_capture *c, uint32_t magic, const uint8_t *b)
{
	static const struct {
		uint32_t magic;
		const char *what;
	} known[] = {
		{ 0xa1b2cd34u, "a modified pcap file (Kuznetzov's)" },
		{ 0xa1b234cdu, "a modified pcap file (Navtel's)" },
		{ 0xa1e2cb12u, "a modified pcap file (IXIA's)" },
		{ 0x1c0001acu, "an IXIA file" },
		{ 0x1c0001abu, "an IXIA file" },
	};

	if (b[0] == 0x1f && b[1] == 0x8b)
		return fos_capture_fail(c, "compressed; `gunzip` it first");
	if (b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd)
		return fos_capture_fail(c, "compressed; `unzstd` it first");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (magic == known[i].magic || magic == __builtin_bswap32(known[i].magic))
			return fos_capture_fail(c, "%s; convert it: `editcap -F pcap IN OUT`",
						known[i].what);
	return fos_capture_fail(c, "not a pcap or pcapng file (it starts with %02x%02x%02x%02x); "
				"`tcpdump -w FILE` writes one", b[0], b[1], b[2], b[3]);
}

static int open_pcap(struct fos_capture *c, uint32_t magic)
{
	struct fos_capture_if i = { .tsresol = 6 };
	const uint8_t *h;

	if (magic == __builtin_bswap32(MAGIC_USEC) || magic == __builtin_bswap32(MAGIC_NSEC))
		c->swapped = true;
	if (magic == MAGIC_NSEC || magic == __builtin_bswap32(MAGIC_NSEC)) {
		c->nanosecond = true;
		i.tsresol = 9;
	}
	h = fos_io_take(&c->io, PCAP_HEADER - 8);
	if (!h)
		return fos_capture_short(c, "the file header");
	i.snaplen = fos_capture_u32(c, h + 8);
	/* the upper bits tell of a frame check sequence */
	i.link = fos_capture_u32(c, h + 12) & 0x03ffffff;
	return fos_capture_add_if(c, &i);
}

static int open_format(struct fos_capture *c)
{
	const uint8_t *p = fos_io_take(&c->io, 8);
	uint8_t head[8];
	uint32_t magic;

	if (!p && !c->io.error && !c->io.used)
		return fos_capture_fail(c, "the file is empty");
	if (!p)
		return fos_capture_short(c, "the file header");
	memcpy(head, p, sizeof(head));
	memcpy(&magic, head, sizeof(magic));
	if (magic == MAGIC_NG) {
		c->ng = true;
		if (fos_pcapng_section(c, head) < 0)
			return -1;
		/* a fault further on is the first fos_capture_next()'s to tell */
		fos_pcapng_advance(c);
		return 0;
	}
	if (magic != MAGIC_USEC && magic != MAGIC_NSEC && magic != __builtin_bswap32(MAGIC_USEC) &&
	    magic != __builtin_bswap32(MAGIC_NSEC))
		return refuse(c, magic, head);
	if (open_pcap(c, magic) < 0)
		return -1;
	c->minor = fos_capture_u16(c, head + 6);
	if (fos_capture_u16(c, head + 4) != 2)
		return fos_capture_fail(c, "pcap version %u.%u; only 2.x is known",
					fos_capture_u16(c, head + 4), c->minor);
	return 0;
}

struct fos_capture *fos_capture_open_fd(int fd, const char *name, bool plain, char *err,
					size_t errlen)
{
	struct fos_capture *c = calloc(1, sizeof(*c));

	if (!c || fos_io_open(&c->io, fd, plain) < 0) {
		snprintf(err, errlen, "%s: out of memory", name);
		close(fd);
		free(c);
		return NULL;
	}
	c->fd = fd;
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (open_format(c) < 0) {
		snprintf(err, errlen, "%s", c->error);
		fos_capture_close(c);
		return NULL;
	}
	return c;
}

struct fos_capture *fos_capture_open(const char *path, char *err, size_t errlen)
{
	bool std = !strcmp(path, "-");
	int fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(err, errlen, "%s: cannot open: %s", path, strerror(errno));
		return NULL;
	}
	return fos_capture_open_fd(fd, std ? "standard input" : path, false, err, errlen);
}

void fos_capture_close(struct fos_capture *c)
{
	if (!c)
		return;
	fos_io_close(&c->io);
	close(c->fd);
	free(c->ifs);
	free(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int next_pcap(struct fos_capture *c, struct fos_capture_packet *p)
{
	uint32_t sec, frac, caplen, origlen;
	const uint8_t *h;

	c->at = c->io.used;
	if (fos_io_at_end(&c->io) && !c->io.error)
		return 0;
	h = fos_io_take(&c->io, PCAP_RECORD);
	if (!h)
		return fos_capture_short(c, "a packet header");
	sec = fos_capture_u32(c, h);
	frac = fos_capture_u32(c, h + 4);
	caplen = fos_capture_u32(c, h + 8);
	origlen = fos_capture_u32(c, h + 12);
	/* old libpcap wrote the two lengths the other way round; in 2.3, some did */
	if (c->minor < 3 || (c->minor == 3 && caplen > origlen)) {
		uint32_t t = caplen;

		caplen = origlen;
		origlen = t;
	}
	if (caplen > FOS_CAPTURE_MAX_PACKET)
		return fos_capture_fail(c, "a packet of %u bytes (at most %u are possible)", caplen,
					FOS_CAPTURE_MAX_PACKET);
	p->data = fos_io_take(&c->io, caplen);
	if (!p->data)
		return fos_capture_short(c, "a packet");
	p->caplen = caplen;
	p->origlen = origlen < caplen ? caplen : origlen;
	p->time_ns = sec * 1000000000ull + frac * (c->nanosecond ? 1ull : 1000ull);
	p->link = c->ifs[0].link;
	p->interface = 0;
	return 1;
}

int fos_capture_next(struct fos_capture *c, struct fos_capture_packet *p)
{
	int rc;

	if (c->failed)
		return -1;
	if (!c->ng)
		return next_pcap(c, p);
	do {
		rc = c->pending ? 1 : fos_pcapng_advance(c);
		if (rc <= 0)
			return rc;
		rc = fos_pcapng_packet(c, p);
	} while (rc == 0);
	return rc;
}

const char *fos_capture_error(const struct fos_capture *c)
{
	return c->error;
}

uint32_t fos_capture_link(const struct fos_capture *c)
{
	return c->nr_ifs ? c->ifs[0].link : UINT32_MAX;
}

bool fos_capture_nanosecond(const struct fos_capture *c)
{
	return c->nanosecond;
}
