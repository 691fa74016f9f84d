/* egress_play.h - what classifier, PM and network do to egress, and what is expected of it */
#ifndef TESTS_UNIT_EGRESS_PLAY_H
#define TESTS_UNIT_EGRESS_PLAY_H

#include "shm/bytes.h"
#include "tests/tap.h"
#include "tests/unit/egress_world.h"

/* Ethernet, perhaps a VLAN tag, and the IP header of a packet with `n` bytes of TCP; returns where
 * TCP begins, and the pseudo header's sum. */
static inline uint8_t *make_ip(uint8_t *k, uint32_t dir, uint32_t frame, uint32_t n, uint64_t *pseudo)
{
	const struct fos_flow *f = &W.w.box.flows[dir];
	uint32_t at = 12;
	uint8_t *ip;

	k[5] = (uint8_t)(dir ? 1 : 2);
	k[11] = (uint8_t)(dir ? 2 : 1);
	if (W.qinq) {
		fos_put16(k + at, 0x88a8);
		fos_put16(k + at + 2, 9);
		at += 4;
	}
	if (W.vlan) {
		fos_put16(k + at, 0x8100);
		fos_put16(k + at + 2, 5);
		at += 4;
	}
	fos_put16(k + at, W.v6 ? 0x86dd : 0x0800);
	ip = k + at + 2;
	if (W.v6) {
		ip[0] = 0x60 | W.tos >> 4;
		ip[1] = (uint8_t)(W.tos << 4);
		fos_put16(ip + 4, n + W.ext_len);
		ip[6] = W.ext_len ? W.ext_first : 6;
		ip[7] = 61;
		memcpy(ip + 8, f->src, 16);
		memcpy(ip + 24, f->dst, 16);
		*pseudo = fos_csum_pseudo6(f->src, f->dst, 6, n);
		if (W.ext_len)
			memcpy(ip + 40, W.ext, W.ext_len);
		return ip + 40 + W.ext_len;
	}
	ip[0] = (uint8_t)(0x45 + W.ext_len / 4);
	ip[1] = W.tos;
	fos_put16(ip + 2, 20 + W.ext_len + n);
	fos_put16(ip + 4, frame);
	ip[6] = 0x40;
	ip[8] = 61;
	ip[9] = 6;
	memcpy(ip + 12, f->src + 12, 4);
	memcpy(ip + 16, f->dst + 12, 4);
	if (W.ext_len)
		memcpy(ip + 20, W.ext, W.ext_len);
	fos_csum_ipv4_set(ip, 20 + W.ext_len);
	*pseudo = fos_csum_pseudo4(f->src + 12, f->dst + 12, 6, (uint16_t)n);
	return ip + 20 + W.ext_len;
}

/* On a SYN what is offered, timestamps when the direction has them, SACK blocks; their length. */
static inline uint32_t make_options(uint8_t *t, uint32_t dir, uint8_t flags)
{
	uint32_t n = 0;

	if (flags & SYN) {
		memcpy(t, "\x02\x04\x03\xe8", 4); /* MSS 1000 */
		n = 4;
	}
	if (flags & SYN && W.sack) {
		memcpy(t + n, "\x01\x01\x04\x02", 4);
		n += 4;
	}
	if (flags & SYN && W.scale[dir]) {
		memcpy(t + n, "\x01\x03\x03", 3);
		t[n + 3] = W.scale[dir];
		n += 4;
	}
	if (W.ts[dir]) {
		memcpy(t + n, "\x01\x01\x08\x0a", 4);
		fos_put32(t + n + 4, W.ts[dir]++);
		fos_put32(t + n + 8, W.ts[1 - dir]);
		n += 12;
	}
	if (W.nr_block) {
		memcpy(t + n, "\x01\x01\x05", 3);
		t[n + 3] = (uint8_t)(2 + 8 * W.nr_block);
		n += 4;
	}
	for (uint32_t i = 0; i < W.nr_block; i++, n += 8) {
		fos_put32(t + n, W.block[i][0]);
		fos_put32(t + n + 4, W.block[i][1]);
	}
	W.nr_block = 0;
	return n;
}

/* A TCP packet of direction dir in a fresh frame, as ingress would hand it over. */
static inline uint32_t make_packet(uint32_t dir, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
			    const void *payload, uint32_t len)
{
	static const uint64_t key[2] = { 1, 2 };
	uint32_t frame = take_frame(dir);
	uint8_t opt[60] = { 0 };
	uint32_t head = 20 + make_options(opt, dir, flags);
	uint8_t *base = fos_box_frame(&W.w.box, frame), *k = base + FOS_FRAME_DATA_OFF, *t;
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);
	uint64_t pseudo;
	uint16_t c;

	memset(base, 0, FOS_FRAME_DATA_OFF + 128);
	t = make_ip(k, dir, frame, head + len, &pseudo);
	fos_put16(t, W.w.box.flows[dir].sport);
	fos_put16(t + 2, W.w.box.flows[dir].dport);
	fos_put32(t + 4, seq);
	fos_put32(t + 8, ack);
	t[12] = (uint8_t)(head / 4 << 4);
	t[13] = flags | (uint8_t)W.th;
	t[12] |= (uint8_t)(W.th >> 8);
	fos_put16(t + 14, wnd);
	memcpy(t + 20, opt, head - 20);
	if (len)
		memcpy(t + head, payload, len);
	c = fos_csum_fold(pseudo);
	if (W.partial)
		memcpy(t + 16, &c, 2);
	else
		fos_csum_transport_set(pseudo, 6, t, head + len);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)(t + head + len - k);
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)dir;
	m->time_ns = W.now;
	m->number = W.w.dir->offline ? frame - first_frame + 1 : 0;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
	return frame;
}

static inline void send_desc(uint32_t kind, uint32_t dir, uint32_t frame, uint64_t pos, uint32_t len)
{
	struct fos_desc *d = fos_ring_slot(&W.descs, 0);

	*d = (struct fos_desc){ .frame = frame,
				.gen = ++W.gen,
				.flow = dir,
				.flow_gen = GEN,
				.pos = pos,
				.len = len,
				.kind = (uint16_t)kind };
	fos_ring_advance(&W.descs, 1);
	fos_ring_commit(&W.descs);
}

static inline void hint(uint32_t dir)
{
	struct fos_hint *h = fos_ring_slot(&W.hints, 0);

	*h = (struct fos_hint){ .flow = dir, .flow_gen = GEN };
	fos_ring_advance(&W.hints, 1);
	fos_ring_commit(&W.hints);
}

static inline uint32_t isn(uint32_t dir)
{
	return dir ? ISN1 : ISN0;
}

/* A segment without payload; positions count as seq - isn - 1. */
static inline uint32_t control(uint32_t dir, uint8_t flags, uint64_t pos, uint64_t ack_pos, uint16_t wnd)
{
	uint32_t frame = make_packet(dir, flags, isn(dir) + 1 + (uint32_t)pos,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, wnd, NULL, 0);

	send_desc(FOS_DESC_TCP_CTL, dir, frame, 0, 0);
	return frame;
}

static inline void append_piece(uint32_t dir, uint32_t frame, uint32_t len, uint16_t flags)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t i = W.next_piece++;
	struct fos_piece *p = world_piece(&W.w, i);

	*p = (struct fos_piece){ .pos = f->app.tail,
				 .frame = frame,
				 .gen = ++W.gen,
				 .off = fos_box_meta(&W.w.box, frame)->payload_off,
				 .len = (uint16_t)len,
				 .flow = dir,
				 .flow_gen = GEN,
				 .next = FOS_NONE,
				 .number = fos_box_meta(&W.w.box, frame)->number,
				 .flags = flags };
	if (W.last_piece[dir] == FOS_NONE)
		f->app.first = i;
	else
		world_piece(&W.w, W.last_piece[dir])->next = i;
	W.last_piece[dir] = i;
	f->app.tail += len;
}

/* A data segment in order. */
static inline uint32_t data(uint32_t dir, const void *bytes, uint32_t len, uint64_t ack_pos)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t frame = make_packet(dir, ACK | PSH, isn(dir) + 1 + (uint32_t)f->app.tail,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, 5000, bytes, len);

	append_piece(dir, frame, len, FOS_PIECE_WHOLE | FOS_PIECE_FIRST | FOS_PIECE_LAST);
	hint(dir);
	return frame;
}

static inline void fin(uint32_t dir, uint64_t ack_pos)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t frame = make_packet(dir, ACK | FIN, isn(dir) + 1 + (uint32_t)f->app.tail,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, 5000, NULL, 0);

	append_piece(dir, frame, 0, FOS_PIECE_FIN);
	f->fin_pos = f->app.tail;
	f->state |= FOS_FLOW_ST_FIN;
	hint(dir);
}

/* The PM's view of a flow: the edits so far, then everything up to `head` released. */
static struct fos_pm_pub pubs[2];

static inline void edit(uint32_t dir, uint64_t pos, uint64_t del, const char *ins)
{
	struct fos_pm_pub *pub = &pubs[dir];
	uint32_t i = W.next_edit++;
	uint32_t n = (uint32_t)strlen(ins);

	*world_edit(&W.w, 0, i) = (struct fos_edit){
		.pos = pos,
		.out_pos = pub->out_head + (pos - pub->head),
		.del = del,
		.ins = n,
		.flow = dir,
		.flow_gen = GEN,
		.nr = pub->edits + 1,
		.next = FOS_NONE,
	};
	memcpy(world_insert(&W.w, 0, i), ins, n);
	if (pub->edits)
		world_edit(&W.w, 0, pub->edit_last)->next = i;
	else
		pub->edit_first = i;
	pub->edit_last = i;
	pub->edits++;
	pub->out_head += pos - pub->head + n;
	pub->head = pos + del;
}

static inline void release_to(uint32_t dir, uint64_t head)
{
	struct fos_pm_pub *pub = &pubs[dir];

	pub->out_head += head - pub->head;
	pub->head = head;
	pub->gen = GEN;
	world_publish(&W.w, 0, dir, pub);
	hint(dir);
}

static inline void acked(uint32_t dir, uint64_t ack_pos, uint16_t wnd)
{
	send_desc(FOS_DESC_ACK, dir, FOS_NONE,
		  (uint64_t)wnd << 32 | (uint32_t)(isn(1 - dir) + 1 + (uint32_t)ack_pos), 0);
}

/* SYN, SYN+ACK, ACK; what leaves is taken away. */
static inline void handshake(void)
{
	uint32_t frame;

	memset(pubs, 0, sizeof(pubs));
	W.th = W.accecn ? 0x1c0 : 0;
	frame = make_packet(0, SYN, ISN0, 0, 60000, NULL, 0);
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	W.th = W.accecn ? 0x80 : 0;
	frame = make_packet(1, SYN | ACK, ISN1, ISN0 + 1, 60000, NULL, 0);
	W.th = 0;
	world_flow(&W.w, 1)->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_ESTABLISHED;
	send_desc(FOS_DESC_TCP_CTL, 1, frame, 0, 0);
	run();
	control(0, ACK, 0, 0, 60000);
	run();
}

/* ------------------------------------------------------------------ expectations */

static inline void all_sound(const char *when)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < W.nr_out; i++)
		bad += W.out[i].m.csum != FOS_CSUM_VALID ||
		       (W.out[i].m.flags & (FOS_PKT_IP_BAD | FOS_PKT_L4_BAD)) != 0;
	is_u64(bad, 0, "%s: every packet that left has right checksums", when);
}

static inline bool is_packet(const struct out_packet *o, uint32_t dir, uint64_t pos, const char *payload,
		      const char *what)
{
	uint32_t n = (uint32_t)strlen(payload);

	if (!o)
		return ok(false, "%s: a packet leaves", what);
	return ok(o->port == 1 - dir && o->seq == isn(dir) + 1 + (uint32_t)pos &&
			  o->m.payload_len == n && memcmp(o->payload, payload, n) == 0,
		  "%s", what) ||
	       (diag("port %u seq %u payload %u bytes '%.*s', want %u", o->port,
		     o->seq - isn(dir) - 1, o->m.payload_len, o->m.payload_len,
		     (const char *)o->payload, (uint32_t)pos),
		false);
}

static inline void expect(uint32_t dir, uint64_t pos, const char *payload, const char *what)
{
	is_packet(next_out(), dir, pos, payload, what);
}

static inline void expect_ack(uint32_t dir, uint64_t pos, uint64_t ack_pos, const char *what)
{
	struct out_packet *o = next_out();

	if (!ok(o && o->m.payload_len == 0 && o->port == 1 - dir &&
			o->seq == isn(dir) + 1 + (uint32_t)pos &&
			o->ack == isn(1 - dir) + 1 + (uint32_t)ack_pos,
		"%s", what) && o)
		diag("dir %u seq %u ack %u, want %u %u", 1 - o->port, o->seq - isn(dir) - 1,
		     o->ack - isn(1 - dir) - 1, (uint32_t)pos, (uint32_t)ack_pos);
}

static inline void expect_nothing(const char *what)
{
	if (!ok(W.taken == W.nr_out, "%s", what))
		diag("%u packets more", W.nr_out - W.taken);
	W.taken = W.nr_out;
}

#endif
