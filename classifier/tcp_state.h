/* classifier/tcp_state.h - what a TCP segment means to a connection
 *
 * Pure: numbers in, a judgement out.  The rules are those of a Linux receiver where it is strict,
 * and stricter where hosts differ (RFC 9293, RFC 5961, RFC 7323), so that no segment passes which
 * one end would take and the other would not.
 */
#ifndef FOS_CLASSIFIER_TCP_STATE_H
#define FOS_CLASSIFIER_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum fos_tcp_flag {
	FOS_TCP_FIN = 0x01,
	FOS_TCP_SYN = 0x02,
	FOS_TCP_RST = 0x04,
	FOS_TCP_PSH = 0x08,
	FOS_TCP_ACK = 0x10
};

/* struct fos_tcp_segment - a TCP header in numbers */
struct fos_tcp_segment {
	uint32_t seq;
	uint32_t ack;
	uint32_t len; /* payload, set by the caller */
	uint32_t tsval;
	uint16_t wnd; /* raw */
	uint16_t mss; /* 0 = none */
	uint8_t flags;
	uint8_t header_len;
	uint8_t wscale; /* 0xff = none */
	bool has_ts;
	bool sack_ok;
	bool md5; /* carries a signature option */
	bool mptcp; /* carries an MPTCP option */
	uint8_t ace; /* AE, CWR, ECE */
	uint8_t nr_sack;
	uint32_t sack[4][2]; /* left, right */
};

/* struct fos_tcp_side - what one end has sent so far */
struct fos_tcp_side {
	bool syn; /* isn is known */
	bool fin; /* its FIN has been taken */
	bool acked; /* last_ack is valid */
	uint32_t isn;
	uint32_t nxt; /* next sequence number in order, after the FIN when that was taken */
	uint32_t max; /* the most that its peer may acknowledge: end of the furthest byte, and a FIN */
	uint32_t last_ack;
	uint32_t una; /* what its peer has acknowledged last, if una_known */
	bool una_known;
	uint32_t wnd; /* bytes it last offered */
};

struct fos_tcp_conn {
	bool established;
	bool reset;    /* ended by a RST */
	bool finished; /* both FINs taken, or closed by the box */
	bool over;     /* and each end has had all of the other acknowledged */
	bool one_sided; /* offline: packets may be missing, even one whole direction */
	bool one_way; /* inline: only one direction passes the box */
	bool midstream; /* its start was not seen */
	bool after; /* of the one that had its ports before, an end may still speak */
};

enum fos_tcp_action {
	FOS_TCP_DO_START,     /* first SYN of a connection */
	FOS_TCP_DO_SYN,       /* first SYN (or SYN and ACK) of this side */
	FOS_TCP_DO_CTL,       /* passes; changes nothing */
	FOS_TCP_DO_DATA,      /* ACK, data, FIN: to be placed in the stream */
	FOS_TCP_DO_RESET,     /* ends the connection */
	FOS_TCP_DO_RESTART,   /* first SYN of another connection with this tuple */
	FOS_TCP_DO_RAW,       /* passes as it is: the ends have not agreed on numbers yet */
	FOS_TCP_DO_ONE_WAY,   /* acknowledges a SYN that did not pass the box */
	FOS_TCP_DO_JOIN,      /* first segment of the second side of one that was taken up */
	FOS_TCP_DO_MIDSTREAM, /* nothing is known of the connection */
	FOS_TCP_DO_CHALLENGE, /* an end would answer with a challenge ACK: refused */
	FOS_TCP_DO_REFUSE,    /* belongs to the connection before: answered with a reset */
	FOS_TCP_DO_BAD_ACK,   /* acknowledges what no end could have earned: refused */
	FOS_TCP_DO_INVALID,   /* no end would accept it: refused */
	FOS_TCP_DO_CLOSED     /* the connection is over: refused */
};

/* Reads a header of `len` bytes.  False: it is cut. */
bool fos_tcp_parse(const uint8_t *header, uint32_t len, struct fos_tcp_segment *seg);

/* Flags that no end takes, whatever it knows of the connection: SYN with FIN or RST, or none of SYN,
 * RST and ACK. */
bool fos_tcp_flags_bad(uint8_t flags);

/* What is to become of a segment that `own` sends to `peer`. */
enum fos_tcp_action fos_tcp_judge(const struct fos_tcp_conn *conn, const struct fos_tcp_side *own,
				  const struct fos_tcp_side *peer,
				  const struct fos_tcp_segment *seg);

/* Is the segment too old by its timestamp (RFC 7323; a step back by one is let pass, as Linux
 * does)? */
bool fos_tcp_paws_old(uint32_t ts_recent, uint32_t tsval);

/* Is the timestamp so far ahead that taking it would make all that follows look old? */
bool fos_tcp_ts_leaps(uint32_t ts_recent, uint32_t tsval);

/* 64-bit stream position of a sequence number, near position `tail` of a stream that starts at
 * isn + 1.  Before the start it is negative. */
static inline int64_t fos_tcp_position(uint32_t isn, uint64_t tail, uint32_t seq)
{
	return (int64_t)tail + (int32_t)(seq - (isn + 1 + (uint32_t)tail));
}

#endif
