/* classifier/state.h - the classifier region's private area
 *
 * What a restarted classifier needs and nobody else reads.  Every word here is a private word of
 * the transaction (shm/txn.h): saved before its first change in a batch, so that a batch that was
 * not committed leaves no trace.  A zero magic means that no classifier has run on this region.
 *
 *	header | conns[nr_flows / 2] | fifo[2 * nr_pieces] | frag buckets | frags[max]
 */
#ifndef FOS_CLASSIFIER_STATE_H
#define FOS_CLASSIFIER_STATE_H

#include "shm/layout.h"

#define FOS_CLS_MAGIC 0x32534c43534f46ull
#define FOS_FRAG_BUCKETS 1024u /* power of two */
#define FOS_FRAG_MAX 4096u     /* datagrams under reassembly, whatever the configuration says */

/* Every connection is in one list, ordered by time; the list says when it ends by itself. */
enum fos_cls_list {
	FOS_LIST_NONE = 0, /* slot is free */
	FOS_LIST_HANDSHAKE, /* TCP before its third packet: handshake_ns */
	FOS_LIST_DATAGRAM,  /* everything that is not TCP: idle_ns */
	FOS_LIST_IDLE,      /* established TCP: idle_ns */
	FOS_LIST_CLOSING,   /* both FINs or a RST have been seen: closing_ns */
	FOS_LIST_LINGER, /* edited, over, nothing left to send: idle_ns, or until room is needed */
	FOS_LIST_CLOSED,    /* published as closed; waits for PMs and egress */
	FOS_NR_LISTS
};

enum fos_conn_flag {
	FOS_CONN_LIGHT = 1u << 0,     /* TCP without app readers: no reconstruction */
	FOS_CONN_OPEN = 1u << 1,      /* the gate has opened */
	FOS_CONN_DELIVERED = 1u << 2, /* a packet has left the packet stages */
	FOS_CONN_REFUSED = 1u << 3,   /* a PM said drop or reset: later packets are discarded */
	FOS_CONN_HASHED = 1u << 4,    /* flow 2c can be looked up */
	FOS_CONN_HASHED_R = 1u << 5,  /* flow 2c+1 can be looked up */
	FOS_CONN_GOODBYE = 1u << 6,   /* both FINs: waiting for the last acknowledgement */
	FOS_CONN_LAST_R = 1u << 7     /* the later FIN came on flow 2c+1 */
};

/* struct fos_cls_conn - what does not fit the flow record; one per connection */
struct fos_cls_conn {
	uint32_t gen; /* of the slot's last use; the published one is 0 while it is free */
	uint8_t list; /* enum fos_cls_list */
	uint8_t flags; /* enum fos_conn_flag */
	uint8_t gate_stage; /* stage whose PMs have been told of the first packet */
	uint8_t close; /* enum fos_close, once published as closed or closing */
	uint64_t list_ns; /* when it was put at its place in the list */
	uint64_t closed_ns;
	uint32_t prev; /* neighbours in the list, by connection */
	uint32_t next;
};

struct fos_cls_list_head {
	uint32_t first; /* oldest */
	uint32_t last;
};

/* struct fos_frag - one datagram under reassembly */
struct fos_frag {
	uint8_t src[16];
	uint8_t dst[16];
	uint32_t id;
	uint16_t vlan;
	uint8_t version; /* IP version; 0 = free slot */
	uint8_t proto;   /* IPv4 only: part of the key */
	uint32_t first;  /* pieces, ascending offsets (struct fos_piece pos) */
	uint32_t nr;
	uint32_t bytes;
	uint32_t total; /* known with the last fragment; 0 = not yet */
	uint32_t dead;  /* overlap seen: the rest is refused too */
	uint32_t hash_next;
	uint32_t prev; /* by age */
	uint32_t next;
	uint64_t start_ns;
	uint64_t pad;
};

struct fos_cls_private {
	uint64_t magic;
	/* free pieces: a queue in fifo[], indices run free; a piece freed in a batch is not
	 * reused before the batch is committed, so no committed stream loses a piece */
	uint64_t fifo_head;
	uint64_t fifo_tail;
	uint64_t ooo_total; /* bytes in all OOSEQ queues */
	uint32_t conns_used; /* slots ever used */
	uint32_t conn_free;  /* list of freed slots, by fos_cls_conn.next */
	uint32_t nr_conns;   /* in use */
	uint32_t nr_half_open; /* of them, in FOS_LIST_HANDSHAKE */
	uint32_t nr_closed;    /* of them, in FOS_LIST_CLOSED */
	uint32_t nr_linger;  /* of them, in FOS_LIST_LINGER */
	uint32_t purge_first; /* pieces whose frames are to be dropped; pad0 = reason */
	uint32_t purge_last;
	uint32_t frag_first; /* oldest datagram */
	uint32_t frag_last;
	uint32_t frag_free;
	uint32_t frags_used;
	uint32_t nr_frags;
	struct fos_cls_list_head list[FOS_NR_LISTS];
};

_Static_assert(sizeof(struct fos_cls_conn) == 32, "two per cache line");
_Static_assert(sizeof(struct fos_frag) == 88, "as the area's size assumes");
_Static_assert(sizeof(struct fos_cls_private) + FOS_FRAG_BUCKETS * 4 +
			       FOS_FRAG_MAX * sizeof(struct fos_frag) + 4 * FOS_CACHE_LINE <
		       (1u << 20),
	       "what does not depend on the number of flows and frames fits its part");

#endif
