/* reasm_model.h - reassembly as plainly as it can be said: one slot per byte
 *
 * What a direction of a connection is to deliver when segments come in any order, overlapping, with
 * FINs in various places: the first copy of each byte stands (with `last`: where a segment differs
 * from what is kept ahead of the tail, all of that segment's); a FIN that contradicts bytes taken before
 * is ignored; bytes beyond a FIN are not taken; of several FINs the first that comes in order
 * ends the stream, and what was kept beyond it is forgotten.
 */
#ifndef TESTS_UNIT_REASM_MODEL_H
#define TESTS_UNIT_REASM_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REASM_MODEL_MAX 40000u

struct reasm_model {
	uint8_t byte[REASM_MODEL_MAX];
	uint32_t owner[REASM_MODEL_MAX]; /* number of the segment that brought it; 0 = none */
	uint32_t segments;
	uint32_t tail;  /* first byte that is missing */
	uint32_t fin;   /* pinned, UINT32_MAX = none */
	bool ended;
	uint32_t limit; /* bytes ahead of the tail that may be kept */
	bool last;      /* the last copy stands, of bytes ahead of the tail */
	uint32_t differing, refused;
};

static inline void reasm_model_init(struct reasm_model *m, uint32_t limit)
{
	memset(m, 0, sizeof(*m));
	m->fin = UINT32_MAX;
	m->limit = limit;
}

/* Is anything kept from `at` on? */
static inline bool reasm_model_beyond(const struct reasm_model *m, uint32_t at)
{
	if (m->fin != UINT32_MAX && m->fin > at)
		return true;
	for (uint32_t i = at; i < REASM_MODEL_MAX; i++)
		if (m->owner[i])
			return true;
	return false;
}

/* Does a FIN at `end` of a segment at `pos` contradict what is kept? */
static inline bool reasm_model_contradicts(const struct reasm_model *m, uint32_t pos, uint32_t end)
{
	if (end < m->tail)
		return true;
	if (pos > m->tail)
		return reasm_model_beyond(m, end);
	/* in order it may be where one segment's bytes end and another's begin, not inside */
	return end > m->tail && m->owner[end - 1] && m->owner[end - 1] == m->owner[end];
}

static inline void reasm_model_take(struct reasm_model *m, uint32_t pos, const uint8_t *data,
				    uint32_t len, bool fin)
{
	uint32_t end = pos + len, from = pos < m->tail ? m->tail : pos, differing;

	if (m->ended)
		return;
	if (fin && reasm_model_contradicts(m, pos, end))
		fin = false;
	if (end > m->fin) {
		end = m->fin;
		fin = false;
	}
	if (end < from || (end == from && !fin))
		return;
	if (from > m->tail && end - m->tail > m->limit) {
		m->refused++;
		return;
	}
	m->segments++;
	differing = m->differing;
	for (uint32_t i = from; i < end; i++)
		m->differing += m->owner[i] && m->byte[i] != data[i - pos];
	for (uint32_t i = from; i < end; i++) {
		if (m->owner[i] && !(m->last && m->differing != differing))
			continue;
		m->owner[i] = m->segments;
		m->byte[i] = data[i - pos];
	}
	if (fin) {
		m->fin = end;
		memset(m->owner + end, 0, (REASM_MODEL_MAX - end) * sizeof(m->owner[0]));
	}
	while (m->tail < REASM_MODEL_MAX && m->owner[m->tail])
		m->tail++;
	m->ended = m->tail == m->fin;
}

#endif
