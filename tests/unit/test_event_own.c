/* Events of a module's own: defined upon others, for every flow or for one, raised; the packet behind an
 * event; timers; what a restarted module is told. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK

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
	struct event_world *e = ew_new(&m, NULL);

	ew_data(e, 'A', 0, "GET /");
	ew_data(e, 'A', 5, "PUT /a/long/one");
	ew_data(e, 'B', 0, "GET /not/here");
	is_str(ew_log, "get5 get13 slow:why,13 -22 raise0 ",
	       "an event of one's own: by what it says, nested when raised");
	ew_clear();
	ew_data(e, 'A', 20, "add!");
	ew_data(e, 'A', 24, "GET /ab");
	ew_data(e, 'B', 13, "GET /ab");
	is_str(ew_log, "add0 get7 long1 get7 ", "a handler that one flow alone has taken up");
	ew_restart(e, 0);
	ew_clear();
	ew_data(e, 'A', 31, "GET /ab");
	ew_data(e, 'A', 38, "cut!");
	ew_data(e, 'A', 42, "GET /ab");
	is_str(ew_log, "get7 long1 cut0 long1 ", "kept by a restart; and one that it has taken out");
	ew_restart(e, 0);
	ew_clear();
	ew_data(e, 'A', 49, "GET /ab");
	ew_data(e, 'B', 20, "GET /ab");
	is_str(ew_log, "long1 get7 ", "likewise");
	ew_clear();
	ew_data(e, 'A', 56, "deep");
	ew_data(e, 'A', 60, "what");
	is_str(ew_log, "deep-28 -2 -1 -1 ", "what goes too deep, or at the wrong time, is an error");
	ew_free(e);
}

/* ------------------------------------------------------------------ for every flow */

static int first, lost, error[6];

static bool to_80(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	(void)ev;
	(void)arg;
	return fos_flow(w)->dport == 80;
}

static void on_first(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("first>%u:%s@%llu ", fos_flow(w)->dport, ew_kind[ev->base], (unsigned long long)ev->pos);
}

static void on_lost(struct fos_window *w, const struct fos_event *ev)
{
	ew_say("lost>%u %d ", fos_flow(w)->dport, fos_event_raise(w, (uint32_t)slow, "no", 2));
	ew_say("%d %d ", fos_event_add(w, ev->id, on_lost), fos_event_timer(w, 0, 1, 0));
}

static void on_slow_too(struct fos_window *w, const struct fos_event *ev)
{
	(void)w;
	ew_say("slow:%.*s,%s ", (int)ev->data_len, (const char *)ev->data, ew_kind[ev->base]);
}

/* Templates of what happens before the module has looked at a flow, and of what is of no flow. */
static int define_first(struct fos_instance *pm)
{
	int deep;

	first = fos_event_define(pm, FOS_ON_START, to_80, NULL, 0);
	lost = fos_event_define(pm, FOS_ON_ORPHAN, to_80, NULL, 0);
	slow = fos_event_define(pm, FOS_EVENT_NONE, NULL, NULL, 0);
	deep = fos_event_define(pm, FOS_ON_GAP, to_80, NULL, 0);
	deep = fos_event_define(pm, (uint32_t)deep, to_80, NULL, 0);
	error[0] = fos_event_handle(pm, (uint32_t)first, on_first, true);
	error[1] = fos_event_handle(pm, (uint32_t)lost, on_lost, true);
	error[2] = fos_event_handle(pm, (uint32_t)slow, on_slow_too, true);
	error[3] = fos_event_handle(pm, (uint32_t)deep, on_first, true);
	error[4] = fos_event_handle(pm, (uint32_t)deep, on_first, false);
	error[5] = fos_event_handle(pm, (uint32_t)lost, on_first, false);
	return 0;
}

static void test_every_flow(void)
{
	const struct fos_pm m = {.name = "all", .stream = FOS_APP, .init = define_first,
				 .events = FOS_BIT(FOS_ON_START) | FOS_BIT(FOS_ON_ORPHAN)};
	static const struct line lines[] = { { 'A', A_, 5, 0, "abc", 0, "" },
					     { 'B', A_, 5, 0, "abc", 0, "" } };
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	ok(error[0] == 0 && error[1] == 0 && error[2] == 0, "every flow may be told of what .events names");
	ok(error[3] == FOS_EINVAL && error[4] == 0, "of what it does not, at any depth, one that asks");
	ok(error[5] == FOS_EINVAL, "an orphan is of no flow that could");
	ew_play(&e, lines, 2);
	is_str(ew_log, "slow:no,orphan lost>80 0 -1 -1 ",
	       "an event upon orphans: filtered, raising another");
	ew_clear();
	ew_handshake(&e);
	is_str(ew_log, "first>80:start@0 ", "one upon the very first packet, without on_event");
	ew_free(&e);
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
				 .flags = FOS_PM_PACKETS, .on_data = ew_hold_until_x,
				 .events = FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_DIFFERING_COPY) |
					   FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_END)};
	struct event_world *e = ew_new(&m, NULL);

	ew_data(e, 'A', 0, "abcdef");
	is_str(ew_log, "packet abcdef flags 10 port 0 time 1 ", "the packet of an event, in place");
	ew_clear();
	ew_data(e, 'A', 2, "cDe");
	is_str(ew_log,
	       "packet cDe flags 10 port 0 time 1 again cDe flags 10 port 0 time 1 old cde at 2 "
	       "differs cDe flags 10 port 0 time 1 old cde at 2 ",
	       "a second copy and the first, side by side");
	ew_clear();
	ew_data(e, 'A', 10, "klm");
	ew_data(e, 'A', 9, "jkLmn");
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
		ew_say("%c:tick%u ", ew_side(w), ev->timer);
		return;
	}
	fos_tcp_states(w, &own, &peer);
	ew_say("%c:%s %s %s ", ew_side(w), ew_kind[ev->id], fos_tcp_state_name(own),
	       fos_tcp_state_name(peer));
	if (ev->id == FOS_ON_SETUP && ew_side(w) == 'A') {
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

static void last_words(struct fos_window *w, const struct fos_event *ev)
{
	if (ev->id == FOS_ON_SETUP)
		ew_say("%d ", fos_event_timer(w, 0, 5000000, 5000000));
	if (ev->id == FOS_ON_END)
		ew_say("%c:end %d ", ew_side(w), fos_event_timer(w, 1, 1000000, 1000000));
	if (ev->id == FOS_ON_TIMER)
		ew_say("%c:tick%u ", ew_side(w), ev->timer);
}

/* The end is the last event: until on_close no timer fires, and none can be set. */
static void test_timers_end(void)
{
	static const struct line reset = {'A', CW_RST, 0, 0, NULL, 0, ""};
	const struct fos_pm m = {.name = "last", .stream = FOS_APP, .on_event = last_words,
				 .events = FOS_BIT(FOS_ON_SETUP) | FOS_BIT(FOS_ON_END)};
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	ew_handshake(&e);
	is_str(ew_log, "0 0 ", "a timer on each direction");
	ew_clear();
	ew_play(&e, &reset, 1);
	is_str(ew_log, "A:end -1 B:end -1 ", "which end with the connection; no other can be set");
	ew_clear();
	for (uint32_t i = 0; i < 10; i++)
		later(&e, 3);
	is_str(ew_log, "", "none fires after the end");
	ew_free(&e);
}

int main(void)
{
	test_defined();
	test_every_flow();
	test_packet();
	test_replay_and_timers();
	test_timers_end();
	return done();
}
