/* tests/sim/peer.c - a model TCP endpoint: its life, see peer.h */
#include "tests/sim/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVES_MAX 12u

void peer_fault(struct peer *p, const char *what, uint64_t got, uint64_t want)
{
	if (!p->error[0] && !p->c.rogue)
		snprintf(p->error, sizeof(p->error), "%s: %s (%lld, %lld)", p->c.name, what,
			 (long long)got, (long long)want);
}

void peer_init(struct peer *p, const struct peer_config *c, peer_emit *emit, void *arg)
{
	memset(p, 0, sizeof(*p));
	p->c = *c;
	p->seed = c->seed;
	p->emit = emit;
	p->emit_arg = arg;
	p->rcv = calloc(1, c->rcv_max + 1u);
	p->rcv_map = calloc(1, c->rcv_max + 1u);
	if (!p->rcv || !p->rcv_map)
		abort();
	p->fin_at = p->next_at = PEER_NEVER;
	p->cwnd = 10u * c->segment;
	p->ssthresh = 1u << 30;
	p->peer_mss = 536;
	p->ip_id = (uint16_t)c->isn;
}

void peer_fini(struct peer *p)
{
	free(p->rcv);
	free(p->rcv_map);
	free(p->segs);
	p->rcv = p->rcv_map = NULL;
	p->segs = NULL;
}

static void send_syn(struct peer *p)
{
	bool answer = p->state == PEER_SYN_RCVD;

	peer_segment(p, answer ? WIRE_SYN | WIRE_ACK : WIRE_SYN, 0, NULL, 0);
	p->rto_at = p->now + peer_rto(p);
}

void peer_open(struct peer *p, uint64_t now)
{
	p->now = p->progress_ns = now;
	p->state = p->c.active ? PEER_SYN_SENT : PEER_LISTEN;
	if (p->c.active)
		send_syn(p);
	peer_arm(p);
}

/* What the other end's SYN says. */
static void learn_syn(struct peer *p, const struct wire *w)
{
	p->peer_isn = w->seq;
	if (w->mss)
		p->peer_mss = w->mss;
	p->scale_on = p->c.scale != 0xff && w->scale != 0xff;
	p->peer_scale = p->scale_on ? w->scale : 0;
	p->sack_on = p->c.sack && w->sack_ok;
	p->ts_on = p->c.timestamps && w->has_ts;
	if (w->has_ts)
		p->ts_recent = w->tsval;
	p->edge = w->wnd;
	p->max_wnd = w->wnd;
	p->progress_ns = p->now;
}

static void establish(struct peer *p)
{
	p->state = PEER_OPEN;
	p->rto_at = 0;
	p->backoff = 0;
	p->progress_ns = p->now;
}

static void input_syn_sent(struct peer *p, const struct wire *w)
{
	if (!(w->flags & WIRE_SYN))
		return;
	if (w->flags & WIRE_ACK && w->ack != p->c.isn + 1) {
		peer_fault(p, "a SYN+ACK acknowledges", w->ack, p->c.isn + 1);
		return;
	}
	learn_syn(p, w);
	if (w->flags & WIRE_ACK) {
		establish(p);
		/* an ACK that waits for data comes with the first segment, or by itself */
		if (p->c.ack_with_data && p->c.len && !p->c.talk_after && p->edge)
			p->ack_at = p->now + 40000000u;
		else
			peer_ack_now(p);
	} else {
		p->state = PEER_SYN_RCVD;
		send_syn(p);
	}
}

/* False: that was all the packet was good for. */
static bool input_handshake(struct peer *p, const struct wire *w)
{
	if (p->state == PEER_LISTEN) {
		if ((w->flags & (WIRE_SYN | WIRE_ACK)) == WIRE_SYN) {
			learn_syn(p, w);
			p->state = PEER_SYN_RCVD;
			send_syn(p);
		}
		return false;
	}
	if (p->state == PEER_SYN_SENT) {
		input_syn_sent(p, w);
		return false;
	}
	/* SYN_RCVD */
	if (w->flags & WIRE_SYN && w->seq != p->peer_isn)
		return false; /* not ours to judge: an old one */
	if (!(w->flags & WIRE_ACK)) {
		send_syn(p);
		return false;
	}
	if (w->ack != p->c.isn + 1)
		return false;
	establish(p);
	if (w->flags & WIRE_SYN) { /* both had sent one */
		learn_syn(p, w);
		peer_ack_now(p);
		return false;
	}
	return true;
}

/* RFC 7323 section 5; false = not acceptable. */
static bool input_time(struct peer *p, const struct wire *w)
{
	int64_t off = (int64_t)p->rcv_nxt + (int32_t)(w->seq - (p->peer_isn + 1 + (uint32_t)p->rcv_nxt));

	if (!p->ts_on) {
		if (w->has_ts)
			peer_fault(p, "a timestamp that was not negotiated", w->tsval, 0);
		return true;
	}
	if (!w->has_ts && p->c.facing_rogue)
		return true; /* as Linux does, case e07: the box sends it on */
	if (!w->has_ts) {
		peer_fault(p, "no timestamp", w->seq, 0);
		return false;
	}
	if ((int32_t)(p->ts_recent - w->tsval) > 0) {
		if (p->c.fifo && wire_span(w))
			peer_fault(p, "PAWS: a time in the past", w->tsval, p->ts_recent);
		return wire_span(w) == 0;
	}
	if (off <= (int64_t)p->last_ack)
		p->ts_recent = w->tsval;
	return true;
}

static void input_reset(struct peer *p, const struct wire *w)
{
	uint32_t want = p->peer_isn + 1 + (uint32_t)p->rcv_nxt + p->fin_taken;
	bool good = p->state == PEER_SYN_SENT ? w->flags & WIRE_ACK && w->ack == p->c.isn + 1
					      : w->seq == want;

	if (p->state == PEER_LISTEN || p->state == PEER_CLOSED || peer_is_dead(p))
		return;
	if (good)
		p->state = PEER_DEAD;
	else if (p->state == PEER_OPEN && w->seq - want < (uint32_t)(p->rcv_edge - p->rcv_nxt))
		peer_ack_now(p); /* RFC 5961: a challenge */
}

static void input_open(struct peer *p, const struct wire *w)
{
	int64_t off = (int64_t)p->rcv_nxt + (int32_t)(w->seq - (p->peer_isn + 1 + (uint32_t)p->rcv_nxt));

	if (w->flags & WIRE_SYN) {
		/* the handshake's last acknowledgement was lost, or an old packet */
		peer_ack_now(p);
		return;
	}
	if (!input_time(p, w)) {
		peer_ack_now(p);
		return;
	}
	if (!(w->flags & WIRE_ACK)) {
		peer_fault(p, "no ACK flag", w->flags, 0);
		return;
	}
	/* Over: the box may have forgotten a connection that was never edited.  What a hostile end still
	 * sends then passes as it is, and nobody would read it. */
	if (p->c.facing_rogue && peer_done(p)) {
		peer_ack_now(p);
		return;
	}
	if (off > (int64_t)p->rcv_edge + 1 && p->c.exposed) {
		peer_ack_now(p);
		return;
	}
	if (off > (int64_t)p->rcv_edge + 1)
		peer_fault(p, "sequence number beyond the window", (uint64_t)off, p->rcv_edge);
	peer_take_ack(p, w);
	peer_take_data(p, w);
}

void peer_input(struct peer *p, const uint8_t *packet, uint32_t len, uint64_t now)
{
	struct wire w;

	p->now = now;
	if (!wire_parse(&w, packet, len, false) || w.wrong || w.dport != p->c.port ||
	    w.sport != p->c.remote_port || p->state == PEER_CLOSED)
		return;
	if (w.flags & WIRE_RST) {
		input_reset(p, &w);
	} else if (peer_is_dead(p)) {
		/* nobody is here any more */
		if (w.flags & WIRE_ACK)
			peer_raw(p, WIRE_RST, w.ack, 0, 0, NULL, 0, NULL, 0);
	} else {
		if (p->state == PEER_OPEN || input_handshake(p, &w))
			input_open(p, &w);
		peer_push(p);
	}
	if (peer_is_dead(p))
		p->rto_at = p->tlp_at = p->ack_at = p->read_at = p->resume_at = p->keep_at = 0;
	peer_arm(p);
}

static bool due(const struct peer *p, uint64_t at)
{
	return at && at <= p->now;
}

static void keep_alive(struct peer *p)
{
	const uint8_t *byte = p->c.keepalive_byte && p->nxt && p->nxt <= p->c.len
				      ? p->c.data + p->nxt - 1
				      : NULL;

	p->keep_at = p->now + p->c.keepalive_ns;
	if (p->nr_segs || peer_done(p))
		return;
	if (++p->keep_sent > KEEPALIVES_MAX) {
		if (p->c.may_time_out)
			p->state = PEER_DEAD;
		else
			peer_fault(p, "keep-alives are not answered", p->keep_sent, 0);
		return;
	}
	p->keepalives++;
	peer_segment(p, WIRE_ACK, (int64_t)p->nxt - 1, byte, byte ? 1 : 0);
}

void peer_timer(struct peer *p, uint64_t now)
{
	if (p->next_at > now)
		return;
	p->now = now;
	if (due(p, p->resume_at)) {
		p->resume_at = 0;
		p->c.pause_ns = 0;
	}
	if (due(p, p->read_at))
		peer_read(p);
	if (due(p, p->ack_at))
		peer_ack_now(p);
	if (due(p, p->tlp_at)) {
		p->tlp_at = 0;
		p->tlp_out = true;
		if (p->nr_segs && !p->segs[p->nr_segs - 1].sacked && p->ca == PEER_CA_OPEN)
			peer_resend(p, p->nr_segs - 1);
	}
	if (due(p, p->keep_at))
		keep_alive(p);
	if (due(p, p->rto_at) && !peer_is_dead(p)) {
		if (p->state == PEER_OPEN) {
			peer_timeout(p);
		} else {
			p->backoff++;
			send_syn(p);
		}
	}
	peer_push(p);
	if (peer_is_dead(p))
		p->rto_at = p->tlp_at = p->ack_at = p->read_at = p->resume_at = p->keep_at = 0;
	peer_arm(p);
}

bool peer_done(const struct peer *p)
{
	return peer_is_dead(p) ||
	       (p->state == PEER_OPEN && p->una == p->c.len + 1u && p->fin_taken);
}

void peer_report(const struct peer *p)
{
	fprintf(stderr, "# %s: state %u una %llu nxt %llu of %u edge %llu cwnd %u ca %u segs %u | "
		"received %llu of %u edge %llu ooo %u fin %d | ts %d sack %d scale %d "
		"timeouts %u fast %u undone %u probes %u\n",
		p->c.name, p->state, (unsigned long long)p->una, (unsigned long long)p->nxt,
		p->c.len, (unsigned long long)p->edge, p->cwnd, p->ca, p->nr_segs,
		(unsigned long long)p->rcv_nxt, p->c.rcv_max, (unsigned long long)p->rcv_edge,
		p->nr_ooo, p->fin_taken, p->ts_on, p->sack_on, p->scale_on ? p->c.scale : -1,
		p->timeouts, p->fast_retransmits, p->undone, p->probes);
	for (uint32_t i = 0; i < p->nr_segs && i < 8; i++)
		fprintf(stderr, "#   sent %llu+%u%s%s%s\n", (unsigned long long)p->segs[i].off,
			p->segs[i].n, p->segs[i].sacked ? " sacked" : "",
			p->segs[i].lost ? " lost" : "", p->segs[i].retx ? " resent" : "");
}
