/* ingress/parse_l4.c - TCP, UDP, ICMP, ICMPv6, and the state of their checksums */
#include <netinet/in.h>
#include <string.h>

#include "ingress/parse_ip.h"
#include "shm/csum.h"

/* Is the option list one that a Linux receiver takes?  It refuses a broken list while there is
 * room for an authentication option (5 bytes), and ignores what is broken after that. */
static bool tcp_options_ok(const uint8_t *o, uint32_t len)
{
	while (len >= 5) {
		uint32_t n = 1;

		if (o[0] == 0)
			return true;
		if (o[0] != 1) {
			n = o[1];
			if (n < 2 || n > len)
				return false;
		}
		o += n;
		len -= n;
	}
	return true;
}

/* A sender that leaves the checksum to its hardware stores the pseudo header's sum, folded and
 * not complemented; over veth the frame arrives like that.  In ones' complement 0 and 0xffff
 * are the same number. */
static bool partial(uint16_t field, uint64_t pseudo)
{
	uint16_t p = fos_csum_fold(pseudo);

	return field == p || (uint16_t)(field + 1) + (uint16_t)(p + 1) == 1;
}

static uint8_t checksum_state(const struct fos_parse *c, uint32_t off, uint32_t len, uint32_t at)
{
	const struct fos_frame_meta *m = c->m;
	uint64_t pseudo;
	uint16_t field;

	if (m->flags & (FOS_PKT_FRAGMENT | FOS_PKT_TRUNCATED) || c->csum_unknown)
		return FOS_CSUM_NONE;
	memcpy(&field, c->frame + off + at, sizeof(field));
	if (m->proto == IPPROTO_UDP && !field)
		return FOS_CSUM_ABSENT;
	if (m->proto == IPPROTO_ICMP)
		pseudo = 0;
	else if (m->flags & FOS_PKT_IPV4)
		pseudo = fos_csum_pseudo4(c->src, c->dst, m->proto, (uint16_t)len);
	else
		pseudo = fos_csum_pseudo6(c->src, c->dst, m->proto, len);
	if (fos_csum_finish(pseudo, c->frame + off, len) == 0)
		return FOS_CSUM_VALID;
	if ((m->proto == IPPROTO_TCP || m->proto == IPPROTO_UDP) && partial(field, pseudo))
		return FOS_CSUM_PARTIAL;
	return FOS_CSUM_BAD;
}

static void set_payload(struct fos_parse *c, uint32_t off, uint32_t len)
{
	if (c->m->flags & FOS_PKT_FRAGMENT)
		return; /* a fragment's payload is the fragment's data */
	c->m->payload_off = (uint16_t)off;
	c->m->payload_len = (uint16_t)len;
}

static bool parse_tcp(struct fos_parse *c, uint32_t off, uint32_t len)
{
	struct fos_frame_meta *m = c->m;
	uint32_t hlen;

	if (len < 20)
		return false;
	hlen = (c->frame[off + 12] >> 4) * 4u;
	if (hlen < 20) {
		m->flags |= FOS_PKT_L4_BAD;
		return true;
	}
	if (hlen > len)
		return false;
	m->flags |= FOS_PKT_TCP;
	m->l4_off = (uint16_t)off;
	m->tcp_flags = c->frame[off + 13];
	set_payload(c, off + hlen, len - hlen);
	if (!tcp_options_ok(c->frame + off + 20, hlen - 20))
		m->flags |= FOS_PKT_L4_BAD;
	m->csum = checksum_state(c, off, len, 16);
	return true;
}

static bool parse_udp(struct fos_parse *c, uint32_t off, uint32_t len)
{
	struct fos_frame_meta *m = c->m;
	uint32_t ulen, missing = c->cut;

	if (len < 8)
		return false;
	m->flags |= FOS_PKT_UDP;
	m->l4_off = (uint16_t)off;
	set_payload(c, off + 8, len - 8);
	if (m->flags & FOS_PKT_FRAGMENT)
		return true;
	ulen = fos_parse_be16(c, off + 4);
	if (ulen < 8 || ulen > len + missing) {
		m->flags |= FOS_PKT_L4_BAD;
		return true;
	}
	if (ulen < len)
		len = ulen;
	set_payload(c, off + 8, len - 8);
	m->csum = checksum_state(c, off, len, 6);
	return true;
}

static bool parse_icmp(struct fos_parse *c, uint32_t off, uint32_t len)
{
	struct fos_frame_meta *m = c->m;
	bool v4 = m->proto == IPPROTO_ICMP;
	uint8_t type;

	/* each protocol belongs to one IP version; the other is just a protocol number */
	if (v4 != !!(m->flags & FOS_PKT_IPV4))
		return true;
	if (len < 8)
		return false;
	type = c->frame[off];
	m->l4_off = (uint16_t)off;
	m->flags |= FOS_PKT_ICMP;
	if (v4 ? (type >= 3 && type <= 5) || type == 11 || type == 12 : type >= 1 && type < 128)
		m->flags |= FOS_PKT_ICMP_ERROR;
	if (!v4 && (type == 135 || type == 136))
		m->flags |= FOS_PKT_ND;
	m->csum = checksum_state(c, off, len, 2);
	return true;
}

void fos_parse_l4(struct fos_parse *c, uint32_t off)
{
	struct fos_frame_meta *m = c->m;
	uint32_t len;
	bool whole = true;

	if (off > c->ip_end)
		return;
	len = c->ip_end - off;
	set_payload(c, off, len);
	if (m->proto == IPPROTO_TCP)
		whole = parse_tcp(c, off, len);
	else if (m->proto == IPPROTO_UDP)
		whole = parse_udp(c, off, len);
	else if (m->proto == IPPROTO_ICMP || m->proto == IPPROTO_ICMPV6)
		whole = parse_icmp(c, off, len);
	if (whole)
		return;
	/* The header does not fit: the capture's doing, or the next IPv4 fragment brings the rest;
	 * an IPv6 first fragment must hold all headers (RFC 7112). */
	if (c->cut || (m->flags & FOS_PKT_FRAGMENT && m->flags & FOS_PKT_IPV4))
		return;
	m->flags |= FOS_PKT_L4_BAD;
}
