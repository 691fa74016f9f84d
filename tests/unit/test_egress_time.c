/* Time in what egress sends and tells: the sender's timestamps, and when the receiver's window opened */
#include "tests/unit/egress_play.h"

/* TSval and TSecr of a packet made like make_options() does; 0 where it has none. */
static uint32_t stamp(const struct out_packet *o, bool echo)
{
	uint32_t v;

	if (!o || !o->tcp || (o->tcp[12] >> 4) < 8 || memcmp(o->tcp + 20, "\x01\x01\x08\x0a", 4) != 0)
		return 0;
	memcpy(&v, o->tcp + 24 + (echo ? 4 : 0), 4);
	return ntohl(v);
}

/* Data that the classifier has accepted: it keeps the newest timestamp. */
static void stamped(uint32_t dir, const char *text, uint64_t ack_pos)
{
	world_flow(&W.w, dir)->ts_recent = W.ts[dir];
	data(dir, text, (uint32_t)strlen(text), ack_pos);
}

/* A sender tells by the echo which copy was acknowledged: the echo must be of the newest packet, also
 * when nothing of that packet is left in the output. */
static void test_deleted(void)
{
	const struct out_packet *o;

	world_start(true, false, false);
	W.ts[0] = 1000;
	W.ts[1] = 77000;
	handshake();
	W.taken = W.nr_out;
	stamped(0, "keep", 0);
	release_to(0, 4);
	run();
	is_u64(stamp(next_out(), false), 1002, "(the third packet of its sender)");
	W.ts[0] = 5000; /* much later */
	stamped(0, "gone", 0);
	edit(0, 4, 4, "");
	release_to(0, 8);
	acked(1, 4, 60000);
	W.now += 1000000000;
	run();
	o = next_out();
	is_u64(o ? o->ack - ISN0 - 1 : 0, 8, "deleted bytes are acknowledged by the box");
	is_u64(stamp(o, true), 5000, "with the echo of the packet that they came in");
	world_stop();
}

static void test_first(uint32_t first)
{
	uint32_t wrong = 0;

	world_start(true, false, false);
	W.ts[0] = first;
	W.ts[1] = first + 500;
	handshake();
	stamped(0, "abc", 0);
	stamped(1, "def", 3);
	release_to(0, 3);
	release_to(1, 3);
	run();
	for (uint32_t i = 0, n[2] = {0, 0}; i < W.nr_out; i++) {
		uint32_t dir = 1 - W.out[i].port;

		/* the SYN has an option before: stamp() reads 0 */
		n[dir]++;
		wrong += !(W.out[i].tcp[13] & SYN) && stamp(&W.out[i], false) != W.ts[dir] - 1 &&
			 stamp(&W.out[i], false) != first + dir * 500 + n[dir] - 1;
	}
	is_u64(W.nr_out, 5, "handshake and data leave");
	is_u64(wrong, 0, "timestamps that begin at %08x leave as they came", first);
	world_stop();
}

static void test_window(void)
{
	static const uint8_t block[1000];
	const uint64_t *opened;

	world_start(true, false, false);
	handshake();
	opened = &W.w.box.outs[0].opened_ns;
	for (uint32_t i = 0; i < 60; i++)
		data(0, block, sizeof(block), 0);
	release_to(0, 59000);
	run();
	is_u64(*opened, 0, "the receiver's window was never closed");
	release_to(0, 60000);
	run();
	is_u64(*opened, UINT64_MAX, "it is, with its last byte sent");
	W.now += 5000000000ull;
	acked(1, 60000, 535);
	run();
	is_u64(*opened, UINT64_MAX, "and while it is too small for a segment");
	acked(1, 60000, 1000); /* 536: least segment of all */
	run();
	is_u64(*opened, W.now, "when it opens the time is told");
	W.now += 1000000000ull;
	acked(1, 60000, 50000);
	run();
	is_u64(*opened, W.now - 1000000000ull, "which stays while it is open");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	test_deleted();
	test_first(0x90000000);
	test_first(0xfffffffe);
	test_first(7);
	test_window();
	return done();
}
