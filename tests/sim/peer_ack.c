/* tests/sim/peer_ack.c - an endpoint's acknowledgement processing, see peer.h
 *
 * RFC 5681, 6582 (NewReno), 6675 and 8985 in outline (SACK), 3522 and Linux's reading of it (a
 * retransmission was spurious when what is acknowledged echoes a time before it), 2883 and 3708
 * (D-SACK), 5682 (F-RTO).
 */
#include <string.h>

#include "tests/sim/peer.h"

struct round { /* what one acknowledgement said */
	uint64_t off;
	bool advanced, sacked, dsack, window;
	uint64_t rtt; /* 0 = not measured */
};

static uint64_t offset_of(const struct peer *p, uint32_t seq)
{
	return p->una + (uint64_t)(int64_t)(int32_t)(seq - (p->c.isn + 1 + (uint32_t)p->una));
}

static void insert_seg(struct peer *p, uint32_t at, const struct peer_seg *s)
{
	memmove(&p->segs[at + 1], &p->segs[at], (p->nr_segs - at) * sizeof(*s));
	p->segs[at] = *s;
	p->nr_segs++;
}

/* Makes `at` a border between segments, if it lies inside one. */
static void split_at(struct peer *p, uint64_t at)
{
	for (uint32_t i = 0; i < p->nr_segs && p->nr_segs < p->cap_segs; i++) {
		struct peer_seg *s = &p->segs[i], tail;

		if (at <= s->off || at >= s->off + s->n)
			continue;
		tail = *s;
		tail.off = at;
		tail.n = (uint32_t)(s->off + s->n - at);
		s->n = (uint32_t)(at - s->off);
		insert_seg(p, i + 1, &tail);
		return;
	}
}

static void mark_sacked(struct peer *p, uint64_t lo, uint64_t hi, struct round *r)
{
	split_at(p, lo);
	split_at(p, hi);
	for (uint32_t i = 0; i < p->nr_segs; i++) {
		struct peer_seg *s = &p->segs[i];

		if (s->off < lo || s->off + s->n > hi || s->sacked)
			continue;
		if (!s->ever && s->off + s->n <= p->high)
			p->orig_acked = true;
		s->sacked = true;
		s->lost = s->retx = false;
		r->sacked = true;
		p->progress_ns = p->now;
	}
}

/* The first block is a D-SACK if it lies below the acknowledgement or inside the second. */
static bool is_dsack(const struct peer *p, const struct wire *w, const struct round *r)
{
	uint64_t lo = offset_of(p, w->sack[0][0]), hi = offset_of(p, w->sack[0][1]);

	if ((int64_t)lo < (int64_t)r->off)
		return true;
	return w->nr_sack > 1 && lo >= offset_of(p, w->sack[1][0]) &&
	       hi <= offset_of(p, w->sack[1][1]);
}

static void take_sack(struct peer *p, const struct wire *w, struct round *r)
{
	for (uint32_t i = 0; i < w->nr_sack; i++) {
		uint64_t lo = offset_of(p, w->sack[i][0]), hi = offset_of(p, w->sack[i][1]);

		if (!p->sack_on) {
			peer_fault(p, "SACK blocks without SACK permitted", lo, hi);
			return;
		}
		if ((int64_t)hi > (int64_t)p->max_sent) {
			peer_fault(p, "SACK of what was never sent", hi, p->max_sent);
			return;
		}
		if (i == 0 && is_dsack(p, w, r)) {
			r->dsack = true;
			if (p->undo_retrans)
				p->undo_retrans--;
			continue;
		}
		if (r->off < p->una || (int64_t)lo < (int64_t)r->off)
			continue; /* an old one, overtaken */
		if (lo == r->off)
			peer_fault(p, "a SACK block abuts the acknowledgement (reneging)", lo, hi);
		mark_sacked(p, lo, hi, r);
	}
}

static void measure(struct peer *p, uint64_t rtt)
{
	uint64_t d;

	if (!p->srtt) {
		p->srtt = rtt;
		p->rttvar = rtt / 2;
		return;
	}
	d = rtt > p->srtt ? rtt - p->srtt : p->srtt - rtt;
	p->rttvar = (3 * p->rttvar + d) / 4;
	p->srtt = (7 * p->srtt + rtt) / 8;
}

/* Takes off what is acknowledged. */
static void advance(struct peer *p, const struct wire *w, struct round *r)
{
	uint32_t n = 0;

	split_at(p, r->off);
	while (n < p->nr_segs && p->segs[n].off + p->segs[n].n <= r->off) {
		const struct peer_seg *s = &p->segs[n++];

		if (!s->ever && !s->sacked && s->off + s->n <= p->high)
			p->orig_acked = true;
		if (!s->ever)
			r->rtt = p->now - s->sent_ns;
	}
	if (n) {
		p->nr_segs -= n;
		memmove(p->segs, p->segs + n, p->nr_segs * sizeof(*p->segs));
	}
	if (p->ts_on && w->tsecr && (int32_t)(peer_ts_now(p) - w->tsecr) >= 0)
		r->rtt = (uint64_t)(peer_ts_now(p) - w->tsecr) * 1000000u + 500000u;
	if (r->rtt)
		measure(p, r->rtt);
	if (p->cwnd < p->ssthresh)
		p->cwnd += (uint32_t)(r->off - p->una);
	else
		p->cwnd += p->c.segment * p->c.segment / p->cwnd + 1;
	p->una = r->off;
	if (p->nxt < p->una)
		p->nxt = p->una;
	p->progress_ns = p->now;
	p->backoff = 0;
	p->rto_at = 0;
	p->tlp_out = false;
}

/* RFC 6675's IsLost(), the bytes counted as segments. */
static void find_lost(struct peer *p)
{
	uint64_t above = 0;
	uint32_t count = 0;

	for (uint32_t i = p->nr_segs; i-- > 0;) {
		struct peer_seg *s = &p->segs[i];

		if (s->sacked) {
			above += s->n;
			count++;
		} else if (!s->lost && (count >= 3 || above > 3u * p->c.segment) && !s->retx) {
			s->lost = true;
		}
	}
}

static bool any_lost(const struct peer *p)
{
	for (uint32_t i = 0; i < p->nr_segs; i++)
		if (p->segs[i].lost)
			return true;
	return false;
}

void peer_undo(struct peer *p)
{
	p->undone++;
	p->cwnd = p->prior_cwnd > p->cwnd ? p->prior_cwnd : p->cwnd;
	p->ssthresh = p->prior_ssthresh;
	for (uint32_t i = 0; i < p->nr_segs; i++)
		p->segs[i].lost = p->segs[i].retx = false;
	p->ca = PEER_CA_OPEN;
	p->frto = false;
	p->dupacks = 0;
	p->retrans_stamp = 0;
}

static void enter_recovery(struct peer *p)
{
	p->fast_retransmits++;
	p->ca = PEER_CA_RECOVERY;
	p->high = p->max_sent;
	p->prior_cwnd = p->cwnd;
	p->prior_ssthresh = p->ssthresh;
	p->ssthresh = p->cwnd / 2 > 2u * p->c.segment ? p->cwnd / 2 : 2u * p->c.segment;
	p->cwnd = p->ssthresh;
	p->retrans_stamp = 0;
	p->undo_retrans = 0;
	p->orig_acked = false;
	if (!p->sack_on && p->nr_segs)
		p->segs[0].lost = true;
}

/* Is what was resent now known to have been resent for nothing? */
static bool spurious(const struct peer *p, const struct wire *w, const struct round *r)
{
	if (!p->c.undo)
		return false;
	if (p->ts_on && w->tsecr && p->retrans_stamp && r->advanced &&
	    (int32_t)(w->tsecr - p->retrans_stamp) < 0)
		return true;
	return r->dsack && p->retrans_stamp && p->undo_retrans == 0;
}

static void in_loss(struct peer *p, const struct wire *w, const struct round *r)
{
	if (spurious(p, w, r) || (p->frto && p->orig_acked && p->sack_on && p->c.undo)) {
		peer_undo(p);
		return;
	}
	if (r->off >= p->high) {
		p->ca = PEER_CA_OPEN;
		p->dupacks = 0;
		return;
	}
	if (p->frto && p->frto_new && (r->sacked || !r->advanced)) {
		p->frto = false; /* a duplicate: what was sent is lost indeed */
	} else if (p->frto && r->advanced) {
		p->frto_new = true; /* new data first, to see whether the old arrives by itself */
		p->high = p->max_sent;
		return;
	}
	if (!p->sack_on && r->advanced && p->nr_segs)
		p->segs[0].lost = true;
}

static void in_recovery(struct peer *p, const struct wire *w, const struct round *r)
{
	if (spurious(p, w, r)) {
		peer_undo(p);
		return;
	}
	if (r->off >= p->high) {
		p->ca = PEER_CA_OPEN;
		p->cwnd = p->ssthresh;
		p->dupacks = 0;
	} else if (p->sack_on) {
		find_lost(p);
	} else if (r->advanced && p->nr_segs) {
		p->segs[0].lost = true; /* a partial acknowledgement */
	}
}

static void congestion(struct peer *p, const struct wire *w, const struct round *r)
{
	bool duplicate = !r->advanced && !r->window && !w->len && p->nr_segs &&
			 !(w->flags & (WIRE_SYN | WIRE_FIN));

	if (p->c.simple)
		return;
	if (r->advanced && p->ca == PEER_CA_OPEN)
		p->dupacks = 0;
	if (duplicate)
		p->dupacks++;
	if (p->ca == PEER_CA_LOSS) {
		if (r->advanced || r->sacked || duplicate)
			in_loss(p, w, r);
	} else if (p->ca == PEER_CA_RECOVERY) {
		in_recovery(p, w, r);
	} else {
		if (p->sack_on)
			find_lost(p);
		if (any_lost(p) || (!p->sack_on && p->dupacks >= 3 && duplicate))
			enter_recovery(p);
	}
}

static void take_window(struct peer *p, const struct wire *w, struct round *r)
{
	uint64_t wnd = (w->flags & WIRE_SYN) || !p->scale_on ? w->wnd
							    : (uint64_t)w->wnd << p->peer_scale;
	uint64_t seq = (uint64_t)((int64_t)p->rcv_nxt +
				  (int32_t)(w->seq - (p->peer_isn + 1 + (uint32_t)p->rcv_nxt)));

	if (r->off < p->wl2 || ((int64_t)seq < (int64_t)p->wl1 && r->off == p->wl2))
		return;
	r->window = r->off == p->wl2 && r->off + wnd != p->edge;
	if (r->off + wnd != p->edge && r->off + wnd > p->una)
		p->progress_ns = p->now;
	p->wl1 = seq;
	p->wl2 = r->off;
	p->edge = r->off + wnd;
	if (wnd > p->max_wnd)
		p->max_wnd = (uint32_t)wnd;
}

void peer_take_ack(struct peer *p, const struct wire *w)
{
	struct round r = {.off = offset_of(p, w->ack)};

	if ((int64_t)r.off > (int64_t)p->max_sent) {
		peer_fault(p, "acknowledges what was never sent", r.off, p->max_sent);
		return;
	}
	/* a hostile end's echo passes, as it does through Linux: it makes no sample */
	if (p->ts_on && w->has_ts && !p->c.facing_rogue &&
	    (int32_t)(w->tsecr - peer_ts_now(p)) > 0)
		peer_fault(p, "echoes a time that has not come", w->tsecr, peer_ts_now(p));
	p->orig_acked = false;
	p->keep_sent = 0;
	if ((int64_t)r.off < (int64_t)p->una) {
		take_sack(p, w, &r);
		return; /* old */
	}
	take_window(p, w, &r);
	r.advanced = r.off > p->una;
	take_sack(p, w, &r);
	if (r.advanced)
		advance(p, w, &r);
	congestion(p, w, &r);
	if (r.advanced || r.window)
		p->tlp_at = 0;
}
