/* pmhost/timer.c - a binary heap of deadlines, see timer.h */
#include "pmhost/timer.h"

#include <stdlib.h>

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

void fos_timers_add(struct fos_timers *t, uint64_t ns, uint32_t flow, uint32_t gen)
{
	uint32_t i = t->nr;

	if (t->nr == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->heap = realloc(t->heap, t->cap * sizeof(*t->heap));
		if (!t->heap)
			abort();
	}
	t->heap[t->nr++] = (struct fos_deadline){.ns = ns, .flow = flow, .gen = gen};
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

bool fos_timers_take(struct fos_timers *t, uint64_t now_ns, struct fos_deadline *out)
{
	if (t->nr == 0 || t->heap[0].ns > now_ns)
		return false;
	*out = t->heap[0];
	t->heap[0] = t->heap[--t->nr];
	sift_down(t);
	return true;
}

uint64_t fos_timers_next(const struct fos_timers *t)
{
	return t->nr ? t->heap[0].ns : UINT64_MAX;
}

void fos_timers_free(struct fos_timers *t)
{
	free(t->heap);
	t->heap = NULL;
	t->nr = t->cap = 0;
}
