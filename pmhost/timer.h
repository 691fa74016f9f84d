/* pmhost/timer.h - deadlines of flows: on_timer, timers of events, and the limits of holds
 *
 * A hierarchical timing wheel in private memory, a binary heap before it: what is due within the current
 * tick (about 1 ms) lies in the heap, exact and in order; all else in the wheel, where setting a
 * deadline costs the same however many there are.  Truth is in the flow's context and its
 * hold_since_ns, so an entry may be out of date: whoever takes it looks there.  Rebuilt at attach.
 */
#ifndef FOS_PMHOST_TIMER_H
#define FOS_PMHOST_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define FOS_WHEEL_LEVELS 6u
#define FOS_WHEEL_SLOTS 64u
#define FOS_WHEEL_TICK 20u /* log2 of its nanoseconds */

struct fos_deadline {
	uint64_t ns;
	uint32_t flow;
	uint32_t gen;
};

struct fos_wheel_entry {
	struct fos_deadline at;
	uint32_t next; /* of the same slot, or free: index + 1; 0 = none */
	uint32_t pad;
};

struct fos_timers {
	/* due in this tick or before, least first */
	struct fos_deadline *heap;
	uint32_t nr;
	uint32_t cap;
	/* later ones: a level's slot stands for 64 slots of the level below */
	uint64_t tick; /* the current one */
	uint32_t nr_wheel;
	uint32_t nr_entries, free; /* index + 1 */
	struct fos_wheel_entry *entry;
	uint64_t used[FOS_WHEEL_LEVELS]; /* bit per slot that has entries */
	uint32_t slot[FOS_WHEEL_LEVELS][FOS_WHEEL_SLOTS]; /* index + 1 */
};

void fos_timers_add(struct fos_timers *t, uint64_t ns, uint32_t flow, uint32_t gen);

/* Takes the earliest entry that is due; false when none is.  now_ns never steps back. */
bool fos_timers_take(struct fos_timers *t, uint64_t now_ns, struct fos_deadline *out);

/* Time to look again: not later than the earliest entry; UINT64_MAX when there is none. */
uint64_t fos_timers_next(const struct fos_timers *t);

void fos_timers_free(struct fos_timers *t);

#endif
