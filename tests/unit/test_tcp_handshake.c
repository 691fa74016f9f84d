/* Beginnings and endings of TCP connections, one table each: crafted segments into the classifier,
 * what egress is told, and the bytes of both streams. */
#include "tests/unit/cls_script.h"

#define S CW_SYN
#define SA (CW_SYN | CW_ACK)
#define A_ CW_ACK
#define FA (CW_FIN | CW_ACK)
#define R CW_RST

#define HANDSHAKE \
	{ 'A', S, -1, -1, NULL, CTL, "SYN" }, { 'B', SA, -1, 0, NULL, CTL, "SYN+ACK" }, \
	{ 'A', A_, 0, 0, NULL, CTL, "ACK" }

static const struct script scripts[] = {
	{ "SYN again",
	  { { 'A', S, -1, -1, NULL, CTL, "the first" },
	    { 'A', S, -1, -1, NULL, CTL, "the same again passes" },
	    { 'B', SA, -1, 0, NULL, CTL, "the answer" },
	    { 'B', SA, -1, 0, NULL, CTL, "the answer again passes" },
	    { 'A', A_, 0, 0, "hello", ACKED, "data instead of the third packet" },
	    { 'B', SA, -1, 0, NULL, CTL, "the answer once more, its ACK was lost" },
	    { 'A', A_, 5, 0, NULL, CTL, "and its ACK" } },
	  "hello", "" },
	{ "simultaneous open",
	  { { 'A', S, -1, -1, NULL, CTL, "A's SYN" },
	    { 'B', S, -1, -1, NULL, CTL, "B's SYN crosses it" },
	    { 'A', SA, -1, 0, NULL, CTL, "A answers" },
	    { 'B', SA, -1, 0, NULL, CTL, "B answers" },
	    { 'A', A_, 0, 0, "from A", NONE, "data of A" },
	    { 'B', A_, 0, 6, "from B", ACKED, "data of B" } },
	  "from A", "from B" },
	{ "simultaneous open, answered by ACK alone",
	  { { 'A', S, -1, -1, NULL, CTL, "A's SYN" },
	    { 'B', S, -1, -1, NULL, CTL, "B's SYN crosses it" },
	    { 'A', A_, 0, 0, NULL, CTL, "A acknowledges B's" },
	    { 'B', A_, 0, 0, "from B", ACKED, "B acknowledges with data" } },
	  "", "from B" },
	{ "data on the SYN",
	  { { 'A', S, -1, -1, "early", CTL, "passes as a SYN (egress takes the data off)" },
	    { 'B', SA, -1, 0, NULL, CTL, "the answer acknowledges the SYN alone" },
	    { 'A', A_, 0, 0, "early", ACKED, "so the data comes again" } },
	  "early", "" },
	{ "data on the SYN+ACK",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	    { 'B', SA, -1, 0, "early", CTL, "passes as a SYN+ACK" },
	    { 'A', A_, 0, 0, NULL, CTL, "acknowledged without the data" },
	    { 'B', A_, 0, 0, "early", NONE, "which comes again" } },
	  "", "early" },
	{ "half-open: B still knows an older connection",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	    { 'B', A_, 777777, -4444, NULL, RAW, "B answers out of the old connection" },
	    { 'A', R, -4444, -1, NULL, RAW, "A resets that one" },
	    { 'A', S, -1, -1, NULL, CTL, "and asks again" },
	    { 'B', SA, -1, 0, NULL, CTL, "answered" },
	    { 'A', A_, 0, 0, "now", ACKED, "established" } },
	  "now", "" },
	{ "bytes that come before the SYN+ACK",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	    { 'B', A_, 0, 0, "EVIL", GONE, "no module has seen them: they do not pass" },
	    { 'B', A_, 9, -4444, "EVIL", GONE, "nor out of an older connection" },
	    { 'B', FA, 0, 0, NULL, GONE, "nor a FIN" },
	    { 'B', SA, -1, 0, NULL, CTL, "the answer" },
	    { 'A', A_, 0, 0, NULL, CTL, "ACK" },
	    { 'B', A_, 0, 0, "GOOD", NONE, "its bytes, in their turn" } },
	  "", "GOOD" },
	{ "A gives up its SYN",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	    { 'A', R, 0, -1, NULL, NONE, "the exact RST ends the connection in its place" },
	    { 'B', SA, -1, 0, NULL, AGAIN | GONE, "the late answer is refused" } },
	  "", "" },
	{ "nonsense",
	  { { 'A', S | CW_FIN, -1, -1, NULL, GONE, "SYN+FIN: begins nothing" },
	    { 'A', S | R, -1, -1, NULL, GONE, "SYN+RST: the same" },
	    HANDSHAKE,
	    { 'A', S | CW_FIN, -1, -1, NULL, GONE, "SYN+FIN inside: refused" },
	    { 'A', 0, 0, 0, "EVIL", GONE, "no flags: refused" },
	    { 'A', CW_PSH | CW_FIN, 0, 0, "EVIL", GONE, "no ACK: refused" },
	    { 'B', A_, 0, 99, "EVIL", GONE, "acknowledges what was never sent: refused" },
	    { 'A', A_, 0, 0, "GOOD", NONE, "data" } },
	  "GOOD", "" },
	{ "keep-alives before the first byte",
	  { HANDSHAKE,
	    { 'A', A_, -1, 0, NULL, CTL, "without a byte: passes" },
	    { 'A', A_, -1, 0, "x", CTL, "with a byte of rubbish: passes as one without" },
	    { 'B', A_, 0, 0, NULL, CTL, "answered" },
	    { 'A', A_, 0, 0, "go", NONE, "data" } },
	  "go", "" },
	{ "keep-alives later",
	  { HANDSHAKE,
	    { 'A', A_, 0, 0, "data", NONE, "data" },
	    { 'B', A_, 0, 4, NULL, CTL, "acknowledged" },
	    { 'A', A_, 3, 0, NULL, CTL, "without a byte: passes" },
	    { 'A', A_, 3, 0, "?", AGAIN, "with one: the box knows better" },
	    { 'A', A_, 4, 0, "!", NONE, "data" } },
	  "data!", "" },
	{ "half-close, A first",
	  { HANDSHAKE,
	    { 'A', FA, 0, 0, "bye", NONE, "FIN with data" },
	    { 'B', A_, 0, 4, NULL, CTL, "acknowledged" },
	    { 'B', A_, 0, 4, "still", NONE, "B goes on" },
	    { 'A', A_, 4, 5, NULL, CTL, "A acknowledges" },
	    { 'A', FA, 0, 5, "bye", AGAIN, "the FIN again is the box's matter" },
	    { 'A', A_, 4, 5, "more", GONE, "nothing follows a FIN" },
	    { 'B', FA, 5, 4, NULL, NONE, "B's FIN" },
	    { 'A', A_, 4, 6, NULL, CTL, "the last ACK" } },
	  "bye", "still" },
	{ "half-close, B first",
	  { HANDSHAKE,
	    { 'B', FA, 0, 0, NULL, NONE, "B's FIN" },
	    { 'A', A_, 0, 1, NULL, CTL, "acknowledged" },
	    { 'A', A_, 0, 1, "on and", NONE, "A goes on" },
	    { 'B', A_, 1, 6, NULL, CTL, "acknowledged" },
	    { 'A', FA, 6, 1, " end", NONE, "A's FIN" },
	    { 'B', A_, 1, 11, NULL, CTL, "the last ACK" } },
	  "on and end", "" },
	{ "a SYN before both FINs are acknowledged",
	  { HANDSHAKE,
	    { 'A', FA, 0, 0, "bytes", NONE, "A's FIN" },
	    { 'B', FA, 0, 2, NULL, ACKED, "B's FIN; it has not got all of A's bytes" },
	    { 'A', S, 99999, -1, NULL, ASK, "a SYN is asked about, it begins nothing" },
	    { 'A', A_, 2, 1, "EVIL", AGAIN | ACKED, "other bytes: the first ones are sent" },
	    { 'A', FA, 0, 1, "bytes", AGAIN, "they are the connection's still" },
	    { 'B', A_, 1, 6, NULL, CTL, "acknowledged" },
	    { 'A', S, 99999, -1, NULL, CTL | CLOSE, "now it begins another" } },
	  NULL, NULL },
	{ "a SYN after an end that has gone silent",
	  { HANDSHAKE,
	    { 'A', FA, 0, 0, "bytes", NONE, "A's FIN" },
	    { 'B', FA, 0, 2, NULL, ACKED, "B's FIN; it has not got all of A's bytes" },
	    { '+', 0, 9000, 0, NULL, 0, "" },
	    { 'B', FA, 0, 2, NULL, AGAIN, "B is there, still" },
	    { '+', 0, 9000, 0, NULL, 0, "" },
	    { 'A', S, 99999, -1, NULL, ASK, "so a SYN is asked about" },
	    { '+', 0, 10000, 0, NULL, 0, "" },
	    { 'A', S, 99999, -1, NULL, CTL | CLOSE, "after limits.closing it begins another" } },
	  NULL, NULL },
	{ "simultaneous close",
	  { HANDSHAKE,
	    { 'A', FA, 0, 0, "a", NONE, "A's FIN" },
	    { 'B', FA, 0, 0, "b", NONE, "B's FIN crosses it" },
	    { 'A', A_, 2, 2, NULL, CTL, "A acknowledges" },
	    { 'B', A_, 2, 2, NULL, CTL, "B acknowledges" } },
	  "a", "b" },
};

static void test_scripts(void)
{
	for (uint32_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		play_alone(&scripts[i]);
}

/* The same ports again while the first connection is remembered. */
static void test_reuse(void)
{
	static const struct script first = {
		"the first connection",
		{ HANDSHAKE,
		  { 'A', FA, 0, 0, "one", NONE, "A's FIN" },
		  { 'B', FA, 0, 4, NULL, ACKED, "B's FIN" },
		  { 'A', A_, 4, 1, NULL, CTL, "the last ACK" },
		  { 'B', FA, 0, 4, NULL, AGAIN, "B's FIN again: A's answer was lost" } },
		"one", "" };
	static const struct script second = {
		"the second, out of TIME_WAIT",
		{ { 'A', S, 99999, -1, NULL, CTL | CLOSE, "a SYN with another number begins it" },
		  { 'B', SA, -1, 100000, NULL, CTL, "answered" },
		  { 'A', A_, 100000, 0, "two", ACKED, "data" } },
		"two", "" };
	struct cls_world t;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	play_lines(&t, &first);
	play_end(&t, &first, 0);
	play_lines(&t, &second);
	play_end(&t, &second, 2);
	is_u64(t.w.box.flows[2].number, 1, "it is the tuple's second");
	is_str(cw_text(&t, 0), "one", "the first one's bytes are its own");
	cw_free(&t);
}

/* The same with a number from before the first one's: a receiver in TIME_WAIT answers out of the old
 * connection (RFC 9293 section 3.10.7.4), and the ends settle that by themselves. */
static void test_reuse_older(void)
{
	static const struct script first = {
		"the first connection",
		{ HANDSHAKE,
		  { 'A', FA, 0, 0, "one", NONE, "A's FIN" },
		  { 'B', FA, 0, 4, NULL, ACKED, "B's FIN" },
		  { 'A', A_, 4, 1, NULL, CTL, "the last ACK" } },
		"one", "" };
	static const struct script second = {
		"an older number",
		{ { 'A', S, -99999, -1, NULL, CTL | CLOSE, "the SYN passes" },
		  { 'B', A_, 1, 4, NULL, RAW, "B answers out of TIME_WAIT" },
		  { 'A', R, 4, -1, NULL, RAW, "A resets that" },
		  { 'A', S, -99999, -1, NULL, CTL, "and asks again" },
		  { 'B', SA, 5000, -99998, NULL, CTL, "answered" },
		  { 'A', A_, -99998, 5001, "two", ACKED, "data" } },
		"two", "" };
	struct cls_world t;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	play_lines(&t, &first);
	play_lines(&t, &second);
	play_end(&t, &second, 2);
	is_str(cw_text(&t, 0), "one", "the first one's bytes are its own");
	cw_free(&t);
}

/* A segment that says it starts with the SYN's number and others: window scale on one side only. */
static void test_scale(void)
{
	static const struct {
		const char *what;
		const char *a, *b; /* options of SYN and SYN+ACK */
		uint32_t overruns;
	} t[] = {
		{ "no options at all: 100 bytes are offered", NULL, NULL, 1 },
		{ "scale offered by A alone: 100 bytes", "\x01\x03\x03\x07", NULL, 1 },
		{ "scale offered by B alone: 100 bytes", NULL, "\x01\x03\x03\x07", 1 },
		{ "scale offered by both: 12800 bytes", "\x01\x03\x03\x07", "\x01\x03\x03\x07", 0 },
	};

	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		static const char bytes[201] = { 0 };
		struct cls_world w;
		struct cw_ip ack = { .src = 2, .dst = 1, .sport = 80, .dport = 4000,
				     .proto = IPPROTO_TCP, .flags = CW_ACK, .wnd = 100,
				     .seq = CW_ISN_B + 1, .ack = CW_ISN_A + 1 };

		memset(&w, 0, sizeof(w));
		world_plan(&w.w, false);
		world_pm(&w.w, "reader", 0, FOS_STREAM_APP, false);
		cw_make(&w);
		cw_opt = t[i].a;
		cw_opt_len = t[i].a ? 4 : 0;
		cw_tcp(&w, true, S, -1, -1, NULL, 0);
		cw_opt = t[i].b;
		cw_opt_len = t[i].b ? 4 : 0;
		cw_tcp(&w, false, SA, -1, 0, NULL, 0);
		cw_opt_len = 0;
		cw_tcp(&w, true, A_, 0, 0, NULL, 0);
		cw_packet(&w, &ack, NULL, 0);
		cw_tcp(&w, true, A_, 0, 0, bytes, 100);
		cw_run(&w);
		is_u64(w.c->events[0].count[FOS_EVENT_WINDOW_OVERRUN], 0, "%s: 100 bytes fit",
		       t[i].what);
		cw_tcp(&w, true, A_, 100, 0, bytes, 101);
		cw_run(&w);
		is_u64(w.c->events[0].count[FOS_EVENT_WINDOW_OVERRUN], t[i].overruns,
		       "%s: another 101 %s", t[i].what, t[i].overruns ? "do not" : "do too");
		cw_free(&w);
	}
}

int main(void)
{
	test_scripts();
	test_reuse();
	test_reuse_older();
	test_scale();
	return done();
}
