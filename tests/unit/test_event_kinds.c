/* Each built-in event: a conversation in which it fires and one in which it does not, what is said of it,
 * and its place among the bytes. */
#include "tests/unit/event_world.h"

#define A_ CW_ACK
#define F_ (CW_ACK | CW_FIN)

static char side(struct fos_window *w)
{
	return fos_flow(w)->reverse ? 'B' : 'A';
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	if (ev->id == FOS_ON_STATE)
		ew_say("%c:%s>%s ", side(w), fos_tcp_state_name(ev->was[0]),
		       fos_tcp_state_name(ev->state));
	else if (ev->id == FOS_ON_END)
		ew_say("%c:end%u@%llu ", side(w), ev->why, (unsigned long long)ev->at);
	else
		ew_say("%c:%s@%llu:%llu+%llu ", side(w), ew_kind[ev->id], (unsigned long long)ev->at,
		       (unsigned long long)ev->pos, (unsigned long long)ev->len);
}

static void on_data(struct fos_window *w)
{
	if (fos_tail(w) > fos_head(w))
		ew_say("%c[%llu,%llu) ", side(w), (unsigned long long)fos_head(w),
		       (unsigned long long)fos_tail(w));
	fos_release_all(w);
}

static const struct {
	const char *what;
	uint32_t kind;
	struct line line[8];
	const char *told; /* after the handshake */
} table[] = {
	{ "packet", FOS_ON_PACKET, { { 'A', A_, 0, 0, "abc", 0, "" }, { 'B', A_, 0, 3, NULL, 0, "" } },
	  "A:packet@0:0+23 A[0,3) B:packet@0:0+20 " },
	{ "packet: none comes", FOS_ON_PACKET, { { '+', 0, 5, 0, NULL, 0, "" } }, "" },
	{ "again", FOS_ON_RETRANSMISSION,
	  { { 'A', A_, 0, 0, "abcd", 0, "" }, { 'A', A_, 1, 0, "bc", 0, "" },
	    { 'A', A_, 2, 0, "cdEF", 0, "" } },
	  "A[0,4) A:again@4:1+2 A:again@4:2+2 A[4,6) " },
	{ "again: not by new bytes", FOS_ON_RETRANSMISSION,
	  { { 'A', A_, 0, 0, "ab", 0, "" }, { 'A', A_, 2, 0, "cd", 0, "" } }, "A[0,2) A[2,4) " },
	{ "differs", FOS_ON_DIFFERING_COPY,
	  { { 'A', A_, 4, 0, "efgh", 0, "" }, { 'A', A_, 4, 0, "eXgh", 0, "" } },
	  "A:differs@0:4+4 " },
	{ "differs: the same bytes do not", FOS_ON_DIFFERING_COPY,
	  { { 'A', A_, 4, 0, "efgh", 0, "" }, { 'A', A_, 4, 0, "efgh", 0, "" } }, "" },
	{ "ooo", FOS_ON_OUT_OF_ORDER, { { 'A', A_, 4, 0, "efgh", 0, "" }, { 'A', A_, 8, 0, "ij", 0, "" } },
	  "A:ooo@0:4+4 A:ooo@0:8+2 " },
	{ "ooo: not in order", FOS_ON_OUT_OF_ORDER, { { 'A', A_, 0, 0, "efgh", 0, "" } }, "A[0,4) " },
	{ "gap", FOS_ON_GAP, { { 'A', A_, 4, 0, "efgh", 0, "" }, { 'A', A_, 8, 0, "ij", 0, "" } },
	  "A:gap@0:0+4 " },
	{ "gap: none", FOS_ON_GAP, { { 'A', A_, 0, 0, "efgh", 0, "" } }, "A[0,4) " },
	{ "filled", FOS_ON_GAP_FILLED, { { 'A', A_, 4, 0, "ef", 0, "" }, { 'A', A_, 0, 0, "abcd", 0, "" } },
	  "A:filled@0:0+4 A[0,6) " },
	{ "filled, as far as what waited", FOS_ON_GAP_FILLED,
	  { { 'A', A_, 4, 0, "ef", 0, "" }, { 'A', A_, 0, 0, "abcdef", 0, "" } },
	  "A:filled@0:0+6 A[0,6) " },
	{ "filled, a FIN waited", FOS_ON_GAP_FILLED,
	  { { 'A', F_, 4, 0, NULL, 0, "" }, { 'A', A_, 0, 0, "abcd", 0, "" } },
	  "A:filled@0:0+4 A[0,4) " },
	{ "filled: not yet", FOS_ON_GAP_FILLED,
	  { { 'A', A_, 4, 0, "ef", 0, "" }, { 'A', A_, 0, 0, "abc", 0, "" } }, "A[0,3) " },
	{ "overrun", FOS_ON_WINDOW_OVERRUN, { { 'A', A_, 65530, 0, "0123456789", 0, "" } },
	  "A:overrun@0:65535+5 " },
	{ "overrun: up to the edge", FOS_ON_WINDOW_OVERRUN, { { 'A', A_, 65530, 0, "01234", 0, "" } }, "" },
	{ "badrst", FOS_ON_INVALID_RST, { { 'B', CW_RST, 7, 0, NULL, 0, "" } }, "B:badrst@0:0+0 " },
	{ "badrst: an exact one is good", FOS_ON_INVALID_RST, { { 'B', CW_RST, 0, 0, NULL, 0, "" } }, "" },
	{ "badsyn", FOS_ON_INVALID_SYN, { { 'A', CW_SYN, 700, -1, NULL, 0, "" } }, "A:badsyn@0:0+0 " },
	{ "badsyn: none", FOS_ON_INVALID_SYN, { { 'A', A_, 0, 0, "x", 0, "" } }, "A[0,1) " },
	{ "data", FOS_ON_NEW_DATA, { { 'A', A_, 0, 0, "abc", 0, "" }, { 'B', A_, 0, 3, "de", 0, "" } },
	  "A[0,3) A:data@3:0+3 B[0,2) B:data@2:0+2 " },
	{ "data: an acknowledgement has none", FOS_ON_NEW_DATA, { { 'B', A_, 0, 0, NULL, 0, "" } }, "" },
	{ "state", FOS_ON_STATE,
	  { { 'A', F_, 0, 0, "q", 0, "" }, { 'B', A_, 0, 2, NULL, 0, "" }, { 'B', F_, 0, 2, NULL, 0, "" },
	    { 'A', A_, 2, 1, NULL, 0, "" } },
	  "A[0,1) A:ESTABLISHED>FIN-WAIT-1 B:ESTABLISHED>CLOSE-WAIT A:FIN-WAIT-1>FIN-WAIT-2 "
	  "B:CLOSE-WAIT>LAST-ACK A:FIN-WAIT-2>TIME-WAIT B:LAST-ACK>CLOSED " },
	{ "state: both close at once", FOS_ON_STATE,
	  { { 'A', F_, 0, 0, NULL, 0, "" }, { 'B', F_, 0, 0, NULL, 0, "" },
	    { 'B', A_, 1, 1, NULL, 0, "" }, { 'A', A_, 1, 1, NULL, 0, "" } },
	  "A:ESTABLISHED>FIN-WAIT-1 B:ESTABLISHED>CLOSE-WAIT B:CLOSE-WAIT>CLOSING "
	  "A:FIN-WAIT-1>CLOSING A:CLOSING>TIME-WAIT B:CLOSING>TIME-WAIT " },
	{ "state: data changes none", FOS_ON_STATE, { { 'A', A_, 0, 0, "q", 0, "" } }, "A[0,1) " },
	{ "end by FIN", FOS_ON_END,
	  { { 'A', F_, 0, 0, "q", 0, "" }, { 'B', F_, 0, 2, NULL, 0, "" }, { 'A', A_, 2, 1, NULL, 0, "" } },
	  "A[0,1) A:end1@1 B:end1@0 " },
	{ "end: the later FIN is not acknowledged yet", FOS_ON_END,
	  { { 'A', F_, 0, 0, "q", 0, "" }, { 'B', F_, 0, 2, NULL, 0, "" }, { 'A', A_, 2, 0, NULL, 0, "" } },
	  "A[0,1) " },
	{ "end by RST", FOS_ON_END, { { 'A', A_, 0, 0, "q", 0, "" }, { 'A', CW_RST, 1, 0, NULL, 0, "" } },
	  "A[0,1) A:end2@1 B:end2@0 " },
	{ "end by time", FOS_ON_END, { { '+', 0, 301000, 0, NULL, 0, "" } }, "A:end3@0 B:end3@0 " },
	{ "end: half closed is not ended", FOS_ON_END, { { 'A', F_, 0, 0, NULL, 0, "" } }, "" },
};

static void test_table(void)
{
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_data = on_data,
					 .on_event = on_event, .events = FOS_BIT(table[i].kind)};
		struct event_world e;

		ew_plan(&e);
		ew_pm(&e, 0, &m);
		ew_make(&e);
		ew_handshake(&e);
		ew_clear();
		ew_play(&e, table[i].line, 8);
		is_str(ew_log, table[i].told, "%s", table[i].what);
		ew_free(&e);
	}
}

/* The handshake itself, and a refused one. */
static void test_start(void)
{
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_event,
				 .events = FOS_BIT(FOS_ON_START) | FOS_BIT(FOS_ON_SETUP) |
					   FOS_BIT(FOS_ON_STATE)};
	static const struct line refused[] = { { 'A', CW_SYN, -1, -1, NULL, 0, "" },
					       { 'B', CW_RST | A_, -1, 0, NULL, 0, "" } };
	static const struct line crossed[] = { { 'A', CW_SYN, -1, -1, NULL, 0, "" },
					       { 'B', CW_SYN, -1, -1, NULL, 0, "" },
					       { 'A', CW_SYN | A_, -1, 0, NULL, 0, "" },
					       { 'B', CW_SYN | A_, -1, 0, NULL, 0, "" } };
	struct event_world e;

	for (uint32_t i = 0; i < 3; i++) {
		ew_plan(&e);
		ew_pm(&e, 0, &m);
		ew_make(&e);
		if (i == 0) {
			ew_handshake(&e);
			is_str(ew_log,
			       "A:start@0:0+0 B:start@0:0+0 A:CLOSED>SYN-SENT B:LISTEN>SYN-RECEIVED "
			       "A:SYN-SENT>ESTABLISHED A:setup@0:0+0 B:setup@0:0+0 "
			       "B:SYN-RECEIVED>ESTABLISHED ",
			       "a handshake: each end's states, start and setup on both directions");
		} else if (i == 1) {
			ew_play(&e, refused, 2);
			is_str(ew_log,
			       "A:start@0:0+0 B:start@0:0+0 A:CLOSED>SYN-SENT B:LISTEN>SYN-RECEIVED "
			       "B:SYN-RECEIVED>CLOSED A:SYN-SENT>CLOSED ",
			       "a refused one: no setup");
		} else {
			ew_play(&e, crossed, 4);
			is_str(ew_log,
			       "A:start@0:0+0 B:start@0:0+0 A:CLOSED>SYN-SENT B:LISTEN>SYN-RECEIVED "
			       "A:SYN-SENT>SYN-RECEIVED B:SYN-RECEIVED>ESTABLISHED "
			       "A:SYN-RECEIVED>ESTABLISHED ",
			       "two SYNs that cross");
		}
		ew_free(&e);
	}
}

/* A handshake whose packets come twice begins once, and is complete once. */
static void test_start_again(void)
{
	static const struct line open[] = { { 'A', CW_SYN, -1, -1, NULL, 0, "" },
					    { 'B', CW_SYN | A_, -1, 0, NULL, 0, "" },
					    { 'A', A_, 0, 0, NULL, 0, "" } };
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_event,
				 .events = FOS_BIT(FOS_ON_START) | FOS_BIT(FOS_ON_SETUP) |
					   FOS_BIT(FOS_ON_STATE)};
	static const char *const what[] = {"SYN", "SYN+ACK", "acknowledgement"};
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	for (uint32_t i = 0; i < 3; i++) {
		ew_play(&e, &open[i], 1);
		ok(ew_len > 0, "a handshake's %s is told", what[i]);
		ew_clear();
		ew_play(&e, &open[i], 1);
		is_str(ew_log, "", "the same again: no start, no setup, no change of states");
	}
	ew_free(&e);
}

static void test_zero_window(void)
{
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_event,
				 .events = FOS_BIT(FOS_ON_ZERO_WINDOW)};
	struct cw_ip ack = { .src = 2, .dst = 1, .sport = 80, .dport = 4000, .proto = IPPROTO_TCP,
			     .flags = CW_ACK, .seq = CW_ISN_B + 1, .ack = CW_ISN_A + 1 };
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	ew_handshake(&e);
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t l4[64], packet[128], a[4] = { 10, 0, 0, 2 }, b[4] = { 10, 0, 0, 1 };
		uint32_t n = cw_l4(&ack, NULL, 0, l4);

		fos_put16(l4 + 14, i == 1 ? 0 : 500);
		fos_csum_transport_set(fos_csum_pseudo4(a, b, IPPROTO_TCP, (uint16_t)n),
				       IPPROTO_TCP, l4, n);
		cw_send(&e.t, packet, cw_wrap(&ack, l4, n, packet), 1);
		ew_run(&e);
		is_str(ew_log, i == 0 ? "" : "B:zero@0:0+0 ", "zero window: %s",
		       i == 0 ? "not while it is open" : "once, when it closes");
	}
	ew_free(&e);
}

/* ------------------------------------------------------------------ ends that no packet brings */

static void test_evicted(void)
{
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_event,
				 .events = FOS_BIT(FOS_ON_END)};
	struct cw_ip syn = { .src = 1, .dst = 2, .dport = 80, .proto = IPPROTO_TCP, .flags = CW_SYN,
			     .seq = CW_ISN_A };
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	e.t.w.dir->max_half_open = 2;
	ew_make(&e);
	for (uint32_t i = 0; i < 3; i++) {
		syn.sport = (uint16_t)(4001 + i);
		cw_packet(&e.t, &syn, NULL, 0);
		ew_run(&e);
		is_str(ew_log, i < 2 ? "" : "A:end4@0 B:end4@0 ", "eviction: connection %u of two", i + 1);
	}
	ew_free(&e);
}

static void on_word(struct fos_window *w, const struct fos_event *ev)
{
	const char *word = ev->id == FOS_ON_NEW_DATA ? fos_peek(w, ev->at - ev->len, 4) : NULL;

	if (word && memcmp(word, "drop", 4) == 0)
		fos_drop(w);
	if (word && memcmp(word, "kill", 4) == 0)
		fos_reset(w);
	if (ev->id == FOS_ON_END)
		on_event(w, ev);
}

static void test_refused(void)
{
	static const char *const word[] = { "fine", "drop", "kill" };
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_word,
				 .events = FOS_BIT(FOS_ON_END) | FOS_BIT(FOS_ON_NEW_DATA)};

	for (uint32_t i = 0; i < 3; i++) {
		struct event_world *e = ew_new(&m, NULL);

		ew_data(e, 'A', 0, word[i]);
		is_str(ew_log, i ? "A:end6@4 B:end6@0 " : "", "end by a module: '%s'", word[i]);
		ew_free(e);
	}
}

/* ------------------------------------------------------------------ orphans */

static void on_orphan(struct fos_window *w, const struct fos_event *ev)
{
	const struct fos_flow_info *f = fos_flow(w);
	struct fos_packet p;

	ew_say("%s %u>%u %d ", ew_kind[ev->id], f->sport, f->dport, fos_event_packet(w, &p));
	ew_say("%u bytes, tail %llu ", p.payload_len, (unsigned long long)fos_tail(w));
}

static void test_orphan(void)
{
	const struct fos_pm m = {.name = "log", .stream = FOS_APP, .on_event = on_orphan,
				 .events = FOS_BIT(FOS_ON_ORPHAN)};
	static const struct line lines[] = { { 'A', A_, 5, 0, "abc", 0, "" } };
	struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, &m);
	ew_make(&e);
	ew_play(&e, lines, 1);
	is_str(ew_log, "orphan 4000>80 0 3 bytes, tail 0 ", "a packet of no known connection");
	ew_clear();
	ew_handshake(&e);
	ew_play(&e, lines, 1);
	is_str(ew_log, "", "those of a known one are none");
	ew_free(&e);
}

int main(void)
{
	test_table();
	test_start();
	test_start_again();
	test_zero_window();
	test_evicted();
	test_refused();
	test_orphan();
	return done();
}
