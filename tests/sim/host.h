/* tests/sim/host.h - a model of a Linux receiver: frames in, what its application reads out
 *
 * Written from the RFCs and the measured behaviour of Linux 6.18, and shares no code with the box.
 * It listens on SCRIPT_PORT and takes one connection after another of the same ports: handshake,
 * PAWS, acceptance of sequence and acknowledgement, challenge ACKs (RFC 5961), an out-of-order
 * queue in which a newer copy may win, urgent bytes taken out of the stream, FIN, RST.  Its IP
 * layer drops what is damaged and joins fragments (overlap kills the datagram).
 *
 * The same interface is that of a live kernel behind a TUN device (tests/sim/tun.h).
 */
#ifndef TESTS_SIM_HOST_H
#define TESTS_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/script.h"

#define HOST_MAX_CONNS 4u
#define HOST_STREAM_MAX 131072u
#define HOST_QUEUE_MAX 512u
#define HOST_FRAGS 64u
#define HOST_TAKEN 16u

enum host_end { HOST_OPEN = 0, HOST_EOF, HOST_RESET };

/* struct host_conn - what the application behind the kernel got on one connection */
struct host_conn {
	uint8_t bytes[HOST_STREAM_MAX];
	uint32_t len;
	enum host_end end;
};

/* struct receiver - an end behind the box */
struct receiver {
	void (*input)(struct receiver *r, const uint8_t *frame, uint32_t len);
	/* the application: `word` is one of the script's srv:TEXT, srvfin, hold, read */
	void (*app)(struct receiver *r, const char *word, uint32_t len);
	script_emit *emit; /* its frames */
	void *emit_arg;
	struct host_conn *conn;
	uint32_t nr_conns;
};

struct host_segment {
	uint32_t seq, end; /* end counts a FIN */
	uint16_t len;
	bool fin;
	uint8_t data[1500];
};

struct host_fragment {
	uint64_t key;
	uint32_t off, len;
	bool last;
	uint8_t data[1500];
};

enum host_state { HOST_LISTEN = 0, HOST_SYN_RECV, HOST_ESTABLISHED, HOST_CLOSE_WAIT, HOST_FIN_WAIT,
		  HOST_TIME_WAIT, HOST_CLOSED };

struct host {
	struct receiver r;
	struct host_conn conns[HOST_MAX_CONNS];
	enum host_state state;
	bool v6;
	bool far; /* hops away: what comes with a TTL of one does not arrive */
	uint32_t irs, rcv_nxt, iss, iss_base, snd_nxt, snd_una, max_window, fin_seq;
	bool ts_ok, fin_sent;
	uint32_t ts_recent, clock;
	uint32_t unread; /* bytes that the application has not taken while it holds */
	bool hold;
	uint32_t urgent; /* sequence number of the urgent byte */
	bool has_urgent;
	uint16_t port;
	struct host_segment queue[HOST_QUEUE_MAX];
	uint32_t nr_queue;
	struct host_fragment frags[HOST_FRAGS];
	uint32_t nr_frags;
	uint64_t dead[8]; /* datagrams that an overlap killed */
	uint32_t nr_dead;
	uint32_t urgent_seen; /* segments that came with URG */
	uint32_t early;       /* segments that came ahead of a hole */
	uint32_t aborts;      /* connections that it reset itself */
	uint32_t taken[HOST_TAKEN]; /* sequence numbers of SYNs that it began a connection by */
	uint32_t nr_taken;
};

void host_init(struct host *h, uint32_t iss);

/* The IP layer (host_ip.c): the TCP segment of a frame, in `to`, when there is a sound one. */
bool host_ip(struct host *h, const uint8_t *frame, uint32_t len, uint8_t *to, uint32_t *size);

#endif
