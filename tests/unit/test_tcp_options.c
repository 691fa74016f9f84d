/* Options and urgent pointers that must not pass as they are: crafted packets into egress, the packets
 * that leave against what the table says. */
#include "tests/tap.h"
#include "tests/unit/egress_play.h"

enum { URG = 32, SYN_HEAD = 24 /* with the MSS option of make_packet() */ };

/* Turns the first n payload bytes of a frame's packet into options (n a multiple of 4). */
static void into_options(uint32_t frame, uint32_t n, uint16_t urg)
{
	static const uint64_t key[2] = { 1, 2 };
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame), was = *m;
	uint8_t *base = (uint8_t *)m, *t = base + m->l4_off, *ip = base + m->l3_off;
	uint32_t len = (uint32_t)m->l3_off + m->l3_len - m->l4_off;
	uint64_t pseudo = W.v6 ? fos_csum_pseudo6(ip + 8, ip + 24, 6, len) :
				 fos_csum_pseudo4(ip + 12, ip + 16, 6, (uint16_t)len);

	t[12] = (uint8_t)(t[12] + (n / 4 << 4));
	if (urg) {
		t[13] |= URG;
		fos_put16(t + 18, urg);
	}
	fos_csum_transport_set(pseudo, 6, t, len);
	memset(m, 0, sizeof(*m));
	m->data_off = was.data_off;
	m->len = m->orig_len = was.len;
	m->link = was.link;
	m->port = was.port;
	m->time_ns = was.time_ns;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
}

/* ------------------------------------------------------------------ options of a SYN */

static const struct {
	const char *what;
	const char *in;
	const char *out; /* under `mptcp: strip` */
	uint32_t len;
	const char *payload;
} table[] = {
	{ "MP_CAPABLE is taken out", "\x1e\x04\x01\x81", "\x01\x01\x01\x01", 4, "" },
	{ "MP_JOIN is taken out",
	  "\x1e\x0c\x10\x00\x11\x22\x33\x44\x55\x66\x77\x88",
	  "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 12, "" },
	{ "a Fast Open request is taken out", "\x22\x02\x01\x01", "\x01\x01\x01\x01", 4, "" },
	{ "a Fast Open cookie is taken out, and the data of the SYN",
	  "\x22\x0a""cookie42\x01\x01", "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 12,
	  "early" },
	{ "the experimental form of it too", "\xfe\x04\xf9\x89", "\x01\x01\x01\x01", 4, "data" },
	{ "data of a SYN without Fast Open is taken out", "\x04\x02\x01\x01", "\x04\x02\x01\x01", 4,
	  "ignored by every receiver" },
	{ "other experiments stay", "\xfe\x04\x12\x34", "\xfe\x04\x12\x34", 4, "" },
	{ "SACK-permitted, scale and a NOP stay", "\x04\x02\x01\x03\x03\x07\x01\x01",
	  "\x04\x02\x01\x03\x03\x07\x01\x01", 8, "" },
	{ "between others it leaves a gap of NOPs", "\x04\x02\x1e\x04\x01\x81\x01\x01",
	  "\x04\x02\x01\x01\x01\x01\x01\x01", 8, "" },
	{ "behind the end of options nothing is read", "\x00\x1e\x04\x01", "\x00\x1e\x04\x01", 4, "" },
	{ "one with a length that runs out of the header too", "\x1e\x09\x01\x81", "\x01\x01\x01\x01", 4,
	  "" },
	{ "a length of nothing too, whatever follows", "\x05\x00\x04\x02", "\x01\x01\x01\x01", 4, "" },
	{ "a scale of a wrong length is none", "\x03\x04\x07\x07", "\x01\x01\x01\x01", 4, "" },
	{ "nor has a SYN anything to tell by SACK blocks",
	  "\x01\x01\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02",
	  "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 12, "" },
};

static void one_syn(uint32_t i, bool v6, bool partial)
{
	char bytes[64];
	uint32_t n = table[i].len, more = (uint32_t)strlen(table[i].payload), frame;
	struct out_packet *o;

	world_start(false, false, v6);
	W.partial = partial;
	memcpy(bytes, table[i].in, n);
	memcpy(bytes + n, table[i].payload, more);
	frame = make_packet(0, SYN, ISN0, 0, 60000, bytes, n + more);
	into_options(frame, n, 0);
	if (partial)
		fos_box_meta(&W.w.box, frame)->csum = FOS_CSUM_PARTIAL;
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	o = next_out();
	ok(o && o->m.payload_len == 0 && o->seq == ISN0 &&
		   memcmp(o->tcp + SYN_HEAD, table[i].out, n) == 0,
	   "%s (IPv%d%s)", table[i].what, v6 ? 6 : 4, partial ? ", partial checksum" : "");
	expect_nothing("and nothing else leaves");
	all_sound(table[i].what);
	world_stop();
}

static void test_pass(void)
{
	struct out_packet *o;
	uint32_t frame;

	world_start(false, false, false);
	W.w.dir->tcp_mptcp_pass = 1;
	frame = make_packet(0, SYN, ISN0, 0, 60000, "\x1e\x04\x01\x81", 4);
	into_options(frame, 4, 0);
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	o = next_out();
	ok(o && memcmp(o->tcp + SYN_HEAD, "\x1e\x04\x01\x81", 4) == 0,
	   "with `mptcp: pass` the option stays");
	is_u64(W.p.counter[FOS_C_mptcp_stripped], 0, "and none is counted");
	all_sound("pass");
	world_stop();
}

/* A SYN that comes again without options does not take back what the first one offered. */
static void test_syn_again(void)
{
	uint32_t frame;

	world_start(true, false, false);
	memset(pubs, 0, sizeof(pubs));
	frame = make_packet(0, SYN, ISN0, 0, 60000, "\x01\x03\x03\x07", 4);
	into_options(frame, 4, 0);
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	frame = make_packet(0, SYN, ISN0, 0, 60000, NULL, 0);
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	is_u64(W.nr_out, 2, "both leave");
	frame = make_packet(1, SYN | ACK, ISN1, ISN0 + 1, 60000, "\x01\x03\x03\x07", 4);
	into_options(frame, 4, 0);
	world_flow(&W.w, 1)->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_ESTABLISHED;
	send_desc(FOS_DESC_TCP_CTL, 1, frame, 0, 0);
	control(0, ACK, 0, 0, 2);
	run();
	W.taken = W.nr_out;
	data(1, "0123456789", 10, 0);
	release_to(1, 10);
	run();
	expect(1, 0, "0123456789", "the window is scaled as the answer says");
	all_sound("again");
	world_stop();
}

/* ------------------------------------------------------------------ behind the handshake */

#define NOP4 "\x01\x01\x01\x01"
#define NOP12 NOP4 NOP4 NOP4

/* The server's ten bytes are under way, and the client sends this. */
static const struct {
	const char *what;
	bool sack; /* permitted by both */
	const char *in, *out; /* NULL = as they came */
	uint32_t len;
	uint32_t left, right; /* positions of the server's stream, behind the first four bytes of 12 */
} later[] = {
	{ "blocks of what has been sent stay", true, "\x01\x01\x05\x0a", NULL, 12, 5, 10 },
	{ "not where SACK was not permitted", false, "\x01\x01\x05\x0a", NOP12, 12, 5, 10 },
	{ "nor beyond what has been sent", true, "\x01\x01\x05\x0a", NOP12, 12, 5, 11 },
	{ "nor with their edges exchanged", true, "\x01\x01\x05\x0a", NOP12, 12, 10, 5 },
	{ "nor without a byte", true, "\x01\x01\x05\x0a", NOP12, 12, 5, 5 },
	{ "nor from the acknowledgement on", true, "\x01\x01\x05\x0a", NOP12, 12, 0, 5 },
	{ "nor of a length that is none", true, "\x05\x0b\x01\x01", NOP12, 12, 5, 10 },
	{ "a timestamp that nobody agreed on is taken out", true, "\x01\x01\x08\x0a", NOP12, 12, 5, 10 },
	{ "so is what belongs into a SYN: MSS", true, "\x02\x04\x00\x40", NOP4, 4, 0, 0 },
	{ "scale", true, "\x03\x03\x0e\x01", NOP4, 4, 0, 0 },
	{ "SACK-permitted", true, "\x01\x01\x04\x02", NOP4, 4, 0, 0 },
	{ "and what cannot be read", true, "\x3a\x10\x01\x01", NOP4, 4, 0, 0 },
	{ "options that nobody here knows stay", true, "\x1c\x04\x12\x34", NULL, 4, 0, 0 },
};

static void one_later(uint32_t i, bool with_data)
{
	uint8_t bytes[16] = { 0 }, want[12];
	uint32_t n = later[i].len, frame;
	struct out_packet *o;

	world_start(true, false, false);
	W.sack = later[i].sack;
	handshake();
	data(1, "0123456789", 10, 0);
	release_to(1, 10);
	run();
	W.taken = W.nr_out;
	memcpy(bytes, later[i].in, 4);
	memcpy(bytes + n, "data", 4);
	if (n == 12) {
		fos_put32(bytes + 4, ISN1 + 1 + later[i].left);
		fos_put32(bytes + 8, ISN1 + 1 + later[i].right);
	}
	memcpy(want, later[i].out ? (const void *)later[i].out : bytes, n);
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, bytes, n + (with_data ? 4 : 0));
	into_options(frame, n, 0);
	if (with_data) {
		append_piece(0, frame, 4, FOS_PIECE_WHOLE | FOS_PIECE_FIRST | FOS_PIECE_LAST);
		hint(0);
		release_to(0, 4);
	} else {
		send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	}
	run();
	o = next_out();
	ok(o && o->m.payload_len == (with_data ? 4 : 0) && o->tcp[12] >> 4 == 5 + n / 4 &&
		   memcmp(o->tcp + 20, want, n) == 0,
	   "%s (%s)", later[i].what, with_data ? "with data" : "an acknowledgement");
	/* and nothing has been learnt from it: what the box makes has no options */
	acked(0, 10, 6000);
	send_desc(FOS_DESC_CHALLENGE, 1, FOS_NONE, 0, 0);
	run();
	while ((o = next_out()) != NULL && o->port != 1)
		;
	ok(o && o->tcp[12] >> 4 == 5, "and an acknowledgement of the box carries none");
	all_sound(later[i].what);
	world_stop();
}

/* ------------------------------------------------------------------ urgent data */

/* Data "0123456789" whose urgent pointer says 4, behind an edit of what lies before it. */
static struct out_packet *urgent(bool translate, uint64_t at, uint64_t del, const char *ins)
{
	struct fos_flow *f;
	uint32_t frame;

	world_start(true, false, false);
	W.w.dir->tcp_urgent = translate;
	handshake();
	W.taken = W.nr_out;
	f = world_flow(&W.w, 0);
	frame = make_packet(0, ACK | PSH, ISN0 + 1, ISN1 + 1, 5000, "0123456789", 10);
	into_options(frame, 0, 4);
	append_piece(0, frame, 10, FOS_PIECE_WHOLE | FOS_PIECE_FIRST | FOS_PIECE_LAST);
	hint(0);
	if (del || *ins)
		edit(0, at, del, ins);
	release_to(0, f->app.tail);
	run();
	return next_out();
}

static void test_urgent(void)
{
	static const struct {
		const char *what;
		bool translate;
		uint64_t at, del;
		const char *ins;
		uint32_t pointer; /* 0 = flag and pointer are clear */
	} t[] = {
		{ "cleared in an untouched segment", false, 0, 0, "", 0 },
		{ "cleared in an edited one", false, 0, 2, "xyz", 0 },
		{ "translated: an untouched segment keeps it", true, 0, 0, "", 4 },
		{ "translated: two bytes fewer before it", true, 0, 2, "", 2 },
		{ "translated: three bytes more before it", true, 1, 0, "xyz", 7 },
		{ "translated: an edit behind it changes nothing", true, 5, 3, "xyz", 4 },
		{ "translated: a deleted byte is not urgent any more", true, 2, 3, "", 0 },
	};

	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct out_packet *o = urgent(t[i].translate, t[i].at, t[i].del, t[i].ins);

		if (!ok(o && ((o->tcp[13] & URG) != 0) == (t[i].pointer != 0) &&
				(uint32_t)(o->tcp[18] << 8 | o->tcp[19]) == t[i].pointer,
			"urgent data, %s", t[i].what) && o)
			diag("flags %02x pointer %u", o->tcp[13], o->tcp[18] << 8 | o->tcp[19]);
		all_sound("urgent");
		world_stop();
	}
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		one_syn(i, false, false);
		one_syn(i, true, false);
		one_syn(i, false, true);
	}
	for (uint32_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		one_later(i, false);
		one_later(i, true);
	}
	test_pass();
	test_syn_again();
	test_urgent();
	return done();
}
