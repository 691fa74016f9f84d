/* User-defined events by themselves: random forests of definitions, random sets of handlers, filters that
 * answer as a table says; what is called, in which order, is compared with a model that walks the
 * definitions as they are written down.  A seed as argument repeats a run. */
#include <stdlib.h>
#include <string.h>

#include "pmhost/event_set.h"
#include "tests/tap.h"
#include "tests/world.h"

#define DEFS 40u
#define PAIRS 60u

static bool answer[DEFS];
static uint32_t trace[4096];
static uint32_t nr_trace, asked;

static bool filter(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	uint32_t i;

	(void)w;
	memcpy(&i, arg, sizeof(i));
	if (ev->id != FOS_EVENT_USER + i)
		abort(); /* it is told which event it is about */
	asked++;
	return answer[i];
}

/* Handlers differ by address; which pair is meant is the event that they are told. */
#define H(n)                                                                                       \
	static void h##n(struct fos_window *w, const struct fos_event *ev)                         \
	{                                                                                          \
		(void)w;                                                                           \
		trace[nr_trace++] = ev->id * 4 + n;                                                \
	}
H(0) H(1) H(2)

static fos_event_handler_fn *const handler[] = {h0, h1, h2};

struct model {
	uint32_t base[DEFS], nr;
	uint32_t event[PAIRS], which[PAIRS], nr_pairs;
	bool in[PAIRS];
	uint32_t want[4096], nr_want;
};

static void model_run(struct model *m, uint32_t event)
{
	for (uint32_t i = 0; i < m->nr_pairs; i++)
		if (m->in[i] && m->event[i] == event)
			m->want[m->nr_want++] = event * 4 + m->which[i];
	for (uint32_t i = 0; i < m->nr; i++)
		if (m->base[i] == event && answer[i])
			model_run(m, FOS_EVENT_USER + i);
}

static void random_forest(struct fos_event_defs *d, struct model *m, uint64_t *seed)
{
	fos_event_defs_init(d);
	memset(m, 0, sizeof(*m));
	while (m->nr < DEFS) {
		uint32_t r = (uint32_t)(world_rand(seed) % 8), i = m->nr;
		uint32_t base = r < 3 || i == 0 ? (uint32_t)(world_rand(seed) % FOS_NR_ON) :
				r == 3 ? FOS_EVENT_NONE :
					 FOS_EVENT_USER + (uint32_t)(world_rand(seed) % i);
		int id = fos_event_defs_define(d, base, filter, &i, sizeof(i));

		if (id == FOS_EFULL)
			continue; /* deeper than may be */
		if (id != (int)(FOS_EVENT_USER + i))
			abort();
		m->base[m->nr++] = base;
	}
	while (m->nr_pairs < PAIRS) {
		uint32_t event = world_rand(seed) % 4 ?
					 FOS_EVENT_USER + (uint32_t)(world_rand(seed) % DEFS) :
					 (uint32_t)(world_rand(seed) % FOS_NR_ON);
		uint32_t which = (uint32_t)(world_rand(seed) % 3), i = m->nr_pairs;

		if (fos_event_defs_find(d, event, handler[which]) >= 0)
			continue;
		if (fos_event_defs_handle(d, event, handler[which], false) != (int)i)
			abort();
		m->event[i] = event;
		m->which[i] = which;
		m->nr_pairs++;
	}
}

/* One event, in a set that `m` knows by its pairs. */
static bool same_calls(struct fos_event_sets *sets, const struct fos_event_defs *d,
		       struct model *m, const struct fos_event_set *set, uint32_t event)
{
	struct fos_event ev = {.base = event};
	bool called;

	nr_trace = m->nr_want = 0;
	/* what is raised happens whatever its own filter would say */
	model_run(m, event);
	called = event < FOS_NR_ON ? set->roots >> event & 1u :
				     fos_event_set_find(set, event) < set->nr_nodes;
	if (called)
		fos_event_set_walk(sets, d, set,
				   event < FOS_NR_ON ? set->start[event] : fos_event_set_find(set, event),
				   NULL, &ev);
	return nr_trace == m->nr_want && memcmp(trace, m->want, nr_trace * sizeof(trace[0])) == 0;
}

static bool round_of(uint64_t *seed)
{
	static struct fos_event_defs d;
	static struct fos_event_sets sets;
	static struct model m;
	uint64_t bits[FOS_EVENT_SET_WORDS] = {0}, id = 0;
	bool good = true;

	random_forest(&d, &m, seed);
	memset(&sets, 0, sizeof(sets));
	for (uint32_t step = 0; step < 200 && good; step++) {
		uint32_t i = (uint32_t)(world_rand(seed) % PAIRS);
		const struct fos_event_set *set;

		m.in[i] = !m.in[i];
		bits[i / 64] ^= 1ull << (i % 64);
		id ^= d.pair[i].hash;
		for (uint32_t k = 0; k < DEFS; k++)
			answer[k] = world_rand(seed) % 3 != 0;
		set = fos_event_sets_get(&sets, &d, id, bits);
		good = set == fos_event_sets_get(&sets, &d, id, bits);
		for (uint32_t e = 0; e < FOS_NR_ON && good; e++)
			good = same_calls(&sets, &d, &m, set, e);
		for (uint32_t e = 0; e < DEFS && good; e++)
			good = same_calls(&sets, &d, &m, set, FOS_EVENT_USER + e);
	}
	fos_event_sets_fini(&sets);
	fos_event_defs_fini(&d);
	return good;
}

static void test_random(uint64_t seed, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++) {
		uint64_t s = seed + i, from = s;

		if (!round_of(&s)) {
			ok(false, "seed %llu: other calls than by the definitions",
			   (unsigned long long)from);
			return;
		}
	}
	ok(true, "seeds %llu to %llu: the calls that the definitions say, in their order",
	   (unsigned long long)seed, (unsigned long long)(seed + rounds - 1));
}

/* ------------------------------------------------------------------ by hand */

static void test_same(void)
{
	static struct fos_event_defs d;
	static struct fos_event_sets sets;
	uint32_t zero = 0, one = 1;
	uint64_t bits[FOS_EVENT_SET_WORDS] = {0}, id = 0;
	const struct fos_event_set *a, *b;
	int e;

	fos_event_defs_init(&d);
	e = fos_event_defs_define(&d, FOS_ON_NEW_DATA, filter, &zero, 4);
	is_u64((uint64_t)fos_event_defs_define(&d, FOS_ON_NEW_DATA, filter, &zero, 4), (uint64_t)e,
	       "identical definitions are one");
	ok(fos_event_defs_define(&d, FOS_ON_NEW_DATA, filter, &one, 4) != e &&
		   fos_event_defs_define(&d, FOS_ON_PACKET, filter, &zero, 4) != e &&
		   fos_event_defs_define(&d, FOS_ON_NEW_DATA, NULL, &zero, 4) != e,
	   "another argument, base or filter makes another");
	for (int i = 0; i < 3; i++)
		fos_event_defs_handle(&d, (uint32_t)e, handler[i], i == 2);
	ok(d.id == d.pair[2].hash && d.bits[0] == 4, "the template is what every flow begins with");
	memset(&sets, 0, sizeof(sets));
	/* 0 and 1, in either order, and after a third that went again */
	for (uint32_t i = 0; i < 2; i++) {
		bits[0] |= 1u << i;
		id ^= d.pair[i].hash;
	}
	a = fos_event_sets_get(&sets, &d, id, bits);
	id ^= d.pair[2].hash ^ d.pair[0].hash;
	id ^= d.pair[0].hash ^ d.pair[2].hash;
	b = fos_event_sets_get(&sets, &d, id, bits);
	ok(a == b && sets.nr == 1, "flows with the same set share it, however they came by it");
	asked = nr_trace = 0;
	answer[0] = false;
	fos_event_set_walk(&sets, &d, a, a->start[FOS_ON_NEW_DATA], NULL,
			   &(struct fos_event){.base = FOS_ON_NEW_DATA});
	ok(asked == 1 && nr_trace == 0, "a filter is asked once for all handlers, and prunes");
	fos_event_sets_fini(&sets);
	fos_event_defs_fini(&d);
}

static void test_limits(void)
{
	static struct fos_event_defs d;
	uint32_t base = FOS_ON_PACKET;
	uint8_t big[FOS_EVENT_ARG_MAX + 1] = {0};
	int rc = 0;

	fos_event_defs_init(&d);
	ok(fos_event_defs_define(&d, FOS_NR_ON, NULL, NULL, 0) == FOS_EINVAL &&
		   fos_event_defs_define(&d, FOS_EVENT_USER, NULL, NULL, 0) == FOS_EINVAL &&
		   fos_event_defs_handle(&d, FOS_EVENT_USER, h0, false) == FOS_EINVAL &&
		   fos_event_defs_handle(&d, FOS_ON_PACKET, NULL, false) == FOS_EINVAL,
	   "no such base, no such event, no handler");
	ok(fos_event_defs_define(&d, base, NULL, big, sizeof(big)) == FOS_EINVAL, "argument too long");
	for (uint32_t i = 0; i < FOS_EVENT_DEPTH; i++)
		base = (uint32_t)fos_event_defs_define(&d, base, NULL, NULL, 0);
	is_u64((uint64_t)(int64_t)fos_event_defs_define(&d, base, NULL, NULL, 0),
	       (uint64_t)(int64_t)FOS_EFULL, "too deep");
	for (uint32_t i = 0; rc >= 0 && i < 2 * FOS_EVENT_DEFINITIONS; i++)
		rc = fos_event_defs_define(&d, FOS_ON_END, NULL, &i, sizeof(i));
	ok(rc == FOS_EFULL && d.nr_defs == FOS_EVENT_DEFINITIONS, "too many definitions");
	rc = 0;
	for (uint32_t i = 0; rc >= 0 && i < 2 * FOS_EVENT_HANDLERS; i++)
		rc = fos_event_defs_handle(&d, FOS_EVENT_USER + i, h0, false);
	ok(rc == FOS_EFULL && d.nr_pairs == FOS_EVENT_HANDLERS, "too many handlers");
	fos_event_defs_fini(&d);
}

/* More sets than are kept: they are worked out again. */
static void test_many(void)
{
	static struct fos_event_defs d;
	static struct fos_event_sets sets;
	uint32_t wrong = 0;

	fos_event_defs_init(&d);
	for (uint32_t i = 0; i < 16; i++)
		fos_event_defs_handle(&d, (uint32_t)fos_event_defs_define(&d, FOS_ON_END, NULL, &i, 4), h0,
				      false);
	memset(&sets, 0, sizeof(sets));
	for (uint32_t n = 1; n < 3 * FOS_EVENT_SETS; n++) {
		uint64_t bits[FOS_EVENT_SET_WORDS] = {n}, id = 0;
		const struct fos_event_set *s;

		for (uint32_t i = 0; i < 16; i++)
			id ^= n >> i & 1u ? d.pair[i].hash : 0;
		s = fos_event_sets_get(&sets, &d, id, bits);
		wrong += s->nr_nodes != 1u + (uint32_t)__builtin_popcount(n);
	}
	ok(wrong == 0 && sets.nr <= FOS_EVENT_SETS, "%u different sets: each right, %u kept",
	   3 * FOS_EVENT_SETS - 1, sets.nr);
	fos_event_sets_fini(&sets);
	fos_event_defs_fini(&d);
}

int main(int argc, char **argv)
{
	test_same();
	test_limits();
	test_many();
	test_random(argc > 1 ? strtoull(argv[1], NULL, 0) : 1, argc > 1 ? 1 : 300);
	return done();
}
