/* What has happened on a flow is recorded with it: a conversation for each kind of event, and the counts,
 * the newest event's place, after it; a batch that is undone has not happened. */
#include "classifier/history.h"
#include "shm/history.h"
#include "tests/unit/cls_script.h"

#define A_ CW_ACK

enum { NR = 4 };

static const struct {
	const char *what;
	struct line line[6];
	struct {
		enum fos_event_kind kind;
		uint32_t count;
	} want[NR];
	uint32_t side;      /* flow it is noted on */
	uint64_t pos;       /* of the newest */
	uint32_t len;
} table[] = {
	{ "a retransmission",
	  { { 'A', A_, 0, 0, "abcd", 0, "" }, { 'A', A_, 1, 0, "bc", 0, "" } },
	  { { FOS_EVENT_RETRANSMISSION, 1 } }, 0, 1, 2 },
	{ "two of them, the second with other bytes",
	  { { 'A', A_, 4, 0, "EFGH", 0, "" }, { 'A', A_, 4, 0, "EFGH", 0, "" },
	    { 'A', A_, 4, 0, "EvGH", 0, "" } },
	  { { FOS_EVENT_RETRANSMISSION, 2 }, { FOS_EVENT_DIFFERING_COPY, 1 },
	    { FOS_EVENT_OUT_OF_ORDER, 1 }, { FOS_EVENT_GAP, 1 } }, 0, 4, 4 },
	{ "a hole, and what fills it",
	  { { 'A', A_, 4, 0, "efgh", 0, "" }, { 'A', A_, 10, 0, "kl", 0, "" },
	    { 'A', A_, 0, 0, "abcd", 0, "" } },
	  { { FOS_EVENT_OUT_OF_ORDER, 2 }, { FOS_EVENT_GAP, 1 }, { FOS_EVENT_GAP_FILLED, 1 } },
	  0, 0, 4 },
	{ "a hole that stays", { { 'A', A_, 4, 0, "efgh", 0, "" } },
	  { { FOS_EVENT_OUT_OF_ORDER, 1 }, { FOS_EVENT_GAP, 1 } }, 0, 0, 4 },
	{ "bytes beyond the window", { { 'A', A_, 65530, 0, "0123456789", 0, "" } },
	  { { FOS_EVENT_WINDOW_OVERRUN, 1 }, { FOS_EVENT_OUT_OF_ORDER, 1 }, { FOS_EVENT_GAP, 1 } },
	  0, 0, 65530 },
	{ "an inexact RST", { { 'B', CW_RST, 7, 0, NULL, 0, "" } },
	  { { FOS_EVENT_INVALID_RST, 1 } }, 1, 0, 0 },
	{ "a SYN inside", { { 'A', CW_SYN, 700, -1, NULL, 0, "" } },
	  { { FOS_EVENT_INVALID_SYN, 1 } }, 0, 0, 0 },
};

static void make(struct cls_world *t)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(t);
	t->lazy = false;
	cw_handshake(t);
	cw_run(t);
}

/* What has happened on a flow. */
static const struct fos_flow_events *of(const struct cls_world *t, uint32_t flow)
{
	static const struct fos_flow_events nothing;
	const struct fos_flow_events *e = fos_history_find(t->c->events, t->c->cls->nr_events, flow,
							   t->w.box.flows[flow].gen);

	return e ? e : &nothing;
}

static uint32_t all_of(const struct fos_flow_events *e)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < FOS_EVENTS_COUNTED; k++)
		n += e->count[k];
	return n;
}

static void test_table(void)
{
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct fos_flow_events *e;
		struct cls_world t;
		uint32_t sum = 0;

		make(&t);
		for (uint32_t k = 0; table[i].line[k].who; k++) {
			const struct line *l = &table[i].line[k];

			t.now += 1000;
			cw_tcp(&t, l->who == 'A', l->flags, l->pos, l->ack, l->data,
			       l->data ? (uint32_t)strlen(l->data) : 0);
			cw_run(&t);
		}
		e = of(&t, table[i].side);
		for (uint32_t k = 0; k < NR && table[i].want[k].count; k++) {
			is_u64(e->count[table[i].want[k].kind], table[i].want[k].count,
			       "%s: kind %u", table[i].what, table[i].want[k].kind);
			sum += table[i].want[k].count;
		}
		is_u64(all_of(e), sum, "%s: nothing else on this side", table[i].what);
		is_u64(all_of(of(&t, 1 - table[i].side)), 0, "%s: nor on the other",
		       table[i].what);
		if (!ok(e->last_pos == table[i].pos && e->last_len == table[i].len &&
				e->last_ns == t.now,
			"%s: its place and time", table[i].what))
			diag("position %llu, %u bytes", (unsigned long long)e->last_pos,
			     e->last_len);
		is_u64(t.twice, 0, "%s: no frame comes back twice", table[i].what);
		cw_free(&t);
	}
}

static void test_zero_window(void)
{
	struct cls_world t;
	struct cw_ip ack = { .src = 2, .dst = 1, .sport = 80, .dport = 4000, .proto = IPPROTO_TCP,
			     .flags = CW_ACK, .seq = CW_ISN_B + 1, .ack = CW_ISN_A + 1 };

	make(&t);
	/* cw_l4() takes 0 for "any": a window of 0 has to be put in */
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t l4[64], packet[128];
		uint32_t n = cw_l4(&ack, NULL, 0, l4);
		uint8_t a[4] = { 10, 0, 0, 2 }, b[4] = { 10, 0, 0, 1 };

		fos_put16(l4 + 14, i == 1 ? 500 : 0);
		fos_csum_transport_set(fos_csum_pseudo4(a, b, IPPROTO_TCP, (uint16_t)n),
				       IPPROTO_TCP, l4, n);
		cw_send(&t, packet, cw_wrap(&ack, l4, n, packet), 1);
		cw_run(&t);
	}
	is_u64(of(&t, 1)->count[FOS_EVENT_ZERO_WINDOW], 2, "each time that the window closes");
	cw_free(&t);
}

/* A new connection in the same slot starts with nothing. */
static void test_reset(void)
{
	struct cls_world t;

	make(&t);
	cw_tcp(&t, true, A_, 4, 0, "efgh", 4);
	cw_tcp(&t, true, CW_RST, 0, 0, NULL, 0);
	cw_run(&t);
	is_u64(of(&t, 0)->count[FOS_EVENT_GAP], 1, "a hole");
	t.now = t.p.now_ns += 30000000000ull;
	cw_pm_says(&t, 0, 0, 0, FOS_PM_CLOSED, 0);
	cw_pm_says(&t, 0, 1, 0, FOS_PM_CLOSED, 0);
	t.now = t.p.now_ns += 30000000000ull;
	cw_run(&t);
	is_u64(t.w.box.flows[0].gen, 0, "the slot is free");
	cw_handshake(&t);
	cw_run(&t);
	ok(t.w.box.flows[0].gen != 0, "and used again");
	is_u64(all_of(of(&t, 0)), 0, "nothing has happened yet");
	cw_free(&t);
}

/* More flows have events than there are records: the one that has been silent longest is forgotten, and a
 * record whose flow is gone is the next to be used. */
static void test_forgotten(void)
{
	struct fos_flow_events *e;
	struct cls_world t;

	make(&t);
	t.c->cls->nr_events = FOS_HISTORY_PROBES;
	for (uint32_t i = 0; i <= FOS_HISTORY_PROBES; i++) {
		t.c->flows[i].gen = 7 + i;
		if (i == FOS_HISTORY_PROBES)
			is_u64(t.p.counter[FOS_C_events_forgotten], 0, "there was room until now");
		e = fos_history_keep(t.c, i);
		is_u64(e->flow, i, "a record is its flow's");
		is_u64(e->last_ns, 0, "nothing is in it");
		e->last_ns = i == 3 ? 1 : 100 + i;
	}
	is_u64(t.p.counter[FOS_C_events_forgotten], 1, "one is forgotten");
	is_u64(of(&t, 3)->gen, 0, "the one that was silent longest");
	is_u64(of(&t, 2)->last_ns, 102, "another one is not");
	t.c->flows[5].gen++;
	is_u64(fos_history_keep(t.c, 3)->gen, 10, "a record whose flow is gone is free");
	is_u64(t.p.counter[FOS_C_events_forgotten], 1, "for that no other is forgotten");
	is_u64(of(&t, 5)->gen, 0, "the new flow in the slot has none");
	ok(fos_history_keep(t.c, FOS_HISTORY_PROBES + 3) == NULL, "nor has one that is not live");
	cw_free(&t);
}

int main(void)
{
	test_table();
	test_zero_window();
	test_reset();
	test_forgotten();
	return done();
}
