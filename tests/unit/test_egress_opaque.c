/* Egress: flows whose packets leave exactly as they came, bytes before the start of a connection that
 * was taken up in the middle, and challenge ACKs. */
#include "tests/tap.h"
#include "tests/unit/egress_play.h"

static void add_flags(uint32_t flags)
{
	world_flow(&W.w, 0)->flags |= flags;
	world_flow(&W.w, 1)->flags |= flags;
}

/* Is the newest packet that left, from the IP header on, the one in the frame as it came? */
static uint8_t sent_bytes[2048];
static uint32_t sent_len;

static void remember(uint32_t frame)
{
	const struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);

	sent_len = m->len;
	memcpy(sent_bytes, (const uint8_t *)m + m->data_off, m->len);
}

static void same(const char *what)
{
	struct out_packet *o = next_out();

	ok(o && o->len == sent_len && memcmp(o->bytes, sent_bytes, sent_len) == 0, "%s", what);
}

static void test_opaque(void)
{
	uint32_t frame, home;

	world_start(true, false, false);
	add_flags(FOS_FLOW_OPAQUE);
	handshake();
	is_u64(W.nr_out, 3, "the handshake passes");
	W.taken = W.nr_out;
	home = frames_home();
	frame = data(0, "first", 5, 0);
	remember(frame);
	run();
	same("data leaves as it is, the editor is not waited for");
	is_u64(frames_home(), home + 1, "and is not kept");
	is_u64(W.w.box.outs[0].pos[0], 5, "its position is published");
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 4321, "FIRST", 5);
	remember(frame);
	send_desc(FOS_DESC_REXMIT, 0, frame, 0, 5);
	run();
	same("a retransmission goes on as it came");
	send_desc(FOS_DESC_OOO, 0, FOS_NONE, 10, 5);
	acked(1, 5, 100);
	run();
	expect_nothing("the box says nothing about holes and acknowledgements");
	frame = control(1, ACK, 0, 5, 77);
	remember(frame);
	run();
	same("a pure ACK leaves as it is");
	fin(0, 0);
	remember(W.next_frame - 1);
	run();
	same("a FIN leaves as it is");
	fin(1, 6);
	remember(W.next_frame - 1);
	run();
	same("the other one too");
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_CLOSED;
	world_flow(&W.w, 1)->state |= FOS_FLOW_ST_CLOSED;
	hint(0);
	hint(1);
	run();
	ok(W.w.box.outs[0].done & W.w.box.outs[1].done & FOS_OUT_DONE, "closed: nothing is left");
	is_u64(W.p.counter[FOS_C_acks_made] + W.p.counter[FOS_C_rsts_made] +
		       W.p.counter[FOS_C_segments_resent], 0, "the box has made no packet");
	all_sound("opaque");
	world_stop();
}

/* A packet cut into pieces leaves once, with the last of them. */
static void test_opaque_pieces(void)
{
	struct fos_flow *f;
	struct fos_piece *p;
	uint32_t frame;

	world_start(false, false, false);
	add_flags(FOS_FLOW_OPAQUE);
	handshake();
	W.taken = W.nr_out;
	f = world_flow(&W.w, 0);
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, "aaBBcc", 6);
	remember(frame);
	append_piece(0, frame, 2, FOS_PIECE_BORROWED | FOS_PIECE_FIRST);
	hint(0);
	run();
	expect_nothing("its first piece alone says nothing");
	is_u64(W.w.box.outs[0].pos[0], 2, "but is passed");
	append_piece(0, frame, 4, FOS_PIECE_LAST);
	p = world_piece(&W.w, W.last_piece[0]);
	p->off = (uint16_t)(p->off + 2);
	is_u64(f->app.tail, 6, "with its last piece");
	hint(0);
	run();
	same("the packet leaves");
	expect_nothing("once");
	all_sound("pieces");
	world_stop();
}

static void test_before(void)
{
	uint32_t frame;

	world_start(true, false, false);
	add_flags(FOS_FLOW_PICKUP);
	memset(pubs, 0, sizeof(pubs));
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	world_flow(&W.w, 1)->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	frame = control(1, ACK, 0, (uint64_t)-8, 60000);
	remember(frame);
	run();
	same("an acknowledgement of bytes before the start says what it said");
	data(0, "0123456789", 10, 0);
	edit(0, 2, 6, "");
	release_to(0, 10);
	run();
	expect(0, 0, "0189", "the stream is edited from its start on");
	is_u64(W.out[W.taken - 1].ack, ISN1 + 1, "and acknowledges what the packet did");
	frame = make_packet(0, ACK | PSH, ISN0 + 1 - 8, ISN1 + 1, 5000, "lostonce012", 11);
	send_desc(FOS_DESC_BEFORE, 0, frame, (uint64_t)-8, 8);
	run();
	expect(0, (uint64_t)-8, "lostonce", "what lies before the start passes, cut at the start");
	control(1, ACK, 0, (uint64_t)-3, 60000);
	run();
	expect_ack(1, 0, (uint64_t)-3, "acknowledged as far as it came");
	control(1, ACK, 0, 4, 60000);
	run();
	expect_ack(1, 0, 10, "then everything, in the sender's numbers");
	all_sound("before");
	world_stop();
}

static void test_challenge(void)
{
	uint32_t frame;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "gone", 4, 0);
	edit(0, 0, 4, "");
	release_to(0, 4);
	run();
	W.taken = W.nr_out;
	frame = make_packet(0, RST, ISN0 + 1 + 9, 0, 0, NULL, 0);
	send_desc(FOS_DESC_CHALLENGE, 0, frame, 0, 0);
	run();
	expect_ack(1, 0, 4, "the sender is asked in its own numbers");
	expect_nothing("the receiver hears nothing");
	all_sound("challenge");
	world_stop();
}

int main(void)
{
	test_opaque();
	test_opaque_pieces();
	test_before();
	test_challenge();
	return done();
}
