/* egress over a box in memory: packets in from the classifier, edits from a PM, packets out */
#include "tests/tap.h"
#include "tests/unit/egress_play.h"

static void test_untouched(void)
{
	uint32_t frame, n, home;
	uint8_t before[128];

	world_start(false, false, false);
	handshake();
	is_u64(W.nr_out, 3, "the handshake passes");
	W.taken = W.nr_out;
	home = frames_home();
	frame = data(0, "hello", 5, 0);
	n = fos_box_meta(&W.w.box, frame)->len;
	memcpy(before, fos_box_frame(&W.w.box, frame) + FOS_FRAME_DATA_OFF, n);
	/* what differs from the original is only the window: the newest one counts */
	run();
	expect(0, 0, "hello", "an untouched segment leaves");
	ok(memcmp(W.out[W.nr_out - 1].bytes, before, 34) == 0, "with its own link and IP header");
	is_u64(W.w.box.outs[0].pos[0], 5, "its position is published");
	is_u64(frames_home(), home, "its frame is kept");
	acked(1, 5, 60000);
	run();
	is_u64(frames_home(), home + 1, "until it is acknowledged; then it goes home");
	is_u64(W.p.counter[FOS_C_segments_built], 0, "nothing was copied");
	all_sound("untouched");
	world_stop();
}

static void test_edits(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "keep AD keep", 12, 0);
	data(0, "second", 6, 0);
	run();
	expect_nothing("nothing leaves before the PM has released it");
	edit(0, 5, 3, "");
	release_to(0, 12);
	run();
	expect(0, 0, "keep keep", "a deletion makes the segment shorter");
	expect_nothing("and what is not released stays");
	release_to(0, 18);
	run();
	expect(0, 9, "second", "the next one moves down in sequence");
	control(1, ACK, 0, 9, 60000);
	run();
	expect_ack(1, 0, 12, "its acknowledgement covers what was deleted");
	control(1, ACK, 0, 7, 60000);
	run();
	expect_ack(1, 0, 12, "an old one says the newest");
	data(0, "xyz", 3, 0);
	edit(0, 19, 0, "INSERTED");
	release_to(0, 21);
	run();
	expect(0, 15, "xINSERTEDyz", "an insertion makes it longer");
	control(1, ACK, 0, 15, 60000);
	run();
	expect_ack(1, 0, 18, "acknowledged up to before it");
	control(1, ACK, 0, 20, 60000);
	run();
	expect_ack(1, 0, 19, "inside the insertion: the byte before it");
	control(1, ACK, 0, 22, 60000);
	run();
	expect_nothing("further inside it: nothing new for the sender");
	control(1, ACK, 0, 26, 60000);
	run();
	expect_ack(1, 0, 21, "and after it everything");
	is_u64(W.p.counter[FOS_C_bytes_deleted], 3, "deleted bytes are counted");
	is_u64(W.p.counter[FOS_C_bytes_inserted], 8, "inserted bytes are counted");
	all_sound("edits");
	world_stop();
}

static void test_all_deleted(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "gone", 4, 0);
	edit(0, 0, 4, "");
	release_to(0, 4);
	run();
	expect_ack(1, 0, 4, "where everything is deleted the box acknowledges");
	expect_nothing("and nothing leaves");
	is_u64(W.p.counter[FOS_C_acks_made], 1, "which is counted");
	data(0, "more", 4, 0);
	release_to(0, 8);
	run();
	expect(0, 0, "more", "the next byte is the first of the output");
	all_sound("deleted");
	world_stop();
}

static void test_resend(void)
{
	uint32_t frame;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "AAAA", 4, 0);
	data(0, "BBBB", 4, 0);
	edit(0, 2, 0, "--");
	release_to(0, 4);
	run();
	expect(0, 0, "AA--AA", "first segment, edited");
	frame = make_packet(0, ACK, ISN0 + 1 + 4, ISN1 + 1, 5000, "ZZZZ", 4);
	send_desc(FOS_DESC_REXMIT, 0, frame, 4, 4);
	run();
	expect_nothing("a retransmission of what is in the pipeline is dropped");
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, "ZZZZ", 4);
	send_desc(FOS_DESC_REXMIT, 0, frame, 0, 4);
	run();
	expect(0, 0, "AA--AA", "of what was sent: the box sends its own copy");
	acked(1, 6, 60000);
	run();
	expect_nothing("(acknowledged)");
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, "ZZZZ", 4);
	send_desc(FOS_DESC_REXMIT, 0, frame, 0, 4);
	run();
	expect_ack(1, 0, 4, "of what was acknowledged: the box answers");
	is_u64(W.p.counter[FOS_C_segments_resent], 1, "one segment was sent again");
	release_to(0, 8);
	run();
	expect(0, 6, "BBBB", "and the stream goes on");
	W.now += 3000000000ull;
	run();
	expect(0, 6, "BBBB", "unanswered, an edited flow's segment is sent again by the timer");
	W.now += 1000000000ull;
	run();
	expect_nothing("the next time after twice as long");
	W.now += 3000000000ull;
	run();
	expect(0, 6, "BBBB", "then again");
	all_sound("resend");
	world_stop();
}

/* ... and let the box's own acknowledgement of it leave. */
static void acknowledge_later(uint64_t pos)
{
	acked(1, pos, 60000);
	run();
	W.now += 2000000;
	run();
	W.taken = W.nr_out;
}

/* Several are lost on the receiver's side at once: the timer finds the first, each acknowledgement
 * the next one; and the wait does not count as a round trip. */
static void test_recover(void)
{
	world_start(true, false, false);
	handshake();
	data(0, "AAAA", 4, 0);
	edit(0, 2, 0, "--");
	release_to(0, 4);
	run();
	acknowledge_later(6); /* a first measure of the path: nothing */
	data(0, "BBBB", 4, 0);
	data(0, "CCCC", 4, 0);
	data(0, "DDDD", 4, 0);
	release_to(0, 16);
	run();
	expect(0, 6, "BBBB", "three segments leave (1)");
	expect(0, 10, "CCCC", "three segments leave (2)");
	expect(0, 14, "DDDD", "three segments leave (3)");
	W.now += 3000000000ull;
	run();
	expect(0, 6, "BBBB", "nothing comes: the first is sent again");
	acked(1, 10, 60000);
	run();
	expect(0, 10, "CCCC", "its acknowledgement asks for the next");
	acked(1, 18, 60000);
	run();
	expect_nothing("all is there");
	acknowledge_later(18);
	data(0, "EEEE", 4, 0);
	release_to(0, 20);
	run();
	expect(0, 18, "EEEE", "(another)");
	W.now += 300000000ull;
	run();
	expect(0, 18, "EEEE", "the timer is as short as before");
	all_sound("recover");
	world_stop();
}

static void test_close(void)
{
	uint32_t home;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	home = frames_home();
	data(0, "abcXX", 5, 0);
	fin(0, 0);
	edit(0, 3, 2, "");
	release_to(0, 5);
	run();
	expect(0, 0, "abc", "the last bytes leave");
	ok(W.out[W.nr_out - 1].tcp[13] & FIN, "with the FIN on them");
	control(1, ACK, 0, 4, 60000);
	run();
	expect_ack(1, 0, 6, "the FIN's acknowledgement counts one in both numberings");
	fin(1, 6);
	run();
	release_to(1, 0);
	run();
	is_packet(next_out(), 1, 0, "", "the other direction's FIN");
	ok(W.out[W.nr_out - 1].tcp[13] & FIN, "is one");
	is_u64(W.out[W.nr_out - 1].ack, (uint32_t)(ISN0 + 1 + 6), "and acknowledges the first");
	is_u64(W.w.box.outs[0].done, 0, "not done before it is acknowledged");
	control(0, ACK, 6, 1, 60000);
	run();
	expect_ack(0, 4, 1, "the last acknowledgement passes");
	is_u64(W.w.box.outs[0].done, FOS_OUT_DONE, "then the flow is done");
	is_u64(W.w.box.outs[1].done, FOS_OUT_DONE, "and its peer");
	run();
	is_u64(frames_home() - home, W.next_frame - first_frame - home,
	       "and every frame has gone home");
	all_sound("close");
	world_stop();
}

static void test_window(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	acked(1, 0, 10);
	control(1, ACK, 0, 0, 10);
	run();
	W.taken = W.nr_out;
	/* the edge never recedes: the handshake's 60000 stands; use a fresh connection's edge */
	is_u64(W.e->tcbs[0].edge, 60000, "the right edge is not shrunk");
	W.e->tcbs[0].edge = 10;
	data(0, "0123456789", 10, 0);
	edit(0, 0, 0, "AAAAA");
	release_to(0, 10);
	run();
	expect(0, 0, "AAAAA", "where the window would cut a packet in two, it waits");
	expect_nothing("in the pipeline");
	acked(1, 5, 5);
	run();
	expect(0, 5, "01234", "with nothing left to wait for, the window is filled");
	expect_nothing("and no more leaves than the receiver has room for");
	control(1, ACK, 0, 10, 100);
	run();
	expect_ack(1, 0, 5, "the acknowledgement is passed on");
	expect(0, 10, "56789", "and opens the window for the rest");
	all_sound("window");
	world_stop();
}

static void test_growth(void)
{
	char big[1001], ins[200];
	struct out_packet *o;
	uint32_t total = 0, n = 0, psh = 0;

	memset(big, 'b', 1000);
	memset(ins, 'i', sizeof(ins) - 1);
	ins[sizeof(ins) - 1] = 0;
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, big, 1000, 0);
	edit(0, 500, 0, ins);
	release_to(0, 1000);
	run();
	while ((o = next_out())) {
		ok(o->m.payload_len <= 1000, "no segment is beyond the receiver's MSS");
		ok(o->seq == ISN0 + 1 + total, "segments follow one another");
		total += o->m.payload_len;
		psh += (o->tcp[13] & PSH) != 0;
		n++;
	}
	is_u64(total, 1199, "all bytes leave");
	is_u64(n, 2, "in two segments");
	is_u64(psh, 1, "PSH is on the last only");
	ok(W.out[W.nr_out - 1].tcp[13] & PSH, "on the last");
	is_u64(W.p.counter[FOS_C_segments_built], 2, "which are counted as built");
	all_sound("growth");
	world_stop();
}

static void test_made_packets(bool v6, bool vlan, bool ts)
{
	struct out_packet *o;
	char what[64];

	snprintf(what, sizeof(what), "IPv%d%s%s", v6 ? 6 : 4, vlan ? ", VLAN" : "",
		 ts ? ", timestamps" : "");
	world_start(true, false, v6);
	W.vlan = vlan;
	W.ts[0] = ts ? 1000 : 0;
	W.ts[1] = ts ? 9000 : 0;
	handshake();
	W.taken = W.nr_out;
	data(0, "abcdef", 6, 0);
	edit(0, 1, 1, "");
	release_to(0, 6);
	run();
	is_packet(o = next_out(), 0, 0, "acdef", what);
	if (o) {
		is_u64(o->m.flags & FOS_PKT_VLAN ? o->m.vlan_outer : 0, vlan ? 5 : 0,
		       "%s: tags as they came", what);
		is_u64(o->bytes[o->m.l3_off - FOS_FRAME_DATA_OFF + (v6 ? 7 : 8)], 61,
		       "%s: TTL as it came", what);
		is_u64(o->tcp[12] >> 4, ts ? 8 : 5, "%s: options as agreed", what);
		if (ts)
			is_u64((uint64_t)o->tcp[26] << 8 | o->tcp[27], 1002,
			       "%s: TSval of the packet whose bytes it carries", what);
	}
	all_sound(what);
	world_stop();
}

static void test_partial(void)
{
	world_start(false, false, false);
	handshake();
	W.partial = true;
	data(0, "partial checksum", 16, 0);
	run();
	all_sound("a field that held the pseudo-header sum");
	send_desc(FOS_DESC_FORWARD, FOS_NONE, make_packet(1, ACK, 1, 2, 3, "x", 1), 0, 0);
	run();
	is_u64(W.out[W.nr_out - 1].port, 0, "a packet without flow leaves by the wire's other end");
	all_sound("forwarded");
	world_stop();
}

static void test_ack_rides_on(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(1, "response", 8, 0);
	release_to(1, 8);
	run();
	expect(1, 0, "response", "(the server's bytes)");
	data(0, "held by the PM", 14, 8);
	acked(0, 8, 5000);
	run();
	expect_nothing("data is held, its acknowledgement waits a moment");
	W.now += 2000000;
	run();
	expect_ack(0, 0, 8, "then it goes ahead alone");
	release_to(0, 14);
	run();
	expect(0, 0, "held by the PM", "the data follows");
	world_stop();
}

static void test_out_of_order(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	send_desc(FOS_DESC_OOO, 0, FOS_NONE, 100, 50);
	run();
	expect_ack(1, 0, 0, "a hole before the box gives the sender a duplicate ACK");
	expect_nothing("one");
	world_stop();
}

/* A PM that moves a flow where there is one pipeline is passed over from there on. */
static void test_moved_nowhere(void)
{
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	is_u64(W.w.box.egr->routes_off, 0, "one pipeline: there is no room for routes");
	data(0, "first", 5, 0);
	data(0, "second", 6, 0);
	pubs[0].verdict = FOS_VERDICT_MOVE;
	pubs[0].flags = FOS_PM_CLOSED | 1u << FOS_PM_MOVE_SHIFT;
	release_to(0, 5);
	run();
	expect(0, 0, "first", "what it had released leaves");
	hint(0);
	run();
	expect(0, 5, "second", "the rest goes on without it");
	is_u64(W.p.counter[FOS_C_pm_rules_broken], 1, "which is counted");
	is_u64(W.w.box.egr->nr_routes, 0, "nothing was written");
	all_sound("moved nowhere");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	test_untouched();
	test_edits();
	test_all_deleted();
	test_resend();
	test_recover();
	test_close();
	test_window();
	test_growth();
	for (int i = 0; i < 8; i++)
		test_made_packets(i & 1, i & 2, i & 4);
	test_partial();
	test_ack_rides_on();
	test_out_of_order();
	test_moved_nowhere();
	free(W.out);
	return done();
}
