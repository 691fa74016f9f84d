/* What a PM holds back: limits of time and bytes, and when they do not count */
#include "tests/pm/play.h"
#include "tests/tap.h"

static void (*body)(struct fos_window *w);

static void on_data(struct fos_window *w)
{
	body(w);
}

static const struct fos_pm plain = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				    .stream = FOS_APP, .name = "plain", .on_data = on_data};

static void hold(struct fos_window *w)
{
	fos_hold(w, 0, 0);
}

static void hold_tightly(struct fos_window *w)
{
	fos_hold(w, 10, 50);
}

static void test_holds(void)
{
	struct play p;

	play_one(&p, &plain);
	body = hold;
	play_append(&p, 0, "held", 4);
	play_turn(&p);
	is_u64(p.out[0].len, 0, "what is not released waits");
	is_u64(p.host[0].hooks->idle(&p.host[0]), p.now + 200000000, "the host wakes at the limit");
	p.now += 199999999;
	play_run(&p);
	play_egress(&p, 0);
	is_u64(p.out[0].len, 0, "up to the limit of time");
	play_restart(&p, 0);
	p.now += 1;
	play_run(&p);
	play_egress(&p, 0);
	ok(p.out[0].len == 4 && p.host[0].counter[FOS_C_pm_hold_expired] == 1,
	   "which a restart does not move; the end of a hold is counted");
	body = hold_tightly;
	play_append(&p, 0, "0123456789", 10);
	play_turn(&p);
	is_u64(p.out[0].len, 4, "a handler's own limit: ten bytes wait");
	play_append(&p, 0, "x", 1);
	play_turn(&p);
	is_u64(p.out[0].len, 15, "eleven do not");
	body = hold;
	play_append(&p, 0, "end", 3);
	play_fin(&p, 0);
	play_turn(&p);
	is_u64(p.out[0].len, 18, "nothing waits at the end of the stream");
	is_u64(p.host[0].counter[FOS_C_pm_hold_expired], 2, "that is not a hold that expired");
	play_free(&p);
}

/* The sender has nothing but held bytes to send: what it would have to send comes only after them. */
static void test_hold_and_stuck_sender(void)
{
	struct play p;

	play_one(&p, &plain);
	world_flow(&p.w, 0)->stuck_ns = p.now;
	p.now += 1000000;
	body = hold;
	play_append(&p, 0, "held", 4);
	play_turn(&p);
	is_u64(p.out[0].len, 0, "what stopped the sender before the hold began does not end it");
	p.now += 1000000;
	world_flow(&p.w, 0)->stuck_ns = p.now;
	play_turn(&p);
	ok(p.out[0].len == 4 && p.host[0].counter[FOS_C_pm_hold_expired] == 1,
	   "a sender that cannot go on without them ends it");
	play_free(&p);
}

static void hold_for_a_time(struct fos_window *w)
{
	fos_timer(w, 5000000);
	fos_release(w, fos_head(w));
}

static void on_timer(struct fos_window *w)
{
	(void)w;
}

static const struct fos_pm patient = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				      .stream = FOS_APP, .name = "patient", .on_data = on_data,
				      .on_timer = on_timer};

/* A PM with a timer may be waiting for something else than bytes. */
static void test_hold_and_timer(void)
{
	struct play p;

	play_one(&p, &patient);
	body = hold_for_a_time;
	play_append(&p, 0, "held", 4);
	play_turn(&p);
	p.now += 1000000;
	world_flow(&p.w, 0)->stuck_ns = p.now;
	play_turn(&p);
	is_u64(p.out[0].len, 0, "a sender that cannot go on does not end the hold of a PM with a timer");
	p.now += 5000000;
	play_turn(&p);
	is_u64(p.out[0].len, 4, "without one, it does");
	play_free(&p);
}

static void on_data_before(struct fos_window *w)
{
	fos_release(w, fos_tail(w));
}

static const struct fos_pm before = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				     .stream = FOS_APP, .name = "before", .on_data = on_data_before};

/* The rest of what is held has come, and waits for the PM before. */
static void test_hold_and_slow_neighbour(void)
{
	struct play p;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	play_pm(&p, 0, &before, NULL, 0);
	play_pm(&p, 1, &plain, NULL, 0);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	body = hold;
	play_append(&p, 0, "held", 4);
	play_turn(&p);
	play_append(&p, 0, "rest", 4);
	p.now += 1000000;
	world_flow(&p.w, 0)->stuck_ns = p.now;
	play_hint(&p, 0);
	play_work(&p, 1);
	is_u64(p.host[1].counter[FOS_C_pm_hold_expired], 0, "bytes are on their way: the hold stays");
	play_turn(&p);
	is_u64(p.host[1].counter[FOS_C_pm_hold_expired], 1, "they have come, and are not enough");
	play_egress(&p, 0);
	is_u64(p.out[0].len, 8, "all goes on");
	play_free(&p);
}

/* While the receiver's window is closed the sender is kept waiting by it, not by the PM. */
static void test_hold_and_window(void)
{
	struct fos_out *out;
	struct play p;

	play_one(&p, &plain);
	out = (struct fos_out *)(uintptr_t)&p.w.box.outs[0];
	out->gen = PLAY_GEN;
	out->opened_ns = UINT64_MAX;
	body = hold;
	play_append(&p, 0, "held", 4);
	play_turn(&p);
	p.now += 5000000000ull;
	play_turn(&p);
	is_u64(p.out[0].len, 0, "a hold does not run out while the receiver's window is closed");
	out->opened_ns = p.now;
	p.now += 199999999;
	play_turn(&p);
	is_u64(p.out[0].len, 0, "its time begins when that opens");
	p.now += 1;
	play_turn(&p);
	ok(p.out[0].len == 4 && p.host[0].counter[FOS_C_pm_hold_expired] == 1,
	   "and ends after the limit");
	play_free(&p);
}

int main(void)
{
	tap_plan(0);
	test_holds();
	test_hold_and_stuck_sender();
	test_hold_and_timer();
	test_hold_and_slow_neighbour();
	test_hold_and_window();
	return done();
}
