/* classifier/packet.c - a frame becomes a packet, and a packet finds its flow; see packet.h */
#include "classifier/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "classifier/admit.h"
#include "classifier/deliver.h"
#include "classifier/express.h"
#include "classifier/frag.h"
#include "classifier/neighbour.h"
#include "shm/bytes.h"
#include "shm/quote.h"

/* ------------------------------------------------------------------ metadata */

static bool offsets_ok(const struct fos_frame_meta *m, uint32_t frame_size)
{
	uint32_t end = (uint32_t)m->data_off + m->len;
	uint32_t l3_end = (uint32_t)m->l3_off + m->l3_len;

	if (m->data_off < FOS_FRAME_META_SIZE || end > frame_size || m->orig_len < m->len)
		return false;
	if (m->l3_off == 0)
		return !(m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6));
	if (m->l3_off < m->data_off || l3_end > end)
		return false;
	if (m->l4_off && (m->l4_off < m->l3_off || m->l4_off > l3_end))
		return false;
	if (m->payload_off && m->payload_off < m->l3_off)
		return false;
	return m->payload_off == 0 || (uint32_t)m->payload_off + m->payload_len <= l3_end;
}

static bool headers_ok(const struct fos_frame_meta *m)
{
	uint32_t l3_end = (uint32_t)m->l3_off + m->l3_len;
	uint32_t l4 = 0;

	if (m->flags & FOS_PKT_IPV4 && l3_end < m->l3_off + 20u)
		return m->flags & FOS_PKT_IP_BAD; /* lengths damaged: 20 bytes were captured */
	if (m->flags & FOS_PKT_IPV6 && l3_end < m->l3_off + 40u)
		return m->flags & FOS_PKT_IP_BAD;
	if (m->flags & FOS_PKT_TCP)
		l4 = 20;
	else if (m->flags & (FOS_PKT_UDP | FOS_PKT_ICMP))
		l4 = 8;
	if (l4 && (m->l4_off == 0 || m->l4_off + l4 > l3_end))
		return false;
	if (m->flags & FOS_PKT_VLAN && m->link == FOS_LINK_ETHERNET)
		return m->len >= (m->flags & FOS_PKT_QINQ ? 22u : 18u);
	return m->link != FOS_LINK_ETHERNET || m->l3_off == 0 || m->len >= 14;
}

/* Is it, as nearly always, a TCP packet in one frame with its headers in order?  Then all that is
 * asked below holds: each difference, negative, would say that it does not. */
static bool tcp_in_order(const struct fos_frame_meta *m, uint32_t frame_size)
{
	const uint32_t not = FOS_PKT_CONT | FOS_PKT_CHAIN | FOS_PKT_IP_BAD;
	int32_t end = m->data_off + m->len, l3 = m->l3_off, l3_end = l3 + m->l3_len, l4 = m->l4_off;
	int32_t ip = m->flags & FOS_PKT_IPV6 ? 40 : 20, payload = m->payload_off;

	return (m->flags & (FOS_PKT_TCP | not)) == FOS_PKT_TCP && m->next_frame == FOS_NONE &&
	       ((m->data_off - (int32_t)FOS_FRAME_META_SIZE) | ((int32_t)frame_size - end) |
		(m->orig_len - m->len) | (l3 - m->data_off - 14) | (end - l3_end) | (l4 - l3 - ip) |
		(l3_end - l4 - 20) | (payload - l3) | (l3_end - payload - m->payload_len)) >= 0;
}

static inline bool read_meta(const struct fos_classifier *c, uint32_t frame, struct fos_frame_meta *m)
{
	uint32_t ports = c->dir->nr_ports ? c->dir->nr_ports : 1;

	memcpy(m, fos_box_meta(c->box, frame), sizeof(*m));
	/* Clocks of captures step back: what comes now is not older than what the timers know. */
	if (m->time_ns < c->now_ns)
		m->time_ns = c->now_ns;
	if (m->port < ports && tcp_in_order(m, c->dir->frame_size))
		return true;
	if (m->port >= ports || m->flags & FOS_PKT_CONT ||
	    (m->next_frame != FOS_NONE) != !!(m->flags & FOS_PKT_CHAIN))
		return false;
	/* where an address is read, its bytes were captured */
	if (m->flags & FOS_PKT_IPV4 && m->l3_off + 20u > (uint32_t)m->data_off + m->len)
		return false;
	if (m->flags & FOS_PKT_IPV6 && m->l3_off + 40u > (uint32_t)m->data_off + m->len)
		return false;
	return offsets_ok(m, c->dir->frame_size) && headers_ok(m);
}

bool fos_packet_meta(const struct fos_classifier *c, uint32_t frame, struct fos_frame_meta *m)
{
	return read_meta(c, frame, m);
}

/* What a packet's first frame contributes to it. */
static void first_part(const struct fos_frame_meta *m, struct fos_part *part)
{
	uint32_t end = (uint32_t)m->l3_off + m->l3_len;

	part->l3_off = m->l3_off;
	part->l3_len = m->l3_len;
	part->off = m->flags & FOS_PKT_FRAGMENT ? m->payload_off :
		    m->l4_off		       ? m->l4_off :
		    m->payload_off	       ? m->payload_off :
						 (uint16_t)end;
	part->len = (uint16_t)(m->flags & FOS_PKT_FRAGMENT ? m->payload_len : end - part->off);
}

/* And those that follow it: false when they are not the chain that the first one begins. */
static bool next_parts(struct fos_classifier *c, const struct fos_frame_meta *first, uint32_t nr)
{
	uint32_t next = first->next_frame;

	for (uint32_t i = 1; i < nr; i++) {
		struct fos_part *part = &c->part[i];
		struct fos_frame_meta m;

		if (part->frame != next)
			return false;
		memcpy(&m, fos_box_meta(c->box, next), sizeof(m));
		if (!(m.flags & FOS_PKT_CONT) || m.data_off < FOS_FRAME_META_SIZE ||
		    (uint32_t)m.data_off + m.len > c->dir->frame_size)
			return false;
		part->off = part->l3_off = m.data_off;
		part->len = part->l3_len = m.len;
		next = m.next_frame;
	}
	return next == FOS_NONE;
}

/* ------------------------------------------------------------------ bytes */

uint32_t fos_packet_run(const struct fos_classifier *c, const struct fos_packet *pkt, uint32_t off,
			uint32_t max, const uint8_t **data)
{
	for (uint32_t i = 0; i < pkt->nr; i++) {
		const struct fos_part *p = &pkt->part[i];

		if (off < p->len) {
			*data = fos_box_frame(c->box, p->frame) + p->off + off;
			return p->len - off < max ? p->len - off : max;
		}
		off -= p->len;
	}
	return 0;
}

static void copy_head(const struct fos_classifier *c, struct fos_packet *pkt)
{
	const struct fos_part *part = &pkt->part[0];
	const uint8_t *data = fos_box_frame(c->box, part->frame) + part->off;
	uint32_t n = part->len;

	if (n >= FOS_L4_HDR) {
		memcpy(pkt->head, data, FOS_L4_HDR);
		pkt->head_len = FOS_L4_HDR;
		return;
	}
	memcpy(pkt->head, data, n);
	for (pkt->head_len = n; pkt->nr > 1 && pkt->head_len < FOS_L4_HDR; pkt->head_len += n) {
		n = fos_packet_run(c, pkt, pkt->head_len, FOS_L4_HDR - pkt->head_len, &data);
		if (n == 0)
			return;
		memcpy(pkt->head + pkt->head_len, data, n);
	}
}

/* A transport header that was in pieces when ingress parsed it. */
static uint32_t fragmented_header_damage(const struct fos_packet *pkt)
{
	const uint8_t *h = pkt->head;
	uint32_t n;

	if (pkt->meta.proto == IPPROTO_TCP) {
		n = pkt->head_len >= 20 ? (h[12] >> 4) * 4u : 0;
		return n < 20 || n > pkt->l4_len ? FOS_C_drop_l4_bad : 0;
	}
	if (pkt->meta.proto == IPPROTO_UDP) {
		n = pkt->head_len >= 8 ? (uint32_t)h[4] << 8 | h[5] : 0;
		return n < 8 || n > pkt->l4_len ? FOS_C_drop_l4_bad : 0;
	}
	return 0;
}

/* Without these, and with a good checksum, nothing is wrong. */
#define DAMAGED (FOS_PKT_IP_BAD | FOS_PKT_TRUNCATED | FOS_PKT_SOURCE_ROUTE | FOS_PKT_L4_BAD | \
		 FOS_PKT_FRAGMENT)

static uint32_t damage_of(const struct fos_packet *pkt)
{
	uint32_t flags = pkt->meta.flags;

	if (flags & FOS_PKT_IP_BAD)
		return FOS_C_drop_ip_bad;
	if (flags & FOS_PKT_TRUNCATED)
		return FOS_C_drop_truncated;
	if (flags & FOS_PKT_SOURCE_ROUTE)
		return FOS_C_drop_source_route;
	if (flags & FOS_PKT_L4_BAD)
		return FOS_C_drop_l4_bad;
	if (pkt->meta.csum == FOS_CSUM_BAD)
		return FOS_C_drop_csum_bad;
	return flags & FOS_PKT_FRAGMENT ? fragmented_header_damage(pkt) : 0;
}

void fos_packet_finish(struct fos_classifier *c, struct fos_packet *pkt)
{
	pkt->l4_len = pkt->part[0].len;
	for (uint32_t i = 1; i < pkt->nr; i++)
		pkt->l4_len += pkt->part[i].len;
	copy_head(c, pkt);
	pkt->parsed = false;
	pkt->damage = 0;
	if (pkt->meta.flags & DAMAGED || pkt->meta.csum == FOS_CSUM_BAD)
		pkt->damage = damage_of(pkt);
}

/* ------------------------------------------------------------------ tuples */

static void addresses(struct fos_flow_key *key, bool v4, const uint8_t *ip)
{
	key->ip_version = v4 ? 4 : 6;
	fos_flow_addresses(ip, v4, key->src, key->dst);
}

/* Ports, or the identifier of an ICMP echo: on the side of the one who asked. */
static void ports(struct fos_flow_key *key, const uint8_t *l4, uint32_t len)
{
	bool v4 = key->ip_version == 4;

	if ((key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP) && len >= 4) {
		key->sport = fos_get16(l4);
		key->dport = fos_get16(l4 + 2);
	} else if (key->proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) && len >= 8) {
		if (l4[0] == (v4 ? 8 : 128))
			key->sport = fos_get16(l4 + 4);
		else if (l4[0] == (v4 ? 0 : 129))
			key->dport = fos_get16(l4 + 4);
	}
}

struct fos_flow_key fos_packet_key(const struct fos_packet *pkt, const uint8_t *frame)
{
	const struct fos_frame_meta *m = &pkt->meta;
	struct fos_flow_key key = {
		.proto = m->proto,
		.vlan_outer = m->flags & FOS_PKT_VLAN ? m->vlan_outer & 0xfffu : 0xffff,
		.vlan_inner = m->flags & FOS_PKT_QINQ ? m->vlan_inner & 0xfffu : 0xffff,
	};

	addresses(&key, m->flags & FOS_PKT_IPV4, frame + m->l3_off);
	ports(&key, pkt->head, pkt->head_len);
	return key;
}

/* The flow along which an ICMP error travels: opposite to the packet that it quotes.  That packet
 * is quoted as it looked beyond the box, so the answer's tuple is the one to look for. */
static uint32_t quoted_flow(struct fos_classifier *c, const struct fos_packet *pkt,
			    const struct fos_flow_key *outer)
{
	const uint8_t *q = fos_box_frame(c->box, pkt->part[0].frame) + pkt->meta.l4_off + 8;
	bool v4 = outer->ip_version == 4;
	struct fos_quote quote;
	struct fos_flow_key key = {
		.vlan_outer = outer->vlan_outer,
		.vlan_inner = outer->vlan_inner,
	}, reverse;

	if (!fos_quote_find(q, pkt->part[0].len - 8u, !v4, &quote))
		return FOS_NONE;
	key.proto = quote.proto;
	addresses(&key, v4, q);
	ports(&key, q + quote.l4, quote.l4_len);
	reverse = fos_flow_key_reverse(&key);
	return fos_flow_find(c, &reverse);
}

/* ------------------------------------------------------------------ all frames at once */

/* A TCP header that its first fragment does not hold whole hides from whoever filters behind the box
 * (RFC 1858).  Streams are not concerned: they leave in segments of the box's own. */
static bool header_cut(const struct fos_packet *pkt)
{
	return pkt->nr > 1 && pkt->meta.flags & FOS_PKT_FRAGMENT &&
	       pkt->meta.proto == IPPROTO_TCP && pkt->head_len >= 20 &&
	       pkt->part[0].len < (pkt->head[12] >> 4) * 4u;
}

void fos_packet_forward(struct fos_classifier *c, const struct fos_packet *pkt, uint32_t flow)
{
	if (header_cut(pkt)) {
		fos_packet_drop(c, pkt, FOS_C_drop_fragment_tiny);
		return;
	}
	for (uint32_t i = 0, follow; i < pkt->nr; i += follow + 1) {
		follow = 0;
		while (i + follow + 1 < pkt->nr &&
		       fos_packet_continues(c, pkt->part[i + follow + 1].frame))
			follow++;
		for (uint32_t k = i; k <= i + follow; k++)
			fos_emit(c, k > i ? FOS_DESC_MORE : FOS_DESC_FORWARD, pkt->part[k].frame,
				 pkt->part[k].gen, flow, 0, k > i ? 0 : follow, 0);
	}
}

void fos_packet_drop(struct fos_classifier *c, const struct fos_packet *pkt, uint32_t reason)
{
	for (uint32_t i = 0; i < pkt->nr; i++)
		fos_cls_drop(c, pkt->part[i].frame, pkt->part[i].gen, reason);
}

/* ------------------------------------------------------------------ the way in */

void fos_packet_classify(struct fos_classifier *c, struct fos_packet *pkt)
{
	struct fos_flow_key key = fos_packet_key(pkt, fos_box_frame(c->box, pkt->part[0].frame));
	uint32_t flow;

	if (pkt->meta.flags & FOS_PKT_ICMP_ERROR && pkt->nr == 1) {
		flow = quoted_flow(c, pkt, &key);
		if (flow != FOS_NONE) {
			if (pkt->damage)
				fos_packet_drop(c, pkt, pkt->damage);
			else
				fos_packet_forward(c, pkt, flow);
			return;
		}
	}
	flow = fos_admit(c, pkt, &key);
	if (flow != FOS_NONE)
		fos_deliver_packet(c, flow, pkt);
}

/* A TCP or UDP packet in which nothing is damaged but perhaps the checksum: its ports are where it says. */
static bool is_whole(const struct fos_frame_meta *m)
{
	const uint32_t ip = FOS_PKT_IPV4 | FOS_PKT_IPV6;
	uint32_t flags = m->flags & ~(FOS_PKT_VLAN | FOS_PKT_QINQ | FOS_PKT_OPTIONS);

	return flags & ip && ((flags & ~ip) == FOS_PKT_TCP ? m->proto == IPPROTO_TCP :
			      (flags & ~ip) == FOS_PKT_UDP && m->proto == IPPROTO_UDP);
}

void fos_packet_frames(struct fos_classifier *c, uint32_t nr)
{
	struct fos_packet pkt;
	uint32_t frame = c->part[0].frame, gen = c->part[0].gen, flow = FOS_NONE;

	pkt.nr = nr;
	pkt.part = c->part;
	pkt.l4_len = pkt.head_len = pkt.damage = 0;
	if (!read_meta(c, frame, &pkt.meta) || !next_parts(c, &pkt.meta, nr)) {
		fos_packet_drop(c, &pkt, FOS_C_drop_meta);
		return;
	}
	if (nr == 1 && is_whole(&pkt.meta)) {
		const uint8_t *f = fos_box_frame(c->box, frame);

		flow = fos_flow_recent(c, f, &pkt.meta);
		if (flow != FOS_NONE && pkt.meta.flags & FOS_PKT_TCP &&
		    fos_express_may(c, flow, f + pkt.meta.l4_off) &&
		    fos_express_take(c, flow, &pkt.meta))
			return;
	}
	if (pkt.meta.flags & (FOS_PKT_ARP | FOS_PKT_ND) &&
	    fos_neighbour_answer(c, &pkt.meta, frame, gen))
		return;
	first_part(&pkt.meta, &c->part[0]);
	if (!(pkt.meta.flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6)) || pkt.meta.flags & FOS_PKT_ND) {
		fos_cls_count(c, FOS_C_packets_unmatched);
		fos_packet_forward(c, &pkt, FOS_NONE);
		return;
	}
	if (pkt.meta.flags & FOS_PKT_FRAGMENT) {
		fos_frag_input(c, &pkt);
		return;
	}
	fos_packet_finish(c, &pkt);
	if (flow == FOS_NONE)
		fos_packet_classify(c, &pkt);
	else if ((flow = fos_admit_known(c, flow, &pkt)) != FOS_NONE)
		fos_deliver_packet(c, flow, &pkt);
}
