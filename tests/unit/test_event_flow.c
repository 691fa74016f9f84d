/* What a module can do with the events of a flow: ask for others, stop, bound what is kept, add handlers to
 * one flow, raise events, set timers, look at packets; and what happens when events have to wait for
 * bytes, or do not fit. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK
#define F_ (CW_ACK | CW_FIN)

static char side(struct fos_window *w)
{
	return fos_flow(w)->reverse ? 'B' : 'A';
}

static void log_event(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("%c:%s@%llu+%llu ", side(w), ew_kind[ev->base], (unsigned long long)ev->at,
	       (unsigned long long)ev->len);
}

static void log_data(struct fos_window *w)
{
	if (fos_tail(w) > fos_head(w))
		ew_say("%c[%llu,%llu) ", side(w), (unsigned long long)fos_head(w),
		       (unsigned long long)fos_tail(w));
	fos_release_all(w);
}

static struct event_world *make(const struct fos_pm *first, const struct fos_pm *second)
{
	static struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, first);
	if (second)
		ew_pm(&e, 1, second);
	ew_make(&e);
	ew_handshake(&e);
	ew_clear();
	return &e;
}

static void say(struct event_world *e, char who, int64_t pos, const char *data)
{
	const struct line l = { who, A_, pos, 0, data, 0, "" };

	ew_play(e, &l, 1);
}

/* ------------------------------------------------------------------ waiting for bytes */

static void hold_until_x(struct fos_window *w)
{
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), "X", 0, &hit))
		fos_release(w, hit.end);
}

/* The stage before holds bytes back: events behind them wait, those of other flows do not. */
static void test_waiting(void)
{
	const struct fos_pm holds = {.name = "holds", .stream = FOS_APP, .on_data = hold_until_x};
	const struct fos_pm logs = {.name = "logs", .stream = FOS_APP, .on_data = log_data,
				    .on_event = log_event,
				    .events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_RETRANSMISSION)};
	struct event_world *e = make(&holds, &logs);
	const struct fos_event_host *h;

	say(e, 'A', 0, "ab");
	say(e, 'A', 1, "b");
	say(e, 'B', 0, "X");
	is_str(ew_log, "B[0,1) B:data@1+1 ", "A's bytes are held by the stage before; B's are not");
	h = ((const struct fos_instance *)e->host[1].state)->events;
	is_u64(h->nr_inbox, 2, "A's events wait aside");
	ew_restart(e, 1);
	say(e, 'A', 2, "cXd");
	is_str(ew_log, "B[0,1) B:data@1+1 A[0,2) A:data@2+2 A:again@2+1 A[2,4) ",
	       "let go, they come in order with the bytes, also after a restart");
	say(e, 'A', 5, "X");
	ok(strstr(ew_log, "A[4,5) A:data@5+3 A[5,6) A:data@6+1 ") != NULL, "and so does the rest");
	ew_free(e);
}

/* More of them than there is room for: told as missed. */
static void test_inbox_full(void)
{
	const struct fos_pm holds = {.name = "holds", .stream = FOS_APP, .on_data = hold_until_x};
	const struct fos_pm logs = {.name = "logs", .stream = FOS_APP, .on_data = log_data,
				    .on_event = log_event,
				    .events = FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_MISSED)};
	struct event_world *e = make(&holds, &logs);
	uint32_t n = 0;

	say(e, 'A', 0, "ab");
	for (uint32_t i = 0; i < FOS_EVENT_INBOX + 10; i++)
		say(e, 'A', 0, "a");
	say(e, 'A', 2, "X");
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
	struct event_world *e = make(&counts, NULL);

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
	struct event_world *e = make(&asks, NULL);

	say(e, 'A', 0, "pack");
	say(e, 'A', 4, "more");
	say(e, 'B', 0, "stop");
	say(e, 'B', 4, "more");
	is_str(ew_log, "A:data@4+4 A:packet@4+24 A:data@8+4 B:data@4+4 ",
	       "one direction asks for packets, the other stops");
	ew_restart(e, 0);
	ew_clear();
	say(e, 'A', 8, "x");
	say(e, 'B', 8, "y");
	is_str(ew_log, "A:packet@8+21 A:data@9+1 ", "and so after a restart");
	is_str(ew_text(e, 1), "stopmorey", "what is not watched passes");
	ew_free(e);

	e = make(&asks, NULL);
	say(e, 'A', 0, "skip");
	say(e, 'A', 4, "more");
	say(e, 'B', 0, "stop");
	ew_play(e, bye, 3);
	is_str(ew_log, "A:data@4+4 A:data@8+4 B:data@4+4 A:end@8+0 ",
	       "after a bypass: events without bytes; after a stop: none");
	ew_free(e);
}

static void test_bound(void)
{
	static char big[1201];
	struct event_world *e = make(&asks, NULL);
	uint64_t dropped;

	memset(big, 'b', 1200);
	say(e, 'A', 0, "more");
	say(e, 'A', 5, big);
	is_u64(e->t.c->flows[0].ooo_bytes, 1200, "kept ahead of a hole");
	say(e, 'B', 0, "less");
	say(e, 'A', 4, "!");
	say(e, 'A', 1205, "less");
	dropped = cw_counter(&e->t, FOS_C_drop_ooo_limit);
	say(e, 'A', 1210, big);
	ok(e->t.c->flows[0].ooo_bytes == 0 && cw_counter(&e->t, FOS_C_drop_ooo_limit) == dropped + 1,
	   "beyond the flow's own bound nothing is kept");
	say(e, 'A', 1210, "in reach");
	is_u64(e->t.c->flows[0].ooo_bytes, 8, "within it, it is");
	ew_free(e);
}

/* ------------------------------------------------------------------ user-defined events */

static int get, post, slow;

static bool begins(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	const void *p = fos_peek(w, ev->at - ev->len, strlen(arg));

	return p && memcmp(p, arg, strlen(arg)) == 0;
}

static bool is_long(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	uint32_t n;

	(void)w;
	memcpy(&n, arg, sizeof(n));
	return ev->len >= n;
}

static void on_get(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("get%llu ", (unsigned long long)ev->len);
	if (ev->len > 10)
		ew_say("raise%d ", fos_event_raise(w, (uint32_t)slow, "why", 3));
}

static void on_long_get(struct fos_window *w, const struct fos_event *ev)
{
	(void)w;
	ew_say("long%u ", ev->id == (uint32_t)post);
}

static void on_slow(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("slow:%.*s,%llu ", (int)ev->data_len, (const char *)ev->data, (unsigned long long)ev->len);
	ew_say("%d ", fos_event_raise(w, (uint32_t)slow + 100, NULL, 0));
}

static void on_endless(struct fos_window *w, const struct fos_event *ev)
{
	int rc = fos_event_raise(w, ev->id, NULL, 0);

	if (rc != FOS_OK)
		ew_say("deep%d ", rc);
}

static int endless;

static int define(struct fos_instance *pm)
{
	const uint32_t six = 6;

	get = fos_event_define(pm, FOS_ON_NEW_DATA, begins, "GET", 4);
	post = fos_event_define(pm, (uint32_t)get, is_long, &six, sizeof(six));
	slow = fos_event_define(pm, FOS_EVENT_NONE, NULL, NULL, 0);
	endless = fos_event_define(pm, FOS_EVENT_NONE, NULL, "e", 1);
	fos_event_handle(pm, (uint32_t)get, on_get, true);
	fos_event_handle(pm, (uint32_t)slow, on_slow, true);
	fos_event_handle(pm, (uint32_t)endless, on_endless, true);
	return fos_event_handle(pm, (uint32_t)post, on_long_get, false);
}

/* One word adds a handler to this flow, another takes one out. */
static void change(struct fos_window *w, const struct fos_event *ev)
{
	const char *word = ev->id == FOS_ON_NEW_DATA ? fos_peek(w, ev->at - ev->len, 4) : NULL;

	if (word && memcmp(word, "add!", 4) == 0)
		ew_say("add%d ", fos_event_add(w, (uint32_t)post, on_long_get));
	if (word && memcmp(word, "cut!", 4) == 0)
		ew_say("cut%d ", fos_event_remove(w, (uint32_t)get, on_get));
	if (word && memcmp(word, "deep", 4) == 0)
		fos_event_raise(w, (uint32_t)endless, NULL, 0);
	if (word && memcmp(word, "what", 4) == 0)
		ew_say("%d %d %d ", fos_event_add(w, FOS_ON_END, on_get),
		       fos_event_define(fos_pm_of(w), FOS_ON_END, NULL, NULL, 0),
		       fos_event_handle(fos_pm_of(w), FOS_ON_END, on_get, true));
}

static void test_defined(void)
{
	const struct fos_pm m = {.name = "own", .stream = FOS_APP, .init = define, .on_event = change,
				 .events = FOS_BIT(FOS_ON_NEW_DATA)};
	struct event_world *e = make(&m, NULL);

	say(e, 'A', 0, "GET /");
	say(e, 'A', 5, "PUT /a/long/one");
	say(e, 'B', 0, "GET /not/here");
	is_str(ew_log, "get5 get13 slow:why,13 -22 raise0 ",
	       "an event of one's own: by what it says, nested when raised");
	ew_clear();
	say(e, 'A', 20, "add!");
	say(e, 'A', 24, "GET /ab");
	say(e, 'B', 13, "GET /ab");
	is_str(ew_log, "add0 get7 long1 get7 ", "a handler that one flow alone has taken up");
	ew_restart(e, 0);
	ew_clear();
	say(e, 'A', 31, "GET /ab");
	say(e, 'A', 38, "cut!");
	say(e, 'A', 42, "GET /ab");
	is_str(ew_log, "get7 long1 cut0 long1 ", "kept by a restart; and one that it has taken out");
	ew_restart(e, 0);
	ew_clear();
	say(e, 'A', 49, "GET /ab");
	say(e, 'B', 20, "GET /ab");
	is_str(ew_log, "long1 get7 ", "likewise");
	ew_clear();
	say(e, 'A', 56, "deep");
	say(e, 'A', 60, "what");
	is_str(ew_log, "deep-28 -2 -1 -1 ", "what goes too deep, or at the wrong time, is an error");
	ew_free(e);
}

/* ------------------------------------------------------------------ packets, replay, timers */

static void look(struct fos_window *w, const struct fos_event *ev)
{
	struct fos_packet p;
	const void *old;
	uint64_t pos;
	size_t n = fos_event_old(w, &old, &pos);

	if (fos_event_packet(w, &p) == FOS_OK)
		ew_say("%s %.*s flags %x port %u time %d ", ew_kind[ev->id], (int)p.payload_len,
		       (const char *)p.data + p.payload_off, p.tcp_flags, p.in_port,
		       p.time_ns == ev->time_ns);
	else
		ew_say("%s no packet ", ew_kind[ev->id]);
	if (n)
		ew_say("old %.*s at %llu ", (int)n, (const char *)old, (unsigned long long)pos);
}

static void test_packet(void)
{
	const struct fos_pm m = {.name = "look", .stream = FOS_APP, .on_event = look,
				 .flags = FOS_PM_PACKETS, .on_data = hold_until_x,
				 .events = FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_DIFFERING_COPY) |
					   FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_END)};
	struct event_world *e = make(&m, NULL);

	say(e, 'A', 0, "abcdef");
	is_str(ew_log, "packet abcdef flags 10 port 0 time 1 ", "the packet of an event, in place");
	ew_clear();
	say(e, 'A', 2, "cDe");
	is_str(ew_log,
	       "packet cDe flags 10 port 0 time 1 again cDe flags 10 port 0 time 1 old cde at 2 "
	       "differs cDe flags 10 port 0 time 1 old cde at 2 ",
	       "a second copy and the first, side by side");
	ew_clear();
	say(e, 'A', 10, "klm");
	say(e, 'A', 9, "jkLmn");
	is_str(ew_log + strlen("packet klm flags 10 port 0 time 1 packet jkLmn flags 10 port 0 time 1 "),
	       "differs jkLmn flags 10 port 0 time 1 old jklmn at 9 ",
	       "also ahead of a hole: what the receiver gets");
	ew_clear();
	e->t.now += 400000000000ull;
	ew_run(e);
	is_str(ew_log, "end no packet end no packet ", "time has none");
	ew_free(e);
}

static void replayed(struct fos_window *w, const struct fos_event *ev)
{
	uint32_t own, peer;

	if (ev->id == FOS_ON_TIMER) {
		ew_say("%c:tick%u ", side(w), ev->timer);
		return;
	}
	fos_tcp_states(w, &own, &peer);
	ew_say("%c:%s %s %s ", side(w), ew_kind[ev->id], fos_tcp_state_name(own),
	       fos_tcp_state_name(peer));
	if (ev->id == FOS_ON_SETUP && side(w) == 'A') {
		fos_event_timer(w, 0, 10000000, 0);
		fos_event_timer(w, 1, 5000000, 5000000);
		fos_event_timer(w, 7, 12000000, 0);
		ew_say("%d %d ", fos_event_timer(w, 8, 1, 0), fos_event_timer(w, 1, 1, 1000));
	}
}

static void later(struct event_world *e, uint64_t ms)
{
	e->t.now += ms * 1000000u;
	ew_run(e);
}

static void test_replay_and_timers(void)
{
	const struct fos_pm m = {.name = "replay", .stream = FOS_APP, .on_event = replayed,
				 .events = FOS_BIT(FOS_ON_REPLAY) | FOS_BIT(FOS_ON_SETUP)};
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	ew_handshake(&e);
	is_str(ew_log, "A:setup ESTABLISHED ESTABLISHED -22 -22 B:setup ESTABLISHED ESTABLISHED ",
	       "nothing to be told again at first; timers that cannot be are refused");
	ew_clear();
	later(&e, 4);
	is_str(ew_log, "", "not before their time");
	later(&e, 2);
	is_str(ew_log, "A:tick1 ", "the first of three");
	ew_restart(&e, 0);
	ew_clear();
	ew_run(&e);
	is_str(ew_log, "A:replay ESTABLISHED ESTABLISHED B:replay ESTABLISHED ESTABLISHED ",
	       "a restart is told for each flow that is known");
	ew_clear();
	later(&e, 5);
	is_str(ew_log, "A:tick0 A:tick1 ", "two at their times, after the restart");
	ew_clear();
	later(&e, 2);
	is_str(ew_log, "A:tick7 ", "the third");
	ew_clear();
	later(&e, 22);
	is_str(ew_log, "A:tick1 ", "a period that was slept over is not made up for");
	ew_clear();
	later(&e, 5);
	is_str(ew_log, "A:tick1 ", "and goes on in step");
	ew_free(&e);
}

int main(void)
{
	test_waiting();
	test_inbox_full();
	test_missed();
	test_asking();
	test_bound();
	test_defined();
	test_packet();
	test_replay_and_timers();
	return done();
}
