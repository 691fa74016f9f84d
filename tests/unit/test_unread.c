/* Sides of a connection that no module reads: segments ahead of a hole go on at once, what was kept
 * is let go when the last reader leaves, events go on, and the other side is as ever. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK

static bool leave, stop; /* at the next event of A's side */

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	if (ev->id != FOS_ON_NEW_DATA)
		ew_say("%c:%s@%llu+%llu ", ew_side(w), ew_kind[ev->id], (unsigned long long)ev->pos,
		       (unsigned long long)ev->len);
	if (ew_side(w) != 'A')
		return;
	if (leave)
		fos_bypass(w);
	if (stop)
		fos_stop(w);
}

static const struct fos_pm reader = {
	.name = "reader", .stream = FOS_APP, .on_event = on_event,
	.events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_OUT_OF_ORDER) | FOS_BIT(FOS_ON_GAP) |
		  FOS_BIT(FOS_ON_GAP_FILLED) | FOS_BIT(FOS_ON_RETRANSMISSION)};

static struct event_world *begin(const struct fos_pm *second)
{
	leave = stop = false;
	return ew_new(&reader, second);
}

static uint32_t early(const struct event_world *e)
{
	return cw_nr_desc(&e->t, FOS_DESC_EARLY);
}

static void test_passes(void)
{
	struct event_world *e = begin(NULL);
	const struct fos_flow *f = &e->t.c->flows[0];
	uint32_t away;

	leave = true;
	ew_data(e, 'A', 0, "abcd");
	ew_clear();
	cw_forget(&e->t);
	away = e->t.nr_away;
	ew_data(e, 'A', 6, "ghij");
	is_u64(early(e), 1, "a segment ahead of a hole goes on");
	is_u64(cw_nr_desc(&e->t, FOS_DESC_OOO), 0, "the box tells its sender nothing");
	is_u64(e->t.nr_away, away, "and keeps nothing");
	is_u64(f->ooo_bytes, 0, "nor counts it as kept");
	is_str(ew_log, "A:ooo@6+4 A:gap@4+2 ", "its events are told");
	ew_data(e, 'A', 10, "kl");
	is_u64(f->nr_ooo, 1, "what follows it is noted with it");
	ew_clear();
	ew_data(e, 'A', 6, "ghij");
	is_u64(early(e), 3, "a repetition of it goes on, too");
	is_str(ew_log, "A:again@6+4 ", "and is told as one");
	ew_clear();
	ew_data(e, 'A', 4, "ef");
	is_u64(f->app.tail, 12, "the hole is filled: all are the stream's");
	is_str(ew_log, "A:filled@4+2 ", "which is told");
	cw_forget(&e->t);
	ew_data(e, 'A', 6, "ghij");
	ok(cw_desc(&e->t, FOS_DESC_REXMIT) && cw_desc(&e->t, FOS_DESC_REXMIT)->frame != FOS_NONE,
	   "what comes again of them reaches egress with its frame");
	is_u64(e->t.twice, 0, "no frame twice");
	ew_free(e);
}

/* What waits when the last reader leaves, goes then. */
static void let_go(bool all)
{
	struct event_world *e = begin(NULL);
	const struct fos_flow *f = &e->t.c->flows[0];
	uint32_t away;

	ew_data(e, 'A', 0, "abcd");
	away = e->t.nr_away;
	ew_data(e, 'A', 6, "gh");
	ew_data(e, 'A', 7, "hi");
	is_u64(early(e), 0, "a side that is read waits for a hole");
	is_u64(e->t.nr_away, away + 2, "its frames are kept");
	leave = !all;
	stop = all;
	ew_data(e, 'A', 11, "l");
	is_u64(early(e), 3, "what waits is let go when its reader %s", all ? "stops" : "leaves");
	is_u64(e->t.nr_away, away, "every frame");
	is_u64(f->ooo_bytes, 0, "and nothing counts as kept");
	ew_data(e, 'A', 9, "jk");
	is_u64(f->app.tail, 4, "bytes that still are missing are waited for by the stream alone");
	ew_data(e, 'A', 4, "ef");
	is_u64(f->app.tail, 12, "and then all are there");
	ew_data(e, 'B', 2, "cd");
	is_u64(cw_nr_desc(&e->t, FOS_DESC_OOO), 4, "the other side is read");
	ew_data(e, 'B', 0, "ab");
	is_str(ew_text(e, 1), "abcd", "and in order");
	is_u64(e->t.twice, 0, "no frame twice");
	ew_free(e);
}

static const struct fos_pm second = {.name = "second", .stream = FOS_APP,
				     .events = FOS_BIT(FOS_ON_NEW_DATA), .on_event = on_event};

static void keep_reading(struct fos_window *w)
{
	fos_release_all(w);
}

static const struct fos_pm stays = {.name = "stays", .stream = FOS_APP, .on_data = keep_reading};

/* As long as one module reads the side, it is in order. */
static void test_last_reader(void)
{
	struct event_world *e = begin(&stays);

	leave = true;
	ew_data(e, 'A', 0, "abcd");
	ew_data(e, 'A', 6, "gh");
	is_u64(early(e), 0, "another module still reads");
	ew_data(e, 'A', 4, "ef");
	is_str(ew_text(e, 0), "abcdefgh", "and sees everything in order");
	ew_free(e);
	e = begin(&second);
	leave = true;
	ew_data(e, 'A', 0, "abcd");
	ew_data(e, 'A', 6, "gh");
	is_u64(early(e), 1, "both have left");
	ew_free(e);
}

/* A module that watches one direction: the other one is nobody's from the start. */
static void test_one_side(void)
{
	struct event_world *e;
	static struct event_world w;

	e = &w;
	leave = stop = false;
	ew_plan(e);
	ew_pm(e, 0, &stays);
	e->t.w.dir->pm[0].direction = FOS_DIR_FORWARD;
	ew_make(e);
	ew_handshake(e);
	ew_data(e, 'B', 2, "cd");
	is_u64(early(e), 1, "the side that no module watches waits for nothing");
	ew_data(e, 'A', 2, "cd");
	is_u64(early(e), 1, "the other one does");
	ew_free(e);
}

static void test_end(void)
{
	static const struct line lines[] = {
		{ 'A', A_, 0, 0, "abcd", 0, "" },
		{ 'A', A_ | CW_FIN, 6, 0, "gh", 0, "" },
		{ 'A', A_ | CW_FIN, 8, 0, NULL, 0, "" } };
	struct event_world *e = begin(NULL);
	const struct fos_flow *f = &e->t.c->flows[0];

	leave = true;
	ew_play(e, lines, 3);
	is_u64(early(e), 2, "a FIN ahead of a hole goes on, and does again");
	ok(!(f->state & FOS_FLOW_ST_FIN), "the stream has not ended");
	cw_kill(&e->t);
	cw_start(&e->t);
	ew_data(e, 'A', 4, "ef");
	ok(f->state & FOS_FLOW_ST_FIN && f->fin_pos == 8,
	   "the hole is filled, after a death: it ends there");
	is_u64(f->nr_ooo, 0, "nothing is left over");
	is_u64(e->t.twice, 0, "no frame twice");
	ew_free(e);
}

int main(void)
{
	test_passes();
	let_go(false);
	let_go(true);
	test_last_reader();
	test_one_side();
	test_end();
	return done();
}
