/* pmhost/event_set.c - definitions and shared sets, see event_set.h */
#include "pmhost/event_set.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- definitions */

void fos_event_defs_init(struct fos_event_defs *d)
{
	memset(d, 0, sizeof(*d));
	memset(d->root, 0xff, sizeof(d->root));
}

void fos_event_defs_fini(struct fos_event_defs *d)
{
	for (uint32_t i = 0; i < d->nr_defs; i++)
		free(d->def[i].arg);
	d->nr_defs = 0;
}

static struct fos_event_def *defined(struct fos_event_defs *d, uint32_t event)
{
	return event >= FOS_EVENT_USER && event - FOS_EVENT_USER < d->nr_defs ?
		       &d->def[event - FOS_EVENT_USER] :
		       NULL;
}

static bool exists(const struct fos_event_defs *d, uint32_t event)
{
	return event < FOS_NR_ON ||
	       (event >= FOS_EVENT_USER && event - FOS_EVENT_USER < d->nr_defs);
}

static bool same(const struct fos_event_def *e, uint32_t base, fos_event_filter_fn *filter,
		 const void *arg, size_t len)
{
	return e->base == base && e->filter == filter && e->arg_len == len &&
	       (len == 0 || memcmp(e->arg, arg, len) == 0);
}

/* Behind those that stand there already. */
static void hang(struct fos_event_defs *d, uint32_t *list, uint32_t event)
{
	while (*list != FOS_EVENT_NONE)
		list = &d->def[*list - FOS_EVENT_USER].sibling;
	*list = event;
}

int fos_event_defs_define(struct fos_event_defs *d, uint32_t base, fos_event_filter_fn *filter,
			  const void *arg, size_t arg_len)
{
	struct fos_event_def *below = defined(d, base), *e = &d->def[d->nr_defs];
	uint32_t event = FOS_EVENT_USER + d->nr_defs;

	if ((base != FOS_EVENT_NONE && !exists(d, base)) || arg_len > FOS_EVENT_ARG_MAX ||
	    (arg_len && !arg))
		return FOS_EINVAL;
	for (uint32_t i = 0; i < d->nr_defs; i++)
		if (same(&d->def[i], base, filter, arg, arg_len))
			return (int)(FOS_EVENT_USER + i);
	if (d->nr_defs == FOS_EVENT_DEFINITIONS || (below && below->depth == FOS_EVENT_DEPTH))
		return FOS_EFULL;
	memset(e, 0, sizeof(*e));
	e->base = base;
	e->depth = below ? below->depth + 1 : 1;
	e->filter = filter;
	e->child = e->sibling = FOS_EVENT_NONE;
	if (arg_len) {
		e->arg = malloc(arg_len);
		if (!e->arg)
			abort();
		memcpy(e->arg, arg, arg_len);
		e->arg_len = arg_len;
	}
	d->nr_defs++;
	hang(d, below ? &below->child : &d->root[base < FOS_NR_ON ? base : FOS_NR_ON], event);
	return (int)event;
}

uint32_t fos_event_defs_root(const struct fos_event_defs *d, uint32_t event)
{
	while (event >= FOS_EVENT_USER && exists(d, event))
		event = d->def[event - FOS_EVENT_USER].base;
	return event < FOS_NR_ON ? event : FOS_EVENT_NONE;
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Where the pair stands in d->place, or the free place where it would: half of them are free. */
static uint32_t place_of(const struct fos_event_defs *d, uint32_t event, fos_event_handler_fn *handler)
{
	uint64_t key = (uint64_t)(uintptr_t)handler + event * 0x9e3779b97f4a7c15ull;
	uint32_t i = (uint32_t)mix(key) % (2 * FOS_EVENT_HANDLERS);

	while (d->place[i]) {
		const struct fos_event_pair *p = &d->pair[d->place[i] - 1];

		if (p->event == event && p->handler == handler)
			break;
		i = (i + 1) % (2 * FOS_EVENT_HANDLERS);
	}
	return i;
}

int fos_event_defs_search(struct fos_event_defs *d, uint32_t event, fos_event_handler_fn *handler)
{
	uint32_t n = d->place[place_of(d, event, handler)];

	if (n == 0)
		return FOS_ENOENT;
	d->after = n;
	return (int)n - 1;
}

int fos_event_defs_handle(struct fos_event_defs *d, uint32_t event, fos_event_handler_fn *handler,
			  bool every_flow)
{
	int i = fos_event_defs_find(d, event, handler);

	if (!exists(d, event) || !handler)
		return FOS_EINVAL;
	if (i < 0 && d->nr_pairs == FOS_EVENT_HANDLERS)
		return FOS_EFULL;
	if (i < 0) {
		i = (int)d->nr_pairs++;
		/* by number: the same at each start, wherever the code is loaded */
		d->pair[i] = (struct fos_event_pair){
			event, handler, mix(((uint64_t)i + 1) * 0x9e3779b97f4a7c15ull)};
		d->place[place_of(d, event, handler)] = (uint16_t)(i + 1);
	}
	if (every_flow && !(d->bits[i / 64] >> (i % 64) & 1u)) {
		d->bits[i / 64] |= 1ull << (i % 64);
		d->id ^= d->pair[i].hash;
	}
	return i;
}

/* ---------------------------------------------------------------- working a set out */

struct maker {
	const struct fos_event_defs *d;
	struct fos_event_set *set;
	uint8_t needed[FOS_EVENT_DEFINITIONS]; /* it or something below has a handler */
	uint8_t roots[FOS_NR_ON + 1];
	uint16_t nr_pairs;
};

static bool has(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1u;
}

static uint32_t mark(struct maker *m, const uint64_t *bits)
{
	uint32_t nodes = FOS_NR_ON;

	for (uint32_t i = 0; i < m->d->nr_pairs; i++) {
		uint32_t event = m->d->pair[i].event;

		if (!has(bits, i))
			continue;
		while (event >= FOS_EVENT_USER && event != FOS_EVENT_NONE) {
			nodes += !m->needed[event - FOS_EVENT_USER];
			m->needed[event - FOS_EVENT_USER] = 1;
			event = m->d->def[event - FOS_EVENT_USER].base;
		}
		m->roots[event == FOS_EVENT_NONE ? FOS_NR_ON : event] = 1;
	}
	return nodes;
}

static void add_list(struct maker *m, uint32_t event);

static void add_node(struct maker *m, uint32_t event, uint32_t below)
{
	struct fos_event_node *n = &m->set->node[m->set->nr_nodes++];

	n->event = event;
	if (event >= FOS_EVENT_USER) {
		n->filter = m->d->def[event - FOS_EVENT_USER].filter;
		n->arg = m->d->def[event - FOS_EVENT_USER].arg;
	}
	n->first = m->nr_pairs;
	for (uint32_t i = 0; i < m->d->nr_pairs; i++)
		if (m->d->pair[i].event == event && has(m->set->bits, i))
			m->set->pair[m->nr_pairs++] = (uint16_t)i;
	n->nr = (uint16_t)(m->nr_pairs - n->first);
	add_list(m, below);
	n->end = m->set->nr_nodes;
}

/* Those of a list of definitions that are needed; recursion ends at FOS_EVENT_DEPTH. */
static void add_list(struct maker *m, uint32_t event)
{
	while (event != FOS_EVENT_NONE) {
		const struct fos_event_def *e = &m->d->def[event - FOS_EVENT_USER];

		if (m->needed[event - FOS_EVENT_USER])
			add_node(m, event, e->child);
		event = e->sibling;
	}
}

static struct fos_event_set *make(const struct fos_event_defs *d, uint64_t id, const uint64_t *bits)
{
	struct maker m = {.d = d};
	uint32_t nodes = mark(&m, bits);

	m.set = calloc(1, sizeof(*m.set) + nodes * sizeof(m.set->node[0]));
	if (!m.set)
		abort();
	m.set->id = id;
	memcpy(m.set->bits, bits, sizeof(m.set->bits));
	for (uint32_t k = 0; k < FOS_NR_ON; k++) {
		if (!m.roots[k])
			continue;
		m.set->roots |= FOS_BIT(k);
		m.set->start[k] = m.set->nr_nodes;
		add_node(&m, k, d->root[k]);
	}
	if (m.roots[FOS_NR_ON])
		add_list(&m, d->root[FOS_NR_ON]);
	return m.set;
}

/* ---------------------------------------------------------------- finding it again */

void fos_event_sets_fini(struct fos_event_sets *s)
{
	for (uint32_t i = 0; i < FOS_EVENT_BUCKETS; i++) {
		while (s->bucket[i]) {
			struct fos_event_set *next = s->bucket[i]->next;

			free(s->bucket[i]);
			s->bucket[i] = next;
		}
	}
	s->nr = 0;
}

const struct fos_event_set *fos_event_sets_get(struct fos_event_sets *s,
					       const struct fos_event_defs *d, uint64_t id,
					       const uint64_t bits[FOS_EVENT_SET_WORDS])
{
	struct fos_event_set **b = &s->bucket[id % FOS_EVENT_BUCKETS], *set;

	for (set = *b; set; set = set->next)
		if (set->id == id && memcmp(set->bits, bits, sizeof(set->bits)) == 0)
			return set;
	if (s->nr >= FOS_EVENT_SETS && s->busy == 0)
		fos_event_sets_fini(s);
	set = make(d, id, bits);
	set->next = *b;
	*b = set;
	s->nr++;
	s->made++;
	return set;
}

/* ---------------------------------------------------------------- walking */

uint32_t fos_event_set_find(const struct fos_event_set *s, uint32_t event)
{
	uint32_t i = 0;

	while (i < s->nr_nodes && s->node[i].event != event)
		i++;
	return i;
}

static uint32_t call(const struct fos_event_defs *d, const struct fos_event_set *set,
		     const struct fos_event_node *n, struct fos_window *w, struct fos_event *ev)
{
	for (uint32_t k = 0; k < n->nr; k++) {
		ev->id = n->event; /* a handler before may have raised another */
		d->pair[set->pair[n->first + k]].handler(w, ev);
	}
	return n->nr;
}

uint32_t fos_event_set_walk(struct fos_event_sets *s, const struct fos_event_defs *d,
			    const struct fos_event_set *set, uint32_t node, struct fos_window *w,
			    struct fos_event *ev)
{
	const struct fos_event_node *n = &set->node[node], *end = &set->node[n->end];
	uint32_t called;

	s->busy++;
	called = call(d, set, n++, w, ev);
	while (n < end) {
		ev->id = n->event;
		if (n->filter && !n->filter(w, ev, n->arg)) {
			n = &set->node[n->end];
			continue;
		}
		called += call(d, set, n++, w, ev);
	}
	s->busy--;
	return called;
}
