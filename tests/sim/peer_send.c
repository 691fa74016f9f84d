/* tests/sim/peer_send.c - an endpoint's sending half: windows, retransmission, timers; see peer.h */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/peer.h"
#include "tests/world.h"

#define RTO_MIN 200000000ull
#define RTO_FIRST 1000000000ull
#define BACKOFF_MAX 5u
#define GIVE_UP 9u

uint64_t peer_rto(const struct peer *p)
{
	uint64_t rto = p->srtt ? p->srtt + 4 * p->rttvar : RTO_FIRST;

	if (rto < RTO_MIN)
		rto = RTO_MIN;
	rto <<= p->backoff < BACKOFF_MAX ? p->backoff : BACKOFF_MAX;
	return rto < 20 * RTO_FIRST ? rto : 20 * RTO_FIRST;
}

static uint32_t largest(const struct peer *p)
{
	uint32_t m = p->c.segment < p->peer_mss ? p->c.segment : p->peer_mss;

	return p->ts_on && m > 12 ? m - 12 : m;
}

static uint32_t cut(struct peer *p)
{
	uint32_t m = largest(p);

	switch (p->c.cut) {
	case PEER_CUT_RANDOM:
		return 1 + (uint32_t)world_below(&p->seed, m);
	case PEER_CUT_TINY:
		return p->nxt < 1000 ? 1 + (uint32_t)world_below(&p->seed, 8) : m;
	case PEER_CUT_MIXED:
		return world_below(&p->seed, 3) ? m : 1 + (uint32_t)world_below(&p->seed, 100);
	default:
		return m;
	}
}

static void add_seg(struct peer *p, uint64_t off, uint32_t n)
{
	if (p->nr_segs == p->cap_segs) {
		p->cap_segs = p->cap_segs ? 2 * p->cap_segs : 64;
		p->segs = realloc(p->segs, p->cap_segs * sizeof(*p->segs));
		if (!p->segs)
			abort();
	}
	p->segs[p->nr_segs++] = (struct peer_seg){.off = off, .n = n, .sent_ns = p->now,
						  .ever = off < p->max_sent};
}

/* [off, off + n) of the sequence space: bytes, and the FIN after the last. */
static void send_range(struct peer *p, uint64_t off, uint32_t n)
{
	uint32_t bytes = off < p->c.len ? (uint32_t)(p->c.len - off < n ? p->c.len - off : n) : 0;
	bool fin = off + n > p->c.len;

	peer_segment(p, (uint8_t)(WIRE_ACK | (bytes ? WIRE_PSH : 0) | (fin ? WIRE_FIN : 0)),
		     (int64_t)off, bytes ? p->c.data + off : NULL, bytes);
	p->keep_at = 0;
}

void peer_resend(struct peer *p, uint32_t i)
{
	struct peer_seg *s = &p->segs[i];
	uint32_t m = largest(p);

	if (p->c.recut && p->nr_segs < p->cap_segs && s->n > 1 && world_below(&p->seed, 4) == 0) {
		/* in two parts, from now on */
		struct peer_seg tail = *s;
		uint32_t n = 1 + (uint32_t)world_below(&p->seed, s->n - 1);

		tail.off += n;
		tail.n -= n;
		s->n = n;
		memmove(s + 2, s + 1, (p->nr_segs - i - 1) * sizeof(*s));
		s[1] = tail;
		p->nr_segs++;
	} else if (p->c.recut && i + 1 < p->nr_segs && s[1].lost && !s[1].sacked &&
		   s->n + s[1].n <= m && world_below(&p->seed, 2)) {
		s->n += s[1].n;
		memmove(s + 1, s + 2, (p->nr_segs - i - 2) * sizeof(*s));
		p->nr_segs--;
	}
	send_range(p, s->off, s->n);
	s->retx = s->ever = true;
	s->sent_ns = p->now;
	p->undo_retrans++;
	if (!p->retrans_stamp && p->ts_on)
		p->retrans_stamp = peer_ts_now(p) ? peer_ts_now(p) : 1;
}

static uint32_t in_flight(const struct peer *p)
{
	uint32_t n = 0;
	uint32_t dups = p->sack_on ? 0 : p->dupacks * p->c.segment;

	for (uint32_t i = 0; i < p->nr_segs; i++)
		if (!p->segs[i].sacked && (!p->segs[i].lost || p->segs[i].retx))
			n += p->segs[i].n;
	return n > dups ? n - dups : 0;
}

static uint64_t last_of(struct peer *p)
{
	uint64_t end = p->c.len;

	if (p->rcv_nxt < p->c.talk_after && !p->fin_taken)
		return 0;
	if (p->c.pause_ns && p->c.pause_at < end && p->max_sent <= p->c.pause_at) {
		end = p->c.pause_at;
		if (p->una >= end && !p->resume_at)
			p->resume_at = p->now + p->c.pause_ns;
		return end;
	}
	return end + (!p->c.close_after || p->fin_taken ? 1 : 0); /* the FIN */
}

static void resend_lost(struct peer *p)
{
	uint32_t flight = in_flight(p);

	if (p->frto && p->frto_new)
		return;
	for (uint32_t i = 0; i < p->nr_segs; i++) {
		struct peer_seg *s = &p->segs[i];

		if (!s->lost || s->retx || s->sacked)
			continue;
		if (flight && flight + s->n > p->cwnd)
			break;
		peer_resend(p, i);
		flight += p->segs[i].n;
		if (p->frto)
			break; /* the first only, until something is known */
	}
}

/* How much of new sequence space may go in one segment now; 0 = none. */
static uint32_t next_new(struct peer *p, uint32_t flight)
{
	uint64_t end = last_of(p), limit = p->edge;
	uint32_t n;

	if (p->nxt >= end)
		return 0;
	n = cut(p);
	if (n > p->c.len - p->nxt)
		n = (uint32_t)(p->c.len - p->nxt) + (end > p->c.len ? 1 : 0);
	else if (p->nxt + n == p->c.len && end > p->c.len && world_below(&p->seed, 2))
		n++;
	if (p->nxt + n > end)
		n = (uint32_t)(end - p->nxt);
	if (p->nxt + n > limit && !(p->nxt == p->c.len && n == 1)) { /* a FIN needs no window */
		uint32_t part = limit > p->nxt ? (uint32_t)(limit - p->nxt) : 0;

		/* no silly segments, but by those who know no better */
		if (!p->c.simple && p->nr_segs && part < p->max_wnd / 2)
			return 0;
		n = part;
	}
	if (!p->c.simple && flight && flight + n > p->cwnd)
		return 0;
	return n;
}

static void send_new(struct peer *p)
{
	uint32_t flight = in_flight(p), n;

	while ((n = next_new(p, flight)) > 0) {
		if (p->nxt >= p->c.abort_at) {
			peer_segment(p, WIRE_RST | WIRE_ACK, (int64_t)p->nxt, NULL, 0);
			p->state = PEER_ABORTED;
			return;
		}
		send_range(p, p->nxt, n);
		add_seg(p, p->nxt, n);
		flight += n;
		p->nxt += n;
		if (p->nxt > p->max_sent)
			p->max_sent = p->nxt;
		if (p->c.tlp && p->ca == PEER_CA_OPEN && p->srtt && !p->tlp_out)
			p->tlp_at = p->now + 2 * p->srtt + (p->nr_segs == 1 ? 50000000u : 2000000u);
	}
}

void peer_arm(struct peer *p)
{
	uint64_t at[] = {p->rto_at, p->tlp_at, p->ack_at, p->read_at, p->resume_at, p->keep_at};

	p->next_at = PEER_NEVER;
	for (uint32_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] && at[i] < p->next_at)
			p->next_at = at[i];
}

void peer_push(struct peer *p)
{
	if (p->state != PEER_OPEN)
		return;
	resend_lost(p);
	send_new(p);
	if (p->state != PEER_OPEN) {
		p->rto_at = p->tlp_at = p->ack_at = p->read_at = p->resume_at = p->keep_at = 0;
		return;
	}
	/* a closed window is probed by the same timer */
	if (!p->rto_at && (p->nr_segs || p->nxt < last_of(p)))
		p->rto_at = p->now + peer_rto(p);
	if (p->c.keepalive_ns && !p->keep_at && !p->nr_segs)
		p->keep_at = p->now + p->c.keepalive_ns;
}

static void probe_window(struct peer *p)
{
	p->probes++;
	if (p->c.byte_probe && p->nxt < p->c.len) {
		peer_segment(p, WIRE_ACK, (int64_t)p->nxt, p->c.data + p->nxt, 1);
		if (p->max_sent < p->nxt + 1) /* it may be taken after all */
			p->max_sent = p->nxt + 1;
	} else {
		peer_segment(p, WIRE_ACK, (int64_t)p->una - 1, NULL, 0);
	}
}

/* Nothing is known any more about what was sent: not even what SACK said, when it said that of the
 * first segment (reneging, RFC 2018 section 8). */
static void all_lost(struct peer *p)
{
	bool reneged = p->segs[0].sacked;

	for (uint32_t i = 0; i < p->nr_segs; i++) {
		if (reneged)
			p->segs[i].sacked = false;
		p->segs[i].lost = !p->segs[i].sacked;
		p->segs[i].retx = false;
	}
}

void peer_timeout(struct peer *p)
{
	p->backoff++;
	if (p->c.may_time_out && p->backoff > GIVE_UP) {
		p->state = PEER_DEAD;
		return;
	}
	p->rto_at = p->now + peer_rto(p);
	p->tlp_at = 0;
	if (!p->nr_segs) {
		if (p->nxt < last_of(p))
			probe_window(p);
		else
			p->rto_at = 0;
		return;
	}
	p->timeouts++;
	if (p->ca == PEER_CA_OPEN || p->ca == PEER_CA_RECOVERY) {
		if (p->ca == PEER_CA_OPEN) {
			p->prior_cwnd = p->cwnd;
			p->prior_ssthresh = p->ssthresh;
		}
		p->retrans_stamp = 0;
		p->undo_retrans = 0;
	}
	p->frto = p->c.undo && (p->ca == PEER_CA_OPEN || p->una >= p->high);
	p->frto_new = false;
	p->ca = PEER_CA_LOSS;
	p->high = p->max_sent;
	p->ssthresh = p->cwnd / 2 > 2u * p->c.segment ? p->cwnd / 2 : 2u * p->c.segment;
	p->cwnd = p->c.segment;
	p->dupacks = 0;
	if (p->c.go_back) {
		/* where it is acknowledged in its middle, the rest: not more than there was */
		uint32_t n = (uint32_t)(p->segs[0].off + p->segs[0].n - p->una);

		/* all over again; at least one goes whatever the window says */
		p->nr_segs = 0;
		p->nxt = p->una;
		send_range(p, p->nxt, n);
		add_seg(p, p->nxt, n);
		p->segs[0].ever = true;
		p->nxt += n;
		p->ca = PEER_CA_OPEN;
		return;
	}
	all_lost(p);
	for (uint32_t i = 0; i < p->nr_segs; i++)
		if (p->segs[i].lost) {
			peer_resend(p, i);
			break;
		}
}
