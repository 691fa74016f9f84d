/* tests/sim/peer.c - a model TCP endpoint, see peer.h */
#include "tests/sim/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/csum.h"

#define FIN 1u
#define SYN 2u
#define RST 4u
#define PSH 8u
#define ACK 16u
#define RTO_NS 250000000ull
#define SCALE 5u

static void fault(struct peer *p, const char *what, uint64_t got, uint64_t want)
{
	if (!p->error[0])
		snprintf(p->error, sizeof(p->error), "%s: %s (%llu, %llu)",
			 p->c.server ? "server" : "client", what, (unsigned long long)got,
			 (unsigned long long)want);
}

void peer_init(struct peer *p, const struct peer_config *c, peer_emit *emit, void *arg)
{
	memset(p, 0, sizeof(*p));
	p->c = *c;
	p->emit = emit;
	p->emit_arg = arg;
	p->rcv = calloc(1, PEER_MAX_DATA);
	p->rcv_map = calloc(1, PEER_MAX_DATA);
	p->fin_at = UINT64_MAX;
	p->cwnd = 10u * c->mss;
	p->ssthresh = 1u << 30;
	p->peer_mss = 536;
	p->state = c->server ? PEER_LISTEN : PEER_CLOSED;
}

void peer_fini(struct peer *p)
{
	free(p->rcv);
	free(p->rcv_map);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static uint32_t put_options(struct peer *p, uint8_t *o, uint8_t flags)
{
	uint32_t n = 0;

	if (flags & SYN) {
		o[n] = 2;
		o[n + 1] = 4;
		put16(o + n + 2, p->c.mss);
		n += 4;
		if (p->c.window_scale && (!p->c.server || p->scale_on)) {
			memcpy(o + n, (const uint8_t[]){1, 3, 3, SCALE}, 4);
			n += 4;
		}
	}
	if (p->c.timestamps && (p->ts_on || (flags == SYN))) {
		memcpy(o + n, (const uint8_t[]){1, 1, 8, 10}, 4);
		put32(o + n + 4, (uint32_t)(p->now / 1000000u) + 1);
		put32(o + n + 8, p->ts_recent);
		n += 12;
	}
	return n;
}

static void send_segment(struct peer *p, uint8_t flags, uint64_t off, const uint8_t *data,
			 uint32_t len)
{
	uint8_t b[PEER_PACKET_MAX] = {0};
	uint8_t *ip = b + 14, *tcp = ip + 20;
	uint32_t opt = put_options(p, tcp + 20, flags), tcp_len = 20 + opt + len;
	uint32_t wnd = p->c.window;

	memcpy(b, p->c.remote_mac, 6);
	memcpy(b + 6, p->c.mac, 6);
	put16(b + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 20 + tcp_len);
	put16(ip + 4, p->ip_id++);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, p->c.addr, 4);
	memcpy(ip + 16, p->c.remote_addr, 4);
	fos_csum_ipv4_set(ip, 20);
	put16(tcp, p->c.port);
	put16(tcp + 2, p->c.remote_port);
	put32(tcp + 4, flags & SYN ? p->c.isn : (uint32_t)(p->c.isn + 1 + off));
	if (flags & ACK)
		put32(tcp + 8, (uint32_t)(p->peer_isn + 1 + p->rcv_nxt + p->fin_taken));
	tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
	tcp[13] = flags;
	if (p->scale_on && !(flags & SYN))
		wnd >>= SCALE;
	put16(tcp + 14, wnd > 65535 ? 65535 : wnd);
	if (len)
		memcpy(tcp + 20 + opt, data, len);
	fos_csum_transport_set(fos_csum_pseudo4(ip + 12, ip + 16, 6, (uint16_t)tcp_len), 6, tcp,
			       tcp_len);
	p->emit(p->emit_arg, p, b, 34 + tcp_len);
}

static uint32_t segment_size(const struct peer *p)
{
	uint32_t m = p->c.mss < p->peer_mss ? p->c.mss : p->peer_mss;

	return p->ts_on ? m - 12 : m;
}

/* Sends what windows allow from nxt on; FIN after the last byte. */
static void push(struct peer *p)
{
	uint64_t limit = p->una + (p->cwnd < p->peer_wnd ? p->cwnd : p->peer_wnd);

	if (p->state != PEER_OPEN)
		return;
	while (p->nxt < p->c.len && p->nxt < limit) {
		uint32_t n = segment_size(p);

		if (n > p->c.len - p->nxt)
			n = (uint32_t)(p->c.len - p->nxt);
		if (n > limit - p->nxt)
			n = (uint32_t)(limit - p->nxt);
		send_segment(p, ACK | PSH, p->nxt, p->c.data + p->nxt, n);
		p->nxt += n;
	}
	if (p->nxt == p->c.len) {
		send_segment(p, ACK | FIN, p->nxt, NULL, 0);
		p->nxt++;
	}
	if (p->nxt > p->max_sent)
		p->max_sent = p->nxt;
	if (p->rto_at == 0 && p->nxt > p->una)
		p->rto_at = p->now + (RTO_NS << p->backoff);
	/* a closed window is probed by the same timer */
	if (p->rto_at == 0 && p->nxt <= p->c.len)
		p->rto_at = p->now + (RTO_NS << p->backoff);
}

/* One segment from una on. */
static void resend(struct peer *p)
{
	uint32_t n = segment_size(p);

	if (p->una < p->c.len) {
		if (n > p->c.len - p->una)
			n = (uint32_t)(p->c.len - p->una);
		send_segment(p, ACK | PSH, p->una, p->c.data + p->una, n);
		if (p->nxt < p->una + n)
			p->nxt = p->una + n;
	} else {
		send_segment(p, ACK | FIN, p->una, NULL, 0);
		p->nxt = p->c.len + 1u;
	}
	if (p->nxt > p->max_sent)
		p->max_sent = p->nxt;
}

void peer_connect(struct peer *p, uint64_t now)
{
	p->now = now;
	p->state = PEER_SYN_SENT;
	send_segment(p, SYN, 0, NULL, 0);
	p->rto_at = now + RTO_NS;
}

static void parse_options(struct peer *p, const uint8_t *o, uint32_t len, uint8_t flags,
			  bool *has_ts)
{
	*has_ts = false;
	for (uint32_t i = 0; i < len && o[i] != 0;) {
		uint32_t n = o[i] == 1 ? 1 : i + 1 < len ? o[i + 1] : 0;

		if (n == 0 || (o[i] != 1 && n < 2) || i + n > len) {
			fault(p, "malformed TCP options", o[i], n);
			return;
		}
		if (o[i] == 2 && n == 4 && (flags & SYN))
			p->peer_mss = (uint16_t)get16(o + i + 2);
		if (o[i] == 3 && n == 3 && (flags & SYN) && p->c.window_scale) {
			p->peer_scale = o[i + 2];
			p->scale_on = true;
		}
		if (o[i] == 8 && n == 10) {
			uint32_t val = get32(o + i + 2);

			*has_ts = true;
			if ((flags & SYN) && p->c.timestamps)
				p->ts_on = true;
			else if (p->ts_on && (int32_t)(val - p->ts_recent) < 0 && !(flags & RST))
				return; /* PAWS: reordered packet, its data is still judged */
			p->ts_recent = val;
		}
		i += n;
	}
}

static void take_ack(struct peer *p, uint32_t ack, uint32_t wnd, bool has_data)
{
	uint64_t off = p->una + (uint32_t)(ack - (uint32_t)(p->c.isn + 1 + p->una));

	if ((int32_t)(ack - (uint32_t)(p->c.isn + 1 + p->una)) < 0)
		return; /* old */
	if (off > p->max_sent) {
		fault(p, "acknowledges what was never sent", off, p->max_sent);
		return;
	}
	if (off > p->una) {
		uint64_t acked = off - p->una;

		p->cwnd += p->cwnd < p->ssthresh ? (uint32_t)acked
						 : p->c.mss * p->c.mss / p->cwnd + 1;
		p->una = off;
		if (p->nxt < p->una)
			p->nxt = p->una;
		p->backoff = 0;
		p->rto_at = 0;
		if (p->dupacks >= 3 && off < p->recover)
			resend(p); /* NewReno partial acknowledgement */
		else
			p->dupacks = 0;
	} else if (!has_data && p->nxt > p->una && wnd == p->peer_wnd && ++p->dupacks == 3) {
		p->recover = p->nxt;
		p->ssthresh = p->cwnd / 2 > 2u * p->c.mss ? p->cwnd / 2 : 2u * p->c.mss;
		p->cwnd = p->ssthresh;
		resend(p);
	}
	p->peer_wnd = wnd;
}

static void take_data(struct peer *p, uint64_t off, const uint8_t *data, uint32_t len, bool fin)
{
	if (off + len > p->rcv_nxt + p->c.window + 65536u || off + len > PEER_MAX_DATA) {
		fault(p, "data beyond the window", off + len, p->rcv_nxt + p->c.window);
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		if (p->rcv_map[off + i] && p->rcv[off + i] != data[i])
			fault(p, "a byte changed between two copies", off + i, data[i]);
		p->rcv[off + i] = data[i];
		p->rcv_map[off + i] = 1;
	}
	if (fin) {
		if (p->fin_at != UINT64_MAX && p->fin_at != off + len)
			fault(p, "FIN moved", off + len, p->fin_at);
		p->fin_at = off + len;
	}
	while (p->rcv_nxt < PEER_MAX_DATA && p->rcv_map[p->rcv_nxt])
		p->rcv_nxt++;
	if (p->rcv_nxt > p->fin_at)
		fault(p, "data after FIN", p->rcv_nxt, p->fin_at);
	if (p->rcv_nxt == p->fin_at)
		p->fin_taken = true;
}

static bool checksums_ok(struct peer *p, const uint8_t *ip, uint32_t ip_len)
{
	uint32_t hl = (ip[0] & 15u) * 4u;

	if (!fos_csum_ipv4_ok(ip, hl) ||
	    fos_csum_finish(fos_csum_pseudo4(ip + 12, ip + 16, 6, (uint16_t)(ip_len - hl)),
			    ip + hl, ip_len - hl) != 0) {
		fault(p, "wrong checksum", ip_len, 0);
		return false;
	}
	return true;
}

static void input_open(struct peer *p, const uint8_t *tcp, uint32_t hl, uint32_t len, uint8_t flags)
{
	uint32_t seq = get32(tcp + 4), wnd = get16(tcp + 14);
	int32_t rel = (int32_t)(seq - (uint32_t)(p->peer_isn + 1 + p->rcv_nxt));
	uint64_t off;

	if (flags & SYN) {
		/* our last acknowledgement of the handshake was lost */
		send_segment(p, ACK, p->nxt, NULL, 0);
		return;
	}
	if (flags & ACK)
		take_ack(p, get32(tcp + 8), p->scale_on ? wnd << p->peer_scale : wnd, len > 0);
	if (p->rcv_nxt + (uint64_t)(int64_t)rel + len < p->rcv_nxt || rel < -(1 << 24)) {
		rel = rel < -(1 << 24) ? -(1 << 24) : rel;
		send_segment(p, ACK, p->nxt, NULL, 0);
		return;
	}
	off = p->rcv_nxt + (uint64_t)(int64_t)rel;
	if (len > 0 || (flags & FIN)) {
		if (rel < 0 && (uint64_t)-(int64_t)rel > p->rcv_nxt)
			return;
		take_data(p, off, tcp + hl, len, flags & FIN);
		send_segment(p, ACK, p->nxt, NULL, 0);
	}
}

static void input_handshake(struct peer *p, const uint8_t *tcp, uint8_t flags)
{
	if (p->state == PEER_LISTEN && (flags & (SYN | ACK)) == SYN) {
		p->peer_isn = get32(tcp + 4);
		p->peer_wnd = get16(tcp + 14);
		p->state = PEER_SYN_RCVD;
		send_segment(p, SYN | ACK, 0, NULL, 0);
		p->rto_at = p->now + RTO_NS;
	} else if (p->state == PEER_SYN_SENT && (flags & (SYN | ACK)) == (SYN | ACK)) {
		if (get32(tcp + 8) != p->c.isn + 1) {
			fault(p, "SYN+ACK acknowledges", get32(tcp + 8), p->c.isn + 1);
			return;
		}
		p->peer_isn = get32(tcp + 4);
		p->peer_wnd = get16(tcp + 14);
		p->state = PEER_OPEN;
		p->rto_at = 0;
		send_segment(p, ACK, 0, NULL, 0);
	} else if (p->state == PEER_SYN_RCVD && (flags & (SYN | ACK)) == SYN) {
		send_segment(p, SYN | ACK, 0, NULL, 0);
	} else if (p->state == PEER_SYN_RCVD && (flags & ACK) && !(flags & SYN)) {
		p->state = PEER_OPEN;
		p->rto_at = 0;
	}
}

void peer_input(struct peer *p, const uint8_t *packet, uint32_t len, uint64_t now)
{
	const uint8_t *ip = packet + 14, *tcp;
	uint32_t ip_len, hl, tl;
	uint8_t flags;
	bool has_ts;

	p->now = now;
	if (len < 54 || get16(packet + 12) != 0x0800 || memcmp(ip + 16, p->c.addr, 4) != 0)
		return;
	ip_len = get16(ip + 2);
	hl = (ip[0] & 15u) * 4u;
	if (ip_len > len - 14 || ip_len < hl + 20 || !checksums_ok(p, ip, ip_len))
		return;
	tcp = ip + hl;
	tl = (tcp[12] >> 4) * 4u;
	flags = tcp[13];
	if (get16(tcp + 2) != p->c.port || get16(tcp) != p->c.remote_port)
		return;
	if (flags & RST) {
		p->state = PEER_DEAD;
		p->rto_at = 0;
		return;
	}
	if (p->state == PEER_DEAD || p->state == PEER_CLOSED)
		return;
	parse_options(p, tcp + 20, tl - 20, flags, &has_ts);
	if (p->state != PEER_OPEN)
		input_handshake(p, tcp, flags);
	if (p->state == PEER_OPEN && !(flags & SYN && flags & ACK && p->rcv_nxt == 0 && p->una == 0))
		input_open(p, tcp, tl, ip_len - hl - tl, flags);
	push(p);
}

void peer_timer(struct peer *p, uint64_t now)
{
	p->now = now;
	if (p->rto_at == 0 || now < p->rto_at)
		return;
	if (p->backoff < 6)
		p->backoff++;
	p->rto_at = now + (RTO_NS << p->backoff);
	if (p->state == PEER_SYN_SENT)
		send_segment(p, SYN, 0, NULL, 0);
	else if (p->state == PEER_SYN_RCVD)
		send_segment(p, SYN | ACK, 0, NULL, 0);
	else if (p->state == PEER_OPEN && p->una <= p->c.len) {
		p->ssthresh = p->cwnd / 2 > 2u * p->c.mss ? p->cwnd / 2 : 2u * p->c.mss;
		p->cwnd = p->c.mss;
		p->dupacks = 0;
		p->nxt = p->una;
		resend(p);
	}
}

uint64_t peer_next_timer(const struct peer *p)
{
	return p->rto_at ? p->rto_at : UINT64_MAX;
}

bool peer_done(const struct peer *p)
{
	return p->state == PEER_DEAD ||
	       (p->state == PEER_OPEN && p->una == p->c.len + 1u && p->fin_taken);
}
