/* tests/sim/net.h - an impaired network in one queue: loses, duplicates, delays, corrupts
 *
 * Packets wait for their time in a binary heap; equal times keep the order of sending.  All
 * chance comes from one seed.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/peer.h"

enum net_node { NET_CLIENT, NET_SERVER, NET_BOX_LAN, NET_BOX_WAN };

struct net_impairment { /* each in parts of 1000 */
	uint32_t loss, duplicate, reorder, corrupt;
	uint64_t delay_ns;
};

struct net_packet {
	uint64_t at, order;
	enum net_node to;
	uint32_t len;
	bool corrupted; /* an endpoint's checksum catches it; the box gets it as it is */
	uint8_t data[PEER_PACKET_MAX];
};

struct net {
	struct net_packet **heap;
	uint32_t nr, cap;
	uint64_t order, seed;
	uint64_t nr_lost, nr_duplicated;
};

void net_init(struct net *n, uint64_t seed);
void net_fini(struct net *n);
void net_send(struct net *n, const struct net_impairment *im, enum net_node to,
	      const uint8_t *data, uint32_t len, uint64_t now);
/* Time of the next packet, UINT64_MAX = none. */
uint64_t net_next(const struct net *n);
/* Takes it; the caller frees it. */
struct net_packet *net_take(struct net *n);

#endif
