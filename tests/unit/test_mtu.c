/* Segments that must be smaller than what came: growth past the MSS, the MSS itself, path MTU. */
#include "tests/unit/egress_icmp.h"

#define MSS 1000u /* as make_options() announces it */

static char text[4000];
static char stuffing[256]; /* inserted bytes */

static uint64_t counted(enum fos_counter_id id)
{
	return W.p.counter[id];
}

/* Takes all that left in direction dir: sum of payload, largest payload and IP packet. */
struct seen {
	uint32_t packets, bytes, largest, largest_ip, psh, fins, bad;
	bool last_psh, last_fin, in_order;
	char data[8000];
};

static void look(struct seen *s, uint32_t dir, uint64_t from)
{
	struct out_packet *o;

	memset(s, 0, sizeof(*s));
	s->in_order = true;
	while ((o = next_out()) != NULL) {
		uint32_t n = o->m.payload_len;

		if (o->port != 1 - dir)
			continue;
		s->packets++;
		s->in_order = s->in_order && o->seq == isn(dir) + 1 + (uint32_t)from + s->bytes;
		memcpy(s->data + s->bytes, o->payload, n);
		s->bytes += n;
		s->largest = n > s->largest ? n : s->largest;
		s->largest_ip = o->m.l3_len > s->largest_ip ? o->m.l3_len : s->largest_ip;
		s->last_psh = o->tcp[13] & PSH;
		s->last_fin = o->tcp[13] & FIN;
		s->psh += s->last_psh;
		s->fins += s->last_fin;
		s->bad += o->m.csum != FOS_CSUM_VALID || (o->m.flags & FOS_PKT_IP_BAD) != 0;
	}
}

/* ------------------------------------------------------------------ growth past the MSS */

static const struct grows {
	const char *what;
	bool v6, vlan;
	uint32_t ts;
	bool fin;
	uint32_t largest; /* payload of one segment */
} grows[] = {
	{"IPv4", false, false, 0, false, MSS},
	{"IPv6", true, false, 0, false, MSS},
	{"IPv4, VLAN", false, true, 0, false, MSS},
	{"IPv4, timestamps", false, false, 1000, false, MSS - 12},
	{"IPv6, VLAN, timestamps, FIN", true, true, 1000, true, MSS - 12},
	{"IPv4, FIN", false, false, 0, true, MSS},
};

static void test_growth(void)
{
	for (uint32_t i = 0; i < sizeof(grows) / sizeof(grows[0]); i++) {
		const struct grows *g = &grows[i];
		uint32_t whole = 980 + 3 * 255;
		struct seen s;

		world_start(true, false, g->v6);
		W.vlan = g->vlan;
		W.ts[0] = W.ts[1] = g->ts;
		handshake();
		W.taken = W.nr_out;
		data(0, text, 980, 0);
		edit(0, 10, 0, stuffing);
		edit(0, 20, 0, stuffing);
		edit(0, 980, 0, stuffing);
		if (g->fin)
			fin(0, 0);
		release_to(0, 980);
		run();
		look(&s, 0, 0);
		is_u64(s.bytes, whole, "%s: all bytes leave", g->what);
		is_u64(s.largest, g->largest, "%s: in segments of the MSS less options", g->what);
		is_u64(s.psh * 10 + s.last_psh, 11, "%s: PSH is on the last only", g->what);
		is_u64(s.fins * 10 + s.last_fin, g->fin ? 11 : 0, "%s: and FIN", g->what);
		is_u64(s.bad + !s.in_order, 0, "%s: numbers and checksums are right", g->what);
		ok(!memcmp(s.data, text, 10) && !memcmp(s.data + 10, stuffing, 255) &&
			   !memcmp(s.data + 265, text + 10, 10) &&
			   !memcmp(s.data + 20 + 2 * 255, text + 20, 960),
		   "%s: each byte in its place", g->what);
		world_stop();
	}
}

/* ------------------------------------------------------------------ the MSS at the SYN */

static const struct clamp {
	const char *what;
	uint32_t setting, mtu0, mtu1;
	bool v6;
	uint32_t want; /* announced behind the box; 1000 came */
} clamps[] = {
	{"keep", 0, 1500, 576, false, 1000},
	{"a number below", 900, 1500, 1500, false, 900},
	{"a number above", 1460, 1500, 1500, false, 1000},
	{"auto, IPv4", FOS_MSS_AUTO, 1500, 800, false, 760},
	{"auto, IPv6", FOS_MSS_AUTO, 800, 1500, true, 740},
	{"auto that allows it", FOS_MSS_AUTO, 1500, 1500, true, 1000},
};

static uint32_t announced(const struct out_packet *o)
{
	return o && o->tcp[20] == 2 ? (uint32_t)o->tcp[22] << 8 | o->tcp[23] : 0;
}

static void test_clamp(void)
{
	for (uint32_t i = 0; i < sizeof(clamps) / sizeof(clamps[0]); i++) {
		const struct clamp *c = &clamps[i];
		uint32_t syn, syn_ack, lowered = c->want < 1000;
		struct seen s;

		world_start(true, false, c->v6);
		W.w.dir->tcp_mss = c->setting;
		W.w.dir->port[0].mtu = c->mtu0;
		W.w.dir->port[1].mtu = c->mtu1;
		handshake();
		syn = announced(next_out());
		syn_ack = announced(next_out());
		all_sound(c->what);
		is_u64(syn * 10000 + syn_ack, c->want * 10001, "tcp.mss %s: %u both ways", c->what,
		       c->want);
		is_u64(counted(FOS_C_mss_clamped), 2 * lowered, "tcp.mss %s: counted", c->what);
		W.taken = W.nr_out;
		data(0, text, 700, 0);
		for (uint32_t k = 0; k < 4; k++)
			edit(0, 100 + k, 0, stuffing);
		release_to(0, 700);
		run();
		look(&s, 0, 0);
		ok(s.bytes == 700 + 4 * 255 && s.largest <= c->want,
		   "tcp.mss %s: what the box builds keeps to it", c->what);
		world_stop();
	}
}

/* ------------------------------------------------------------------ path MTU messages */

/* Three whole packets of 900 bytes leave; the router behind takes 700 (v6: 1280 is the least). */
static void three_leave(bool v6, bool edited)
{
	world_start(true, false, v6);
	handshake();
	W.taken = W.nr_out;
	if (edited)
		edit(0, 5, 0, "hello");
	for (uint32_t i = 0; i < 3; i++)
		data(0, text + 900 * i, 900, 0);
	release_to(0, 2700);
	run();
}

static void test_unedited(void)
{
	struct out_packet *o, *back;
	struct seen s;

	three_leave(false, false);
	next_out();
	o = next_out();
	W.taken = W.nr_out;
	too_big(o, 700);
	run();
	back = next_out();
	ok(back && back->port == 0 && back->m.flags & FOS_PKT_ICMP_ERROR, "the message goes on");
	is_u64(back ? (uint32_t)quoted_pos(back) : 0, 900, "quoting what the sender sent");
	expect_nothing("the sender resends by itself");
	is_u64(counted(FOS_C_mtu_learnt), 1, "it is taken to heart");
	/* the sender sends again in smaller segments */
	send_desc(FOS_DESC_REXMIT, 0, make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, text, 660), 0,
		  660);
	W.now += 20000000;
	run();
	look(&s, 0, 0);
	is_u64(s.largest_ip, 700, "what is resent fits the path");
	ok(s.bytes == 660 && !memcmp(s.data, text, 660), "and is what was asked for");
	send_desc(FOS_DESC_REXMIT, 0, make_packet(0, ACK, ISN0 + 661, ISN1 + 1, 5000, text, 660), 660,
		  2040);
	W.now += 20000000;
	run();
	look(&s, 0, 660);
	ok(s.bytes == 2040 && !memcmp(s.data, text + 660, 2040) && s.in_order,
	   "the rest is resent in its order");
	is_u64(s.largest_ip, 700, "all of it cut");
	/* a packet that comes too large for the path is cut at once */
	data(0, text, 900, 0);
	release_to(0, 3600);
	run();
	look(&s, 0, 2700);
	ok(s.bytes == 900 && s.largest_ip == 700 && s.psh == 1 && s.last_psh,
	   "what comes too large later leaves cut");
	/* acknowledged: all frames come back */
	acked(1, 3600, 5000);
	run();
	run();
	is_u64(W.e->tcbs[0].nr_seg, 0, "acknowledged: nothing is kept");
	is_u64(W.e->st->nr_retained, 0, "and nothing counted as kept");
	all_sound("path MTU");
	world_stop();
}

static void test_edited(bool v6)
{
	struct out_packet *o;
	struct seen s;

	three_leave(v6, true);
	W.w.dir->port[1].mtu = 1500;
	o = next_out();
	W.taken = W.nr_out;
	too_big(o, v6 ? 800 : 700);
	run();
	if (v6) {
		/* RFC 8201: never below 1280, which these fit */
		is_u64(W.e->mores[0].pmtu, 1280, "IPv6: no less than 1280 is believed");
		world_stop();
		return;
	}
	ok(W.nr_out - W.taken > 1, "edited: the box resends");
	look(&s, 0, 0);
	is_u64(s.bytes, 2705, "edited: all that was too long");
	is_u64(s.largest_ip, 700, "edited: cut to the path");
	ok(s.in_order && !memcmp(s.data, text, 5) && !memcmp(s.data + 5, "hello", 5) &&
		   !memcmp(s.data + 10, text + 5, 2695),
	   "edited: with its own bytes");
	all_sound("edited");
	acked(1, 2705, 5000);
	run();
	is_u64(W.e->st->nr_retained, 0, "edited: acknowledged, nothing is kept");
	world_stop();
}

static const struct message {
	const char *what;
	uint32_t mtu;
	uint32_t known; /* afterwards; packets of 940 bytes are quoted */
	bool df;        /* on segments that the box makes then */
} messages[] = {
	{"a size that fits", 940, 0, true},
	{"a larger size", 1400, 0, true},
	{"a smaller size", 900, 900, true},
	{"a very small one", 100, 552, false},
	{"none (an old router)", 0, 552, false}, /* the plateau below 940 is 508 */
};

static void test_messages(void)
{
	for (uint32_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct message *m = &messages[i];
		struct out_packet *o;

		three_leave(false, false);
		too_big(next_out(), m->mtu);
		run();
		is_u64(W.e->mores[0].pmtu, m->known, "a message with %s", m->what);
		W.taken = W.nr_out;
		data(0, text, 100, 0);
		edit(0, 2750, 0, "x");
		release_to(0, 2800);
		run();
		o = next_out();
		ok(o && !!(o->bytes[14 + 6] & 0x40) == m->df, "%s: DF %s", m->what,
		   m->df ? "stays" : "is cleared: routers may fragment");
		world_stop();
	}
}

/* ------------------------------------------------------------------ paths that shrink, at random */

#define STREAM 60000u

struct path {
	uint64_t seed;
	uint32_t mtu; /* of the link behind the box */
	bool v6, edited;
	char want[STREAM], got[STREAM];
	bool has[STREAM];
	uint32_t len, in, acked;
	uint32_t too_large, wrong;
};

static struct path P;

/* Packets of random sizes, most of them edited somewhere. */
static void feed(uint32_t packets)
{
	for (uint32_t i = 0; i < packets; i++) {
		uint32_t n = 50 + (uint32_t)world_below(&P.seed, 1350), at, del, ins;
		char chunk[1400];

		for (uint32_t k = 0; k < n; k++)
			chunk[k] = (char)('a' + world_below(&P.seed, 26));
		data(0, chunk, n, 0);
		at = (uint32_t)world_below(&P.seed, n);
		del = P.edited ? (uint32_t)world_below(&P.seed, n - at) : 0;
		ins = P.edited ? (uint32_t)world_below(&P.seed, 255) : 0;
		memcpy(P.want + P.len, chunk, at);
		memcpy(P.want + P.len + at, stuffing, ins);
		memcpy(P.want + P.len + at + ins, chunk + at + del, n - at - del);
		if (P.edited)
			edit(0, P.in + at, del, stuffing + 255 - ins);
		P.len += n + ins - del;
		P.in += n;
		release_to(0, P.in);
	}
}

/* What left meets the narrow link: too large ones are told of (mostly), of the rest some are lost. */
static void transmit(void)
{
	struct out_packet *o;

	run();
	while ((o = next_out()) != NULL) {
		uint32_t pos = o->seq - ISN0 - 1, n = o->m.payload_len;

		if (o->port != 1 || !(o->m.flags & FOS_PKT_TCP))
			continue;
		P.wrong += o->m.csum != FOS_CSUM_VALID || pos + n > P.len;
		if (o->m.l3_len > P.mtu) {
			P.too_large++;
			if (world_below(&P.seed, 4))
				too_big(o, P.mtu);
		} else if (world_below(&P.seed, 10) && pos + n <= P.len) {
			memcpy(P.got + pos, o->payload, n);
			memset(P.has + pos, true, n);
		}
	}
	while (P.acked < P.len && P.has[P.acked])
		P.acked++;
	acked(1, P.acked, 60000);
	run();
}

static bool shrink(uint64_t seed)
{
	static const uint32_t mtus[] = {1500, 1400, 1300, 900, 600, 552};
	uint32_t last = 0;

	memset(&P, 0, sizeof(P));
	P.seed = seed;
	P.v6 = world_below(&P.seed, 2);
	P.edited = world_below(&P.seed, 4);
	P.mtu = 1500;
	world_start(true, false, P.v6);
	W.ts[0] = W.ts[1] = world_below(&P.seed, 2) ? 1000 : 0;
	handshake();
	W.taken = W.nr_out;
	for (uint32_t round = 0; round < 600 && (round < 8 || P.acked < P.len); round++) {
		if (round < 8)
			feed(1 + (uint32_t)world_below(&P.seed, 4));
		if (world_below(&P.seed, 3) == 0 && last + 1 < (P.v6 ? 3 : 6))
			P.mtu = mtus[++last];
		transmit();
		W.now += 400000000;
		/* a sender that knows the path sends again what it misses */
		if (!P.edited && P.acked < P.len)
			send_desc(FOS_DESC_REXMIT, 0, FOS_NONE, P.acked,
				  P.len - P.acked < 500 ? P.len - P.acked : 500);
	}
	transmit();
	run();
	return P.acked == P.len && !P.wrong && !memcmp(P.got, P.want, P.len) &&
	       W.e->st->nr_retained == 0 && W.e->tcbs[0].nr_seg == 0;
}

static void test_random(uint64_t first, uint32_t runs)
{
	uint64_t recut = 0, large = 0;
	uint32_t bad = 0;

	for (uint64_t seed = first; seed < first + runs; seed++) {
		if (!shrink(seed)) {
			diag("seed %llu: %u of %u bytes acknowledged, %u wrong packets, %llu kept "
			     "(run again: test_mtu SEED)", (unsigned long long)seed, P.acked, P.len,
			     P.wrong, (unsigned long long)W.e->st->nr_retained);
			bad++;
		}
		recut += counted(FOS_C_segments_recut);
		large += P.too_large;
		world_stop();
	}
	is_u64(bad, 0, "%u paths that shrink under edits and loss, from seed %llu: all bytes arrive", runs,
	       (unsigned long long)first);
	ok(runs < 100 || (recut > runs && large > runs), "where much was too large and cut anew");
}

int main(int argc, char **argv)
{
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	memset(stuffing, '#', 255);
	if (argc > 1) {
		test_random(strtoull(argv[1], NULL, 0), 1);
		return done();
	}
	test_random(1, 1000);
	test_growth();
	test_clamp();
	test_unedited();
	test_edited(false);
	test_edited(true);
	test_messages();
	return done();
}
