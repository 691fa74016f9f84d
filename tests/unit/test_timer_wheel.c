/* Deadlines against a list that is searched: what is due is taken in order, exactly, never early, and the
 * time to look again is never too late.  Spans from one tick to years, ties, steps over long rests. */
#include <stdlib.h>
#include <string.h>

#include "pmhost/timer.h"
#include "tests/tap.h"
#include "tests/world.h"

#define MOST 400u

struct model {
	struct fos_deadline d[MOST];
	uint32_t nr;
};

static bool earlier(const struct fos_deadline *a, const struct fos_deadline *b)
{
	return a->ns != b->ns ? a->ns < b->ns : a->flow < b->flow;
}

static uint32_t least(const struct model *m)
{
	uint32_t i = 0;

	for (uint32_t k = 1; k < m->nr; k++)
		if (earlier(&m->d[k], &m->d[i]))
			i = k;
	return i;
}

static uint64_t span(uint64_t *seed)
{
	static const uint32_t bits[] = {4, 12, 20, 21, 26, 27, 32, 33, 38, 44, 50, 56, 58};

	return world_rand(seed) >> (64 - bits[world_rand(seed) % 13]);
}

/* All that is due, compared one by one.  False with a line. */
static bool drain(struct fos_timers *t, struct model *m, uint64_t now)
{
	struct fos_deadline got;

	while (fos_timers_take(t, now, &got)) {
		uint32_t i = least(m);

		if (m->nr == 0 || m->d[i].ns != got.ns || m->d[i].flow != got.flow || got.ns > now) {
			diag("took %llu of flow %u, want %llu", (unsigned long long)got.ns, got.flow,
			     m->nr ? (unsigned long long)m->d[i].ns : 0);
			return false;
		}
		m->d[i] = m->d[--m->nr];
	}
	if (m->nr && m->d[least(m)].ns <= now) {
		diag("left %llu at %llu", (unsigned long long)m->d[least(m)].ns, (unsigned long long)now);
		return false;
	}
	return true;
}

static bool play(uint64_t seed)
{
	struct fos_timers t = {.nr = 0};
	struct model m = {.nr = 0};
	uint64_t now = span(&seed);
	uint32_t flow = 0;
	bool good = true;

	for (uint32_t step = 0; step < 3000 && good; step++) {
		uint64_t next = fos_timers_next(&t);

		if (m.nr < MOST && world_rand(&seed) % 3) {
			struct fos_deadline d = {.ns = now + span(&seed), .flow = ++flow};

			if (world_rand(&seed) % 8 == 0 && m.nr)
				d.ns = m.d[world_rand(&seed) % m.nr].ns; /* a tie */
			fos_timers_add(&t, d.ns, d.flow, 1);
			m.d[m.nr++] = d;
			continue;
		}
		if (m.nr ? next > m.d[least(&m)].ns : next != UINT64_MAX) {
			diag("looks again at %llu", (unsigned long long)next);
			good = false;
		}
		now = m.nr && world_rand(&seed) % 2 && next > now && next != UINT64_MAX ? next :
										  now + span(&seed) / 4;
		good = good && drain(&t, &m, now);
	}
	fos_timers_free(&t);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint32_t bad = 0;

	for (uint64_t seed = first; seed < first + (argc > 1 ? 1 : 300) && bad == 0; seed++)
		if (!play(seed)) {
			diag("seed %llu", (unsigned long long)seed);
			bad++;
		}
	is_u64(bad, 0, "every deadline is taken in its order, when it is due");
	return done();
}
