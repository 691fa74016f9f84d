/* classifier/classifier.h - the classifier process: packets in, streams out
 *
 * One per lane, sole writer of the classifier region: flow table, input TCBs, pieces.  A pass of
 * work() is one transaction: ring heads, positions and the ring to egress move together.
 *
 *	packet.c      a frame becomes a packet
 *	express.c     the straight way of a plain segment
 *	admit.c       which flow it belongs to, and when a new one begins
 *	frag.c        IP fragments become a packet
 *	deliver.c     packet streams, and what follows the packet stages (gate.c: what comes first)
 *	tcp_in.c      sequence numbers become stream positions (tcp_state.c: what a segment means,
 *	              tcp_side.c: what is known of one direction, timestamp.c: PAWS)
 *	pickup.c      connections seen from the middle on, or in one direction only
 *	challenge.c   RST and SYN that RFC 5961 refuses
 *	event.c       what has happened on a flow, and who is told (tcp_track.c: states of both ends)
 *	reassembly.c  the OOSEQ queue
 *	progress.c    hints from PMs and egress: gate, packet stages, verdicts, reclaiming
 *	expire.c      time, closing, freeing
 *	batch.c       transaction, shadow copies of published words, pieces, descriptors, hints
 */
#ifndef FOS_CLASSIFIER_CLASSIFIER_H
#define FOS_CLASSIFIER_CLASSIFIER_H

#include "classifier/event_state.h"
#include "classifier/flow_table.h"
#include "classifier/match.h"
#include "classifier/state.h"
#include "classifier/tcp_state.h"
#include "shm/proc.h"

#define FOS_SHADOWS 192u   /* flows changed in one batch, at most */
#define FOS_MAX_SEGS 256u  /* fragments of one datagram, at most */
#define FOS_L4_HDR 60u
#define FOS_NEAR_BITS 8u   /* at least so many flows are found without their bucket */

/* struct fos_shadow - the published words of a flow as they will be after the batch; loaded at
 * the first touch, compared and queued for publication at the commit */
struct fos_shadow {
	uint32_t flow;
	uint32_t gen;
	uint32_t flags;
	uint32_t state;
	uint32_t close;
	uint32_t app_first;
	uint32_t pkt_first;
	uint32_t fresh; /* piece that the batch has taken and appended last; FOS_NONE = none */
	uint32_t hint_pms; /* bit per PM that is to look at the flow */
	bool hint_egress;
	bool conn_saved; /* of a forward flow: its connection's record is kept already */
	bool hint_app; /* whoever reads the app stream first is */
	uint64_t app_tail;
	uint64_t pkt_tail;
	uint64_t pkt_tail_l4;
	uint64_t pkt_done;
	uint64_t pkt_done_l4;
	uint64_t fin_pos;
};

/* struct fos_cls_flow - what this process alone remembers of a flow; zero: nothing */
struct fos_cls_flow {
	uint32_t batch;    /* the batch that touched it last; then */
	uint32_t shadow;   /* its shadow, in bytes from shadow[]: asked for some dozen times a packet */
	uint32_t ooo_last; /* last piece of the OOSEQ queue + 1; 0 = not known */
	uint32_t unwanted; /* events that no PM has asked for: ~pub.events of all; 0 = not known */
};

/* struct fos_part - bytes of one frame that belong to a packet's IP payload */
struct fos_part {
	uint32_t frame;
	uint32_t gen; /* our claim */
	uint16_t off; /* IP payload, from the frame's first byte */
	uint16_t len;
	uint16_t l3_off; /* the IP packet itself */
	uint16_t l3_len;
};

/* A piece of the packet stream holds one part. */
static inline struct fos_part fos_part_of(const struct fos_piece *p)
{
	return (struct fos_part){.frame = p->frame, .gen = p->gen, .off = p->l4_off,
				 .len = p->l4_len, .l3_off = p->off, .l3_len = p->len};
}

/* struct fos_packet - one whole packet, in one frame or in the frames of its fragments */
struct fos_packet {
	struct fos_frame_meta meta; /* copy, checked; of the first fragment */
	uint32_t nr;
	struct fos_part *part; /* parts lie in struct fos_classifier */
	uint32_t l4_len;       /* IP payload, all parts */
	uint32_t head_len;     /* bytes of `head` */
	uint8_t head[FOS_L4_HDR]; /* first bytes of the IP payload */
	uint32_t damage;       /* drop counter that applies at delivery; 0 = sound */
	bool parsed;
	struct fos_tcp_segment seg; /* once parsed: fos_packet_segment() */
};

struct fos_classifier {
	struct fos_proc *p;
	const struct fos_box *box;
	const struct fos_dir *dir;
	struct fos_cls *cls;
	struct fos_flow *flows;
	struct fos_piece *pieces;
	struct fos_flow_events *events; /* history.h */
	struct fos_event_state event;
	uint32_t *buckets;
	uint64_t *live;
	uint32_t *claims;
	struct fos_cls_private *priv;
	struct fos_cls_conn *conns;
	uint32_t *fifo;
	uint32_t *frag_bucket;
	struct fos_frag *frags;
	uint32_t nr_conns;
	uint32_t max_frags;
	uint64_t now_ns;
	struct fos_txn txn;
	struct fos_matcher *match;
	/* rings */
	struct fos_ring_prod *out; /* FRAME, to egress */
	struct fos_ring_prod *egress_ready;
	struct fos_ring_prod *pm_ready[FOS_MAX_PMS];
	uint32_t turn; /* ring served first in this pass */
	/* the batch */
	uint64_t fifo_limit; /* pieces freed since lie beyond */
	uint32_t batch;
	bool header_saved;
	uint32_t nr_shadows;
	struct fos_shadow shadow[FOS_SHADOWS];
	/* below these there is room for sure: words of fos_batch_room() */
	uint64_t easy_out;
	uint32_t easy_redo;
	uint32_t easy_undo;
	struct fos_flow_key hashed_key; /* the one hashed last, and its hash */
	uint64_t hashed;
	uint64_t local_bytes; /* of `local`; the region is gone when it is freed */
	struct fos_cls_flow *local;
	/* connections found last, by a hash of what both directions have; each is looked at before it
	 * is believed */
	uint32_t *near;
	uint32_t near_bits;
	/* scratch of the packet in hand, and of one taken out of a packet stream */
	struct fos_part part[FOS_MAX_SEGS];
	struct fos_part queued[FOS_MAX_SEGS];
	/* all live flows are to be looked at from here on (hints were lost, or a restart) */
	uint32_t walk;
	uint32_t owned_told[FOS_MAX_PMS]; /* addresses that the XDP program knows of, by PM */
	uint64_t challenge_s; /* the second that `challenges` counts */
	uint32_t challenges;
	uint64_t scan_ns; /* closed connections are looked at again then */
	bool eof_done;
};

/* Hooks for the process skeleton; `state` is what fos_classifier_new() returns (NULL: no memory).
 * The simulation uses the same. */
extern const struct fos_proc_hooks fos_classifier_hooks;
struct fos_classifier *fos_classifier_new(void);
void fos_classifier_free(struct fos_classifier *c);

static inline void fos_cls_count(struct fos_classifier *c, uint32_t id)
{
	fos_count(c->p->counter, (enum fos_counter_id)id, 1);
}

static inline struct fos_cls_conn *fos_cls_conn(struct fos_classifier *c, uint32_t flow)
{
	return &c->conns[flow >> 1];
}

static inline const struct fos_dir_pipeline *fos_cls_pipeline(const struct fos_classifier *c,
							      uint32_t flow)
{
	/* conns[] has the generation also before it is published; of a flow without one nothing is
	 * known to egress */
	return &c->dir->pipeline[fos_box_pipeline(c->box, flow, c->conns[flow >> 1].gen)];
}

#endif
