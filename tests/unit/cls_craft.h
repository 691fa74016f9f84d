/* tests/unit/cls_craft.h - packets from a few words: link, IP and transport headers, checksums */
#ifndef TESTS_UNIT_CLS_CRAFT_H
#define TESTS_UNIT_CLS_CRAFT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shm/bytes.h"
#include "shm/csum.h"

/* struct cw_ip - a packet to be crafted */
struct cw_ip {
	uint8_t src; /* last byte of 10.0.0.x / fd00::x */
	uint8_t dst;
	uint16_t sport;
	uint16_t dport;
	uint8_t proto;
	bool v6;
	uint16_t vlan; /* 0 = untagged */
	/* TCP */
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t wnd;
	/* fragments: offset and more */
	uint32_t frag_off;
	bool more;
	uint32_t id;
	bool bad_csum;
	const void *opt; /* TCP options, a multiple of 4 bytes */
	uint32_t opt_len;
};

enum { CW_FIN = 1, CW_SYN = 2, CW_RST = 4, CW_PSH = 8, CW_ACK = 16 };

/* Transport header and payload with checksum; returns the length. */
static inline uint32_t cw_l4(const struct cw_ip *ip, const void *data, uint32_t len, uint8_t *to)
{
	uint8_t a[32] = { 0 };
	uint32_t head = ip->proto == IPPROTO_TCP ? 20 + ip->opt_len : 8, n;
	uint64_t pseudo;

	memset(to, 0, head);
	fos_put16(to, ip->sport);
	fos_put16(to + 2, ip->dport);
	if (ip->proto == IPPROTO_TCP) {
		fos_put32(to + 4, ip->seq);
		fos_put32(to + 8, ip->ack);
		to[12] = (uint8_t)(head / 4 << 4);
		if (ip->opt_len)
			memcpy(to + 20, ip->opt, ip->opt_len);
		to[13] = ip->flags;
		fos_put16(to + 14, ip->wnd ? ip->wnd : 65535);
	} else if (ip->proto == IPPROTO_UDP) {
		fos_put16(to + 4, head + len);
	} else {
		to[0] = 8; /* echo request */
		to[1] = 0;
		fos_put16(to + 4, ip->sport);
	}
	if (len)
		memcpy(to + head, data, len);
	n = head + len;
	if (ip->v6) {
		a[0] = a[16] = 0xfd;
		a[15] = ip->src;
		a[31] = ip->dst;
		pseudo = fos_csum_pseudo6(a, a + 16, ip->proto, n);
	} else {
		a[0] = a[16] = 10;
		a[3] = ip->src;
		a[19] = ip->dst;
		pseudo = ip->proto == IPPROTO_ICMP ?
				 0 :
				 fos_csum_pseudo4(a, a + 16, ip->proto, (uint16_t)n);
	}
	fos_csum_transport_set(pseudo, ip->proto, to, n);
	if (ip->bad_csum)
		to[n - 1] ^= 0x5a;
	return n;
}

/* Link and IP header around bytes of IP payload; returns the length of the packet. */
static inline uint32_t cw_wrap(const struct cw_ip *ip, const void *l4, uint32_t len, uint8_t *to)
{
	bool frag = ip->frag_off || ip->more;
	uint8_t *p = to + 14;

	memset(to, 0, 14);
	to[5] = ip->dst;
	to[11] = ip->src;
	if (ip->vlan) {
		fos_put16(to + 12, 0x8100);
		fos_put16(to + 14, ip->vlan);
		p += 4;
	}
	fos_put16(p - 2, ip->v6 ? 0x86dd : 0x0800);
	if (ip->v6) {
		uint32_t ext = frag ? 8 : 0;

		memset(p, 0, 48);
		p[0] = 0x60;
		fos_put16(p + 4, len + ext);
		p[6] = frag ? IPPROTO_FRAGMENT : ip->proto;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[23] = ip->src;
		p[39] = ip->dst;
		p += 40;
		if (frag) {
			p[0] = ip->proto;
			fos_put16(p + 2, ip->frag_off | ip->more);
			fos_put32(p + 4, ip->id);
			p += 8;
		}
	} else {
		memset(p, 0, 20);
		p[0] = 0x45;
		fos_put16(p + 2, 20 + len);
		fos_put16(p + 4, ip->id);
		fos_put16(p + 6, ip->frag_off / 8 | (ip->more ? 0x2000 : 0));
		p[8] = 64;
		p[9] = ip->proto;
		p[12] = p[16] = 10;
		p[15] = ip->src;
		p[19] = ip->dst;
		fos_csum_ipv4_set(p, 20);
		p += 20;
	}
	memcpy(p, l4, len);
	return (uint32_t)(p - to) + len;
}

#endif
