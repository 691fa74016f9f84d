/* tests/sim/peer.h - a model TCP endpoint: bytes and time in, packets out
 *
 * Sends a given string, receives into a buffer, closes when both are through.  Which TCP it is
 * stands in its configuration: from one that knows no option, has a tiny window and goes back N, to
 * one with a SACK scoreboard, D-SACK, timestamps, window scale, delayed acknowledgements, tail loss
 * probes, F-RTO and the detection of spurious retransmissions by timestamps, as Linux does it.
 * It judges what it gets as a strict endpoint would; the first fault it finds is kept.
 *
 * Offsets: 0 is the byte at isn + 1; the FIN stands after the last byte and takes one.
 */
#ifndef TESTS_SIM_PEER_H
#define TESTS_SIM_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/wire.h"

#define PEER_OOO_MAX 256u
#define PEER_NEVER UINT64_MAX

struct peer;
typedef void peer_emit(void *arg, struct peer *p, const uint8_t *packet, uint32_t len);

enum peer_cut { /* sizes of segments */
	PEER_CUT_FULL,
	PEER_CUT_RANDOM,
	PEER_CUT_TINY, /* 1 to 8 bytes, the first 1000 bytes of a stream */
	PEER_CUT_MIXED
};

struct peer_config {
	const char *name;
	uint8_t addr[4], remote_addr[4], mac[6], remote_mac[6];
	uint16_t port, remote_port;
	bool v6;       /* fd77::N in the place of 10.77.0.N */
	uint16_t vlan; /* tag of its packets, 0 = none */
	uint64_t seed;
	uint32_t isn;
	uint32_t ts_base;
	bool active;	    /* sends a SYN; both ends may: simultaneous open */
	uint16_t mss;	    /* announced; 0 = the option is left out (536 holds) */
	uint16_t segment;   /* largest payload it sends */
	uint8_t scale;	    /* 0xff = not offered */
	bool timestamps, sack;
	bool go_back;	    /* after a timeout, everything again, in new segments */
	bool simple;	    /* no congestion window, no delayed ACK, silly windows */
	bool byte_probe;    /* a closed window is probed with a byte, not with an old number */
	bool delayed_ack, tlp, undo, recut;
	bool ack_with_data; /* the handshake's last ACK waits for the first data */
	enum peer_cut cut;
	uint32_t window;    /* bytes of receive buffer */
	uint32_t read_max;  /* bytes the reader takes at a time; 0 = all at once */
	uint64_t read_ns;   /* time between */
	uint32_t talk_after;	/* silent until so many bytes have come (or the other's FIN) */
	bool close_after;	/* FIN only after the other's FIN */
	uint32_t pause_at;	/* offset at which the writer pauses */
	uint64_t pause_ns;
	uint32_t abort_at;	/* RST instead of what follows this offset; UINT32_MAX = never */
	uint64_t keepalive_ns;	/* 0 = none */
	bool keepalive_byte;	/* with an old byte */
	bool may_time_out;	/* an end that does not answer is taken for gone */
	bool rogue;		/* sends other things besides (rogue.c); nothing it finds is a fault */
	bool facing_rogue;	/* the other end is hostile */
	bool exposed;		/* and no module reads its bytes: they pass, which is no fault */
	bool fifo;		/* the network does not reorder on the way here */
	const uint8_t *data;	/* what it sends */
	uint32_t len;
	uint32_t rcv_max;	/* more bytes than this it cannot receive */
};

enum peer_state {
	PEER_CLOSED,
	PEER_LISTEN,
	PEER_SYN_SENT,
	PEER_SYN_RCVD,
	PEER_OPEN,
	PEER_DEAD,   /* reset by the other end */
	PEER_ABORTED /* reset by itself */
};

enum peer_ca { PEER_CA_OPEN, PEER_CA_RECOVERY, PEER_CA_LOSS };

struct peer_seg { /* sent, not acknowledged */
	uint64_t off;
	uint64_t sent_ns;
	uint32_t n; /* with the FIN */
	bool sacked, lost, retx, ever; /* retx: resent since it was taken for lost; ever: at all */
};

struct peer {
	struct peer_config c;
	enum peer_state state;
	uint64_t now, seed, progress_ns; /* when anything last moved on */
	uint64_t next_at; /* the earliest timer */
	/* sending */
	uint64_t una, nxt, max_sent, edge, wl1, wl2;
	struct peer_seg *segs;
	uint32_t nr_segs, cap_segs;
	enum peer_ca ca;
	uint32_t cwnd, ssthresh, prior_cwnd, prior_ssthresh, dupacks, backoff, max_wnd;
	uint64_t high; /* recovery ends when this is acknowledged */
	uint32_t retrans_stamp;
	uint32_t undo_retrans;
	bool frto, frto_new, tlp_out, fin_queued, orig_acked;
	uint64_t srtt, rttvar;
	uint64_t rto_at, tlp_at, ack_at, read_at, resume_at, keep_at; /* 0 = not running */
	uint32_t keep_sent;
	uint16_t peer_mss;
	uint8_t peer_scale;
	bool ts_on, scale_on, sack_on;
	uint32_t fast_retransmits, timeouts, undone, probes, keepalives; /* what it has seen */
	/* receiving */
	uint32_t peer_isn;
	uint64_t rcv_nxt, read_pos, rcv_edge, last_ack;
	/* rogue: the furthest that it has acknowledged out of place, of what there may be at all */
	uint64_t odd_ack, odd_ack_limit;
	uint8_t *rcv;	  /* rcv_max */
	uint8_t *rcv_map; /* one byte each: arrived */
	uint64_t ooo[PEER_OOO_MAX][2]; /* newest first */
	uint32_t nr_ooo;
	uint64_t dsack[2];
	uint32_t unacked; /* segments not yet acknowledged */
	uint64_t fin_at;  /* PEER_NEVER = not known */
	bool fin_taken;
	uint32_t ts_recent;
	uint16_t ip_id;
	char error[160]; /* first fault found, empty = none */
	peer_emit *emit;
	void *emit_arg;
};

/* Buffers are allocated; free with peer_fini. */
void peer_init(struct peer *p, const struct peer_config *c, peer_emit *emit, void *arg);
void peer_fini(struct peer *p);
/* Sends its SYN, or listens. */
void peer_open(struct peer *p, uint64_t now);
void peer_input(struct peer *p, const uint8_t *packet, uint32_t len, uint64_t now);
void peer_timer(struct peer *p, uint64_t now);
static inline uint64_t peer_next_timer(const struct peer *p)
{
	return p->next_at;
}
/* Sent everything and its FIN acknowledged, received the other FIN; or dead. */
bool peer_done(const struct peer *p);
static inline bool peer_is_dead(const struct peer *p)
{
	return p->state == PEER_DEAD || p->state == PEER_ABORTED;
}
/* One line of its state, for reports. */
void peer_report(const struct peer *p);

/* ---- between the files of the endpoint (and its hostile sibling) ---- */

void peer_fault(struct peer *p, const char *what, uint64_t got, uint64_t want);

/* peer_out.c: a segment with the options that are due, acknowledging what has come. */
void peer_segment(struct peer *p, uint8_t flags, int64_t off, const uint8_t *data, uint32_t len);
void peer_raw(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t wnd,
	      const uint8_t *opt, uint32_t opt_len, const uint8_t *data, uint32_t len);
static inline void peer_ack_now(struct peer *p)
{
	peer_segment(p, WIRE_ACK, (int64_t)p->nxt, (const uint8_t *)0, 0);
}
static inline uint32_t peer_ts_now(const struct peer *p)
{
	return p->c.ts_base + (uint32_t)(p->now / 1000000u);
}

/* rogue.c: before and after a packet of a hostile end. */
void peer_rogue(struct peer *p, const uint8_t *packet, uint32_t len, bool after);

/* peer_send.c: what may be sent is sent; timers are set. */
void peer_push(struct peer *p);
void peer_resend(struct peer *p, uint32_t seg);
void peer_timeout(struct peer *p);
uint64_t peer_rto(const struct peer *p);
void peer_arm(struct peer *p);
void peer_undo(struct peer *p);

/* peer_ack.c */
void peer_take_ack(struct peer *p, const struct wire *w);

/* peer_recv.c */
void peer_take_data(struct peer *p, const struct wire *w);
void peer_read(struct peer *p);
/* The window to announce now, in bytes. */
uint32_t peer_window(struct peer *p);

#endif
