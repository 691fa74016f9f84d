/* shm/layout.h - the shared-memory contract of FlowOS
 *
 * This header holds types, constants and static assertions, nothing else.  Every object below
 * lives in a region: one memfd that exactly one process writes and all others map read-only
 * (shm/README.md has the map of regions).  Offsets and indices only: no pointers, no locks, no
 * bool, no long.  Any change here bumps FOS_LAYOUT_VERSION; tests/unit/test_layout.c holds the
 * golden offsets.
 *
 * Columns: offset, size, field, unit, writer, readers, memory order.  "own" = the process whose
 * region it is.  Words without an order are plain: they are written before a release store that
 * the table names, or read by the owner only.
 */
#ifndef FOS_SHM_LAYOUT_H
#define FOS_SHM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "shm/frame.h"

#define FOS_LAYOUT_MAGIC 0x534f574f4c46ull /* "FLOWOS" */
#define FOS_LAYOUT_VERSION 6u

#define FOS_NONE UINT32_MAX /* no index */
#define FOS_CACHE_LINE 64u

/* bounds of one box; config/check.c refuses more, with the line */
#define FOS_MAX_PORTS 8u
#define FOS_MAX_QUEUES 16u /* per port */
#define FOS_MAX_LANES 16u
#define FOS_MAX_PMS 32u /* PM instances per lane */
#define FOS_MAX_PIPELINES 16u
#define FOS_MAX_STAGES 8u
#define FOS_MAX_PARALLEL 8u
#define FOS_MAX_EDITORS 4u /* editing stages of one pipeline */
#define FOS_MAX_PROCS 640u
#define FOS_MAX_RINGS 4096u
#define FOS_MAX_REGIONS (FOS_MAX_PROCS + 2u)
#define FOS_NAME_MAX 32u
#define FOS_NR_COUNTERS_MAX 192u
#define FOS_MAX_RINGS_PER_PROC 128u /* cursors of one consumer */
#define FOS_INSERT_MAX 256u /* bytes of one edit record's insert block */
#define FOS_MSG_SIZE 256u   /* one slot of a message ring */
#define FOS_MAX_LINKS 128u  /* topics times PMs that take them */
#define FOS_KEYED_MAX 64u   /* bytes of a key of a PM's own flows */
#define FOS_KEYED_PROBES 16u /* places of a key in the table, from its hash on */

enum fos_role {
	FOS_ROLE_KEEPER = 0,
	FOS_ROLE_INGRESS = 1,
	FOS_ROLE_CLASSIFIER = 2,
	FOS_ROLE_PM = 3,
	FOS_ROLE_EGRESS = 4
};

enum fos_region_kind {
	FOS_REGION_DIR = 0,     /* struct fos_dir; writer: keeper */
	FOS_REGION_PACKETS = 1, /* frames; writers: shm/README.md */
	FOS_REGION_INGRESS = 2,
	FOS_REGION_CLASSIFIER = 3,
	FOS_REGION_PM = 4,
	FOS_REGION_EGRESS = 5
};

/* ---------------------------------------------------------------- region head
 * First FOS_REGION_HEAD_SIZE bytes of every region except the packet region.
 *
 *  offset size field          unit       writer   readers    order
 *       0    8 magic          -          creator  attachers  release, stored last
 *       8    4 version        -          creator  attachers
 *      12    4 kind           enum       creator  attachers
 *      16    8 size           bytes      creator  attachers
 *      24    8 box_id         -          creator  attachers  (same in all regions of a box)
 *      32    4 proc           proc index creator  attachers
 *      64    8 heartbeat_ns   ns         own      keeper     relaxed
 *      72    4 pid            -          own      keeper     relaxed
 *      76    4 lease_gen      -          own      keeper     relaxed
 *     128    4 sleeping       0|1        own      producers  seq_cst fences (shm/bell.h)
 *     192    8 clock_ns       ns         ingress  all        release (offline: the capture's time)
 *     200    8 flush          count      ingress  egress     release (offline: batches delivered)
 *     208    8 clock_seen_ns  ns         own      ingress    release (offline: timers run for it)
 *     216    8 flush_seen     count      egress   ingress    release
 *     224    4 eof            0|1        ingress  all        release
 *     256      counter[]      see X      own      flowosctl  relaxed
 */
struct fos_region_head {
	uint64_t magic;
	uint32_t version;
	uint32_t kind;
	uint64_t size;
	uint64_t box_id;
	uint32_t proc;
	uint32_t pad0[7];

	uint64_t heartbeat_ns;
	uint32_t pid;
	uint32_t lease_gen;
	uint32_t pad1[12];

	uint32_t sleeping;
	uint32_t pad2[15];

	uint64_t clock_ns;
	uint64_t flush;
	uint64_t clock_seen_ns;
	uint64_t flush_seen;
	uint32_t eof;
	uint32_t pad3[7];

	uint64_t counter[FOS_NR_COUNTERS_MAX];
};
#define FOS_REGION_HEAD_SIZE 4096u

/* ---------------------------------------------------------------- rings
 * A ring is single producer, single consumer.  Slots and tail lie in the producer's region, the
 * head in the consumer's.  Positions run free (64 bit); invariant 0 <= tail - head <= size.
 *
 *  offset size field      unit   writer    readers   order
 *       0    4 log2_nr    slots  creator   both
 *       4    4 slot_size  bytes  creator   both
 *      64    8 tail       slots  producer  consumer  release; pairs with acquire in fos_ring_peek
 *     128      slots
 */
struct fos_ring {
	uint32_t log2_nr;
	uint32_t slot_size;
	uint32_t pad0[14];
	uint64_t tail;
	uint64_t pad1[7];
};

/* Consumer's side, one line per ring: head is stored (release) only after the slots' work is
 * done and visible, so "head == tail" means "nothing in flight here". */
struct fos_cursor {
	uint64_t head;
	uint64_t pad[7];
};

enum fos_ring_kind {
	FOS_RING_FRAME = 1,  /* struct fos_desc; frames move with it; full: producer keeps the frame */
	FOS_RING_READY = 2,  /* struct fos_hint; full: hint dropped, `missed` counted, see below */
	FOS_RING_FREE = 3,   /* struct fos_desc; frames go home; sized to hold every frame */
	FOS_RING_MESSAGE = 4, /* struct fos_msg; full: the release that sends it returns "again" */
	FOS_RING_EVENT = 5, /* struct fos_event_slot; classifier -> PM; full: counted in missed[] */
	FOS_RING_PARCEL = 6 /* struct fos_parcel; PM -> egress; full: the release returns "again" */
};

enum fos_desc_kind {
	FOS_DESC_FRAME = 1,  /* ingress -> classifier: a received packet */
	FOS_DESC_FORWARD,    /* classifier -> egress: send as it is (flow rewrites apply) */
	/* a TCP segment without payload of a reconstructed flow: translate; `flags` FOS_DESC_PROBE */
	FOS_DESC_TCP_CTL,
	/* no frame: `pos` = ack (low 32) | raw window << 32, `len` = TSval, `flags` = AE, CWR, ECE */
	FOS_DESC_ACK,
	/* stream bytes [pos, pos+len) came again; the frame is to be freed.  `flags` FOS_PIECE_FIN:
	 * the FIN too; FOS_PIECE_RST: after the connection's reset, `pos` = what it acknowledged */
	FOS_DESC_REXMIT,
	/* a segment at [pos, pos+len) is in the OOSEQ queue: the frame stays there; `flags`
	 * FOS_PIECE_FIN: and a FIN after it; `gen` = how far ahead of the stream's end it was (0: not
	 * said): that may have moved on when egress reads this */
	FOS_DESC_OOO,
	FOS_DESC_FREE,       /* the frame is to be freed; `flags` = drop counter id */
	FOS_DESC_REPLY,      /* ARP, ND, a refused TCP segment: egress is to answer out of port `len` */
	FOS_DESC_CLOSE,      /* no frame: flow ended, `flags` = enum fos_close; drop what is retained */
	FOS_DESC_CHALLENGE,  /* the packet is refused (RFC 5961): acknowledge to its sender; frame free */
	FOS_DESC_BEFORE,     /* the first `len` payload bytes lie before the stream's start: they pass */
	FOS_DESC_SACK,       /* no frame: block `flags` (0 first) of the segment whose FOS_DESC_ACK
			      * follows, `pos` = left edge (low 32) | right edge << 32 */
	FOS_DESC_HOME,       /* egress -> ingress: frame is free */
	FOS_DESC_MORE,       /* behind FRAME or FORWARD: a packet's next frame; the first says in `len`
			      * how many follow.  They are committed together. */
	/* a segment of a side that no PM reads, ahead of a hole: it goes on at once, in the numbers that
	 * the end of the stream has; its bytes are FOS_PIECE_GONE */
	FOS_DESC_EARLY
};

#define FOS_DESC_PROBE 1u /* it stands one before the sender's next byte: keep-alive, window probe */

/* struct fos_desc - a frame changes hands, 32 bytes */
struct fos_desc {
	uint32_t frame;    /* frame index or FOS_NONE */
	uint32_t gen;      /* claim generation of the giver */
	uint32_t flow;     /* flow index or FOS_NONE */
	uint32_t flow_gen; /* generation of that flow */
	uint64_t pos;
	uint32_t len;
	uint16_t kind; /* enum fos_desc_kind */
	uint16_t flags;
};

/* struct fos_hint - "look at this flow": truth is in the positions.  flow == FOS_NONE: some hints
 * did not fit, walk all live flows. */
struct fos_hint {
	uint32_t flow;
	uint32_t flow_gen;
};

/* Conditions of a flow that a PM may ask to be told of (pub.events, fos_dir_pm.events).  Those from
 * FOS_EVENT_MISSED on are the PM host's own: they never lie in a ring. */
enum fos_event_kind {
	FOS_EVENT_PACKET = 0,     /* one has come in and belongs to the flow */
	FOS_EVENT_OPEN,           /* the connection's first one */
	FOS_EVENT_ESTABLISHED,
	FOS_EVENT_RETRANSMISSION,
	FOS_EVENT_DIFFERING_COPY,
	FOS_EVENT_OUT_OF_ORDER,   /* bytes ahead of a hole */
	FOS_EVENT_GAP,            /* a hole has opened */
	FOS_EVENT_GAP_FILLED,
	FOS_EVENT_WINDOW_OVERRUN, /* bytes beyond what the receiver offered */
	FOS_EVENT_ZERO_WINDOW,
	FOS_EVENT_INVALID_RST,
	FOS_EVENT_INVALID_SYN,
	FOS_EVENT_NEW_DATA,       /* the stream has grown; those before stand where it ended before */
	FOS_EVENT_STATE,          /* TCP state of the end that sends this flow */
	FOS_EVENT_CLOSE,
	FOS_EVENT_ORPHAN, /* a TCP packet of no known connection, and not a first one */
	FOS_EVENT_MISSED, /* the ring was full: some events since then are not told singly */
	FOS_EVENT_TIMER,
	FOS_EVENT_REPLAY, /* the PM was started again */
	FOS_NR_EVENTS
};
#define FOS_EVENT_BIT(kind) (1u << (kind))
#define FOS_EVENTS_KINDS ((1u << 24) - 1u) /* of pub.events; above: FOS_EVENTS_BOUND_SHIFT */
/* pub.events: how many bytes the OOSEQ queue of the flow may hold, n > 0: 2^(n + 9); 0 = as configured */
#define FOS_EVENTS_BOUND_SHIFT 24u
#define FOS_EVENTS_BOUND_MASK 0x7fu
/* pub.events: of bytes that come again otherwise while ahead of a hole the last copy is to stand */
#define FOS_EVENTS_LAST_COPY (1u << 31)

/* States of a TCP end (RFC 9293 section 3.3.2), as the box follows them. */
enum fos_tcp_st {
	FOS_TCP_ST_CLOSED = 0,
	FOS_TCP_ST_LISTEN,
	FOS_TCP_ST_SYN_SENT,
	FOS_TCP_ST_SYN_RECEIVED,
	FOS_TCP_ST_ESTABLISHED,
	FOS_TCP_ST_FIN_WAIT_1,
	FOS_TCP_ST_FIN_WAIT_2,
	FOS_TCP_ST_CLOSE_WAIT,
	FOS_TCP_ST_CLOSING,
	FOS_TCP_ST_LAST_ACK,
	FOS_TCP_ST_TIME_WAIT
};

/* struct fos_event_slot - one condition.  `at` puts it in order with the bytes of the flow: those
 * below came before it, those from there on after it. */
struct fos_event_slot {
	uint64_t at;      /* app position, of the stream as it came */
	uint64_t pos;     /* first byte concerned, likewise */
	uint64_t time_ns;
	uint32_t flow;    /* FOS_NONE: of no flow (FOS_EVENT_ORPHAN) */
	uint32_t flow_gen;
	uint32_t len;     /* bytes concerned */
	uint16_t kind;    /* enum fos_event_kind */
	uint8_t sender;   /* enum fos_tcp_st of the end that sends the flow, */
	uint8_t receiver; /* and of the other one, after the packet */
	uint8_t before[2]; /* the same before it: sender's, receiver's */
	uint8_t why;      /* FOS_EVENT_CLOSE: enum fos_close */
	uint8_t pad0;
	uint16_t packet_len; /* bytes of the packet in this slot's room; 0 = it is not there */
	uint16_t old_len; /* bytes of the first copy in this slot's room */
	uint32_t old_off; /* they are those from pos + old_off on */
	uint32_t pad1[3];
};

/* Behind the slots of a ring whose PM asked for packets (FOS_PM_WANTS_PACKETS): room for each slot, owned
 * with it: struct fos_frame_meta (offsets as in the frame), the packet from data_off on, cut at
 * FOS_EVENT_PACKET_MAX; from FOS_EVENT_OLD_OFF on bytes of the first copy, cut at FOS_EVENT_OLD_MAX. */
#define FOS_EVENT_ROOM 4096u
#define FOS_EVENT_PACKET_OFF 64u
#define FOS_EVENT_PACKET_MAX (FOS_EVENT_OLD_OFF - FOS_EVENT_PACKET_OFF)
#define FOS_EVENT_OLD_OFF 2560u
#define FOS_EVENT_OLD_MAX (FOS_EVENT_ROOM - FOS_EVENT_OLD_OFF)

/* struct fos_flow_events - what has happened on a flow so far.  There are fewer than flows: nearly none has
 * any such events.  One belongs to the flow that it names, as long as that is of this generation
 * (shm/history.h finds it).  Private words of the classifier's transaction that others may look at
 * (relaxed): flowosctl.
 *  offset size field      unit
 *       0   24 count      events of the kinds that are rare, saturating
 *      24    4 flow       whose
 *      28    4 gen        0 = nobody's
 *      32    8 last_pos   app position of the newest one
 *      40    8 last_ns    its time
 *      48    4 last_len   bytes concerned
 *      52    2 last_kind  enum fos_event_kind; meaningful when a count is not 0
 *      56    8 challenge_ns  when the box sent this side its last challenge; own */
#define FOS_EVENTS_COUNTED 12u
#define FOS_EVENTS_PER 8u /* flows for each record, */
#define FOS_EVENTS_LEAST 1024u /* where there are more flows than that */
struct fos_flow_events {
	uint16_t count[FOS_EVENTS_COUNTED]; /* by enum fos_event_kind */
	uint32_t flow;
	uint32_t gen;
	uint64_t last_pos;
	uint64_t last_ns;
	uint32_t last_len;
	uint16_t last_kind;
	uint16_t pad;
	uint64_t challenge_ns;
};

/* struct fos_msg - a PM's message to another PM.  What is published on a topic says FOS_MSG_TYPED |
 * version << 16 | length in `len`, and its name's number (fos_word_id()) in `topic`: nothing that
 * only this box could read. */
#define FOS_MSG_TYPED (1u << 31)
#define FOS_MSG_LEN(len) ((len)&0xffffu)
#define FOS_MSG_VERSION(len) ((len) >> 16 & 0x7fffu)
struct fos_msg {
	uint32_t len;
	uint32_t topic;
	uint32_t flow;
	uint32_t flow_gen;
	uint8_t data[FOS_MSG_SIZE - 16u];
};

/* struct fos_parcel - a packet of a PM's own (shm/parcel.h), committed with the release it was sent
 * in.  Who reads it copies it first. */
#define FOS_PARCEL_MAX 1520u
#define FOS_PARCEL_RATE 20000u /* of a PM in a second; egress drops the others */
#define FOS_PARCEL_BURST 256u
struct fos_parcel {
	uint32_t flow;
	uint32_t flow_gen;
	uint16_t back; /* 1: to the flow's source */
	uint16_t len;
	uint32_t pad0;
	uint8_t ip[FOS_PARCEL_MAX]; /* whole IP packet */
};

/* ---------------------------------------------------------------- transaction log (shm/txn.h)
 * undo: old contents of the owner's private words changed since `begin`; redo: absolute values of
 * the words that others see.  Commit is one store of `committed`.
 *
 *  offset size field      writer  readers             order
 *       0    8 committed  own     own after restart   release, after redo[] is filled
 *       8    8 applied    own     own after restart   release, after every redo value is stored
 *      16    4 nr_redo    own
 *      20    4 undo_bytes own     own after restart   release, after the undo bytes are written
 */
#define FOS_TXN_REDO_MAX 4096u
#define FOS_TXN_UNDO_BYTES (1u << 20)
struct fos_txn_store {
	uint64_t off; /* in the owner's region; low bit set: a 4-byte store */
	uint64_t value;
};
struct fos_txn_log {
	uint64_t committed;
	uint64_t applied;
	uint32_t nr_redo;
	uint32_t undo_bytes;
	uint64_t pad[5];
	struct fos_txn_store redo[FOS_TXN_REDO_MAX];
	uint8_t undo[FOS_TXN_UNDO_BYTES];
};

/* ---------------------------------------------------------------- flows (classifier region)
 * A connection c owns flows 2c (forward: direction of its first packet) and 2c+1 (reverse), so
 * the peer of flow f is f ^ 1.  Aggregates (key other than 5tuple) use flow 2c only. */
#define FOS_PEER(flow) ((flow) ^ 1u)

enum fos_flow_flag {
	FOS_FLOW_TCP = 1u << 0,      /* TCP by 5-tuple: `app` is the byte stream in sequence order */
	FOS_FLOW_UDP = 1u << 1,      /* `app` is a stream of datagrams */
	FOS_FLOW_APP = 1u << 2,      /* some PM (either direction) reads `app`: reconstruct */
	FOS_FLOW_PKT = 1u << 3,      /* some PM reads `ip` or `tcp`: packets pass the packet stages */
	FOS_FLOW_REVERSE = 1u << 4,  /* this is flow 2c+1 */
	FOS_FLOW_AGGREGATE = 1u << 5,
	FOS_FLOW_PICKUP = 1u << 6,   /* no handshake seen */
	FOS_FLOW_OFFERED = 1u << 7,  /* first packet is at the gate: PMs with on_open look now */
	/* Its packets leave exactly as they came once PMs have passed them (signed, MPTCP, or one
	 * direction only): nothing is edited, retained or made; PMs that edit do not watch. */
	FOS_FLOW_OPAQUE = 1u << 8
};

/* published state bits, only ever set */
enum fos_flow_state {
	FOS_FLOW_ST_SYN = 1u << 0,         /* SYN of this direction seen, isn valid */
	FOS_FLOW_ST_ESTABLISHED = 1u << 1, /* handshake complete */
	FOS_FLOW_ST_FIN = 1u << 2,         /* fin_pos valid: stream ends there */
	FOS_FLOW_ST_RESET = 1u << 3,       /* a RST ended the connection */
	FOS_FLOW_ST_CLOSED = 1u << 4       /* no more packets will be appended: PMs run on_close */
};

enum fos_close {
	FOS_CLOSE_NONE = 0,
	FOS_CLOSE_FIN,
	FOS_CLOSE_RST,
	FOS_CLOSE_TIMEOUT,
	FOS_CLOSE_EVICTED,
	FOS_CLOSE_EOF, /* end of the capture */
	FOS_CLOSE_PM,  /* a PM's reset or drop verdict */
	FOS_CLOSE_MOVED /* only to PMs: the flow goes on in another pipeline */
};

/* struct fos_stream - one stream of one flow: a list of pieces
 *  offset size field   unit         writer      readers      order
 *       0    8 tail    bytes        classifier  PMs, egress  release, after the pieces are linked
 *       8    8 tail_l4 bytes        classifier  PMs          before tail (packet stream only)
 *      16    4 first   piece index  classifier  PMs, egress  release; oldest piece still live
 *      20    4 last    piece index  classifier  -
 */
struct fos_stream {
	uint64_t tail;
	uint64_t tail_l4;
	uint32_t first;
	uint32_t last;
};

/* struct fos_flow - 4 cache lines
 *  line 0: identity, written before `gen` is released, then constant until the slot is freed
 *  line 1: input TCB, classifier only
 *  line 2: streams, published
 *  line 3: close, times; classifier only except `state`, `fin_pos`, `close` */
struct fos_flow {
	uint32_t gen; /* release; 0 = free slot; changes at each reuse */
	uint32_t flags; /* enum fos_flow_flag */
	uint8_t src[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t dst[16];
	uint16_t sport; /* host order */
	uint16_t dport;
	uint8_t ip_version;
	uint8_t proto;
	uint8_t pipeline;
	uint8_t port; /* interface the direction enters by */
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint16_t vlan_outer; /* TCI; 0xffff = untagged */
	uint16_t vlan_inner;

	uint32_t isn;      /* stream position 0 is sequence isn + 1 */
	uint32_t last_ack; /* newest acknowledgement this direction carried */
	uint32_t last_tsval;
	uint16_t last_wnd; /* raw */
	uint16_t mss;      /* as announced by this direction; 0 = none */
	uint8_t wscale;    /* 0xff = not offered */
	uint8_t tcp_state; /* enum fos_tcp_st of the end that sends; relaxed, for display */
	uint8_t sack_ok;
	uint8_t ts_ok;
	uint32_t ooo_first; /* OOSEQ queue: piece index, ascending positions */
	uint32_t ooo_bytes;
	uint32_t nr_ooo;
	uint32_t lru_prev; /* idle order, by connection (even flow's fields are used) */
	uint32_t lru_next;
	uint32_t hash_next;
	uint32_t again_ms; /* stuck.h: when the bytes at again_pos first came again */
	uint64_t last_time_ns;
	uint32_t pass_pos_flags;
	uint32_t ts_recent;

	struct fos_stream pkt; /* packets in arrival order: positions of `ip`, tail_l4 of `tcp` */
	struct fos_stream app;
	uint64_t again_pos; /* stuck.h: 1 + app position of bytes that came again while a PM had them */
	uint64_t stuck_ns;  /* since then the sender goes on with nothing else; release; 0 = it does */

	uint64_t fin_pos; /* app position of the FIN; valid with FOS_FLOW_ST_FIN */
	uint32_t state;   /* enum fos_flow_state; release */
	uint32_t close;   /* enum fos_close; before state */
	uint64_t pkt_done;    /* packet-stream position that left the packet stages */
	uint64_t pkt_done_l4;
	uint64_t start_ns;
	uint64_t packets;
	uint64_t bytes;
	uint64_t number; /* how many connections of this tuple came before (digest's conn) */
};

/* struct fos_piece - a run of stream bytes in one frame; 64 bytes.  Written before the stream's
 * tail is released; constant until reclaimed.  A reader checks (flow, flow_gen, pos) and starts
 * again from `first` when they are not what it expects. */
enum fos_piece_flag {
	FOS_PIECE_SYN = 1u << 0,
	FOS_PIECE_FIN = 1u << 1,    /* zero or more bytes, then the stream's end */
	FOS_PIECE_RST = 1u << 2,
	FOS_PIECE_PSH = 1u << 3,
	FOS_PIECE_WHOLE = 1u << 4,  /* exactly one packet's payload: may leave in its own frame */
	FOS_PIECE_BORROWED = 1u << 5, /* a later piece of this stream owns the frame */
	FOS_PIECE_FIRST = 1u << 6,  /* first piece of a packet (or datagram) */
	FOS_PIECE_LAST = 1u << 7,   /* last piece of it */
	FOS_PIECE_BAD_CSUM = 1u << 8,
	/* these bytes left out of order (FOS_DESC_EARLY): the frame is somebody else's by now, so
	 * FOS_PIECE_BORROWED too; `len` may be more than a frame holds */
	FOS_PIECE_GONE = 1u << 9
};
struct fos_piece {
	uint64_t pos;    /* app: byte position; pkt: `ip` position */
	uint64_t pos_l4; /* pkt: `tcp` position */
	uint64_t number; /* frame number of the capture (offline) */
	uint32_t frame;
	uint32_t gen;  /* claim generation of the frame */
	uint16_t off;  /* from the frame's first byte */
	uint16_t len;  /* bytes of the stream: app payload, or IP packet */
	uint16_t l4_off; /* pkt: transport header, from the frame's first byte */
	uint16_t l4_len;
	uint32_t flow;
	uint32_t flow_gen;
	uint32_t next; /* piece index or FOS_NONE; meaningful while tail > pos + len */
	uint16_t flags; /* enum fos_piece_flag */
	uint16_t pad0;
	uint32_t pad1[2];
};

/* struct fos_cls - head of a classifier region; tables lie behind it at the offsets given */
struct fos_cls {
	struct fos_region_head head;
	uint8_t pad[FOS_REGION_HEAD_SIZE - sizeof(struct fos_region_head)];
	uint64_t flows_off;   /* struct fos_flow[nr_flows] */
	uint64_t pieces_off;  /* struct fos_piece[nr_pieces] */
	uint64_t buckets_off; /* uint32_t[nr_buckets]: flow index chains */
	uint64_t live_off;    /* uint64_t[nr_flows / 128]: bit per connection, relaxed */
	uint64_t claims_off;  /* uint32_t[nr_frames] */
	uint64_t cursors_off; /* struct fos_cursor[FOS_MAX_RINGS_PER_PROC] */
	uint64_t txn_off;     /* struct fos_txn_log */
	uint64_t private_off; /* classifier/state.h; nobody else reads it */
	uint64_t private_size;
	uint64_t events_off;  /* struct fos_flow_events[nr_events] */
	/* uint32_t[PMs with an event ring][nr_flows], in the order of dir->pm[]: events of the flow's
	 * present generation that found the ring full; published */
	uint64_t missed_off;
	uint32_t nr_flows;
	uint32_t nr_pieces;
	uint32_t nr_buckets;
	uint32_t nr_frames;
	uint32_t nr_events;
	uint32_t pad1;
};

/* Room for what only the classifier (egress) reads; its own state header asserts that it fits. */
#define FOS_CLS_PRIVATE_BYTES(flows, frames) \
	((1ull << 20) + (uint64_t)(flows) * 16u + (uint64_t)(frames) * 16u)
#define FOS_EGR_PRIVATE_BYTES(flows, per_flow, frames) \
	((4ull << 20) + (uint64_t)(flows) * (per_flow) + (uint64_t)(frames) * 192u)
#define FOS_EGR_FLOW_BYTES 240u /* of each flow; */
#define FOS_EGR_EDIT_BYTES 112u /* more where a module edits streams, */
#define FOS_EGR_FILE_BYTES 24u  /* and where input is a capture */
#define FOS_ING_PRIVATE_BYTES 65536ull

/* ---------------------------------------------------------------- PM regions */

enum fos_stream_id { FOS_STREAM_IP = 0, FOS_STREAM_TCP = 1, FOS_STREAM_APP = 2 };

enum fos_verdict {
	FOS_VERDICT_PASS = 0,
	FOS_VERDICT_BYPASS = 1, /* head stands at FOS_POS_MAX */
	FOS_VERDICT_DROP = 2,   /* connection's packets are discarded from here on */
	FOS_VERDICT_RESET = 3,  /* egress resets both ends */
	/* From the PM's head on the flow belongs to another pipeline (flags >> FOS_PM_MOVE_SHIFT); the
	 * head stands, and FOS_PM_CLOSED is set with it */
	FOS_VERDICT_MOVE = 4
};
#define FOS_POS_MAX (UINT64_MAX / 2)

enum fos_pm_pub_flag {
	FOS_PM_OPENED = 1u << 0,   /* the gate is open */
	FOS_PM_CLOSED = 1u << 1,   /* on_close has run */
	FOS_PM_REWRITE = 1u << 2,  /* rewrite[flow] is set, constant from now on */
	FOS_PM_RESEND = 1u << 3,   /* egress sends the tail again unasked (egress/ahead.h); while head is
				    * below FOS_POS_MAX, and from a PM that may (fos_dir_pm.resends) */
	FOS_PM_EDITED = 1u << 4    /* fos_pm_edited counts; from a PM that may edit (fos_dir_pm.edits) */
};
#define FOS_RESEND_MAX (1u << 20) /* never what lies beyond so many bytes of a flow's output */

#define FOS_PM_MOVE_SHIFT 8

/* struct fos_pm_slot - what a PM has decided on a flow; one of two slots. */
struct fos_pm_slot {
	uint32_t gen; /* flow generation these values are for */
	uint8_t verdict;
	uint8_t ctx; /* which context slot is valid */
	uint16_t flags; /* enum fos_pm_pub_flag; FOS_PM_MOVE_SHIFT */
	uint64_t head;
	uint32_t events; /* what the classifier is to tell, FOS_EVENT_BIT() each; and a bound */
	uint32_t seen;   /* packets (releases of app bytes), modulo 2^32, for display */
};

/* struct fos_pm_flow - 64 bytes: all that there is of a flow that the PM has not edited
 *  offset size field          writer  readers               order
 *       0    4 ver            own     classifier, PMs, egress  release; low bit = valid slot: THE commit
 *       8    8 hold_since_ns  own     own
 *      16   24 slot[0], 24 slot[1] */
struct fos_pm_flow {
	uint32_t ver;
	uint32_t pad0;
	uint64_t hold_since_ns;
	struct fos_pm_slot slot[2];
};

/* struct fos_pm_edited - of a flow that the PM has edited, besides: only PMs that may edit have the table,
 * and a slot counts while that of the same number in fos_pm_flow says FOS_PM_EDITED.  It is filled before
 * `ver` there turns, and copied before `ver` is looked at again: shm/pub.h.  out_head is head seen in the
 * PM's output: head + inserted - deleted. */
struct fos_pm_edited_slot {
	uint64_t out_head;
	uint32_t edit_first; /* oldest edit record kept; valid when edits > edits_freed */
	uint32_t edits;       /* number of edits ever committed on this flow */
	uint32_t edits_freed; /* of them, no longer kept */
	uint32_t edit_last;
};
struct fos_pm_edited {
	struct fos_pm_edited_slot slot[2];
	uint64_t pad[2];
};

/* struct fos_edit - at input position pos: delete `del` bytes, then insert `ins` bytes (they lie in
 * insert block of the same index).  Edits of a flow ascend; none overlap; all lie below head. */
struct fos_edit {
	uint64_t pos;     /* of the PM's input stream */
	uint64_t out_pos; /* of its output stream */
	uint64_t del;
	uint32_t ins;
	uint32_t next; /* edit index; meaningful while nr < edits */
	uint32_t flow;
	uint32_t flow_gen;
	uint32_t nr; /* 1-based, per flow */
	uint16_t reason; /* packet streams: drop counter id */
	uint16_t pad0;
	uint64_t pad1[2];
};

enum fos_rewrite_mask {
	FOS_RW_SRC_ADDR = 1u << 0,
	FOS_RW_DST_ADDR = 1u << 1,
	FOS_RW_SRC_PORT = 1u << 2,
	FOS_RW_DST_PORT = 1u << 3,
	FOS_RW_SRC_MAC = 1u << 4,
	FOS_RW_DST_MAC = 1u << 5,
	FOS_RW_DSCP = 1u << 6,
	FOS_RW_TTL = 1u << 7
};

/* struct fos_rewrite - header fields of every packet of a flow, applied by egress */
struct fos_rewrite {
	uint8_t src[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t dst[16];
	uint16_t sport; /* host order */
	uint16_t dport;
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t dscp;
	uint8_t ttl;
	uint16_t mask; /* enum fos_rewrite_mask */
	uint32_t flow_gen;
	uint32_t pad[2];
};

/* struct fos_keyed - one place of the table of a PM's own flows (pm_link.h, fos_key_*): two slots, as in
 * struct fos_pm_flow, each a struct fos_keyed_slot and the value's bytes.
 *  offset size field  writer  readers  order
 *       0    4 ver    own     PMs      release; low bit = valid slot; 0 = never used: the search ends */
struct fos_keyed {
	uint32_t ver;
	uint32_t pad[3];
};
struct fos_keyed_slot {
	uint32_t born; /* counts the keys that this place has had: a join that names another is void */
	uint16_t live;
	uint16_t key_len;
	uint64_t touched_ns;
	uint8_t key[FOS_KEYED_MAX];
};
#define FOS_KEYED_SLOT(value) ((uint64_t)sizeof(struct fos_keyed_slot) + (value))
#define FOS_KEYED_STRIDE(value) (sizeof(struct fos_keyed) + 2 * FOS_KEYED_SLOT(value))

/* struct fos_pm_region - head of a PM region */
struct fos_pm_region {
	struct fos_region_head head;
	uint8_t pad[FOS_REGION_HEAD_SIZE - sizeof(struct fos_region_head)];
	uint64_t flows_off;    /* struct fos_pm_flow[nr_flows] */
	uint64_t edited_off;   /* struct fos_pm_edited[nr_flows]; 0 = this PM may not edit */
	uint64_t edits_off;    /* struct fos_edit[nr_edits] */
	uint64_t inserts_off;  /* uint8_t[nr_edits][FOS_INSERT_MAX] */
	uint64_t rewrites_off; /* struct fos_rewrite[nr_flows]; 0 = this PM may not rewrite */
	uint64_t contexts_off; /* uint8_t[nr_flows][2][ctx_size] */
	uint64_t state_off;    /* uint8_t[2][state_size] */
	uint64_t cursors_off;
	uint64_t txn_off;
	uint64_t state_ver; /* release; low bit = valid slot of the PM-wide state */
	uint32_t nr_flows;
	uint32_t nr_edits;
	uint32_t ctx_size;
	uint32_t state_size;
	/* addresses a PM owns on the wire (NAT pool): the box answers ARP and ND for them.
	 * Filled before nr_owned is released. */
	uint32_t nr_owned;
	uint32_t pad1;
	uint8_t owned[64][16];
	uint64_t at;    /* own, relaxed: flow whose handler runs, its generation << 32; 0 = none */
	uint64_t fault; /* own, in its last moment: signal, lease generation << 32 */
	uint64_t keyed_off; /* places of the PM's own flows, keys of them; 0 = it has none */
	uint32_t keys;
	uint32_t key_value; /* bytes */
	/* events that wait for bytes: uint64_t[FOS_EVENT_INBOX] (published: 0 = free, else the order of
	 * arrival), struct fos_event_slot[FOS_EVENT_INBOX], room for their packets as in the ring; own.
	 * 0 = none. */
	uint64_t inbox_off;
};
#define FOS_EVENT_INBOX 2048u

/* ---------------------------------------------------------------- egress region */

/* struct fos_out - output side of one flow.  `pos` is what everybody upstream waits for:
 * pos[0] = input (`app`) position below which egress needs neither pieces nor edits;
 * pos[j] = the same place seen in the output of the pipeline's j-th editor. */
struct fos_out {
	uint32_t gen;
	uint32_t flags; /* FOS_OUT_EDITED; before done */
	uint64_t pos[FOS_MAX_EDITORS + 1]; /* release, each monotonic within a generation */
	/* release: FOS_OUT_DONE when the flow has nothing left to send or retain, and PMs have read what
	 * there is of it (egress/rest.h) */
	uint32_t done;
	uint32_t retained; /* relaxed: segments kept until the receiver acknowledges them, about */
	/* release: when the receiver's window last opened, ns; UINT64_MAX = it is closed now; 0 = it
	 * never was.  Bytes that a PM waits with could not leave before. */
	uint64_t opened_ns;
};
#define FOS_OUT_DONE 1u
#define FOS_OUT_EDITED 1u /* edits have left: the ends do not agree on their numbers without the box */

/* struct fos_forced - heads that egress imposes on PMs of a flow (they are down, or it is quarantined):
 * they stand beyond all for good, at FOS_POS_MAX.  Who reads what a PM published (fos_box_pub) takes that
 * for its head, and ignores edits beyond the count in fos_forced_edits.  Bits of a generation are never
 * taken back.  A new one begins with `pms` without any, then the rest, then `pms` again: who finds the
 * generation in `pms` before and after has read what belongs to it.
 *  offset size field  writer  readers          order
 *       0    8 pms    egress  classifier, PMs  release, last: bit per PM | generation << 32
 *       8    4 reset  egress  classifier, PMs  release: bit per PM; because of it the connection is to be
 *                                              reset: the classifier does it */
struct fos_forced {
	uint64_t pms;
	uint32_t reset;
	uint32_t pad;
};

/* struct fos_forced_edits - of PMs that may edit, besides; before their bits */
struct fos_forced_edits {
	uint64_t delta; /* bytes that those edits have added to the flow, modulo 2^64 */
	uint32_t edits; /* that many of the PM's edits stand */
	uint32_t pad;
};

/* struct fos_route - the pipeline that a flow is in, where it is not the one it began in; two slots as in
 * struct fos_pm_flow.  `start` is its first byte there, an input position: all of its PMs' streams begin
 * at it, and what egress has sent by then is `delta` longer (modulo 2^64).
 *  offset size field  writer  readers               order
 *       0    4 ver    egress  classifier, PMs       release; low bit = valid slot */
struct fos_route_slot {
	uint32_t gen;     /* generation of the flow that this is for */
	uint8_t pipeline;
	uint8_t moving;   /* a PM has decided to move it: PMs of the pipeline come to their ends */
	uint16_t visited; /* bit per pipeline (of the configuration) that it has left */
	uint64_t start;
	uint64_t delta;
};
struct fos_route {
	uint32_t ver;
	uint32_t pad[3];
	struct fos_route_slot slot[2];
};

struct fos_egr {
	struct fos_region_head head;
	uint8_t pad[FOS_REGION_HEAD_SIZE - sizeof(struct fos_region_head)];
	uint64_t outs_off;    /* struct fos_out[nr_flows] */
	uint64_t forced_off;  /* struct fos_forced[nr_flows] */
	uint64_t claims_off;  /* uint32_t[nr_frames] */
	uint64_t cursors_off;
	uint64_t txn_off;
	uint64_t private_off; /* egress/state.h */
	uint64_t private_size;
	uint32_t nr_flows;
	uint32_t nr_frames;
	uint32_t nr_forced; /* release: how many heads were ever forced; 0 = nobody need look */
	uint32_t pad1;
	uint64_t retained; /* relaxed: frames kept for all flows */
	/* uint32_t[nr_flows], relaxed: the newest acknowledgement number that the flow's sender was
	 * told; a RST of an end that is gone names it.  0 = none yet. */
	uint64_t told_off;
	uint64_t routes_off; /* struct fos_route[nr_flows]; 0 = there is one pipeline: no flow moves */
	uint64_t forced_edits_off; /* struct fos_forced_edits[PMs that may edit][nr_flows] */
	uint32_t nr_routes;  /* release: how often a route was written; 0 = nobody need look */
	uint32_t flush_more; /* offline: flows have moved, so one flush is not enough; before flush_seen */
};

/* ---------------------------------------------------------------- ingress region */
struct fos_ing {
	struct fos_region_head head;
	uint8_t pad[FOS_REGION_HEAD_SIZE - sizeof(struct fos_region_head)];
	uint64_t claims_off;
	uint64_t cursors_off;
	uint64_t private_off; /* ingress/state.h */
	uint64_t private_size;
	uint32_t nr_frames;
	uint32_t nr_free; /* relaxed: frames in hand or lent to the kernel; tells egress who is short */
};

/* ---------------------------------------------------------------- directory (keeper) */

struct fos_dir_region {
	uint32_t kind;
	uint32_t proc; /* its writer */
	uint64_t size;
	char name[FOS_NAME_MAX];
};

enum fos_lease_state { FOS_LEASE_FREE = 0, FOS_LEASE_GRANTED = 1, FOS_LEASE_DEAD = 2 };

struct fos_lease {
	uint32_t state; /* release */
	uint32_t pid;
	uint64_t start_time; /* /proc/PID/stat field 22 */
	uint32_t generation;
	uint32_t restarts;
};

struct fos_dir_proc {
	uint32_t role; /* enum fos_role */
	uint32_t lane;
	uint32_t index; /* ingress: number; PM: index in pm[] */
	uint32_t region; /* index in region[] */
	uint32_t port;  /* ingress: interface */
	uint32_t queue; /* ingress: NIC queue */
	char name[FOS_NAME_MAX]; /* "classifier.0", "pm.adblock.0", "ingress.lan.0" */
	struct fos_lease lease;
};

/* a ring, and the doorbell (eventfd) of its consumer that this producer rings: one per ring */
struct fos_dir_ring {
	uint32_t kind;
	uint32_t producer; /* proc index */
	uint32_t consumer;
	uint32_t cursor; /* index in the consumer's cursors */
	uint64_t off;    /* of struct fos_ring in the producer's region */
};

/* Which addresses of a packet that enters by a port choose its lane.  Modules that give connections other
 * addresses on the near side (nat, balance) need the far one alone. */
enum fos_lane_by { FOS_LANE_BY_BOTH = 0, FOS_LANE_BY_DST, FOS_LANE_BY_SRC };

struct fos_dir_port {
	char name[FOS_NAME_MAX];
	char nic[FOS_NAME_MAX];
	uint8_t mac[6];
	uint16_t nr_queues;
	uint32_t ifindex;
	uint32_t peer; /* the port at the other end of the wire */
	uint32_t mtu;
	uint32_t first_ingress; /* proc index of queue 0's ingress */
	uint32_t lane_by; /* enum fos_lane_by */
};

enum fos_key { FOS_KEY_5TUPLE = 0, FOS_KEY_SRC, FOS_KEY_DST, FOS_KEY_IN_PORT, FOS_KEY_ALL };

enum fos_match_field {
	FOS_MATCH_FILTER = 1u << 0, /* pcap expression at filter_off */
	FOS_MATCH_IN_PORT = 1u << 1,
	FOS_MATCH_ETH_SRC = 1u << 2,
	FOS_MATCH_ETH_DST = 1u << 3,
	FOS_MATCH_ETH_TYPE = 1u << 4,
	FOS_MATCH_VLAN = 1u << 5,
	FOS_MATCH_SRC = 1u << 6,
	FOS_MATCH_DST = 1u << 7,
	FOS_MATCH_PROTO = 1u << 8,
	FOS_MATCH_SPORT = 1u << 9,
	FOS_MATCH_DPORT = 1u << 10
};

struct fos_match {
	uint32_t fields; /* enum fos_match_field; 0 matches everything */
	uint32_t filter_off; /* NUL-terminated, in the string blob */
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t src_bits; /* of the 128-bit form */
	uint8_t dst_bits;
	uint8_t eth_src[6];
	uint8_t eth_dst[6];
	uint16_t eth_type;
	uint16_t vlan;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
	uint8_t proto;
	uint8_t in_port;
	uint16_t pad;
};

struct fos_dir_pm {
	char name[FOS_NAME_MAX];
	uint32_t file_off;    /* path, in the string blob */
	uint32_t options_off; /* key NUL value NUL ... empty key ends; a key may repeat */
	uint8_t pipeline; /* of the configuration; which versions of it have the PM: place[] */
	uint8_t stage;  /* index in the pipeline as configured; FOS_MAX_STAGES: it stands by */
	uint8_t slot;   /* place within the stage */
	uint8_t stream; /* enum fos_stream_id */
	uint8_t edits;  /* may edit */
	uint8_t editor; /* 1-based number among the pipeline's editing app PMs; 0 = none */
	uint8_t gates;  /* has on_open: the first packet waits for it */
	uint8_t rewrites;
	uint8_t direction; /* enum fos_pm_direction */
	uint8_t on_failure;
	uint16_t quarantine; /* deaths on one flow that are one too many */
	uint32_t ctx_size;
	uint32_t state_size;
	uint16_t resends; /* may ask for FOS_PM_RESEND */
	uint16_t sends; /* may send packets of its own: it has a ring of parcels */
	uint64_t hold_bytes;
	uint64_t hold_ns;
	uint32_t spare; /* 1: a warm process waits for the lease */
	uint32_t keys;  /* places for flows of its own, a power of two, 0 = none */
	uint32_t key_value; /* bytes of the value of each, multiple of 16 */
	uint8_t http; /* reads http.body: watches both directions, `stream` is FOS_STREAM_APP */
	uint8_t http_direction; /* enum fos_pm_direction: which of them its handlers see */
	uint8_t room; /* laid out for a module that comes later: FOS_PMFILE_ROOM */
	uint8_t leaves; /* relaxed: an operator took it out: it lets go of the flows that it still has */
	uint32_t events; /* FOS_EVENT_BIT() each: asked for until the PM has published for a flow */
	uint32_t event_wants; /* enum fos_event_wants */
};
enum fos_event_wants {
	FOS_PM_WANTS_EVENTS = 1u << 0, /* it has an event ring */
	FOS_PM_WANTS_PACKETS = 1u << 1 /* whose slots have room for packets */
};

/* PM `from` publishes the topic and PM `to` takes it. */
struct fos_dir_link {
	char topic[FOS_NAME_MAX];
	uint32_t id; /* fos_word_id() of the name */
	uint16_t version; /* of what is published; 0 = not said */
	uint16_t bytes;   /* of each message; 0 = any */
	uint8_t from, to; /* index in pm[] */
	uint16_t pad;
};
enum fos_pm_direction { FOS_DIR_BOTH = 0, FOS_DIR_FORWARD = 1, FOS_DIR_REVERSE = 2 };
enum fos_on_failure { FOS_FAIL_RESTART = 0, FOS_FAIL_BYPASS = 1, FOS_FAIL_BLOCK = 2 };

struct fos_dir_stage {
	uint32_t nr_pms;
	uint32_t pm[FOS_MAX_PARALLEL]; /* index in pm[] */
};

struct fos_dir_pipeline {
	char name[FOS_NAME_MAX];
	struct fos_match match;
	uint32_t key; /* enum fos_key */
	uint32_t nr_stages;
	uint32_t nr_pkt_stages; /* the first ones: `ip` and `tcp` readers; the rest read `app` */
	uint32_t nr_editors;
	struct fos_dir_stage stage[FOS_MAX_STAGES];
	/* made from stage[] by fos_build_places(): 1 + the stage of each PM that is in it, else 0; and
	 * its number among the editing app PMs, from 1, else 0 */
	uint8_t place[FOS_MAX_PMS];
	uint8_t editor[FOS_MAX_PMS];
	/* A pipeline that an operator changes while the box runs gets a new version: its flows stay, flows
	 * that begin are the version's.  release, after the version is filled; 0 = none */
	uint32_t next;
	uint32_t first; /* a version: 1 + the pipeline of the configuration that it is one of; else 0 */
};

/* Flows on which a PM has died.  The keeper counts; egress acts on what reaches `quarantine`. */
struct fos_death {
	uint32_t flow;
	uint32_t gen; /* 0 = unused */
	uint32_t deaths; /* release, last */
	uint32_t pad;
};
#define FOS_DEATHS 8u /* per PM and lane; the one with the fewest makes room */

enum fos_wait { FOS_WAIT_ADAPTIVE = 0, FOS_WAIT_SLEEP = 1, FOS_WAIT_SPIN = 2 };

#define FOS_DIR_STRINGS 65536u
#define FOS_MSS_AUTO UINT32_MAX /* fos_dir.tcp_mss: by the MTU of the way out */

struct fos_dir {
	struct fos_region_head head;
	uint8_t pad[FOS_REGION_HEAD_SIZE - sizeof(struct fos_region_head)];
	uint32_t nr_regions, nr_procs, nr_rings, nr_ports, nr_pipelines, nr_pms, nr_lanes;
	uint32_t nr_frames, frame_size, nr_flows, nr_pieces, nr_edits;
	uint32_t offline;     /* 1: input is a capture; time and order are the capture's */
	uint32_t pass_midstream; /* pickup: 0 = pass, 1 = process */
	uint32_t when_down_drop;
	uint32_t egress_frames; /* frames that egress keeps for packets it builds, all lanes together */
	uint64_t hash_key[2];
	uint64_t ooo_per_flow, ooo_total;
	uint64_t idle_ns, handshake_ns, closing_ns;
	uint32_t max_fragments;
	uint32_t max_half_open;  /* TCP connections before their third packet */
	uint32_t tcp_urgent;     /* 0 = flag and pointer are cleared, 1 = translated */
	uint32_t tcp_mptcp_pass; /* 0 = its options are taken out of the handshake */
	uint32_t tcp_mss;        /* 0 = kept, FOS_MSS_AUTO, else the bound in bytes */
	/* How often the AF_XDP sockets have been made, where their rings can be mapped only before
	 * bind (Linux before 6.4); 0 = once for all */
	uint32_t sockets;
	uint32_t stopping; /* release: 1 = orderly stop */
	uint32_t live; /* 1: hints may go between any two PMs of a pipeline, so its stages can change */
	uint32_t input_off;  /* offline: paths in the string blob */
	uint32_t output_off; /* 0 = none */
	uint32_t wait;       /* enum fos_wait: what a process without work does */
	struct fos_dir_region region[FOS_MAX_REGIONS];
	struct fos_dir_proc proc[FOS_MAX_PROCS];
	struct fos_dir_ring ring[FOS_MAX_RINGS];
	struct fos_dir_port port[FOS_MAX_PORTS];
	struct fos_dir_pipeline pipeline[FOS_MAX_PIPELINES];
	struct fos_dir_pm pm[FOS_MAX_PMS];
	uint32_t nr_links; /* release */
	uint32_t pad_links;
	struct fos_dir_link link[FOS_MAX_LINKS];
	uint64_t failures; /* release: deaths of PMs so far */
	struct fos_death death[FOS_MAX_LANES][FOS_MAX_PMS][FOS_DEATHS];
	char strings[FOS_DIR_STRINGS];
};

/* ---------------------------------------------------------------- shape checks */
_Static_assert(offsetof(struct fos_region_head, heartbeat_ns) == 64, "owner line");
_Static_assert(offsetof(struct fos_region_head, sleeping) == 128, "sleeping has its own line");
_Static_assert(offsetof(struct fos_region_head, clock_ns) == 192, "clock line");
_Static_assert(sizeof(struct fos_region_head) <= FOS_REGION_HEAD_SIZE, "head fits");
_Static_assert(offsetof(struct fos_ring, tail) == 64 && sizeof(struct fos_ring) == 128, "ring");
_Static_assert(sizeof(struct fos_cursor) == 64, "cursor line");
_Static_assert(sizeof(struct fos_desc) == 32 && sizeof(struct fos_hint) == 8, "slots");
_Static_assert(sizeof(struct fos_keyed) == 16 && sizeof(struct fos_keyed_slot) == 80, "own flows");
_Static_assert(sizeof(struct fos_msg) == FOS_MSG_SIZE, "message slot");
_Static_assert(sizeof(struct fos_parcel) == 1536, "parcel: whole lines");
_Static_assert(sizeof(struct fos_event_slot) == 64, "event: one line");
_Static_assert(sizeof(struct fos_flow_events) == 64, "events of a flow: one line");
_Static_assert(FOS_EVENT_INVALID_SYN < FOS_EVENTS_COUNTED, "a count for each kind that is rare");
_Static_assert(FOS_NR_EVENTS <= 24, "a bit for each kind, below the bound");
_Static_assert(sizeof(struct fos_flow) == 256, "flow: four lines");
_Static_assert(offsetof(struct fos_flow, isn) == 64, "flow line 1");
_Static_assert(offsetof(struct fos_flow, pkt) == 128, "flow line 2");
_Static_assert(offsetof(struct fos_flow, fin_pos) == 192, "flow line 3");
_Static_assert(sizeof(struct fos_piece) == 64, "piece: one line");
_Static_assert(sizeof(struct fos_pm_flow) == 64, "PM flow: one line");
_Static_assert(sizeof(struct fos_pm_edited) == 64, "what a PM edited of a flow: one line");
_Static_assert(sizeof(struct fos_edit) == 64, "edit: one line");
_Static_assert(sizeof(struct fos_rewrite) == 64, "rewrite: one line");
_Static_assert(sizeof(struct fos_out) == 64, "published output: one line");
_Static_assert(sizeof(struct fos_forced) == 16 && sizeof(struct fos_forced_edits) == 16, "forced heads");
_Static_assert(FOS_MAX_PMS <= 32, "a bit for each PM, above them the generation");

#endif
