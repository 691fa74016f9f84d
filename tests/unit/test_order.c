/* test_order.c - sorting by digits against the C library's sort */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "egress/order.h"
#include "tests/tap.h"

#define MOST 2000u

struct entry {
	uint64_t key;
	uint32_t at;
};

static uint64_t state;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static uint64_t draw_key(uint32_t kind, uint32_t i)
{
	switch (kind) {
	case 0: return draw() % 512;
	case 1: return 1u << 20 | draw() % 512;
	case 2: return draw();
	case 3: return draw() % 4 ? UINT64_MAX - draw() % 3 : draw() % 3;
	case 4: return i;
	case 5: return draw() % 8 ? 70000 + draw() % 512 : UINT64_MAX;
	case 6: return UINT64_MAX;
	default: return draw() >> draw() % 64;
	}
}

/* Returns how many places differ from those that qsort() finds. */
static uint32_t wrong(uint32_t kind, uint32_t nr)
{
	static uint64_t key[MOST];
	static uint32_t place[MOST], spare[MOST];
	static struct entry want[MOST];
	const uint32_t *got;
	uint32_t bad = 0;

	for (uint32_t i = 0; i < nr; i++) {
		key[i] = draw_key(kind, i);
		want[i] = (struct entry){key[i], i};
	}
	qsort(want, nr, sizeof(*want), by_key);
	memset(place, 0xff, sizeof(place));
	memset(spare, 0xff, sizeof(spare));
	got = fos_order(key, nr, place, spare);
	for (uint32_t i = 0; i < nr; i++)
		bad += got[i] != want[i].at;
	for (uint32_t i = nr; i < MOST; i++)
		bad += place[i] != UINT32_MAX || spare[i] != UINT32_MAX;
	return bad;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) | 1;
	static const char *const what[] = {
		"a batch's numbers", "such numbers far from 0", "any numbers", "the ends of the range",
		"ascending ones", "some that come last", "all that come last", "numbers of all sizes",
	};

	tap_plan(8);
	printf("# seed %llu\n", (unsigned long long)seed);
	state = seed;
	for (uint32_t kind = 0; kind < 8; kind++) {
		uint32_t bad = 0;

		for (uint32_t nr = 0; nr < 60; nr++)
			bad += wrong(kind, nr);
		for (uint32_t i = 0; i < 40; i++)
			bad += wrong(kind, (uint32_t)(draw() % MOST) + 1);
		ok(bad == 0, "%s: each in its place, equal ones as they came", what[kind]);
	}
	return done();
}
