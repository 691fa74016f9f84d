/* egress/mss.c - clamping the announced MSS, see mss.h */
#include "egress/mss.h"

#define HEADERS4 40u
#define HEADERS6 60u

static uint32_t smallest_mtu(const struct fos_dir *dir)
{
	uint32_t least = 0;

	for (uint32_t i = 0; i < dir->nr_ports; i++)
		if (dir->port[i].mtu && (!least || dir->port[i].mtu < least))
			least = dir->port[i].mtu;
	return least;
}

uint32_t fos_mss_bound(const struct fos_egress *e, bool v6)
{
	const struct fos_dir *dir = e->p->dir;
	uint32_t headers = v6 ? HEADERS6 : HEADERS4, mtu;

	if (dir->tcp_mss != FOS_MSS_AUTO)
		return dir->tcp_mss;
	mtu = smallest_mtu(dir);
	return mtu > headers ? mtu - headers : 0;
}

bool fos_mss_exceeds(const struct fos_egress *e, const struct fos_header *h)
{
	struct fos_header_options o;
	uint32_t bound;

	if (!e->p->dir->tcp_mss || !h->l4 || !(h->m->flags & FOS_PKT_TCP) ||
	    !(h->l4[13] & FOS_TH_SYN))
		return false;
	bound = fos_mss_bound(e, h->m->flags & FOS_PKT_IPV6);
	fos_header_options(h, &o);
	return bound && o.mss > bound;
}

void fos_mss_clamp(struct fos_egress *e, struct fos_header *h)
{
	if (!fos_mss_exceeds(e, h))
		return;
	fos_header_mss(h, (uint16_t)fos_mss_bound(e, h->m->flags & FOS_PKT_IPV6));
	fos_count(e->p->counter, FOS_C_mss_clamped, 1);
}
