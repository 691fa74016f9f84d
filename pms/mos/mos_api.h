/* mos_api.h - mOS's monitoring calls, on FlowOS
 *
 * A program written for mOS includes this, is linked with libflowos-mos.a instead of libmtcp.a, and
 * is a processing module: `flowosctl run` starts it as a process of the box, and mtcp_app_join() is
 * where it joins.  Names, numbers and meanings are mOS's; README.md beside this file says of each
 * call, option and event whether it means the same, more, or is refused.
 *
 * The side in a callback is the end whose view it is: at MOS_HK_SND the end that has sent the packet,
 * at MOS_HK_RCV (and for new data) the one that receives it.  A side's bytes are those it receives.
 */
#ifndef MOS_API_H
#define MOS_API_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/tcp.h>
#include <mtcp_epoll.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mtcp_hook_point {
	MOS_NULL = 1 << 29,
	MOS_HK_RCV = 1 << 30,
	MOS_HK_SND = (int)(1u << 31)
};

enum mos_event_type {
	MOS_NULL_EVENT = 0,
	MOS_ON_PKT_IN = 1 << 0,
	MOS_ON_PKT_OUT = 1 << 1,
	MOS_ON_CONN_START = 1 << 2,
	MOS_ON_CONN_SETUP = 1 << 3,
	MOS_ON_CONN_NEW_DATA = 1 << 4,
	MOS_ON_ERROR = 1 << 5,
	MOS_ON_TIMEOUT = 1 << 6,
	MOS_ON_TCP_STATE_CHANGE = 1 << 7,
	MOS_ON_ORPHAN = 1 << 8,
	MOS_ON_REXMIT = 1 << 9,
	MOS_ON_CONN_END = 1 << 10,
	MOS_ON_DEBUG_MESSAGE = 1 << 11
};

/* mtcp_setlastpkt(): what, and how */
#define MOS_ETH_HDR (1 << 0)
#define MOS_IP_HDR (1 << 1)
#define MOS_TCP_HDR (1 << 2)
#define MOS_TCP_PAYLOAD (1 << 3)
#define MOS_UPDATE_IP_CHKSUM (1 << 4)
#define MOS_UPDATE_TCP_CHKSUM (1 << 5)
#define MOS_DROP (1 << 6)
#define MOS_OVERWRITE (1 << 7)
#define MOS_CHOMP (1 << 8)
#define MOS_INSERT (1 << 9)

/* A packet, as mtcp_getlastpkt() copies it: its headers lie one behind the other (no VLAN tags), and
 * are valid until the callback returns or the next call. */
struct pkt_info {
	uint32_t cur_ts;    /* when it came, milliseconds */
	int8_t in_ifidx;    /* interface, by its place in the configuration */
	uint16_t eth_len;   /* bytes at ethh */
	uint16_t ip_len;    /* IP total length */
	uint64_t offset;    /* of the payload in the sender's stream */
	uint16_t payloadlen;
	uint32_t seq;       /* host order, as the next two */
	uint32_t ack_seq;
	uint16_t window;
	struct ethhdr *ethh;
	struct iphdr *iph;
	struct tcphdr *tcph; /* NULL: not TCP */
	uint8_t *payload;
};
#define PKT_INFO_LEN offsetof(struct pkt_info, ethh)

typedef struct {
	int64_t seq_off;
	int side;
	uint32_t base_seq;
} seq_remap_info;

typedef struct filter_arg {
	void *arg;
	size_t len;
} filter_arg_t;

#ifndef SOL_SOCKET
#define SOL_SOCKET 0xffff
#endif
#define SOL_MONSOCKET 0xfffe

enum mos_socket_opts {
	MOS_FRAGINFO_CLIBUF = 0x01,
	MOS_FRAGINFO_SVRBUF = 0x02,
	MOS_INFO_CLIBUF = 0x03,
	MOS_INFO_SVRBUF = 0x04,
	MOS_TCP_STATE_CLI = 0x05,
	MOS_TCP_STATE_SVR = 0x06,
	MOS_TIMESTAMP = 0x07,
	MOS_CLIBUF = 0x09,
	MOS_SVRBUF = 0x0a,
	MOS_SEQ_REMAP = 0x0b,
	MOS_STOP_MON = 0x0c,
	MOS_FRAG_CLIBUF = 0x0d,
	MOS_FRAG_SVRBUF = 0x0e,
	MOS_CLIOVERLAP = 0x0f,
	MOS_SVROVERLAP = 0x10
};

/* MOS_INFO_CLIBUF, MOS_INFO_SVRBUF: sequence numbers, host order */
struct tcp_buf_info {
	uint32_t tcpbi_init_seq;           /* of the first byte of the stream */
	uint32_t tcpbi_last_byte_read;     /* where mtcp_peek() goes on */
	uint32_t tcpbi_next_byte_expected; /* where the bytes in sequence end */
	uint32_t tcpbi_last_byte_received; /* where all that came ends */
};

struct tcp_ring_fragment {
	uint64_t offset; /* from the first byte of the stream */
	uint32_t len;
};

enum tcpstate {
	TCP_CLOSED = 0,
	TCP_LISTEN = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RCVD = 3,
	TCP_ESTABLISHED = 4,
	TCP_FIN_WAIT_1 = 5,
	TCP_FIN_WAIT_2 = 6,
	TCP_CLOSE_WAIT = 7,
	TCP_CLOSING = 8,
	TCP_LAST_ACK = 9,
	TCP_TIME_WAIT = 10
};

enum { MOS_OVERLAP_POLICY_FIRST = 0, MOS_OVERLAP_POLICY_LAST, MOS_OVERLAP_CNT };
enum { MOS_SIDE_CLI = 0, MOS_SIDE_SVR, MOS_SIDE_BOTH };

typedef uint64_t event_t;
typedef void (*callback_t)(mctx_t mctx, int sock, int side, event_t event, filter_arg_t *arg);
typedef bool (*filter_t)(mctx_t mctx, int sock, int side, event_t event, filter_arg_t *arg);

union monitor_filter {
	char *raw_pkt_filter; /* MOS_SOCK_MONITOR_RAW */
	struct {              /* MOS_SOCK_MONITOR_STREAM */
		char *stream_syn_filter;
		char *stream_orphan_filter;
	};
};
typedef union monitor_filter *monitor_filter_t;

#define MTCP_CB_GETCURPKT_CREATE_COPY

int mtcp_bind_monitor_filter(mctx_t mctx, int sock, monitor_filter_t ft);
int mtcp_register_callback(mctx_t mctx, int sock, event_t event, int hook_point, callback_t cb);
event_t mtcp_alloc_event(event_t event);
event_t mtcp_define_event(event_t event, filter_t filter, struct filter_arg *arg);
int mtcp_raise_event(mctx_t mctx, event_t event);

void mtcp_set_uctx(mctx_t mctx, int sock, void *uctx);
void *mtcp_get_uctx(mctx_t mctx, int sock);
ssize_t mtcp_peek(mctx_t mctx, int sock, int side, char *buf, size_t len);
ssize_t mtcp_ppeek(mctx_t mctx, int sock, int side, char *buf, size_t count, uint64_t off);
int mtcp_getlastpkt(mctx_t mctx, int sock, int side, struct pkt_info *p);
int mtcp_setlastpkt(mctx_t mctx, int sock, int side, off_t offset, byte *data, uint16_t datalen,
		    int option);
int mtcp_sendpkt(mctx_t mctx, int sock, const struct pkt_info *pkt);
int mtcp_settimer(mctx_t mctx, int id, struct timeval *timeout, callback_t cb);
uint32_t mtcp_cb_get_ts(mctx_t mctx);
void mtcp_app_join(mctx_t mctx);
int mtcp_getpeername(mctx_t mctx, int sock, struct sockaddr *saddr, socklen_t *addrlen, int side);
int mtcp_reset_conn(mctx_t mctx, int sock);

#ifdef __cplusplus
}
#endif
#endif
