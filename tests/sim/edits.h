/* tests/sim/edits.h - edit scripts: what a module of the simulation does to a stream
 *
 * A script is a sequence of operations at growing positions, drawn from one key.  The module
 * (tests/pm/script.c) carries it out on windows as they come; script_apply() (edits.c) carries it
 * out on the whole stream at once: the naive model.  Both draw the operations here.
 */
#ifndef TESTS_SIM_EDITS_H
#define TESTS_SIM_EDITS_H

#include <stdbool.h>
#include <stdint.h>

enum script_kind {
	SCRIPT_INSERT, /* `ins` bytes before the one at pos */
	SCRIPT_DELETE, /* `len` bytes, as they come; `ins` others before the first of them */
	SCRIPT_FILL,   /* `len` bytes become others, as they come */
	SCRIPT_REPLACE, /* `len` bytes, waited for, become `ins` others */
	SCRIPT_HOLD,   /* waits until `len` bytes are there */
	SCRIPT_NR
};

enum script_profile {
	SCRIPT_NOTHING,
	SCRIPT_LIGHT,
	SCRIPT_DENSE,
	SCRIPT_BIG,    /* whole segments deleted, insertions longer than segments */
	SCRIPT_CUT,    /* everything from some place on deleted, up to the FIN */
	SCRIPT_GROW,
	SCRIPT_PROFILES
};

#define SCRIPT_INS_MAX 4000u
#define SCRIPT_FOREVER 0x7fffffffu

struct script {
	uint64_t rng, key;
	uint64_t pos; /* of the operation that comes next */
	uint64_t end; /* the position after it */
	uint32_t kind, ins, len;
	uint32_t profile;
	uint32_t tail; /* bytes inserted after the last one; 0 = none */
	uint32_t batch; /* operations that the module commits together */
};

static inline uint64_t script_rand(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline uint32_t script_below(struct script *s, uint32_t n)
{
	return (uint32_t)(script_rand(&s->rng) % n);
}

/* The byte that the script puts at this place. */
static inline uint8_t script_byte(const struct script *s, uint64_t pos, uint32_t i)
{
	uint64_t x = s->key ^ (pos * 0x9e3779b97f4a7c15ull) ^ (i * 0xd6e8feb86659fd93ull);

	return (uint8_t)(x >> 29 ^ x >> 51);
}

/* Draws the next operation. */
static inline void script_next(struct script *s)
{
	static const uint32_t gap[SCRIPT_PROFILES] = {1, 4000, 100, 2500, 3000, 300};
	uint32_t small = s->profile == SCRIPT_DENSE ? 12 : 200;

	s->pos = s->end + script_below(s, gap[s->profile]);
	s->kind = script_below(s, SCRIPT_NR);
	s->ins = 1 + script_below(s, small);
	s->len = 1 + script_below(s, small);
	if (s->profile == SCRIPT_NOTHING) {
		s->pos = UINT64_MAX / 2;
	} else if (s->profile == SCRIPT_CUT) {
		s->kind = SCRIPT_DELETE;
		s->len = SCRIPT_FOREVER;
		s->ins = script_below(s, 2) ? 0 : s->ins;
	} else if (s->profile == SCRIPT_BIG) {
		s->kind = s->kind < SCRIPT_REPLACE ? s->kind : SCRIPT_DELETE;
		s->len = 1 + script_below(s, 6000);
		s->ins = 1 + script_below(s, SCRIPT_INS_MAX);
	} else if (s->profile == SCRIPT_GROW) {
		s->kind = SCRIPT_INSERT;
		s->ins = 1 + script_below(s, 1200);
	}
	if (s->kind == SCRIPT_DELETE && s->profile != SCRIPT_CUT && script_below(s, 2))
		s->ins = 0;
	if (s->kind == SCRIPT_INSERT || s->kind == SCRIPT_HOLD) {
		s->end = s->pos + 1;
	} else {
		s->end = s->pos + s->len;
		if (s->kind == SCRIPT_FILL)
			s->ins = 0;
	}
}

/* profile SCRIPT_PROFILES = any */
static inline void script_start(struct script *s, uint64_t key, uint32_t profile)
{
	s->rng = s->key = key;
	s->end = 0;
	s->profile = script_below(s, SCRIPT_PROFILES);
	if (profile < SCRIPT_PROFILES)
		s->profile = profile;
	s->tail = script_below(s, 4) || s->profile == SCRIPT_NOTHING ? 0 : 1 + script_below(s, 2000);
	s->batch = 1 + script_below(s, 12);
	script_next(s);
}

/* A script's key for one direction of a connection. */
static inline uint64_t script_key(uint64_t seed, uint16_t sport, uint16_t dport)
{
	uint64_t s = seed ^ (uint64_t)sport << 32 ^ (uint64_t)dport << 48;

	return script_rand(&s);
}

/* Bytes [from, to) went past the module unedited, because it had held them too long. */
struct script_jump {
	uint64_t from, to;
};

/* The model.  out: the edited stream (its length is returned).  need[i], for i of 0..len: how much
 * of the output must have arrived before the first i bytes may be acknowledged.  out may be
 * NULL, need may be NULL. */
uint32_t script_apply(uint64_t key, uint32_t profile, const uint8_t *in, uint32_t len,
		      const struct script_jump *jumps, uint32_t nr_jumps, uint8_t *out,
		      uint32_t *need);

#endif
