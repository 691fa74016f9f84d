/* classifier/neighbour.c - finds ARP requests and neighbour solicitations, see neighbour.h */
#include "classifier/neighbour.h"

#include <string.h>

#include "shm/proc.h"
#include "shm/steer.h"

enum { OWNED_MAX = sizeof(((struct fos_pm_region *)0)->owned) / 16 };
enum { ARP_LEN = 28, IP6_LEN = 40, NS_LEN = 24, TYPE_NS = 135 };

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

static bool asks_arp(const struct fos_classifier *c, const struct fos_frame_meta *m,
		     const uint8_t *base)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t target[16] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *arp = base + m->l3_off;

	if (m->l3_len < ARP_LEN || memcmp(arp, request, sizeof(request)) != 0)
		return false;
	memcpy(target + 12, arp + 24, 4);
	/* an announcement: sender and target are one */
	return memcmp(arp + 14, arp + 24, 4) != 0 && owned(c, target);
}

static bool asks_nd(const struct fos_classifier *c, const struct fos_frame_meta *m,
		    const uint8_t *base)
{
	static const uint8_t unspecified[16];
	const uint8_t *ip = base + m->l3_off, *ns = base + m->l4_off;

	/* extension headers are legal here and never used */
	if (!(m->flags & FOS_PKT_IPV6) || m->l4_off != m->l3_off + IP6_LEN ||
	    m->l3_len < IP6_LEN + NS_LEN)
		return false;
	/* duplicate address detection asks from nowhere */
	return ns[0] == TYPE_NS && ns[1] == 0 && ip[7] == 255 && m->csum != FOS_CSUM_BAD &&
	       memcmp(ip + 8, unspecified, 16) != 0 && owned(c, ns + 8);
}

bool fos_neighbour_answer(struct fos_classifier *c, const struct fos_frame_meta *m,
			  uint32_t frame, uint32_t gen)
{
	const uint8_t *base = fos_box_frame(c->box, frame);

	if (m->link != FOS_LINK_ETHERNET || m->port >= c->dir->nr_ports || c->dir->nr_pms == 0)
		return false;
	if (!(m->flags & FOS_PKT_ARP ? asks_arp(c, m, base) : asks_nd(c, m, base)))
		return false;
	fos_emit(c, FOS_DESC_REPLY, frame, gen, FOS_NONE, 0, m->port, 0);
	return true;
}
