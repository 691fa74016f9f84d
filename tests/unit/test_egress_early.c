/* Egress: segments of a side that no module reads, ahead of a hole (egress/early.h). */
#include "tests/tap.h"
#include "tests/unit/egress_play.h"

static uint32_t segment(uint64_t pos, const char *bytes)
{
	return make_packet(0, ACK | PSH, ISN0 + 1 + (uint32_t)pos, ISN1 + 1, 4321, bytes,
			   (uint32_t)strlen(bytes));
}

/* Bytes of the stream that have left already, in somebody else's frame by now. */
static void append_gone(uint32_t len)
{
	append_piece(0, 0, len, FOS_PIECE_GONE | FOS_PIECE_BORROWED);
	hint(0);
}

static void start(bool editor)
{
	world_start(editor, false, false);
	W.sack = true;
	handshake();
	W.taken = W.nr_out;
}

static void test_passes(void)
{
	uint32_t home;

	start(false);
	data(0, "abcd", 4, 0);
	run();
	expect(0, 0, "abcd", "in order");
	home = frames_home();
	send_desc(FOS_DESC_EARLY, 0, segment(6, "ghij"), 0, 0);
	run();
	expect(0, 6, "ghij", "ahead of a hole");
	is_u64(frames_home(), home + 1, "and is not kept");
	is_u64(W.w.box.outs[0].pos[0], 4, "the stream has not come there");
	expect_nothing("the box says nothing to its sender");
	W.nr_block = 1;
	W.block[0][0] = ISN0 + 1 + 6;
	W.block[0][1] = ISN0 + 1 + 10;
	control(1, ACK, 0, 4, 5000);
	W.nr_block = 0;
	run();
	expect_ack(1, 0, 4, "the receiver's word of the hole goes on");
	ok(W.out[W.taken - 1].m.len > 40 + 14, "with its block");
	send_desc(FOS_DESC_EARLY, 0, segment(6, "ghij"), 0, 0);
	run();
	expect(0, 6, "ghij", "again, as often as it comes");
	data(0, "ef", 2, 0);
	append_gone(4);
	run();
	expect(0, 4, "ef", "the hole is filled");
	expect_nothing("what has left does not leave again");
	is_u64(W.w.box.outs[0].pos[0], 10, "and is passed");
	send_desc(FOS_DESC_REXMIT, 0, segment(6, "ghij"), 6, 4);
	run();
	expect(0, 6, "ghij", "what comes again of it goes on");
	send_desc(FOS_DESC_REXMIT, 0, segment(4, "efgh"), 4, 4);
	run();
	expect(0, 4, "efgh", "and what is partly of it");
	control(1, ACK, 0, 10, 5000);
	run();
	expect_ack(1, 0, 10, "all is acknowledged");
	send_desc(FOS_DESC_REXMIT, 0, segment(6, "ghij"), 6, 4);
	run();
	expect_ack(1, 0, 10, "and what comes again then, too");
	all_sound("passes");
	world_stop();
}

/* The receiver may have it before the stream has come there; but not what never left. */
static void test_acknowledged(void)
{
	uint64_t bad;

	start(false);
	send_desc(FOS_DESC_EARLY, 0, segment(2, "cdef"), 0, 0);
	run();
	expect(0, 2, "cdef", "ahead of a hole");
	bad = W.p.counter[FOS_C_drop_tcp_ack];
	control(1, ACK, 0, 7, 5000);
	run();
	is_u64(W.p.counter[FOS_C_drop_tcp_ack], bad + 1, "more than has left cannot be acknowledged");
	control(1, ACK, 0, 6, 5000);
	run();
	expect_ack(1, 0, 6, "what has left can");
	data(0, "ab", 2, 0);
	append_gone(4);
	run();
	is_u64(W.w.box.outs[0].pos[0], 6, "the stream comes there");
	data(0, "gh", 2, 0);
	run();
	W.taken = W.nr_out - 1;
	expect(0, 6, "gh", "and goes on");
	all_sound("acknowledged");
	world_stop();
}

/* Behind edits that have all left, the numbers lie a constant distance apart. */
static void test_edited(void)
{
	start(true);
	data(0, "abcd", 4, 0);
	edit(0, 1, 2, "-----");
	release_to(0, 4);
	run();
	W.taken = W.nr_out;
	send_desc(FOS_DESC_EARLY, 0, segment(6, "ghij"), 0, 0);
	run();
	expect(0, 9, "ghij", "in the numbers of the receiver");
	data(0, "ef", 2, 0);
	append_gone(4);
	release_to(0, 10);
	run();
	expect(0, 7, "ef", "the hole is filled in them");
	control(1, ACK, 0, 13, 5000);
	run();
	expect_ack(1, 0, 10, "the sender is told its own");
	all_sound("edited");
	world_stop();
}

/* What leaves in sequence is not kept either, once the module has let the side go. */
static void test_unkept(void)
{
	uint32_t home;

	start(true);
	data(0, "abcd", 4, 0);
	release_to(0, 4);
	run();
	expect(0, 0, "abcd", "read");
	home = frames_home();
	release_to(0, FOS_POS_MAX);
	data(0, "efgh", 4, 0);
	run();
	expect(0, 4, "efgh", "let go");
	is_u64(frames_home(), home + 1, "its frame is free");
	is_u64(W.w.box.outs[0].pos[0], 8, "its place is passed");
	send_desc(FOS_DESC_REXMIT, 0, segment(4, "efgh"), 4, 4);
	run();
	expect(0, 4, "efgh", "what comes again goes on");
	send_desc(FOS_DESC_REXMIT, 0, segment(0, "abcd"), 0, 4);
	run();
	expect(0, 0, "abcd", "what was kept is sent again");
	control(1, ACK, 0, 8, 5000);
	run();
	expect_ack(1, 0, 8, "all is acknowledged");
	is_u64(frames_home(), home + 5, "and nothing kept");
	all_sound("unkept");
	world_stop();
}

int main(void)
{
	test_unkept();
	test_passes();
	test_acknowledged();
	test_edited();
	return done();
}
