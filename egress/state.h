/* egress/state.h - what egress must find again after a crash: the private area of its region
 *
 *   struct fos_egr_state | tcb[nr_flows] | seg[nr_frames] | free queue | map nodes |
 *   tcb_more[nr_flows] | tcb_edit[nr_flows] | tcb_file[nr_flows]
 *
 * The last two only where a module edits streams, or input is a capture.
 *
 * Writer and reader: egress only.  Every change of a word below is either kept in the
 * transaction's undo log first (fos_egress_save(), fos_out_tcb() and its kin, fos_frames_seg()), or is made
 * to memory that no committed word reaches yet.
 */
#ifndef FOS_EGRESS_STATE_H
#define FOS_EGRESS_STATE_H

#include "egress/seqmap.h"
#include "egress/sink.h"
#include "shm/build.h"
#include "shm/layout.h"

#define FOS_EGR_MAGIC 0x31535345524745ull /* "EGRESS1" */
#define FOS_EGR_TX_MAX 1024u    /* packets of one batch */
#define FOS_EGR_STASH_MAX 16384u /* offline: descriptors waiting for the flush */
#define FOS_TMPL_MAX 64u
#define FOS_MSS_LEAST 536u

enum fos_tcb_flag {
	FOS_TCB_ISN = 1u << 0,       /* isn is known */
	FOS_TCB_WND = 1u << 1,       /* edge is known */
	FOS_TCB_EDITED = 1u << 2,    /* an edit has left: the box answers for delivery */
	FOS_TCB_FIN_SENT = 1u << 3,
	FOS_TCB_DONE = 1u << 4,      /* nothing more will leave; what modules release is freed */
	FOS_TCB_BLOCKED = 1u << 5,   /* bytes wait for the receiver's window */
	FOS_TCB_TS = 1u << 6,        /* this direction's packets carry timestamps */
	FOS_TCB_SACK = 1u << 7,      /* this direction permitted SACK */
	FOS_TCB_TMPL = 1u << 8,      /* tmpl holds headers */
	FOS_TCB_STEERED = 1u << 9,   /* its tuples are in the map of edited flows */
	FOS_TCB_ACK_SENT = 1u << 10, /* ack_sent, wnd_sent hold what left last */
	FOS_TCB_RESET = 1u << 11,    /* its end was a reset, which has left */
	FOS_TCB_ACK_KNOWN = 1u << 13, /* ack_seen, wnd hold what came newest */
	FOS_TCB_TOLD = 1u << 14,     /* `done` is published: modules are through, too */
	FOS_TCB_GIVEN_UP = 1u << 15, /* on both: the box has reset the connection, by its own timer */
	FOS_TCB_TS_SENT = 1u << 16,  /* ts_sent holds what left newest */
	FOS_TCB_PASSED = 1u << 23,   /* passed_ack, passed_wnd hold something */
	FOS_TCB_ACCECN = 1u << 22,   /* both ends count congestion marks in three flags (RFC 9768) */
	FOS_TCB_VOUCHED = 1u << 21,  /* the sender was told that bytes beyond a hole have arrived */
	FOS_TCB_URG = 1u << 20,      /* urg_in holds the newest urgent pointer */
	FOS_TCB_EXT = 1u << 18,      /* its IP options or extension headers are kept (ext.h) */
	FOS_TCB_NODF = 1u << 17,     /* the path is narrower than we go: let routers fragment */
	FOS_TCB_ACK_DUE = 1u << 12,  /* the receiver is owed an acknowledgement */
	FOS_TCB_MAPPED = 1u << 19,   /* its sequence map says more than that nothing was edited */
	FOS_TCB_LOSS = 1u << 24,     /* recover, rto_shift, dupacks may be other than 0 */
	FOS_TCB_LONGER = 1u << 25,   /* longest is above FOS_MSS_LEAST */
	FOS_TCB_PMTU = 1u << 26,     /* pmtu is known */
	FOS_TCB_EARLY = 1u << 27,    /* early holds something */
	FOS_TCB_REST = 1u << 28      /* rest holds something, recover nothing */
};

/* The sender may have no reason to send a lost byte again: the box does, by its own timer too. */
#define FOS_TCB_ANSWERS (FOS_TCB_EDITED | FOS_TCB_VOUCHED)

/* The output side of one flow (bytes from src to dst) lies in up to four records, so that a plain segment
 * touches two lines and what few flows need costs the others nothing.  Positions as everywhere: 0 is the
 * byte at isn + 1, the FIN stands after the last byte. */

/* struct fos_tcb - what every segment and acknowledgement needs, one per flow; two lines */
struct fos_tcb {
	uint64_t batch; /* of the last save to the undo log */
	uint32_t gen;
	uint32_t flags; /* enum fos_tcb_flag */
	uint64_t in;    /* input passed: next input byte */
	uint64_t out;   /* the same place in the output: next output position */
	uint64_t una;   /* output acknowledged by the receiver; the FIN counts one */
	uint64_t edge;  /* right edge of the receiver's window, output positions */
	uint64_t taken; /* input position below which pieces' frames have been taken over */
	uint64_t passed; /* as published in struct fos_out's pos[0] */

	uint64_t rto_at; /* ns; 0 = not running; FOS_TCB_DONE: modules have that long for the rest */
	uint32_t isn;
	uint32_t wnd_max; /* largest window that the receiver has announced, bytes */
	uint32_t piece; /* next piece to take over, or FOS_NONE: look from app.first */
	uint32_t seg_first; /* retained segments, ascending; frame index */
	uint32_t seg_last;
	uint32_t nr_seg;
	uint32_t ts_seen; /* newest TSval of this direction */
	uint32_t ts_sent; /* newest TSval that left */
	uint32_t ack_seen; /* newest acknowledgement this direction carried, as it came */
	uint32_t ack_sent; /* and as it left */
	uint32_t srtt_us; /* 0 = no measure yet */
	uint32_t rttvar_us;
	uint16_t wnd;      /* newest raw window this direction announced */
	uint16_t wnd_sent; /* and as it left */
	uint16_t ends; /* pieces without bytes (FIN, RST) that were taken over */
	uint8_t wscale; /* 0xff = not offered */
	uint8_t ace; /* AE, CWR, ECE of the newest packet of this direction */
};

/* struct fos_tcb_more - one per flow, what is looked at where the box makes a packet, where one was lost,
 * and in the handshake (fos_out_more()) */
struct fos_tcb_more {
	uint64_t batch; /* of the last save to the undo log */
	union {
		uint64_t recover; /* una is to pass it: what was sent below may be lost too; FOS_TCB_LOSS */
		uint64_t rest; /* output position that modules have reached since; FOS_TCB_REST, rest.h */
	};
	uint64_t urg_in; /* input position after the urgent byte; FOS_TCB_URG */
	uint64_t early;  /* output position after all that left early (early.h); FOS_TCB_EARLY */
	uint16_t mss;      /* announced by this direction, 0 = none */
	uint16_t longest;  /* largest payload that came in this direction */
	uint16_t ip_id;    /* of the next packet the box makes */
	uint16_t pmtu; /* of the path beyond the box, as ICMP told; FOS_TCB_PMTU */
	uint16_t link; /* link type of tmpl */
	uint8_t rto_shift; /* back-off, also the number of timeouts in a row; FOS_TCB_LOSS */
	uint8_t dupacks; /* in a row; FOS_TCB_LOSS */
	uint8_t tmpl_len;
	uint8_t tmpl_l3;   /* offset of the IP header in tmpl */
	uint8_t tmpl_proto; /* IPv6: next header where extension headers follow */
	uint8_t pad;
	uint8_t tmpl[FOS_TMPL_MAX]; /* link, VLAN and basic IP header of the newest packet */
};

/* struct fos_tcb_edit - one per flow, where a module of the box edits streams (fos_out_edit()) */
struct fos_tcb_edit {
	uint64_t batch; /* of the last save to the undo log */
	uint64_t edge_in; /* right edge as the sender was told, input positions; once edited */
	uint64_t pos[FOS_MAX_EDITORS]; /* as published in struct fos_out's pos[1] and on */
	/* Once an edit has left (FOS_TCB_MAPPED); before that positions are the same on both sides.  Its
	 * `in` and `out` are those of the tcb, brought along when it changes. */
	struct fos_seqmap map;
};

/* struct fos_tcb_file - one per flow, where input is a capture (fos_out_file()) */
struct fos_tcb_file {
	uint64_t number; /* newest input frame that had to do with this flow */
	uint64_t time_ns; /* its time */
	uint32_t passed_ack; /* of the newest packet whose bytes have been passed, as it came */
	uint16_t passed_wnd; /* and its window; FOS_TCB_PASSED */
	uint16_t pad;
};

enum fos_seg_state {
	FOS_SEG_AWAY = 0, /* not ours */
	FOS_SEG_FREE,     /* in the free queue */
	FOS_SEG_HELD,     /* ours, in use for the moment or only until it is sent */
	FOS_SEG_RETAINED  /* sent, kept until acknowledged */
};
enum fos_seg_flag {
	FOS_SEG_FIN = 1u << 0,
	FOS_SEG_OWN = 1u << 1,    /* built by us: headers are ours to change in place */
	FOS_SEG_RESENT = 1u << 2, /* no RTT from it (Karn) */
	FOS_SEG_IN_TX = 1u << 3,  /* the sink has it: not to be touched */
	FOS_SEG_PSH = 1u << 4,
	FOS_SEG_DROP = 1u << 5,   /* to be freed when the sink returns it */
	FOS_SEG_WAITS = 1u << 6,  /* offline: has not left yet, its frame number is to come */
	FOS_SEG_AHEAD = 1u << 7   /* was sent ahead, or need not be: it is here (ahead.h) */
};

/* struct fos_seg - one per frame */
struct fos_seg {
	uint64_t pos; /* output position of the payload */
	uint64_t in_pos;
	uint64_t sent_ns;
	uint32_t next; /* retained: next of the flow */
	uint32_t flow;
	uint32_t len; /* payload bytes */
	uint16_t ecn; /* CWR, ECE to be carried */
	uint8_t state;
	uint8_t flags;
	uint32_t gen; /* of the piece that it came as */
	uint32_t ack; /* offline: as it came, with wnd; own: of the newest packet in it */
	uint64_t batch; /* of the last save to the undo log */
	uint16_t wnd;
	uint16_t read; /* ack and wnd are those of the packet in the frame */
	uint16_t pad[2];
};

#define FOS_EXT_SLOTS 1024u
#define FOS_EXT_MAX 112u

/* struct fos_ext - IP options or extension headers of a flow's newest packet (ext.h) */
struct fos_ext {
	uint32_t flow;
	uint32_t gen; /* 0 = never used */
	uint16_t len;
	uint16_t pad[3];
	uint8_t data[FOS_EXT_MAX];
};

struct fos_egr_state {
	uint64_t magic;
	uint64_t free_head; /* free queue, positions run free */
	uint64_t free_tail;
	uint64_t nr_in_tx;
	uint64_t nr_retained;
	struct fos_seqmap_free nodes;
	uint32_t nr_tx;  /* committed, perhaps not yet sent */
	uint32_t nr_stash;
	uint64_t evict; /* offline: frame that is looked at next, whether its flow gives one up */
	uint64_t mark[FOS_MAX_PORTS]; /* of the sink before they were sent */
	struct fos_tx tx[FOS_EGR_TX_MAX];
	struct fos_desc stash[FOS_EGR_STASH_MAX];
	struct fos_ext ext[FOS_EXT_SLOTS];
};

/* Where the parts lie, bytes from the private area's start; 0 = there is none. */
struct fos_egr_places {
	uint64_t tcbs, segs, queue, queue_size, nodes, mores, edits, files, end;
};

static inline void fos_egr_places(const struct fos_dir *dir, struct fos_egr_places *p)
{
	uint64_t nr_flows = dir->nr_flows, nr_frames = dir->nr_frames;

	p->queue_size = 1;
	while (p->queue_size < nr_frames)
		p->queue_size *= 2;
	p->tcbs = (sizeof(struct fos_egr_state) + 63) / 64 * 64;
	p->segs = p->tcbs + nr_flows * sizeof(struct fos_tcb);
	p->queue = p->segs + nr_frames * sizeof(struct fos_seg);
	p->nodes = (p->queue + p->queue_size * sizeof(uint32_t) + 63) / 64 * 64;
	p->mores = p->nodes + 2ull * nr_frames * sizeof(struct fos_seqmap_node);
	p->end = p->mores + nr_flows * sizeof(struct fos_tcb_more);
	p->edits = fos_build_edits(dir) ? p->end : 0;
	p->end += p->edits ? nr_flows * sizeof(struct fos_tcb_edit) : 0;
	p->files = dir->offline ? p->end : 0;
	p->end += p->files ? nr_flows * sizeof(struct fos_tcb_file) : 0;
}

/* free_head up to and with nr_stash: kept once per batch */
#define FOS_EGR_HEAD_BYTES                                                                  \
	(offsetof(struct fos_egr_state, mark) + sizeof(uint64_t) * FOS_MAX_PORTS -           \
	 offsetof(struct fos_egr_state, free_head))

_Static_assert(sizeof(struct fos_tcb) == 128, "what a plain segment needs: two lines");
_Static_assert(sizeof(struct fos_tcb) + sizeof(struct fos_tcb_more) <= FOS_EGR_FLOW_BYTES &&
		       sizeof(struct fos_tcb_edit) <= FOS_EGR_EDIT_BYTES &&
		       sizeof(struct fos_tcb_file) <= FOS_EGR_FILE_BYTES,
	       "the records of a flow fit their share of the region");
_Static_assert(sizeof(struct fos_seg) == 64, "a segment record fits its share of the region");
_Static_assert(sizeof(struct fos_egr_state) < (2u << 20), "the state head leaves room");

#endif
