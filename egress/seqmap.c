/* egress/seqmap.c - piecewise map of positions, see seqmap.h */
#include "egress/seqmap.h"

#include <string.h>

const struct fos_seqmap fos_seqmap_same = {.first = FOS_SEQMAP_NONE, .last = FOS_SEQMAP_NONE};

/* the gap that a walk stands at: [a, b) of the input became [x, y) of the output */
struct gap {
	uint64_t a, x;
	uint64_t b, y;
};

static void touch(struct fos_seqmap_pool *pool, const void *p, uint32_t n)
{
	if (pool->touch)
		pool->touch(pool->ctx, p, n);
}

void fos_seqmap_pool_init(struct fos_seqmap_pool *pool, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		pool->node[i].next = i + 1 < nr ? i + 1 : FOS_SEQMAP_NONE;
	pool->free->first = nr ? 0 : FOS_SEQMAP_NONE;
	pool->free->nr = nr;
}

void fos_seqmap_init(struct fos_seqmap *m)
{
	memset(m, 0, sizeof(*m));
	m->first = m->last = FOS_SEQMAP_NONE;
}

static bool close_run(struct fos_seqmap *m, struct fos_seqmap_pool *pool)
{
	uint32_t i = pool->free->first;
	struct fos_seqmap_node *n;

	if (i == FOS_SEQMAP_NONE)
		return false;
	n = &pool->node[i];
	touch(pool, pool->free, sizeof(*pool->free));
	touch(pool, n, sizeof(*n));
	pool->free->first = n->next;
	pool->free->nr--;
	n->in = m->open_in;
	n->out = m->open_out;
	n->len = m->in - m->open_in;
	n->next = FOS_SEQMAP_NONE;
	if (m->last == FOS_SEQMAP_NONE) {
		m->first = i;
	} else {
		touch(pool, &pool->node[m->last], sizeof(*n));
		pool->node[m->last].next = i;
	}
	m->last = i;
	m->nr++;
	return true;
}

bool fos_seqmap_replace(struct fos_seqmap *m, struct fos_seqmap_pool *pool, uint64_t del,
			uint64_t ins)
{
	if (!del && !ins)
		return true;
	if (m->in > m->open_in && !close_run(m, pool))
		return false;
	m->in += del;
	m->out += ins;
	m->open_in = m->in;
	m->open_out = m->out;
	return true;
}

/* The first nr runs, `last` being the last of them, become free as one chain: however many an
 * acknowledgement covers, two records are touched. */
static void drop_through(struct fos_seqmap *m, struct fos_seqmap_pool *pool, uint32_t last,
			 uint32_t nr)
{
	struct fos_seqmap_node *n = &pool->node[last];
	uint32_t first = m->first;

	m->lo_in = n->in + n->len;
	m->lo_out = n->out + n->len;
	m->lo_len = n->len > UINT32_MAX ? UINT32_MAX : (uint32_t)n->len;
	m->first = n->next;
	if (m->first == FOS_SEQMAP_NONE)
		m->last = FOS_SEQMAP_NONE;
	m->nr -= nr;
	touch(pool, pool->free, sizeof(*pool->free));
	touch(pool, n, sizeof(*n));
	n->next = pool->free->first;
	pool->free->first = first;
	pool->free->nr += nr;
}

void fos_seqmap_prune(struct fos_seqmap *m, struct fos_seqmap_pool *pool, uint64_t p)
{
	uint32_t i = m->first, last = FOS_SEQMAP_NONE, nr = 0;

	while (nr < m->nr && pool->node[i].out + pool->node[i].len <= p) {
		last = i;
		i = pool->node[i].next;
		nr++;
	}
	if (nr)
		drop_through(m, pool, last, nr);
	/* edits that follow here must not take back what has been acknowledged */
	if (!m->nr && p >= m->open_out && m->in == m->open_in) {
		m->lo_in = m->open_in;
		m->lo_out = m->open_out;
		m->lo_len = 0;
	}
}

void fos_seqmap_clear(struct fos_seqmap *m, struct fos_seqmap_pool *pool)
{
	if (m->nr)
		drop_through(m, pool, m->last, m->nr);
}

/* below everything kept: the difference that held at the left edge goes on */
static uint64_t below(uint64_t p, uint64_t from, uint64_t to)
{
	uint64_t d = from - p;

	return d < to ? to - d : 0;
}

/* Finds the gap at or after which output position p lies: x <= p, and p < the next gap's x.
 * False: p lies below the map; otherwise p - y is the offset in the run that follows when
 * p >= y. */
static bool gap_of_out(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool, uint64_t p,
		       struct gap *g)
{
	uint32_t i = m->first;

	g->a = m->lo_in;
	g->x = m->lo_out;
	if (p >= m->open_out && m->nr) {
		const struct fos_seqmap_node *n = &pool->node[m->last];

		g->a = n->in + n->len;
		g->x = n->out + n->len;
		i = FOS_SEQMAP_NONE;
	}
	for (; i != FOS_SEQMAP_NONE; i = pool->node[i].next) {
		const struct fos_seqmap_node *n = &pool->node[i];

		g->b = n->in;
		g->y = n->out;
		if (p < n->out + n->len)
			return p >= g->x;
		g->a = n->in + n->len;
		g->x = n->out + n->len;
	}
	g->b = m->open_in;
	g->y = m->open_out;
	return p >= g->x;
}

uint64_t fos_seqmap_back(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool, uint64_t p)
{
	struct gap g;

	if (p >= m->open_out)
		return m->open_in + (p - m->open_out);
	if (!gap_of_out(m, pool, p, &g))
		return below(p, m->lo_out, m->lo_in);
	return p < g.y ? g.a : g.b + (p - g.y);
}

uint64_t fos_seqmap_back_left(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool,
			      uint64_t p)
{
	struct gap g;

	if (!gap_of_out(m, pool, p, &g))
		return below(p, m->lo_out, m->lo_in);
	if (p == g.x)
		return g.a;
	return p < g.y ? g.b : g.b + (p - g.y);
}

bool fos_seqmap_inserted(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool, uint64_t p)
{
	struct gap g;

	return p < m->open_out && gap_of_out(m, pool, p, &g) && p < g.y;
}

static struct fos_seqmap_fwd same(uint64_t p)
{
	return (struct fos_seqmap_fwd){.at = p, .lo = p, .hi = p};
}

struct fos_seqmap_fwd fos_seqmap_forward(const struct fos_seqmap *m,
					 const struct fos_seqmap_pool *pool, uint64_t in)
{
	struct gap g = {.a = m->lo_in, .x = m->lo_out};
	uint32_t i = m->first;

	if (in > m->open_in)
		return same(m->open_out + (in - m->open_in));
	if (in < m->lo_in)
		return same(below(in, m->lo_in, m->lo_out));
	for (;; i = pool->node[i].next) {
		const struct fos_seqmap_node *n = i == FOS_SEQMAP_NONE ? NULL : &pool->node[i];

		g.b = n ? n->in : m->open_in;
		g.y = n ? n->out : m->open_out;
		if (in <= g.b)
			break;
		if (in < n->in + n->len)
			return same(n->out + (in - n->in));
		g.a = n->in + n->len;
		g.x = n->out + n->len;
	}
	return (struct fos_seqmap_fwd){
		.at = in < g.b ? g.x : g.y,
		.lo = g.x,
		.hi = in > g.a || g.a == g.b ? g.y : g.x,
	};
}
