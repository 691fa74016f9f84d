/* ingress/parse_ip.c - IPv4 and IPv6: lengths, options, extension headers, fragments
 *
 * References: RFC 791, RFC 8200, RFC 4302 (AH), RFC 6946 (atomic fragments), RFC 5095 (routing
 * header type 0), RFC 6275 (home address), RFC 8754 (segment routing).
 */
#include "ingress/parse.h"
#include "ingress/parse_ip.h"

#include <netinet/in.h>
#include <string.h>

#include "shm/csum.h"
#include "shm/hash.h"

enum { EXT_MAX = 16, IPOPT_LSRR_KIND = 131, IPOPT_SSRR_KIND = 137 };
enum { OPT6_JUMBO = 0xc2, OPT6_HOME = 0xc9 };

/* The fragment whose data starts at `data`; its end may have been cut by the capture. */
static void parse_fragment(struct fos_parse *c, uint32_t data, uint32_t frag_off, bool more)
{
	struct fos_frame_meta *m = c->m;
	uint32_t len = c->ip_end - data + c->cut;

	m->flags |= FOS_PKT_FRAGMENT | (more ? FOS_PKT_FRAG_MORE : 0) |
		    (frag_off ? 0 : FOS_PKT_FRAG_FIRST);
	m->frag_off = (uint16_t)frag_off;
	m->payload_off = (uint16_t)data;
	m->payload_len = (uint16_t)(c->ip_end - data);
	if ((more && (len & 7 || !len)) || frag_off + len > 65535)
		m->flags |= FOS_PKT_IP_BAD;
}

/* Set the ends of the IP packet of `total` bytes at l3_off.  A packet shorter than it says is
 * damaged, unless it was the capture that cut it. */
static void set_ends(struct fos_parse *c, uint32_t total)
{
	struct fos_frame_meta *m = c->m;
	uint32_t have = c->end - m->l3_off;
	uint32_t wire = have + (uint32_t)(m->orig_len - m->len);

	if (total > have) {
		m->flags |= FOS_PKT_TRUNCATED;
		c->cut = total - have;
		if (total > wire)
			m->flags |= FOS_PKT_IP_BAD;
		total = have;
	}
	m->l3_len = (uint16_t)total;
	c->ip_end = m->l3_off + total;
}

/* A source route's last entry is the destination that the checksum covers. */
static void source_route(struct fos_parse *c, const uint8_t *opt, uint32_t len)
{
	c->m->flags |= FOS_PKT_SOURCE_ROUTE;
	if (len >= 7 && opt[2] <= len && opt[2] >= 4)
		c->dst = opt + 3 + (len - 7) / 4 * 4;
}

static bool ipv4_options(struct fos_parse *c, const uint8_t *o, uint32_t len)
{
	while (len) {
		uint32_t n = 1;

		if (o[0] == 0)
			return true;
		if (o[0] != 1) {
			if (len < 2 || o[1] < 2 || o[1] > len)
				return false;
			n = o[1];
			if (o[0] == IPOPT_LSRR_KIND || o[0] == IPOPT_SSRR_KIND)
				source_route(c, o, n);
		}
		o += n;
		len -= n;
	}
	return true;
}

static void parse_ipv4(struct fos_parse *c)
{
	struct fos_frame_meta *m = c->m;
	uint32_t off = m->l3_off, hlen, total;
	uint16_t frag;

	m->flags |= FOS_PKT_IPV4;
	m->proto = c->frame[off + 9];
	c->src = c->frame + off + 12;
	c->dst = c->frame + off + 16;
	hlen = (c->frame[off] & 15u) * 4;
	total = fos_parse_be16(c, off + 2);
	if (c->frame[off] >> 4 != 4 || hlen < 20 || total < hlen) {
		m->flags |= FOS_PKT_IP_BAD;
		return;
	}
	set_ends(c, total);
	if (off + hlen > c->ip_end)
		return;
	if (!fos_csum_ipv4_ok(c->frame + off, hlen))
		m->flags |= FOS_PKT_IP_BAD;
	if (hlen > 20) {
		m->flags |= FOS_PKT_OPTIONS;
		if (!ipv4_options(c, c->frame + off + 20, hlen - 20)) {
			m->flags |= FOS_PKT_IP_BAD;
			return;
		}
	}
	frag = fos_parse_be16(c, off + 6);
	m->frag_id = fos_parse_be16(c, off + 4);
	if (frag & 0x3fff)
		parse_fragment(c, off + hlen, (frag & 0x1fffu) * 8, frag & 0x2000);
	if (!(frag & 0x1fff))
		fos_parse_l4(c, off + hlen);
}

/* Options of a hop-by-hop or destination header; false: damaged, or a jumbogram. */
static bool ipv6_options(struct fos_parse *c, uint32_t off, uint32_t end)
{
	while (off < end) {
		uint32_t kind = c->frame[off], len;

		if (kind == 0) {
			off++;
			continue;
		}
		if (end - off < 2)
			return false;
		len = c->frame[off + 1];
		if (len > end - off - 2 || kind == OPT6_JUMBO)
			return false;
		if (kind == OPT6_HOME && len == 16)
			c->src = c->frame + off + 2;
		off += 2 + len;
	}
	return true;
}

static void routing_header(struct fos_parse *c, uint32_t off, uint32_t len)
{
	uint32_t type = c->frame[off + 2], left = c->frame[off + 3];

	/* used up, a header of any type is to be ignored (RFC 8200 4.4, RFC 5095 3) */
	if (left)
		c->m->flags |= FOS_PKT_SOURCE_ROUTE;
	if (!left)
		return;
	if (len >= 24 && (type == 0 || type == 2))
		c->dst = c->frame + off + 8 + (len - 24) / 16 * 16;
	else if (len >= 24 && type == 4)
		c->dst = c->frame + off + 8;
	else
		c->csum_unknown = true;
}

/* One extension header at *off; moves *off and m->proto on.  False: stop here. */
static bool ipv6_extension(struct fos_parse *c, uint32_t *off)
{
	struct fos_frame_meta *m = c->m;
	const uint8_t *h = c->frame + *off;
	uint32_t len, have = c->ip_end - *off;
	uint8_t kind = m->proto;

	if (have < 8)
		goto short_header;
	len = kind == IPPROTO_FRAGMENT ? 8 : kind == IPPROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
	if (have < len)
		goto short_header;
	m->flags |= FOS_PKT_OPTIONS;
	m->proto = h[0];
	if ((kind == IPPROTO_HOPOPTS || kind == IPPROTO_DSTOPTS) &&
	    !ipv6_options(c, *off + 2, *off + len)) {
		m->flags |= FOS_PKT_IP_BAD;
		return false;
	}
	if (kind == IPPROTO_ROUTING)
		routing_header(c, *off, len);
	if (kind == IPPROTO_FRAGMENT && !(m->flags & FOS_PKT_FRAGMENT)) {
		uint32_t frag = fos_parse_be16(c, *off + 2);

		m->frag_id = fos_parse_be32(c, *off + 4);
		if (frag & 0xfff9)
			parse_fragment(c, *off + 8, frag & 0xfff8, frag & 1);
		if (frag & 0xfff8)
			return false;
	}
	*off += len;
	return true;

short_header:
	if (!c->cut)
		m->flags |= FOS_PKT_IP_BAD;
	return false;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

static void parse_ipv6(struct fos_parse *c)
{
	struct fos_frame_meta *m = c->m;
	uint32_t off = m->l3_off;

	m->flags |= FOS_PKT_IPV6;
	m->proto = c->frame[off + 6];
	c->src = c->frame + off + 8;
	c->dst = c->frame + off + 24;
	if (c->frame[off] >> 4 != 6) {
		m->flags |= FOS_PKT_IP_BAD;
		return;
	}
	set_ends(c, 40u + fos_parse_be16(c, off + 4));
	off += 40;
	for (unsigned int n = 0; is_extension(m->proto); n++) {
		if (n == EXT_MAX) {
			m->flags |= FOS_PKT_IP_BAD;
			return;
		}
		if (!ipv6_extension(c, &off))
			return;
	}
	fos_parse_l4(c, off);
}

/* An ICMP error belongs where the packet that it quotes belongs: the header to look at. */
static const uint8_t *lane_header(const uint8_t *frame, const struct fos_frame_meta *m)
{
	uint32_t quoted = m->l4_off + 8u;
	bool v4 = m->flags & FOS_PKT_IPV4;

	if (m->flags & FOS_PKT_ICMP_ERROR &&
	    (uint32_t)m->l3_off + m->l3_len >= quoted + (v4 ? 20u : 40u) &&
	    frame[quoted] >> 4 == (v4 ? 4 : 6))
		return frame + quoted;
	return frame + m->l3_off;
}

static uint32_t address_hash(const uint8_t *frame, const struct fos_frame_meta *m,
			     const uint64_t key[2])
{
	const uint8_t *ip = lane_header(frame, m);

	return m->flags & FOS_PKT_IPV4 ? fos_hash_addrs(key, ip + 12, ip + 16, 4) :
					 fos_hash_addrs(key, ip + 8, ip + 24, 16);
}

uint32_t fos_parse_end_hash(const uint8_t *frame, const struct fos_frame_meta *m, bool dst,
			    const uint64_t key[2])
{
	uint32_t len = m->flags & FOS_PKT_IPV4 ? 4 : 16;
	const uint8_t *ip;

	if (m->l3_len < (len == 4 ? 20u : 40u) || !(m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6)))
		return 0;
	ip = lane_header(frame, m);
	if (ip != frame + m->l3_off)
		dst = !dst;
	return (uint32_t)fos_hash_sip13(key, ip + (len == 4 ? 12 : 8) + (dst ? len : 0), len);
}

void fos_parse_ip(struct fos_parse *c, uint32_t off, uint16_t eth_type, const uint64_t key[2])
{
	struct fos_frame_meta *m = c->m;
	uint32_t have = c->end - off;
	bool v4 = eth_type == 0x0800;

	m->l3_off = (uint16_t)off;
	if (!eth_type && have)
		v4 = c->frame[off] >> 4 == 4;
	m->eth_type = eth_type ? eth_type : v4 ? 0x0800 : 0x86dd;
	if (have < (v4 ? 20u : 40u)) {
		m->flags |= m->orig_len > m->len ? FOS_PKT_TRUNCATED : FOS_PKT_IP_BAD;
		m->l3_len = (uint16_t)have;
		return;
	}
	c->ip_end = c->end;
	m->l3_len = (uint16_t)have;
	if (v4)
		parse_ipv4(c);
	else
		parse_ipv6(c);
	m->hash = key ? address_hash(c->frame, m, key) : 0;
}
