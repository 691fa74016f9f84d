/* define.c - user-defined events, and sets of callbacks that sockets share
 *
 * Definitions are a forest: the built-in events are its roots.  A set is compiled once into a list of
 * steps for each hook, in the order in which they are called: built-in events in ascending order, and
 * below each, depth first and in the order of definition, the events that lead to a callback.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

#define MAX_DEFS 30240u
#define MAX_DEPTH 64u
#define FNV_PRIME 0x100000001b3ull
#define FNV_BASIS 0xcbf29ce484222325ull

struct def {
	event_t base;
	filter_t filter;
	filter_arg_t arg;
	uint32_t first, last, next; /* children, sibling: index + 1 */
	uint32_t root;
	uint32_t depth;
	bool floats;
	bool wanted; /* while a set is compiled */
};

static struct def *defs;
static uint32_t nr_defs;
static uint32_t built_in_first[FOS_MOS_BUILT_IN], built_in_last[FOS_MOS_BUILT_IN];
static struct fos_mos_set *sets;

/* ---------------------------------------------------------------- definitions */

static struct def *def_of(event_t event)
{
	return event >= FOS_MOS_EVENT_USER && event - FOS_MOS_EVENT_USER < nr_defs ?
		       &defs[event - FOS_MOS_EVENT_USER] : NULL;
}

/* Built-in events that are raised here. */
static bool built_in(event_t event)
{
	return event && (event & (event - 1)) == 0 && event < 1u << FOS_MOS_BUILT_IN &&
	       event != MOS_ON_PKT_OUT && event != MOS_ON_TIMEOUT && event != MOS_ON_DEBUG_MESSAGE;
}

uint32_t fos_mos_event_root(event_t event)
{
	const struct def *d = def_of(event);

	return d ? d->root : built_in(event) ? (uint32_t)event : 0;
}

bool fos_mos_event_filter(event_t event, filter_t *filter, filter_arg_t **arg)
{
	struct def *d = def_of(event);

	*filter = d ? d->filter : NULL;
	*arg = d && d->arg.len ? &d->arg : NULL;
	return *filter != NULL;
}

bool fos_mos_event_floats(event_t event)
{
	const struct def *d = def_of(event);

	return d && d->floats;
}

static event_t find(event_t base, filter_t filter, const filter_arg_t *arg)
{
	size_t len = arg ? arg->len : 0;

	for (uint32_t i = 0; i < nr_defs; i++)
		if (!defs[i].floats && defs[i].base == base && defs[i].filter == filter &&
		    defs[i].arg.len == len && (len == 0 || !memcmp(defs[i].arg.arg, arg->arg, len)))
			return FOS_MOS_EVENT_USER + i;
	return MOS_NULL_EVENT;
}

static event_t add(event_t base, filter_t filter, const filter_arg_t *arg, bool floats)
{
	struct def *d = def_of(base);
	uint32_t depth = d ? d->depth + 1 : 1, bit, *last;
	void *copy = NULL;

	if (nr_defs == MAX_DEFS || depth > MAX_DEPTH) {
		errno = ENOSPC;
		return MOS_NULL_EVENT;
	}
	if (arg && arg->len) {
		copy = malloc(arg->len);
		if (!copy)
			return MOS_NULL_EVENT;
		memcpy(copy, arg->arg, arg->len);
	}
	if ((nr_defs & (nr_defs - 1)) == 0) {
		d = realloc(defs, (nr_defs ? 2 * nr_defs : 1) * sizeof(*defs));
		if (!d) {
			free(copy);
			return MOS_NULL_EVENT;
		}
		defs = d;
	}
	defs[nr_defs] = (struct def){
		.base = base, .filter = filter, .arg = {copy, copy ? arg->len : 0}, .depth = depth,
		.root = fos_mos_event_root(base), .floats = floats,
	};
	nr_defs++;
	d = def_of(base);
	bit = d ? 0 : (uint32_t)__builtin_ctzll(base);
	last = d ? &d->last : &built_in_last[bit];
	if (*last)
		defs[*last - 1].next = nr_defs;
	else if (d)
		d->first = nr_defs;
	else
		built_in_first[bit] = nr_defs;
	*last = nr_defs;
	return FOS_MOS_EVENT_USER + nr_defs - 1;
}

event_t mtcp_define_event(event_t event, filter_t filter, struct filter_arg *arg)
{
	event_t same;

	if (!fos_mos_event_root(event) || !filter || (arg && arg->len && !arg->arg)) {
		errno = EINVAL;
		return MOS_NULL_EVENT;
	}
	same = find(event, filter, arg);
	return same ? same : add(event, filter, arg, false);
}

event_t mtcp_alloc_event(event_t event)
{
	if (!fos_mos_event_root(event)) {
		errno = EINVAL;
		return MOS_NULL_EVENT;
	}
	return add(event, NULL, NULL, true);
}

/* ---------------------------------------------------------------- compiling a set */

static callback_t callback(const struct fos_mos_set *set, event_t event, int hook)
{
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->reg[i].event == event && set->reg[i].hook == hook)
			return set->reg[i].cb;
	return NULL;
}

static void step(struct fos_mos_set *set, int hook, event_t event, uint32_t child)
{
	uint32_t at = set->nr_nodes[hook]++;

	set->node[hook][at] = (struct fos_mos_node){.event = event,
						    .cb = callback(set, event, hook)};
	for (; child; child = defs[child - 1].next)
		if (defs[child - 1].wanted)
			step(set, hook, FOS_MOS_EVENT_USER + child - 1, defs[child - 1].first);
	set->node[hook][at].skip = set->nr_nodes[hook];
}

/* Marks what leads to a callback of that hook, or takes the marks off; returns the steps needed. */
static uint32_t mark(struct fos_mos_set *set, int hook, bool wanted)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->nr; i++) {
		struct def *d = def_of(set->reg[i].event);

		if (set->reg[i].hook != hook)
			continue;
		set->roots[hook] |= fos_mos_event_root(set->reg[i].event);
		for (; d; d = def_of(d->base)) {
			n += d->wanted != wanted;
			d->wanted = wanted;
		}
	}
	return n + FOS_MOS_BUILT_IN;
}

static bool compile(struct fos_mos_set *set)
{
	for (int hook = 0; hook < FOS_MOS_HOOKS; hook++) {
		uint32_t n = mark(set, hook, true);

		set->node[hook] = calloc(n, sizeof(*set->node[hook]));
		for (uint32_t bit = 0; set->node[hook] && bit < FOS_MOS_BUILT_IN; bit++)
			if (set->roots[hook] >> bit & 1u)
				step(set, hook, 1u << bit, built_in_first[bit]);
		mark(set, hook, false);
		if (!set->node[hook])
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- sets */

static uint64_t hash(const struct fos_mos_reg *r)
{
	const uint64_t word[3] = {r->event, (uint64_t)r->hook, (uint64_t)(uintptr_t)r->cb};
	uint64_t h = FNV_BASIS;

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 64; k += 8)
			h = (h ^ (word[i] >> k & 0xff)) * FNV_PRIME;
	return h;
}

struct fos_mos_set *fos_mos_set_hold(struct fos_mos_set *set)
{
	if (set)
		set->refs++;
	return set;
}

static void destroy(struct fos_mos_set *set)
{
	for (int hook = 0; hook < FOS_MOS_HOOKS; hook++)
		free(set->node[hook]);
	free(set->reg);
	free(set);
}

void fos_mos_set_drop(struct fos_mos_set *set)
{
	struct fos_mos_set **at = &sets;

	if (!set || --set->refs)
		return;
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	destroy(set);
}

static bool holds(const struct fos_mos_set *set, const struct fos_mos_reg *r)
{
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->reg[i].event == r->event && set->reg[i].hook == r->hook &&
		    set->reg[i].cb == r->cb)
			return true;
	return false;
}

static struct fos_mos_set *same_as(const struct fos_mos_set *set)
{
	for (struct fos_mos_set *s = sets; s; s = s->next) {
		uint32_t i = 0;

		if (s->id != set->id || s->nr != set->nr)
			continue;
		while (i < set->nr && holds(s, &set->reg[i]))
			i++;
		if (i == set->nr)
			return s;
	}
	return NULL;
}

struct fos_mos_set *fos_mos_set_with(const struct fos_mos_set *set, event_t event, int hook,
				     callback_t cb)
{
	struct fos_mos_set *n = calloc(1, sizeof(*n)), *same;
	uint32_t nr = set ? set->nr : 0;

	if (!n)
		return NULL;
	n->reg = calloc(nr + 1, sizeof(*n->reg));
	if (!n->reg)
		goto fail;
	for (uint32_t i = 0; i < nr; i++)
		if (set->reg[i].event != event || set->reg[i].hook != hook)
			n->reg[n->nr++] = set->reg[i];
	if (cb)
		n->reg[n->nr++] = (struct fos_mos_reg){event, hook, cb};
	for (uint32_t i = 0; i < n->nr; i++)
		n->id ^= hash(&n->reg[i]);
	same = same_as(n);
	if (same) {
		destroy(n);
		return fos_mos_set_hold(same);
	}
	if (!compile(n))
		goto fail;
	n->refs = 1;
	n->next = sets;
	sets = n;
	return n;
fail:
	destroy(n);
	return NULL;
}
