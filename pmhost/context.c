/* pmhost/context.c - what a PM remembers and what it tells the platform of a flow: context,
 * PM-wide state, timers, rewrites, its tail, owned addresses */
#include <string.h>

#include "pmhost/host.h"

bool fos_host_pub(const struct fos_instance *pm, uint32_t flow, uint32_t gen,
		  struct fos_pm_pub *pub)
{
	const struct fos_pm_flow *f = &pm->flows[flow];

	fos_pub_read(f, pm->edited ? &pm->edited[flow] : NULL, f->ver, pub);
	if (pub->gen == gen)
		return true;
	memset(pub, 0, sizeof(*pub));
	pub->gen = gen;
	pub->events = pm->d->events;
	return false;
}

void *fos_ctx(struct fos_window *w)
{
	w->ctx_touched = true;
	return w->ctx + fos_host_ctx_off(w->pm);
}

const void *fos_peer_ctx(struct fos_window *w)
{
	struct fos_pm_pub pub;

	if (w->flow == FOS_NONE || !fos_host_pub(w->pm, FOS_PEER(w->flow), w->gen, &pub))
		return NULL;
	return fos_host_ctx_slot(w->pm, FOS_PEER(w->flow), pub.ctx & 1u) + fos_host_ctx_off(w->pm);
}

void *fos_state(struct fos_instance *pm)
{
	pm->state_touched = true;
	return pm->state + FOS_PM_HOST_STATE;
}

struct fos_instance *fos_pm_of(struct fos_window *w)
{
	return w->pm;
}

uint64_t fos_now_ns(struct fos_instance *pm)
{
	return pm->p->now_ns;
}

void fos_timer(struct fos_window *w, uint64_t ns)
{
	fos_host_ctx(w)->timer_ns = ns ? w->pm->p->now_ns + ns : 0;
	w->ctx_touched = true;
}

/* The record is written in place: nobody reads it before the flag is published. */
static int rewrite(struct fos_window *w, uint32_t flow, const struct fos_headers *h)
{
	struct fos_rewrite *r;

	if (!w->pm->rewrites || w->pm->in != FOS_IN_OPEN)
		return FOS_EPERM;
	r = &w->pm->rewrites[flow];
	memset(r, 0, sizeof(*r));
	memcpy(r->src, h->src, sizeof(r->src));
	memcpy(r->dst, h->dst, sizeof(r->dst));
	r->sport = h->sport;
	r->dport = h->dport;
	memcpy(r->src_mac, h->src_mac, sizeof(r->src_mac));
	memcpy(r->dst_mac, h->dst_mac, sizeof(r->dst_mac));
	r->dscp = h->dscp;
	r->ttl = h->ttl;
	r->mask = h->set;
	r->flow_gen = w->gen;
	return FOS_OK;
}

int fos_rewrite(struct fos_window *w, const struct fos_headers *h)
{
	int rc = rewrite(w, w->flow, h);

	w->rewrites |= rc == FOS_OK;
	return rc;
}

int fos_rewrite_peer(struct fos_window *w, const struct fos_headers *h)
{
	int rc = rewrite(w, FOS_PEER(w->flow), h);

	w->rewrites_peer |= rc == FOS_OK;
	return rc;
}

int fos_resend_tail(struct fos_window *w, bool on)
{
	if (!w->pm->d->resends || w->pm->d->stream != FOS_STREAM_APP || w->http)
		return FOS_EPERM;
	if (w->again)
		return FOS_AGAIN;
	w->resend = on ? FOS_RESEND_ON : FOS_RESEND_OFF;
	return FOS_OK;
}

int fos_own_address(struct fos_instance *pm, const uint8_t addr[16])
{
	struct fos_pm_region *r = pm->region;
	uint32_t max = sizeof(r->owned) / sizeof(r->owned[0]);

	if (pm->in != FOS_IN_INIT && pm->in != FOS_IN_OPEN)
		return FOS_EPERM;
	for (uint32_t i = 0; i < r->nr_owned && i < max; i++)
		if (memcmp(r->owned[i], addr, 16) == 0)
			return FOS_OK;
	if (r->nr_owned >= max)
		return FOS_EFULL;
	memcpy(r->owned[r->nr_owned], addr, 16);
	/* pairs with the classifier's acquire: the address is there before it counts */
	fos_release32(&r->nr_owned, r->nr_owned + 1);
	return FOS_OK;
}

_Static_assert((int)FOS_SET_SRC_ADDR == (int)FOS_RW_SRC_ADDR &&
		       (int)FOS_SET_DST_PORT == (int)FOS_RW_DST_PORT &&
		       (int)FOS_SET_DST_MAC == (int)FOS_RW_DST_MAC &&
		       (int)FOS_SET_TTL == (int)FOS_RW_TTL,
	       "header fields are those of shm/layout.h");
_Static_assert((int)FOS_END_FIN == (int)FOS_CLOSE_FIN && (int)FOS_END_PM == (int)FOS_CLOSE_PM &&
		       (int)FOS_END_MOVED == (int)FOS_CLOSE_MOVED,
	       "reasons are those of shm/layout.h");
