/* pmhost/event_find.h - which events of a flow still lie in the ring, without looking at all of it
 *
 * Private to the process: made of the ring's slots alone, each entered once when it is first seen there
 * and left out once it was taken.  Buckets of flows, each a list of slots in the order of the ring.
 */
#ifndef FOS_PMHOST_EVENT_FIND_H
#define FOS_PMHOST_EVENT_FIND_H

#include "shm/ring.h"

#define FOS_EVENT_FIND_BUCKETS 1024u

struct fos_event_find {
	uint64_t from, to; /* ring positions that are entered */
	uint32_t *next;    /* by slot: the bucket's next one, or FOS_NONE */
	uint32_t *bucket;  /* by slot: the one that it was entered in */
	uint32_t first[FOS_EVENT_FIND_BUCKETS];
	uint32_t last[FOS_EVENT_FIND_BUCKETS]; /* meaningful while first is a slot */
};

/* For the ring as it is attached; aborts when memory is out. */
void fos_event_find_init(struct fos_event_find *f, const struct fos_ring_cons *ring);
void fos_event_find_fini(struct fos_event_find *f);

/* The flow's oldest event in the ring that has not been taken, or NULL.  Valid until it is. */
const struct fos_event_slot *fos_event_find_first(struct fos_event_find *f, struct fos_ring_cons *ring,
						  uint32_t flow, uint32_t gen);

#endif
