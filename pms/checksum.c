/* checksum - verifies the checksums of every packet: IPv4 header, TCP, UDP, ICMP, ICMPv6
 *
 * Lesson: packets.  On stream `ip` the window holds whole IP packets in arrival order, also those
 * that are damaged and go no further; fos_packet() says where each begins and ends and where its
 * headers lie.  Nothing is trusted that the packet says of itself without looking at its length.
 *
 * Lesson: PM-wide state.  The counts belong to no flow; fos_state() keeps them, by the same commit
 * that releases the packets.
 *
 *   options:
 *     file: checksum.txt     default: standard output
 *
 * One line at an orderly stop: packets good partial bad absent fragments cut.  A flow that carried
 * bad ones is named in the log when it ends.
 */
#include <inttypes.h>
#include <string.h>

#include "pmhost/pm.h"

enum verdict { GOOD, PARTIAL, BAD, ABSENT, FRAGMENT, CUT, NR_VERDICTS };

struct totals {
	uint64_t packets;
	uint64_t count[NR_VERDICTS];
};

struct seen {
	uint64_t bad;
};

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	return len ? s + ((uint32_t)p[0] << 8) : s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* Offset of the checksum field in the transport header; 0 = a protocol without one. */
static size_t field_off(uint8_t proto)
{
	return proto == TCP ? 16 : proto == UDP ? 6 : proto == ICMP || proto == ICMP6 ? 2 : 0;
}

/* ip = IP header, l4 = transport header of len bytes. */
static enum verdict transport(const uint8_t *ip, bool v6, uint8_t proto, const uint8_t *l4,
			      size_t len)
{
	size_t at = field_off(proto);
	uint32_t pseudo = v6 ? sum(0, ip + 8, 32) : sum(0, ip + 12, 8);
	uint16_t field;

	if (at == 0)
		return GOOD;
	if (len < at + 2)
		return CUT;
	field = (uint16_t)(l4[at] << 8 | l4[at + 1]);
	if (proto == UDP && field == 0 && !v6)
		return ABSENT;
	pseudo = proto == ICMP ? 0 : pseudo + proto + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
	if (fold(sum(pseudo, l4, len)) == 0xffff)
		return GOOD;
	return proto != ICMP && field == fold(pseudo) ? PARTIAL : BAD;
}

static enum verdict verify(const struct fos_packet *p, const uint8_t *ip, size_t len)
{
	bool v6 = (p->flags & FOS_IS_IPV6) != 0;
	size_t head = v6 ? 40 : 20, total, l4 = p->l4_off - p->l3_off;

	if (len < head)
		return CUT;
	total = v6 ? 40u + (size_t)(ip[4] << 8 | ip[5]) : (size_t)(ip[2] << 8 | ip[3]);
	if (!v6) {
		head = (ip[0] & 15u) * 4u;
		if (head < 20 || head > len || fold(sum(0, ip, head)) != 0xffff)
			return BAD;
	}
	if (total > len || total < head)
		return CUT;
	if (p->flags & FOS_IS_FRAGMENT)
		return FRAGMENT;
	if (p->l4_off == 0 || l4 < head || l4 > total)
		return GOOD; /* no transport header that we know */
	return transport(ip, v6, p->proto, ip + l4, total - l4);
}

static void on_data(struct fos_window *w)
{
	struct totals *t = fos_state(fos_pm_of(w));
	struct seen *seen = fos_ctx(w);
	struct fos_packet p;

	for (uint64_t pos = fos_head(w); fos_packet(w, pos, &p) == FOS_OK; pos = p.end) {
		size_t len = (size_t)(p.end - p.pos);
		const uint8_t *ip = fos_peek(w, p.pos, len);
		enum verdict v = ip ? verify(&p, ip, len) : CUT;

		t->packets++;
		t->count[v]++;
		seen->bad += v == BAD;
	}
	fos_release_all(w);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct fos_flow_info *f = fos_flow(w);
	const struct seen *seen = fos_ctx(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];

	(void)why;
	if (seen->bad)
		fos_say(fos_pm_of(w), "%" PRIu64 " packets with a wrong checksum from %s port %u to %s "
			"port %u", seen->bad, fos_address_text(f->src, src), f->sport,
			fos_address_text(f->dst, dst), f->dport);
}

static void fini(struct fos_instance *pm)
{
	const struct totals *t = fos_state(pm);

	fos_printf(pm, out, "packets %" PRIu64 " good %" PRIu64 " partial %" PRIu64 " bad %" PRIu64
		   " absent %" PRIu64 " fragments %" PRIu64 " cut %" PRIu64 "\n", t->packets,
		   t->count[GOOD], t->count[PARTIAL], t->count[BAD], t->count[ABSENT],
		   t->count[FRAGMENT], t->count[CUT]);
}

FOS_PM(.name = "checksum", .stream = FOS_IP, .ctx_size = sizeof(struct seen),
	.state_size = sizeof(struct totals), .init = init, .on_data = on_data,
	.on_close = on_close, .fini = fini);
