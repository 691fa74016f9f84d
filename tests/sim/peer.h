/* tests/sim/peer.h - a model TCP endpoint: bytes and time in, packets out
 *
 * Sends a given string, receives into a buffer, closes when both are through.  Reno with RTO, fast
 * retransmit, immediate acknowledgements, window scaling and timestamps (both optional).  It judges
 * what it gets as a strict endpoint would: a wrong checksum, a sequence outside the window or
 * an acknowledgement of what was never sent is an error of the box.
 */
#ifndef TESTS_SIM_PEER_H
#define TESTS_SIM_PEER_H

#include <stdbool.h>
#include <stdint.h>

#define PEER_MAX_DATA (1u << 20)
#define PEER_PACKET_MAX 2048u

struct peer;
typedef void peer_emit(void *arg, const struct peer *p, const uint8_t *packet, uint32_t len);

struct peer_config {
	uint8_t addr[4], remote_addr[4];
	uint16_t port, remote_port;
	uint8_t mac[6], remote_mac[6];
	uint32_t isn;
	uint16_t mss;
	bool timestamps;
	bool window_scale;
	uint32_t window; /* bytes of receive buffer */
	bool server;
	const uint8_t *data; /* what it sends */
	uint32_t len;
};

enum peer_state { PEER_CLOSED, PEER_LISTEN, PEER_SYN_SENT, PEER_SYN_RCVD, PEER_OPEN, PEER_DEAD };

struct peer {
	struct peer_config c;
	enum peer_state state;
	/* sending: offsets into data; len is the FIN's place */
	uint64_t una, nxt, max_sent;
	uint32_t cwnd, ssthresh, dupacks, backoff;
	uint64_t recover;
	uint64_t rto_at; /* 0 = not running */
	uint32_t peer_wnd;
	uint8_t peer_scale;
	uint16_t peer_mss;
	bool ts_on, scale_on;
	/* receiving */
	uint32_t peer_isn;
	uint64_t rcv_nxt;
	uint8_t *rcv;     /* PEER_MAX_DATA */
	uint8_t *rcv_map; /* one byte each: arrived */
	uint64_t fin_at;  /* UINT64_MAX = not known */
	bool fin_taken;
	uint32_t ts_recent;
	uint64_t now;
	uint16_t ip_id;
	char error[128]; /* first fault found, empty = none */
	peer_emit *emit;
	void *emit_arg;
};

/* rcv and rcv_map are allocated; free with peer_fini. */
void peer_init(struct peer *p, const struct peer_config *c, peer_emit *emit, void *arg);
void peer_fini(struct peer *p);
void peer_connect(struct peer *p, uint64_t now);
void peer_input(struct peer *p, const uint8_t *packet, uint32_t len, uint64_t now);
void peer_timer(struct peer *p, uint64_t now);
uint64_t peer_next_timer(const struct peer *p);
/* Sent everything and its FIN acknowledged, received the other FIN. */
bool peer_done(const struct peer *p);

#endif
