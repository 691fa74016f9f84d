/* pmhost/timer.c - deadlines of flows: a wheel, and a heap for what is due next; see timer.h */
#include "pmhost/timer.h"

#include <stdlib.h>
#include <string.h>

#define FEW 64u /* entries of a slot that are looked through */

/* ---------------------------------------------------------------- the heap */

static void swap(struct fos_deadline *a, struct fos_deadline *b)
{
	struct fos_deadline t = *a;

	*a = *b;
	*b = t;
}

/* Ties go by flow, so that the order of handlers is the same in every run. */
static bool before(const struct fos_deadline *a, const struct fos_deadline *b)
{
	return a->ns != b->ns ? a->ns < b->ns : a->flow < b->flow;
}

static void heap_add(struct fos_timers *t, const struct fos_deadline *d)
{
	uint32_t i = t->nr;

	if (t->nr == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->heap = realloc(t->heap, t->cap * sizeof(*t->heap));
		if (!t->heap)
			abort();
	}
	t->heap[t->nr++] = *d;
	while (i > 0 && before(&t->heap[i], &t->heap[(i - 1) / 2])) {
		swap(&t->heap[i], &t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static void sift_down(struct fos_timers *t)
{
	uint32_t i = 0;

	for (;;) {
		uint32_t least = i, left = 2 * i + 1;

		if (left < t->nr && before(&t->heap[left], &t->heap[least]))
			least = left;
		if (left + 1 < t->nr && before(&t->heap[left + 1], &t->heap[least]))
			least = left + 1;
		if (least == i)
			return;
		swap(&t->heap[i], &t->heap[least]);
		i = least;
	}
}

/* ---------------------------------------------------------------- the wheel */

static uint32_t new_entry(struct fos_timers *t)
{
	uint32_t i = t->free;

	if (i == 0) {
		uint32_t nr = t->nr_entries ? 2 * t->nr_entries : 256;

		t->entry = realloc(t->entry, nr * sizeof(*t->entry));
		if (!t->entry)
			abort();
		while (t->nr_entries < nr) {
			t->entry[t->nr_entries].next = t->free;
			t->free = ++t->nr_entries;
		}
		i = t->free;
	}
	t->free = t->entry[i - 1].next;
	return i;
}

/* The level at which the two ticks first differ, seen from above: below it the slot comes round before
 * the level above moves on. */
static uint32_t level_of(uint64_t a, uint64_t b)
{
	return (63u - (uint32_t)__builtin_clzll(a ^ b)) / 6u;
}

static void put(struct fos_timers *t, uint32_t i)
{
	struct fos_wheel_entry *e = &t->entry[i - 1];
	uint64_t tick = e->at.ns >> FOS_WHEEL_TICK;
	uint32_t level, slot;

	if (tick <= t->tick || (level = level_of(tick, t->tick)) >= FOS_WHEEL_LEVELS) {
		heap_add(t, &e->at); /* now; or in years */
		e->next = t->free;
		t->free = i;
		t->nr_wheel--;
		return;
	}
	slot = (tick >> 6 * level) & (FOS_WHEEL_SLOTS - 1);
	e->next = t->slot[level][slot];
	t->slot[level][slot] = i;
	t->used[level] |= 1ull << slot;
}

/* The slot's entries find their places again, nearer now. */
static void spill(struct fos_timers *t, uint32_t level)
{
	uint32_t slot = (t->tick >> 6 * level) & (FOS_WHEEL_SLOTS - 1);
	uint32_t i = t->slot[level][slot];

	t->slot[level][slot] = 0;
	t->used[level] &= ~(1ull << slot);
	while (i) {
		uint32_t next = t->entry[i - 1].next;

		put(t, i);
		i = next;
	}
}

/* The tick at which the nearest used slot begins, and its level; false: there is none. */
static bool nearest(const struct fos_timers *t, uint64_t *tick, uint32_t *level)
{
	for (uint32_t l = 0; l < FOS_WHEEL_LEVELS && t->nr_wheel; l++) {
		uint64_t at = t->tick >> 6 * l, ahead;
		uint32_t in = at & (FOS_WHEEL_SLOTS - 1);

		ahead = in == FOS_WHEEL_SLOTS - 1 ? 0 : t->used[l] >> (in + 1);
		if (!ahead)
			continue;
		/* no level above has a nearer one */
		*tick = (at + 1 + (uint64_t)__builtin_ctzll(ahead)) << 6 * l;
		*level = l;
		return true;
	}
	return false;
}

/* However far: only slots that are used are stopped at. */
static void advance(struct fos_timers *t, uint64_t tick)
{
	uint64_t next;
	uint32_t level;

	while (t->tick < tick) {
		if (!nearest(t, &next, &level) || next > tick) {
			t->tick = tick;
			return;
		}
		t->tick = next;
		for (uint32_t l = level + 1; l-- > 0;)
			spill(t, l);
	}
}

/* ---------------------------------------------------------------- what others call */

void fos_timers_add(struct fos_timers *t, uint64_t ns, uint32_t flow, uint32_t gen)
{
	uint32_t i = new_entry(t);

	t->entry[i - 1].at = (struct fos_deadline){.ns = ns, .flow = flow, .gen = gen};
	t->nr_wheel++;
	put(t, i);
}

bool fos_timers_take(struct fos_timers *t, uint64_t now_ns, struct fos_deadline *out)
{
	advance(t, now_ns >> FOS_WHEEL_TICK);
	if (t->nr == 0 || t->heap[0].ns > now_ns)
		return false;
	*out = t->heap[0];
	t->heap[0] = t->heap[--t->nr];
	sift_down(t);
	return true;
}

/* The least of a slot's entries when they are few; else when the slot begins. */
static uint64_t slot_next(const struct fos_timers *t, uint32_t i, uint64_t begin)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t n = 0; i; n++, i = t->entry[i - 1].next) {
		if (n == FEW)
			return begin;
		if (t->entry[i - 1].at.ns < least)
			least = t->entry[i - 1].at.ns;
	}
	return least;
}

uint64_t fos_timers_next(const struct fos_timers *t)
{
	uint64_t next = t->nr ? t->heap[0].ns : UINT64_MAX, tick, ns;
	uint32_t level;

	if (!nearest(t, &tick, &level))
		return next;
	ns = slot_next(t, t->slot[level][(tick >> 6 * level) & (FOS_WHEEL_SLOTS - 1)],
		       tick << FOS_WHEEL_TICK);
	return ns < next ? ns : next;
}

void fos_timers_free(struct fos_timers *t)
{
	free(t->heap);
	free(t->entry);
	memset(t, 0, sizeof(*t));
}
