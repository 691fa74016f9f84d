/* tests/sim/event_model.h - which events a TCP connection of the simulation ought to have: a naive model
 *
 * Written from what pmhost/pm_event.h says of each event, RFC 9293 (states, RST), RFC 7323 (PAWS, windows)
 * and RFC 5961; it shares no code with the classifier.  It sees the packets of one connection as the box
 * receives them, in that order, and has a byte per byte of each stream that says whether it has come.
 * From the packets alone follow: packet, start, setup, retransmission, differing copy (there is none),
 * out of order, gap, gap filled, window overrun, zero window, invalid RST and SYN, new data, states and
 * end, each with position, length and both ends' states before and after.
 *
 * What the documents leave open is read like this:
 * - a segment ahead of a hole is `out of order` when any of it is new, else `retransmission`; below the
 *   tail the part that came before is a retransmission, and the rest is judged for itself;
 * - SYN+ACK that comes again is the handshake's, no invalid SYN; SYN without ACK after the setup is one;
 * - setup comes with the first segment that is no SYN once both SYN have come;
 * - a zero window stands at the end of what the closing side has been sent, in order;
 * - an acknowledgement below one of before says nothing of the window either; the same number does;
 * - a timestamp one tick back is let pass (classifier/tcp_state.h says so);
 * - a RST is exact at the end of what came in order, and at what the other end has acknowledged last;
 *   further ahead it is invalid up to the window or 65,535 bytes, beyond that no event;
 * - a gap is told as filled by the segment that ends at or behind the first byte, or FIN, that waited;
 * - the end by FIN comes with the acknowledgement of the later FIN.
 *
 * It does not know, and says so (`unknown`): connections that do not begin by SYN, a RST before the
 * handshake or after both FIN, one at a number that the box has named (it acknowledges in the receiver's
 * place where a module edits, and asks back), bytes outside the stream.
 */
#ifndef TESTS_SIM_EVENT_MODEL_H
#define TESTS_SIM_EVENT_MODEL_H

#include "pmhost/pm.h"
#include "tests/sim/wire.h"

#define EVENT_MODEL_BYTES 65536u /* longest stream */

struct event_line { /* one event of one direction */
	uint32_t id;
	uint32_t why;
	uint64_t pos, len;
	uint8_t state, peer_state, was[2];
};

struct event_list {
	struct event_line *line;
	uint32_t nr, room;
};

void event_list_add(struct event_list *l, const struct event_line *e);

struct event_end { /* one end as a sender; what it acknowledges is of the other's stream */
	bool syn, acked, ended, scales, stamps;
	uint32_t isn, ack, window, stamp;
	uint8_t scale, state;
	uint32_t tail, far; /* end of what came in order, and of all that came */
	int64_t fin;	    /* where the stream ends; -1 = not known */
	uint8_t came[EVENT_MODEL_BYTES];
};

struct event_model {
	struct event_end end[2];
	struct event_list told[2]; /* by the direction's sender */
	uint32_t out[2];	   /* length of each stream as its receiver gets it */
	uint32_t last_fin;	   /* whose FIN came last, once both have */
	bool edited, begun, established, both_ended, over;
	bool by_packets; /* its end follows from its packets */
	const char *unknown; /* why the model does not know; NULL = it does */
};

/* out: what the modules make of each stream's length; edited: they may change bytes at all. */
void event_model_init(struct event_model *m, const uint32_t out[2], bool edited);
void event_model_fini(struct event_model *m);

/* The box has received a packet that end `from` sent. */
void event_model_packet(struct event_model *m, uint32_t from, const struct wire *w);

/* No packet will come: what has not ended does so by time. */
void event_model_quiet(struct event_model *m);

#endif
