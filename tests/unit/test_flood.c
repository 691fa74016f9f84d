/* Bounds under attack: half-open connections, the flow table, OOSEQ bytes, what is kept for receivers that
 * have gone silent.  What is established goes on, byte for byte; each refusal has its counter. */
#include "tests/unit/cls_script.h"

enum { FLOWS = 256, CONNS = FLOWS / 2, HALF = 32 };

static void make(struct cls_world *t, uint32_t half_open)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
	t->w.dir->nr_flows = FLOWS;
	t->w.dir->max_half_open = half_open;
	cw_make(t);
}

/* Between a port of host 1 and port 80 of host 2, seq and ack from the ISNs on. */
static void say(struct cls_world *t, bool client, uint32_t port, uint8_t flags, uint32_t seq,
		uint32_t ack)
{
	struct cw_ip ip = { .src = client ? 1 : 2, .dst = client ? 2 : 1,
			    .sport = (uint16_t)(client ? port : 80),
			    .dport = (uint16_t)(client ? 80 : port), .proto = IPPROTO_TCP,
			    .flags = flags, .seq = (client ? 100 : 7) + seq,
			    .ack = flags & CW_ACK ? (client ? 7 : 100) + ack : 0 };

	cw_packet(t, &ip, NULL, 0);
}

static void ask(struct cls_world *t, uint32_t port)
{
	say(t, true, port, CW_SYN, 0, 0);
	say(t, false, port, CW_SYN | CW_ACK, 0, 1);
}

/* The acknowledgement that ends the handshake may bring data. */
static void agree(struct cls_world *t, uint32_t port, const char *data, uint32_t len)
{
	struct cw_ip ip = { .src = 1, .dst = 2, .sport = (uint16_t)port, .dport = 80,
			    .proto = IPPROTO_TCP, .flags = CW_ACK, .seq = 101, .ack = 8 };

	cw_packet(t, &ip, data, len);
	cw_run(t);
}

static void open_from(struct cls_world *t, uint32_t port, const char *data, uint32_t len)
{
	ask(t, port);
	agree(t, port, data, len);
}

/* The client has sent so many bytes, the server none. */
static void both_fins(struct cls_world *t, uint32_t port, uint32_t sent)
{
	say(t, true, port, CW_FIN | CW_ACK, 1 + sent, 1);
	say(t, false, port, CW_FIN | CW_ACK, 1, 2 + sent);
	say(t, true, port, CW_ACK, 2 + sent, 2);
	cw_run(t);
}

static void syn(struct cls_world *t, uint32_t i)
{
	struct cw_ip ip = { .src = 1, .dst = (uint8_t)(3 + i % 200), .sport = (uint16_t)(i % 60000),
			    .dport = 80, .proto = IPPROTO_TCP, .flags = CW_SYN, .seq = i };

	cw_packet(t, &ip, NULL, 0);
}

/* Every few SYNs the established connection says a letter, and a new one is tried now and then. */
static void test_syn_flood(uint32_t half_open, uint32_t limit)
{
	struct cls_world t;
	char want[64] = "";
	uint32_t opened = 0, most = 0;

	make(&t, half_open);
	cw_handshake(&t);
	cw_run(&t);
	for (uint32_t i = 0; i < 5200; i++) {
		syn(&t, i);
		if (i % 100 == 0) {
			want[i / 100] = (char)('a' + i / 100 % 26);
			cw_tcp(&t, true, CW_ACK, i / 100, 0, &want[i / 100], 1);
		}
		if (i % 16 == 0) {
			t.now = t.p.now_ns += 1000000;
			cw_run(&t);
			cw_forget(&t);
		}
		if (t.c->priv->nr_half_open > most)
			most = t.c->priv->nr_half_open;
	}
	cw_run(&t);
	is_str(cw_text(&t, 0), want, "limit %u: the established connection's bytes", half_open);
	ok(most <= limit, "limit %u: never more than %u half-open ones (%u)", half_open, limit, most);
	ok(cw_counter(&t, FOS_C_half_open_evicted) + limit + cw_counter(&t, FOS_C_drop_no_flow_slot) >=
		   5200,
	   "limit %u: each refusal is counted", half_open);
	is_u64(cw_counter(&t, FOS_C_flows_evicted), 0, "limit %u: nobody else had to go", half_open);
	cw_forget(&t);
	for (uint32_t i = 0; i < 8; i++)
		open_from(&t, 61000 + i, "hello", 5);
	for (uint32_t f = 0; f < FLOWS; f += 2)
		opened += t.w.box.flows[f].gen && t.w.box.flows[f].app.tail == 5;
	is_u64(opened, 8, "limit %u: new connections come through", half_open);
	is_u64(t.nr_away, 0, "limit %u: all frames are home", half_open);
	is_u64(t.twice, 0, "limit %u: no frame comes back twice", half_open);
	cw_free(&t);
}

/* A flood of segments out of nowhere, while connections are taken up in the middle. */
static void test_ack_flood(void)
{
	struct cls_world t;

	make(&t, HALF);
	t.w.dir->pass_midstream = 1;
	cw_handshake(&t);
	cw_run(&t);
	for (uint32_t i = 0; i < 2000; i++) {
		struct cw_ip ip = { .src = 1, .dst = (uint8_t)(3 + i % 200),
				    .sport = (uint16_t)(1000 + i), .dport = 80,
				    .proto = IPPROTO_TCP, .flags = CW_ACK, .seq = i, .ack = i };

		cw_packet(&t, &ip, "x", 1);
		if (i % 16 == 0) {
			t.now = t.p.now_ns += 1000000;
			cw_run(&t);
			cw_forget(&t);
		}
	}
	cw_tcp(&t, true, CW_ACK, 0, 0, "good", 4);
	cw_run(&t);
	is_str(cw_text(&t, 0), "good", "ACK flood: the established connection goes on");
	ok(t.c->priv->nr_half_open <= HALF, "ACK flood: what shows one direction only is half-open");
	is_u64(t.nr_away, 0, "ACK flood: all frames are home");
	cw_free(&t);
}

/* The module is through with connections that are over; of the first one egress has bytes to send still. */
static void let_go(struct cls_world *t)
{
	struct fos_out *outs = (void *)(uintptr_t)t->w.box.outs;

	for (uint32_t f = 2; f < FLOWS; f++)
		if (t->w.box.flows[f].gen && t->w.box.flows[f].state & FOS_FLOW_ST_CLOSED)
			cw_pm_says(t, 0, f, t->w.box.flows[f].app.tail, FOS_PM_CLOSED, 0);
	outs[0].done = 0;
}

static uint32_t slot_of(const struct cls_world *t, uint32_t port)
{
	for (uint32_t f = 0; f < FLOWS; f += 2)
		if (t->w.box.flows[f].gen && t->w.box.flows[f].sport == port)
			return f;
	return FLOWS;
}

/* A connection per request fills the table with connections that are over: they make way, not one whose
 * handshake takes its time, nor one that egress has still to send something of. */
static void test_connection_per_request(void)
{
	enum { SLOW = 500, UNSENT = 501, NR = 600 };
	struct cls_world t;
	uint32_t through = 0;

	make(&t, 0);
	open_from(&t, UNSENT, "last words", 10);
	both_fins(&t, UNSENT, 10);
	ask(&t, SLOW);
	for (uint32_t i = 0; i < NR; i++) {
		open_from(&t, 2000 + i, "request", 7);
		through += slot_of(&t, 2000 + i) < FLOWS;
		both_fins(&t, 2000 + i, 7);
		let_go(&t);
		t.now = t.p.now_ns += 1000000;
		cw_forget(&t);
	}
	is_u64(through, NR, "a connection per request: each gets through");
	is_u64(cw_counter(&t, FOS_C_drop_no_flow_slot), 0, "none is refused");
	ok(cw_counter(&t, FOS_C_flows_evicted) > NR - CONNS, "those that are over make way");
	agree(&t, SLOW, "at last", 7);
	ok(slot_of(&t, SLOW) < FLOWS && t.w.box.flows[slot_of(&t, SLOW)].app.tail == 7,
	   "not one whose handshake is slow");
	is_u64(slot_of(&t, UNSENT), 0, "the first connection has the first slot");
	is_u64(t.c->conns[0].list, FOS_LIST_CLOSING, "nor one of which something is still to be sent");
	is_u64(cw_counter(&t, FOS_C_packets_midstream), 0, "no packet has lost its connection");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

/* Everything established: a full table refuses, and nobody is pushed out. */
static void test_full(void)
{
	struct cls_world t;

	make(&t, HALF);
	for (uint32_t i = 0; i < CONNS + 10; i++) {
		open_from(&t, 2000 + i, NULL, 0);
		cw_forget(&t);
	}
	is_u64(cw_counter(&t, FOS_C_drop_no_flow_slot), 10, "a full table refuses new ones");
	is_u64(cw_counter(&t, FOS_C_flows_evicted), 0, "and pushes nobody out");
	cw_free(&t);
}

/* ------------------------------------------------------------------ bytes */

static void test_queue(void)
{
	static char bytes[1000];
	struct cls_world t;

	make(&t, HALF);
	t.w.dir->ooo_per_flow = 4096;
	t.w.dir->ooo_total = 5000; /* the second flow alone could have 3000 */
	cw_handshake(&t);
	for (uint32_t i = 1; i < 20; i++)
		cw_tcp(&t, true, CW_ACK, i * 1000, 0, bytes, sizeof(bytes));
	cw_run(&t);
	is_u64(t.w.box.flows[0].ooo_bytes, 3000, "OOSEQ of a flow: 4096 bytes from its hole on");
	is_u64(cw_counter(&t, FOS_C_drop_ooo_limit), 16, "the rest is refused, counted");
	for (uint32_t i = 1; i < 20; i++)
		cw_tcp(&t, false, CW_ACK, i * 1000, 0, bytes, sizeof(bytes));
	cw_run(&t);
	is_u64(t.c->priv->ooo_total, 5000, "OOSEQ of all flows: 5000");
	is_u64(cw_counter(&t, FOS_C_drop_ooo_limit), 33, "the rest is refused, counted");
	cw_tcp(&t, true, CW_ACK, 0, 0, bytes, sizeof(bytes));
	cw_run(&t);
	is_u64(t.stream[0].len, 4000, "what is queued is not lost");
	cw_free(&t);
}

/* Two flows while egress keeps much: the one whose receiver is silent waits, the other goes on. */
static void test_retained(void)
{
	struct cls_world t;
	struct fos_egr *egr;
	struct fos_out *out;
	uint64_t nr;

	make(&t, HALF);
	cw_handshake(&t);
	cw_run(&t);
	egr = (void *)(uintptr_t)t.w.box.egr;
	out = (void *)(uintptr_t)t.w.box.outs;
	nr = t.w.dir->nr_frames;
	egr->retained = nr / 2 - 1;
	out[0].retained = (uint32_t)nr;
	cw_tcp(&t, true, CW_ACK, 0, 0, "a", 1);
	cw_run(&t);
	is_str(cw_text(&t, 0), "a", "below half of the frames a flow may keep as many as it likes");
	egr->retained = nr / 2;
	out[0].retained = (uint32_t)nr / 16;
	out[1].retained = (uint32_t)nr / 16 - 1;
	cw_tcp(&t, true, CW_ACK, 1, 0, "b", 1);
	cw_tcp(&t, false, CW_ACK, 0, 1, "c", 1);
	cw_run(&t);
	is_str(cw_text(&t, 0), "a", "above it one that keeps a sixteenth waits");
	is_str(cw_text(&t, 1), "c", "others do not");
	is_u64(cw_counter(&t, FOS_C_drop_retained_limit), 1, "which is counted");
	egr->retained = nr / 8 * 5;
	out[1].retained = 15;
	cw_tcp(&t, false, CW_ACK, 1, 1, "d", 1);
	cw_run(&t);
	is_str(cw_text(&t, 1), "cd", "at five eighths a little is let through");
	out[1].retained = 16;
	cw_tcp(&t, false, CW_ACK, 2, 1, "e", 1);
	cw_run(&t);
	is_str(cw_text(&t, 1), "cd", "but no more");
	egr->retained = nr / 4 * 3;
	out[1].retained = 0;
	cw_tcp(&t, false, CW_ACK, 2, 1, "e", 1);
	cw_tcp(&t, true, CW_ACK, 1, 2, NULL, 0);
	cw_run(&t);
	is_str(cw_text(&t, 1), "cd", "at three quarters no data");
	ok(cw_nr_desc(&t, FOS_DESC_TCP_CTL) > 0, "acknowledgements always");
	egr->retained = 0;
	cw_tcp(&t, true, CW_ACK, 1, 2, "b", 1);
	cw_tcp(&t, false, CW_ACK, 2, 1, "e", 1);
	cw_run(&t);
	is_str(cw_text(&t, 0), "ab", "what was refused comes again");
	is_str(cw_text(&t, 1), "cde", "on both");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

int main(void)
{
	test_syn_flood(HALF, HALF);
	test_syn_flood(0, CONNS / 2);
	test_ack_flood();
	test_connection_per_request();
	test_full();
	test_queue();
	test_retained();
	return done();
}
