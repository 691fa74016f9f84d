/* egress_icmp.h - a router behind the box: ICMP errors about packets that left it */
#ifndef TESTS_UNIT_EGRESS_ICMP_H
#define TESTS_UNIT_EGRESS_ICMP_H

#include "tests/unit/egress_play.h"

/* An error about the packet `o`, quoting its first `quoted` bytes of TCP: type and code, and what
 * stands in the header's second word.  Handed over as the classifier does. */
static inline uint32_t icmp_error(const struct out_packet *o, uint8_t type, uint8_t code,
				  uint32_t word, uint32_t quoted)
{
	static const uint64_t key[2] = {1, 2};
	uint32_t dir = o->port, frame = take_frame(dir), link = o->m.l3_off - FOS_FRAME_DATA_OFF;
	const uint8_t *ip = o->bytes + link;
	uint32_t n = (uint32_t)(o->tcp - ip) + quoted, hlen = W.v6 ? 40 : 20;
	uint8_t *base = fos_box_frame(&W.w.box, frame), *k = base + FOS_FRAME_DATA_OFF, *l4;
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);
	uint64_t pseudo = 0;

	memset(base, 0, 2048);
	memcpy(k, o->bytes, link);
	l4 = k + link + hlen;
	k[link] = W.v6 ? 0x60 : 0x45;
	if (W.v6) {
		fos_put16(k + link + 4, 8 + n);
		k[link + 6] = 58;
		k[link + 7] = 60;
		k[link + 8] = 0xfd;
		k[link + 23] = 99;
		memcpy(k + link + 24, ip + 8, 16);
		pseudo = fos_csum_pseudo6(k + link + 8, k + link + 24, 58, 8 + n);
	} else {
		fos_put16(k + link + 2, 28 + n);
		k[link + 8] = 60;
		k[link + 9] = 1;
		memcpy(k + link + 12, "\x0a\x00\x00\x63", 4);
		memcpy(k + link + 16, ip + 12, 4);
		fos_csum_ipv4_set(k + link, 20);
	}
	l4[0] = type;
	l4[1] = code;
	fos_put32(l4 + 4, word);
	memcpy(l4 + 8, ip, n);
	fos_csum_transport_set(pseudo, W.v6 ? 58 : 1, l4, 8 + n);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)(link + hlen + 8 + n);
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)dir;
	m->time_ns = W.now;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
	send_desc(FOS_DESC_FORWARD, dir, frame, 0, 0);
	return frame;
}

static inline uint32_t too_big(const struct out_packet *o, uint32_t mtu)
{
	return W.v6 ? icmp_error(o, 2, 0, mtu, 20) : icmp_error(o, 3, 4, mtu, 20);
}

/* The sequence number that an error quotes, as position of the flow that it is about. */
static inline int32_t quoted_pos(const struct out_packet *o)
{
	const uint8_t *q = o->bytes + o->m.l4_off - FOS_FRAME_DATA_OFF + 8 + (W.v6 ? 40 : 20);

	return (int32_t)((uint32_t)q[4] << 24 | (uint32_t)q[5] << 16 | (uint32_t)q[6] << 8 | q[7]) -
	       (int32_t)(isn(o->port) + 1);
}

static inline int32_t quoted_ack(const struct out_packet *o)
{
	const uint8_t *q = o->bytes + o->m.l4_off - FOS_FRAME_DATA_OFF + 8 + (W.v6 ? 40 : 20);

	return (int32_t)((uint32_t)q[8] << 24 | (uint32_t)q[9] << 16 | (uint32_t)q[10] << 8 | q[11]) -
	       (int32_t)(isn(1 - o->port) + 1);
}

#endif
