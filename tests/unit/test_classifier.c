/* The classifier process: packets in through a ring, descriptors and streams out. */
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

static void plan_app(struct cls_world *t, bool offline)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, offline);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
}

static void make_app(struct cls_world *t)
{
	plan_app(t, false);
	cw_make(t);
}

static void finish(struct cls_world *t, const char *what)
{
	is_u64(t->twice, 0, "%s: no frame comes back twice", what);
	cw_free(t);
}

static uint64_t state_of(struct cls_world *t, uint32_t flow)
{
	return t->w.box.flows[flow].state;
}

/* ------------------------------------------------------------------ TCP */

static void test_conversation(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 3, "the handshake passes as control segments");
	is_u64(state_of(&t, 0), FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED, "established");
	is_u64(t.w.box.flows[0].isn, CW_ISN_A, "the initiator's ISN");
	is_u64(t.w.box.flows[1].isn, CW_ISN_B, "the other's ISN");
	is_u64(t.w.box.flows[1].sport, 80, "the reverse flow's ports are exchanged");
	cw_forget(&t);
	cw_tcp(&t, true, CW_ACK | CW_PSH, 0, 0, "GET /", 5);
	cw_tcp(&t, false, CW_ACK, 0, 5, NULL, 0);
	cw_tcp(&t, false, CW_ACK, 0, 5, "answer", 6);
	cw_tcp(&t, true, CW_ACK, 5, 6, NULL, 0);
	cw_run(&t);
	is_str(cw_text(&t, 0), "GET /", "bytes of the forward stream");
	is_str(cw_text(&t, 1), "answer", "bytes of the reverse stream");
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 2, "pure ACKs pass as control segments");
	is_u64(cw_nr_desc(&t, FOS_DESC_ACK), 0, "nothing new acknowledged by data segments");
	cw_tcp(&t, true, CW_ACK | CW_FIN, 5, 6, NULL, 0);
	cw_tcp(&t, false, CW_ACK | CW_FIN, 6, 6, NULL, 0);
	cw_run(&t);
	is_u64(t.w.box.flows[0].fin_pos, 5, "position of the first FIN");
	is_u64(t.w.box.flows[1].fin_pos, 6, "position of the second FIN");
	ok(!(state_of(&t, 0) & FOS_FLOW_ST_CLOSED), "not closed before the last ACK");
	cw_tcp(&t, true, CW_ACK, 6, 7, NULL, 0);
	cw_run(&t);
	ok(state_of(&t, 0) & state_of(&t, 1) & FOS_FLOW_ST_CLOSED, "closed by the last ACK");
	is_u64(t.w.box.flows[0].close, FOS_CLOSE_FIN, "closed by FIN");
	is_u64(t.stream[0].zero_flags | t.stream[1].zero_flags, FOS_PIECE_FIN,
	       "the FINs lie in the streams");
	is_u64(t.nr_away, 0, "all frames are home");
	t.now = t.p.now_ns += 11000000000ull;
	cw_pm_says(&t, 0, 0, 5, FOS_PM_CLOSED, 0);
	cw_pm_says(&t, 0, 1, 6, FOS_PM_CLOSED, 0);
	t.p.now_ns += 20000000;
	cw_run(&t);
	is_u64(t.w.box.flows[0].gen, 0, "the slot is free again");
	finish(&t, "conversation");
}

static void test_order(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_run(&t);
	cw_forget(&t);
	cw_tcp(&t, true, CW_ACK, 4, 0, "BBBB", 4);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_OOO), 1, "a hole is told");
	is_u64(cw_desc(&t, FOS_DESC_OOO)->pos, 4, "where");
	is_str(cw_text(&t, 0), "", "and nothing is in the stream");
	cw_tcp(&t, true, CW_ACK, 4, 0, "bbbbbb", 6);
	cw_tcp(&t, true, CW_ACK, 0, 0, "aaaaaaaa", 8);
	cw_run(&t);
	is_str(cw_text(&t, 0), "aaaaBBBBbb", "the first copy of each byte stands");
	is_u64(cw_counter(&t, FOS_C_tcp_overlap_differs), 2, "differing copies are counted");
	cw_forget(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "aaaa", 4);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_REXMIT), 1, "a repetition is told");
	is_u64(cw_desc(&t, FOS_DESC_REXMIT)->len, 4, "with its length");
	cw_forget(&t);
	cw_tcp(&t, true, CW_ACK, 8, 0, "bbCC", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "aaaaBBBBbbCC", "of a partly new one the new part is taken");
	is_u64(cw_desc(&t, FOS_DESC_REXMIT)->frame, FOS_NONE, "the rest told without frame");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "order");
}

static void test_fin(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK | CW_FIN, 104, 0, NULL, 0);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_run(&t);
	ok(!(state_of(&t, 0) & FOS_FLOW_ST_FIN), "a FIN ahead of a hole waits");
	cw_tcp(&t, true, CW_ACK | CW_FIN, 4, 0, "BBBB", 4);
	cw_run(&t);
	is_u64(t.w.box.flows[0].fin_pos, 8, "the FIN that comes in order counts");
	cw_tcp(&t, true, CW_ACK, 8, 0, "CC", 2);
	cw_run(&t);
	is_str(cw_text(&t, 0), "AAAABBBB", "nothing follows it");
	ok(cw_counter(&t, FOS_C_drop_tcp_after_end) >= 1, "what does is counted");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "fin");

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK | CW_FIN, 4, 0, "BBBB", 4);
	cw_tcp(&t, true, CW_ACK, 4, 0, "bbbbbbbb", 8);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "AAAABBBB", "a queued FIN pins the end");
	is_u64(t.w.box.flows[0].fin_pos, 8, "at its position");
	finish(&t, "queued fin");

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_tcp(&t, true, CW_ACK | CW_FIN, 2, 0, NULL, 0);
	cw_tcp(&t, true, CW_ACK | CW_FIN, 0, 0, "AAAA", 4);
	cw_run(&t);
	is_u64(t.w.box.flows[0].fin_pos, 4, "a FIN with repeated bytes ends the stream");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_sequence), 1, "one on old bytes does not");
	finish(&t, "repeated fin");
}

static void test_reset(void)
{
	struct cls_world t;
	uint64_t gen;

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_tcp(&t, true, CW_RST, 10, 0, NULL, 0);
	cw_tcp(&t, true, CW_RST, -500000, 0, NULL, 0);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_tcp_challenge), 1, "a RST in the window is refused");
	ok(!(state_of(&t, 0) & FOS_FLOW_ST_RESET), "and changes nothing");
	cw_tcp(&t, true, CW_RST, 4, 0, "EVIL", 4);
	cw_run(&t);
	ok(state_of(&t, 0) & FOS_FLOW_ST_RESET, "a RST at the next byte ends the connection");
	is_u64(t.w.box.flows[0].fin_pos, 4, "where it stands");
	is_u64(t.stream[0].zero_flags, FOS_PIECE_RST, "it lies in the stream, without its payload");
	cw_tcp(&t, false, CW_ACK, 0, 4, "late", 4);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_tcp_closed), 1, "later data is refused");
	gen = t.w.box.flows[0].gen;
	cw_tcp(&t, true, CW_SYN, 77777, -1, NULL, 0);
	cw_run(&t);
	is_u64(t.w.box.flows[0].gen, gen, "the old slot is as it was");
	is_u64(t.w.box.flows[2].number, 1, "a SYN begins another connection of this tuple");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "reset");

	make_app(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_tcp(&t, false, CW_RST | CW_ACK, -1 - (int64_t)CW_ISN_B, 0, NULL, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 2, "a refusal passes");
	ok(state_of(&t, 0) & FOS_FLOW_ST_CLOSED, "and closes");
	finish(&t, "refusal");
}

static void test_invalid(void)
{
	struct cls_world t;

	make_app(&t);
	cw_tcp(&t, true, CW_SYN | CW_FIN, -1, -1, NULL, 0);
	cw_tcp(&t, true, CW_ACK, 0, 0, "midstream", 9);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "no flow: passed on as midstream");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_invalid), 1, "but not flags that no end takes");
	is_u64(cw_counter(&t, FOS_C_packets_midstream), 1, "and counted");
	cw_forget(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, 0, 0, 0, "EVIL", 4);
	cw_tcp(&t, true, CW_FIN | CW_PSH, 0, 0, "EVIL", 4);
	cw_tcp(&t, true, CW_SYN, 99, 0, NULL, 0);
	cw_tcp(&t, true, CW_ACK, 0, 5, "EVIL", 4);
	cw_tcp(&t, true, CW_SYN | CW_ACK, 0, 0, "EVIL", 4);
	cw_tcp(&t, true, CW_ACK, 0, 0, "GOOD", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "GOOD", "what no host accepts is not taken");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_invalid), 3, "and counted: flags that no end takes");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_ack), 1, "what was never sent is acknowledged");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_challenged), 2, "a SYN, a SYN+ACK");
	cw_tcp(&t, true, CW_ACK, 0x50000000, 0, NULL, 0);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_tcp_sequence), 1, "a number from nowhere");
	is_u64(cw_counter(&t, FOS_C_tcp_challenge), 2, "two of them would be challenged");
	cw_forget(&t);
	cw_tcp(&t, true, CW_ACK, 3, 0, NULL, 0);
	cw_tcp(&t, true, CW_ACK, 3, 0, "X", 1);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 1, "a keep-alive passes");
	is_u64(cw_nr_desc(&t, FOS_DESC_REXMIT), 1, "one with a byte is a repetition of that byte");
	is_str(cw_text(&t, 0), "GOOD", "which has no meaning");
	finish(&t, "invalid");
}

static void test_wrap(void)
{
	struct cls_world t;
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_TCP};
	uint32_t isn = 0xffffffff - 3;

	make_app(&t);
	ip.seq = isn;
	ip.flags = CW_SYN;
	cw_packet(&t, &ip, NULL, 0);
	ip = (struct cw_ip){.src = 2, .dst = 1, .sport = 2, .dport = 1, .proto = IPPROTO_TCP,
			    .seq = 7, .ack = isn + 1, .flags = CW_SYN | CW_ACK};
	cw_packet(&t, &ip, NULL, 0);
	ip = (struct cw_ip){.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_TCP,
			    .ack = 8, .flags = CW_ACK, .seq = isn + 1 + 4};
	cw_packet(&t, &ip, "BBBB", 4);
	ip.seq = isn + 1;
	cw_packet(&t, &ip, "AAAA", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "AAAABBBB", "sequence numbers wrap inside the stream");
	finish(&t, "wrap");
}

/* ------------------------------------------------------------------ other protocols */

static void test_datagrams(void)
{
	struct cls_world t;
	struct cw_ip a = {.src = 1, .dst = 2, .sport = 9, .dport = 53, .proto = IPPROTO_UDP};
	struct cw_ip b = {.src = 2, .dst = 1, .sport = 53, .dport = 9, .proto = IPPROTO_UDP};
	struct cw_ip ping = {.src = 1, .dst = 2, .sport = 77, .proto = IPPROTO_ICMP};

	make_app(&t);
	cw_packet(&t, &a, "question", 8);
	cw_packet(&t, &b, "reply", 5);
	cw_packet(&t, &a, "more", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "questionmore", "datagrams one after the other");
	is_str(cw_text(&t, 1), "reply", "and those of the other direction");
	a.bad_csum = true;
	cw_packet(&t, &a, "evil", 4);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_csum_bad), 1, "a bad checksum is dropped and counted");
	cw_forget(&t);
	a.bad_csum = false;
	cw_packet(&t, &a, NULL, 0);
	cw_packet(&t, &ping, "ping", 4);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 2, "an empty datagram and a ping are forwarded");
	is_u64(cw_desc(&t, FOS_DESC_FORWARD)->flow, 0, "with their flow");
	is_u64(t.nr_away, 0, "all frames are home");
	t.p.now_ns += t.w.dir->idle_ns + 1;
	cw_run(&t);
	is_u64(t.w.box.flows[0].close, FOS_CLOSE_TIMEOUT, "silence closes");
	finish(&t, "datagrams");
}

static void test_unmatched(void)
{
	struct cls_world t;
	struct cw_ip bad = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_UDP,
			    .bad_csum = true};
	uint8_t arp[60] = {[12] = 8, [13] = 6};

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	t.w.dir->pipeline[0].match.fields = FOS_MATCH_DPORT;
	t.w.dir->pipeline[0].match.dport_lo = t.w.dir->pipeline[0].match.dport_hi = 80;
	cw_make(&t);
	cw_packet(&t, &bad, "xyz", 3);
	cw_send(&t, arp, sizeof(arp), 0);
	cw_send(&t, "\1\2\3", 3, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 3, "what nothing matches passes, damaged or not");
	is_u64(cw_desc(&t, FOS_DESC_FORWARD)->flow, FOS_NONE, "without a flow");
	is_u64(cw_counter(&t, FOS_C_packets_unmatched), 3, "and is counted");
	is_u64(t.w.box.flows[0].gen, 0, "no flow is opened");
	finish(&t, "unmatched");
}

/* ------------------------------------------------------------------ ends */

static void test_eof(void)
{
	struct cls_world t;
	struct fos_region_head *h;

	plan_app(&t, true);
	cw_make(&t);
	h = (void *)cw_region(&t, cw_proc(&t, FOS_ROLE_INGRESS, 0));
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 4, 0, "hole", 4);
	cw_run(&t);
	is_u64(t.nr_away, 1, "a segment waits for the hole before it");
	h->eof = 1;
	cw_run(&t);
	is_u64(t.w.box.flows[0].close, FOS_CLOSE_EOF, "the end of the capture closes all flows");
	is_u64(cw_counter(&t, FOS_C_drop_flow_closed), 1, "what waits is dropped");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "eof");
}

/* A successor finds the flows, undoes what was not committed, and takes the packets again. */
static void test_restart(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 4, 0, "BBBB", 4);
	cw_run(&t);
	cw_kill(&t);
	cw_start(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "AAAABBBB", "a successor goes on with the streams and queues");
	is_u64(cw_counter(&t, FOS_C_flows_opened), 1, "and opens nothing anew");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "restart");
}

/* A capture whose clock steps back by minutes: the timers, which may run between any two packets, do
 * not take the new connection for an old one. */
static void test_clock_steps_back(void)
{
	struct cls_world t;

	plan_app(&t, true);
	t.w.dir->handshake_ns = 30000000000ull;
	cw_make(&t);
	t.p.now_ns = t.now + 250000000000ull;
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	cw_run(&t);
	cw_tcp(&t, false, CW_SYN | CW_ACK, -1, 0, NULL, 0);
	cw_run(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "GET /", 5);
	cw_run(&t);
	is_str(cw_text(&t, 0), "GET /", "the stream of a connection stamped before the clock");
	is_u64(cw_counter(&t, FOS_C_flows_opened), 1, "is one connection's");
	finish(&t, "clock steps back");
}

/* The FIN comes early, then once more with the bytes before it: their frame is not given back while
 * they are in the stream. */
static void test_fin_again_fills_the_gap(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK | CW_FIN, 4, 0, "BB", 2);
	cw_run(&t);
	cw_forget(&t);
	t.lazy = true;
	cw_tcp(&t, true, CW_ACK | CW_FIN, 0, 0, "AAAABB", 6);
	cw_run(&t);
	is_u64(t.w.box.flows[0].fin_pos, 6, "the gap before an early FIN is filled");
	is_u64(cw_nr_desc(&t, FOS_DESC_FREE), 0, "no frame goes home while its bytes are unread");
	t.lazy = false;
	cw_run(&t);
	is_str(cw_text(&t, 0), "AAAABB", "the bytes are those that came");
	is_u64(t.nr_away, 0, "and then all frames are home");
	finish(&t, "FIN again");
}

static void test_table_full(void)
{
	struct cls_world t;
	struct cw_ip ip = {.src = 1, .dst = 2, .dport = 53, .proto = IPPROTO_UDP};

	make_app(&t);
	for (uint32_t i = 0; i < 400; i++) {
		ip.sport = (uint16_t)(i + 1);
		cw_packet(&t, &ip, "x", 1);
		t.now = t.p.now_ns += 1000000000ull;
		for (uint32_t pm = 0; pm < 1; pm++)
			for (uint32_t f = 0; f < t.w.dir->nr_flows; f++)
				if (state_of(&t, f) & FOS_FLOW_ST_CLOSED && t.w.box.flows[f].gen)
					cw_pm_says(&t, pm, f, 1, FOS_PM_CLOSED, 0);
		cw_run(&t);
	}
	is_u64(cw_counter(&t, FOS_C_drop_no_flow_slot), 0, "old flows make way for new ones");
	ok(cw_counter(&t, FOS_C_flows_evicted) > 100, "before the table is full");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "full table");
}

/* The count of batches goes round: then no flow counts as touched that is not. */
static void test_batches_begin_anew(void)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .dport = 53, .proto = IPPROTO_UDP};
	struct cls_world t;

	make_app(&t);
	t.c->batch = UINT32_MAX;
	for (ip.sport = 1; ip.sport <= 2; ip.sport++)
		cw_packet(&t, &ip, ip.sport == 1 ? "one" : "two", 3);
	cw_run(&t);
	is_str(cw_text(&t, 0), "one", "the first flow of the batch");
	is_str(cw_text(&t, 2), "two", "and the second one");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "batches begin anew");
}

int main(void)
{
	tap_plan(0);
	test_conversation();
	test_order();
	test_fin();
	test_reset();
	test_invalid();
	test_wrap();
	test_datagrams();
	test_unmatched();
	test_eof();
	test_restart();
	test_clock_steps_back();
	test_fin_again_fills_the_gap();
	test_table_full();
	test_batches_begin_anew();
	return done();
}
