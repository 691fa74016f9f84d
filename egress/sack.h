/* egress/sack.h - selective acknowledgements: what the receiver reports, and what OOSEQ holds
 *
 * Two kinds of blocks tell a sender what need not be sent again.  Those of the receiver count the
 * output and are moved into the sender's numbers on both edges.  Those of the box stand for bytes that
 * wait in the OOSEQ queue for a hole before the box, which the receiver cannot see (RFC 2018: up to
 * four blocks, the newest first; three beside timestamps).  While the sender is not told, or only once
 * for a whole batch, more may come together: each of up to 32 is in one acknowledgement at least, or the
 * sender would send again what is here.
 *
 * Never told is a block that touches the acknowledgement, as for bytes that lie in order and are only
 * held by a PM: when the receiver then acknowledges a part of them, Linux finds the next byte
 * selectively acknowledged already, takes that for reneging (tcp_check_sack_reneging), and within
 * 10 ms forgets all blocks and starts over as after a timeout.  So the box waits with such bytes, as
 * the receiver would: a sender stopped by its congestion window is not helped.
 *
 * A sender that learns by time (RFC 8985) takes for lost what it sent before anything that it is told of.
 * So it is told in the order in which it sent: of what came before a hole was filled no later than of
 * what filled it, of what came after no sooner.  While the receiver works its way through the bytes behind
 * the filled hole, which the sender knows to be here, the acknowledgement stays before them; then it
 * moves to the next hole in one step.
 *
 * The blocks are kept in the process; a successor knows none, which costs speed and nothing else.
 */
#ifndef FOS_EGRESS_SACK_H
#define FOS_EGRESS_SACK_H

#include "egress/egress.h"

#define FOS_SACK_MAX 4u  /* blocks of an option */
#define FOS_SACK_HELD 32u /* runs remembered of what OOSEQ holds */

struct fos_sack {
	uint32_t gen; /* of the flow */
	uint8_t nr_held;
	uint8_t nr_seen;
	uint8_t nr_told; /* 1: told is set */
	uint8_t looks;   /* until the hole is told again, ms; 0 = not waiting */
	uint8_t wait;    /* and how many it will be the next time */
	uint8_t early;   /* segments beyond a hole of which the sender has not been told yet */
	uint8_t prompted; /* 1: for these the receiver was asked; 2: for earlier ones; 0: never */
	uint8_t nr_ahead; /* 1: ahead is set */
	uint8_t nr_fresh; /* the first so many of held are news to the sender */
	uint8_t from;     /* the next acknowledgement begins with this one of held */
	uint8_t telling;  /* 1: what the box acknowledges now tells the news, too */
	uint8_t dups;     /* segments of which the sender was told by a duplicate each, behind dups_at */
	uint32_t ahead[2]; /* bytes that were sent ahead (ahead.h) lie in there, receiver's numbers */
	uint32_t keep; /* acknowledged while e->kept, sender's numbers: less than the receiver has */
	uint32_t prompt; /* sequence number of the byte by which it was asked, receiver's numbers */
	uint64_t rise_ns; /* since when an acknowledgement is kept back as one that rises; 0 = none is */
	uint64_t early_ns; /* when the first of them came, or the receiver got on since */
	uint64_t early_una; /* una then */
	uint64_t early_hole; /* position of the hole behind which they came */
	uint64_t given_up; /* 1 + position of the hole whose bytes before it do not get there */
	uint64_t hole;   /* una when the wait began */
	uint64_t dups_at; /* 1 + position of that hole; 0 = none */
	uint32_t told; /* after the highest byte that was told to be in OOSEQ */
	uint32_t rise_to; /* at least that; what came meanwhile and is not told yet lies before it */
	uint32_t told_from; /* lowest such byte that is still to be acknowledged */
	uint32_t held[FOS_SACK_HELD][2]; /* of this flow's bytes, sender's numbers, newest first */
	uint32_t seen[FOS_SACK_MAX][2];  /* carried by this direction and not told yet, as they came */
};

/* Is there anything in the flow's record? */
static inline bool fos_sack_any(const struct fos_egress *e, uint32_t flow)
{
	return e->sack_bits[flow / 64] >> (flow % 64) & 1;
}

/* The slot begins another flow: nothing is. */
static inline void fos_sack_none(struct fos_egress *e, uint32_t flow)
{
	e->sack_bits[flow / 64] &= ~(1ull << (flow % 64));
}

/* How many of these runs one acknowledgement of direction `flow` can tell. */
uint32_t fos_sack_most(const struct fos_egress *e, uint32_t flow);

/* The OOSEQ queue of `flow` holds the bytes with sequence numbers [left, right). */
void fos_sack_hold(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right);

/* Of these, the sender is told by an acknowledgement `ack` that the box has made. */
void fos_sack_listed(struct fos_egress *e, uint32_t flow, uint32_t ack);

/* Was the sender told of bytes that the receiver has not acknowledged yet?  It knows then of every hole
 * between them. */
bool fos_sack_known(const struct fos_egress *e, uint32_t flow);

/* Bytes up to `right` have come and are told later: what arrived before the hole was filled is to be told
 * no later than that it was filled, or a sender that learns by time (RFC 8985) takes it for lost. */
void fos_sack_rise(struct fos_egress *e, uint32_t flow, uint32_t right);

/* Was the sender told that the byte at sequence number `seq` has arrived?  It will not send it again. */
bool fos_sack_vouched(const struct fos_egress *e, uint32_t flow, uint32_t seq);

/* Does it hold any beyond the end of the stream? */
bool fos_sack_holds(const struct fos_egress *e, uint32_t flow);

/* The hole before bytes of `flow` that the sender was told to be here has been filled, and the
 * receiver's acknowledgements rise through them: is `ack` one on the way?  A receiver that had held
 * them itself would jump to their end.  Steps would read as reordering (without SACK: Linux then
 * waits for hundreds of duplicates before the next fast retransmission) or as reneging. */
bool fos_sack_rising(const struct fos_egress *e, uint32_t flow, uint32_t ack);

/* What the box kept ahead of a hole has left: the receiver itself tells of it from now on. */
void fos_sack_forget(struct fos_egress *e, uint32_t flow);

/* Does a block that direction `flow` carries report the byte by which the box has asked for an
 * acknowledgement?  The sender has not sent that one twice. */
bool fos_sack_prompt(const struct fos_egress *e, uint32_t flow, const uint32_t *block);

/* Bytes [left, right) of `flow`, receiver's numbers, leave a second time; their sender does not know. */
void fos_sack_sent_ahead(struct fos_egress *e, uint32_t flow, uint32_t left, uint32_t right);

/* Does the first of the n blocks that direction `flow` carries report bytes that came twice (RFC 2883) and
 * of which the box has sent one copy so?  The sender may take such a report for its own doing. */
bool fos_sack_ahead(const struct fos_egress *e, uint32_t flow, uint32_t (*block)[2], uint32_t n);

/* Block `nr` of the newest segment of direction `flow`, whose own packet is held back. */
void fos_sack_see(struct fos_egress *e, uint32_t flow, uint32_t nr, uint32_t left, uint32_t right);

/* Are there such blocks?  They have been told. */
bool fos_sack_pending(const struct fos_egress *e, uint32_t flow);
void fos_sack_told(struct fos_egress *e, uint32_t flow);

/* Translates the n blocks of a packet of direction `flow` that is going to acknowledge `ack`;
 * returns how many are left.  Blocks of inserted bytes vanish or shrink, neighbours become one. */
uint32_t fos_sack_translate(const struct fos_egress *e, uint32_t flow, uint32_t ack,
			    uint32_t (*block)[2], uint32_t n);

/* The blocks for an acknowledgement `ack` that the box makes in direction `flow`. */
uint32_t fos_sack_list(const struct fos_egress *e, uint32_t flow, uint32_t ack,
		       uint32_t (*block)[2]);

#endif
