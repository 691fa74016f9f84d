/* tests/sim/hostile.h - seeded random hostile sequences, in the language of tests/sim/script.h
 *
 * In the manner of the published attacks on what sits between two hosts: overlaps whose copies differ,
 * segments that one end ignores (checksums, flags, acknowledgements, timestamps, options, lengths),
 * RST and FIN out of place, SYN again, urgent data, fragments with overlaps, keep-alive bytes, bytes
 * beyond the window; and between them all bytes of a stream once, in order, with its FIN.
 */
#ifndef TESTS_SIM_HOSTILE_H
#define TESTS_SIM_HOSTILE_H

#include "tests/sim/script.h"

#define HOSTILE_SCRIPT 16384u

struct hostile {
	struct script_client client; /* numbers and options that the script is for */
	char script[HOSTILE_SCRIPT];
	bool whole;      /* nothing in it may end the stream early: it must arrive whole */
	uint32_t length; /* bytes of the last connection's stream */
};

void hostile_make(struct hostile *h, uint64_t seed, uint16_t port);

#endif
