/* tests/sim/conn.h - one connection of the simulation: two endpoints and what is known of them
 *
 * The judge: it sees each packet that the box emits (conn_judge), hears from the modules what
 * they saw and missed, and says in the end whether each end has what it should have.
 */
#ifndef TESTS_SIM_CONN_H
#define TESTS_SIM_CONN_H

#include <stddef.h>

#include "tests/sim/peer.h"
#include "tests/sim/edits.h"

#define CONN_EDITORS 2u
#define CONN_JUMPS 512u

struct conn_stage { /* one editing module of the pipeline */
	uint64_t seed;
	uint32_t profile;
};

struct conn_dir { /* what one end sends the other */
	uint8_t *in;
	uint32_t len;
	uint32_t out_len; /* as long as no module misses anything */
	uint32_t *need;	  /* by byte of `in`: output that must have arrived before its ACK */
	uint32_t *acked_at; /* by byte told to the sender: 1 + what the receiver had acknowledged then */
	uint8_t *saw, *saw_map; /* what the first module saw */
	uint64_t saw_end, saw_max;
	bool told_moved; /* the first module heard that the flow goes on elsewhere */
	uint64_t second_at; /* conn.moves: the first that the second module saw */
	struct script_jump jump[CONN_EDITORS][CONN_JUMPS];
	uint32_t nr_jumps[CONN_EDITORS];
	uint64_t edge; /* right edge told to the sender, by the box */
	uint64_t told; /* and the furthest acknowledgement; an older one brings no window */
	bool edge_known;
};

struct conn {
	struct peer end[2]; /* client, server */
	struct conn_dir dir[2]; /* client to server, and back */
	const struct conn_stage *stages;
	uint32_t nr_stages;
	uint64_t start_ns;
	bool replaced; /* a hostile SYN has begun another after all was acknowledged */
	bool reset[2]; /* the box has sent this end a reset */
	uint64_t done_ns; /* 0 = not yet */
	struct conn *after; /* the one whose ports it uses again */
	bool started, gone; /* gone: another uses its ports now */
	bool aborts;
	bool rogue; /* an end is hostile */
	bool fifo;	    /* the network keeps the order towards the box */
	bool moves;	    /* from where the second module begins on, it takes the place of the first */
	bool missed;	    /* a module missed something: no exact place is known in advance */
	char error[256];
};

/* Two ordinary ends, client and server, without data. */
void conn_plain(struct peer_config c[2], uint16_t port);

/* c[i]: addresses, options and data of the ends.  The data is copied. */
void conn_init(struct conn *c, const struct peer_config conf[2], const struct conn_stage *stages,
	       uint32_t nr_stages, peer_emit *emit, void *arg);
void conn_fini(struct conn *c);

/* A packet that the box emitted towards end `to`. */
void conn_judge(struct conn *c, uint32_t to, const uint8_t *packet, uint32_t len);

/* From the modules. */
void conn_saw(struct conn *c, uint32_t dir, uint64_t pos, const uint8_t *data, size_t len);
void conn_jumped(struct conn *c, uint32_t dir, uint32_t stage, uint64_t from, uint64_t to);

/* Both ends are through. */
bool conn_done(const struct conn *c);

/* conn.moves: the first byte of a direction that belongs to the second module; its length: none does. */
uint32_t conn_moved_at(const struct conn *c, uint32_t dir);

/* Has each end received what it should have?  False with c->error. */
bool conn_verify(struct conn *c);

#endif
