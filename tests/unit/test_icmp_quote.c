/* ICMP errors of edited and translated connections: what they quote is shown to the sender in its own
 * numbers and addresses; what cannot be about something in flight is dropped (RFC 5927). */
#include "tests/unit/egress_icmp.h"

static char text[3000];

static uint64_t dropped(void)
{
	return W.p.counter[FOS_C_drop_icmp_quote];
}

/* Flow 0 carries 300 bytes in three packets; before the second 20 bytes are inserted, from the third
 * 50 deleted: output [0,100) [100,220) in two, [220,270).  Flow 1 carried 40 bytes, 10 of which
 * were deleted: what the client acknowledges as 30 the server knows as 40. */
static void edited_connection(bool v6, bool vlan)
{
	world_start(true, false, v6);
	W.vlan = vlan;
	handshake();
	data(1, text, 40, 0);
	edit(1, 10, 10, "");
	release_to(1, 40);
	run();
	control(0, ACK, 0, 30, 60000);
	run();
	W.taken = W.nr_out;
	edit(0, 100, 0, "twenty bytes more...");
	edit(0, 200, 50, "");
	for (uint32_t i = 0; i < 3; i++)
		data(0, text + 100 * i, 100, 30);
	release_to(0, 300);
	run();
}

/* The packet that left with the byte at output position pos. */
static struct out_packet *packet_at(uint32_t pos)
{
	for (uint32_t i = W.taken; i < W.nr_out; i++) {
		uint32_t at = W.out[i].seq - ISN0 - 1;

		if (W.out[i].port == 1 && at <= pos && pos < at + W.out[i].m.payload_len)
			return &W.out[i];
	}
	return NULL;
}

/* What an error about output position `pos` quotes after the box. */
static const struct row {
	uint32_t pos;
	int32_t want; /* input position */
	const char *what;
} rows[] = {
	{0, 0, "before any edit"},
	{50, 50, "inside what was not edited"},
	{100, 100, "at an insertion"},
	{110, 100, "inside inserted bytes: before them"},
	{120, 100, "after the insertion"},
	{219, 199, "just before a deletion"},
	{220, 250, "after a deletion"},
	{270, 300, "right of all that was sent: a bare acknowledgement"},
};

/* Error types that carry a quotation, and the word behind the checksum. */
static const struct kind {
	uint8_t type4, code4, type6, code6;
	uint32_t word;
	const char *what;
} kinds[] = {
	{3, 1, 1, 3, 0, "host unreachable"},
	{3, 3, 1, 4, 0, "port unreachable"},
	{11, 0, 3, 0, 0, "time exceeded"},
	{12, 0, 4, 0, 0, "parameter problem"},
	{3, 4, 2, 0, 1400, "too big"},
};

/* Makes the error about `pos` by changing the sequence number of a packet that left. */
static struct out_packet *answer(const struct out_packet *like, uint32_t pos, const struct kind *k)
{
	static struct out_packet o;

	o = *like;
	o.tcp = o.bytes + (like->tcp - like->bytes);
	fos_put32(o.tcp + 4, ISN0 + 1 + pos);
	W.taken = W.nr_out;
	icmp_error(&o, W.v6 ? k->type6 : k->type4, W.v6 ? k->code6 : k->code4, k->word, 20);
	run();
	return next_out();
}

static void test_table(bool v6, bool vlan)
{
	const char *net = v6 ? "IPv6" : vlan ? "IPv4, VLAN" : "IPv4";
	struct out_packet *like, *o;

	edited_connection(v6, vlan);
	like = packet_at(0);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kind *k = &kinds[i % (sizeof(kinds) / sizeof(kinds[0]))];

		o = answer(like, rows[i].pos, k);
		if (!ok(o && o->port == 0 && quoted_pos(o) == rows[i].want && quoted_ack(o) == 30,
			"%s, %s, %s: %u is shown as %d", net, k->what, rows[i].what, rows[i].pos,
			rows[i].want) && o)
			diag("got %d, acknowledging %d", quoted_pos(o), quoted_ack(o));
		ok(o && o->m.csum == FOS_CSUM_VALID && !(o->m.flags & FOS_PKT_IP_BAD) &&
			   !!(o->m.flags & FOS_PKT_VLAN) == vlan,
		   "%s: its checksum is right, its tag stays", net);
	}
	is_u64(dropped(), 0, "%s: none of them was refused", net);
	world_stop();
}

static void test_refused(void)
{
	static const struct {
		uint32_t pos;
		const char *what;
	} bad[] = {
		{99, "acknowledged already"},
		{271, "never sent"},
		{100000, "far away"},
		{0x80000000u, "on the other side of the world"},
	};
	struct out_packet *like;

	edited_connection(false, false);
	like = packet_at(0);
	acked(1, 100, 5000);
	run();
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(answer(like, bad[i].pos, &kinds[4]) == NULL, "quoting what is %s: dropped",
		   bad[i].what);
		is_u64(dropped(), i + 1, "and counted");
	}
	is_u64(W.e->mores[0].pmtu, 0, "nothing was learnt from them");
	ok(answer(like, 100, &kinds[0]) != NULL, "the byte at snd_una is in flight");
	frames_home();
	is_u64(W.e->st->nr_in_tx, 0, "no frame is left behind");
	world_stop();
}

/* An error about the SYN quotes the number before the first byte. */
static void test_syn(void)
{
	struct out_packet *o;
	uint32_t frame;

	world_start(true, false, false);
	frame = make_packet(0, SYN, ISN0, 0, 60000, NULL, 0);
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	run();
	o = next_out();
	world_flow(&W.w, 1)->gen = GEN;
	icmp_error(o, 3, 1, 0, 8);
	run();
	o = next_out();
	ok(o && o->port == 0 && quoted_pos(o) == -1, "an error about the SYN reaches its sender");
	world_stop();
}

/* Eight bytes of TCP are enough, more are translated too: also the quoted checksum stays right. */
static void test_lengths(void)
{
	struct out_packet *like, *o;
	uint8_t *q;

	edited_connection(false, false);
	like = packet_at(230);
	W.taken = W.nr_out;
	icmp_error(like, 11, 0, 0, 8);
	run();
	o = next_out();
	ok(o && quoted_pos(o) == 250, "8 bytes quoted: the number is translated");
	icmp_error(like, 11, 0, 0, 20 + like->m.payload_len);
	run();
	o = next_out();
	q = o ? o->bytes + 14 + 28 : NULL;
	ok(o && fos_csum_ipv4_ok(q, 20) &&
		   fos_csum_finish(fos_csum_pseudo4(q + 12, q + 16, 6, like->m.l3_len - 20), q + 20,
				   like->m.l3_len - 20) == 0,
	   "all of it quoted: the quoted packet's own checksum is right in the sender's numbers");
	world_stop();
}

/* ------------------------------------------------------------------ with address translation */

static void rewrite(uint32_t dir, struct fos_rewrite rw)
{
	rw.flow_gen = GEN;
	((struct fos_rewrite *)(uintptr_t)W.w.box.pm_rewrites[0])[dir] = rw;
	pubs[dir].flags |= FOS_PM_REWRITE;
	release_to(dir, pubs[dir].head);
}

static void test_nat(bool v6)
{
	struct fos_rewrite out = {.sport = 5555, .mask = FOS_RW_SRC_ADDR | FOS_RW_SRC_PORT};
	struct fos_rewrite in = {.dport = 1000, .mask = FOS_RW_DST_ADDR | FOS_RW_DST_PORT};
	struct out_packet *o;
	uint8_t *q;

	rewriting = true;
	world_start(true, false, v6);
	rewriting = false;
	memcpy(out.src, W.w.box.flows[0].src, 16);
	out.src[15] = 77;
	memcpy(in.dst, W.w.box.flows[0].src, 16);
	handshake();
	rewrite(0, out);
	rewrite(1, in);
	W.taken = W.nr_out;
	edit(0, 0, 10, "");
	data(0, text, 100, 0);
	release_to(0, 100);
	run();
	o = next_out();
	ok(o && o->tcp[0] == 5555 >> 8 && o->tcp[1] == (5555 & 255) && o->m.csum == FOS_CSUM_VALID,
	   "the packet leaves translated, without its first ten bytes");
	if (!o)
		return;
	W.taken = W.nr_out;
	too_big(o, v6 ? 1280 : 1000);
	icmp_error(o, v6 ? 1 : 3, v6 ? 4 : 3, 0, 20 + o->m.payload_len);
	run();
	next_out();
	o = next_out();
	q = o ? o->bytes + o->m.l4_off - FOS_FRAME_DATA_OFF + 8 : NULL;
	ok(o && !memcmp(q + (v6 ? 8 : 12), in.dst + (v6 ? 0 : 12), v6 ? 16 : 4) &&
		   q[v6 ? 40 : 20] == 1000 >> 8 && q[v6 ? 41 : 21] == (1000 & 255),
	   "the error quotes the sender's own address and port");
	ok(o && quoted_pos(o) == 10, "and its own number");
	is_u64(o ? o->m.csum : 0, FOS_CSUM_VALID, "with right checksum");
	q += v6 ? 40 : 20;
	ok(o && fos_csum_finish(v6 ? fos_csum_pseudo6(q - 32, q - 16, 6, 110) :
				     fos_csum_pseudo4(q - 8, q - 4, 6, 110), q, 110) == 0,
	   "and right quoted checksum");
	world_stop();
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	test_table(false, false);
	test_table(false, true);
	test_table(true, false);
	test_refused();
	test_syn();
	test_lengths();
	test_nat(false);
	test_nat(true);
	return done();
}
