/* tests/sim/wire.h - the wire as the simulation's endpoints read it: one TCP segment, parsed */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/bytes.h"

#define WIRE_MAX 2048u /* bytes of one packet, Ethernet header included */

#define WIRE_BAD_SUM "a wrong checksum" /* what wire_parse() says of one */

enum wire_flag {
	WIRE_FIN = 1u,
	WIRE_SYN = 2u,
	WIRE_RST = 4u,
	WIRE_PSH = 8u,
	WIRE_ACK = 16u,
	WIRE_URG = 32u
};

struct wire {
	const uint8_t *ip, *tcp, *data;
	bool v6;
	uint16_t vlan; /* of its tag, 0 = none */
	uint32_t ip_len; /* as the IP header says */
	uint32_t len;    /* payload */
	uint32_t seq, ack;
	uint16_t sport, dport, wnd;
	uint8_t flags;
	uint16_t mss;  /* 0 = no option */
	uint8_t scale; /* 0xff = no option */
	bool has_ts, sack_ok;
	uint32_t tsval, tsecr;
	uint32_t nr_sack;
	uint32_t sack[4][2];
	const char *wrong; /* what is malformed; NULL = nothing */
};

/* Bytes in sequence space. */
static inline uint32_t wire_span(const struct wire *w)
{
	return w->len + ((w->flags & WIRE_SYN) ? 1 : 0) + ((w->flags & WIRE_FIN) ? 1 : 0);
}

/* False: not a TCP packet at all.  Else w->wrong says what is malformed in it, if anything;
 * checksums are looked at when `sums`. */
bool wire_parse(struct wire *w, const uint8_t *packet, uint32_t len, bool sums);

#endif
