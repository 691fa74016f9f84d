/* tests/sim/edits.c - an edit script carried out on a whole stream at once, see edits.h */
#include "tests/sim/edits.h"

#include <stddef.h>

struct model {
	struct script s;
	const uint8_t *in;
	uint8_t *out;
	uint32_t *need;
	uint64_t pos, len;
	uint32_t n; /* bytes of output */
};

static void put(struct model *m, uint8_t byte)
{
	if (m->out)
		m->out[m->n] = byte;
	m->n++;
}

static void put_inserted(struct model *m, uint64_t pos, uint32_t ins)
{
	for (uint32_t i = 0; i < ins; i++)
		put(m, script_byte(&m->s, pos, i));
}

/* The byte at pos is done with. */
static void next_byte(struct model *m)
{
	m->pos++;
	if (m->need)
		m->need[m->pos] = m->n;
}

static void pass(struct model *m, uint64_t end)
{
	while (m->pos < end) {
		put(m, m->in[m->pos]);
		next_byte(m);
	}
}

/* Up to `limit` of the operation that pos is at or in. */
static void operate(struct model *m, uint64_t limit)
{
	struct script *s = &m->s;
	uint64_t end = s->end < limit ? s->end : limit;

	if (m->pos == s->pos && s->kind != SCRIPT_REPLACE && s->kind != SCRIPT_HOLD)
		put_inserted(m, s->pos, s->ins);
	switch (s->kind) {
	case SCRIPT_DELETE:
		while (m->pos < end)
			next_byte(m);
		break;
	case SCRIPT_FILL:
		while (m->pos < end) {
			put(m, script_byte(s, m->pos, 0));
			next_byte(m);
		}
		break;
	case SCRIPT_REPLACE:
		if (s->end > m->len) { /* not all of it has come */
			pass(m, m->len);
			return;
		}
		while (m->pos + 1 < s->end)
			next_byte(m);
		put_inserted(m, s->pos, s->ins);
		next_byte(m);
		break;
	default:
		pass(m, m->pos + 1);
	}
	if (m->pos == s->end)
		script_next(s);
}

uint32_t script_apply(uint64_t key, uint32_t profile, const uint8_t *in, uint32_t len,
		      const struct script_jump *jumps, uint32_t nr_jumps, uint8_t *out,
		      uint32_t *need)
{
	struct model m = {.in = in, .out = out, .need = need, .len = len};
	bool jumped_end = false;
	uint32_t j = 0;

	script_start(&m.s, key, profile);
	if (need)
		need[0] = 0;
	while (m.pos < len) {
		uint64_t limit = j < nr_jumps && jumps[j].from < len ? jumps[j].from : len;

		if (j < nr_jumps && m.pos == jumps[j].from) {
			pass(&m, jumps[j].to < len ? jumps[j].to : len);
			jumped_end = jumps[j].to >= len;
			while (m.s.pos < m.pos)
				script_next(&m.s);
			j++;
		} else if (m.pos < m.s.pos) {
			pass(&m, m.s.pos < limit ? m.s.pos : limit);
		} else {
			operate(&m, limit);
		}
	}
	if (len && m.s.tail && !jumped_end)
		put_inserted(&m, UINT64_MAX, m.s.tail);
	return m.n;
}
