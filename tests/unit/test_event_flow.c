/* What a module can do with the events of a flow: ask for others, stop, bound what is kept, look beyond the
 * window, judge; and what happens when events have to wait for bytes, or do not fit. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK
#define F_ (CW_ACK | CW_FIN)

static void log_event(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("%c:%s@%llu+%llu ", ew_side(w), ew_kind[ev->base], (unsigned long long)ev->at,
	       (unsigned long long)ev->len);
}

static void log_data(struct fos_window *w)
{
	if (fos_tail(w) > fos_head(w))
		ew_say("%c[%llu,%llu) ", ew_side(w), (unsigned long long)fos_head(w),
		       (unsigned long long)fos_tail(w));
	fos_release_all(w);
}

/* ------------------------------------------------------------------ waiting for bytes */

/* The stage before holds bytes back: events behind them wait, those of other flows do not. */
static void test_waiting(void)
{
	const struct fos_pm holds = {.name = "holds", .stream = FOS_APP, .on_data = ew_hold_until_x};
	const struct fos_pm logs = {.name = "logs", .stream = FOS_APP, .on_data = log_data,
				    .on_event = log_event,
				    .events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_RETRANSMISSION)};
	struct event_world *e = ew_new(&holds, &logs);
	const struct fos_event_host *h;

	ew_data(e, 'A', 0, "ab");
	ew_data(e, 'A', 1, "b");
	ew_data(e, 'B', 0, "X");
	is_str(ew_log, "B[0,1) B:data@1+1 ", "A's bytes are held by the stage before; B's are not");
	h = ((const struct fos_instance *)e->host[1].state)->events;
	is_u64(h->nr_inbox, 2, "A's events wait aside");
	ew_restart(e, 1);
	ew_data(e, 'A', 2, "cXd");
	is_str(ew_log, "B[0,1) B:data@1+1 A[0,2) A:data@2+2 A:again@2+1 A[2,4) ",
	       "let go, they come in order with the bytes, also after a restart");
	ew_data(e, 'A', 5, "X");
	ok(strstr(ew_log, "A[4,5) A:data@5+3 A[5,6) A:data@6+1 ") != NULL, "and so does the rest");
	ew_free(e);
}

/* More of them than there is room for: told as missed. */
static void test_inbox_full(void)
{
	const struct fos_pm holds = {.name = "holds", .stream = FOS_APP, .on_data = ew_hold_until_x};
	const struct fos_pm logs = {.name = "logs", .stream = FOS_APP, .on_data = log_data,
				    .on_event = log_event,
				    .events = FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_MISSED)};
	struct event_world *e = ew_new(&holds, &logs);
	uint32_t n = 0;

	ew_data(e, 'A', 0, "ab");
	for (uint32_t i = 0; i < FOS_EVENT_INBOX + 10; i++)
		ew_data(e, 'A', 0, "a");
	ew_data(e, 'A', 2, "X");
	for (const char *m = ew_log; (m = strstr(m, ":missed@")) != NULL; m = strchr(m, '+'))
		n += (uint32_t)strtoul(strchr(m, '+') + 1, NULL, 10);
	is_u64(n, 10, "beyond %u waiting ones, 10 are counted and told", FOS_EVENT_INBOX);
	ew_free(e);
}

/* ------------------------------------------------------------------ not fitting */

static uint32_t count, missed;

static void count_event(struct fos_window *w, const struct fos_event *ev)
{
	(void)w;
	if (ev->id == FOS_ON_MISSED)
		missed += (uint32_t)ev->len;
	else
		count++;
}

static void test_missed(void)
{
	const struct fos_pm counts = {.name = "counts", .stream = FOS_APP, .on_event = count_event,
				      .events = FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_MISSED)};
	struct event_world *e = ew_new(&counts, NULL);

	count = missed = 0;
	for (uint32_t i = 0; i < 1500; i++) {
		const struct line l = { 'B', A_, 0, 0, NULL, 0, "" };

		ew_send(e, &l);
		fos_proc_work(&e->t.p); /* the module sleeps */
		cw_descs(&e->t);
	}
	is_u64(cw_counter(&e->t, FOS_C_events_missed), 1500 - 1024, "a ring of 1024, and 1500 events");
	ew_run(e);
	ok(count == 1024 && missed == 1500 - 1024, "told: %u events, %u missed", count, missed);
	ew_restart(e, 0);
	ew_run(e);
	is_u64(missed, 1500 - 1024, "once, also after a restart");
	ew_free(e);
}

/* A module that reads in its events lags, and the events of what came last did not fit: its bytes, more
 * than a window shows at once and brought by a few hints, go on, although nothing comes after them. */
static void test_missed_data(void)
{
	enum { SEGMENTS = 640, SIZE = 1448 };
	const struct fos_pm reads = {.name = "reads", .stream = FOS_APP, .on_event = count_event,
				     .events = FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_NEW_DATA) |
					       FOS_BIT(FOS_ON_MISSED)};
	static struct event_world e;
	static char data[SIZE + 1];

	ew_plan(&e);
	ew_pm(&e, 0, &reads);
	e.t.w.dir->pm[0].hold_bytes = 1; /* the smallest window */
	ew_make(&e);
	ew_handshake(&e);
	memset(data, 'x', SIZE);
	count = missed = 0;
	for (uint32_t i = 0; i < 1024 + SEGMENTS; i++) {
		const struct line none = { 'B', A_, 0, 0, NULL, 0, "" };
		const struct line some = { 'A', A_, (i - 1024) * SIZE, 0, data, 0, "" };

		ew_send(&e, i < 1024 ? &none : &some);
		if (i >= 1024 && i % 64 != 63)
			continue;
		fos_proc_work(&e.t.p); /* the module sleeps */
		cw_descs(&e.t);
	}
	ew_run(&e);
	ok(missed >= SEGMENTS, "%u events did not fit", missed);
	is_u64(e.out[0].at, SEGMENTS * SIZE, "every byte has gone on");
	ew_free(&e);
}

/* ------------------------------------------------------------------ asking for others */

static void ask(struct fos_window *w, const struct fos_event *ev)
{
	const char *word = "";

	log_event(w, ev);
	if (ev->id == FOS_ON_NEW_DATA)
		word = fos_peek(w, fos_head(w), 4);
	if (word && memcmp(word, "stop", 4) == 0)
		fos_stop(w);
	else if (word && memcmp(word, "pack", 4) == 0)
		fos_subscribe(w, FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_NEW_DATA));
	else if (word && memcmp(word, "skip", 4) == 0)
		fos_bypass(w);
	else if (word && memcmp(word, "less", 4) == 0)
		fos_buffer(w, 1024);
}

static const struct fos_pm asks = {.name = "asks", .stream = FOS_APP, .on_event = ask,
				   .events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_END)};

static void test_asking(void)
{
	static const struct line bye[] = { { 'A', F_, 8, 4, NULL, 0, "" }, { 'B', F_, 4, 9, NULL, 0, "" },
					   { 'A', A_, 9, 5, NULL, 0, "" } };
	struct event_world *e = ew_new(&asks, NULL);

	ew_data(e, 'A', 0, "pack");
	ew_data(e, 'A', 4, "more");
	ew_data(e, 'B', 0, "stop");
	ew_data(e, 'B', 4, "more");
	is_str(ew_log, "A:data@4+4 A:packet@4+24 A:data@8+4 B:data@4+4 ",
	       "one direction asks for packets, the other stops");
	ew_restart(e, 0);
	ew_clear();
	ew_data(e, 'A', 8, "x");
	ew_data(e, 'B', 8, "y");
	is_str(ew_log, "A:packet@8+21 A:data@9+1 ", "and so after a restart");
	is_str(ew_text(e, 1), "stopmorey", "what is not watched passes");
	ew_free(e);

	e = ew_new(&asks, NULL);
	ew_data(e, 'A', 0, "skip");
	ew_data(e, 'A', 4, "more");
	ew_data(e, 'B', 0, "stop");
	ew_play(e, bye, 3);
	is_str(ew_log, "A:data@4+4 A:data@8+4 B:data@4+4 A:end@8+0 ",
	       "after a bypass: events without bytes; after a stop: none");
	ew_free(e);
}

static void test_bound(void)
{
	static char big[1201];
	struct event_world *e = ew_new(&asks, NULL);
	uint64_t dropped;

	memset(big, 'b', 1200);
	ew_data(e, 'A', 0, "more");
	ew_data(e, 'A', 5, big);
	is_u64(e->t.c->flows[0].ooo_bytes, 1200, "kept ahead of a hole");
	ew_data(e, 'B', 0, "less");
	ew_data(e, 'A', 4, "!");
	ew_data(e, 'A', 1205, "less");
	dropped = cw_counter(&e->t, FOS_C_drop_ooo_limit);
	ew_data(e, 'A', 1210, big);
	ok(e->t.c->flows[0].ooo_bytes == 0 && cw_counter(&e->t, FOS_C_drop_ooo_limit) == dropped + 1,
	   "beyond the flow's own bound nothing is kept");
	ew_data(e, 'A', 1210, "in reach");
	is_u64(e->t.c->flows[0].ooo_bytes, 8, "within it, it is");
	ew_free(e);

	/* what is kept already goes at once */
	e = ew_new(&asks, NULL);
	ew_data(e, 'A', 5, big);
	ew_data(e, 'A', 2005, big);
	ew_data(e, 'A', 0, "less");
	is_u64(e->t.c->flows[0].ooo_bytes, 0, "a lower bound gives memory back at once");
	ew_data(e, 'A', 4, "!");
	ew_data(e, 'A', 5, "again");
	is_str(ew_text(e, 0), "less!again", "what was given back comes again");
	ew_free(e);
}

/* ------------------------------------------------------------------ bytes beyond the window */

static void far(struct fos_window *w, const struct fos_event *ev)
{
	struct fos_fragment f[4];
	char text[64];
	int n = fos_fragments(w, f, 4);
	size_t len = fos_read_at(w, ev->pos, text, sizeof(text) - 1);

	text[len] = 0;
	ew_say("'%s' ", text);
	for (int i = 0; i < n; i++)
		ew_say("%llu+%llu ", (unsigned long long)f[i].pos, (unsigned long long)f[i].len);
}

static void test_far(void)
{
	const struct fos_pm m = {.name = "far", .stream = FOS_APP, .on_data = ew_hold_until_x,
				 .on_event = far,
				 .events = FOS_BIT(FOS_ON_OUT_OF_ORDER) | FOS_BIT(FOS_ON_NEW_DATA)};
	struct event_world *e = ew_new(&m, NULL);

	ew_data(e, 'A', 0, "abX");
	ew_data(e, 'A', 10, "klm");
	ew_data(e, 'A', 13, "no");
	ew_data(e, 'A', 20, "u");
	is_str(ew_log, "'abX' 'klm' 10+3 'no' 10+5 'u' 10+5 20+1 ",
	       "bytes ahead of a hole, and where there are some");
	ew_clear();
	ew_data(e, 'A', 3, "defghij");
	is_str(ew_log, "'defghijklmno' 20+1 ", "those in sequence, on into the others");
	ew_clear();
	ew_data(e, 'A', 0, "abX");
	is_str(ew_log, "", "(nothing new)");
	ew_free(e);
}

/* ------------------------------------------------------------------ verdicts */

static void judge(struct fos_window *w, const struct fos_event *ev)
{
	const char *word = fos_peek(w, ev->at - ev->len, 4);

	if (word && memcmp(word, "kill", 4) == 0)
		fos_reset(w);
	if (word && memcmp(word, "edit", 4) == 0) {
		fos_replace(w, ev->at - 4, 4, "longer", 6);
		fos_insert(w, ev->at, "!", 1);
	}
	if (word && memcmp(word, "keep", 4) == 0)
		fos_release(w, ev->at - 2);
	if (word && memcmp(word, "half", 4) == 0)
		fos_delete(w, ev->at - 4, 2);
}

static void test_judging(void)
{
	const struct fos_pm m = {.name = "judge", .stream = FOS_APP, .on_event = judge,
				 .flags = FOS_PM_EDITS, .events = FOS_BIT(FOS_ON_NEW_DATA)};
	struct event_world *e = ew_new(&m, NULL);

	ew_data(e, 'A', 0, "edit");
	ew_data(e, 'A', 4, "half");
	is_str(ew_text(e, 0), "longer!lf", "bytes are changed, lengthened and shortened in their event");
	ew_data(e, 'A', 8, "keep");
	is_str(ew_text(e, 0), "longer!lfke", "let go in part");
	ew_restart(e, 0);
	ew_run(e);
	is_str(ew_text(e, 0), "longer!lfke", "and kept, also by a successor");
	ew_data(e, 'A', 12, "more");
	is_str(ew_text(e, 0), "longer!lfkeepmore", "until the next event");
	ew_data(e, 'A', 16, "kill");
	ok(e->t.w.box.flows[0].state & FOS_FLOW_ST_CLOSED &&
		   e->t.w.box.flows[0].close == FOS_CLOSE_PM, "reset");
	is_str(ew_text(e, 0), "longer!lfkeepmore", "and its last bytes go no further");
	ew_free(e);
}

/* Bytes up to an 'X' go on; a connection with a 'K' in it is reset. */
static void on_data_judges(struct fos_window *w)
{
	struct fos_hit hit;

	if (fos_find(w, fos_head(w), "K", 0, &hit))
		fos_reset(w);
	else
		ew_hold_until_x(w);
}

static void log_close(struct fos_window *w, uint32_t why)
{
	ew_say("%c:close%u ", ew_side(w), why);
}

/* The stage before resets the connection and lets go of no more: what comes behind it reads what was let
 * go, is told of the end, and closes. */
static void test_judged_before(void)
{
	const struct fos_pm judges = {.name = "judges", .stream = FOS_APP, .on_data = on_data_judges};
	const struct fos_pm between = {.name = "between", .stream = FOS_APP, .on_data = ew_hold_until_x};
	const struct fos_pm logs = {.name = "logs", .stream = FOS_APP, .on_data = log_data,
				    .on_event = log_event, .on_close = log_close,
				    .events = FOS_BIT(FOS_ON_END)};
	static struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &judges);
	ew_pm(&e, 1, &between);
	ew_pm(&e, 2, &logs);
	ew_make(&e);
	ew_handshake(&e);
	ew_data(&e, 'A', 0, "ab");
	ew_data(&e, 'B', 0, "one");
	ew_data(&e, 'A', 2, "cXd");
	ew_data(&e, 'B', 3, "Xtwo");
	is_str(ew_log, "A[0,4) B[0,4) ", "what is let go arrives");
	ew_clear();
	ew_data(&e, 'A', 5, "eK");
	is_str(ew_log, "A:end@4+0 B[4,7) B:end@7+0 A:close6 B:close6 ",
	       "behind a module that resets, too, the rest is read and both directions end");
	ew_free(&e);
}

/* A FIN of its own brings no data, so no event: egress waits for it all the same. */
static void test_end(void)
{
	const struct fos_pm m = {.name = "logs", .stream = FOS_APP, .on_event = log_event,
				 .events = FOS_BIT(FOS_ON_NEW_DATA)};
	const struct line fin = {'A', F_, 2, 0, NULL, 0, ""};
	struct event_world *e = ew_new(&m, NULL);
	const struct fos_ring *ready;
	uint64_t told;

	ew_data(e, 'A', 0, "ab");
	ready = fos_proc_prod(&e->host[0], FOS_RING_READY,
			      fos_proc_find(e->t.w.dir, FOS_ROLE_EGRESS, 0, 0))->ring;
	told = ready->tail;
	ew_play(e, &fin, 1);
	is_u64(ready->tail - told, 1, "a FIN behind bytes that were let go is hinted to egress, once");
	ew_free(e);
}

int main(void)
{
	test_waiting();
	test_inbox_full();
	test_missed();
	test_missed_data();
	test_asking();
	test_bound();
	test_far();
	test_judging();
	test_judged_before();
	test_end();
	return done();
}
