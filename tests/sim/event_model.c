/* tests/sim/event_model.c - which events a connection ought to have, see event_model.h */
#include "tests/sim/event_model.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_WINDOW 65535u /* of which RST and acknowledgements may be off, whatever was offered */

/* What an end does or meets that changes its state, RFC 9293 section 3.3.2, figure 5. */
enum step {
	SENDS_SYN,
	SENDS_FIN,
	SENDS_CROSSING_FIN, /* the other's FIN has passed, but this one does not acknowledge it */
	GETS_SYN,
	GETS_SYN_ACK,
	GETS_ACK,
	GETS_ACK_OF_FIN,
	GETS_FIN
};

static const struct {
	uint8_t from, step, to;
} figure_5[] = {
	{FOS_CLOSED, SENDS_SYN, FOS_SYN_SENT},
	{FOS_LISTEN, GETS_SYN, FOS_SYN_RECEIVED},
	{FOS_SYN_SENT, GETS_SYN, FOS_SYN_RECEIVED}, /* simultaneous open */
	{FOS_SYN_SENT, GETS_SYN_ACK, FOS_ESTABLISHED},
	{FOS_SYN_RECEIVED, GETS_SYN_ACK, FOS_ESTABLISHED},
	{FOS_SYN_RECEIVED, GETS_ACK, FOS_ESTABLISHED},
	{FOS_SYN_RECEIVED, SENDS_FIN, FOS_FIN_WAIT_1},
	{FOS_ESTABLISHED, SENDS_FIN, FOS_FIN_WAIT_1},
	{FOS_ESTABLISHED, GETS_FIN, FOS_CLOSE_WAIT},
	{FOS_CLOSE_WAIT, SENDS_FIN, FOS_LAST_ACK},
	{FOS_CLOSE_WAIT, SENDS_CROSSING_FIN, FOS_CLOSING},
	{FOS_FIN_WAIT_1, GETS_ACK_OF_FIN, FOS_FIN_WAIT_2},
	{FOS_FIN_WAIT_1, GETS_FIN, FOS_CLOSING},
	{FOS_FIN_WAIT_2, GETS_FIN, FOS_TIME_WAIT},
	{FOS_CLOSING, GETS_ACK_OF_FIN, FOS_TIME_WAIT},
	{FOS_LAST_ACK, GETS_ACK_OF_FIN, FOS_CLOSED},
};

static void move(struct event_end *e, enum step step)
{
	for (uint32_t i = 0; i < sizeof(figure_5) / sizeof(figure_5[0]); i++)
		if (figure_5[i].from == e->state && figure_5[i].step == step) {
			e->state = figure_5[i].to;
			return;
		}
}

/* ------------------------------------------------------------------ what is told */

/* struct hand - the packet in hand, and what has come of it so far */
struct hand {
	struct event_model *m;
	const struct wire *w;
	struct event_end *s, *r; /* sender, receiver */
	uint32_t from;
	int64_t pos;
	uint8_t was[2]; /* by end */
	struct event_line line[FOS_NR_ON * 2];
	uint32_t of[FOS_NR_ON * 2]; /* the direction that each is told on */
	uint32_t nr;
};

void event_list_add(struct event_list *l, const struct event_line *e)
{
	if (l->nr == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->line = realloc(l->line, l->room * sizeof(*l->line));
		if (!l->line)
			abort();
	}
	l->line[l->nr++] = *e;
}

static void tell(struct hand *h, uint32_t of, uint32_t id, int64_t pos, int64_t len)
{
	h->of[h->nr] = of;
	h->line[h->nr++] = (struct event_line){.id = id, .pos = (uint64_t)pos, .len = (uint64_t)len};
}

static void tell_both(struct hand *h, uint32_t id, uint32_t why)
{
	for (uint32_t i = 0; i < 2; i++) {
		tell(h, i, id, id == FOS_ON_END ? h->m->end[i].tail : 0, 0);
		h->line[h->nr - 1].why = why;
	}
}

/* Of one packet in the order of enum fos_on. */
static void publish(struct hand *h)
{
	struct event_model *m = h->m;

	for (uint32_t i = 0; i < 2; i++)
		if (m->end[i].state != h->was[i])
			tell(h, i, FOS_ON_STATE, m->end[i].tail, 0);
	for (uint32_t id = 0; id < FOS_NR_ON; id++) {
		for (uint32_t i = 0; i < h->nr; i++) {
			struct event_line *e = &h->line[i];
			uint32_t k = h->of[i];

			if (e->id != id)
				continue;
			e->state = m->end[k].state;
			e->peer_state = m->end[1 - k].state;
			e->was[0] = h->was[k];
			e->was[1] = h->was[1 - k];
			event_list_add(&m->told[k], e);
		}
	}
}

/* ------------------------------------------------------------------ bytes */

/* Bytes [from, to) are there; how many were not before. */
static uint32_t mark(struct event_end *s, uint32_t from, uint32_t to)
{
	uint32_t news = 0;

	for (uint32_t i = from; i < to; i++) {
		news += !s->came[i];
		s->came[i] = 1;
	}
	if (to > s->far)
		s->far = to;
	return news;
}

static bool ahead_of_hole(const struct event_end *s)
{
	return s->far > s->tail || (s->fin >= 0 && !s->ended);
}

static void ahead(struct hand *h, uint32_t pos, uint32_t end, bool fin)
{
	struct event_end *s = h->s;
	bool hole = ahead_of_hole(s), news = fin && s->fin < 0;

	news |= mark(s, pos, end) > 0;
	if (fin)
		s->fin = end;
	tell(h, h->from, news ? FOS_ON_OUT_OF_ORDER : FOS_ON_RETRANSMISSION, pos, end - pos);
	if (!hole)
		tell(h, h->from, FOS_ON_GAP, s->tail, pos - s->tail);
}

static void in_order(struct hand *h, uint32_t end, bool fin)
{
	struct event_end *s = h->s;
	uint32_t before = s->tail;
	bool hole = ahead_of_hole(s);
	uint32_t until = before;

	while (until < s->far && !s->came[until])
		until++;
	mark(s, before, end);
	while (s->tail < EVENT_MODEL_BYTES && s->came[s->tail])
		s->tail++;
	if (hole && s->tail >= until)
		tell(h, h->from, FOS_ON_GAP_FILLED, before, end - before);
	if (s->tail > before)
		tell(h, h->from, FOS_ON_NEW_DATA, before, s->tail - before);
	if (fin)
		s->fin = end;
	s->ended = s->fin == (int64_t)s->tail;
}

static void bytes(struct hand *h)
{
	struct event_end *s = h->s;
	int64_t end = h->pos + h->w->len, again;
	bool fin = h->w->flags & WIRE_FIN;

	if (h->pos < 0 || end > EVENT_MODEL_BYTES || (s->fin >= 0 && end > s->fin) ||
	    (fin && s->fin >= 0 && end != s->fin)) {
		h->m->unknown = "bytes outside the stream";
		return;
	}
	if (s->ended) {
		tell(h, h->from, FOS_ON_RETRANSMISSION, h->pos, end - h->pos);
		return;
	}
	if (h->pos > s->tail) {
		ahead(h, (uint32_t)h->pos, (uint32_t)end, fin);
		return;
	}
	again = (end < s->tail ? end : (int64_t)s->tail) - h->pos;
	if (again > 0)
		tell(h, h->from, FOS_ON_RETRANSMISSION, h->pos, again);
	if (end > s->tail || fin)
		in_order(h, (uint32_t)end, fin);
	if (s->ended && h->r->ended) {
		h->m->both_ended = true;
		h->m->last_fin = h->from;
	}
}

/* ------------------------------------------------------------------ acknowledgements */

static uint32_t shift(const struct event_end *a, const struct event_end *b)
{
	return a->scales && b->scales ? a->scale : 0;
}

static void acknowledge(struct hand *h)
{
	struct event_end *s = h->s;

	if (!(h->w->flags & WIRE_ACK) || (s->acked && (int32_t)(h->w->ack - s->ack) < 0))
		return;
	if (h->w->wnd == 0 && (!s->acked || s->window) && !(h->w->flags & WIRE_RST))
		tell(h, h->from, FOS_ON_ZERO_WINDOW, h->r->tail, 0);
	s->acked = true;
	s->ack = h->w->ack;
	s->window = h->w->wnd;
}

static void overrun(struct hand *h)
{
	const struct event_end *r = h->r;
	int64_t edge;

	if (!r->acked)
		return;
	edge = (int32_t)(r->ack - (h->s->isn + 1)) + ((int64_t)r->window << shift(r, h->s));
	if (h->pos + h->w->len > edge)
		tell(h, h->from, FOS_ON_WINDOW_OVERRUN, edge, h->pos + h->w->len - edge);
}

/* RFC 7323 section 5.3, R1 and R3; false: an end refuses the segment. */
static bool timely(struct hand *h, bool has_bytes)
{
	struct event_end *s = h->s;

	if (!h->w->has_ts || !s->stamps || !h->r->stamps)
		return true;
	if (has_bytes && (int32_t)(s->stamp - h->w->tsval) > 1)
		return false;
	if (h->pos <= (int64_t)s->tail && (int32_t)(h->w->tsval - s->stamp) > 0)
		s->stamp = h->w->tsval;
	return true;
}

/* RFC 5961 section 5.2: not further back than the window. */
static bool plausible(const struct hand *h)
{
	uint32_t wnd = h->s->window << shift(h->s, h->r);

	return !h->s->acked ||
	       (int32_t)(h->w->ack - h->s->ack) >= -(int64_t)(wnd > LEAST_WINDOW ? wnd : LEAST_WINDOW);
}

/* ------------------------------------------------------------------ packets */

static void syn(struct hand *h)
{
	struct event_end *s = h->s;
	bool answers = h->w->flags & WIRE_ACK;

	if (s->syn && s->isn != h->w->seq) {
		h->m->unknown = "another SYN";
		return;
	}
	if (h->m->established && !answers) {
		tell(h, h->from, FOS_ON_INVALID_SYN, s->tail, 0);
		return;
	}
	if (!s->syn) {
		s->isn = h->w->seq;
		s->scales = h->w->scale != 0xff;
		s->scale = h->w->scale;
		s->stamps = h->w->has_ts;
		s->stamp = h->w->tsval;
	}
	s->syn = true;
	acknowledge(h);
	if (!answers)
		move(s, SENDS_SYN);
	move(h->r, answers ? GETS_SYN_ACK : GETS_SYN);
}

static void rst(struct hand *h)
{
	const struct event_end *s = h->s, *r = h->r;
	uint32_t wnd = r->window << shift(r, s), next = s->isn + 1 + s->tail + s->ended;
	int32_t off = (int32_t)(h->w->seq - next);
	bool acked = !h->m->edited && r->acked && h->w->seq == r->ack;

	if (!s->syn || !r->syn || h->m->both_ended || (off < 0 && !acked)) {
		h->m->unknown = "RST outside the connection, or at what only the box has named";
		return;
	}
	if (off <= 0) {
		acknowledge(h);
		h->s->state = h->r->state = FOS_CLOSED;
		tell_both(h, FOS_ON_END, FOS_END_RST);
		h->m->over = h->m->by_packets = true;
	} else if ((uint32_t)off < (wnd > LEAST_WINDOW ? wnd : LEAST_WINDOW)) {
		tell(h, h->from, FOS_ON_INVALID_RST, s->tail, 0);
	}
}

/* The states of the ends, as the packet leaves its sender and reaches its receiver. */
static void follow(struct hand *h)
{
	struct event_end *s = h->s, *r = h->r;
	bool acks_fin = r->ended && h->w->ack == r->isn + 1 + h->m->out[1 - h->from] + 1;

	if (h->w->flags & WIRE_FIN)
		move(s, s->state == FOS_CLOSE_WAIT && !acks_fin ? SENDS_CROSSING_FIN : SENDS_FIN);
	move(r, GETS_ACK);
	if (acks_fin)
		move(r, GETS_ACK_OF_FIN);
	if (s->ended)
		move(r, GETS_FIN);
	if (acks_fin && h->m->both_ended && h->m->last_fin != h->from) {
		tell_both(h, FOS_ON_END, FOS_END_FIN);
		h->m->over = h->m->by_packets = true;
	}
}

static void segment(struct hand *h)
{
	bool has_bytes = h->w->len > 0 || h->w->flags & WIRE_FIN;

	if (!h->s->syn || !h->r->syn || !(h->w->flags & WIRE_ACK)) {
		h->m->unknown = "a segment before the handshake";
		return;
	}
	/* RFC 9293 section 3.10.7.4: what lies before the window is no end of the handshake */
	if ((!h->m->established && h->pos < 0) || !plausible(h) || !timely(h, has_bytes))
		return;
	if (!h->m->established)
		tell_both(h, FOS_ON_SETUP, 0);
	h->m->established = true;
	acknowledge(h);
	if (has_bytes) {
		overrun(h);
		bytes(h);
	}
	follow(h);
}

void event_model_packet(struct event_model *m, uint32_t from, const struct wire *w)
{
	struct hand h = {.m = m, .w = w, .from = from, .s = &m->end[from], .r = &m->end[1 - from]};

	if (m->over || m->unknown)
		return;
	if (!m->begun && (w->flags & (WIRE_SYN | WIRE_ACK | WIRE_FIN | WIRE_RST)) != WIRE_SYN) {
		m->unknown = "it does not begin by SYN";
		return;
	}
	if (!m->begun) {
		h.r->state = FOS_LISTEN;
		tell_both(&h, FOS_ON_START, 0);
	}
	m->begun = true;
	h.was[0] = m->end[0].state;
	h.was[1] = m->end[1].state;
	h.pos = (int32_t)(w->seq - (h.s->isn + 1));
	tell(&h, from, FOS_ON_PACKET, h.s->tail, w->ip + w->ip_len - w->tcp);
	if (w->flags & WIRE_RST)
		rst(&h);
	else if (w->flags & WIRE_SYN)
		syn(&h);
	else
		segment(&h);
	publish(&h);
}

void event_model_quiet(struct event_model *m)
{
	struct hand h = {.m = m, .was = {m->end[0].state, m->end[1].state}};

	if (!m->begun || m->over || m->unknown)
		return;
	tell_both(&h, FOS_ON_END, m->both_ended ? FOS_END_FIN : FOS_END_TIMEOUT);
	publish(&h);
	m->over = true;
}

void event_model_init(struct event_model *m, const uint32_t out[2], bool edited)
{
	memset(m, 0, sizeof(*m));
	m->edited = edited;
	for (uint32_t i = 0; i < 2; i++) {
		m->end[i].fin = -1;
		m->end[i].state = FOS_CLOSED;
		m->out[i] = out[i];
	}
}

void event_model_fini(struct event_model *m)
{
	free(m->told[0].line);
	free(m->told[1].line);
}
