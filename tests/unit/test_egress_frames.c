/* Where egress sends free frames: home while home is short, else to who is shortest, else kept; and which
 * of them it uses next */
#include "egress/frames.h"
#include "tests/unit/egress_play.h"
#include "tests/unit/mortal.h"

static uint32_t full; /* frames that an ingress is to have */

static uint32_t level(void)
{
	return (uint32_t)(W.e->st->free_tail - W.e->st->free_head);
}

static uint32_t in_ring(uint32_t port)
{
	return (uint32_t)fos_ring_peek(&W.home[port]);
}

static void begin(void)
{
	uint32_t first;

	world_start(false, false, false);
	fos_build_ingress_frames(W.w.dir, 0, &first, &full);
}

/* A packet that the classifier gives up; it came in by `port`. */
static void drop_packet(uint32_t port)
{
	send_desc(FOS_DESC_FREE, port,
		  make_packet(port, ACK, isn(port) + 1, 0, 5000, NULL, 0), 0, FOS_C_drop_csum_bad);
	run();
}

static void test_spare(void)
{
	uint32_t spare;

	begin();
	spare = level();
	ok(spare > full + W.w.dir->egress_frames, "at the start many frames are spare");
	run();
	is_u64(in_ring(0) + in_ring(1), 0, "nobody is short: they stay");
	have_free(1, -(int)full);
	run();
	is_u64(in_ring(0), 0, "an ingress that has enough gets none");
	is_u64(in_ring(1), full / 8 * 7, "one that has none left is helped out");
	is_u64(level(), spare - in_ring(1), "of the spare ones");
	for (int i = 0; i < 4; i++) {
		/* what comes home is used up again */
		have_free(1, -(int)in_ring(1));
		frames_home();
		run();
	}
	is_u64(level(), W.w.dir->egress_frames, "up to the reserve for packets that the box builds");
	is_u64(in_ring(1), 0, "which stays");
	world_stop();
}

static void test_way_home(void)
{
	uint32_t before;

	begin();
	have_free(0, -1);
	have_free(1, -(int)(full / 16));
	drop_packet(0);
	ok(in_ring(0) == 1 && in_ring(1) == 0, "a frame goes where it came in by while that is short");
	have_free(0, (int)full);
	drop_packet(0);
	is_u64(in_ring(0), 1, "not when that has enough");
	have_free(1, -(int)(full / 8));
	run();
	before = in_ring(1);
	have_free(1, -1);
	drop_packet(0);
	is_u64(in_ring(1), before + 1, "but to the one that is short");
	world_stop();
}

static void work(void *ctx)
{
	(void)ctx;
	run();
}

/* Every frame is in one place: in a ring on its way to an ingress, or in the free queue. */
static uint32_t misplaced(void)
{
	static uint8_t seen[4096];
	uint32_t bad = 0, first = 0, count;

	memset(seen, 0, sizeof(seen));
	for (uint32_t port = 0; port < 2; port++)
		for (uint64_t i = 0; i < in_ring(port); i++)
			seen[((const struct fos_desc *)fos_ring_at(&W.home[port], i))->frame]++;
	for (uint64_t i = W.e->st->free_head; i < W.e->st->free_tail; i++)
		seen[W.e->free_queue[i & W.e->free_mask]]++;
	fos_build_egress_frames(W.w.dir, 0, &first, &count);
	for (uint32_t i = first; i < first + count; i++)
		bad += seen[i] != 1;
	return bad;
}

static void test_killed(void)
{
	uint32_t n, bad = 0, late = 0;

	for (n = 1; n < 100000; n = n < 20 ? n + 1 : n + 97) {
		bool died;

		begin();
		have_free(1, -(int)full);
		died = mortal(work, NULL, (int)n);
		if (died) {
			kill_egress();
			start_egress();
			run();
		}
		bad += misplaced();
		late += in_ring(1) != full / 8 * 7;
		world_stop();
		if (!died)
			break;
	}
	ok(n > 1000 && n < 100000, "(some %u kill points)", n);
	is_u64(bad, 0, "killed while it shares: every frame is in one place");
	is_u64(late, 0, "and the successor goes on");
}

/* A batch in which frames are freed and taken by turns, so that the queue changes where the last commit
 * left it. */
static void take_and_free(void *ctx)
{
	uint32_t frame[40], n = 0, freed = 0;

	(void)ctx;
	for (uint32_t i = 0; i < 40; i++) {
		if (i % 3 == 2)
			fos_frames_put(W.e, frame[freed++]);
		else
			frame[n++] = fos_frames_get(W.e);
	}
	while (freed < n)
		fos_frames_put(W.e, frame[freed++]);
	fos_egress_commit(W.e);
}

static void test_newest(void)
{
	uint32_t a, b, n, bad = 0;

	begin();
	run(); /* nobody is short of frames: egress keeps what it frees */
	a = fos_frames_get(W.e);
	fos_frames_put(W.e, a);
	b = fos_frames_get(W.e);
	ok(a != b, "a frame freed in a batch is not used again in it");
	fos_frames_put(W.e, b);
	fos_egress_commit(W.e);
	a = fos_frames_get(W.e);
	is_u64(a, b, "in the next one it comes first");
	world_stop();
	for (n = 1; n < 10000; n++) {
		bool died;

		begin();
		run();
		died = mortal(take_and_free, NULL, (int)n);
		if (died) {
			kill_egress();
			start_egress();
		}
		bad += misplaced();
		world_stop();
		if (!died)
			break;
	}
	ok(n > 50 && n < 10000, "(some %u kill points)", n);
	is_u64(bad, 0, "killed while it takes and frees: every frame is in one place");
}

int main(void)
{
	tap_plan(0);
	test_spare();
	test_way_home();
	test_killed();
	test_newest();
	return done();
}
