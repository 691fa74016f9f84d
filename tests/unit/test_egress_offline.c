/* What segments that the box makes from a capture acknowledge: as the packets they are made of did, each at
 * its own place, never what comes later in the capture. */
#include <stdlib.h>

#include "tests/unit/egress_play.h"

static void expect_made(uint32_t dir, uint64_t pos, const char *text, uint64_t ack_pos, uint16_t wnd,
			const char *what)
{
	struct out_packet *o = next_out();

	is_packet(o, dir, pos, text, what);
	is_u64(o ? o->ack - isn(1 - dir) - 1 : UINT64_MAX, ack_pos, "%s: acknowledges", what);
	is_u64(o ? o->wnd : 0, wnd, "%s: with the packet's window", what);
}

static int by_number(const void *a, const void *b)
{
	const struct out_packet *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* The batch is whole; what leaves is looked at in the order of the capture that is written. */
static void play(void)
{
	const struct fos_dir *dir = W.w.dir;
	uint32_t i = fos_proc_find(dir, FOS_ROLE_INGRESS, 0, 0);
	struct fos_region_head *ing = (void *)W.w.box.region[dir->proc[i].region].base;

	run();
	ing->flush++;
	run();
	qsort(W.out + W.taken, W.nr_out - W.taken, sizeof(*W.out), by_number);
	for (i = W.taken; i < W.nr_out; i++)
		mem_parse(&W.out[i]); /* it points into itself */
}

static void begin(void)
{
	world_start(true, true, false);
	handshake();
	play();
	W.taken = W.nr_out;
}

/* One batch holds both directions: what is made from its first packet leaves before the answer to it. */
static void test_places(void)
{
	begin();
	data(0, "abc", 3, 0);
	data(1, "xyz", 3, 3);
	data(0, "def", 3, 3);
	edit(0, 0, 1, "X");
	edit(0, 4, 1, "Y");
	edit(0, 6, 0, "Z");
	release_to(0, 6);
	release_to(1, 3);
	play();
	expect_made(0, 0, "Xbc", 0, 5000, "an edited packet leaves");
	expect(1, 0, "xyz", "the answer");
	expect_made(0, 3, "dYfZ", 3, 5000, "the next one");
	expect_nothing("and no more");
	world_stop();
}

/* Nothing of the packet is left but what was put in its place. */
static void test_replaced(void)
{
	begin();
	data(1, "xyz", 3, 0);
	data(0, "abc", 3, 3);
	edit(0, 0, 3, "hello");
	release_to(0, 3);
	release_to(1, 3);
	play();
	expect(1, 0, "xyz", "what the packet acknowledges");
	expect_made(0, 0, "hello", 3, 5000, "another text in the place of all its bytes");
	/* and what is put behind bytes that have long left */
	data(0, "d", 1, 3);
	edit(0, 3, 0, "-");
	release_to(0, 4);
	play();
	expect_made(0, 5, "-", 3, 5000, "bytes before the next packet's");
	expect(0, 6, "d", "and those");
	world_stop();
}

/* The byte at `pos` came again: a keep-alive, or one segment of a byte that was lost. */
static void again(uint32_t dir, uint64_t pos, uint64_t ack_pos)
{
	uint32_t frame = make_packet(dir, ACK, isn(dir) + 1 + (uint32_t)pos,
				     isn(1 - dir) + 1 + (uint32_t)ack_pos, 5000, "?", 1);

	send_desc(FOS_DESC_REXMIT, dir, frame, pos, 1);
}

/* Keep-alives with a byte, each followed by its recorded answer, in the middle and at the end of what is
 * known of the stream when its batch is whole. */
static void test_keepalive(void)
{
	begin();
	data(0, "abc", 3, 0);
	control(1, ACK, 0, 3, 60000);
	again(0, 2, 0);
	control(1, ACK, 0, 3, 60000);
	data(0, "def", 3, 0);
	control(1, ACK, 0, 6, 60000);
	again(0, 2, 0); /* that is none: more has been sent */
	again(0, 5, 0);
	control(1, ACK, 0, 6, 60000);
	fin(0, 0);
	edit(0, 0, 1, "XY");
	edit(0, 5, 1, "");
	release_to(0, 6);
	play();
	expect(0, 0, "XYbc", "an edited packet leaves");
	expect_ack(1, 0, 4, "its acknowledgement, in the numbers of what was sent");
	expect_ack(0, 3, 0, "a keep-alive before all that was sent by then, without its byte");
	expect_ack(1, 0, 4, "its answer");
	expect(0, 4, "de", "more bytes, the last is deleted");
	expect_ack(1, 0, 6, "their acknowledgement");
	expect_ack(0, 5, 0, "a keep-alive in front of the end, though the byte there is gone");
	expect_ack(1, 0, 6, "its answer");
	expect(0, 6, "", "the end");
	expect_nothing("and no more");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	test_places();
	test_replaced();
	test_keepalive();
	return done();
}
