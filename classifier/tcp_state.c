/* classifier/tcp_state.c - what a TCP segment means to a connection, see tcp_state.h */
#include "classifier/tcp_state.h"

#include <string.h>

#include "shm/bytes.h"

enum tcp_option {
	OPT_END = 0,
	OPT_NOP,
	OPT_MSS,
	OPT_WSCALE,
	OPT_SACK_OK,
	OPT_SACK,
	OPT_TS = 8,
	OPT_MD5 = 19,
	OPT_MPTCP = 30,
	OPT_AO = 29
};

#define MIN_WINDOW 65535
#define TS_ALONE 0x0101080au /* padding of two bytes, then timestamps */

static void option(const uint8_t *o, uint32_t len, struct fos_tcp_segment *seg)
{
	if (o[0] == OPT_MSS && len == 4) {
		seg->mss = (uint16_t)fos_get16(o + 2);
	} else if (o[0] == OPT_WSCALE && len == 3) {
		seg->wscale = o[2] > 14 ? 14 : o[2];
	} else if (o[0] == OPT_SACK_OK && len == 2) {
		seg->sack_ok = true;
	} else if (o[0] == OPT_SACK && len % 8 == 2) {
		for (uint32_t i = 2; i < len && seg->nr_sack < 4; i += 8, seg->nr_sack++) {
			seg->sack[seg->nr_sack][0] = fos_get32(o + i);
			seg->sack[seg->nr_sack][1] = fos_get32(o + i + 4);
		}
	} else if (o[0] == OPT_TS && len == 10) {
		seg->has_ts = true;
		seg->tsval = fos_get32(o + 2);
	} else if (o[0] == OPT_MD5 || o[0] == OPT_AO) {
		seg->md5 = true;
	} else if (o[0] == OPT_MPTCP) {
		seg->mptcp = true;
	}
}

bool fos_tcp_parse(const uint8_t *h, uint32_t len, struct fos_tcp_segment *seg)
{
	uint32_t at = 20, end;

	memset(seg, 0, sizeof(*seg));
	seg->wscale = 0xff;
	if (len < 20)
		return false;
	end = (h[12] >> 4) * 4u;
	if (end < 20 || end > len)
		return false;
	seg->seq = fos_get32(h + 4);
	seg->ack = fos_get32(h + 8);
	seg->flags = h[13];
	seg->ace = (uint8_t)((h[12] & 1) << 2 | h[13] >> 6);
	seg->wnd = (uint16_t)fos_get16(h + 14);
	seg->header_len = (uint8_t)end;
	/* as most segments have them: timestamps and nothing else */
	if (end == 32 && fos_get32(h + 20) == TS_ALONE) {
		seg->has_ts = true;
		seg->tsval = fos_get32(h + 24);
		return true;
	}
	while (at < end && h[at] != OPT_END) {
		uint32_t n = 1;

		if (h[at] != OPT_NOP) {
			if (end - at < 2 || h[at + 1] < 2 || h[at + 1] > end - at)
				break;
			n = h[at + 1];
			option(h + at, n, seg);
		}
		at += n;
	}
	return true;
}

bool fos_tcp_paws_old(uint32_t ts_recent, uint32_t tsval)
{
	return (int32_t)(ts_recent - tsval) > 1;
}

bool fos_tcp_ts_leaps(uint32_t ts_recent, uint32_t tsval)
{
	return (int32_t)(tsval - ts_recent) > 1 << 30;
}

static int64_t window(const struct fos_tcp_side *side)
{
	return side->wnd > MIN_WINDOW ? side->wnd : MIN_WINDOW;
}

static enum fos_tcp_action judge_syn(const struct fos_tcp_conn *conn,
				     const struct fos_tcp_side *own,
				     const struct fos_tcp_side *peer,
				     const struct fos_tcp_segment *seg)
{
	bool same = own->syn && seg->seq == own->isn;

	/* its own SYN, late */
	if (conn->reset && same && conn->established)
		return FOS_TCP_DO_CLOSED;
	if (conn->reset)
		return FOS_TCP_DO_RESTART;
	if (conn->finished)
		return same || !conn->over ? FOS_TCP_DO_CHALLENGE : FOS_TCP_DO_RESTART;
	if (!own->syn && !peer->syn)
		return FOS_TCP_DO_START;
	if (!own->syn)
		return conn->established ? FOS_TCP_DO_CHALLENGE : FOS_TCP_DO_SYN;
	if (same)
		return conn->established ? FOS_TCP_DO_CHALLENGE : FOS_TCP_DO_CTL;
	return !peer->syn && !conn->established ? FOS_TCP_DO_RESTART : FOS_TCP_DO_CHALLENGE;
}

static enum fos_tcp_action judge_syn_ack(const struct fos_tcp_conn *conn,
					 const struct fos_tcp_side *own,
					 const struct fos_tcp_side *peer,
					 const struct fos_tcp_segment *seg)
{
	if (!own->syn && !peer->syn)
		return conn->one_sided ? FOS_TCP_DO_START : FOS_TCP_DO_MIDSTREAM;
	if (conn->one_way)
		return FOS_TCP_DO_INVALID; /* it was acknowledged before it came */
	if (conn->reset)
		return FOS_TCP_DO_CLOSED;
	if (own->syn && !peer->syn && conn->one_sided && seg->seq == own->isn)
		return FOS_TCP_DO_CTL;
	if (!peer->syn || seg->ack != peer->isn + 1)
		return own->syn ? FOS_TCP_DO_CHALLENGE : FOS_TCP_DO_INVALID;
	if (!own->syn)
		return FOS_TCP_DO_SYN;
	return seg->seq == own->isn ? FOS_TCP_DO_CTL : FOS_TCP_DO_CHALLENGE;
}

static enum fos_tcp_action judge_rst(const struct fos_tcp_conn *conn,
				     const struct fos_tcp_side *own,
				     const struct fos_tcp_side *peer,
				     const struct fos_tcp_segment *seg)
{
	int32_t ahead = (int32_t)(seg->seq - own->nxt);

	if (!own->syn && !peer->syn)
		return FOS_TCP_DO_MIDSTREAM;
	if (seg->md5)
		return FOS_TCP_DO_INVALID;
	if (!own->syn && conn->midstream)
		return FOS_TCP_DO_RAW;
	if (!own->syn)
		/* a refusal: valid by what it acknowledges */
		return seg->flags & FOS_TCP_ACK && seg->ack == peer->isn + 1 && !conn->reset ?
			       FOS_TCP_DO_RESET :
			       FOS_TCP_DO_INVALID;
	/* exact: the next number, or the one that its peer (or a challenge) has named last */
	if (ahead == 0 || (ahead < 0 && own->una_known && seg->seq == own->una))
		return conn->reset || conn->finished ? FOS_TCP_DO_CTL : FOS_TCP_DO_RESET;
	/* its SYN met a connection that the other end still knows: this ends that one */
	if (!peer->syn && !conn->one_sided && !conn->reset)
		return FOS_TCP_DO_RAW;
	if (conn->reset)
		return FOS_TCP_DO_CLOSED;
	/* for the receiver the window begins at what it has acknowledged */
	if (ahead < 0 && own->una_known && (int32_t)(seg->seq - own->una) > 0)
		return FOS_TCP_DO_CHALLENGE;
	return ahead > 0 && ahead < window(peer) ? FOS_TCP_DO_CHALLENGE : FOS_TCP_DO_INVALID;
}

/* Is the acknowledgement one that the other end could have earned? */
static bool ack_plausible(const struct fos_tcp_conn *conn, const struct fos_tcp_side *own,
			  const struct fos_tcp_side *peer, uint32_t ack)
{
	bool beyond = (int32_t)(ack - peer->max) > 0;

	if (!conn->established || !own->acked)
		return !beyond && (int32_t)(ack - (peer->isn + 1)) >=
					  (conn->midstream ? -window(own) : 0);
	/* a capture may have missed what is acknowledged; more than was offered it cannot be */
	if (beyond && !(conn->one_sided && (int64_t)(int32_t)(ack - own->last_ack) <= window(own)))
		return false;
	return (int32_t)(ack - own->last_ack) >= -window(own);
}

bool fos_tcp_flags_bad(uint8_t f)
{
	return (f & FOS_TCP_SYN && f & (FOS_TCP_FIN | FOS_TCP_RST)) ||
	       !(f & (FOS_TCP_SYN | FOS_TCP_RST | FOS_TCP_ACK));
}

enum fos_tcp_action fos_tcp_judge(const struct fos_tcp_conn *conn, const struct fos_tcp_side *own,
				  const struct fos_tcp_side *peer,
				  const struct fos_tcp_segment *seg)
{
	uint8_t f = seg->flags;

	if (fos_tcp_flags_bad(f))
		return FOS_TCP_DO_INVALID;
	if (f & FOS_TCP_RST)
		return judge_rst(conn, own, peer, seg);
	if (f & FOS_TCP_SYN)
		return f & FOS_TCP_ACK ? judge_syn_ack(conn, own, peer, seg) :
					 judge_syn(conn, own, peer, seg);
	if (!own->syn && !peer->syn)
		return FOS_TCP_DO_MIDSTREAM;
	if (conn->reset)
		return FOS_TCP_DO_CLOSED;
	/* one direction was all there was, and it has ended: what the other says passes */
	if (conn->finished && !own->fin && conn->midstream && !conn->one_sided)
		return FOS_TCP_DO_RAW;
	if (!own->syn && conn->midstream)
		return FOS_TCP_DO_JOIN;
	if (!own->syn && conn->after && seg->ack != peer->isn + 1)
		return FOS_TCP_DO_REFUSE;
	if (!own->syn)
		/* half-open (RFC 9293 section 3.5.1): the SYN's sender answers it with a RST; bytes
		 * would reach it unseen, were they overtaken by a SYN+ACK */
		return conn->one_sided || conn->established || seg->len || f & FOS_TCP_FIN ?
			       FOS_TCP_DO_INVALID :
			       FOS_TCP_DO_RAW;
	if (!peer->syn && !conn->one_sided && !conn->midstream)
		return conn->after ? FOS_TCP_DO_REFUSE : FOS_TCP_DO_ONE_WAY;
	if (peer->syn && !conn->one_way && !ack_plausible(conn, own, peer, seg->ack))
		return FOS_TCP_DO_BAD_ACK;
	return FOS_TCP_DO_DATA;
}
