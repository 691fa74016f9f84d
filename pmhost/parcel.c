/* pmhost/parcel.c - packets that a module sends, see parcel.h */
#include "pmhost/parcel.h"

#include <stdlib.h>
#include <string.h>

#include "pmhost/host.h"
#include "shm/parcel.h"

_Static_assert(FOS_SEND_MAX == FOS_PARCEL_MAX && FOS_SEND_RATE == FOS_PARCEL_RATE &&
		       FOS_SEND_BURST == FOS_PARCEL_BURST, "bounds are those of shm/layout.h");

struct fos_parcels *fos_parcels_attach(struct fos_instance *pm)
{
	uint32_t lane = pm->box->lane;
	struct fos_ring_prod *ring = !pm->d->sends ? NULL :
		fos_proc_prod(pm->p, FOS_RING_PARCEL, fos_proc_find(pm->dir, FOS_ROLE_EGRESS, lane, lane));
	struct fos_parcels *s;

	if (!ring)
		return NULL;
	s = calloc(1, sizeof(*s) + FOS_SEND_STAGED * sizeof(s->staged[0]));
	if (!s)
		abort();
	s->ring = ring;
	return s;
}

bool fos_parcels_room(struct fos_instance *pm)
{
	struct fos_parcels *s = pm->parcels;

	return !s || s->nr == 0 || fos_ring_room(s->ring, s->nr) >= s->nr;
}

void fos_parcels_publish(struct fos_instance *pm)
{
	struct fos_parcels *s = pm->parcels;

	if (!s || s->nr == 0)
		return;
	for (uint32_t i = 0; i < s->nr; i++)
		memcpy(fos_ring_slot(s->ring, i), &s->staged[i],
		       offsetof(struct fos_parcel, ip) + s->staged[i].len);
	fos_ring_advance(s->ring, s->nr);
	fos_txn_publish64(&pm->txn, fos_ring_tail_word(s->ring), s->ring->next);
}

void fos_parcels_clear(struct fos_instance *pm)
{
	if (pm->parcels)
		pm->parcels->nr = 0;
}

/* Is a handler of a flow running, and `w` its window? */
static bool of_flow(const struct fos_window *w)
{
	enum fos_handler in = w->pm->in;

	return w->flow != FOS_NONE && in != FOS_IN_NONE && in != FOS_IN_INIT && in != FOS_IN_MESSAGE &&
	       in != FOS_IN_TICK;
}

int fos_send_packet(struct fos_window *w, enum fos_send_to to, const void *ip, size_t len)
{
	struct fos_parcels *s = w->pm->parcels;
	struct fos_parcel *p;
	enum fos_parcel_why why;

	if (!s || w->pm->p->offline || !of_flow(w))
		return FOS_EPERM;
	if (w->again)
		return FOS_AGAIN;
	if (len > FOS_SEND_MAX || (to != FOS_TO_DESTINATION && to != FOS_TO_SOURCE))
		return FOS_EINVAL;
	if (s->nr == FOS_SEND_STAGED)
		return FOS_EFULL;
	p = &s->staged[s->nr];
	*p = (struct fos_parcel){.flow = w->flow, .flow_gen = w->gen, .back = to == FOS_TO_SOURCE,
				 .len = (uint16_t)len};
	memcpy(p->ip, ip, len);
	why = fos_parcel_check(&w->pm->box->flows[w->flow], p->back, p->ip, p->len);
	if (why != FOS_PARCEL_OK && why != FOS_PARCEL_BARE)
		return why == FOS_PARCEL_GUARDED ? FOS_EPERM : FOS_EINVAL;
	s->nr++;
	return FOS_OK;
}
