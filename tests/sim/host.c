/* tests/sim/host.c - a model of a Linux receiver, see host.h */
#include "tests/sim/host.h"

#include <arpa/inet.h>
#include <string.h>

#include "shm/bytes.h"
#include "shm/csum.h"

#define WINDOW 65535u
#define MAX_ACK_BACK 65535u /* what the client may have offered at most: windows are not scaled */

/* a segment in numbers */
struct seg {
	uint32_t seq, ack, len, end; /* end counts SYN and FIN */
	uint8_t flags;
	uint16_t urg;
	const uint8_t *data;
	bool has_ts, bad_auth;
	uint32_t tsval;
};

static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* ------------------------------------------------------------------ sending */

static uint32_t window(const struct host *h)
{
	return h->unread < WINDOW ? WINDOW - h->unread : 0;
}

static void send_frame(struct host *h, uint8_t *f, uint8_t *t, uint32_t len)
{
	uint8_t *p = f + 14;

	fos_put16(f + 12, h->v6 ? 0x86dd : 0x0800);
	if (h->v6) {
		p[0] = 0x60;
		fos_put16(p + 4, len);
		p[6] = 6;
		p[7] = 64;
		inet_pton(AF_INET6, SCRIPT_SERVER6, p + 8);
		inet_pton(AF_INET6, SCRIPT_CLIENT6, p + 24);
	} else {
		p[0] = 0x45;
		fos_put16(p + 2, 20 + len);
		fos_put16(p + 6, 0x4000);
		p[8] = 64;
		p[9] = 6;
		inet_pton(AF_INET, SCRIPT_SERVER4, p + 12);
		inet_pton(AF_INET, SCRIPT_CLIENT4, p + 16);
		fos_csum_ipv4_set(p, 20);
	}
	fos_csum_transport_set(h->v6 ? fos_csum_pseudo6(p + 8, p + 24, IPPROTO_TCP, len) :
				       fos_csum_pseudo4(p + 12, p + 16, IPPROTO_TCP, (uint16_t)len),
			       IPPROTO_TCP, t, len);
	h->r.emit(h->r.emit_arg, f, (uint32_t)(t - f) + len);
}

static void reply(struct host *h, uint8_t flags, uint32_t seq, uint32_t ack, const char *data,
		  uint32_t len)
{
	uint8_t f[2048] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, *t = f + 14 + (h->v6 ? 40 : 20);
	uint32_t n = 20;

	fos_put16(t, SCRIPT_PORT);
	fos_put16(t + 2, h->port);
	fos_put32(t + 4, seq);
	fos_put32(t + 8, ack);
	t[13] = flags;
	fos_put16(t + 14, window(h));
	if (flags & SG_SYN) {
		memcpy(t + n, "\x02\x04\x05\xb4", 4);
		n += 4;
	}
	if (h->ts_ok && !(flags & SG_RST)) {
		memcpy(t + n, "\x01\x01\x08\x0a", 4);
		fos_put32(t + n + 4, h->clock++);
		fos_put32(t + n + 8, h->ts_recent);
		n += 12;
	}
	t[12] = (uint8_t)(n / 4 << 4);
	if (len)
		memcpy(t + n, data, len);
	send_frame(h, f, t, n + len);
}

static void send_ack(struct host *h)
{
	reply(h, SG_ACK, h->snd_nxt, h->rcv_nxt, NULL, 0);
}

static void send_rst(struct host *h, const struct seg *s)
{
	if (s->flags & SG_RST)
		return;
	if (s->flags & SG_ACK)
		reply(h, SG_RST, s->ack, 0, NULL, 0);
	else
		reply(h, SG_RST | SG_ACK, 0, s->end, NULL, 0);
}

/* ------------------------------------------------------------------ the application's stream */

static struct host_conn *now(struct host *h)
{
	return &h->conns[h->r.nr_conns - 1];
}

/* In-order bytes; the urgent one is not among those that recv() gives. */
static void deliver(struct host *h, uint32_t seq, const uint8_t *data, uint32_t len)
{
	struct host_conn *c = now(h);

	for (uint32_t i = 0; i < len; i++) {
		if (h->has_urgent && seq + i == h->urgent)
			continue;
		if (c->len < HOST_STREAM_MAX)
			c->bytes[c->len++] = data[i];
		h->unread += h->hold;
	}
}

static void end_conn(struct host *h, enum host_end how)
{
	if (h->r.nr_conns && now(h)->end == HOST_OPEN)
		now(h)->end = how;
}

static void take_fin(struct host *h)
{
	end_conn(h, HOST_EOF);
	h->nr_queue = 0;
	h->state = h->state == HOST_FIN_WAIT ? HOST_TIME_WAIT : HOST_CLOSE_WAIT;
}

/* ------------------------------------------------------------------ the out-of-order queue */

/* What has become contiguous; a FIN ends it. */
static void drain(struct host *h)
{
	while (h->nr_queue && !after(h->queue[0].seq, h->rcv_nxt)) {
		struct host_segment s = h->queue[0];

		memmove(h->queue, h->queue + 1, --h->nr_queue * sizeof(s));
		if (!after(s.end, h->rcv_nxt))
			continue;
		deliver(h, h->rcv_nxt, s.data + (h->rcv_nxt - s.seq),
			s.seq + s.len - h->rcv_nxt);
		h->rcv_nxt = s.end;
		if (s.fin) {
			take_fin(h);
			return;
		}
	}
}

/* Linux: bytes all there -> dropped; a newer and longer copy replaces those that it covers;
 * otherwise both stay, and the one that starts earlier gives the bytes. */
static void enqueue(struct host *h, const struct seg *s)
{
	uint32_t at = 0, n;
	struct host_segment *q = h->queue;

	h->early++;
	while (at < h->nr_queue && before(q[at].seq, s->seq)) {
		if (!after(s->end, q[at].end))
			return;
		at++;
	}
	if (at < h->nr_queue && q[at].seq == s->seq && !after(s->end, q[at].end))
		return;
	for (n = at; n < h->nr_queue && !before(s->end, q[n].end) && after(s->end, q[n].seq);)
		n++;
	memmove(q + at, q + n, (h->nr_queue - n) * sizeof(*q));
	h->nr_queue -= n - at;
	if (h->nr_queue == HOST_QUEUE_MAX || s->len > sizeof(q->data))
		return;
	memmove(q + at + 1, q + at, (h->nr_queue - at) * sizeof(*q));
	q[at] = (struct host_segment){.seq = s->seq, .end = s->end, .len = (uint16_t)s->len,
				      .fin = s->flags & SG_FIN};
	memcpy(q[at].data, s->data, s->len);
	h->nr_queue++;
}

static void data_queue(struct host *h, const struct seg *s)
{
	uint32_t skip;

	if (s->seq == s->end)
		return;
	if (!after(s->end, h->rcv_nxt) || window(h) == 0 ||
	    !before(s->seq, h->rcv_nxt + window(h))) {
		send_ack(h);
		return;
	}
	if (after(s->seq, h->rcv_nxt)) {
		enqueue(h, s);
		send_ack(h);
		return;
	}
	skip = h->rcv_nxt - s->seq;
	if (skip < s->len)
		deliver(h, h->rcv_nxt, s->data + skip, s->len - skip);
	h->rcv_nxt = s->end;
	if (s->flags & SG_FIN)
		take_fin(h);
	else
		drain(h);
	send_ack(h);
}

/* ------------------------------------------------------------------ states */

static void open_conn(struct host *h, const struct seg *s)
{
	if (h->r.nr_conns == HOST_MAX_CONNS)
		return;
	memset(&h->conns[h->r.nr_conns++], 0, sizeof(h->conns[0]));
	h->state = HOST_ESTABLISHED;
	h->snd_una = s->ack;
	h->unread = 0;
	h->hold = h->has_urgent = h->fin_sent = false;
	h->nr_queue = 0;
}

static void listen_input(struct host *h, const struct seg *s)
{
	if (s->flags & SG_RST)
		return;
	if (s->flags & SG_ACK || !(s->flags & SG_SYN)) {
		if (s->flags & SG_ACK)
			send_rst(h, s);
		return;
	}
	if (s->flags & SG_FIN)
		return;
	h->irs = s->seq;
	h->taken[h->nr_taken++ % HOST_TAKEN] = s->seq;
	h->rcv_nxt = s->seq + 1;
	/* by what it answers: two of these, of which one does not see all SYNs, have the same numbers */
	h->iss = h->iss_base + s->seq * 2654435761u;
	h->snd_nxt = h->iss + 1;
	h->snd_una = h->iss;
	h->ts_ok = s->has_ts;
	h->ts_recent = s->tsval;
	h->state = HOST_SYN_RECV;
	reply(h, SG_SYN | SG_ACK, h->iss, h->rcv_nxt, NULL, 0);
}

static bool paws_old(const struct host *h, const struct seg *s)
{
	return h->ts_ok && s->has_ts && (int32_t)(h->ts_recent - s->tsval) > 1;
}

static void established_input(struct host *h, const struct seg *s);

static void syn_recv_input(struct host *h, const struct seg *s)
{
	bool in = s->seq == h->rcv_nxt || (after(s->end, h->rcv_nxt) &&
					   before(s->seq, h->rcv_nxt + WINDOW));

	if (s->flags == SG_SYN && s->seq == h->irs && !paws_old(h, s)) {
		reply(h, SG_SYN | SG_ACK, h->iss, h->rcv_nxt, NULL, 0);
		return;
	}
	if (s->flags & SG_ACK && !(s->flags & SG_RST) && s->ack != h->iss + 1) {
		send_rst(h, s);
		return;
	}
	if (!in || paws_old(h, s)) {
		if (!(s->flags & SG_RST))
			send_ack(h);
		return;
	}
	if (s->flags & SG_RST) {
		if (s->seq == h->rcv_nxt)
			h->state = HOST_LISTEN;
		return;
	}
	if (s->flags & SG_SYN) {
		send_rst(h, s);
		h->state = HOST_LISTEN;
		h->aborts++;
		return;
	}
	if (!(s->flags & SG_ACK))
		return;
	open_conn(h, s);
	established_input(h, s);
}

/* Sequence, timestamp, RST, SYN (tcp_validate_incoming). */
static bool acceptable(struct host *h, const struct seg *s)
{
	if (paws_old(h, s) && !(s->flags & SG_RST)) {
		send_ack(h);
		return false;
	}
	if (before(s->end, h->rcv_nxt) || after(s->seq, h->rcv_nxt + window(h))) {
		if (!(s->flags & SG_RST))
			send_ack(h);
		return false;
	}
	if (s->flags & SG_RST) {
		if (s->seq == h->rcv_nxt) {
			end_conn(h, HOST_RESET);
			h->state = HOST_LISTEN;
		} else {
			send_ack(h);
		}
		return false;
	}
	if (s->flags & SG_SYN) {
		send_ack(h);
		return false;
	}
	return true;
}

static void urgent(struct host *h, const struct seg *s)
{
	if (!(s->flags & SG_URG))
		return;
	h->urgent_seen++;
	h->urgent = s->seq + s->urg - (s->urg ? 1 : 0);
	h->has_urgent = true;
}

static void established_input(struct host *h, const struct seg *s)
{
	if (!(s->flags & (SG_ACK | SG_RST | SG_SYN)) || !acceptable(h, s))
		return;
	if (after(s->ack, h->snd_nxt) || before(s->ack, h->snd_una - MAX_ACK_BACK)) {
		send_ack(h);
		return;
	}
	if (after(s->ack, h->snd_una))
		h->snd_una = s->ack;
	if (h->ts_ok && s->has_ts && !after(s->seq, h->rcv_nxt) &&
	    (int32_t)(s->tsval - h->ts_recent) >= 0)
		h->ts_recent = s->tsval;
	if (h->state == HOST_CLOSE_WAIT || h->state == HOST_TIME_WAIT) {
		/* data behind its own FIN: the connection is aborted */
		if (s->len && after(s->end - (s->flags & SG_FIN), h->rcv_nxt)) {
			reply(h, SG_RST, s->ack, 0, NULL, 0);
			h->state = HOST_CLOSED;
			h->aborts++;
		}
		return;
	}
	urgent(h, s);
	data_queue(h, s);
}

/* ------------------------------------------------------------------ input */

static void options(struct seg *s, const uint8_t *o, uint32_t len)
{
	while (len >= 2 && o[0] != 0) {
		uint32_t n = o[0] == 1 ? 1 : o[1];

		if (n == 0 || (o[0] != 1 && n < 2) || n > len) {
			s->bad_auth = len >= 5; /* too long to be looked at for a signature */
			return;
		}
		if (o[0] == 8 && n == 10) {
			s->has_ts = true;
			s->tsval = fos_get32(o + 2);
		}
		if (o[0] == 19 || o[0] == 29)
			s->bad_auth = true;
		o += n;
		len -= n;
	}
}

static void input(struct receiver *r, const uint8_t *frame, uint32_t len)
{
	static uint8_t t[65536];
	struct host *h = (struct host *)r;
	struct seg s = {0};
	uint32_t size, head;

	if (!host_ip(h, frame, len, t, &size) || size < 20 || fos_get16(t + 2) != SCRIPT_PORT)
		return;
	head = (t[12] >> 4) * 4u;
	if (head < 20 || head > size)
		return;
	h->port = (uint16_t)fos_get16(t);
	s.seq = fos_get32(t + 4);
	s.ack = fos_get32(t + 8);
	s.flags = t[13] & 0x3f;
	s.urg = (uint16_t)fos_get16(t + 18);
	s.data = t + head;
	s.len = size - head;
	s.end = s.seq + s.len + !!(s.flags & SG_SYN) + !!(s.flags & SG_FIN);
	options(&s, t + 20, head - 20);
	if (s.bad_auth)
		return;
	if (h->state == HOST_TIME_WAIT && s.flags & SG_SYN && !(s.flags & SG_ACK) &&
	    after(s.seq, h->rcv_nxt))
		h->state = HOST_LISTEN;
	if (h->state == HOST_LISTEN || h->state == HOST_CLOSED)
		listen_input(h, &s);
	else if (h->state == HOST_SYN_RECV)
		syn_recv_input(h, &s);
	else
		established_input(h, &s);
}

static void app(struct receiver *r, const char *word, uint32_t len)
{
	struct host *h = (struct host *)r;

	if (!r->nr_conns)
		return;
	if (len > 4 && strncmp(word, "srv:", 4) == 0) {
		reply(h, SG_ACK | SG_PSH, h->snd_nxt, h->rcv_nxt, word + 4, len - 4);
		h->snd_nxt += len - 4;
	} else if (strncmp(word, "srvfin", 6) == 0 && !h->fin_sent) {
		h->fin_sent = true;
		reply(h, SG_ACK | SG_FIN, h->snd_nxt++, h->rcv_nxt, NULL, 0);
		h->state = h->state == HOST_CLOSE_WAIT ? HOST_TIME_WAIT : HOST_FIN_WAIT;
	} else if (strncmp(word, "hold", 4) == 0) {
		h->hold = true;
	} else if (strncmp(word, "read", 4) == 0) {
		h->hold = false;
		h->unread = 0;
		send_ack(h);
	}
}

void host_init(struct host *h, uint32_t iss)
{
	memset(h, 0, sizeof(*h));
	h->iss = h->iss_base = iss;
	h->clock = iss ^ 0x1234567;
	h->r.input = input;
	h->r.app = app;
	h->r.conn = h->conns;
}
