/* shm/steer_abi.h - what the XDP program and its loader share: configuration, keys, counters
 *
 * Included by shm/steer.bpf.c (clang -target bpf: no libc) and by user space.
 */
#ifndef FOS_SHM_STEER_ABI_H
#define FOS_SHM_STEER_ABI_H

#include <linux/types.h>

#define FOS_STEER_QUEUES 256    /* entries of the socket map */
#define FOS_STEER_OWNED 65536   /* addresses that the box answers for */
#define FOS_STEER_EDITED 262144 /* tuples, and pairs of addresses, of flows with edits */

/* Counters of the program: name, help.  One packet adds to exactly one. */
#define FOS_STEER_COUNTERS(X)                                                              \
	X(take_proto, "taken: an IP protocol that the configuration can match")            \
	X(take_fragment, "taken: IP fragment")                                             \
	X(take_icmp_error, "taken: ICMP error about TCP or UDP")                           \
	X(take_malformed, "taken: IP header damaged or its protocol out of reach")         \
	X(take_arp, "taken: ARP request for an owned address")                             \
	X(take_nd, "taken: neighbour solicitation for an owned address")                   \
	X(pass_link, "left to the bridge: not IP, too many tags, or cut short")            \
	X(pass_arp, "left to the bridge: ARP")                                             \
	X(pass_nd, "left to the bridge: neighbour or router discovery")                    \
	X(pass_group, "left to the bridge: IGMP or MLD")                                   \
	X(pass_unmatched, "left to the bridge: an IP protocol that nothing matches")       \
	X(down_pass, "would be taken, passed: nobody is bound to the queue")               \
	X(down_drop, "would be taken, dropped: nobody is bound to the queue")              \
	X(down_edited, "dropped: of an edited flow while nobody is bound to the queue")

#define FOS_STEER_ENUM(name, help) FOS_STEER_##name,
enum fos_steer_counter { FOS_STEER_COUNTERS(FOS_STEER_ENUM) FOS_STEER_NR };
#undef FOS_STEER_ENUM

/* What to take; constant once loaded. */
struct fos_steer_conf {
	__u64 proto[4];      /* bitmap of the IP protocols that the configuration can match */
	__u32 all_ip;        /* every IP packet except ND, IGMP and MLD */
	__u32 drop_when_down; /* what is to be taken, with nobody bound: drop instead of pass */
};

/* Key of the `owned` map: IPv4 in the first 4 bytes, the rest 0. */
struct fos_steer_addr {
	__u32 family; /* 4 or 6 */
	__u8 addr[16];
};

/* Key of the `edited` map, the same for both directions: (a, port_a) sorts before (b, port_b).
 * Ports in network order; 0 for the entry that stands for the pair of addresses, which catches
 * fragments.  IPv4 in the first 4 bytes, the rest 0. */
struct fos_steer_tuple {
	__u8 a[16];
	__u8 b[16];
	__u16 port_a;
	__u16 port_b;
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 zero[2];
};

/* Order of two ends; the loops have fixed bounds for the verifier's sake. */
static inline int fos_steer_sorts_after(const struct fos_steer_tuple *t)
{
	for (int i = 0; i < 16; i++)
		if (t->a[i] != t->b[i])
			return t->a[i] > t->b[i];
	return t->port_a > t->port_b;
}

static inline void fos_steer_normalise(struct fos_steer_tuple *t)
{
	__u16 port = t->port_a;

	if (!fos_steer_sorts_after(t))
		return;
	for (int i = 0; i < 16; i++) {
		__u8 x = t->a[i];

		t->a[i] = t->b[i];
		t->b[i] = x;
	}
	t->port_a = t->port_b;
	t->port_b = port;
}

#endif
