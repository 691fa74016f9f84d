/* pmhost/timer.h - deadlines of flows: on_timer and the limits of holds
 *
 * A binary heap in private memory; truth is in the flow's context (on_timer) and its
 * hold_since_ns, so an entry may be out of date: whoever takes it looks there.  Rebuilt at attach.
 */
#ifndef FOS_PMHOST_TIMER_H
#define FOS_PMHOST_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct fos_deadline {
	uint64_t ns;
	uint32_t flow;
	uint32_t gen;
};

struct fos_timers {
	struct fos_deadline *heap;
	uint32_t nr;
	uint32_t cap;
};

void fos_timers_add(struct fos_timers *t, uint64_t ns, uint32_t flow, uint32_t gen);

/* Takes the earliest entry that is due; false when none is. */
bool fos_timers_take(struct fos_timers *t, uint64_t now_ns, struct fos_deadline *out);

/* Time of the earliest entry, UINT64_MAX when there is none. */
uint64_t fos_timers_next(const struct fos_timers *t);

void fos_timers_free(struct fos_timers *t);

#endif
