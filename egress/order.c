/* egress/order.c - stable sort by digits, see order.h */
#include "egress/order.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 8u
#define DIGITS (1u << DIGIT_BITS)
#define FEW 24u /* so many are sooner inserted one by one */

/* UINT64_MAX is what comes last whatever its distance: it counts as one more than the largest other. */
struct range {
	uint64_t low;
	uint64_t last; /* UINT64_MAX, less `low` */
	bool ascending;
};

static struct range measure(const uint64_t *key, uint32_t nr)
{
	struct range r = {.low = UINT64_MAX, .ascending = true};
	uint64_t high = 0;

	for (uint32_t i = 0; i < nr; i++) {
		if (key[i] < r.low)
			r.low = key[i];
		if (key[i] != UINT64_MAX && key[i] > high)
			high = key[i];
		if (i && key[i] < key[i - 1])
			r.ascending = false;
	}
	r.last = high >= r.low ? high - r.low + 1 : 0;
	return r;
}

static uint64_t value(const struct range *r, uint64_t key)
{
	uint64_t v = key - r->low;

	return v < r->last ? v : r->last;
}

static void insert(const uint64_t *key, uint32_t nr, uint32_t *place)
{
	for (uint32_t i = 1; i < nr; i++) {
		uint32_t k;

		for (k = i; k > 0 && key[place[k - 1]] > key[i]; k--)
			place[k] = place[k - 1];
		place[k] = i;
	}
}

/* By one digit, from `from` to `to`; those with the same digit stay in order. */
static void distribute(const uint64_t *key, uint32_t nr, const struct range *r, uint32_t shift,
		       const uint32_t *from, uint32_t *to)
{
	uint32_t at[DIGITS], sum = 0;

	memset(at, 0, sizeof(at));
	for (uint32_t i = 0; i < nr; i++)
		at[value(r, key[i]) >> shift & (DIGITS - 1)]++;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t n = at[d];

		at[d] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < nr; i++)
		to[at[value(r, key[from[i]]) >> shift & (DIGITS - 1)]++] = from[i];
}

const uint32_t *fos_order(const uint64_t *key, uint32_t nr, uint32_t *place, uint32_t *spare)
{
	struct range r = measure(key, nr);

	for (uint32_t i = 0; i < nr; i++)
		place[i] = i;
	if (r.ascending)
		return place;
	if (nr <= FEW) {
		insert(key, nr, place);
		return place;
	}
	for (uint32_t shift = 0; shift < 64 && r.last >> shift; shift += DIGIT_BITS) {
		uint32_t *t = place;

		distribute(key, nr, &r, shift, place, spare);
		place = spare;
		spare = t;
	}
	return place;
}
