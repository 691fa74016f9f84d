/* classifier/event_state.h - the classifier's private memory about events, see event.h */
#ifndef FOS_CLASSIFIER_EVENT_STATE_H
#define FOS_CLASSIFIER_EVENT_STATE_H

#include <stdbool.h>

#include "shm/ring.h"

#define FOS_EVENTS_PER_PACKET 32u
#define FOS_MISSES 128u /* flows that one PM's ring had no room for in one batch, at most */

struct fos_event_ring {
	struct fos_ring_prod *ring;
	uint8_t *room;    /* for packets, by slot; NULL = the PM wants none */
	uint32_t *missed; /* by flow, published */
	uint32_t pm;
};

struct fos_event_miss {
	uint32_t ring;
	uint32_t flow;
	uint32_t nr;
};

struct fos_packet;

struct fos_event_state {
	struct fos_event_ring ring[FOS_MAX_PMS];
	uint32_t nr_rings;
	struct fos_event_miss *miss;
	uint32_t nr_missed;
	/* the packet in hand */
	const struct fos_packet *pkt; /* NULL = none */
	uint32_t flow;
	uint64_t tail;     /* of its stream, before */
	uint8_t before[2]; /* states, sender's and receiver's */
	bool over[2];      /* the end of the flow (its peer) has been told */
	struct fos_event_slot slot[FOS_EVENTS_PER_PACKET];
	uint32_t nr_slots;
	/* bytes that the packet has taken the place of (overlap.h); old_len 0 = none */
	uint64_t old_pos;  /* of its run */
	uint32_t old_off;  /* of the first of them, in the run */
	uint16_t old_len;
	uint8_t old[FOS_EVENT_OLD_MAX];
};

#endif
