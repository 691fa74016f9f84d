/* shm/pcapng.c - the pcapng format: sections, interfaces, packet blocks
 *
 * Reference: draft-ietf-opsawg-pcapng.  A block is {type, total length, body, total length}; what
 * is not known is skipped by its length.
 */
#include <string.h>

#include "shm/capture_read.h"

enum block_type {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	BLOCK_SECTION = 0x0a0d0d0a
};

enum { OPT_END = 0, OPT_TSRESOL = 9, OPT_TSOFFSET = 14 };
enum { BLOCK_FRAME = 12, OPTIONS_MAX = 65536 };

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Use up the rest of a block, of whose body `done` bytes have been used, and check its end. */
static int end_block(struct fos_capture *c, uint32_t done)
{
	uint32_t rest = c->total_len - BLOCK_FRAME - done;
	const uint8_t *p;

	if (fos_io_skip(&c->io, rest) < rest)
		return fos_capture_short(c, "a block");
	p = fos_io_take(&c->io, 4);
	if (!p)
		return fos_capture_short(c, "a block");
	if (fos_capture_u32(c, p) != c->total_len)
		return fos_capture_fail(c, "a block's two lengths differ (%u, %u)", c->total_len,
					fos_capture_u32(c, p));
	return 0;
}

static int check_length(struct fos_capture *c, uint32_t least)
{
	if (c->total_len < least + BLOCK_FRAME || c->total_len & 3)
		return fos_capture_fail(c, "a block of type %u cannot have %u bytes", c->type,
					c->total_len);
	return 0;
}

int fos_pcapng_section(struct fos_capture *c, const uint8_t head[8])
{
	const uint8_t *p = fos_io_take(&c->io, 16);
	uint32_t order;

	if (!p)
		return fos_capture_short(c, "a section header");
	memcpy(&order, p, sizeof(order));
	if (order != 0x1a2b3c4d && order != 0x4d3c2b1a)
		return fos_capture_fail(c, "a section header without byte-order magic");
	c->swapped = order == 0x4d3c2b1a;
	if (fos_capture_u16(c, p + 4) != 1)
		return fos_capture_fail(c, "pcapng version %u.%u; only 1.x is known",
					fos_capture_u16(c, p + 4), fos_capture_u16(c, p + 6));
	c->type = BLOCK_SECTION;
	c->total_len = fos_capture_u32(c, head + 4);
	if (check_length(c, 16) < 0)
		return -1;
	c->base = c->nr_ifs;
	return end_block(c, 16);
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static void interface_options(const struct fos_capture *c, struct fos_capture_if *i,
			      const uint8_t *o, uint32_t len)
{
	while (len >= 4) {
		uint32_t kind = fos_capture_u16(c, o), n = fos_capture_u16(c, o + 2);

		if (kind == OPT_END || n > len - 4)
			return;
		if (kind == OPT_TSRESOL && n == 1)
			i->tsresol = o[4];
		if (kind == OPT_TSOFFSET && n == 8) {
			uint64_t v;

			memcpy(&v, o + 4, sizeof(v));
			i->offset_s = (int64_t)(c->swapped ? __builtin_bswap64(v) : v);
		}
		n = 4 + ((n + 3) & ~3u);
		if (n > len)
			return;
		o += n;
		len -= n;
	}
}

static int interface_block(struct fos_capture *c)
{
	struct fos_capture_if i = { .tsresol = 6 };
	uint32_t len;
	const uint8_t *p;

	if (check_length(c, 8) < 0)
		return -1;
	len = c->total_len - BLOCK_FRAME;
	if (len > OPTIONS_MAX)
		len = OPTIONS_MAX;
	p = fos_io_take(&c->io, len);
	if (!p)
		return fos_capture_short(c, "an interface description");
	i.link = fos_capture_u16(c, p);
	i.snaplen = fos_capture_u32(c, p + 4);
	interface_options(c, &i, p + 8, len - 8);
	if (i.tsresol & 0x80 ? (i.tsresol & 0x7f) > 20 : i.tsresol > 6)
		c->nanosecond = true;
	if (fos_capture_add_if(c, &i) < 0)
		return -1;
	return end_block(c, len);
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t to_ns(const struct fos_capture_if *i, uint64_t ts)
{
	uint32_t n = i->tsresol & 0x7f;
	uint64_t sec, part, unit = 1;

	if (i->tsresol & 0x80) {
		if (n > 63)
			return (uint64_t)i->offset_s * 1000000000ull;
		sec = ts >> n;
		part = (uint64_t)(((unsigned __int128)(ts & ((1ull << n) - 1)) * 1000000000u) >> n);
	} else {
		if (n > 19)
			return (uint64_t)i->offset_s * 1000000000ull;
		for (uint32_t k = 0; k < n; k++)
			unit *= 10;
		sec = ts / unit;
		part = (uint64_t)((unsigned __int128)(ts % unit) * 1000000000u / unit);
	}
	return (sec + (uint64_t)i->offset_s) * 1000000000ull + part;
}

/* ---- packets --------------------------------------------------------------------------------- */

int fos_pcapng_advance(struct fos_capture *c)
{
	for (;;) {
		const uint8_t *p;
		uint8_t head[8];

		if (c->failed)
			return -1;
		if (fos_io_skip(&c->io, c->unread) < c->unread)
			return fos_capture_short(c, "a packet block");
		c->unread = 0;
		c->at = c->io.used;
		if (fos_io_at_end(&c->io) && !c->io.error)
			return 0;
		p = fos_io_take(&c->io, sizeof(head));
		if (!p)
			return fos_capture_short(c, "a block header");
		memcpy(head, p, sizeof(head));
		c->type = fos_capture_u32(c, head);
		c->total_len = fos_capture_u32(c, head + 4);
		switch (c->type) {
		case BLOCK_SECTION:
			if (fos_pcapng_section(c, head) < 0)
				return -1;
			break;
		case BLOCK_INTERFACE:
			if (interface_block(c) < 0)
				return -1;
			break;
		case BLOCK_PACKET:
		case BLOCK_SIMPLE:
		case BLOCK_ENHANCED:
			c->pending = true;
			return 1;
		default:
			if (check_length(c, 0) < 0 || end_block(c, 0) < 0)
				return -1;
			break;
		}
	}
}

/* The fixed part of a packet block; returns its length, or 0 after a fault. */
static uint32_t packet_head(struct fos_capture *c, struct fos_capture_packet *p, uint32_t *index)
{
	uint32_t fixed = c->type == BLOCK_SIMPLE ? 4 : 20;
	const uint8_t *h;
	uint64_t ts;

	if (check_length(c, fixed) < 0)
		return 0;
	h = fos_io_take(&c->io, fixed);
	if (!h) {
		fos_capture_short(c, "a packet block");
		return 0;
	}
	*index = 0;
	if (c->type == BLOCK_SIMPLE) {
		p->origlen = fos_capture_u32(c, h);
		p->caplen = p->origlen;
	} else {
		*index = c->type == BLOCK_PACKET ? fos_capture_u16(c, h) : fos_capture_u32(c, h);
		p->caplen = fos_capture_u32(c, h + 12);
		p->origlen = fos_capture_u32(c, h + 16);
	}
	if (*index >= c->nr_ifs - c->base) {
		fos_capture_fail(c, "a packet of interface %u, which is not described", *index);
		return 0;
	}
	if (c->type != BLOCK_SIMPLE) {
		ts = (uint64_t)fos_capture_u32(c, h + 4) << 32 | fos_capture_u32(c, h + 8);
		c->time_ns = to_ns(&c->ifs[c->base + *index], ts);
	}
	return fixed;
}

int fos_pcapng_packet(struct fos_capture *c, struct fos_capture_packet *p)
{
	uint32_t index, room, fixed = packet_head(c, p, &index), rest;
	const struct fos_capture_if *i;
	const uint8_t *body;

	c->pending = false;
	if (!fixed)
		return -1;
	i = &c->ifs[c->base + index];
	room = c->total_len - BLOCK_FRAME - fixed;
	if (c->type == BLOCK_SIMPLE) {
		if (i->snaplen && p->caplen > i->snaplen)
			p->caplen = i->snaplen;
		if (p->caplen > room)
			p->caplen = room;
	}
	if (p->caplen > room)
		return fos_capture_fail(c, "a packet of %u bytes in a block of %u", p->caplen,
					c->total_len);
	if (p->caplen > FOS_CAPTURE_MAX_PACKET)
		return fos_capture_fail(c, "a packet of %u bytes (at most %u are possible)",
					p->caplen, FOS_CAPTURE_MAX_PACKET);
	/* With its rest, so that the block is known to be whole before the packet is given out;
	 * only options beyond reason are left for later. */
	rest = room > FOS_IO_CHUNK - 4 ? p->caplen : room;
	body = fos_io_take(&c->io, rest == room ? rest + 4 : rest);
	if (!body)
		return fos_capture_short(c, "a packet block");
	if (rest == room && fos_capture_u32(c, body + rest) != c->total_len)
		return fos_capture_fail(c, "a block's two lengths differ (%u, %u)", c->total_len,
					fos_capture_u32(c, body + rest));
	c->unread = rest == room ? 0 : room - rest + 4;
	p->data = body;
	if (p->origlen < p->caplen)
		p->origlen = p->caplen;
	p->time_ns = c->time_ns;
	p->link = i->link;
	p->interface = c->base + index;
	return 1;
}
