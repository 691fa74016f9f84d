/* deploy/pmtest/variant.c - what a seed draws, see variant.h; playing it: play.c */
#include "deploy/pmtest/variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t pmtest_rand(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static bool place_in(struct disturb *d, const struct step *st, uint64_t at)
{
	d->conn = st->conn;
	d->dir = st->dir;
	d->off = st->off + at;
	return true;
}

/* A place in some stream: near the beginning of what an end sends (where headers are), or any byte, each
 * as likely as any other. */
static bool draw_place(struct disturb *d, uint64_t *s, const struct recording *r)
{
	uint64_t at = pmtest_below(s, r->bytes), near = pmtest_below(s, 64);
	bool early = pmtest_below(s, 2);
	const struct step *st = r->nr_steps ? &r->step[pmtest_below(s, r->nr_steps)] : NULL;

	if (early && st && st->kind == STEP_BYTES)
		return place_in(d, st, near < st->len ? near : st->len - 1);
	for (uint32_t i = 0; i < r->nr_steps; i++) {
		st = &r->step[i];
		if (st->kind != STEP_BYTES)
			continue;
		if (at < st->len)
			return place_in(d, st, at);
		at -= st->len;
	}
	return false;
}

static void add(struct variant *v, uint64_t *s, const struct recording *r, enum disturb_kind kind,
		uint32_t n)
{
	struct disturb *d = &v->disturb[v->nr];

	if (v->nr == VARIANT_MAX || !draw_place(d, s, r))
		return;
	d->kind = kind;
	d->n = n;
	v->nr++;
}

/* How much more often a module commits when it sees each packet by itself: at most so many doublings. */
static uint32_t doublings(const struct variant *v, const struct recording *r)
{
	uint64_t whole = r->bytes / VARIANT_MSS + r->nr_steps + 1, parts = whole, m = 0;
	uint32_t segment = v->segment;
	bool slow = v->slow;

	for (uint32_t i = 0; i < v->nr; i++) {
		if (v->disturb[i].kind == DISTURB_SIZE)
			segment = v->disturb[i].n;
		slow |= v->disturb[i].kind == DISTURB_SLOW;
		parts += v->disturb[i].kind == DISTURB_CUT;
	}
	if (segment)
		parts += r->bytes / segment;
	while (slow && parts >> m > whole)
		m++;
	return (uint32_t)m;
}

static void add_kill(struct variant *v, uint64_t *s, const struct variant_rules *rules, uint32_t more)
{
	struct disturb *d = &v->disturb[v->nr];
	uint32_t pm = (uint32_t)pmtest_below(s, rules->nr_pms);
	uint64_t life;

	if (v->nr == VARIANT_MAX || rules->nr_pms == 0)
		return;
	*d = (struct disturb){.kind = DISTURB_KILL, .conn = pm};
	/* cut smaller, a module commits more often than when undisturbed: how much more often is not known
	 * before it has been played, so the bound is any of the doublings, each as likely as another */
	life = (2 * rules->kill_points[pm] + 8) << (more ? pmtest_below(s, more + 1) : 0);
	d->n = 1 + (uint32_t)pmtest_below(s, life < UINT32_MAX ? life : UINT32_MAX);
	v->nr++;
}

void variant_draw(struct variant *v, uint64_t seed, const struct recording *r,
		  const struct variant_rules *rules)
{
	uint64_t s = seed * 0x2545f4914f6cdd1dull + 1, n;
	uint32_t more;

	memset(v, 0, sizeof(*v));
	v->seed = seed;
	v->segment = rules->segment;
	v->slow = rules->segment > 0;
	if (rules->cuts) {
		static const uint32_t size[] = {0, 0, 0, 536, 100, 17, 3, 1};

		n = size[pmtest_below(&s, 8)];
		/* streams of megabytes are not to become millions of packets */
		while (n && r->bytes / n > 20000)
			n *= 4;
		if (n)
			v->disturb[v->nr++] = (struct disturb){DISTURB_SIZE, 0, 0, 0, (uint32_t)n};
		if (pmtest_below(&s, 4))
			v->disturb[v->nr++] = (struct disturb){.kind = DISTURB_SLOW};
		for (n = pmtest_below(&s, 41); n > 0; n--)
			add(v, &s, r, DISTURB_CUT, 0);
	}
	if (rules->order) {
		for (n = pmtest_below(&s, 13); n > 0; n--)
			add(v, &s, r, DISTURB_LATE, 1 + (uint32_t)pmtest_below(&s, 6));
		for (n = pmtest_below(&s, 9); n > 0; n--)
			add(v, &s, r, DISTURB_AGAIN, (uint32_t)pmtest_below(&s, 6));
		for (n = pmtest_below(&s, 9); n > 0; n--)
			add(v, &s, r, DISTURB_OVERLAP, 1 + (uint32_t)pmtest_below(&s, 600));
	}
	more = doublings(v, r);
	if (rules->kills)
		for (n = pmtest_below(&s, 6); n > 0; n--)
			add_kill(v, &s, rules, more);
}

void variant_tell(const struct disturb *d, const struct recording *r, char *to, size_t size)
{
	static const char *const what[] = {
		[DISTURB_CUT] = "a segment ends before byte %llu",
		[DISTURB_LATE] = "the segment with byte %llu comes %u later",
		[DISTURB_AGAIN] = "the segment with byte %llu comes again, %u later",
		[DISTURB_OVERLAP] = "the segment with byte %llu repeats the %u bytes before it",
	};
	const struct recorded_dir *e;
	int n;

	if (d->kind == DISTURB_SIZE) {
		snprintf(to, size, "segments of %u bytes", d->n);
		return;
	}
	if (d->kind == DISTURB_SLOW) {
		snprintf(to, size, "packets one by one");
		return;
	}
	if (d->kind == DISTURB_KILL) {
		snprintf(to, size, "module %u is killed at its kill point %u", d->conn, d->n);
		return;
	}
	e = &r->conn[d->conn].dir[d->dir];
	n = snprintf(to, size, "port %u > %u: ", e->sport, e->dport);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	snprintf(to + n, size - (size_t)n, what[d->kind], (unsigned long long)d->off, d->n);
#pragma GCC diagnostic pop
}
