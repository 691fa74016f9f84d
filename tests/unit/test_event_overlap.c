/* Bytes that come twice, and differ, ahead of a hole: the first copy stands, or the last where a module has
 * asked for it (fos_overlap()).  The model of test_reassembly_model.c has both in every combination. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	const char *word = NULL;
	const void *old;
	uint64_t pos;
	size_t n = fos_event_old(w, &old, &pos);

	if (ev->id == FOS_ON_NEW_DATA)
		word = fos_peek(w, fos_head(w), 4);
	else
		ew_say("%c:%s@%llu+%llu ", ew_side(w), ew_kind[ev->id], (unsigned long long)ev->pos,
		       (unsigned long long)ev->len);
	if (n)
		ew_say("old %.*s at %llu ", (int)n, (const char *)old, (unsigned long long)pos);
	if (word && memcmp(word, "last", 4) == 0)
		fos_overlap(w, FOS_OVERLAP_LAST);
	if (word && memcmp(word, "1st!", 4) == 0)
		fos_overlap(w, FOS_OVERLAP_FIRST);
}

static const struct fos_pm copies = {.name = "copies", .stream = FOS_APP, .on_event = on_event,
				     .flags = FOS_PM_PACKETS,
				     .events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_OUT_OF_ORDER) |
					       FOS_BIT(FOS_ON_DIFFERING_COPY)};

static void test_first(void)
{
	struct event_world *e = ew_new(&copies, NULL);

	ew_data(e, 'A', 0, "1st!");
	ew_data(e, 'A', 6, "ghij");
	ew_data(e, 'A', 7, "HI");
	ew_data(e, 'A', 4, "ef");
	is_str(ew_text(e, 0), "1st!efghij", "the first copy stands");
	ok(strstr(ew_log, "differs@7+2 old hi at 7") != NULL, "and is told beside the other");
	ew_free(e);
}

static void test_last(void)
{
	struct event_world *e = ew_new(&copies, NULL);

	ew_data(e, 'A', 0, "last");
	ew_data(e, 'A', 6, "ghij");
	ew_data(e, 'A', 12, "mn");
	ew_clear();
	ew_data(e, 'A', 7, "HI");
	is_str(ew_log, "A:differs@7+2 old hi at 7 A:ooo@7+2 ",
	       "inside: told with what it takes the place of");
	ew_clear();
	ew_data(e, 'A', 8, "IJklMN");
	is_str(ew_log, "A:differs@8+6 old Ij at 8 A:ooo@8+6 ", "over several, and what was between them");
	is_u64(e->t.c->flows[0].ooo_bytes, 8, "counted once");
	ew_data(e, 'A', 6, "g");
	ew_data(e, 'A', 4, "ef");
	is_str(ew_text(e, 0), "lastefgHIJklMN", "the last copy of each byte stands");
	ew_data(e, 'A', 4, "EFGH");
	ew_data(e, 'A', 14, "o");
	is_str(ew_text(e, 0), "lastefgHIJklMNo", "what was in sequence does not change");
	ew_free(e);
}

/* By a segment that fills the hole, too; only this direction; after a death of either; taken back. */
static void test_asked(void)
{
	struct event_world *e = ew_new(&copies, NULL);

	ew_data(e, 'A', 0, "last");
	ew_data(e, 'A', 6, "gh");
	ew_data(e, 'A', 4, "efGHi");
	is_str(ew_text(e, 0), "lastefGHi", "one that fills the hole is a last copy, too");
	ew_data(e, 'B', 2, "cd");
	ew_data(e, 'B', 2, "CD");
	ew_data(e, 'B', 0, "ab");
	is_str(ew_text(e, 1), "abcd", "the other direction has not asked");
	ew_restart(e, 0);
	cw_kill(&e->t);
	cw_start(&e->t);
	ew_data(e, 'A', 11, "lm");
	ew_data(e, 'A', 11, "LM");
	ew_data(e, 'A', 9, "jk");
	is_str(ew_text(e, 0), "lastefGHijkLM", "it is kept when processes die");
	ew_data(e, 'A', 13, "1st!");
	ew_data(e, 'A', 18, "st");
	ew_data(e, 'A', 18, "ST");
	ew_data(e, 'A', 17, "r");
	is_str(ew_text(e, 0), "lastefGHijkLM1st!rst", "and taken back from the next packet on");
	ew_free(e);
}

/* The end of the stream stays where it is, whatever comes again before it. */
static void test_end(void)
{
	static const struct line lines[] = {
		{ 'A', A_, 0, 0, "last", 0, "" },	{ 'A', A_ | CW_FIN, 6, 0, "gh", 0, "" },
		{ 'A', A_, 6, 0, "GHI", 0, "" },	{ 'A', A_ | CW_FIN, 7, 0, "X", 0, "" },
		{ 'A', A_, 4, 0, "ef", 0, "" } };
	struct event_world *e = ew_new(&copies, NULL);
	const struct fos_flow *f = &e->t.c->flows[0];

	ew_play(e, lines, 5);
	is_str(ew_text(e, 0), "lastefGX", "the last copies, up to the end");
	ok(f->state & FOS_FLOW_ST_FIN && f->fin_pos == 8, "the end is where it was");
	is_u64(f->ooo_bytes, 0, "nothing is left over");
	ew_free(e);
}

int main(void)
{
	test_first();
	test_last();
	test_asked();
	test_end();
	return done();
}
