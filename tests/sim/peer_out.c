/* tests/sim/peer_out.c - an endpoint's segments as bytes, see peer.h */
#include <string.h>

#include "shm/csum.h"
#include "tests/sim/peer.h"

static uint32_t put_syn_options(const struct peer *p, uint8_t *o, uint8_t flags)
{
	bool answer = flags & WIRE_ACK;
	uint32_t n = 0;

	if (p->c.mss) {
		o[n] = 2;
		o[n + 1] = 4;
		fos_put16(o + n + 2, p->c.mss);
		n += 4;
	}
	if (p->c.scale != 0xff && (!answer || p->scale_on)) {
		memcpy(o + n, (const uint8_t[]){1, 3, 3, p->c.scale}, 4);
		n += 4;
	}
	if (p->c.sack && (!answer || p->sack_on)) {
		memcpy(o + n, (const uint8_t[]){1, 1, 4, 2}, 4);
		n += 4;
	}
	return n;
}

static uint32_t put_sack(struct peer *p, uint8_t *o, uint32_t room)
{
	uint32_t max = (room - 4) / 8, n = 0;

	if (!p->sack_on || (!p->nr_ooo && !p->dsack[1]))
		return 0;
	if (p->dsack[1]) {
		fos_put32(o + 4, p->peer_isn + 1 + (uint32_t)p->dsack[0]);
		fos_put32(o + 8, p->peer_isn + 1 + (uint32_t)p->dsack[1]);
		p->dsack[0] = p->dsack[1] = 0;
		n++;
	}
	for (uint32_t i = 0; i < p->nr_ooo && n < max; i++, n++) {
		fos_put32(o + 4 + 8 * n, p->peer_isn + 1 + (uint32_t)p->ooo[i][0]);
		fos_put32(o + 8 + 8 * n, p->peer_isn + 1 + (uint32_t)p->ooo[i][1]);
	}
	o[0] = o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(2 + 8 * n);
	return 4 + 8 * n;
}

static uint32_t put_options(struct peer *p, uint8_t *o, uint8_t flags, uint32_t payload)
{
	uint32_t n = (flags & WIRE_SYN) ? put_syn_options(p, o, flags) : 0;

	if (p->c.timestamps && (p->ts_on || (flags & (WIRE_SYN | WIRE_ACK)) == WIRE_SYN)) {
		memcpy(o + n, (const uint8_t[]){1, 1, 8, 10}, 4);
		fos_put32(o + n + 4, peer_ts_now(p));
		fos_put32(o + n + 8, (flags & WIRE_ACK) ? p->ts_recent : 0);
		n += 12;
	}
	if (!(flags & (WIRE_SYN | WIRE_RST)) && (flags & WIRE_ACK) && !payload)
		n += put_sack(p, o + n, 40 - n);
	return n;
}

/* Link and IP headers; returns where TCP begins.  The checksum of its pseudo header goes to *sum. */
static uint32_t put_heads(struct peer *p, uint8_t *b, uint32_t tcp_len, uint64_t *sum)
{
	uint32_t l2 = p->c.vlan ? 18 : 14;
	uint8_t *ip = b + l2;

		memcpy(b, p->c.remote_mac, 6);
	memcpy(b + 6, p->c.mac, 6);
	if (p->c.vlan) {
		fos_put16(b + 12, 0x8100);
		fos_put16(b + 14, p->c.vlan);
	}
	fos_put16(ip - 2, p->c.v6 ? 0x86dd : 0x0800);
	if (p->c.v6) {
		ip[0] = 0x60;
		fos_put16(ip + 4, tcp_len);
		ip[6] = 6;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[9] = ip[25] = 0x77;
		ip[23] = p->c.addr[3];
		ip[39] = p->c.remote_addr[3];
		*sum = fos_csum_pseudo6(ip + 8, ip + 24, 6, tcp_len);
		return l2 + 40;
	}
	ip[0] = 0x45;
	fos_put16(ip + 2, 20 + tcp_len);
	fos_put16(ip + 4, p->ip_id++);
	fos_put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, p->c.addr, 4);
	memcpy(ip + 16, p->c.remote_addr, 4);
	fos_csum_ipv4_set(ip, 20);
	*sum = fos_csum_pseudo4(ip + 12, ip + 16, 6, (uint16_t)tcp_len);
	return l2 + 20;
}

void peer_raw(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t wnd,
	      const uint8_t *opt, uint32_t opt_len, const uint8_t *data, uint32_t len)
{
	uint8_t b[WIRE_MAX] = {0};
	uint32_t tcp_len = 20 + opt_len + len, all;
	uint64_t sum;
	uint32_t at = put_heads(p, b, tcp_len, &sum);
	uint8_t *tcp = b + at;

	fos_put16(tcp, p->c.port);
	fos_put16(tcp + 2, p->c.remote_port);
	fos_put32(tcp + 4, seq);
	fos_put32(tcp + 8, ack);
	tcp[12] = (uint8_t)((20 + opt_len) / 4 << 4);
	tcp[13] = flags;
	fos_put16(tcp + 14, wnd);
	if (opt_len)
		memcpy(tcp + 20, opt, opt_len);
	if (len)
		memcpy(tcp + 20 + opt_len, data, len);
	fos_csum_transport_set(sum, 6, tcp, tcp_len);
	all = at + tcp_len;
	if (p->c.rogue)
		peer_rogue(p, b, all, false);
	p->emit(p->emit_arg, p, b, all);
	if (p->c.rogue)
		peer_rogue(p, b, all, true);
}

void peer_segment(struct peer *p, uint8_t flags, int64_t off, const uint8_t *data, uint32_t len)
{
	uint8_t opt[44];
	uint32_t opt_len = put_options(p, opt, flags, len), wnd, ack = 0;
	uint32_t seq = (flags & WIRE_SYN) ? p->c.isn : p->c.isn + 1 + (uint32_t)off;

	if (flags & WIRE_SYN) {
		wnd = p->c.window < 65535 ? p->c.window : 65535;
		p->rcv_edge = wnd;
	} else {
		wnd = peer_window(p);
		if (p->scale_on)
			wnd >>= p->c.scale;
	}
	if (flags & WIRE_ACK) {
		ack = p->peer_isn + 1 + (uint32_t)p->rcv_nxt + p->fin_taken;
		p->last_ack = p->rcv_nxt + p->fin_taken;
		p->unacked = 0;
		p->ack_at = 0;
	}
	peer_raw(p, flags, seq, ack, wnd, opt, opt_len, data, len);
}
