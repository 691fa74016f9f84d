/* pmhost/event_host.h - events in a PM's process: from the ring to the module's handlers
 *
 *	event_queue.c  the ring, and events that wait for their bytes
 *	event_find.c   events of one flow in the ring
 *	event_call.c   one event: the window, the handlers, the commit; calls of pm_event.h about sets
 *	event_info.c   the rest of the calls of pm_event.h
 *	event_set.c    definitions and sets
 *
 * An event that stands behind bytes which an earlier stage has not released yet is moved from the
 * ring into the PM's own region, so that it holds up nobody else's.  Taking an event, moving it, and
 * being done with it are each part of one commit.
 */
#ifndef FOS_PMHOST_EVENT_HOST_H
#define FOS_PMHOST_EVENT_HOST_H

#include "pmhost/event_find.h"
#include "pmhost/event_set.h"
#include "shm/ring.h"

/* struct fos_event_ctx - in a context slot of a module with events, behind struct fos_host_ctx */
struct fos_event_ctx {
	uint64_t bits[FOS_EVENT_SET_WORDS]; /* pairs of the flow's set, XOR the template's */
	uint64_t id;      /* XOR of their hashes */
	uint32_t mask;    /* what on_event is called for, XOR the module's .events */
	uint32_t missed;  /* of the classifier's count, told */
	uint32_t lost;    /* found no room here, and not told yet */
	uint8_t flags;    /* enum fos_event_ctx_flag */
	uint8_t bound;    /* as in pub.events */
	uint8_t pad[2];
	struct {
		uint64_t ns; /* due; 0 = not set */
		uint64_t period;
	} timer[FOS_EVENT_TIMERS];
};

enum fos_event_ctx_flag {
	FOS_EVENT_STOPPED = 1u << 0, /* fos_stop() */
	FOS_EVENT_KEEPS = 1u << 1,   /* a module without on_data has left bytes in the window */
	FOS_EVENT_ENDED = 1u << 2,   /* FOS_ON_END was told: nothing comes after it */
	FOS_EVENT_LAST = 1u << 3     /* fos_overlap(): the last copy */
};

enum fos_event_from { FOS_FROM_NOWHERE, FOS_FROM_RING, FOS_FROM_INBOX };

struct fos_event_host {
	struct fos_ring_cons *ring;
	struct fos_event_find find; /* meaningful with a ring */
	const uint8_t *room;     /* for packets, by slot of the ring; NULL = none */
	const uint32_t *missed;  /* the classifier's counts, by flow */
	uint64_t *seq;           /* own region: by place of the inbox, order of arrival; 0 = free */
	struct fos_event_slot *inbox;
	uint8_t *inbox_room;
	uint32_t nr_inbox;
	uint64_t next_seq;
	uint32_t next[FOS_EVENT_INBOX]; /* of the same flow (struct fos_local), or free */
	uint32_t free;
	bool again;  /* an event found no room for what it causes, or for itself */
	bool replay; /* flows are to be told that the module was started */
	/* what the event in hand takes with it when it is committed (`due`), not before: on_data is
	 * called for the bytes before it first, and commits by itself */
	bool due;
	enum fos_event_from from;
	uint32_t place;
	uint32_t stash; /* place of the inbox to fill, or FOS_NONE */
	/* the event in hand */
	const struct fos_event_slot *slot;
	const uint8_t *packet; /* its room, or NULL */
	const struct fos_event *ev; /* as the module sees it */
	uint32_t depth;        /* events raised in it */
	struct fos_event_defs defs;
	struct fos_event_sets sets;
};

struct fos_instance;
struct fos_deadline;

/* At attach; NULL when the module has no events.  Freed by fos_events_free(). */
struct fos_event_host *fos_events_attach(struct fos_instance *pm);
void fos_events_free(struct fos_event_host *e);

/* Then, when the flows' private records are there: events that a predecessor put aside. */
void fos_events_recall(struct fos_instance *pm);

/* One pass over the ring; returns events handled. */
uint32_t fos_events_work(struct fos_instance *pm);

/* Events of the flow that wait for bytes, as far as these are there now, and those that were missed.
 * For the visit of a flow, before its data. */
bool fos_events_visit(struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* Position in the stream as it came up to which bytes may be shown: where the flow's first waiting event
 * stands; UINT64_MAX = none waits.  Call after the stream's tail was read. */
uint64_t fos_events_cut(const struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* Does the module read bytes in its events (it has no on_data)? */
bool fos_events_read(const struct fos_instance *pm);

/* Then: lets go of the bytes of the window's flow that its events are done with.  True: something was
 * released. */
bool fos_events_let_go(struct fos_window *w);

/* Handles one event: FOS_OK, committed; FOS_EVENT_UNWANTED, nothing to be done and nothing committed;
 * FOS_AGAIN, no room, nothing changed; FOS_ENOENT, bytes before it are still to come. */
#define FOS_EVENT_UNWANTED 1
int fos_event_deliver(struct fos_instance *pm, const struct fos_event_slot *slot,
		      const uint8_t *room);

/* The event that fos_event_deliver() refused last is given up: counted for its flow, and used up. */
void fos_event_lost(struct fos_instance *pm);

/* Timers of a flow: due ones; the next one of context slot `slot` goes to the wheel. */
bool fos_events_due(struct fos_instance *pm, const struct fos_deadline *due);
void fos_events_arm(struct fos_instance *pm, uint32_t flow, uint32_t gen, uint32_t slot);

/* pub.events of the window's flow, with what is staged. */
uint32_t fos_events_mask(const struct fos_window *w);

/* Queues what the commit is about; after it, and after one that found no room. */
void fos_events_publish(struct fos_instance *pm);
void fos_events_done(struct fos_instance *pm, bool committed);

#endif
