/* RST and SYN inside a connection (RFC 5961): which one ends it, which one is asked about, which one
 * is nothing.  Crafted segments into the classifier; what egress makes of a question. */
#include "tests/unit/cls_script.h"

#define S CW_SYN
#define SA (CW_SYN | CW_ACK)
#define A_ CW_ACK
#define R CW_RST
#define RA (CW_RST | CW_ACK)

#define OPEN \
	{ 'A', S, -1, -1, NULL, CTL, "SYN" }, { 'B', SA, -1, 0, NULL, CTL, "SYN+ACK" }, \
	{ 'A', A_, 0, 0, NULL, CTL, "ACK" }, { 'A', A_, 0, 0, "12345678", NONE, "8 bytes of A" }, \
	{ 'B', A_, 0, 4, NULL, CTL, "B has acknowledged 4 of them" }

static const struct script scripts[] = {
	{ "at the next number", { OPEN, { 'A', R, 8, 0, NULL, NONE, "ends the connection" },
				  { 'A', A_, 8, 0, "late", AGAIN | GONE, "nothing follows" },
				  { 'B', A_, 0, 8, "late", AGAIN | GONE, "from neither end" } },
	  "12345678", "" },
	{ "with ACK", { OPEN, { 'A', RA, 8, 0, NULL, NONE, "the same" },
			{ 'A', A_, 8, 0, "late", AGAIN | GONE, "nothing follows" } }, "12345678", "" },
	{ "with data", { OPEN, { 'A', R, 8, 0, "EVIL", NONE, "its data is nobody's" },
			 { 'A', A_, 8, 0, "late", AGAIN | GONE, "nothing follows" } },
	  "12345678", "" },
	{ "at what B has acknowledged last",
	  { OPEN, { 'A', R, 4, 0, NULL, NONE, "is exact for B: ends the connection" },
	    { 'A', A_, 8, 0, "late", AGAIN | GONE, "nothing follows" } }, "12345678", "" },
	{ "between what B has acknowledged and the next",
	  { OPEN, { 'A', R, 6, 0, NULL, ASK, "in B's window: the box asks" },
	    { 'A', A_, 8, 0, "on", NONE, "the stream goes on" } }, "12345678on", "" },
	{ "one number ahead", { OPEN, { 'A', R, 9, 0, NULL, ASK, "the box asks" },
				{ 'A', A_, 8, 0, "on", NONE, "the stream goes on" } },
	  "12345678on", "" },
	{ "at the end of the window", { OPEN, { 'A', R, 65000, 0, NULL, ASK, "the box asks" },
					{ 'A', A_, 8, 0, "on", NONE, "the stream goes on" } },
	  "12345678on", "" },
	{ "beyond the window", { OPEN, { 'A', R, 90000, 0, NULL, GONE, "nobody would listen" },
				 { 'A', A_, 8, 0, "on", NONE, "the stream goes on" } },
	  "12345678on", "" },
	{ "old", { OPEN, { 'A', R, 2, 0, NULL, GONE, "nobody would listen" },
		   { 'A', A_, 8, 0, "on", NONE, "the stream goes on" } }, "12345678on", "" },
	{ "questions are limited",
	  { OPEN, { 'A', R, 9, 0, NULL, ASK, "the first one is asked about" },
	    { 'A', R, 10, 0, NULL, GONE, "another at once is not" },
	    { 'A', R, 11, 0, NULL, GONE, "nor a third" },
	    { '+', 0, 499, 0, NULL, 0, "" },
	    { 'A', R, 12, 0, NULL, GONE, "after 499 ms neither" },
	    { '+', 0, 1, 0, NULL, 0, "" },
	    { 'A', R, 13, 0, NULL, ASK, "after 500 ms the next" },
	    { 'B', R, 1, 0, NULL, ASK, "the other side has its own measure" } },
	  "12345678", "" },
	{ "an end that has lost its state",
	  { OPEN, { 'A', S, 77777, -1, NULL, ASK, "its SYN is asked about" },
	    { 'A', R, 4, -1, NULL, NONE, "its answer to the question is exact" },
	    { 'A', S, 77777, -1, NULL, CTL | CLOSE, "and its next SYN begins another" } },
	  NULL, NULL },
	{ "a SYN after the RST",
	  { OPEN, { 'A', R, 8, 0, NULL, NONE, "ends the connection" },
	    { 'A', S, -1, -1, NULL, GONE, "the connection's own SYN, late, begins nothing" },
	    { 'B', A_, 0, 8, NULL, AGAIN | GONE, "what follows is the old connection's" },
	    { 'A', S, 77777, -1, NULL, CTL | CLOSE, "another number begins another" } },
	  NULL, NULL },
	/* B missed the RST: what either says in the old numbers no module would see */
	{ "a SYN after the RST, which B missed",
	  { OPEN, { 'A', R, 8, 0, NULL, NONE, "ends the connection" },
	    { 'A', S, 77777, -1, NULL, CTL | CLOSE, "another begins" },
	    { 'A', A_, 8, 0, "EVIL", ANSWER, "A's old number is answered by a reset" },
	    { 'A', A_, 77778, 0, "EVIL", ANSWER, "so is the new one before B's SYN+ACK" },
	    { 'B', A_, 0, 8, NULL, ANSWER, "what B asks A about the SYN: a reset for B" },
	    { 'B', A_, 0, 8, "old", ANSWER, "B's bytes likewise" },
	    { 'B', A_, 0, 77778, NULL, RAW, "a number of the new connection is for A to judge" },
	    { 'A', S, 99999, -1, NULL, CTL | CLOSE, "yet another SYN" },
	    { 'B', A_, 0, 8, "old", ANSWER, "changes nothing" },
	    { 'B', SA, 500, 100000, NULL, CTL, "B begins it, too" },
	    { 'A', A_, 100000, 501, "new", ACKED, "its bytes are taken" } },
	  NULL, NULL },
	{ "SYN+ACK inside", { OPEN, { 'B', SA, 3, 8, "EVIL", ASK, "asked about, never taken" },
			      { 'B', A_, 0, 8, "GOOD", ACKED, "the stream goes on" } },
	  "12345678", "GOOD" },
	{ "before the answer",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" },
	    { 'B', RA, 0, 5, NULL, GONE, "a refusal that acknowledges something else: ignored" },
	    { 'B', RA, 0, 0, NULL, CTL, "one that acknowledges the SYN: passes" },
	    { 'B', SA, -1, 0, NULL, AGAIN | GONE, "and is the end" } },
	  NULL, NULL },
	{ "in SYN_RECV",
	  { { 'A', S, -1, -1, NULL, CTL, "SYN" }, { 'B', SA, -1, 0, NULL, CTL, "SYN+ACK" },
	    { 'A', R, 7, -1, NULL, GONE, "a wrong number: ignored, nobody asks yet" },
	    { 'A', A_, 0, 0, "on", ACKED, "the stream goes on" } },
	  "on", "" },
};

static void test_scripts(void)
{
	for (uint32_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		play_alone(&scripts[i]);
}

/* Edits lie between the ends: what the sender was told by the box is exact, B's own number is not. */
static void test_told(void)
{
	struct cls_world t;
	uint32_t *told;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	told = (void *)((uint8_t *)(uintptr_t)t.w.box.egr + t.w.box.egr->told_off);
	cw_handshake(&t);
	cw_tcp(&t, true, A_, 0, 0, "12345678", 8);
	cw_tcp(&t, false, A_, 0, 2, NULL, 0); /* in B's numbers: six bytes of A's are two of B's */
	cw_run(&t);
	told[0] = CW_ISN_A + 1 + 6;
	cw_forget(&t);
	cw_tcp(&t, true, R, 2, 0, NULL, 0);
	cw_run(&t);
	ok(!(t.w.box.flows[0].state & FOS_FLOW_ST_RESET), "a RST at B's number is nothing");
	is_u64(cw_nr_desc(&t, FOS_DESC_CHALLENGE), 0, "nor asked about");
	cw_tcp(&t, true, R, 6, 0, NULL, 0);
	cw_run(&t);
	ok(t.w.box.flows[0].state & FOS_FLOW_ST_RESET, "one at what A was told ends the connection");
	is_u64(t.w.box.flows[0].fin_pos, 8, "after all that A has sent");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* All senders together: one question for each of many connections, a thousand in a second. */
static void test_total(void)
{
	struct cls_world t;
	uint32_t n = 1100;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	t.w.dir->nr_flows = 4096;
	cw_make(&t);
	for (uint32_t i = 0; i < n; i++) {
		struct cw_ip a = { .src = 1, .dst = 2, .sport = (uint16_t)(2000 + i), .dport = 80,
				   .proto = IPPROTO_TCP, .flags = S, .seq = 100 };
		struct cw_ip b = { .src = 2, .dst = 1, .sport = 80, .dport = a.sport,
				   .proto = IPPROTO_TCP, .flags = SA, .seq = 500, .ack = 101 };

		cw_packet(&t, &a, NULL, 0);
		cw_packet(&t, &b, NULL, 0);
		a.flags = A_;
		a.seq = 101;
		a.ack = 501;
		cw_packet(&t, &a, NULL, 0);
		a.flags = R;
		a.seq = 150;
		cw_packet(&t, &a, NULL, 0);
		cw_run(&t);
		cw_forget(&t);
	}
	is_u64(cw_counter(&t, FOS_C_tcp_challenge), n, "%u refused", n);
	is_u64(cw_counter(&t, FOS_C_challenges_limited), n - 1000, "1000 of them are asked about");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

int main(void)
{
	test_scripts();
	test_told();
	test_total();
	return done();
}
