/* pms/mos/mos.h - mOS's API on FlowOS: what the parts of the library share
 *
 *	attach.c  the process: configuration, contexts, hooks of the module, timers
 *	conf.c    mos.conf
 *	socket.c  sockets, and what is asked about them
 *	define.c  events: built-in and user-defined, and sets of callbacks
 *	walk.c    one set, called
 *	conn.c    connections: from FlowOS's events to mOS's
 *	bytes.c   what each end has received; ahead.c: beyond a hole
 *	filter.c  mtcp_bind_monitor_filter()
 *	packet.c  the packet in hand; setpkt.c changes it
 *	refuse.c  calls that are not offered
 *	module_edit.c, module_watch.c  the module's constants; the linker takes the first when the program
 *	          calls mtcp_setlastpkt(), else the second, which gates and edits nothing
 *
 * Everything lies in the process's memory, as the program's own data does: what a killed process knew of
 * its flows is lost (README.md).
 */
#ifndef FOS_MOS_H
#define FOS_MOS_H

#include <mos_api.h>

#include "pmhost/pm.h"

/* ---------------------------------------------------------------- events */

enum fos_mos_hook { FOS_MOS_NULL, FOS_MOS_RCV, FOS_MOS_SND, FOS_MOS_HOOKS };

#define FOS_MOS_EVENT_USER 4096u /* first id of a user-defined event */
#define FOS_MOS_BUILT_IN 12u

/* One step of a set: a subtree ends before `skip`. */
struct fos_mos_node {
	event_t event;
	callback_t cb;
	uint32_t skip;
};

/* Callbacks of a socket.  Never changed: another set takes its place, and sockets with the same callbacks
 * share one. */
struct fos_mos_reg {
	event_t event;
	int hook; /* enum fos_mos_hook */
	callback_t cb;
};
struct fos_mos_set {
	uint64_t id; /* XOR of the hashes of its parts */
	uint32_t refs;
	uint32_t nr;
	struct fos_mos_set *next;
	struct fos_mos_reg *reg;
	uint32_t roots[FOS_MOS_HOOKS]; /* built-in events that lead anywhere */
	uint32_t nr_nodes[FOS_MOS_HOOKS];
	struct fos_mos_node *node[FOS_MOS_HOOKS];
};

struct fos_mos_set *fos_mos_set_hold(struct fos_mos_set *set);
void fos_mos_set_drop(struct fos_mos_set *set);
/* The set with that pair added, replaced, or (cb NULL) taken out; a reference. */
struct fos_mos_set *fos_mos_set_with(const struct fos_mos_set *set, event_t event, int hook,
				     callback_t cb);
/* Filter and argument of an event; false: it has none. */
bool fos_mos_event_filter(event_t event, filter_t *filter, filter_arg_t **arg);
/* Does only mtcp_raise_event() make it happen? */
bool fos_mos_event_floats(event_t event);
/* The built-in event that it comes from; 0: there is no such event. */
uint32_t fos_mos_event_root(event_t event);

/* ---------------------------------------------------------------- bytes */

/* What one end has received, the last `size` bytes of it. */
struct fos_mos_bytes {
	uint8_t *data;
	uint32_t size, limit;
	uint64_t begin, end; /* positions held */
	struct fos_mos_ahead *ahead; /* beyond a hole, ascending */
	uint32_t ahead_bytes; /* at most `limit` */
};

void fos_mos_bytes_add(struct fos_mos_bytes *b, uint64_t pos, const void *data, size_t len);
size_t fos_mos_bytes_copy(const struct fos_mos_bytes *b, uint64_t pos, void *to, size_t len);
void fos_mos_bytes_free(struct fos_mos_bytes *b);

/* Bytes that came beyond a hole: kept (of those that come twice the first copy or the `last`), given up
 * as far as the hole is filled, copied, listed. */
void fos_mos_ahead_add(struct fos_mos_bytes *b, uint64_t pos, const void *data, size_t len,
		       bool last);
void fos_mos_ahead_trim(struct fos_mos_bytes *b);
size_t fos_mos_ahead_copy(const struct fos_mos_bytes *b, uint64_t pos, void *to, size_t len);
uint32_t fos_mos_ahead_list(const struct fos_mos_bytes *b, struct tcp_ring_fragment *out,
			    uint32_t max);
uint64_t fos_mos_ahead_end(const struct fos_mos_bytes *b);

/* ---------------------------------------------------------------- sockets and connections */

struct fos_mos_conn;
struct bpf_program;

struct fos_mos_sock {
	int id;
	uint64_t serial; /* numbers are given again, these are not */
	int type; /* enum socket_type; MOS_SOCK_UNUSED: free */
	struct fos_mos_sock *next; /* of the connection's, or of the listeners, in order */
	struct fos_mos_sock *listener;
	struct fos_mos_conn *conn;
	struct fos_mos_set *set;
	void *uctx;
	struct bpf_program *filter[2]; /* first packets (raw: all), orphans; NULL = all */
	uint64_t peeked[2]; /* by side */
	bool watch[2];
	bool keeps[2];      /* that side's bytes */
	uint32_t limit[2];  /* how many; 0 = as configured */
	bool last[2];       /* MOS_OVERLAP_POLICY_LAST, of what that side receives */
};

enum fos_mos_edit_kind { FOS_MOS_OVERWRITE, FOS_MOS_CHOMP, FOS_MOS_INSERT };

/* Payload that a callback has changed before its bytes were in the window. */
struct fos_mos_edit {
	struct fos_mos_edit *next;
	uint64_t pos; /* of the sender's stream */
	enum fos_mos_edit_kind kind;
	uint16_t len;
	uint8_t data[];
};

struct fos_mos_conn {
	uint32_t flow; /* of the client's direction: fos_flow()->id */
	struct fos_mos_sock *socks;
	struct sockaddr_in addr[2]; /* by side */
	int state[2];
	uint32_t init_seq[2]; /* of the first byte that the side sends */
	bool known[2];        /* it is known */
	bool told_first;      /* the first packet's event is still to come, and has been told */
	bool told_end;
	bool reset;           /* asked for, and not done yet */
	bool adopted;         /* the process was started after it */
	uint8_t ended, closed; /* bit per side: that its direction has */
	uint32_t asked[2];    /* events, by side that sends; UINT32_MAX = as the module says */
	bool quiet[2];        /* that direction was told to pass unseen */
	bool last[2];         /* and that its last copies stand */
	uint64_t last_ns;
	struct fos_mos_bytes bytes[2]; /* by side that receives */
	uint64_t shown[2];    /* end of new data told of */
	struct fos_mos_edit *edits[2]; /* by side that sends */
	struct fos_headers set[2];     /* rewrites, by side that sends */
};

/* The packet in hand: an Ethernet, IP and TCP header one behind the other. */
#define FOS_MOS_FRAME 2560u
struct fos_mos_packet {
	bool there;    /* the event has one */
	bool built;    /* `frame` is filled */
	bool first;    /* in on_open: its headers can be changed */
	struct fos_packet raw;
	uint8_t *frame; /* Ethernet header; IP begins at a multiple of 4 */
	uint32_t len, l4, payload; /* offsets from frame */
	uint8_t room[FOS_MOS_FRAME + 4];
};

struct fos_mos {
	struct mtcp_context ctx;
	struct mtcp_conf conf;
	bool no_bytes; /* no_ring_buffers */
	bool inited, joined;
	struct fos_instance *pm;
	struct fos_mos_sock *listeners;
	uint32_t nr_conns;
	/* the callback in hand */
	struct fos_window *w;
	struct fos_mos_conn *conn;
	int from; /* side that the window's bytes come from */
	struct fos_mos_sock *sock;
	int side, hook;
	uint32_t depth;
	bool drop;
	struct fos_mos_packet packet;
};
extern struct fos_mos fos_mos;

/* The socket of that number when it is of one of these types, or NULL with errno. */
#define FOS_MOS_TYPE(t) (1u << (t))
#define FOS_MOS_ACTIVE FOS_MOS_TYPE(MOS_SOCK_MONITOR_STREAM_ACTIVE)
#define FOS_MOS_LISTENER FOS_MOS_TYPE(MOS_SOCK_MONITOR_STREAM)
#define FOS_MOS_RAW FOS_MOS_TYPE(MOS_SOCK_MONITOR_RAW)
struct fos_mos_sock *fos_mos_sock(mctx_t mctx, int id, uint32_t types);
struct fos_mos_sock *fos_mos_sock_new(int type);
void fos_mos_sock_free(struct fos_mos_sock *s);

/* -1 with errno. */
int fos_mos_fail(int error);

/* Calls the callbacks of one set for built-in events (bits), on a socket. */
void fos_mos_walk(struct fos_mos_sock *s, int hook, int side, uint32_t events);

/* Does the packet (or, with none, the connection's first packet) pass the filter? */
bool fos_mos_filter_pass(const struct bpf_program *f);
void fos_mos_filter_free(struct bpf_program *f);

/* The packet of the event in hand, taken up and given up; its IP packet for filters. */
void fos_mos_packet_take(struct fos_window *w, bool first);
void fos_mos_packet_forget(void);
bool fos_mos_packet_build(void);
/* Where its payload begins in the stream that `from` sends, which is known. */
uint64_t fos_mos_position(const struct fos_mos_conn *c, int from, const struct tcphdr *tcp);
/* In its place, one with a connection's addresses. */
void fos_mos_packet_make(const struct fos_mos_conn *c);

/* timer.c: what is due is called from now on. */
void fos_mos_timers_start(struct fos_instance *pm);

/* Hooks of the module. */
int fos_mos_init(struct fos_instance *pm);
void fos_mos_fini(struct fos_instance *pm);
void fos_mos_on_open(struct fos_window *w);
void fos_mos_on_event(struct fos_window *w, const struct fos_event *ev);
void fos_mos_on_close(struct fos_window *w, uint32_t why);

/* setpkt.c's part of on_open and of new data; NULL in programs that change nothing.  `delta` is to be
 * taken from a position of the stream for that of the window. */
struct fos_mos_changes {
	void (*open)(struct fos_window *w, struct fos_mos_conn *c);
	void (*data)(struct fos_window *w, struct fos_mos_conn *c, uint64_t delta);
};
extern const struct fos_mos_changes *const fos_mos_changes;

#define FOS_MOS_EVENTS                                                                             \
	(FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_START) | FOS_BIT(FOS_ON_SETUP) |                  \
	 FOS_BIT(FOS_ON_OUT_OF_ORDER) | FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_WINDOW_OVERRUN) | \
	 FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_STATE) | FOS_BIT(FOS_ON_END) |                  \
	 FOS_BIT(FOS_ON_ORPHAN) | FOS_BIT(FOS_ON_REPLAY))

#endif
