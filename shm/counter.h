/* shm/counter.h - ids and names of the counters in counter.def */
#ifndef FOS_SHM_COUNTER_H
#define FOS_SHM_COUNTER_H

#include "shm/atomic.h"
#include "shm/layout.h"

enum fos_counter_id {
#define C(name, unit, help) FOS_C_##name,
#define D(name, unit, help) FOS_C_##name,
#include "shm/counter.def"
#undef C
#undef D
	FOS_NR_COUNTERS
};

_Static_assert((unsigned)FOS_NR_COUNTERS <= FOS_NR_COUNTERS_MAX, "counters fit the region head");

struct fos_counter_info {
	const char *name;
	const char *unit;
	const char *help;
	int is_drop;
};

/* FOS_NR_COUNTERS entries, indexed by id. */
extern const struct fos_counter_info fos_counter_table[];

/* Adds to an own counter.  Caller: the region's owner; readers may look at any time. */
static inline void fos_count(uint64_t *counters, enum fos_counter_id id, uint64_t n)
{
	fos_relaxed_store64(&counters[id], counters[id] + n);
}

#endif
