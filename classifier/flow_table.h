/* classifier/flow_table.h - from a packet's addresses to its flow, and the life of a slot
 *
 * A connection (two flows, or one for an aggregate key) occupies one slot.  Both directions are
 * hashed separately under the tuple their packets carry on the wire, so the answers to a
 * translated connection are found like any others.  All functions are the classifier's, inside a
 * batch.
 */
#ifndef FOS_CLASSIFIER_FLOW_TABLE_H
#define FOS_CLASSIFIER_FLOW_TABLE_H

#include <stdbool.h>
#include <string.h>

#include "shm/frame.h"
#include "shm/layout.h"

struct fos_classifier;

/* struct fos_flow_key - what is hashed.  Unused fields are zero. */
struct fos_flow_key {
	uint8_t type; /* 0 = 5-tuple, else 1 + enum fos_key */
	uint8_t pipeline; /* aggregates: each pipeline has its own */
	uint8_t ip_version;
	uint8_t proto;
	uint16_t vlan_outer; /* VLAN id; 0xffff = untagged */
	uint16_t vlan_inner; /* aggregates by in-port: the port */
	uint16_t sport; /* ICMP echo: the identifier of a request */
	uint16_t dport; /* ICMP echo: the identifier of an answer */
	uint8_t src[16];
	uint8_t dst[16];
};
_Static_assert(sizeof(struct fos_flow_key) == 44, "no padding: the key is hashed as it lies");

/* The addresses of an IP header as keys have them: IPv4 as ::ffff:a.b.c.d. */
static inline void fos_flow_addresses(const uint8_t *ip, bool v4, uint8_t src[16], uint8_t dst[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	if (!v4) {
		memcpy(src, ip + 8, 16);
		memcpy(dst, ip + 24, 16);
		return;
	}
	memcpy(src, prefix, 12);
	memcpy(src + 12, ip + 12, 4);
	memcpy(dst, prefix, 12);
	memcpy(dst + 12, ip + 16, 4);
}

/* The tuple of the opposite direction. */
struct fos_flow_key fos_flow_key_reverse(const struct fos_flow_key *key);

/* The key under which a flow's packets are found (from its record). */
struct fos_flow_key fos_flow_key_of(const struct fos_classifier *c, uint32_t flow);

/* Flow index or FOS_NONE. */
uint32_t fos_flow_find(struct fos_classifier *c, const struct fos_flow_key *key);

/* The same for a whole TCP or UDP packet in `frame`, among the flows found last alone: FOS_NONE says
 * nothing.  `meta` is checked. */
uint32_t fos_flow_recent(struct fos_classifier *c, const uint8_t *frame,
			 const struct fos_frame_meta *meta);

/* The packet in a frame is looked up soon, and its headers are near: what is known of its connection, if
 * it has been found before, is brought near.  In two steps, as the second reads what the first one
 * brings.  Any index. */
void fos_flow_expect_near(const struct fos_classifier *c, uint32_t frame);
void fos_flow_expect(const struct fos_classifier *c, uint32_t frame);

/* Takes a free slot and resets both its flows; their identity (line 0) is the caller's to fill,
 * then fos_flow_hash().  Returns the connection, or FOS_NONE: the table is full. */
uint32_t fos_conn_new(struct fos_classifier *c);

/* Puts a flow into (takes it out of) the hash table. */
void fos_flow_hash(struct fos_classifier *c, uint32_t flow);
void fos_flow_unhash(struct fos_classifier *c, uint32_t flow);

/* Gives a slot back; no piece, no list, no hash chain refers to it any more. */
void fos_conn_free(struct fos_classifier *c, uint32_t conn);

/* Moves a connection to the end of a list (FOS_LIST_NONE: out of all). */
void fos_conn_list(struct fos_classifier *c, uint32_t conn, uint32_t list);

/* After a restart: bits of live connections as the flows' generations say. */
void fos_flow_table_rebuild_live(struct fos_classifier *c);

#endif
