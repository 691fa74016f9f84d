/* pmhost/event_call.c - one event: window, handlers, commit; see event_host.h */
#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/event_host.h"
#include "pmhost/host.h"
#include "pmhost/visit.h"
#include "pmhost/window.h"

/* ---------------------------------------------------------------- what a flow asks for */

static const struct fos_event_set *set_of(const struct fos_window *w)
{
	struct fos_event_host *e = w->pm->events;
	const struct fos_event_ctx *x = fos_host_event_ctx(w);
	uint64_t bits[FOS_EVENT_SET_WORDS];

	for (uint32_t i = 0; i < FOS_EVENT_SET_WORDS; i++)
		bits[i] = e->defs.bits[i] ^ x->bits[i];
	return fos_event_sets_get(&e->sets, &e->defs, e->defs.id ^ x->id, bits);
}

/* What on_event is called for. */
static uint32_t called_for(const struct fos_window *w)
{
	const struct fos_event_ctx *x = fos_host_event_ctx(w);

	return w->pm->module->on_event ? w->pm->d->events ^ x->mask : 0;
}

uint32_t fos_events_mask(const struct fos_window *w)
{
	const struct fos_event_ctx *x = fos_host_event_ctx(w);

	if (x->flags & FOS_EVENT_STOPPED)
		return 0;
	return (called_for(w) | (w->pm->events->defs.nr_pairs ? set_of(w)->roots : 0)) |
	       (uint32_t)x->bound << FOS_EVENTS_BOUND_SHIFT |
	       (x->flags & FOS_EVENT_LAST ? FOS_EVENTS_LAST_COPY : 0);
}

/* ---------------------------------------------------------------- calling */

static void dispatch(struct fos_window *w, struct fos_event *ev)
{
	struct fos_event_host *e = w->pm->events;
	const struct fos_event_set *set;

	if (called_for(w) & FOS_BIT(ev->base) || (ev->base == FOS_ON_TIMER && w->pm->module->on_event))
		w->pm->module->on_event(w, ev);
	if (e->defs.nr_pairs == 0)
		return;
	set = set_of(w);
	if (set->roots & FOS_BIT(ev->base))
		fos_event_set_walk(&e->sets, &e->defs, set, set->start[ev->base], w, ev);
}

static void describe(const struct fos_window *w, const struct fos_event_slot *s, struct fos_event *ev)
{
	bool flow = s->flow != FOS_NONE;

	memset(ev, 0, sizeof(*ev));
	ev->id = ev->base = s->kind;
	ev->at = flow && w->pub.head < FOS_POS_MAX ? w->tail : s->at;
	ev->pos = s->pos;
	ev->len = s->len;
	ev->time_ns = s->time_ns;
	ev->state = s->sender;
	ev->peer_state = s->receiver;
	ev->was[0] = s->before[0];
	ev->was[1] = s->before[1];
	ev->why = s->why;
	if (flow && s->kind >= FOS_EVENT_MISSED) {
		const struct fos_flow *f = w->pm->box->flows;

		ev->state = ev->was[0] = f[s->flow].tcp_state;
		ev->peer_state = ev->was[1] = f[FOS_PEER(s->flow)].tcp_state;
		ev->pos = ev->at;
	}
}

/* What the host itself remembers of its own kinds of event changes with the handler's commit.  False:
 * there is nothing to tell. */
static bool own_kind(struct fos_window *w, const struct fos_event_slot *s, struct fos_event *ev)
{
	struct fos_event_ctx *x = fos_host_event_ctx(w);
	uint64_t now = w->pm->p->now_ns;

	if (s->kind == FOS_EVENT_MISSED) {
		ev->len = s->len - x->missed + x->lost;
		x->missed = s->len;
		x->lost = 0;
		w->ctx_touched = true;
		return ev->len != 0;
	}
	if (s->kind == FOS_EVENT_CLOSE) {
		for (uint32_t i = 0; i < FOS_EVENT_TIMERS; i++)
			x->timer[i].ns = x->timer[i].period = 0;
		x->flags |= FOS_EVENT_ENDED;
		w->ctx_touched = true;
	}
	if (s->kind == FOS_EVENT_TIMER) {
		ev->timer = s->len;
		ev->len = 0;
		if (x->timer[s->len].ns == 0 || x->timer[s->len].ns > now)
			return false;
		/* those that were slept over are not made up for */
		x->timer[s->len].ns = x->timer[s->len].period ?
			x->timer[s->len].ns + ((now - x->timer[s->len].ns) / x->timer[s->len].period + 1) *
						      x->timer[s->len].period : 0;
		w->ctx_touched = true;
	}
	return true;
}

/* Where the head goes when the handlers have returned. */
static uint64_t new_head(struct fos_window *w, uint32_t kind)
{
	struct fos_event_ctx *x = fos_host_event_ctx(w);
	uint64_t head = w->pub.head;
	uint8_t keeps;

	/* what is dropped does not go on */
	if (head >= FOS_POS_MAX || w->verdict >= FOS_VERDICT_DROP || w->pub.verdict >= FOS_VERDICT_DROP)
		return head;
	if (w->released)
		head = w->release;
	else if (fos_events_read(w->pm) && kind == FOS_EVENT_NEW_DATA && w->hold_bytes == UINT64_MAX &&
		 w->hold_ns == UINT64_MAX)
		head = w->tail;
	keeps = fos_events_read(w->pm) && head < w->tail ? FOS_EVENT_KEEPS : 0;
	if ((x->flags & FOS_EVENT_KEEPS) != keeps && kind == FOS_EVENT_NEW_DATA) {
		x->flags = (uint8_t)((x->flags & ~FOS_EVENT_KEEPS) | keeps);
		w->ctx_touched = true;
	}
	return head;
}

static int handle(struct fos_window *w, const struct fos_event_slot *slot)
{
	struct fos_instance *pm = w->pm;
	struct fos_event ev;
	int rc;

	describe(w, slot, &ev);
	if (!own_kind(w, slot, &ev))
		return FOS_EVENT_UNWANTED;
	pm->events->ev = &ev;
	fos_visit_enter(pm, FOS_IN_EVENT);
	dispatch(w, &ev);
	fos_visit_leave(pm);
	pm->events->ev = NULL;
	pm->events->due = true;
	rc = fos_commit_window(w, new_head(w, slot->kind), 0);
	pm->events->due = false;
	if (rc != FOS_OK)
		return FOS_AGAIN;
	fos_events_done(pm, true);
	fos_visit_after(w);
	return FOS_OK;
}

/* ---------------------------------------------------------------- of which flow */

bool fos_events_read(const struct fos_instance *pm)
{
	return pm->events && !pm->module->on_data && pm->d->stream == FOS_STREAM_APP &&
	       pm->d->events & FOS_EVENT_BIT(FOS_EVENT_NEW_DATA);
}

/* Does the event come in order with bytes that the module reads? */
static bool in_order(const struct fos_window *w, uint32_t kind)
{
	const struct fos_instance *pm = w->pm;

	return kind < FOS_EVENT_MISSED && pm->d->stream == FOS_STREAM_APP &&
	       w->flow_flags & FOS_FLOW_APP && !fos_visit_stopped(w) &&
	       (pm->module->on_data || fos_events_read(pm));
}

static int of_flow(struct fos_instance *pm, const struct fos_event_slot *slot)
{
	struct fos_window *w = &pm->w;
	uint32_t asked;

	if (!fos_visit_meet(pm, slot->flow, slot->flow_gen) || w->pub.flags & FOS_PM_CLOSED)
		return FOS_EVENT_UNWANTED;
	asked = w->pub.events;
	if (slot->kind != FOS_EVENT_TIMER && !(asked & FOS_EVENT_BIT(slot->kind)))
		return FOS_EVENT_UNWANTED;
	if (in_order(w, slot->kind)) {
		fos_visit_data(w);
		fos_window_open(w);
		if (!w->reached && !fos_visit_stopped(w))
			return FOS_ENOENT;
	} else {
		fos_window_open(w);
	}
	return handle(w, slot);
}

/* A packet of no flow: a window with nothing in it but the packet's addresses. */
static int orphan(struct fos_instance *pm, const struct fos_event_slot *slot)
{
	struct fos_window *w = &pm->w;
	struct fos_event ev;
	int rc;

	if (!fos_window_orphan(w))
		return FOS_EVENT_UNWANTED;
	fos_commit_discard(pm);
	describe(w, slot, &ev);
	pm->events->ev = &ev;
	pm->in = FOS_IN_EVENT;
	fos_count(pm->p->counter, FOS_C_pm_calls, 1);
	dispatch(w, &ev); /* the context is zeros: the set is the template's */
	pm->in = FOS_IN_NONE;
	pm->events->ev = NULL;
	pm->events->due = true;
	rc = fos_commit_pm(pm);
	pm->events->due = false;
	if (rc != FOS_OK)
		return FOS_AGAIN;
	fos_events_done(pm, true);
	return FOS_OK;
}

int fos_event_deliver(struct fos_instance *pm, const struct fos_event_slot *slot,
		      const uint8_t *room)
{
	struct fos_event_host *e = pm->events;
	int rc;

	e->slot = slot;
	e->packet = slot->packet_len || slot->old_len ? room : NULL;
	rc = slot->flow == FOS_NONE ? orphan(pm, slot) : of_flow(pm, slot);
	e->slot = NULL;
	e->packet = NULL;
	return rc;
}

void fos_event_lost(struct fos_instance *pm)
{
	struct fos_window *w = &pm->w;

	fos_window_open(w);
	fos_host_event_ctx(w)->lost++;
	w->ctx_touched = true;
	pm->local[w->flow].lost = 1;
	pm->events->from = FOS_FROM_RING;
	pm->events->due = true;
	fos_events_done(pm, fos_commit_window(w, w->pub.head, 0) == FOS_OK);
}

/* ---------------------------------------------------------------- bytes without on_data */

bool fos_events_let_go(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;

	fos_window_open(w);
	pm->local[w->flow].retry = 0;
	if (pm->local[w->flow].hold_ns == 0)
		fos_visit_after(w); /* nothing was handled here yet: the configuration's limits */
	if (w->cut) {
		pm->local[w->flow].cut |= !pm->events->slot;
		return w->more && fos_visit_end_hold(w, w->head);
	}
	if (fos_host_event_ctx(w)->flags & FOS_EVENT_KEEPS && !w->fin)
		return fos_visit_end_hold(w, w->head);
	/* an end that brings no byte: who comes next waits for it */
	if (w->fin && !pm->local[w->flow].fin_seen)
		pm->local[w->flow].fin_seen = w->moved = true;
	if (w->tail == w->head)
		return false;
	if (fos_commit_window(w, w->tail, 0) != FOS_OK) {
		fos_visit_later(pm, pm->w.flow);
		return false;
	}
	return true;
}

/* ---------------------------------------------------------------- raising */

int fos_event_raise(struct fos_window *w, uint32_t event, const void *data, size_t len)
{
	struct fos_event_host *e = w->pm->events;
	struct fos_event ev = {.base = FOS_EVENT_NONE, .at = w->tail, .pos = w->tail};
	const struct fos_event_set *set;
	uint32_t node;

	if (!e)
		return FOS_EPERM;
	if (event < FOS_EVENT_USER || event - FOS_EVENT_USER >= e->defs.nr_defs)
		return FOS_EINVAL;
	if (e->depth == FOS_EVENT_DEPTH)
		return FOS_EFULL;
	ev.time_ns = w->pm->p->now_ns;
	if (e->ev)
		ev = *e->ev;
	ev.id = event;
	ev.data = data;
	ev.data_len = len;
	set = set_of(w);
	node = fos_event_set_find(set, event);
	if (node == set->nr_nodes)
		return FOS_OK;
	e->depth++;
	fos_event_set_walk(&e->sets, &e->defs, set, node, w, &ev);
	e->depth--;
	return FOS_OK;
}
