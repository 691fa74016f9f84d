/* pmhost/pm_event.h - events: what happens on a flow, and what a module does about it
 *
 * Included by pm.h.  A module says in FOS_PM() which built-in events it wants and handles them:
 *
 *	static void on_event(struct fos_window *w, const struct fos_event *ev)
 *	{
 *		struct counts *c = fos_ctx(w);
 *
 *		c->again += ev->len;
 *	}
 *
 *	FOS_PM(.name = "retrans", .stream = FOS_APP, .ctx_size = sizeof(struct counts),
 *	       .events = FOS_BIT(FOS_ON_RETRANSMISSION), .on_event = on_event);
 *
 * Order.  Events of a flow come in the order in which they happened, and in order with its bytes:
 * when on_event runs, on_data has been called for all bytes that came before the event and for none
 * that came after it, and fos_tail(w) stands where the event does.  (Behind a stage that holds bytes
 * back, the event waits for them.)  A module on FOS_IP or FOS_TCP, and one that has stopped watching
 * the bytes, is told at once.  Events of one packet come in the order of enum fos_on.
 *
 * Once.  What a handler stages is committed when it returns, together with the fact that the event
 * has been handled: a module killed at any instruction finds each event either done, with all that
 * it caused, or still to come.  fos_release() in on_event is staged like the rest.
 *
 * A module with on_event and without on_data that asks for FOS_ON_NEW_DATA reads the window in that
 * event; when it returns the bytes go on by themselves, unless it has said fos_release() or fos_hold().
 *
 * Cost.  What a flow's modules want is a mask in shared memory; an event that none of them wants is
 * one test.  Events wait in a ring of 1024 per module, and 2048 more of it may wait for bytes; what
 * does not fit is counted per flow and told as FOS_ON_MISSED (counter events_missed).
 *
 * FOS_ON_END is the last event of a flow; on_close comes after it.
 */
#ifndef FLOWOS_PM_EVENT_H
#define FLOWOS_PM_EVENT_H

#ifndef FLOWOS_PM_H
#error "include pmhost/pm.h"
#endif

/* Built-in events.  `this side` is the end that sends the flow of the window. */
enum fos_on {
	FOS_ON_PACKET = 0,     /* a packet of this side has come in, sound by its checksums */
	FOS_ON_START,          /* the connection's first packet (told on both directions) */
	FOS_ON_SETUP,          /* TCP: handshake complete (both directions) */
	FOS_ON_RETRANSMISSION, /* len bytes at pos came again; the box lets no second copy through */
	FOS_ON_DIFFERING_COPY, /* and differ from the copy before: fos_event_old() */
	FOS_ON_OUT_OF_ORDER,   /* len bytes at pos came ahead of a hole */
	FOS_ON_GAP,            /* a hole has opened: len bytes at pos are missing */
	FOS_ON_GAP_FILLED,     /* the hole was filled by len bytes at pos */
	FOS_ON_WINDOW_OVERRUN, /* the len bytes from pos on are beyond what the receiver offered */
	FOS_ON_ZERO_WINDOW,    /* this side has closed its receive window */
	FOS_ON_INVALID_RST,    /* a RST that RFC 5961 refuses */
	FOS_ON_INVALID_SYN,    /* a SYN inside the connection */
	FOS_ON_NEW_DATA,       /* len bytes at pos were added to the stream, in sequence order */
	FOS_ON_STATE,          /* the TCP state of this side has changed: was[0] to state */
	FOS_ON_END,            /* the connection has ended, `why`: enum fos_pm_end (both directions) */
	FOS_ON_ORPHAN,         /* a TCP packet of no known connection and not a first one: the window is
				* empty, fos_flow() tells its addresses, there is no context */
	FOS_ON_MISSED,         /* len events of this flow did not fit their ring and are lost */
	FOS_ON_TIMER,          /* fos_event_timer(): timer number `timer` */
	FOS_ON_REPLAY,         /* the module was started again: once for each flow it knows, first */
	FOS_NR_ON
};
#define FOS_BIT(event) (1u << (event))
#define FOS_EVENT_USER 64u /* ids from here on are user-defined */

/* States of a TCP end (RFC 9293 section 3.3.2), followed from the packets that pass. */
enum fos_tcp_state {
	FOS_CLOSED = 0,
	FOS_LISTEN,
	FOS_SYN_SENT,
	FOS_SYN_RECEIVED,
	FOS_ESTABLISHED,
	FOS_FIN_WAIT_1,
	FOS_FIN_WAIT_2,
	FOS_CLOSE_WAIT,
	FOS_CLOSING,
	FOS_LAST_ACK,
	FOS_TIME_WAIT
};
const char *fos_tcp_state_name(uint32_t state);

/* struct fos_event - what has happened.  `pos` counts the stream as it came in: in a pipeline with
 * editors before this module that is not the window's numbering; `at` is.
 *
 * The two views of a packet: before it was sent the ends were in was[0] and was[1]; its sender went
 * to `state`; the receiver, once it has it, to `peer_state`.  So at the moment of sending the ends
 * are (state, was[1]), at that of arrival (state, peer_state). */
struct fos_event {
	uint32_t id;   /* enum fos_on, or a user-defined event */
	uint32_t base; /* the built-in event that it is or comes from */
	uint64_t at;   /* window position that it stands at */
	uint64_t pos;  /* first byte concerned */
	uint64_t len;  /* bytes concerned; FOS_ON_MISSED: events */
	uint64_t time_ns;
	uint8_t state;      /* enum fos_tcp_state of this side */
	uint8_t peer_state; /* and of the other */
	uint8_t was[2];     /* both before the packet: this side's, the other's */
	uint32_t why;       /* FOS_ON_END */
	uint32_t timer;     /* FOS_ON_TIMER */
	const void *data;   /* fos_event_raise(): what was given there */
	size_t data_len;
};

/* ---------------------------------------------------------------- what a flow asks for
 * Staged; effective with the commit, at any time of the flow, each direction by itself:
 *
 *	fos_subscribe()  which events
 *	fos_bypass()     (pm.h) no bytes any more, only events: what the window held goes on at once
 *	fos_stop()       neither
 *	fos_buffer()     how many bytes are kept ahead of a hole
 *	fos_overlap()    which copy of them stands
 *
 * Bytes that a module has let go are not shown to it again.  A side that none of the flow's modules reads
 * any more is not put in order: what was kept ahead of a hole goes on at once, what comes goes on as it
 * comes.  Events of it are told as before; fos_read_at() and fos_fragments() find nothing. */

/* The built-in events that on_event is called for on this flow from now on (it begins as .events).
 * Those that user-defined events need come in addition. */
void fos_subscribe(struct fos_window *w, uint32_t events);

/* What the flow's modules are told of now: on_event's and those that user-defined events need. */
uint32_t fos_subscribed(const struct fos_window *w);

/* Stops watching this direction now: bytes pass unseen, no more events, user-defined ones included;
 * what the window held goes on. */
void fos_stop(struct fos_window *w);

/* Bound, in bytes, on what the box keeps of this direction ahead of a hole; it can only be lower than
 * `limits.ooo_per_flow`.  Rounded up to a power of two, at least 1024; 0 = as configured.  What is
 * kept beyond it is dropped, the furthest first, and its memory returned. */
void fos_buffer(struct fos_window *w, uint64_t bytes);

/* Which copy stands of bytes of this direction that come twice, and differ, while they are ahead of a
 * hole: the first (as it begins), or the last, as soon as one of the flow's modules asks for that.  The
 * receiver gets the copy that stands; fos_event_old() of FOS_ON_DIFFERING_COPY shows the other.  Bytes in
 * sequence never change: modules may be looking at them (in another process, without a lock), and no
 * receiver changes them: it cuts off what comes again (RFC 9293 section 3.10.7.4).  Those in very small
 * pieces (more than 256 under one segment) do not either, nor do those of connections that pass exactly as
 * they came, or of a side that no module reads. */
enum fos_overlap { FOS_OVERLAP_FIRST = 0, FOS_OVERLAP_LAST };
void fos_overlap(struct fos_window *w, enum fos_overlap which);

/* TCP states now: this side's and the other's. */
void fos_tcp_states(const struct fos_window *w, uint32_t *own, uint32_t *peer);

/* ---------------------------------------------------------------- the packet behind an event
 * In a handler or filter of an event, with FOS_PM_PACKETS in .flags; in on_open (of any module) the
 * connection's first packet, which waits for it.  Read in place; valid until the handler returns. */

/* FOS_ENOENT: there is none (timers, ends by time-out), or it did not fit.  At most
 * FOS_EVENT_PACKET_BYTES of it are there (p->len). */
#define FOS_EVENT_PACKET_BYTES 2496u
int fos_event_packet(struct fos_window *w, struct fos_packet *p);

/* FOS_ON_RETRANSMISSION, FOS_ON_DIFFERING_COPY: bytes of the copy before, which are what the receiver
 * gets unless the last one stands (fos_overlap()), as far as the box still had them in the pipeline
 * (unreleased, or not yet sent).  Returns how many are at *data; *pos is the position of the first.
 * 0 = none. */
#define FOS_EVENT_OLD_BYTES 1536u
size_t fos_event_old(struct fos_window *w, const void **data, uint64_t *pos);

/* ---------------------------------------------------------------- bytes beyond the window
 * FOS_APP.  Positions of the stream as it came in. */

/* Copies bytes from an absolute position on that the box holds: not yet sent, or ahead of a hole.  Returns
 * how many, up to the first that it does not hold (any more).  Moves nothing. */
size_t fos_read_at(struct fos_window *w, uint64_t pos, void *buf, size_t len);

/* What is held ahead of a hole: at most max runs of bytes, ascending; returns how many. */
struct fos_fragment {
	uint64_t pos;
	uint64_t len;
};
int fos_fragments(struct fos_window *w, struct fos_fragment *out, int max);

/* ---------------------------------------------------------------- acting on a packet
 * In FOS_ON_NEW_DATA the packet's new bytes are the last `len` of the window: fos_delete(),
 * fos_insert(), fos_replace() and fos_overwrite() (pm.h) change, shorten and lengthen them, both ends'
 * numbers stay true.  fos_reset() and fos_drop() end the connection.  Addresses, ports, DSCP and TTL are
 * rewritten for the flow as a whole, from its first packet on (fos_rewrite() in on_open);
 * fos_flow() tells the original ones.  A packet as such is dropped by a module on FOS_IP or FOS_TCP
 * (fos_drop_packet()), before anything has come of it.
 *
 * A datagram or an ICMP message of its own is sent by fos_send_packet() (pm_packet.h).
 *
 * Not offered, because the ends would see two streams: dropping a packet whose bytes have been
 * accepted (delete the bytes), changing sequence numbers, flags or windows of single packets, sending
 * segments of one's own into a TCP connection that is read (insert bytes), letting a later copy win over
 * bytes that are in sequence (fos_overlap()).  Nor are packets of no flow: a module has no network, and all
 * that leaves the box belongs to what came into it. */

/* ---------------------------------------------------------------- timers
 * FOS_EVENT_TIMERS for each flow, beside the one of fos_timer().  Committed with the flow: they survive
 * a kill.  on_event is told of those that are set whether or not it asked for FOS_ON_TIMER. */

#define FOS_EVENT_TIMERS 8u

/* Timer `n` fires in `ns` from now, then every `period` (0 = once); ns 0 = cancel.  FOS_EINVAL: no such
 * timer, or a period below 1 ms; FOS_EPERM: not of a flow, or FOS_ON_END was told, with which all timers
 * end.  A period that was slept over (the process was gone) is not made up for.
 *
 * On captures time goes in steps of up to 512 packets or 0.1 s, and over a pause at once: timers
 * fire behind a step, with the time that they were due at, a periodic one once. */
int fos_event_timer(struct fos_window *w, unsigned n, uint64_t ns, uint64_t period);

/* ---------------------------------------------------------------- user-defined events
 * A user-defined event is a base event (built-in or user-defined, any depth), a filter and an
 * argument.  When the base happens and the filter says true it happens: its handlers are called,
 * then the events based on it, depth first; a false filter prunes all below.  Defined in init, in
 * the same order at each start (ids and a flow's set must mean the same after a kill).
 *
 *	syn_flood = fos_event_define(pm, FOS_ON_INVALID_SYN, many, NULL, 0);
 *	fos_event_handle(pm, syn_flood, alarm, true);
 */

#define FOS_EVENT_DEFINITIONS 1024u
#define FOS_EVENT_HANDLERS 256u   /* pairs of event and handler */
#define FOS_EVENT_ARG_MAX 256u    /* bytes of an argument */
#define FOS_EVENT_DEPTH 16u       /* definitions above one another, and events raised in events */

/* Defines an event; returns its id, or an error: FOS_EPERM (not in init, or the module has neither .events
 * nor .on_event), FOS_EINVAL (no such base, or argument too long), FOS_EFULL (a limit above).  Identical
 * definitions (base, filter, argument bytes) are one and have one id.  filter NULL: always.  base
 * FOS_EVENT_NONE: only fos_event_raise() makes it happen.  The argument is copied. */
#define FOS_EVENT_NONE UINT32_MAX
int fos_event_define(struct fos_instance *pm, uint32_t base,
		     bool (*filter)(struct fos_window *w, const struct fos_event *ev, const void *arg),
		     const void *arg, size_t arg_len);

/* A handler for an event, built-in or user-defined; init only.  every_flow: part of the template with
 * which each flow begins; the built-in event below must be among .events then (timers and replays need
 * not), or a flow's first packets would be missed.  Else a flow takes it up by fos_event_add(), which may
 * need any.  Orphans are told to templates alone.  Returns 0, FOS_EPERM, FOS_EINVAL or FOS_EFULL. */
int fos_event_handle(struct fos_instance *pm, uint32_t event,
		     void (*handler)(struct fos_window *w, const struct fos_event *ev),
		     bool every_flow);

/* Adds the pair to this flow's set, or takes it out; staged.  FOS_ENOENT: init has not named it. */
int fos_event_add(struct fos_window *w, uint32_t event,
		  void (*handler)(struct fos_window *w, const struct fos_event *ev));
int fos_event_remove(struct fos_window *w, uint32_t event,
		     void (*handler)(struct fos_window *w, const struct fos_event *ev));

/* Makes a user-defined event happen on this flow, from any handler or filter of it: filters do not
 * count, its handlers run before this returns.  Their effects belong to the running handler's commit.
 * FOS_EINVAL: no such event; FOS_EFULL: too deep. */
int fos_event_raise(struct fos_window *w, uint32_t event, const void *data, size_t len);

#endif
