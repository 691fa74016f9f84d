/* Heads that egress forces: what is known of them afterwards, for one PM and for several of a flow, over
 * generations of it, and when egress is killed anywhere in between. */
#include "tests/unit/egress_play.h"
#include "tests/unit/mortal.h"

#define PMS 3u /* an editor and two readers behind it */

static struct fos_dir_proc *proc_of(uint32_t pm)
{
	return &W.w.dir->proc[fos_proc_find(W.w.dir, FOS_ROLE_PM, 0, pm)];
}

static void begin(void)
{
	readers = PMS - 1;
	world_start(true, false, false);
	for (uint32_t pm = 0; pm < PMS; pm++) {
		W.w.dir->pm[pm].on_failure = FOS_FAIL_BYPASS;
		W.w.dir->pm[pm].hold_ns = 0;
		W.w.dir->pm[pm].quarantine = 2;
		proc_of(pm)->lease = (struct fos_lease){.state = FOS_LEASE_GRANTED, .generation = 1};
	}
	handshake();
	while (next_out())
		;
}

static void down(uint32_t pm)
{
	proc_of(pm)->lease.state = FOS_LEASE_DEAD;
	W.w.dir->failures++;
}

/* 13 bytes, of which the editor makes 11; the readers have seen none of them. */
static void edited(void)
{
	data(0, "one two three", 13, 0);
	edit(0, 4, 3, "2");
	release_to(0, 13);
}

static bool forced(uint32_t pm, uint32_t gen, bool reset, uint32_t edits, int64_t delta)
{
	struct fos_box_force f;

	return fos_box_forced(&W.w.box, pm, 0, gen, &f) && f.reset == reset && f.edits == edits &&
	       f.delta == (uint64_t)delta;
}

static bool any(uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_box_force f;

	return fos_box_forced(&W.w.box, pm, flow, gen, &f);
}

static void test_one_by_one(void)
{
	struct fos_pm_pub pub;

	begin();
	edited();
	run();
	ok(!next_out() && !any(0, 0, GEN) && !any(1, 0, GEN) && !any(2, 0, GEN),
	   "two readers hold a flow, nothing is forced");
	down(2);
	run();
	ok(!next_out() && !any(2, 0, GEN), "the one behind is down: nothing has come to it");
	down(1);
	run();
	ok(forced(1, GEN, false, 0, 0) && forced(2, GEN, false, 0, 0) && !any(0, 0, GEN) &&
		   !any(1, 1, GEN),
	   "both are: their heads are forced, not the editor's, not in the other direction");
	expect(0, 0, "one 2 three", "what it has released leaves, edited");
	data(0, "four", 4, 0);
	run();
	ok(!next_out(), "the next bytes wait for it");
	down(0);
	run();
	ok(forced(0, GEN, false, 1, -2) && forced(1, GEN, false, 0, 0) && forced(2, GEN, false, 0, 0),
	   "it is down, too: its edits stand, with what they add");
	expect(0, 11, "four", "the bytes leave unedited, behind those");
	ok(fos_box_pub(&W.w.box, 0, 0, GEN, &pub) && pub.head == FOS_POS_MAX &&
		   pub.out_head == FOS_POS_MAX - 2 && pub.edits == 1 &&
		   pub.verdict == FOS_VERDICT_BYPASS,
	   "so it reads for everybody");
	ok(!any(0, 0, GEN + 1) && !any(1, 0, GEN + 1), "the slot's next connection has no part in it");
	world_stop();
}

/* The slot of a flow has changed hands: what is forced for the new one counts alone. */
static void test_next(void)
{
	struct fos_egr *r;
	struct fos_forced *f;

	begin();
	r = (void *)(uintptr_t)W.w.box.egr;
	f = (void *)((uint8_t *)r + r->forced_off);
	f[0] = (struct fos_forced){.pms = (uint64_t)(GEN - 1) << 32 | 7, .reset = 7};
	r->nr_forced = 3;
	edited();
	run();
	ok(!next_out() && !any(1, 0, GEN), "what was forced of the slot's last connection is over");
	down(1);
	down(2);
	run();
	ok(forced(1, GEN, false, 0, 0) && forced(2, GEN, false, 0, 0) && !any(0, 0, GEN),
	   "two PMs' heads are forced for this one, without a reset");
	expect(0, 0, "one 2 three", "and its bytes leave");
	world_stop();
}

static void test_quarantine(void)
{
	struct fos_pm_pub pub;

	begin();
	edited();
	run();
	W.w.dir->death[0][0][0] = (struct fos_death){.flow = 0, .gen = GEN, .deaths = 2};
	W.w.dir->failures++;
	run();
	ok(forced(0, GEN, true, 1, -2) && !any(1, 0, GEN) && fos_box_pub(&W.w.box, 0, 0, GEN, &pub) &&
		   pub.verdict == FOS_VERDICT_RESET,
	   "twice died on a flow with edits under way: it is to be reset, because of this PM");
	down(1);
	run();
	ok(forced(0, GEN, true, 1, -2) && forced(1, GEN, false, 0, 0) && !any(2, 0, GEN),
	   "another one's head is forced without a reset, the first stays");
	world_stop();
}

static void work(void *ctx)
{
	(void)ctx;
	run();
}

/* What is forced is so with all that belongs to it, from the first moment on. */
static uint32_t torn(void)
{
	uint32_t n = 0;

	for (uint32_t pm = 0; pm < PMS; pm++)
		n += any(pm, 0, GEN) && !forced(pm, GEN, false, pm == 0, pm ? 0 : -2);
	return n;
}

/* The payload of all that leaves, in order, is this. */
static bool leaves(const char *want)
{
	char got[64];
	uint32_t len = 0;
	struct out_packet *o;

	while ((o = next_out()) && len + o->m.payload_len < sizeof(got)) {
		memcpy(got + len, o->payload, o->m.payload_len);
		len += o->m.payload_len;
	}
	return len == strlen(want) && memcmp(got, want, len) == 0;
}

static void test_killed(void)
{
	uint32_t n, wrong = 0, torn_nr = 0, between = 0;

	for (n = 1; n < 2000; n++) {
		bool died;

		begin();
		edited();
		run();
		data(0, "four", 4, 0);
		/* as if others had been before: nobody is kept from looking */
		((struct fos_egr *)(uintptr_t)W.w.box.egr)->nr_forced = 1;
		for (uint32_t pm = 0; pm < PMS; pm++)
			down(pm);
		died = mortal(work, NULL, (int)n);
		torn_nr += torn();
		between += any(0, 0, GEN) != any(2, 0, GEN);
		if (died) {
			kill_egress();
			start_egress();
			torn_nr += torn();
			run();
		}
		wrong += torn() || !any(0, 0, GEN) || !any(1, 0, GEN) || !any(2, 0, GEN);
		wrong += !leaves("one 2 threefour");
		world_stop();
		if (!died)
			break;
	}
	ok(n > 20 && n < 2000 && between > 3, "(%u kill points, %u of them between two PMs)", n, between);
	is_u64(torn_nr, 0, "killed at any point: no head is forced without what belongs to it");
	is_u64(wrong, 0, "and in the end all three are");
}

int main(void)
{
	test_one_by_one();
	test_next();
	test_quarantine();
	test_killed();
	return done();
}
