/* Connections seen from the middle on or in one direction only, and those that must not be changed:
 * which segments pass as they are, which are processed, and what PMs watch. */
#include "tests/unit/cls_script.h"

#define S CW_SYN
#define SA (CW_SYN | CW_ACK)
#define A_ CW_ACK
#define FA (CW_FIN | CW_ACK)
#define R CW_RST

enum { PASS, PROCESS };

static void make(struct cls_world *t, int pickup, bool editor)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
	if (editor)
		world_pm(&t->w, "editor", 1, FOS_STREAM_APP, true);
	t->w.dir->pass_midstream = pickup;
	cw_make(t);
}

static uint32_t flags_of(struct cls_world *t)
{
	return t->w.box.flows[0].flags & (FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE);
}

static const struct {
	int pickup;
	bool editor;
	uint32_t flags;     /* of the flow in the end */
	uint32_t picked_up; /* connections taken up */
	struct script s;
} table[] = {
	{ PASS, true, 0, 0,
	  { "pass",
	    { { 'A', A_, 0, 0, "from the middle", RAW, "passes" },
	      { 'B', A_, 0, 15, "answer", RAW, "passes" } }, "", "" } },
	{ PROCESS, false, FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE, 1,
	  { "process, readers only",
	    { { 'A', A_, 500, 0, "first seen", ACKED, "is the start" },
	      { 'A', A_, 510, 0, ", next", NONE, "goes on" },
	      { 'A', A_, 490, 0, "0123456789", RAW, "what lies before passes" },
	      { 'A', A_, 505, 0, " seen, next, new", AGAIN, "of a mixture the new part counts" },
	      { 'B', A_, 0, 510, "answer", ACKED, "the other direction too" },
	      { 'A', R, 600, 0, NULL, RAW, "an inexact RST is for the receiver to judge" },
	      { 'A', FA, 521, 6, NULL, ACKED, "FIN" },
	      { 'B', FA, 6, 522, NULL, ACKED, "FIN" },
	      { 'A', A_, 522, 7, NULL, CTL, "the last ACK" } },
	    "first seen, next, new", "answer" } },
	{ PROCESS, true, FOS_FLOW_PICKUP, 1,
	  { "process with an editor, both directions",
	    { { 'A', A_, 500, 0, "passes", RAW, "until the other direction shows it passes" },
	      { 'A', A_, 506, 0, "too", RAW, "also this" },
	      { 'B', A_, 0, 506, "answer", ACKED, "now the connection is taken up" },
	      { 'A', A_, 506, 0, "too", BEFORE, "what has passed before passes again" },
	      { 'A', A_, 509, 0, "seen", NONE, "what is new is seen" },
	      { 'B', A_, -5, 506, "rubbish?", BEFORE, "bytes before the start pass, alone" },
	      { 'B', A_, 6, 500, "more", NONE, "an acknowledgement from before is none too old" } },
	    "seen", "answermore" } },
	{ PROCESS, true, 0, 1,
	  { "process, bytes that had passed unseen",
	    { { 'A', A_, 500, 0, "passes", RAW, "passes" },
	      { 'B', A_, 0, 506, NULL, CTL, "the connection is taken up" },
	      { 'A', A_, 600, 0, "later", ACKED | OOO, "a hole: [506, 600) went before the box began" },
	      { 'B', A_, 0, 600, NULL, RAW | CLOSE | GONE, "they have arrived: given up, it passes" },
	      { 'A', A_, 600, 0, "later", ACKED, "and is taken up again" } },
	    NULL, NULL } },
	{ PROCESS, true, 0, 0,
	  { "a RST or SYN+ACK takes nothing up",
	    { { 'A', R, 500, 0, NULL, RAW, "RST passes" },
	      { 'B', SA, 500, 0, NULL, RAW, "SYN+ACK passes" } }, "", "" } },
	{ PASS, true, 0, 0,
	  { "one direction only, pass",
	    { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	      { 'A', A_, 0, 0, NULL, RAW, "its ACK shows that the answer went elsewhere" },
	      { 'A', A_, 0, 0, "bytes", RAW, "passes" },
	      { 'B', SA, -1, 0, NULL, GONE, "an answer that comes now is a trick" } }, "", "" } },
	{ PROCESS, true, FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE, 1,
	  { "one direction only, process",
	    { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	      { 'A', A_, 0, 0, NULL, CTL, "its ACK shows that the answer went elsewhere" },
	      { 'A', A_, 0, 0, "seen", NONE, "readers see the bytes" },
	      { 'A', A_, 8, 900, "late", ACKED | OOO, "ahead of a hole" },
	      { 'A', A_, 4, 99999, " it ", ACKED, "acknowledges what nobody here has seen" },
	      { 'A', A_, 4, 99999, " it ", AGAIN, "a retransmission goes on" },
	      { 'B', SA, 3, 0, NULL, GONE, "an answer that comes now is a trick" },
	      { 'A', FA, 12, 99999, NULL, NONE, "FIN" },
	      { 'B', A_, 7, 13, "after all", RAW, "what comes the other way now passes" } },
	    "seen it late", "" } },
};

static void test_table(void)
{
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct cls_world t;

		make(&t, table[i].pickup, table[i].editor);
		play_lines(&t, &table[i].s);
		if (table[i].s.a) {
			is_u64(flags_of(&t), table[i].flags, "%s: flow", table[i].s.name);
			is_u64(cw_counter(&t, FOS_C_flows_picked_up), table[i].picked_up,
			       "%s: counted", table[i].s.name);
		} else {
			is_u64(cw_counter(&t, FOS_C_pickups_failed), 1, "%s: counted",
			       table[i].s.name);
			is_u64(cw_counter(&t, FOS_C_flows_picked_up), 2, "%s: and again",
			       table[i].s.name);
		}
		ok(fos_box_watches(t.w.dir, 0, t.w.box.flows[0].flags), "%s: the reader watches",
		   table[i].s.name);
		if (table[i].editor && table[i].s.a)
			ok(fos_box_watches(t.w.dir, 1, t.w.box.flows[0].flags) ==
				   !(table[i].flags & FOS_FLOW_OPAQUE),
			   "%s: the editor %s", table[i].s.name,
			   table[i].flags & FOS_FLOW_OPAQUE ? "does not" : "watches");
		if (table[i].s.a) {
			play_end(&t, &table[i].s, 0);
		}
		cw_free(&t);
	}
}

/* The other direction never shows: after 64 packets the readers see at least this one. */
static void test_alone(void)
{
	struct cls_world t;

	make(&t, PROCESS, true);
	for (uint32_t i = 0; i < 80; i++) {
		cw_tcp(&t, true, A_, i, 0, "x", 1);
		cw_run(&t);
	}
	is_u64(cw_counter(&t, FOS_C_packets_midstream), 64, "64 packets pass");
	is_u64(t.stream[0].len, 16, "then the bytes are seen");
	is_u64(cw_counter(&t, FOS_C_flows_one_way), 1, "the connection is one-directional");
	is_u64(flags_of(&t), FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE, "and never edited");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* A segment that waits at the gate until its connection has timed out begins nothing any more. */
static void test_late_gate(void)
{
	struct cls_world t;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "gate", 0, FOS_STREAM_APP, false);
	t.w.dir->pm[0].gates = 1;
	t.w.dir->pass_midstream = PROCESS;
	cw_make(&t);
	cw_tcp(&t, true, A_, 500, 0, "waits", 5);
	cw_run(&t);
	t.now = t.p.now_ns += 400000000000ull;
	cw_run(&t);
	ok(t.w.box.flows[0].state & FOS_FLOW_ST_CLOSED, "the connection has timed out at the gate");
	cw_forget(&t);
	cw_pm_says(&t, 0, 0, 0, FOS_PM_OPENED, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "what waited passes");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* A stray packet from the server comes before the client's SYN: the SYN begins a connection of its own,
 * with the client's direction as the forward one.  (Simulation seed 486951641813.) */
static void test_stray_before_syn(void)
{
	struct cls_world t;

	make(&t, PROCESS, true);
	cw_tcp(&t, false, A_, 70000, 9000, NULL, 0);
	cw_run(&t);
	is_u64(t.w.box.flows[0].port, 1, "a stray packet: the server's direction comes first");
	t.now = t.p.now_ns += 1000000;
	cw_handshake(&t);
	cw_tcp(&t, true, A_, 0, 0, "question", 8);
	cw_tcp(&t, false, A_, 0, 8, "answer", 6);
	cw_run(&t);
	is_u64(t.w.box.flows[2].port, 0, "the SYN begins another connection, the client's first");
	is_u64(t.w.box.flows[2].start_ns, t.now, "at the SYN");
	is_u64(t.w.box.flows[2].flags & (FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE), 0,
	       "which is whole, not taken up");
	is_str(cw_text(&t, 2), "question", "the client's bytes are its forward stream");
	is_str(cw_text(&t, 3), "answer", "the server's its reverse stream");
	is_u64(cw_counter(&t, FOS_C_flows_picked_up), 0, "nothing is taken up");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* ------------------------------------------------------------------ signatures and MPTCP */

static const char md5[] = "\x13\x12" "0123456789abcdef\x01\x01";
static const char ao[] = "\x1d\x10\x01\x01" "0123456789ab";
static const char capable[] = "\x1e\x04\x01\x81";

static void test_unchangeable(void)
{
	static const struct {
		const char *what, *opt;
		uint32_t len;
		bool pass_mptcp, opaque, both;
		enum fos_counter_id counter;
	} c[] = {
		{ "TCP-MD5", md5, 20, false, true, true, FOS_C_flows_signed },
		{ "TCP-AO", ao, 16, false, true, true, FOS_C_flows_signed },
		{ "MPTCP passed", capable, 4, true, true, false, FOS_C_flows_mptcp },
		{ "MPTCP stripped", capable, 4, false, false, false, FOS_C_flows_mptcp },
	};

	for (uint32_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct cls_world t;

		make(&t, PASS, true);
		t.w.dir->tcp_mptcp_pass = c[i].pass_mptcp;
		cw_opt = c[i].opt;
		cw_opt_len = c[i].len;
		cw_handshake(&t);
		cw_tcp(&t, true, A_, 0, 0, "seen", 4);
		cw_run(&t);
		is_u64(flags_of(&t), c[i].opaque ? FOS_FLOW_OPAQUE : 0, "%s: %s", c[i].what,
		       c[i].opaque ? "never edited" : "processed");
		is_u64(cw_counter(&t, c[i].counter), c[i].opaque, "%s: counted", c[i].what);
		is_str(cw_text(&t, 0), "seen", "%s: readers see the bytes", c[i].what);
		cw_opt_len = 0;
		cw_tcp(&t, true, A_, 4, 0, "EVIL", 4);
		cw_run(&t);
		is_str(cw_text(&t, 0), c[i].both ? "seen" : "seenEVIL", "%s: a segment without it %s",
		       c[i].what, c[i].both ? "is refused" : "counts");
		is_u64(t.nr_away, 0, "%s: all frames are home", c[i].what);
		cw_free(&t);
	}
}

/* Who missed a reset asks on.  Where nothing is edited the end that has sent it answers. */
static void test_reset_missed(void)
{
	struct cls_world t;

	make(&t, PASS, true);
	t.w.dir->tcp_mptcp_pass = true;
	cw_opt = capable;
	cw_opt_len = 4;
	cw_handshake(&t);
	cw_tcp(&t, true, A_, 0, 0, "seen", 4);
	cw_tcp(&t, false, R, 0, 4, NULL, 0);
	cw_run(&t);
	cw_forget(&t);
	cw_tcp(&t, true, A_, 0, 0, "seen", 4);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "a segment to the end that has reset passes");
	cw_forget(&t);
	cw_tcp(&t, false, R, 0, 0, NULL, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 1, "and so does its answer");
	cw_forget(&t);
	cw_tcp(&t, false, A_, 0, 4, "EVIL", 4);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 0, "bytes of that end do not");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_closed), 1, "they are counted");
	is_str(cw_text(&t, 1), "", "nobody has seen them");
	cw_opt_len = 0;
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* A signature where none was agreed on is refused; taken up in the middle it is agreed on. */
static void test_stray_signature(void)
{
	struct cls_world t;

	make(&t, PROCESS, false);
	cw_handshake(&t);
	cw_opt = md5;
	cw_opt_len = 20;
	cw_tcp(&t, true, A_, 0, 0, "EVIL", 4);
	cw_tcp(&t, true, R, 0, 0, NULL, 0);
	cw_opt_len = 0;
	cw_tcp(&t, true, A_, 0, 0, "GOOD", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "GOOD", "an unsolicited signature is refused, also on a RST");
	cw_free(&t);

	make(&t, PROCESS, true);
	cw_opt_len = 20;
	cw_tcp(&t, true, A_, 0, 0, "one", 3);
	cw_tcp(&t, false, A_, 0, 3, "two", 3);
	cw_tcp(&t, true, A_, 3, 3, "three", 5);
	cw_run(&t);
	is_str(cw_text(&t, 0), "three", "a signed connection is taken up in the middle");
	is_u64(flags_of(&t), FOS_FLOW_PICKUP | FOS_FLOW_OPAQUE, "and never edited");
	cw_opt_len = 0;
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

int main(void)
{
	test_table();
	test_alone();
	test_late_gate();
	test_stray_before_syn();
	test_unchangeable();
	test_reset_missed();
	test_stray_signature();
	return done();
}
