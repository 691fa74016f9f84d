/* sinkhole - answers DNS queries for names that begin with "blocked" itself: 192.0.2.1, AAAA 2001:db8::1.
 * The server is not asked.  (A test of fos_send_packet(): IPv4 and IPv6, one question, no compression.) */
#include "pmhost/pm.h"

#include <string.h>

#define ANSWER_MAX 600u
#define DNS_HEAD 12u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Bytes of header and question, 0: it is no query that is to be answered here. */
static size_t question(const uint8_t *q, size_t len)
{
	size_t at = DNS_HEAD;

	if (len < DNS_HEAD + 8 || q[2] & 0x80 || q[4] || q[5] != 1 || q[at] < 7 ||
	    memcmp(q + at + 1, "blocked", 7) != 0)
		return 0;
	while (at < len && q[at])
		at += q[at] + 1u;
	return at + 5 <= len ? at + 5 : 0;
}

/* The answer's UDP header and message at l4; returns their length. */
static size_t answer(const struct fos_flow_info *f, const uint8_t *q, size_t n, uint8_t *l4)
{
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, four[4] = {192, 0, 2, 1};
	bool aaaa = q[n - 3] == 28;
	size_t size = aaaa ? 16 : 4, at = 8 + n;

	put16(l4, f->dport);
	put16(l4 + 2, f->sport);
	memcpy(l4 + 8, q, n);
	l4[8 + 2] |= 0x80;
	l4[8 + 7] = 1; /* one answer, no other record */
	memset(l4 + 8 + 8, 0, 4);
	memcpy(l4 + at, "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0", 11);
	l4[at + 3] = aaaa ? 28 : 1;
	l4[at + 11] = (uint8_t)size;
	memcpy(l4 + at + 12, aaaa ? six : four, size);
	put16(l4 + 4, (uint32_t)(at + 12 + size));
	return at + 12 + size;
}

static size_t build(const struct fos_flow_info *f, const uint8_t *q, size_t n, uint8_t *ip)
{
	uint32_t head = f->ip_version == 4 ? 20 : 40;
	size_t len = answer(f, q, n, ip + head);

	memset(ip, 0, head);
	if (f->ip_version == 4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(head + len));
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, f->dst + 12, 4);
		memcpy(ip + 16, f->src + 12, 4);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)len);
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, f->dst, 16);
		memcpy(ip + 24, f->src, 16);
	}
	return head + len;
}

static void on_data(struct fos_window *w)
{
	uint8_t ip[40 + 8 + ANSWER_MAX + 28];
	struct fos_packet p;

	/* datagram by datagram */
	while (fos_head(w) < fos_tail(w) && fos_packet(w, fos_head(w), &p) == FOS_OK &&
	       p.end <= fos_tail(w)) {
		size_t len = (size_t)(p.end - p.pos);
		const uint8_t *q = len <= ANSWER_MAX ? fos_peek(w, p.pos, len) : NULL;
		size_t n = q ? question(q, len) : 0;

		if (n && fos_send_packet(w, FOS_TO_SOURCE, ip, build(fos_flow(w), q, n, ip)) == FOS_OK)
			fos_delete(w, p.pos, len);
		if (fos_release(w, p.end) != FOS_OK)
			return;
	}
}

FOS_PM(.name = "sinkhole", .stream = FOS_APP, .flags = FOS_PM_EDITS | FOS_PM_SENDS, .on_data = on_data);
