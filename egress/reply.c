/* egress/reply.c - answers to ARP and neighbour solicitations, see reply.h */
#include "egress/reply.h"

#include <netinet/in.h>
#include <string.h>

#include "egress/frames.h"
#include "shm/csum.h"

enum { ARP_LEN = 28, IP6_LEN = 40, NS_LEN = 24, OPT_LEN = 8, TYPE_NA = 136, OPT_TARGET = 2 };

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

/* May the question be copied, and an option be put behind it? */
static bool fits(const struct fos_egress *e, const struct fos_frame_meta *m)
{
	return m->link == FOS_LINK_ETHERNET && m->data_off >= FOS_FRAME_META_SIZE &&
	       m->l3_off >= m->data_off + 14u && m->l3_off <= m->data_off + m->len &&
	       (uint32_t)m->data_off + m->len + OPT_LEN <= e->p->dir->frame_size;
}

/* Builds the answer in `to`.  False: the packet is no question. */
static bool build(const struct fos_egress *e, uint32_t from, uint32_t to, uint32_t port)
{
	const uint8_t *question = fos_box_frame(&e->p->box, from);
	const uint8_t *mac = e->p->dir->port[port].mac;
	uint8_t *base = fos_box_frame(&e->p->box, to), *eth;
	struct fos_frame_meta m, *out = fos_box_meta(&e->p->box, to);
	uint32_t len;

	memcpy(&m, question, sizeof(m));
	if (!fits(e, &m))
		return false;
	eth = base + m.data_off;
	memcpy(eth, question + m.data_off, m.len);
	if (m.flags & FOS_PKT_ARP)
		len = answer_arp(&m, base, mac);
	else
		len = m.flags & FOS_PKT_ND ? answer_nd(&m, base, mac) : 0;
	if (!len)
		return false;
	memcpy(eth, eth + 6, 6);
	memcpy(eth + 6, mac, 6);
	m.len = m.orig_len = (uint16_t)len;
	memcpy(out, &m, sizeof(m));
	return true;
}

void fos_reply_send(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t frame, port = d->len;
	enum fos_counter_id what = FOS_C_arp_answered;

	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	frame = fos_frames_get(e);
	if (frame == FOS_NONE)
		what = FOS_C_drop_no_frame;
	else if (port >= e->p->dir->nr_ports || !build(e, d->frame, frame, port))
		what = FOS_C_drop_meta;
	fos_count(e->p->counter, what, 1);
	if (what == FOS_C_arp_answered)
		fos_frames_send(e, frame, port, false);
	else if (frame != FOS_NONE)
		fos_frames_put(e, frame);
	fos_frames_put(e, d->frame);
}
