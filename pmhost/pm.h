/* pmhost/pm.h - write a processing module (PM): the one header for module authors
 *
 * A PM is one C file that becomes a shared object.  It sees each flow (one direction of a
 * connection) as a stream of bytes; packets, order, retransmission, sequence numbers and checksums
 * are the platform's.  It runs in its own process, which may be killed between any two
 * instructions: what it released has happened, exactly once, and nothing else has.
 *
 *	#include "pmhost/pm.h"
 *
 *	static void on_data(struct fos_window *w)
 *	{
 *		struct fos_hit hit;
 *
 *		while (fos_find(w, fos_head(w), "colour", 0, &hit)) {
 *			fos_delete(w, hit.pos + 4, 1);
 *			fos_release(w, hit.end);
 *		}
 *		fos_release(w, hit.pos);  // all but what may be the beginning of "colour"
 *	}
 *
 *	FOS_PM(.name = "color", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
 *
 * Build: cc -fPIC -shared $(pkg-config --cflags flowos-pm) -o color.so color.c; next: pms/README.md.
 *
 * The window.  A PM reads [head, tail) of a stream.  Positions are 64-bit counts of bytes of the
 * stream that the PM reads (what comes out of the stage before), from 0, and never renumbered, not
 * by the PM's own edits either.  Bytes at or after the head stay where they are until released;
 * released bytes go on, edited as told, and are out of reach.
 *
 * The release.  Edits, the context, the PM-wide state, messages, written output and verdicts are
 * *staged*: they take effect, all together, at the next fos_release(), and are forgotten when the
 * handler returns without one (on_data is then called again with the same window and the context
 * as of the last release: so a handler must be able to start again, and need not know why).
 * After on_open, on_timer, on_message and on_close the platform itself commits what is staged.
 *
 * Waiting.  What on_data does not release stays; on_data is called again when more bytes come or the
 * stream ends.  `hold` in the configuration bounds it (bytes and time), and so does a sender that can
 * but repeat what is held, unless the flow has a timer: then the platform releases the window unedited
 * (pm_hold_expired).  Nothing is acknowledged early, so a sender stops after its congestion window
 * (about 14 KB at first): decide at the first byte that suffices, and delete while streaming.
 *
 * Memory.  All pointers that calls return are valid until the handler returns or the next
 * fos_release(), whichever is first.  Bytes are read-only.  Globals are allowed for what init()
 * can compute again from options; everything else belongs in the context or in the PM-wide state.
 * All calls are for the PM's only thread, from inside a handler (those marked "init" only there).
 */
#ifndef FLOWOS_PM_H
#define FLOWOS_PM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changes whenever a module built against an older header would not work any more. */
#define FOS_PM_ABI 2u
struct fos_instance; /* this PM, running: one per lane */
struct fos_window;   /* this PM on one flow */
struct fos_event;    /* pm_event.h */
/* What calls return: 0 or one of these. */
enum fos_pm_error {
	FOS_OK = 0,
	FOS_AGAIN = -11,  /* no room (message ring, edit records): nothing changed; just return, the
			     handler is called again when there is */
	FOS_EINVAL = -22, /* outside the window, overlapping edits, wrong kind of stream */
	FOS_EFULL = -28,  /* too much staged (FOS_STAGED_MAX): release first */
	FOS_EPERM = -1,   /* the flag in FOS_PM() does not allow it, or not in this handler */
	FOS_ENOENT = -2   /* no such PM, key, or packet */
};

/* Streams a PM can read, each contained in the one before. */
enum fos_pm_stream {
	FOS_IP = 0,  /* whole IP packets in arrival order, bad and repeated ones included */
	FOS_TCP = 1, /* what the IP packets carry: transport headers and payload */
	FOS_APP = 2, /* accepted TCP payload in sequence order; UDP payload, datagram by datagram */
	FOS_HTTP_BODY = 3 /* bodies of HTTP/1 messages; see pm_http.h */
};

enum fos_pm_flags {
	FOS_PM_EDITS = 1u << 0,    /* deletes, inserts, overwrites (FOS_APP), or drops packets */
	FOS_PM_REWRITES = 1u << 1, /* rewrites header fields of whole flows */
	FOS_PM_PLAIN = 1u << 2,    /* pm_http.h: servers are asked not to encode bodies */
	FOS_PM_PACKETS = 1u << 3,  /* events come with their packets (pm_event.h) */
	FOS_PM_ROOM = 1u << 4,     /* keeps room for a module that comes later (pms/room.c) */
	FOS_PM_RESENDS = 1u << 5,  /* has the box send the tail of a flow again (pm_resend.h) */
	FOS_PM_SENDS = 1u << 6     /* sends packets of its own (pm_packet.h) */
};

/* Why a flow ended. */
enum fos_pm_end {
	FOS_END_FIN = 1,
	FOS_END_RST = 2,
	FOS_END_TIMEOUT = 3,
	FOS_END_EVICTED = 4, /* the flow table was full */
	FOS_END_EOF = 5,     /* the capture file ended */
	FOS_END_PM = 6,      /* a PM's reset or drop */
	FOS_END_MOVED = 7    /* it goes on in another pipeline (pm_link.h, fos_move()) */
};

#define FOS_PM_NAME_MAX 32u
#define FOS_PM_LINKS_MAX 128u      /* bytes of a list of links, its NUL included */
#define FOS_MESSAGE_MAX 240u       /* bytes of one message */
#define FOS_PEEK_MAX 65536u        /* bytes of one fos_peek() */
#define FOS_STAGED_MAX 1024u       /* edits staged between two releases */
#define FOS_STAGED_BYTES 262144u   /* bytes inserted between two releases */

/* A message from another PM of the same lane. */
struct fos_message {
	uint32_t topic;
	uint32_t len;
	const void *data;
	const char *from; /* instance name of the sender */
	const char *name; /* pm_link.h: the topic's name when it was published, NULL when sent */
	uint32_t version; /* of what was published; 0 = not said */
};

/* struct fos_pm - a module.  Written with FOS_PM(); only fields used need be given.
 *
 *  init        once per process start: read options, open outputs.  Not 0: the PM cannot run
 *              (say why with fos_say() first).
 *  on_open     at a connection's first packet, on its first direction, before that packet goes
 *              on: the connection waits until the handler returns.  Once per connection; not
 *              with `direction: reverse`.
 *  on_data     new bytes (packets) in the window, or the stream has ended (fos_fin(); then also
 *              with an empty window).  A PM without on_data is never in the data's way.
 *  on_close    once per watched flow when the connection has ended (`why`: enum fos_pm_end) and
 *              the window is empty.  The context is gone afterwards.
 *  on_timer    the time set by fos_timer() has come.
 *  on_message  a message from another PM.
 *  on_head     FOS_HTTP_BODY: a message's header block is complete (pm_http.h).
 *  on_event    something has happened on the flow: pm_event.h.
 *  fini        orderly stop (not after a kill): print a summary, for instance.
 */
struct fos_pm {
	uint32_t size; /* of this struct, for later versions; set by FOS_PM() */
	uint32_t abi;  /* set by FOS_PM() */
	char name[FOS_PM_NAME_MAX];
	uint32_t stream;     /* enum fos_pm_stream */
	uint32_t flags;      /* enum fos_pm_flags */
	uint32_t ctx_size;   /* bytes of context per flow, zero at the flow's start; <= 1984 */
	uint32_t state_size; /* bytes of PM-wide state, zero at the box's start; <= 16 MiB */
	char imports[FOS_PM_LINKS_MAX]; /* pm_link.h: topics that it takes, */
	char exports[FOS_PM_LINKS_MAX]; /* those that it publishes, */
	char after[FOS_PM_LINKS_MAX];   /* and its place among others in `modules:` */
	char before[FOS_PM_LINKS_MAX];
	uint32_t keys;      /* pm_link.h: flows of its own, at most that many (<= 1M), */
	uint32_t key_value; /* and bytes of state of each, <= 4096 */
	uint32_t events;     /* pm_event.h: what on_event is called for at first, FOS_BIT() each */
	int (*init)(struct fos_instance *pm);
	void (*on_open)(struct fos_window *w);
	void (*on_data)(struct fos_window *w);
	void (*on_close)(struct fos_window *w, uint32_t why);
	void (*on_timer)(struct fos_window *w);
	void (*on_message)(struct fos_instance *pm, const struct fos_message *msg);
	void (*fini)(struct fos_instance *pm);
	void (*on_head)(struct fos_window *w);
	void (*on_event)(struct fos_window *w, const struct fos_event *ev);
};

/* struct fos_pm_section - the module's constants in ELF section ".flowos.pm": the platform reads
 * them without running the module.  Same member names as struct fos_pm; a hook is 1 when there. */
#define FOS_PM_SECTION ".flowos.pm"
#define FOS_PM_SECTION_MAGIC 0x4d50534f574f4c46ull /* "FLOWOSPM" */
struct fos_pm_section {
	uint64_t magic;
	uint32_t size;
	uint32_t abi;
	char name[FOS_PM_NAME_MAX];
	uint32_t stream;
	uint32_t flags;
	uint32_t ctx_size;
	uint32_t state_size;
	char imports[FOS_PM_LINKS_MAX];
	char exports[FOS_PM_LINKS_MAX];
	char after[FOS_PM_LINKS_MAX];
	char before[FOS_PM_LINKS_MAX];
	uint32_t keys;
	uint32_t key_value;
	uint32_t events;
	_Bool init;
	_Bool on_open;
	_Bool on_data;
	_Bool on_close;
	_Bool on_timer;
	_Bool on_message;
	_Bool fini;
	_Bool on_head;
	_Bool on_event;
	uint8_t pad[11];
};

#ifdef __clang__
#define FOS_PM_QUIET _Pragma("GCC diagnostic ignored \"-Wpointer-bool-conversion\"")
#else
#define FOS_PM_QUIET _Pragma("GCC diagnostic ignored \"-Waddress\"")
#endif

/* Defines the module: once per shared object, at the end of a C file (pm_main.h: other languages). */
#ifdef __cplusplus
#define FOS_PM(...) static_assert(false, "FOS_PM() goes into a C file: it needs C's initialisers")
#else
#define FOS_PM(...)                                                                           \
	extern const struct fos_pm fos_pm_module;                                             \
	extern const struct fos_pm_section fos_pm_constants;                                  \
	_Pragma("GCC diagnostic push") FOS_PM_QUIET                                           \
	const struct fos_pm fos_pm_module = {                                                 \
		.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, __VA_ARGS__};               \
	const struct fos_pm_section fos_pm_constants                                          \
		__attribute__((section(FOS_PM_SECTION), used)) = {                            \
			.magic = FOS_PM_SECTION_MAGIC,                                        \
			.size = sizeof(struct fos_pm_section),                                \
			.abi = FOS_PM_ABI,                                                    \
			__VA_ARGS__};                                                         \
	_Pragma("GCC diagnostic pop") extern const struct fos_pm fos_pm_module
#endif

/* ---------------------------------------------------------------- the window */

/* First position not yet released; position after the last byte to be seen now. */
uint64_t fos_head(const struct fos_window *w);
uint64_t fos_tail(const struct fos_window *w);

/* Does the stream end at the tail?  (FIN, reset, timeout: nothing will follow.)  What on_data then
 * leaves in the window goes on unedited at once.  To add bytes at the very end of a stream a PM
 * must still hold some when it ends: with an empty window the end has already gone on. */
bool fos_fin(const struct fos_window *w);

/* len bytes at pos, contiguous: in place when they lie together, else copied to a buffer that the
 * next fos_peek() reuses.  NULL when not all of them are in the window or len > FOS_PEEK_MAX. */
const void *fos_peek(struct fos_window *w, uint64_t pos, size_t len);

/* Copies at most len bytes from pos on to buf; returns how many the window has. */
size_t fos_read(struct fos_window *w, uint64_t pos, void *buf, size_t len);

/* Bytes where they lie, nothing copied: fills at most max entries for [pos, pos+len), returns how
 * many.  For scanners that take pieces:
 *	struct fos_iov v[16];
 *	int n = fos_iov(w, fos_head(w), SIZE_MAX, v, 16);   // the whole window, or its first part
 */
struct fos_iov {
	const uint8_t *data;
	size_t len;
	uint64_t pos;
};
int fos_iov(struct fos_window *w, uint64_t pos, size_t len, struct fos_iov *iov, int max);

enum fos_find_flags {
	FOS_ICASE = 1u << 0 /* ASCII letters match in both cases */
};
struct fos_hit {
	uint64_t pos; /* first byte of the match */
	uint64_t end; /* the byte after it */
	int which;    /* fos_find_any: index of the pattern */
};

/* First match of a pattern at or after `from`, also across packet borders.  True: hit says where.
 * False: hit->pos is the first position where a match may yet begin when more bytes come (the tail
 * when none does, or when the stream has ended), so that everything before it can be released. */
bool fos_find(struct fos_window *w, uint64_t from, const char *text, unsigned flags,
	      struct fos_hit *hit);
bool fos_find_bytes(struct fos_window *w, uint64_t from, const void *pattern, size_t len,
		    unsigned flags, struct fos_hit *hit);

/* First match of any of nr patterns; at the same place the first listed wins.  While one that would
 * win may yet begin earlier, the answer is false, so it never depends on where packets end.
 *	static const struct fos_text tags[] = {FOS_TEXT("<script"), FOS_TEXT("<iframe")};
 *	if (fos_find_any(w, fos_head(w), tags, 2, FOS_ICASE, &hit)) ... tags[hit.which] ...
 */
struct fos_text {
	const void *data;
	size_t len;
};
#define FOS_TEXT(literal) {literal, sizeof(literal) - 1}
bool fos_find_any(struct fos_window *w, uint64_t from, const struct fos_text *texts, int nr,
		  unsigned flags, struct fos_hit *hit);

/* ---------------------------------------------------------------- edits (FOS_PM_EDITS)
 * Staged; each must lie in the window, and none overlap another (FOS_EINVAL).  It is committed by the
 * release that passes its end; a deletion that is cut by one, up to there.  FOS_EFULL, FOS_EPERM: above. */

int fos_delete(struct fos_window *w, uint64_t pos, uint64_t len);

/* Inserts before the byte at pos (head <= pos <= tail).  Several at one place: in order of calls. */
int fos_insert(struct fos_window *w, uint64_t pos, const void *data, size_t len);

/* Deletes len bytes at pos and puts n others in their place; they go with the last deleted one. */
int fos_replace(struct fos_window *w, uint64_t pos, uint64_t len, const void *data, size_t n);

/* Puts len other bytes in the place of len bytes; fos_fill() puts len times the same one. */
int fos_overwrite(struct fos_window *w, uint64_t pos, const void *data, size_t len);
int fos_fill(struct fos_window *w, uint64_t pos, int byte, uint64_t len);

/* ---------------------------------------------------------------- release */

/* Commits: bytes below pos go on, and everything staged takes effect.  head <= pos <= tail;
 * pos == head commits the rest without moving.  FOS_AGAIN: nothing changed, and the window is
 * empty until the handler is called again (loops over the window end by themselves).  on_data and
 * on_timer only: FOS_EPERM in on_open and on_close, which commit once, when they return. */
int fos_release(struct fos_window *w, uint64_t pos);

int fos_release_all(struct fos_window *w); /* fos_release(w, fos_tail(w)) */

/* Bounds this wait more tightly than the configuration does: the window is released by the
 * platform when it exceeds `bytes` or is older than `ms` (0 = as configured). */
void fos_hold(struct fos_window *w, uint64_t bytes, uint32_t ms);

/* How long the configuration lets the PM hold bytes (hold.time), ns; UINT64_MAX: for ever. */
uint64_t fos_hold_ns(struct fos_instance *pm);

/* ---------------------------------------------------------------- what is remembered */

/* The flow's context: ctx_size bytes, yours to change; kept by the next release. */
void *fos_ctx(struct fos_window *w);

/* The same PM's committed context of the opposite direction; NULL when it has none yet. */
const void *fos_peer_ctx(struct fos_window *w);

/* The PM-wide state: state_size bytes, kept by the next release.  It survives a kill; it is copied
 * at each commit that touched it, so keep it small or touch it rarely.  One per lane. */
void *fos_state(struct fos_instance *pm);

struct fos_instance *fos_pm_of(struct fos_window *w); /* the instance behind a window */

/* ---------------------------------------------------------------- verdicts
 * Staged; committed by the next release or when the handler returns. */

void fos_bypass(struct fos_window *w); /* stop watching this direction: the rest passes unseen */
void fos_drop(struct fos_window *w);   /* discard the connection's packets from now on */
void fos_reset(struct fos_window *w);  /* reset the connection at both ends */

/* ---------------------------------------------------------------- packets */

enum fos_packet_is {
	FOS_IS_IPV4 = 1u << 0,
	FOS_IS_IPV6 = 1u << 1,
	FOS_IS_TCP = 1u << 2,
	FOS_IS_UDP = 1u << 3,
	FOS_IS_ICMP = 1u << 4, /* or ICMPv6 */
	FOS_IS_FRAGMENT = 1u << 6,
	FOS_IS_FIRST_FRAGMENT = 1u << 7
};
enum fos_packet_csum { /* transport checksum, as found on arrival */
	FOS_SUM_NONE = 0,
	FOS_SUM_VALID = 1,
	FOS_SUM_PARTIAL = 2, /* pseudo-header sum only: a virtual NIC left the rest to hardware */
	FOS_SUM_BAD = 3,
	FOS_SUM_ABSENT = 4
};

/* The packet that carried the byte at `pos` of the window. */
struct fos_packet {
	uint64_t pos; /* first byte of the packet in this stream */
	uint64_t end; /* the byte after it (may lie beyond the tail) */
	uint64_t time_ns;
	uint64_t number; /* frame number in the capture; 0 on live traffic */
	const uint8_t *data; /* link header; offsets below count from here */
	uint32_t len;    /* bytes at data */
	uint32_t flags;  /* enum fos_packet_is */
	uint32_t l3_off; /* IP header */
	uint32_t l3_len; /* IP total length */
	uint32_t l4_off; /* transport header; 0 = none */
	uint32_t payload_off;
	uint32_t payload_len;
	uint8_t proto;
	uint8_t csum; /* enum fos_packet_csum */
	uint8_t tcp_flags;
	uint8_t in_port;
	uint16_t link; /* what its link header is, as in captures: 1 = Ethernet, 101 = none */
};

/* Fills *p; FOS_ENOENT when pos is not in the window (or in bytes that an earlier PM inserted).
 *	for (pos = fos_head(w); fos_packet(w, pos, &p) == 0; pos = p.end) ...   // packet by packet
 */
int fos_packet(struct fos_window *w, uint64_t pos, struct fos_packet *p);

/* FOS_IP and FOS_TCP with FOS_PM_EDITS: the packet that begins at pos goes no further (counted as
 * drop_pm).  Staged.  Later packet stages still see it. */
int fos_drop_packet(struct fos_window *w, uint64_t pos);

/* ---------------------------------------------------------------- the flow */

struct fos_flow_info {
	uint8_t src[16]; /* as on the wire at ingress; IPv4 as ::ffff:a.b.c.d */
	uint8_t dst[16];
	uint16_t sport;
	uint16_t dport;
	uint8_t proto;
	uint8_t ip_version;
	bool reverse; /* the direction against the connection's first packet */
	bool midstream; /* the connection's start was not seen */
	uint8_t in_port; /* interface it enters by, and leaves by */
	uint8_t out_port;
	const char *in_name;
	const char *out_name;
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t in_mac[6]; /* the interfaces' own */
	uint8_t out_mac[6];
	uint16_t vlan_outer; /* tag control information; 0xffff = untagged */
	uint16_t vlan_inner;
	const char *pipeline;
	uint64_t number;   /* connections of this 4-tuple before this one */
	uint64_t start_ns;
	uint64_t id;       /* distinguishes live flows of a lane; the peer's is id ^ 1 */
};

const struct fos_flow_info *fos_flow(struct fos_window *w);

/* Address as text, IPv6 as RFC 5952 says; returns buf. */
#define FOS_ADDRESS_TEXT 48
const char *fos_address_text(const uint8_t addr[16], char buf[FOS_ADDRESS_TEXT]);

/* Text to address; false when it is none. */
bool fos_address_parse(const char *text, uint8_t addr[16]);

/* ---------------------------------------------------------------- rewrites (FOS_PM_REWRITES)
 * Header fields that every packet of a flow shall carry when it leaves.  Only in on_open (FOS_EPERM);
 * staged (committed when it returns), constant from then on.  fos_rewrite_peer() is for the opposite
 * direction: a source rewritten one way must be rewritten back as destination the other way. */

enum fos_header_set {
	FOS_SET_SRC_ADDR = 1u << 0,
	FOS_SET_DST_ADDR = 1u << 1,
	FOS_SET_SRC_PORT = 1u << 2, /* ICMP: the echo identifier */
	FOS_SET_DST_PORT = 1u << 3,
	FOS_SET_SRC_MAC = 1u << 4,
	FOS_SET_DST_MAC = 1u << 5,
	FOS_SET_DSCP = 1u << 6,
	FOS_SET_TTL = 1u << 7
};
struct fos_headers {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t sport;
	uint16_t dport;
	uint8_t src_mac[6];
	uint8_t dst_mac[6];
	uint8_t dscp;
	uint8_t ttl;
	uint16_t set; /* enum fos_header_set */
};
int fos_rewrite(struct fos_window *w, const struct fos_headers *h);
int fos_rewrite_peer(struct fos_window *w, const struct fos_headers *h);

/* The box answers ARP and neighbour solicitations for it (FOS_EFULL: for 64 already).  Init, on_open. */
int fos_own_address(struct fos_instance *pm, const uint8_t addr[16]);

/* ---------------------------------------------------------------- options, time, words */

/* The i-th value of a key under `options:`, as text; NULL when there is none. */
const char *fos_option(struct fos_instance *pm, const char *key, unsigned i);

/* The instance's name in the configuration; its lane. */
const char *fos_name(struct fos_instance *pm);
uint32_t fos_lane(struct fos_instance *pm);

/* For modules that rewrite addresses: do packets of a connection that has one end behind this interface
 * meet in one lane, whatever that end's address becomes?  With one lane, yes; with several, where the
 * configuration says `inside: yes` of the interface.  NULL names none. */
bool fos_lane_kept(struct fos_instance *pm, const char *interface);

/* Nanoseconds: monotonic on live traffic, the capture's offline.  Never call clock_gettime(). */
uint64_t fos_now_ns(struct fos_instance *pm);

/* A time of fos_packet() or fos_now_ns() as nanoseconds since 1970, as far as the clock was right when
 * the process began. */
uint64_t fos_wall_ns(struct fos_instance *pm, uint64_t ns);

/* Calls on_timer for this flow in `ns` from now (0 = cancel).  One timer per flow; staged. */
void fos_timer(struct fos_window *w, uint64_t ns);

/* The module's own timer, of no flow: calls fn once in `ns` from now (0 = cancel).  One per process; not
 * staged, and gone with the process, so set it in init.  What fn stages is committed when it returns;
 * when there is no room for it, it is forgotten, and fn called again soon. */
void fos_tick(struct fos_instance *pm, uint64_t ns, void (*fn)(struct fos_instance *pm));

/* Sends a message to the PM instance of that name in this lane; staged.  FOS_ENOENT, FOS_EINVAL
 * (too long), FOS_EFULL (more than 64 staged). */
int fos_send(struct fos_instance *pm, const char *to, uint32_t topic, const void *data, size_t len);

/* One line to the log (not staged: a line may come twice after a kill). */
void fos_say(struct fos_instance *pm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Output files.  fos_output() in init: opens the file (NULL or "-": standard output; in lane n > 0 ".n" is
 * added to its name); returns its number, FOS_EFULL (the fifth), or -errno, which is in the log.  What is
 * written is staged (FOS_EFULL: beyond FOS_STAGED_BYTES, or a line of 2 KiB) and goes out with the commit;
 * after a kill the file is cut back to that, so each line is there once (standard output: or twice). */
int fos_output(struct fos_instance *pm, const char *path);
int fos_write(struct fos_instance *pm, int output, const void *data, size_t len);
int fos_printf(struct fos_instance *pm, int output, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#include "pmhost/pm_event.h"
#include "pmhost/pm_http.h"
#include "pmhost/pm_link.h"
#include "pmhost/pm_main.h"
#include "pmhost/pm_packet.h"
#include "pmhost/pm_resend.h"
#include "pmhost/pm_text.h"

#endif
