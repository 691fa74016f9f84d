/* tests/sim/script.h - segment sequences as text: what a client sends, hostile or not
 *
 * A script is words separated by spaces.  A word is a segment:
 *
 *	POS:DATA/FLAGS,MOD,MOD...
 *
 * POS counts from ISN+1 (-1 is the SYN).  DATA is literal, `x*100` (repeated) or `~100` (bytes
 * that depend on their position only).  FLAGS: letters of FSRPUEC, and `-` for "no ACK"; ACK is set
 * otherwise.  Modifications:
 *
 *	sum ipsum      TCP, IPv4 header checksum wrong     md5 lsrr ext other
 *	ack+N ack-N    acknowledgement off by N                  signature option, source route,
 *	ts+N ts-N nots timestamp off by N from the last one      IPv6 extension headers, other host
 *	urg=N wnd=N ttl=N doff=N rsv=N opt=HEX                   header fields
 *	seq+N          sequence number off by N (no position)
 *	len+N cut=N ihl=N pad=N                                  lengths that lie
 *	frag=A-B.C-D.. fragments, in this order: bytes A to B of the segment; the one without an
 *	               end is the last; with a trailing `e` its bytes are others; id=N
 *
 * and the words  hs = syn 0:,  syn = -1:/S- with options,  new = the ports are used again with
 * another ISN.  Words that the server's application does: srv:TEXT srvfin hold read.
 */
#ifndef TESTS_SIM_SCRIPT_H
#define TESTS_SIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_FRAME_MAX 2048u
#define SCRIPT_CLIENT4 "10.9.0.2"
#define SCRIPT_SERVER4 "10.9.0.1"
#define SCRIPT_CLIENT6 "fd09::2"
#define SCRIPT_SERVER6 "fd09::1"
#define SCRIPT_PORT 8080u

/* struct script_client - the sending end */
struct script_client {
	bool v6;
	bool ts;       /* offers timestamps, and sends them */
	uint16_t sport;
	uint8_t wscale; /* 0xff = does not offer it */
	uint32_t isn;
	uint32_t sisn; /* of the server, once its SYN has come */
	bool sisn_known;
	uint32_t received; /* bytes (and FIN) of the server: acknowledged by default */
	uint32_t tsval, tsecr;
	uint16_t ident;
	const char *error; /* a word that is none */
};

typedef void script_emit(void *arg, const uint8_t *frame, uint32_t len);

void script_client_init(struct script_client *c, uint16_t sport, uint32_t isn);

/* Crafts the Ethernet frames of one word, `n` characters.  False: not a segment. */
bool script_word(struct script_client *c, const char *word, size_t n, script_emit *emit, void *arg);

/* The client receives: it learns the server's numbers. */
void script_learn(struct script_client *c, const uint8_t *frame, uint32_t len);

/* Byte `pos` of data written as ~N. */
uint8_t script_byte(uint32_t pos);

/* struct script_view - a frame's TCP segment in numbers; false when there is none */
struct script_view {
	bool v6;
	uint8_t flags, doff;
	uint16_t sport, dport, wnd, urg;
	uint32_t seq, ack, len;
	const uint8_t *tcp, *data;
	bool has_ts;
	uint32_t tsval, tsecr;
};
bool script_view(const uint8_t *frame, uint32_t len, struct script_view *v);

enum { SG_FIN = 1, SG_SYN = 2, SG_RST = 4, SG_PSH = 8, SG_ACK = 16, SG_URG = 32 };

#endif
