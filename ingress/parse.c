/* ingress/parse.c - link layers and VLAN tags */
#include "ingress/parse.h"

#include <string.h>

#include "ingress/parse_ip.h"

enum link_type {
	LINK_NULL = 0,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276
};

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IPV6 = 0x86dd, ARP_LEN = 28 };

static bool tag_type(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* What follows an Ethernet type field whose packet starts at `off`: up to two tags, then IP or
 * ARP.  With a third tag, eth_type stays the tag's and the packet is unknown. */
static void parse_typed(struct fos_parse *c, uint32_t off, uint16_t type, const uint64_t key[2])
{
	struct fos_frame_meta *m = c->m;
	unsigned int tags = 0;

	while (tag_type(type) && tags < 2 && c->end - off >= 4) {
		if (tags++ == 0) {
			m->vlan_outer = fos_parse_be16(c, off);
			m->flags |= FOS_PKT_VLAN;
		} else {
			m->vlan_inner = fos_parse_be16(c, off);
			m->flags |= FOS_PKT_QINQ;
		}
		type = fos_parse_be16(c, off + 2);
		off += 4;
	}
	m->eth_type = type;
	if (type == TYPE_IPV4 || type == TYPE_IPV6) {
		fos_parse_ip(c, off, type, key);
	} else if (type == TYPE_ARP && c->end - off >= ARP_LEN) {
		m->l3_off = (uint16_t)off;
		m->l3_len = ARP_LEN;
		m->flags |= FOS_PKT_ARP;
	}
}

/* BSD loopback: an address family in 4 bytes, of the capturing host's byte order. */
static void parse_loop(struct fos_parse *c, uint32_t off, const uint64_t key[2])
{
	uint32_t af = fos_parse_be32(c, off);

	if (af > 0xffff)
		af = __builtin_bswap32(af);
	if (af == 2)
		fos_parse_ip(c, off + 4, TYPE_IPV4, key);
	else if (af == 10 || af == 24 || af == 28 || af == 30)
		fos_parse_ip(c, off + 4, TYPE_IPV6, key);
}

static uint32_t link_header(uint32_t link)
{
	switch (link) {
	case FOS_LINK_ETHERNET:
		return 14;
	case LINK_NULL:
	case LINK_LOOP:
		return 4;
	case LINK_SLL:
		return 16;
	case LINK_SLL2:
		return 20;
	default:
		return 0;
	}
}

bool fos_parse_link_known(uint32_t link)
{
	switch (link) {
	case LINK_NULL:
	case FOS_LINK_ETHERNET:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_LOOP:
	case LINK_SLL:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_SLL2:
		return true;
	default:
		return false;
	}
}

static void parse_link(struct fos_parse *c, const uint64_t key[2])
{
	uint32_t off = c->m->data_off;
	uint32_t hdr = link_header(c->m->link);

	if (c->end - off < hdr)
		return;
	switch (c->m->link) {
	case FOS_LINK_ETHERNET:
		parse_typed(c, off + hdr, fos_parse_be16(c, off + 12), key);
		break;
	case LINK_SLL:
		parse_typed(c, off + hdr, fos_parse_be16(c, off + 14), key);
		break;
	case LINK_SLL2:
		parse_typed(c, off + hdr, fos_parse_be16(c, off), key);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		parse_loop(c, off, key);
		break;
	case LINK_IPV4:
		fos_parse_ip(c, off, TYPE_IPV4, key);
		break;
	case LINK_IPV6:
		fos_parse_ip(c, off, TYPE_IPV6, key);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		fos_parse_ip(c, off, 0, key);
		break;
	default:
		break;
	}
}

void fos_parse(const uint8_t *frame, struct fos_frame_meta *m, const uint64_t key[2])
{
	struct fos_frame_meta r = {
		.time_ns = m->time_ns,
		.number = m->number,
		.data_off = m->data_off,
		.len = m->len,
		.port = m->port,
		.queue = m->queue,
		.link = m->link,
		.orig_len = m->orig_len < m->len ? m->len : m->orig_len,
		.next_frame = UINT32_MAX,
	};
	struct fos_parse c = { .frame = frame, .m = &r, .end = (uint32_t)m->data_off + m->len };

	if (c.end > UINT16_MAX) /* offsets have 16 bits; the rest counts as not captured */
		c.end = UINT16_MAX;
	parse_link(&c, key);
	memcpy(m, &r, sizeof(r));
}
