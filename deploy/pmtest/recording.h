/* deploy/pmtest/recording.h - what happened on the wire, as a list of steps that can be played in
 * many ways
 *
 * A TCP connection whose beginning is there and of which no byte is missing becomes steps: it
 * opens, one end sends bytes, one ends.  Neighbouring bytes of one direction are one step (a
 * burst), whatever segments they came in: how a burst is cut, repeated and disordered on the way to
 * the box is the network's business, and no module may see it.  What an end sends after it has seen
 * the other's bytes is another step and stays behind them.  All else is kept packet by packet.
 */
#ifndef FOS_DEPLOY_PMTEST_RECORDING_H
#define FOS_DEPLOY_PMTEST_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_BYTES_MAX (64u << 20)
#define RECORDING_HEAD_MAX 64u

enum step_kind { STEP_PACKET, STEP_OPEN, STEP_BYTES, STEP_FIN, STEP_RST };

struct step {
	enum step_kind kind;
	uint32_t conn;	  /* unless STEP_PACKET */
	uint32_t dir;	  /* 0 = from who opened it */
	uint64_t off, len; /* STEP_BYTES: of the stream; STEP_PACKET: of `packets` */
	uint64_t time_ns;
	uint32_t link;
};

struct recorded_dir {
	uint8_t head[RECORDING_HEAD_MAX]; /* link and IP header of its first packet */
	uint32_t l3_off, head_len;
	uint16_t sport, dport;
	uint8_t *data;
	uint64_t len;
	/* while reading */
	uint32_t isn;
	uint8_t *map;
	uint64_t room, next; /* next: bytes [0, next) are there */
	uint64_t steps_at;   /* of them, those that are in steps */
	uint64_t fin_at;     /* position, UINT64_MAX = no FIN */
	bool syn, fin_done;
};

struct recorded_conn {
	struct recorded_dir dir[2];
	uint8_t key[2][18]; /* address and port of each end */
	bool ip6;
	bool plain; /* as recorded only: its packets are steps of their own */
	bool over;  /* another connection of these ports began */
};

struct recording {
	struct step *step;
	uint32_t nr_steps, cap_steps;
	struct recorded_conn *conn;
	uint32_t nr_conns, cap_conns;
	uint8_t *packets;
	uint64_t packets_len, packets_cap;
	uint64_t bytes;	      /* of all streams */
	uint32_t longest;     /* packet */
	uint32_t nr_plain;    /* connections that are repeated as recorded */
	uint32_t nr_packets;  /* in the file */
	uint32_t link;
};

void recording_init(struct recording *r);
void recording_free(struct recording *r);

/* Reads a capture.  0, or -1 with one line in err. */
int recording_read(struct recording *r, const char *path, char *err, size_t err_size);

/* Adds by hand: a connection (its index), and steps. */
uint32_t recording_conn(struct recording *r);
struct step *recording_step(struct recording *r, enum step_kind kind, uint64_t time_ns);
void recording_packet(struct recording *r, const uint8_t *data, uint32_t len, uint64_t time_ns);
void recording_bytes(struct recording *r, uint32_t conn, uint32_t dir, const void *data, size_t len,
		     uint64_t time_ns);

/* Memory or abort. */
void *pmtest_grow(void *p, uint64_t *cap, uint64_t need, size_t size);

#endif
