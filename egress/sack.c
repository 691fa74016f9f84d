/* egress/sack.c - selective acknowledgements, see sack.h */
#include "egress/sack.h"

#include <string.h>

#include "egress/out.h"

static struct fos_sack *of(struct fos_egress *e, uint32_t flow)
{
	struct fos_sack *s = &e->sacks[flow];

	if (s->gen != e->tcbs[flow].gen) {
		memset(s, 0, sizeof(*s));
		s->gen = e->tcbs[flow].gen;
	}
	e->sack_bits[flow / 64] |= 1ull << (flow % 64);
	return s;
}

/* Have the ends agreed on blocks? */
static bool blocks(const struct fos_egress *e, uint32_t flow)
{
	return e->tcbs[flow].flags & e->tcbs[FOS_PEER(flow)].flags & FOS_TCB_SACK;
}

/* ---- what OOSEQ holds ------------------------------------------------------------------------ */

void fos_sack_hold(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t una = fos_out_seq(t, fos_seqmap_back(fos_out_map(e, t), &e->pool, t->una));
	struct fos_sack *s = of(e, flow);
	uint32_t kept = 0, fresh = 1, rest[FOS_SACK_HELD][2];

	for (uint32_t i = 0; i < s->nr_held; i++) {
		const uint32_t *b = s->held[i];

		if (!fos_out_newer(b[1], una))
			continue;
		if (fos_out_newer(b[0], right) || fos_out_newer(left, b[1])) {
			memcpy(rest[kept++], b, sizeof(rest[0]));
			fresh += i < s->nr_fresh;
			continue;
		}
		left = fos_out_newer(left, b[0]) ? b[0] : left;
		right = fos_out_newer(b[1], right) ? b[1] : right;
	}
	if (kept == FOS_SACK_HELD)
		kept--;
	s->held[0][0] = left;
	s->held[0][1] = right;
	memcpy(s->held[1], rest, kept * sizeof(rest[0]));
	s->nr_held = (uint8_t)(kept + 1);
	s->nr_fresh = (uint8_t)(!blocks(e, flow) ? 0 : fresh < kept + 1 ? fresh : kept + 1);
}

/* News are told when their time has come (again.c), what was told is told again, for as long as it lies
 * beyond the acknowledgement: also when it has become part of the stream since. */
static bool tellable(const struct fos_sack *s, uint32_t i, uint32_t ack)
{
	return fos_out_newer(s->held[i][0], ack) && (s->telling || i >= s->nr_fresh);
}

void fos_sack_listed(struct fos_egress *e, uint32_t flow, uint32_t ack)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	struct fos_sack *s = &e->sacks[flow];
	uint32_t una = fos_out_seq(t, fos_seqmap_back(fos_out_map(e, t), &e->pool, t->una));
	uint32_t end = s->from + fos_sack_most(e, FOS_PEER(flow));

	if (!fos_sack_any(e, flow) || (!blocks(e, flow) && s->early))
		return;
	for (uint32_t i = s->from; s->gen == t->gen && i < s->nr_held && i < end; i++) {
		const uint32_t *b = s->held[i];

		if (!tellable(s, i, ack))
			continue;
		if (!s->nr_told || !fos_out_newer(s->told, una) || fos_out_newer(s->told_from, b[0]))
			s->told_from = b[0];
		if (!s->nr_told || fos_out_newer(b[1], s->told))
			s->told = b[1];
		if (!s->nr_told || fos_out_newer(s->told, s->rise_to))
			s->rise_to = s->told;
		s->nr_told = 1;
	}
}

bool fos_sack_known(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	const struct fos_sack *s = &e->sacks[flow];
	uint32_t una = fos_out_seq(t, fos_seqmap_back(fos_out_map(e, t), &e->pool, t->una));

	return fos_sack_any(e, flow) && s->gen == t->gen && s->nr_told &&
	       fos_out_newer(s->told, una) && blocks(e, flow);
}

void fos_sack_forget(struct fos_egress *e, uint32_t flow)
{
	struct fos_sack *s = of(e, flow);

	s->nr_held = s->nr_fresh = s->nr_told = 0;
	s->early = s->looks = 0;
}

bool fos_sack_rising(const struct fos_egress *e, uint32_t flow, uint32_t ack)
{
	const struct fos_sack *s = &e->sacks[flow];
	const struct fos_tcb *t = &e->tcbs[flow];

	return fos_sack_any(e, flow) && s->gen == t->gen && s->nr_told &&
	       fos_out_newer(s->rise_to, ack) && !fos_out_newer(s->told_from, ack) &&
	       fos_out_newer(fos_out_seq(t, fos_acquire64(&e->p->box.flows[flow].app.tail)), ack);
}

void fos_sack_rise(struct fos_egress *e, uint32_t flow, uint32_t right)
{
	struct fos_sack *s = &e->sacks[flow];

	if (fos_sack_known(e, flow) && fos_out_newer(right, s->rise_to))
		s->rise_to = right;
}

void fos_sack_see(struct fos_egress *e, uint32_t flow, uint32_t nr, uint32_t left, uint32_t right)
{
	struct fos_sack *s = of(e, flow);

	if (nr >= FOS_SACK_MAX)
		return;
	s->seen[nr][0] = left;
	s->seen[nr][1] = right;
	s->nr_seen = (uint8_t)(nr + 1);
}

bool fos_sack_pending(const struct fos_egress *e, uint32_t flow)
{
	return fos_sack_any(e, flow) && e->sacks[flow].nr_seen &&
	       e->sacks[flow].gen == e->tcbs[flow].gen;
}

void fos_sack_told(struct fos_egress *e, uint32_t flow)
{
	if (fos_sack_any(e, flow))
		e->sacks[flow].nr_seen = 0;
}

bool fos_sack_prompt(const struct fos_egress *e, uint32_t flow, const uint32_t *block)
{
	const struct fos_sack *s = &e->sacks[FOS_PEER(flow)];

	return fos_sack_any(e, FOS_PEER(flow)) && s->prompted &&
	       s->gen == e->tcbs[FOS_PEER(flow)].gen && block[0] == s->prompt &&
	       block[1] == s->prompt + 1;
}

void fos_sack_sent_ahead(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right)
{
	struct fos_sack *s = of(e, flow);

	if (!s->nr_ahead || fos_out_newer(s->ahead[0], left))
		s->ahead[0] = left;
	if (!s->nr_ahead || fos_out_newer(right, s->ahead[1]))
		s->ahead[1] = right;
	s->nr_ahead = 1;
}

/* Does it lie in [left, right)? */
static bool within(const uint32_t *b, uint32_t left, uint32_t right)
{
	return fos_out_newer(b[1], b[0]) && !fos_out_newer(left, b[0]) && !fos_out_newer(b[1], right);
}

bool fos_sack_ahead(const struct fos_egress *e, uint32_t flow, uint32_t (*block)[2], uint32_t n)
{
	const struct fos_sack *s = &e->sacks[FOS_PEER(flow)];
	const struct fos_tcb *g = &e->tcbs[FOS_PEER(flow)];

	if (n == 0 || !fos_sack_any(e, FOS_PEER(flow)) || s->gen != g->gen || !s->nr_ahead ||
	    !within(block[0], s->ahead[0], s->ahead[1]))
		return false;
	/* below what is acknowledged, or inside the next block: else it is no report of that kind */
	return !fos_out_newer(block[0][1], fos_out_seq(g, g->una)) ||
	       (n > 1 && within(block[0], block[1][0], block[1][1]));
}

/* ---- translation ----------------------------------------------------------------------------- */

static bool inline_block(const struct fos_egress *e, const struct fos_tcb *g, uint32_t *b)
{
	int64_t l = fos_out_pos(g, b[0], g->una), r = fos_out_pos(g, b[1], g->una);
	const struct fos_seqmap *map = fos_out_map(e, g);

	if (l < 0 || r <= l || (uint64_t)r > fos_out_max(e, g) || !fos_seqmap_known(map, (uint64_t)l))
		return false;
	b[0] = fos_out_seq(g, fos_seqmap_back_left(map, &e->pool, (uint64_t)l));
	b[1] = fos_out_seq(g, fos_seqmap_back(map, &e->pool, (uint64_t)r));
	return true;
}

/* A recorded block knows of no edits. */
static bool offline_block(const struct fos_egress *e, const struct fos_tcb *g, uint32_t *b)
{
	int64_t l = fos_out_pos(g, b[0], g->in), r = fos_out_pos(g, b[1], g->in);

	if (l < 0 || r <= l)
		return false;
	b[0] = fos_out_seq(g, fos_seqmap_forward(fos_out_map(e, g), &e->pool, (uint64_t)l).hi);
	b[1] = fos_out_seq(g, fos_seqmap_forward(fos_out_map(e, g), &e->pool, (uint64_t)r).at);
	return true;
}

/* Bytes that came twice (RFC 2883) are the first block, below the acknowledgement or inside
 * another one; everything else lies beyond it. */
static bool sensible(const uint32_t *b, uint32_t ack, uint32_t nr)
{
	if (!fos_out_newer(b[1], b[0]))
		return false;
	if (!fos_out_newer(b[1], ack))
		return nr == 0;
	return fos_out_newer(b[0], ack);
}

static uint32_t join(uint32_t (*block)[2], uint32_t n, const uint32_t *b, uint32_t ack)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!fos_out_newer(block[i][1], ack))
			continue; /* came twice: stands for itself */
		if (block[i][0] == b[1])
			block[i][0] = b[0];
		else if (block[i][1] == b[0])
			block[i][1] = b[1];
		else
			continue;
		return n;
	}
	memmove(block[n], b, sizeof(block[0]));
	return n + 1;
}

uint32_t fos_sack_translate(const struct fos_egress *e, uint32_t flow, uint32_t ack,
			    uint32_t (*block)[2], uint32_t n)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);
	uint32_t kept = 0;

	if (!g)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t b[2] = { block[i][0], block[i][1] };

		if (fos_sack_prompt(e, flow, b) || (i == 0 && fos_sack_ahead(e, flow, block, n)))
			continue;
		if ((e->p->offline ? offline_block(e, g, b) : inline_block(e, g, b)) &&
		    sensible(b, ack, i))
			kept = join(block, kept, b, ack);
	}
	return kept;
}

/* ---- acknowledgements that the box makes ------------------------------------------------------ */

static uint32_t held(const struct fos_egress *e, uint32_t flow, uint32_t ack,
		     uint32_t (*block)[2], uint32_t n, uint32_t most)
{
	const struct fos_sack *s = &e->sacks[flow];
	const struct fos_tcb *t = &e->tcbs[flow];

	if (!fos_sack_any(e, flow))
		return n;
	for (uint32_t i = s->from; s->gen == t->gen && i < s->nr_held && n < most; i++)
		if (tellable(s, i, ack))
			memcpy(block[n++], s->held[i], sizeof(block[0]));
	return n;
}

bool fos_sack_holds(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	const struct fos_sack *s = &e->sacks[flow];
	uint32_t next = fos_out_seq(t, fos_acquire64(&e->p->box.flows[flow].app.tail));

	if (!fos_sack_any(e, flow))
		return false;
	for (uint32_t i = 0; s->gen == t->gen && i < s->nr_held; i++)
		if (fos_out_newer(s->held[i][0], next))
			return true;
	return false;
}

bool fos_sack_vouched(const struct fos_egress *e, uint32_t flow, uint32_t seq)
{
	const struct fos_sack *s = &e->sacks[flow];

	if (!fos_sack_any(e, flow))
		return false;
	for (uint32_t i = 0; s->gen == e->tcbs[flow].gen && i < s->nr_held; i++)
		if (!fos_out_newer(s->held[i][0], seq) && fos_out_newer(s->held[i][1], seq))
			return e->tcbs[flow].flags & FOS_TCB_VOUCHED;
	return false;
}

uint32_t fos_sack_most(const struct fos_egress *e, uint32_t flow)
{
	return e->tcbs[flow].flags & FOS_TCB_TS ? FOS_SACK_MAX - 1 : FOS_SACK_MAX;
}

uint32_t fos_sack_list(const struct fos_egress *e, uint32_t flow, uint32_t ack,
		       uint32_t (*block)[2])
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);
	uint32_t most = fos_sack_most(e, flow), n = 0, m = 0;
	uint32_t seen[FOS_SACK_MAX][2], twice;

	if (e->p->offline || !g || !(t->flags & g->flags & FOS_TCB_SACK))
		return 0;
	if (fos_sack_pending(e, flow)) {
		m = e->sacks[flow].nr_seen;
		memcpy(seen, e->sacks[flow].seen, sizeof(seen));
		m = fos_sack_translate(e, flow, ack, seen, m);
	}
	twice = m && !fos_out_newer(seen[0][1], ack);
	if (twice)
		memcpy(block[n++], seen[0], sizeof(block[0]));
	n = held(e, FOS_PEER(flow), ack, block, n, most);
	for (uint32_t i = twice; i < m && n < most; i++)
		memcpy(block[n++], seen[i], sizeof(block[0]));
	return n;
}
