/* pmhost/event_set.h - user-defined events: definitions, and sets of (event, handler) that flows share
 *
 * Pure.  Definitions form trees: each stands below its base, which is a built-in event, another
 * definition, or nothing (FOS_EVENT_NONE: it happens when it is raised).  A pair of event and handler
 * has a number, in the order in which init named them; a flow's set is a bitmap of such numbers and,
 * to find it by, the XOR of the pairs' hashes: adding or removing a pair is one bit and one XOR, in
 * the flow's context, and means the same after a kill.  What is to be walked for a set is worked out
 * once and found again by that number: flows with the same set share it.
 *
 * Caller: the PM host's one thread.
 */
#ifndef FOS_PMHOST_EVENT_SET_H
#define FOS_PMHOST_EVENT_SET_H

#include "pmhost/pm.h"

#define FOS_EVENT_SET_WORDS (FOS_EVENT_HANDLERS / 64u)

typedef bool fos_event_filter_fn(struct fos_window *w, const struct fos_event *ev, const void *arg);
typedef void fos_event_handler_fn(struct fos_window *w, const struct fos_event *ev);

struct fos_event_def {
	uint32_t base;
	uint32_t depth; /* 1 = below a built-in event or nothing */
	fos_event_filter_fn *filter;
	void *arg;
	size_t arg_len;
	uint32_t child;   /* first definition below, or FOS_EVENT_NONE */
	uint32_t sibling; /* next one below the same base */
};

struct fos_event_pair {
	uint32_t event;
	fos_event_handler_fn *handler;
	uint64_t hash;
};

struct fos_event_defs {
	struct fos_event_def def[FOS_EVENT_DEFINITIONS];
	uint32_t nr_defs;
	struct fos_event_pair pair[FOS_EVENT_HANDLERS];
	uint32_t nr_pairs;
	uint16_t place[2 * FOS_EVENT_HANDLERS]; /* pairs by event and handler: number + 1; 0 = none */
	uint32_t after; /* pair behind the one that was found last: often the next to be looked for */
	uint32_t root[FOS_NR_ON + 1]; /* first definition below each built-in event; last: below nothing */
	/* the template: pairs that every flow begins with */
	uint64_t bits[FOS_EVENT_SET_WORDS];
	uint64_t id;
};

struct fos_event_node {
	fos_event_filter_fn *filter; /* as its definition's; NULL = it always happens */
	const void *arg;
	uint32_t event; /* built-in or user-defined */
	uint16_t end;   /* node after the last one below */
	uint16_t first; /* its handlers in struct fos_event_set's pairs */
	uint16_t nr;
};

struct fos_event_set {
	uint64_t id;
	uint64_t bits[FOS_EVENT_SET_WORDS];
	uint32_t roots; /* FOS_BIT() of built-in events that it needs */
	uint16_t start[FOS_NR_ON]; /* node of each of these */
	uint16_t nr_nodes;
	struct fos_event_set *next; /* of the same bucket */
	uint16_t pair[FOS_EVENT_HANDLERS];
	struct fos_event_node node[]; /* depth first */
};

#define FOS_EVENT_BUCKETS 1024u
#define FOS_EVENT_SETS 4096u /* kept, worked out; beyond, all are forgotten and made again as needed */

struct fos_event_sets {
	struct fos_event_set *bucket[FOS_EVENT_BUCKETS];
	uint32_t nr;
	uint32_t busy; /* walks going on: nothing is forgotten */
	uint64_t made; /* how often a set was worked out */
};

void fos_event_defs_init(struct fos_event_defs *d);
void fos_event_defs_fini(struct fos_event_defs *d);

/* As fos_event_define() and fos_event_handle() (pm_event.h) say, but for where they may be called.  The
 * first returns an id, the second the pair's number. */
int fos_event_defs_define(struct fos_event_defs *d, uint32_t base, fos_event_filter_fn *filter,
			  const void *arg, size_t arg_len);
int fos_event_defs_handle(struct fos_event_defs *d, uint32_t event, fos_event_handler_fn *handler,
			  bool every_flow);

/* The built-in event that an event is or comes from, or FOS_EVENT_NONE: none, or there is no such event. */
uint32_t fos_event_defs_root(const struct fos_event_defs *d, uint32_t event);

/* Number of a pair; FOS_ENOENT.  A flow takes up many in the order in which they were named. */
int fos_event_defs_search(struct fos_event_defs *d, uint32_t event, fos_event_handler_fn *handler);
static inline int fos_event_defs_find(struct fos_event_defs *d, uint32_t event,
				      fos_event_handler_fn *handler)
{
	uint32_t n = d->after;

	if (n < d->nr_pairs && d->pair[n].event == event && d->pair[n].handler == handler)
		return (int)d->after++;
	return fos_event_defs_search(d, event, handler);
}

/* The set with these pairs; id is the XOR of their hashes.  Valid until the next call while no walk
 * goes on, and to the end of the outermost walk otherwise. */
const struct fos_event_set *fos_event_sets_get(struct fos_event_sets *s,
					       const struct fos_event_defs *d, uint64_t id,
					       const uint64_t bits[FOS_EVENT_SET_WORDS]);
void fos_event_sets_fini(struct fos_event_sets *s);

/* Node of an event in a set, or nr_nodes. */
uint32_t fos_event_set_find(const struct fos_event_set *s, uint32_t event);

/* Walks what lies below and at a node, depth first: handlers of each event that happens, in the order
 * of their numbers; an event whose filter says false, and all below it, does not happen.  The first
 * node's own filter is not asked.  Returns handlers called. */
uint32_t fos_event_set_walk(struct fos_event_sets *s, const struct fos_event_defs *d,
			    const struct fos_event_set *set, uint32_t node, struct fos_window *w,
			    struct fos_event *ev);

#endif
