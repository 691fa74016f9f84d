/* What a PM has published of a flow, in its two records: what is written is read, and the second one has
 * no part in a flow that is not edited. */
#include "tests/pm/play.h"
#include "tests/tap.h"

#define GEN 3u
#define FLOW 5u

static struct world w;

static bool same(const struct fos_pm_pub *a, const struct fos_pm_pub *b)
{
	return a->gen == b->gen && a->verdict == b->verdict && a->ctx == b->ctx &&
	       a->flags == b->flags && a->head == b->head && a->out_head == b->out_head &&
	       a->edit_first == b->edit_first && a->edits == b->edits &&
	       a->edits_freed == b->edits_freed && a->edit_last == b->edit_last &&
	       a->events == b->events && a->seen == b->seen;
}

static struct fos_pm_pub any(uint64_t *seed, bool edited)
{
	struct fos_pm_pub pub = {
		.gen = GEN,
		.verdict = (uint8_t)world_below(seed, 6),
		.ctx = (uint8_t)world_below(seed, 2),
		.flags = (uint16_t)(world_rand(seed) & ~(uint64_t)FOS_PM_EDITED),
		.head = world_rand(seed),
		.events = (uint32_t)world_rand(seed),
		.seen = (uint32_t)world_rand(seed),
	};

	pub.out_head = pub.head;
	if (!edited)
		return pub;
	/* each of these alone makes a flow an edited one */
	if (world_below(seed, 2))
		pub.out_head = world_rand(seed);
	else
		pub.edits = 1 + (uint32_t)world_below(seed, UINT32_MAX);
	pub.edits_freed = (uint32_t)world_below(seed, (uint64_t)pub.edits + 1);
	pub.edit_first = (uint32_t)world_rand(seed);
	pub.edit_last = (uint32_t)world_rand(seed);
	return pub;
}

static void test_round(uint32_t editor, uint32_t reader)
{
	uint64_t seed = 11;
	uint32_t wrong = 0;

	for (int i = 0; i < 20000; i++) {
		bool edited = world_below(&seed, 2);
		uint32_t pm = edited || world_below(&seed, 2) ? editor : reader;
		struct fos_pm_pub pub = any(&seed, edited), got;

		world_publish(&w, pm, FLOW, &pub);
		wrong += !fos_box_pub_own(&w.box, pm, FLOW, GEN, &got) || !same(&pub, &got);
	}
	is_u64(wrong, 0, "20000 times what a PM published is what is read, edited or not");
}

static void test_killed(uint32_t editor)
{
	uint64_t seed = 12;
	struct fos_pm_pub before = any(&seed, true), after = any(&seed, true), got;
	struct fos_pm_flow *f = world_pm_flow(&w, editor, FLOW);

	world_publish(&w, editor, FLOW, &before);
	fos_pub_write(f, world_pm_edited(&w, editor, FLOW), f->ver + 1, &after);
	ok(fos_box_pub_own(&w.box, editor, FLOW, GEN, &got) && same(&got, &before),
	   "who dies between the records and the version has published nothing");
	after.gen = GEN + 1;
	after.edits = after.edits_freed = after.edit_first = after.edit_last = 0;
	after.out_head = after.head;
	world_publish(&w, editor, FLOW, &after);
	ok(fos_box_pub_own(&w.box, editor, FLOW, GEN + 1, &got) && same(&got, &after),
	   "edits of a connection that was there before do not count for the next one");
}

static void test_claims(uint32_t reader)
{
	struct fos_pm_flow *f = world_pm_flow(&w, reader, FLOW);
	struct fos_pm_pub got;

	ok(!world_pm_edited(&w, reader, FLOW), "a PM that may not edit has no second record");
	f->slot[f->ver & 1u] = (struct fos_pm_slot){.gen = GEN, .head = 7, .flags = FOS_PM_EDITED};
	ok(fos_box_pub_own(&w.box, reader, FLOW, GEN, &got) && got.edits == 0 && got.out_head == 7,
	   "its word that it has edited counts for nothing");
}

/* ---------------------------------------------------------------- by a PM's host */

static void on_data(struct fos_window *win)
{
	char c = 0;

	fos_read(win, fos_head(win), &c, 1);
	if (c == '~')
		fos_replace(win, fos_head(win), 1, "tilde", 5);
	fos_release_all(win);
}

static const struct fos_pm editor = {
	.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .stream = FOS_APP, .name = "editor",
	.flags = FOS_PM_EDITS, .on_data = on_data,
};

static bool zero(const struct fos_pm_edited *e)
{
	static const struct fos_pm_edited none;

	return memcmp(e, &none, sizeof(none)) == 0;
}

static void test_host(void)
{
	static struct play p;

	world_plan(&p.w, false);
	play_pm(&p, 0, &editor, NULL, 0);
	play_make(&p);
	play_connection(&p, 0, 1);
	for (int i = 0; i < 4; i++) {
		play_append(&p, 0, "plain", 5);
		play_hint(&p, 0);
		play_run(&p);
	}
	ok(world_pub(&p.w, 0, 0).head == 20 && zero(world_pm_edited(&p.w, 0, 0)),
	   "an editor leaves the second record of a flow alone that it does not edit");
	play_append(&p, 0, "~", 1);
	play_hint(&p, 0);
	play_run(&p);
	ok(world_pub(&p.w, 0, 0).out_head == 25 && world_pub(&p.w, 0, 0).edits == 1 &&
		   !zero(world_pm_edited(&p.w, 0, 0)),
	   "its first edit is there");
	play_restart(&p, 0);
	play_append(&p, 0, "more", 4);
	play_hint(&p, 0);
	play_run(&p);
	ok(world_pub(&p.w, 0, 0).head == 25 && world_pub(&p.w, 0, 0).out_head == 29,
	   "a successor goes on from it");
	play_free(&p);
}

int main(void)
{
	uint32_t one, two;

	world_plan(&w, false);
	one = world_pm(&w, "editor", 0, FOS_STREAM_APP, true);
	two = world_pm(&w, "reader", 1, FOS_STREAM_APP, false);
	world_make(&w);
	test_round(one, two);
	test_killed(one);
	test_claims(two);
	world_free(&w);
	test_host();
	return done();
}
