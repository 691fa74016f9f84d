/* tests/sim/net.h - an impaired network in one queue: loses, duplicates, delays, corrupts
 *
 * Four hops, each with its own impairment: to the box and from it, on both sides.  Packets wait for
 * their time in a binary heap; equal times keep the order of sending.  All chance comes from one
 * seed.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/wire.h"

enum net_hop { NET_CLIENT_BOX, NET_SERVER_BOX, NET_BOX_CLIENT, NET_BOX_SERVER, NET_HOPS };

struct net_impairment { /* each in parts of 1000 */
	uint32_t loss, duplicate, reorder, corrupt;
	uint64_t delay_ns;
};

struct net_packet {
	uint64_t at, order;
	enum net_hop hop;
	uint32_t len;
	uint8_t data[];
};

struct net {
	struct net_packet **heap;
	uint32_t nr, cap;
	uint64_t order, seed;
	uint64_t quantum_ns; /* packets arrive at multiples of it: several at once */
	struct net_impairment hop[NET_HOPS];
	uint64_t nr_lost, nr_duplicated, nr_reordered, nr_corrupted;
};

void net_init(struct net *n, uint64_t seed);
void net_fini(struct net *n);
void net_send(struct net *n, enum net_hop hop, const uint8_t *data, uint32_t len, uint64_t now);
/* Time of the next packet, UINT64_MAX = none. */
uint64_t net_next(const struct net *n);
/* Takes it; the caller frees it. */
struct net_packet *net_take(struct net *n);

#endif
