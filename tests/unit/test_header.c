/* Headers of packets that are sent on: each field translated, options in place, checksums right
 * whatever the packet looked like; doing it again gives the same bytes. */
#include "tests/tap.h"
#include "tests/unit/packet.h"

#include "egress/header.h"
#include "egress/options.h"
#include "shm/bytes.h"

struct shape {
	bool v6, vlan, partial;
	uint32_t opt; /* bytes of TCP options */
	const char *name;
};

static uint8_t options[40];

static uint64_t tcp_pseudo(bool v6, uint32_t n)
{
	return v6 ? fos_csum_pseudo6(src6, dst6, TCP, n) :
		    fos_csum_pseudo4(src4, dst4, TCP, (uint16_t)n);
}

/* Ethernet, perhaps a tag, IP, TCP with options, `n` bytes of payload; parsed. */
static void packet(const struct shape *s, const char *payload, uint32_t n)
{
	uint32_t total = 20 + s->opt + n;
	uint16_t c;

	start();
	zeros(12);
	if (s->vlan) {
		put16(0x8100);
		put16(5);
	}
	put16(s->v6 ? 0x86dd : 0x0800);
	l3 = len;
	if (s->v6) {
		put("\x60\0\0\0", 4);
		put16(total);
		put8(TCP);
		put8(64);
		put(src6, 16);
		put(dst6, 16);
	} else {
		put("\x45\0", 2);
		put16(20 + total);
		put("\x12\x34\x40\0\x40\x06\0\0", 8);
		put(src4, 4);
		put(dst4, 4);
		fos_csum_ipv4_set(frame + AT + l3, 20);
	}
	l4 = len;
	put16(1000);
	put16(80);
	put("\0\0\0\1\0\0\0\2", 8);
	put8((20 + s->opt) / 4 << 4);
	put8(FOS_TH_ACK | FOS_TH_PSH);
	put16(500);
	zeros(4);
	put(options, s->opt);
	put(payload, n);
	if (s->partial) {
		c = fos_csum_fold(tcp_pseudo(s->v6, total));
		memcpy(frame + AT + l4 + 16, &c, 2);
	} else {
		fos_csum_transport_set(tcp_pseudo(s->v6, total), TCP, frame + AT + l4, total);
	}
	memset(&m, 0, sizeof(m));
	m.data_off = AT;
	m.len = m.orig_len = (uint16_t)len;
	m.link = FOS_LINK_ETHERNET;
	m.time_ns = 17;
	fos_parse(frame, &m, key);
	memcpy(frame, &m, sizeof(m));
}

static bool sound(void)
{
	struct fos_frame_meta again = { .data_off = AT, .len = (uint16_t)len,
					.orig_len = (uint16_t)len, .link = FOS_LINK_ETHERNET };

	fos_parse(frame, &again, key);
	return again.csum == FOS_CSUM_VALID && !(again.flags & (FOS_PKT_IP_BAD | FOS_PKT_L4_BAD));
}

static uint32_t shift_sack(void *ctx, uint32_t (*block)[2], uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (block[i][0] == 666)
			continue;
		block[kept][0] = block[i][0] + *(uint32_t *)ctx;
		block[kept++][1] = block[i][1] + *(uint32_t *)ctx;
	}
	return kept;
}

static void translate(const struct fos_header_tcp *w, const struct fos_rewrite *rw)
{
	struct fos_header h;

	if (!fos_header_open(&h, frame, sizeof(frame), 3) || !fos_header_restore(&h, 3)) {
		ok(false, "the header opens");
		return;
	}
	fos_header_tcp(&h, w);
	if (rw)
		fos_header_rewrite(&h, rw);
	fos_header_finish(&h);
}

static void test_shape(const struct shape *s)
{
	struct fos_header_tcp w = { .seq = 0xfffffff0, .ack = 0x80000001, .wnd = 77,
				    .set = FOS_TH_FIN, .clear = FOS_TH_PSH };
	struct fos_rewrite rw = { .src = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 9 },
				  .dst = { 0xfd, [15] = 99 }, .sport = 4242, .dport = 8080,
				  .ttl = 9, .dscp = 46,
				  .mask = FOS_RW_SRC_ADDR | FOS_RW_DST_ADDR | FOS_RW_SRC_PORT |
					  FOS_RW_DST_PORT | FOS_RW_TTL | FOS_RW_DSCP };
	uint8_t once[256];
	uint8_t *t = frame + AT;

	packet(s, "odd", 3);
	t += l4;
	translate(&w, NULL);
	ok(fos_get32(t + 4) == 0xfffffff0 && fos_get32(t + 8) == 0x80000001 && t[15] == 77 &&
		   t[13] == (FOS_TH_ACK | FOS_TH_FIN),
	   "%s: sequence, acknowledgement, window and flags are set", s->name);
	ok(sound(), "%s: the checksum is right", s->name);
	ok(memcmp(t + 20 + s->opt, "odd", 3) == 0, "%s: the payload is untouched", s->name);
	memcpy(once, frame + AT, len);
	w.seq = 1234;
	translate(&w, &rw);
	ok(sound(), "%s: with addresses and ports rewritten too", s->name);
	ok(t[0] == 4242 >> 8 && t[1] == (4242 & 255), "%s: and they are", s->name);
	w.seq = 0xfffffff0;
	translate(&w, NULL);
	ok(memcmp(once, frame + AT, len) == 0,
	   "%s: from the kept headers again, the first result comes out", s->name);
}

static void test_options(void)
{
	static const struct shape s = { .opt = 32, .name = "options" };
	uint32_t by = 1000;
	struct fos_header_tcp w = { .with_ts = true, .tsval = 7777, .sack = shift_sack, .ctx = &by };
	struct fos_header_options o;
	struct fos_header h;
	const uint8_t *p;

	/* timestamps, then two SACK blocks of which one goes: NOP NOP TS, NOP NOP SACK */
	memset(options, 0, sizeof(options));
	memcpy(options, "\1\1\10\12\0\0\0\5\0\0\0\6\1\1\5\22", 16);
	options[18] = 2; /* 666 = 0x29a */
	options[19] = 0x9a;
	options[27] = 50;
	options[31] = 60;
	packet(&s, "x", 1);
	translate(&w, NULL);
	p = frame + AT + l4 + 20;
	ok(fos_get32(p + 4) == 7777 && fos_get32(p + 8) == 6, "TSval is replaced, TSecr stays");
	ok(p[15] == 10 && fos_get32(p + 16) == 1050 && fos_get32(p + 20) == 1060,
	   "a block is translated, another left out");
	ok(memcmp(p + 24, "\1\1\1\1\1\1\1\1", 8) == 0, "and its place filled with NOPs");
	ok(sound(), "with a right checksum");
	fos_header_open(&h, frame, sizeof(frame), 0);
	fos_header_options(&h, &o);
	ok(o.has_ts && o.tsval == 7777 && o.has_sack && !o.sack_ok && o.mss == 0,
	   "the options read back");
	memcpy(options, "\2\4\5\264\3\3\7\4\2\1\1\0", 12);
	packet(&(struct shape){ .opt = 12 }, "", 0);
	fos_header_open(&h, frame, sizeof(frame), 3);
	fos_header_options(&h, &o);
	ok(o.mss == 1460 && o.wscale == 7 && o.sack_ok && !o.has_ts, "those of a SYN too");
	memset(options, 0, sizeof(options));
}

/* As nearly all segments have them: two NOPs, then the timestamps, nothing else. */
static void test_only_timestamps(void)
{
	static const struct shape s = { .opt = 12, .name = "timestamps alone" };
	static const char as_came[] = "\1\1\10\12\0\0\0\5\0\0\0\6";
	struct fos_header_tcp w = { .with_ts = true, .tsval = 0x01020304 };
	struct fos_header_options o;
	struct fos_header h;

	memset(options, 0, sizeof(options));
	memcpy(options, as_came, 12);
	packet(&s, "xy", 2);
	translate(&w, NULL);
	ok(memcmp(frame + AT + l4 + 20, "\1\1\10\12\1\2\3\4\0\0\0\6", 12) == 0 && sound(),
	   "timestamps alone: TSval is replaced");
	w.with_ecr = true;
	w.tsecr = 0xfffefdfc;
	packet(&s, "xy", 2);
	translate(&w, NULL);
	ok(memcmp(frame + AT + l4 + 20, "\1\1\10\12\1\2\3\4\377\376\375\374", 12) == 0 && sound(),
	   "and TSecr");
	fos_header_open(&h, frame, sizeof(frame), 0);
	fos_header_options(&h, &o);
	ok(o.has_ts && o.tsval == 0x01020304 && o.tsecr == 0xfffefdfc && !o.has_sack && !o.sack_ok &&
		   o.mss == 0 && o.wscale == 0xff,
	   "they read back");
	w = (struct fos_header_tcp){ .clean = FOS_CLEAN_TS };
	packet(&s, "xy", 2);
	translate(&w, NULL);
	ok(memcmp(frame + AT + l4 + 20, "\1\1\1\1\1\1\1\1\1\1\1\1", 12) == 0 && sound(),
	   "what was not agreed on goes");
	memset(options, 0, sizeof(options));
}

/* What no host takes for an option becomes NOPs, translated or not. */
static void test_bad_options(void)
{
	static const struct {
		const char *what, *in, *out;
	} t[] = {
		{ "a block without bytes", "\1\1\5\12\0\0\0\7\0\0\0\7",
		  "\1\1\1\1\1\1\1\1\1\1\1\1" },
		{ "a block that ends before it begins", "\1\1\5\12\0\0\0\7\0\0\0\6",
		  "\1\1\1\1\1\1\1\1\1\1\1\1" },
		{ "a SACK option of an odd length", "\5\11\0\0\0\7\0\0\0\10\1\1",
		  "\1\1\1\1\1\1\1\1\1\1\1\1" },
		{ "a length that is none, where hosts let it pass", "\34\10xxxxxx\10\0\1\1",
		  "\34\10xxxxxx\1\1\1\1" },
		{ "a length beyond the header", "\34\10xxxxxx\1\10\12x", "\34\10xxxxxx\1\1\1\1" },
		{ "a kind without a length", "\34\12xxxxxxxx\1\10", "\34\12xxxxxxxx\1\1" },
		{ "what follows the end stays", "\34\4\1\1\0\12xxxxxx", "\34\4\1\1\0\12xxxxxx" },
		{ "a block as it has to be stays", "\1\1\5\12\0\0\0\7\0\0\0\11",
		  "\1\1\5\12\0\0\0\7\0\0\0\11" },
	};
	const struct fos_header_tcp w = { .seq = 1 };

	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(options, 0, sizeof(options));
		memcpy(options, t[i].in, 12);
		packet(&(struct shape){ .opt = 12 }, "x", 1);
		translate(&w, NULL);
		ok(memcmp(frame + AT + l4 + 20, t[i].out, 12) == 0 && sound(), "options: %s",
		   t[i].what);
	}
	memset(options, 0, sizeof(options));
}

/* ---- ICMP: identifiers and quoted packets ---- */

/* An ICMP message of `n` bytes behind its 8-byte header, with a right checksum; parsed. */
static void icmp(bool v6, uint8_t type, uint16_t id, const void *body, uint32_t n)
{
	uint64_t sum = v6 ? fos_csum_pseudo6(src6, dst6, ICMP6, 8 + n) : 0;

	ether(v6 ? 0x86dd : 0x0800);
	if (v6)
		ipv6(ICMP6);
	else
		ipv4(ICMP, 0, 0);
	set16(l3 + (v6 ? 4 : 2), (v6 ? 0 : 20) + 8 + n);
	if (!v6)
		fos_csum_ipv4_set(frame + AT + l3, 20);
	l4 = len;
	put8(type);
	zeros(3);
	put16(id);
	put16(1);
	put(body, n);
	fos_csum_transport_set(sum, v6 ? ICMP6 : ICMP, frame + AT + l4, 8 + n);
	memset(&m, 0, sizeof(m));
	m.data_off = AT;
	m.len = m.orig_len = (uint16_t)len;
	m.link = FOS_LINK_ETHERNET;
	m.time_ns = 18;
	fos_parse(frame, &m, key);
	memcpy(frame, &m, sizeof(m));
}

static void rewrite(const struct fos_rewrite *rw)
{
	struct fos_header h;

	if (!fos_header_open(&h, frame, sizeof(frame), 5) || !fos_header_restore(&h, 5)) {
		ok(false, "the header opens");
		return;
	}
	fos_header_rewrite(&h, rw);
	fos_header_finish(&h);
}

static uint32_t be16_at(uint32_t at)
{
	return (uint32_t)frame[AT + at] << 8 | frame[AT + at + 1];
}

static void test_echo(bool v6)
{
	const struct fos_rewrite go = {.src = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 9},
				       .sport = 40007, .mask = FOS_RW_SRC_ADDR | FOS_RW_SRC_PORT};
	const struct fos_rewrite back = {.dst = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 77},
					 .dport = 17, .mask = FOS_RW_DST_ADDR | FOS_RW_DST_PORT};
	const char *v = v6 ? "ICMPv6" : "ICMP";
	uint8_t once[128];

	icmp(v6, v6 ? 128 : 8, 17, "payload", 7);
	rewrite(&go);
	memcpy(once, frame + AT, len);
	ok(sound() && be16_at(l4 + 4) == 40007, "%s: the identifier of an echo is translated", v);
	rewrite(&go);
	ok(memcmp(once, frame + AT, len) == 0, "%s: a second time, the same comes out", v);
	rewrite(&back);
	ok(sound() && be16_at(l4 + 4) == 17, "%s: a question has no answer's port", v);
	icmp(v6, v6 ? 129 : 0, 40007, "payload", 7);
	rewrite(&back);
	ok(sound() && be16_at(l4 + 4) == 17, "%s: and translated back in the answer", v);
}

/* An error about a datagram src:40001 -> dst:53 that was sent as one from 10.0.0.77:1000. */
static void test_quote(bool v6)
{
	const struct fos_rewrite back = {.dst = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 77},
					 .dport = 1000, .mask = FOS_RW_DST_ADDR | FOS_RW_DST_PORT};
	uint32_t hlen = v6 ? 40 : 20, q;
	const char *v = v6 ? "ICMPv6" : "ICMP";
	uint8_t quote[64] = {v6 ? 0x60 : 0x45}, once[160], *udp_at = quote + hlen;
	uint64_t sum;

	quote[v6 ? 5 : 3] = (uint8_t)(v6 ? 8 : 28);
	quote[v6 ? 6 : 9] = UDP;
	memcpy(quote + (v6 ? 8 : 12), v6 ? src6 : src4, v6 ? 16 : 4);
	memcpy(quote + (v6 ? 24 : 16), v6 ? dst6 : dst4, v6 ? 16 : 4);
	if (!v6)
		fos_csum_ipv4_set(quote, 20);
	memcpy(udp_at, "\x9c\x41\0\x35\0\x08\0\0", 8);
	sum = v6 ? fos_csum_pseudo6(src6, dst6, UDP, 8) : fos_csum_pseudo4(src4, dst4, UDP, 8);
	fos_csum_transport_set(sum, UDP, udp_at, 8);
	icmp(v6, v6 ? 1 : 3, 0, quote, hlen + 8);
	rewrite(&back);
	q = l4 + 8;
	ok(sound(), "%s error: the checksum is right", v);
	ok(memcmp(frame + AT + q + (v6 ? 8 : 12), v6 ? back.dst : back.dst + 12, v6 ? 16 : 4) == 0 &&
		   be16_at(q + hlen) == 1000 && be16_at(q + hlen + 2) == 53,
	   "%s error: quotes the packet as its sender knows it", v);
	ok(v6 || fos_csum_ipv4_ok(frame + AT + q, 20), "%s error: with its IP checksum", v);
	sum = v6 ? fos_csum_pseudo6(back.dst, dst6, UDP, 8) :
		   fos_csum_pseudo4(back.dst + 12, dst4, UDP, 8);
	is_u64(fos_csum_finish(sum, frame + AT + q + hlen, 8), 0, "%s error: and its UDP checksum", v);
	memcpy(once, frame + AT, len);
	rewrite(&back);
	ok(memcmp(once, frame + AT, len) == 0, "%s error: a second time, the same comes out", v);
	icmp(v6, v6 ? 1 : 3, 0, quote, hlen + 4);
	rewrite(&back);
	ok(memcmp(frame + AT + l4 + 8, quote, hlen + 4) == 0 && sound(),
	   "%s error: a quotation cut short stays as it is", v);
}

/* A batch that was undone leaves a changed packet: it reads as it came. */
static void test_undone(void)
{
	struct fos_header_tcp w = {.seq = 9, .ack = 10, .wnd = 11};
	struct fos_header h;
	uint32_t ack;

	packet(&(struct shape){0}, "x", 1);
	fos_header_open(&h, frame, sizeof(frame), 77);
	ack = fos_header_ack(&h);
	fos_header_restore(&h, 77);
	fos_header_tcp(&h, &w);
	fos_header_finish(&h);
	is_u64(fos_header_ack(&h), 10, "a translated acknowledgement stands in the frame");
	fos_header_open(&h, frame, sizeof(frame), 77);
	is_u64(fos_header_ack(&h), ack, "opened again in the same use it reads as it came");
}

static void test_refusals(void)
{
	static const struct shape s = { .name = "refusals" };
	struct fos_frame_meta bad;
	struct fos_header h;

	packet(&s, "abc", 3);
	memcpy(&bad, frame, sizeof(bad));
	bad.len = 4000;
	memcpy(frame, &bad, sizeof(bad));
	ok(!fos_header_open(&h, frame, sizeof(frame), 3), "a length beyond the frame is refused");
	bad = m;
	bad.payload_len = 900;
	memcpy(frame, &bad, sizeof(bad));
	ok(!fos_header_open(&h, frame, sizeof(frame), 3), "payload beyond the packet is refused");
	bad = m;
	bad.l4_off = (uint16_t)(bad.l3_off + 4);
	memcpy(frame, &bad, sizeof(bad));
	ok(!fos_header_open(&h, frame, sizeof(frame), 3), "a TCP header inside the IP header is refused");
	bad = m;
	bad.data_off = 100;
	memcpy(frame, &bad, sizeof(bad));
	ok(!fos_header_open(&h, frame, sizeof(frame), 3), "a packet over the frame's head is refused");
}

int main(void)
{
	static const struct shape shapes[] = {
		{ .name = "IPv4" },
		{ .v6 = true, .name = "IPv6" },
		{ .vlan = true, .name = "IPv4, VLAN" },
		{ .v6 = true, .vlan = true, .opt = 12, .name = "IPv6, VLAN, options" },
		{ .partial = true, .name = "IPv4, partial checksum" },
		{ .v6 = true, .partial = true, .opt = 40, .name = "IPv6, partial, 40 bytes of options" },
	};

	tap_plan(0);
	memset(options, 1, sizeof(options));
	for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		test_shape(&shapes[i]);
	test_options();
	test_only_timestamps();
	test_bad_options();
	for (int v6 = 0; v6 < 2; v6++) {
		test_echo(v6);
		test_quote(v6);
	}
	test_undone();
	test_refusals();
	return done();
}
