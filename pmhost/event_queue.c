/* pmhost/event_queue.c - events from the ring, and those that wait for their bytes; see event_host.h */
#include <stdlib.h>
#include <string.h>

#include "pmhost/event_host.h"
#include "pmhost/host.h"
#include "pmhost/visit.h"
#include "shm/build.h"

#define EVENTS_PER_PASS 256u

/* ---------------------------------------------------------------- attach */

static void bind_inbox(struct fos_instance *pm, struct fos_event_host *e)
{
	uint8_t *base = (uint8_t *)pm->region + pm->region->inbox_off;

	e->seq = (void *)base;
	e->inbox = (void *)(base + FOS_EVENT_INBOX * sizeof(*e->seq));
	e->inbox_room = (uint8_t *)(e->inbox + FOS_EVENT_INBOX);
	e->next_seq = 1;
}

static bool lives(const struct fos_instance *pm, const struct fos_event_slot *s)
{
	return s->flow < pm->region->nr_flows &&
	       fos_acquire32(&pm->box->flows[s->flow].gen) == s->flow_gen;
}

static void append(struct fos_instance *pm, uint32_t place)
{
	struct fos_event_host *e = pm->events;
	struct fos_local *l = &pm->local[e->inbox[place].flow];

	e->next[place] = FOS_NONE;
	if (l->aside[0] == 0)
		l->aside[0] = place + 1;
	else
		e->next[l->aside[1] - 1] = place;
	l->aside[1] = place + 1;
	e->nr_inbox++;
}

static void make_free(struct fos_event_host *e, uint32_t place)
{
	e->next[place] = e->free;
	e->free = place;
}

struct order {
	uint64_t seq;
	uint32_t place;
};

static int by_seq(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void fos_events_recall(struct fos_instance *pm)
{
	struct fos_event_host *e = pm->events;
	struct order *o = calloc(FOS_EVENT_INBOX, sizeof(*o));
	uint32_t n = 0;

	if (!o)
		abort();
	e->free = FOS_NONE;
	for (uint32_t i = FOS_EVENT_INBOX; i-- > 0;) {
		const struct fos_event_slot *s = &e->inbox[i];

		if (e->seq[i] == 0)
			make_free(e, i);
		else if (lives(pm, s))
			o[n++] = (struct order){e->seq[i], i};
		else
			e->nr_inbox++; /* until the sweep */
		if (e->seq[i] >= e->next_seq)
			e->next_seq = e->seq[i] + 1;
	}
	qsort(o, n, sizeof(*o), by_seq);
	for (uint32_t i = 0; i < n; i++) {
		const struct fos_event_slot *s = &e->inbox[o[i].place];

		/* one of which nothing has been published yet is met by this */
		fos_visit_meet(pm, s->flow, s->flow_gen);
		append(pm, o[i].place);
	}
	free(o);
}

struct fos_event_host *fos_events_attach(struct fos_instance *pm)
{
	const struct fos_box *box = pm->box;
	uint32_t cls = fos_proc_find(pm->dir, FOS_ROLE_CLASSIFIER, box->lane, box->lane);
	struct fos_event_host *e;
	const uint8_t *base = (const uint8_t *)box->cls;
	uint64_t room;

	if (!(pm->d->event_wants & FOS_PM_WANTS_EVENTS))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	e->ring = fos_proc_cons(pm->p, FOS_RING_EVENT, cls);
	e->stash = FOS_NONE;
	e->replay = true;
	fos_event_defs_init(&e->defs);
	bind_inbox(pm, e);
	if (e->ring) {
		room = fos_build_event_room(pm->dir, &pm->dir->ring[e->ring->id]);
		e->room = room ? base + room : NULL;
		fos_event_find_init(&e->find, e->ring);
	}
	e->missed = (const uint32_t *)(const void *)(base + box->cls->missed_off) +
		    (uint64_t)fos_build_event_index(pm->dir, pm->index) * box->cls->nr_flows;
	return e;
}

void fos_events_free(struct fos_event_host *e)
{
	if (!e)
		return;
	fos_event_defs_fini(&e->defs);
	fos_event_sets_fini(&e->sets);
	fos_event_find_fini(&e->find);
	free(e);
}

/* ---------------------------------------------------------------- the commit */

void fos_events_publish(struct fos_instance *pm)
{
	struct fos_event_host *e = pm->events;

	if (!e->due)
		return;
	if (e->from == FOS_FROM_RING)
		fos_txn_publish64(&pm->txn, &e->ring->cursor->head, e->ring->next + 1);
	if (e->from == FOS_FROM_INBOX)
		fos_txn_publish64(&pm->txn, &e->seq[e->place], 0);
	if (e->stash != FOS_NONE)
		fos_txn_publish64(&pm->txn, &e->seq[e->stash], e->next_seq);
}

void fos_events_done(struct fos_instance *pm, bool committed)
{
	struct fos_event_host *e = pm->events;

	if (committed && e->from == FOS_FROM_RING)
		fos_ring_take(e->ring, 1);
	if (committed && e->from == FOS_FROM_INBOX) {
		struct fos_local *l = &pm->local[e->inbox[e->place].flow];

		l->aside[0] = e->next[e->place] == FOS_NONE ? 0 : e->next[e->place] + 1;
		make_free(e, e->place);
		e->nr_inbox--;
	}
	if (committed && e->stash != FOS_NONE) {
		e->free = e->next[e->stash];
		append(pm, e->stash);
		e->next_seq++;
	}
	e->from = FOS_FROM_NOWHERE;
	e->stash = FOS_NONE;
	e->due = false;
}

/* Nothing came of it but that it is used up. */
static void use_up(struct fos_instance *pm)
{
	if (pm->events->from == FOS_FROM_RING && pm->events->stash == FOS_NONE) {
		/* given back at the end of the pass, or with the next one that matters */
		fos_events_done(pm, true);
		return;
	}
	pm->events->due = true;
	fos_events_publish(pm);
	fos_txn_commit(&pm->txn);
	fos_events_done(pm, true);
}

/* ---------------------------------------------------------------- waiting ones */

/* The flow's oldest event that was put aside, or FOS_NONE. */
static uint32_t oldest(const struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	const struct fos_local *l;

	if (pm->events->nr_inbox == 0 || flow >= pm->region->nr_flows)
		return FOS_NONE;
	l = &pm->local[flow];
	return l->gen == gen && l->aside[0] ? l->aside[0] - 1 : FOS_NONE;
}

uint64_t fos_events_cut(const struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_event_host *e = pm->events;
	const struct fos_event_slot *s;
	uint32_t i;

	if (e->slot)
		return e->slot->at;
	i = oldest(pm, flow, gen);
	if (i != FOS_NONE)
		return e->inbox[i].at;
	s = e->ring ? fos_event_find_first(&e->find, e->ring, flow, gen) : NULL;
	return s ? s->at : UINT64_MAX;
}

/* Places of events whose flow has gone since. */
static void sweep(struct fos_instance *pm)
{
	struct fos_event_host *e = pm->events;

	for (uint32_t i = 0; i < FOS_EVENT_INBOX; i++) {
		const struct fos_event_slot *s = &e->inbox[i];

		if (e->seq[i] == 0 || lives(pm, s))
			continue;
		if (pm->local[s->flow].gen == s->flow_gen)
			pm->local[s->flow].aside[0] = 0; /* all of them go */
		fos_txn_publish64(&pm->txn, &e->seq[i], 0);
		fos_txn_commit(&pm->txn);
		make_free(e, i);
		e->nr_inbox--;
	}
}

/* Its bytes are still to come: out of the way of the others. */
static void put_aside(struct fos_instance *pm, const struct fos_event_slot *slot,
		      const uint8_t *room)
{
	struct fos_event_host *e = pm->events;
	uint32_t i;

	if (e->free == FOS_NONE)
		sweep(pm);
	i = e->free;
	if (i == FOS_NONE) {
		fos_count(pm->p->counter, FOS_C_events_missed, 1);
		fos_event_lost(pm);
		return;
	}
	e->inbox[i] = *slot;
	if (room && e->room)
		memcpy(e->inbox_room + (uint64_t)i * FOS_EVENT_ROOM, room, FOS_EVENT_ROOM);
	e->stash = i;
	e->from = FOS_FROM_RING;
	use_up(pm);
}

/* Events of the flow were missed, here or by the classifier: told before any that came after them.  False:
 * no room for what that causes. */
static bool tell_missed(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_local *l = &pm->local[flow];
	struct fos_event_slot slot = {
		.kind = FOS_EVENT_MISSED, .flow = flow, .flow_gen = gen, .time_ns = pm->p->now_ns,
		.len = fos_relaxed32(&pm->events->missed[flow]),
	};

	if (slot.len == l->missed && !l->lost)
		return true;
	/* the flow may have gone, and what is remembered be another one's */
	if (!fos_visit_meet(pm, flow, gen) || (slot.len == l->missed && !l->lost))
		return true;
	if (fos_event_deliver(pm, &slot, NULL) == FOS_AGAIN)
		return false;
	l->missed = slot.len;
	l->lost = 0;
	return true;
}

/* Events of the inbox whose bytes are there.  False: one had no room for what it causes. */
static bool catch_up(struct fos_instance *pm, uint32_t flow, uint32_t gen, uint32_t *done)
{
	struct fos_event_host *e = pm->events;
	uint32_t i;

	while ((i = oldest(pm, flow, gen)) != FOS_NONE) {
		const uint8_t *room = e->room ? e->inbox_room + (uint64_t)i * FOS_EVENT_ROOM : NULL;
		int rc;

		if (!tell_missed(pm, flow, gen))
			return false;
		e->from = FOS_FROM_INBOX;
		e->place = i;
		rc = fos_event_deliver(pm, &e->inbox[i], room);
		if (rc == FOS_EVENT_UNWANTED)
			use_up(pm);
		else if (rc != FOS_OK)
			fos_events_done(pm, false);
		if (rc == FOS_AGAIN)
			return false;
		if (rc == FOS_ENOENT)
			return true;
		++*done;
	}
	return true;
}

bool fos_events_visit(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	uint32_t done = 0;

	if (!catch_up(pm, flow, gen, &done) || !tell_missed(pm, flow, gen))
		fos_visit_later(pm, flow);
	return done > 0;
}

/* ---------------------------------------------------------------- the ring */

/* One event; false: it stays, there is no room for what it causes. */
static bool take(struct fos_instance *pm, const struct fos_event_slot *slot, const uint8_t *room)
{
	struct fos_event_host *e = pm->events;
	uint32_t done = 0;
	int rc;

	if (slot->flow != FOS_NONE && slot->flow >= pm->region->nr_flows) {
		fos_ring_take(e->ring, 1);
		return true;
	}
	if (slot->flow != FOS_NONE && (!catch_up(pm, slot->flow, slot->flow_gen, &done) ||
				       !tell_missed(pm, slot->flow, slot->flow_gen)))
		return false;
	if (oldest(pm, slot->flow, slot->flow_gen) != FOS_NONE) {
		put_aside(pm, slot, room);
		return true;
	}
	e->from = FOS_FROM_RING;
	rc = fos_event_deliver(pm, slot, room);
	if (rc == FOS_EVENT_UNWANTED)
		use_up(pm);
	else if (rc == FOS_ENOENT)
		put_aside(pm, slot, room);
	if (rc == FOS_AGAIN)
		fos_events_done(pm, false);
	return rc != FOS_AGAIN;
}

static void replay(struct fos_instance *pm, uint32_t flow, void *arg)
{
	const struct fos_event_slot slot = {
		.kind = FOS_EVENT_REPLAY, .flow = flow, .time_ns = pm->p->now_ns,
		.flow_gen = fos_acquire32(&pm->box->flows[flow].gen),
	};
	struct fos_pm_pub pub;

	(void)arg;
	if (slot.flow_gen && fos_host_pub(pm, flow, slot.flow_gen, &pub))
		fos_event_deliver(pm, &slot, NULL);
}

uint32_t fos_events_work(struct fos_instance *pm)
{
	struct fos_event_host *e = pm->events;
	uint32_t done = 0;

	e->again = false;
	if (e->replay) {
		uint32_t next = 0;

		e->replay = false;
		fos_host_live(pm, &next, UINT32_MAX, replay, NULL);
	}
	if (!e->ring)
		return 0;
	for (; done < EVENTS_PER_PASS && fos_ring_peek(e->ring) > 0; done++) {
		const struct fos_event_slot slot = *(const struct fos_event_slot *)fos_ring_at(e->ring, 0);
		const uint8_t *room = e->room ? e->room + (e->ring->next & e->ring->mask) *
							FOS_EVENT_ROOM : NULL;

		if (!take(pm, &slot, room)) {
			e->again = true;
			break;
		}
		fos_visit_cut(pm, slot.flow);
	}
	if (e->ring->broken) {
		fos_count(pm->p->counter, FOS_C_ring_broken, 1);
		e->ring->broken = false;
	}
	if (e->ring->cursor->head != e->ring->next)
		fos_ring_release(e->ring);
	return done;
}
