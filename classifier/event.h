/* classifier/event.h - what happens on a flow: counted, and told to the PMs that asked
 *
 * Rare conditions are counted by flow (history.h), whoever wants them.  What
 * some PM of the flow's pipeline has asked for goes into that PM's event ring, in the batch's
 * transaction with all else that the packet did: a batch that is undone has not happened.  A side's
 * events belong to the flow that it sends.
 *
 * While a packet is in hand its events are collected and told in the order of enum fos_event_kind when
 * it is done with, so that they can say what both ends' states have become.
 */
#ifndef FOS_CLASSIFIER_EVENT_H
#define FOS_CLASSIFIER_EVENT_H

#include "classifier/batch.h"

/* Finds the rings of this lane's PMs; -ENOMEM. */
int fos_event_attach(struct fos_classifier *c);
void fos_event_detach(struct fos_classifier *c);

/* What the flow's PMs have published is read again at its next event. */
static inline void fos_event_forget(struct fos_classifier *c, uint32_t flow)
{
	if (c->event.nr_rings)
		c->local[flow].unwanted = 0;
}

/* The slot begins another flow. */
void fos_event_reset(struct fos_classifier *c, uint32_t flow);

/* The kinds that some PM wants of the flow, FOS_EVENT_BIT() each. */
uint32_t fos_event_look(struct fos_classifier *c, uint32_t flow);

/* THE test: is it worth telling? */
static inline bool fos_event_wanted(struct fos_classifier *c, uint32_t flow, uint32_t kind)
{
	uint32_t unwanted = c->local[flow].unwanted;

	if (__builtin_expect(unwanted & FOS_EVENT_BIT(kind), 1))
		return false;
	return unwanted != 0 || fos_event_look(c, flow) & FOS_EVENT_BIT(kind);
}

/* Bytes that the PMs of the flow let its OOSEQ queue hold; UINT64_MAX = no bound of theirs. */
uint64_t fos_event_bound(struct fos_classifier *c, uint32_t flow);

/* Do the flow's PMs want the last copy of bytes ahead of a hole (overlap.h)? */
bool fos_event_last_copy(struct fos_classifier *c, uint32_t flow);

/* The packet in hand is about to take the place of these bytes: they go with its differing copy. */
void fos_event_keep_old(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len);

/* Tells of `len` bytes at app position `pos`, if somebody wants to know. */
void fos_event_happened(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind,
		     uint64_t pos, uint32_t len, uint64_t time_ns);

/* The same, counted: `len` bytes at app position `pos` of the flow, in the packet of `time_ns`. */
void fos_event_note(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind, uint64_t pos,
		    uint32_t len, uint64_t time_ns);

/* The flow has ended. */
void fos_event_closed(struct fos_classifier *c, uint32_t flow, enum fos_close why);

/* Around what becomes of a packet of the flow.  end() without begin() does nothing; cancel(): the packet
 * turns out to belong to another connection. */
void fos_event_begin(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt);
void fos_event_end(struct fos_classifier *c);
void fos_event_cancel(struct fos_classifier *c);

/* A TCP packet of a connection that nobody knows, which the pipeline matches. */
void fos_event_orphan(struct fos_classifier *c, uint32_t pipeline, const struct fos_packet *pkt);

/* At the commit, before all else is published: an event is there before the bytes behind it. */
void fos_event_publish(struct fos_classifier *c);

/* Redo entries that the above may need, one more packet included. */
static inline uint32_t fos_event_redo(const struct fos_classifier *c)
{
	return c->event.nr_missed + c->event.nr_rings * (FOS_MISSES / 2 + 1);
}

/* Room for what one more packet may miss? */
static inline bool fos_event_room(const struct fos_classifier *c)
{
	return c->event.nr_missed <= c->event.nr_rings * FOS_MISSES / 2;
}

/* Notes a window overrun when bytes up to `end` go beyond what the receiver has offered
 * (fos_tcp_overruns()); the box keeps them until there is room. */
void fos_event_window(struct fos_classifier *c, uint32_t flow, int64_t end, uint64_t time_ns);

#endif
