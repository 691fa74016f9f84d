/* classifier/neighbour.c - answers ARP and neighbour solicitations, see neighbour.h */
#include "classifier/neighbour.h"

#include <netinet/in.h>
#include <string.h>

#include "shm/csum.h"
#include "shm/proc.h"
#include "shm/steer.h"

enum { OWNED_MAX = sizeof(((struct fos_pm_region *)0)->owned) / 16 };
enum { ARP_LEN = 28, NS_LEN = 24, OPT_LEN = 8, TYPE_NS = 135, TYPE_NA = 136, OPT_TARGET = 2 };

static uint32_t nr_owned(const struct fos_classifier *c, uint32_t pm)
{
	const struct fos_pm_region *r = c->box->pm[pm];
	uint32_t nr;

	if (!r)
		return 0;
	/* pairs with the PM's release of nr_owned: that many entries are filled */
	nr = fos_acquire32(&r->nr_owned);
	return nr < OWNED_MAX ? nr : OWNED_MAX;
}

static bool is_v4(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

void fos_neighbour_publish(struct fos_classifier *c)
{
	/* offline and in the simulation there is no map */
	if (!c->p->loop || c->p->offline || c->p->fds.owned_map < 0)
		return;
	for (uint32_t pm = 0; pm < c->dir->nr_pms; pm++) {
		uint32_t nr = nr_owned(c, pm);

		for (; c->owned_told[pm] < nr; c->owned_told[pm]++) {
			const uint8_t *a = c->box->pm[pm]->owned[c->owned_told[pm]];
			int rc = fos_steer_own(c->p->fds.owned_map, is_v4(a) ? 4 : 6,
					       is_v4(a) ? a + 12 : a);

			if (rc < 0)
				fos_log(FOS_LOG_WARN, "an address of %s is not answered for: the "
					"XDP program's map refuses it: %s", c->dir->pm[pm].name,
					strerror(-rc));
		}
	}
}

static bool owned(const struct fos_classifier *c, const uint8_t addr[16])
{
	for (uint32_t pm = 0; pm < c->dir->nr_pms; pm++) {
		const struct fos_pm_region *r = c->box->pm[pm];
		uint32_t nr = nr_owned(c, pm);

		for (uint32_t i = 0; i < nr; i++)
			if (memcmp(r->owned[i], addr, 16) == 0)
				return true;
	}
	return false;
}

/* The sender of the question becomes the receiver. */
static void turn_ethernet(const struct fos_classifier *c, uint8_t *eth, uint8_t port)
{
	memcpy(eth, eth + 6, 6);
	memcpy(eth + 6, c->dir->port[port].mac, 6);
}

static bool answer_arp(struct fos_classifier *c, const struct fos_frame_meta *m, uint8_t *base,
		       uint32_t *len)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t target[16] = { [10] = 0xff, [11] = 0xff };
	uint8_t *arp = base + m->l3_off;
	uint8_t sender[10];

	if (m->l3_len < ARP_LEN || memcmp(arp, request, sizeof(request)) != 0)
		return false;
	memcpy(target + 12, arp + 24, 4);
	if (memcmp(arp + 14, arp + 24, 4) == 0 || !owned(c, target))
		return false;
	memcpy(sender, arp + 8, 10);
	arp[7] = 2;
	memcpy(arp + 8, c->dir->port[m->port].mac, 6);
	memcpy(arp + 14, target + 12, 4);
	memcpy(arp + 18, sender, 10);
	*len = m->len;
	return true;
}

static bool is_question(const struct fos_frame_meta *m, const uint8_t *ip, const uint8_t *ns)
{
	static const uint8_t unspecified[16];

	return ns[0] == TYPE_NS && ns[1] == 0 && ip[7] == 255 && m->csum != FOS_CSUM_BAD &&
	       memcmp(ip + 8, unspecified, 16) != 0;
}

static bool answer_nd(struct fos_classifier *c, const struct fos_frame_meta *m, uint8_t *base,
		      uint32_t *len)
{
	uint8_t *ip = base + m->l3_off, *ns = base + m->l4_off, target[16];
	uint32_t end = (uint32_t)m->l4_off + NS_LEN + OPT_LEN;
	uint64_t pseudo;

	/* extension headers are legal here and never used */
	if (!(m->flags & FOS_PKT_IPV6) || m->l4_off != m->l3_off + 40 ||
	    m->l3_len < 40 + NS_LEN || end > c->dir->frame_size || !is_question(m, ip, ns))
		return false;
	memcpy(target, ns + 8, 16);
	if (!owned(c, target))
		return false;
	memcpy(ip + 24, ip + 8, 16);
	memcpy(ip + 8, target, 16);
	ip[4] = 0;
	ip[5] = NS_LEN + OPT_LEN;
	memset(ns, 0, 8);
	ns[0] = TYPE_NA;
	ns[4] = 0x60; /* solicited, override */
	ns[NS_LEN] = OPT_TARGET;
	ns[NS_LEN + 1] = 1;
	memcpy(ns + NS_LEN + 2, c->dir->port[m->port].mac, 6);
	pseudo = fos_csum_pseudo6(ip + 8, ip + 24, IPPROTO_ICMPV6, NS_LEN + OPT_LEN);
	fos_csum_transport_set(pseudo, IPPROTO_ICMPV6, ns, NS_LEN + OPT_LEN);
	*len = end - m->data_off;
	return true;
}

bool fos_neighbour_answer(struct fos_classifier *c, const struct fos_frame_meta *m,
			  uint32_t frame, uint32_t gen)
{
	uint8_t *base = fos_box_frame(c->box, frame);
	uint32_t len;
	bool done;

	if (m->link != FOS_LINK_ETHERNET || m->port >= c->dir->nr_ports || c->dir->nr_pms == 0)
		return false;
	done = m->flags & FOS_PKT_ARP ? answer_arp(c, m, base, &len) : answer_nd(c, m, base, &len);
	if (!done)
		return false;
	turn_ethernet(c, base + m->data_off, m->port);
	fos_box_meta(c->box, frame)->len = (uint16_t)len;
	fos_cls_count(c, FOS_C_arp_answered);
	fos_emit(c, FOS_DESC_REPLY, frame, gen, FOS_NONE, len, m->port, 0);
	return true;
}
