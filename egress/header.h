/* egress/header.h - headers of packets that are sent on: translated, rewritten, checksummed
 *
 * Pure but for the frame it is given: bytes and values in, bytes out.  A header is always computed
 * from the copy that the first rewrite kept in the frame's head, so that doing it again (a
 * resend, a restart in the middle) gives a right packet.  Checksums are updated incrementally,
 * except where the field holds only the pseudo-header sum or the box built the packet.
 */
#ifndef FOS_EGRESS_HEADER_H
#define FOS_EGRESS_HEADER_H

#include <stdbool.h>

#include "shm/bytes.h"
#include "shm/layout.h"

#define FOS_TH_FIN 0x01u
#define FOS_TH_SYN 0x02u
#define FOS_TH_RST 0x04u
#define FOS_TH_PSH 0x08u
#define FOS_TH_ACK 0x10u
#define FOS_TH_URG 0x20u
#define FOS_TH_ECE 0x40u
#define FOS_TH_CWR 0x80u

/* Bytes of a packet, from its first, that are kept for doing its headers again: what is changed in
 * place must lie within. */
#define FOS_HEADER_KEPT_MAX (FOS_FRAME_SAVED_MAX - 24u)

/* A packet in a frame, offsets checked. */
struct fos_header {
	uint8_t *frame;
	struct fos_frame_meta *m;
	uint8_t *l3; /* NULL: not IP */
	uint8_t *l4; /* NULL: no transport header (not first fragment, unknown) */
	uint8_t *csum; /* transport checksum field, NULL = none */
	uint16_t sum;  /* its value while we work */
	bool full;     /* to be computed anew at the end */
	bool ip_dirty; /* IPv4 header checksum to be computed anew */
};

/* Options that must not reach the other end. */
enum fos_header_strip {
	FOS_STRIP_MPTCP = 1u << 0, /* RFC 8684 */
	FOS_STRIP_TFO = 1u << 1    /* Fast Open cookies, RFC 7413, and their experimental form */
};

/* What a TCP segment is to carry.  Sequence values are those of the wire, host order. */
struct fos_header_tcp {
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t set;   /* flags to add */
	uint8_t clear; /* flags to take away */
	bool with_ts;  /* replace the timestamps, where the packet has them */
	bool with_ecr;
	bool with_ace; /* replace AE, CWR, ECE (RFC 9768) */
	uint8_t ace;
	uint32_t tsval;
	uint32_t tsecr;
	bool with_urg; /* replace flag and pointer of urgent data */
	uint16_t urg;  /* pointer; 0 = none */
	uint8_t strip; /* enum fos_header_strip: options to be replaced by NOPs */
	uint8_t clean; /* enum fos_options_clean: and these */
	/* Translates n SACK blocks [left, right) in place; returns how many are left.  NULL: they stay. */
	uint32_t (*sack)(void *ctx, uint32_t (*block)[2], uint32_t n);
	void *ctx;
};

/* TCP options that egress wants to know. */
struct fos_header_options {
	uint16_t mss;   /* 0 = none */
	uint8_t wscale; /* 0xff = none */
	bool sack_ok;
	bool has_sack; /* SACK blocks */
	uint8_t nr_sack;
	uint32_t sack[4][2]; /* their edges */
	bool has_ts;
	uint32_t tsval;
	uint32_t tsecr;
};

/* Checks the metadata against the frame and fills *h.  Headers that this use of the frame (`gen`: the
 * claim) has kept are brought back first.  False: not a packet that can be sent. */
bool fos_header_open(struct fos_header *h, uint8_t *frame, uint32_t frame_size, uint32_t gen);

/* A packet is being made in the frame: headers kept there are of a use before it, perhaps of the same
 * moment. */
void fos_header_forget(uint8_t *frame);

/* First use: keeps the headers; later uses: brings the kept ones back.  `gen` tells this use of the
 * frame from earlier ones.  False: headers too long to keep. */
bool fos_header_restore(struct fos_header *h, uint32_t gen);

/* Applies what a TCP segment is to carry; h->l4 must be a TCP header.  Returns which of w->strip
 * (enum fos_header_strip) were there. */
uint32_t fos_header_tcp(struct fos_header *h, const struct fos_header_tcp *w);

/* Leaves the first `keep` payload bytes of a packet whose headers are kept; also where a predecessor
 * had begun to. */
void fos_header_trim(struct fos_header *h, uint32_t keep);

/* Urgent pointer; 0 = none. */
uint16_t fos_header_urg(const struct fos_header *h);

/* Sets the MSS option, where there is one. */
void fos_header_mss(struct fos_header *h, uint16_t mss);

/* Applies a PM's rewrites (masked fields). */
void fos_header_rewrite(struct fos_header *h, const struct fos_rewrite *rw);

/* Sum of the pseudo header of a packet with `len` bytes from the transport header on. */
uint64_t fos_header_pseudo(const struct fos_header *h, uint32_t len);
/* The congestion bits of the IP header (RFC 3168). */
enum fos_ecn { FOS_ECN_NONE = 0, FOS_ECN_ECT1 = 1, FOS_ECN_ECT0 = 2, FOS_ECN_CE = 3 };
uint8_t fos_header_ecn(const struct fos_header *h);
void fos_header_set_ecn(struct fos_header *h, uint8_t ecn);

/* TTL or hop limit: at least so much. */
void fos_header_raise_ttl(struct fos_header *h, uint8_t least);

/* AE, CWR and ECE of a TCP header, AE being the highest of the three bits. */
uint8_t fos_header_ace(const struct fos_header *h);
/* Is it the answer, in a SYN+ACK, of a receiver that counts marks (RFC 9768 section 3.1.2)? */
bool fos_header_offers_ace(const struct fos_header *h);

/* Stores the checksums.  Last call. */
void fos_header_finish(struct fos_header *h);

/* Reads a TCP header's fields and options; wire values in host order. */
static inline uint32_t fos_header_seq(const struct fos_header *h)
{
	return fos_get32(h->l4 + 4);
}

static inline uint32_t fos_header_ack(const struct fos_header *h)
{
	return fos_get32(h->l4 + 8);
}

static inline uint16_t fos_header_wnd(const struct fos_header *h)
{
	return fos_get16(h->l4 + 14);
}

void fos_header_options(const struct fos_header *h, struct fos_header_options *o);

/* Are the options timestamps as nearly all segments have them, and nothing else: two NOPs, then the option
 * (RFC 7323 appendix A)?  Then it is at l4 + 22. */
static inline bool fos_header_only_ts(const struct fos_header *h)
{
	return h->l4[12] >> 4 == 8 && fos_get32(h->l4 + 20) == 0x0101080a &&
	       (uint32_t)h->m->l4_off + 32 <= h->m->payload_off;
}

#endif
