/* shm/history.h - the records of what has happened on flows (struct fos_flow_events)
 *
 * An open hash table of few places, by flow: one that is full of flows that live lets go of the one whose
 * newest event is the oldest.  Written by the classifier (classifier/history.h), looked at by anybody.
 */
#ifndef FOS_SHM_HISTORY_H
#define FOS_SHM_HISTORY_H

#include "shm/atomic.h"
#include "shm/layout.h"

#define FOS_HISTORY_PROBES 8u /* places of a flow, from its hash on */

/* Records of a classifier that has so many flows. */
static inline uint32_t fos_history_size(uint32_t nr_flows)
{
	uint32_t n = nr_flows / FOS_EVENTS_PER;

	if (n < FOS_EVENTS_LEAST)
		n = nr_flows < FOS_EVENTS_LEAST ? nr_flows : FOS_EVENTS_LEAST;
	return n < FOS_HISTORY_PROBES ? FOS_HISTORY_PROBES : n;
}

/* Index of a flow's i-th place. */
static inline uint32_t fos_history_place(uint32_t nr, uint32_t flow, uint32_t i)
{
	return (uint32_t)(((uint64_t)(flow * 2654435761u) * nr >> 32) + i) % nr;
}

/* The flow's record; NULL: nothing has happened, or it is not known any more. */
static inline const struct fos_flow_events *fos_history_find(const struct fos_flow_events *table,
							     uint32_t nr, uint32_t flow, uint32_t gen)
{
	for (uint32_t i = 0; i < FOS_HISTORY_PROBES && gen; i++) {
		const struct fos_flow_events *x = &table[fos_history_place(nr, flow, i)];

		if (fos_relaxed32(&x->gen) == gen && fos_relaxed32(&x->flow) == flow)
			return x;
	}
	return NULL;
}

#endif
