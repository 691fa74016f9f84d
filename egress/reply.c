/* egress/reply.c - answers to ARP, neighbour solicitations and refused TCP segments, see reply.h */
#include "egress/reply.h"

#include <netinet/in.h>
#include <string.h>

#include "egress/frames.h"
#include "shm/bytes.h"
#include "shm/csum.h"

enum { ARP_LEN = 28, IP4_LEN = 20, IP6_LEN = 40, TCP_LEN = 20, NS_LEN = 24, OPT_LEN = 8 };
enum { TYPE_NA = 136, OPT_TARGET = 2, HOPS = 64 };
enum { TH_FIN = 1, TH_SYN = 2, TH_RST = 4, TH_ACK = 16 };

/* Both turn a copy of the question into the answer and return its length; 0 = it is none. */
static uint32_t answer_arp(const struct fos_frame_meta *m, uint8_t *base, const uint8_t mac[6])
{
	uint8_t *arp = base + m->l3_off;
	uint8_t sender[10], target[4];

	if (m->l3_off + ARP_LEN > m->data_off + m->len)
		return 0;
	memcpy(sender, arp + 8, sizeof(sender));
	memcpy(target, arp + 24, sizeof(target));
	arp[7] = 2;
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, target, sizeof(target));
	memcpy(arp + 18, sender, sizeof(sender));
	return m->len;
}

static uint32_t answer_nd(const struct fos_frame_meta *m, uint8_t *base, const uint8_t mac[6])
{
	uint8_t *ip = base + m->l3_off, *na = base + m->l4_off;
	uint64_t pseudo;

	if (m->l4_off != m->l3_off + IP6_LEN || m->l4_off + NS_LEN > m->data_off + m->len)
		return 0;
	memcpy(ip + 24, ip + 8, 16);
	memcpy(ip + 8, na + 8, 16);
	ip[4] = 0;
	ip[5] = NS_LEN + OPT_LEN;
	memset(na, 0, 8);
	na[0] = TYPE_NA;
	na[4] = 0x60; /* solicited, override */
	na[NS_LEN] = OPT_TARGET;
	na[NS_LEN + 1] = 1;
	memcpy(na + NS_LEN + 2, mac, 6);
	pseudo = fos_csum_pseudo6(ip + 8, ip + 24, IPPROTO_ICMPV6, NS_LEN + OPT_LEN);
	fos_csum_transport_set(pseudo, IPPROTO_ICMPV6, na, NS_LEN + OPT_LEN);
	return (uint32_t)m->l4_off + NS_LEN + OPT_LEN - m->data_off;
}

/* The reset that answers the segment at `in` (RFC 9293 section 3.10.7.1, state CLOSED). */
static void reset_for(const uint8_t *in, uint32_t payload, uint8_t out[TCP_LEN])
{
	uint8_t flags = in[13];

	memset(out, 0, TCP_LEN);
	memcpy(out, in + 2, 2);
	memcpy(out + 2, in, 2);
	out[12] = TCP_LEN / 4 << 4;
	if (flags & TH_ACK) {
		memcpy(out + 4, in + 8, 4);
		out[13] = TH_RST;
	} else {
		fos_put32(out + 8, fos_get32(in + 4) + payload + !!(flags & TH_SYN) + !!(flags & TH_FIN));
		out[13] = TH_RST | TH_ACK;
	}
}

/* The IP header that carries n bytes back; returns its length. */
static uint32_t ip_back(uint8_t *ip, bool v4, uint32_t n)
{
	uint8_t src[16], *from = ip + (v4 ? 12 : 8);
	uint32_t size = v4 ? 4 : 16;

	memcpy(src, from, size);
	memmove(from, from + size, size);
	memcpy(from + size, src, size);
	if (!v4) {
		ip[0] = 0x60;
		memset(ip + 1, 0, 4);
		ip[5] = (uint8_t)n;
		ip[6] = IPPROTO_TCP;
		ip[7] = HOPS;
		return IP6_LEN;
	}
	ip[0] = 0x45;
	memset(ip + 1, 0, 11);
	ip[3] = (uint8_t)(IP4_LEN + n);
	ip[6] = 0x40; /* DF */
	ip[8] = HOPS;
	ip[9] = IPPROTO_TCP;
	fos_csum_ipv4_set(ip, IP4_LEN);
	return IP4_LEN;
}

static uint32_t answer_tcp(const struct fos_frame_meta *m, uint8_t *base)
{
	uint8_t *ip = base + m->l3_off, tcp[TCP_LEN];
	bool v4 = m->flags & FOS_PKT_IPV4;
	uint32_t head = v4 ? IP4_LEN : IP6_LEN, end = (uint32_t)m->data_off + m->len;

	if (m->l3_off + head > m->l4_off || end < m->l4_off + (uint32_t)TCP_LEN)
		return 0;
	reset_for(base + m->l4_off, m->payload_len, tcp);
	ip_back(ip, v4, TCP_LEN);
	memcpy(ip + head, tcp, TCP_LEN);
	fos_csum_transport_set(v4 ? fos_csum_pseudo4(ip + 12, ip + 16, IPPROTO_TCP, TCP_LEN) :
				    fos_csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, TCP_LEN),
			       IPPROTO_TCP, ip + head, TCP_LEN);
	return (uint32_t)m->l3_off + head + TCP_LEN - m->data_off;
}

/* May the question be copied, and an option be put behind it? */
static bool fits(const struct fos_egress *e, const struct fos_frame_meta *m)
{
	return m->link == FOS_LINK_ETHERNET && m->data_off >= FOS_FRAME_META_SIZE &&
	       m->l3_off >= m->data_off + 14u && m->l3_off <= m->data_off + m->len &&
	       (uint32_t)m->data_off + m->len + OPT_LEN <= e->p->dir->frame_size;
}

/* Builds the answer in `to`.  The counter of what it is; FOS_C_drop_meta: the packet is no question. */
static enum fos_counter_id build(const struct fos_egress *e, uint32_t from, uint32_t to, uint32_t port)
{
	const uint8_t *question = fos_box_frame(&e->p->box, from);
	const uint8_t *mac = e->p->dir->port[port].mac;
	uint8_t *base = fos_box_frame(&e->p->box, to), *eth, asked[6];
	enum fos_counter_id what = FOS_C_arp_answered;
	struct fos_frame_meta m, *out = fos_box_meta(&e->p->box, to);
	uint32_t len;

	memcpy(&m, question, sizeof(m));
	if (!fits(e, &m))
		return FOS_C_drop_meta;
	eth = base + m.data_off;
	memcpy(eth, question + m.data_off, m.len);
	memcpy(asked, eth, 6);
	if (m.flags & FOS_PKT_ARP) {
		len = answer_arp(&m, base, mac);
	} else if (m.flags & FOS_PKT_TCP) {
		len = answer_tcp(&m, base);
		what = FOS_C_rsts_made;
		mac = asked[0] & 1 ? mac : asked; /* from whom it was for */
	} else {
		len = m.flags & FOS_PKT_ND ? answer_nd(&m, base, mac) : 0;
	}
	if (!len)
		return FOS_C_drop_meta;
	memcpy(eth, eth + 6, 6);
	memcpy(eth + 6, mac, 6);
	m.len = m.orig_len = (uint16_t)len;
	memcpy(out, &m, sizeof(m));
	return what;
}

void fos_reply_send(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t frame, port = d->len;
	enum fos_counter_id what = FOS_C_drop_meta;

	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	frame = fos_frames_get(e);
	if (frame == FOS_NONE)
		what = FOS_C_drop_no_frame;
	else if (port < e->p->dir->nr_ports)
		what = build(e, d->frame, frame, port);
	fos_count(e->p->counter, what, 1);
	if (what == FOS_C_arp_answered || what == FOS_C_rsts_made)
		fos_frames_send(e, frame, port, false);
	else if (frame != FOS_NONE)
		fos_frames_put(e, frame);
	fos_frames_put(e, d->frame);
}
