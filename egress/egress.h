/* egress/egress.h - the egress process: edits carried out, numbers translated, bytes retained
 *
 * One per lane.  Sole writer of its region and, after a frame has been handed to it, of the frame.
 * A batch is one transaction: what is consumed, what is decided (segments, map, retention) and
 * which frames go home become true together; the packets are given to the network after that.
 */
#ifndef FOS_EGRESS_EGRESS_H
#define FOS_EGRESS_EGRESS_H

#include "egress/state.h"
#include "shm/proc.h"

/* Room for the largest IP packet, laid out like a frame (refrag.h). */
#define FOS_BIG_SIZE (FOS_FRAME_DATA_OFF + 65536u)
struct fos_sack;

/* an ingress, where free frames go */
struct fos_home {
	struct fos_ring_prod *ring;
	const struct fos_ing *region;
	uint32_t have; /* frames that it has or is about to find; by the last look */
};

/* a ring of packets that a PM sends (parcel.h) */
struct fos_parcel_in {
	struct fos_ring_cons *ring;
	uint32_t pm;
	uint32_t tokens; /* so many may leave now */
	uint64_t filled_ns;
};

struct fos_egress {
	struct fos_proc *p;
	const struct fos_sink_ops *sink;
	void *sink_ctx;
	bool sink_open;
	bool blind; /* a capture whose packets nobody gets: they are counted, their headers left alone */
	struct fos_txn txn;
	uint64_t batch; /* number of the transaction under way */
	uint64_t head_batch; /* in which the head of the state was kept last */

	struct fos_egr_state *st;
	struct fos_tcb *tcbs;
	struct fos_tcb_more *mores;
	struct fos_tcb_edit *edits; /* NULL: no module of this box edits streams */
	struct fos_tcb_file *files; /* NULL: input is no capture */
	struct fos_seg *segs;
	uint32_t *claims;
	uint32_t *free_queue;
	uint64_t free_mask;
	uint64_t free_limit; /* frames freed in this batch are used in the next one */
	uint64_t free_kept; /* end of the free queue by the last commit */
	struct fos_out *outs;
	uint32_t *told; /* acknowledgement that each flow's sender was told last; published */
	struct fos_seqmap_pool pool;

	/* rings */
	struct fos_ring_cons *in;   /* descriptors of the classifier */
	struct fos_ring_prod *cls;  /* READY to the classifier */
	struct fos_ring_prod *pm[FOS_MAX_PMS];
	struct fos_parcel_in parcels[FOS_MAX_PMS];
	uint32_t nr_parcels;
	struct fos_home *home; /* by ingress number */
	uint32_t nr_home;
	uint32_t home_frames; /* what an ingress is to have while frames are free */
	uint32_t reserve;     /* free frames to be kept for packets we build */

	/* kept in the process: rebuilt by walking all flows after a restart */
	uint64_t *run;      /* flows to look at, one bit each */
	uint32_t *run_list;
	uint32_t nr_run;
	uint64_t *timed_bits;
	uint32_t *timed;    /* flows whose timer may run */
	uint32_t nr_timed;
	uint64_t tick_ns;   /* next look at them */
	uint64_t *due_bits; /* flows that owe an acknowledgement */
	struct fos_due *due;
	uint64_t due_head, due_tail;
	uint32_t told_later, nr_told_later; /* flow and segments that fos_again_told() is to tell of */
	uint32_t kept;      /* 1 + flow whose sender is told of `keep` (sack.h) just now; 0: none */
	struct fos_sack *sacks; /* by flow: blocks of selective acknowledgements, sack.h */
	uint64_t *sack_bits; /* flows that have any: nearly none; the others' are not looked at */
	uint32_t *hinted;   /* flows whose progress is told at the end of the batch */
	uint64_t *hinted_bits;
	uint32_t nr_hinted;
	uint32_t tx_port[FOS_MAX_PORTS]; /* packets of this batch per port */
	uint64_t number;    /* offline: input frame being worked on */
	uint64_t time_ns;
	struct fos_offline *offline;
	uint8_t *big;       /* FOS_BIG_SIZE bytes: a datagram on its way into fragments */
	uint64_t failures_seen; /* forced.c: deaths of PMs that were looked at */
	uint64_t look_ns;       /* next look while a PM is down */
	uint64_t down_ns[FOS_MAX_PMS]; /* since when it is down; 0 = it is not */
	bool any_down;
	bool walk_all;      /* hints were lost, or we have just started */
	bool kick_again;
	bool moved;         /* offline: a flow was moved in this flush: it goes on in another */
	bool starved;       /* a flow stopped for want of TX room or frames */
};

/* an acknowledgement that is owed to a flow's receiver side (FOS_DESC_ACK) */
struct fos_due {
	uint64_t at_ns;
	uint32_t flow;
	uint32_t gen;
};

extern const struct fos_proc_hooks fos_egress_hooks;

/* State for the hooks (p->state).  ops NULL: AF_XDP, or the capture file when offline. */
struct fos_egress *fos_egress_new(const struct fos_sink_ops *ops, void *ctx);
void fos_egress_free(struct fos_egress *e);

/* Keeps n bytes of own private words before they change. */
static inline void fos_egress_save(struct fos_egress *e, const void *p, uint32_t n)
{
	fos_txn_save(&e->txn, p, n);
}

/* Look at this flow in this or the next batch. */
void fos_egress_run_later(struct fos_egress *e, uint32_t flow);

void fos_egress_run_clear(struct fos_egress *e);

/* Tell classifier and PMs about this flow's progress after the commit. */
void fos_egress_tell(struct fos_egress *e, uint32_t flow);

/* What one unit of work may need of the transaction's logs. */
#define FOS_EGR_REDO_SPARE 1024u
#define FOS_EGR_UNDO_SPARE (512u << 10)

/* Room for one more unit of work in this batch's transaction and packet list? */
static inline bool fos_egress_room(const struct fos_egress *e)
{
	return fos_txn_room(&e->txn, FOS_EGR_REDO_SPARE, FOS_EGR_UNDO_SPARE) &&
	       e->st->nr_tx + 64 < FOS_EGR_TX_MAX;
}

/* Ends the batch: commit, send, hints.  Begins the next. */
void fos_egress_commit(struct fos_egress *e);

#endif
