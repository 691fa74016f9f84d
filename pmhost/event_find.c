/* pmhost/event_find.c - events of a flow in the ring, see event_find.h */
#include "pmhost/event_find.h"

#include <stdlib.h>

void fos_event_find_init(struct fos_event_find *f, const struct fos_ring_cons *ring)
{
	f->from = f->to = ring->next;
	f->next = calloc(ring->mask + 1, sizeof(*f->next));
	f->bucket = calloc(ring->mask + 1, sizeof(*f->bucket));
	if (!f->next || !f->bucket)
		abort();
	for (uint32_t i = 0; i < FOS_EVENT_FIND_BUCKETS; i++)
		f->first[i] = FOS_NONE;
}

void fos_event_find_fini(struct fos_event_find *f)
{
	free(f->next);
	free(f->bucket);
	f->next = f->bucket = NULL;
}

/* The connection's two flows lie next to each other, and have events at the same time. */
static uint32_t bucket_of(uint32_t flow)
{
	return flow % FOS_EVENT_FIND_BUCKETS;
}

/* Taken ones: each is the first of its bucket, for they are taken in order.  Its slot may hold another
 * event by now. */
static void leave_out(struct fos_event_find *f, const struct fos_ring_cons *ring)
{
	for (; f->from != f->to && f->from != ring->next; f->from++) {
		uint32_t slot = (uint32_t)(f->from & ring->mask);

		f->first[f->bucket[slot]] = f->next[slot];
	}
	if (f->from == f->to)
		f->from = f->to = ring->next;
}

static void enter(struct fos_event_find *f, const struct fos_ring_cons *ring, uint64_t end)
{
	for (; f->to != end; f->to++) {
		uint32_t slot = (uint32_t)(f->to & ring->mask);
		const struct fos_event_slot *s = fos_ring_at(ring, f->to - ring->next);
		uint32_t b = bucket_of(s->flow);

		f->next[slot] = FOS_NONE;
		f->bucket[slot] = b;
		if (f->first[b] == FOS_NONE)
			f->first[b] = slot;
		else
			f->next[f->last[b]] = slot;
		f->last[b] = slot;
	}
}

const struct fos_event_slot *fos_event_find_first(struct fos_event_find *f, struct fos_ring_cons *ring,
						  uint32_t flow, uint32_t gen)
{
	uint64_t n = fos_ring_peek(ring);

	leave_out(f, ring);
	/* what the classifier takes back does not exist; a ring out of order is empty */
	if (ring->next + n - f->from < f->to - f->from)
		return NULL;
	enter(f, ring, ring->next + n);
	for (uint32_t i = f->first[bucket_of(flow)]; i != FOS_NONE; i = f->next[i]) {
		const struct fos_event_slot *s = fos_ring_at(ring, i - ring->next);

		if (s->flow == flow && s->flow_gen == gen)
			return s;
	}
	return NULL;
}
