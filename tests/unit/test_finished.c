/* Edited connections that are over stay known to the classifier while a sender may ask again */
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

#define SECOND 1000000000ull

static struct cls_world t;

static void make(void)
{
	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "editor", 0, FOS_STREAM_APP, true);
	cw_make(&t);
}

static void later(uint64_t seconds)
{
	t.now += seconds * SECOND;
	t.p.now_ns = t.now;
	cw_run(&t);
	cw_forget(&t);
}

static struct fos_out *out_of(uint32_t flow)
{
	return (struct fos_out *)(uintptr_t)&t.w.box.outs[flow];
}

/* A segment of the connection whose client has port `port`. */
static void tcp_at(uint16_t port, uint32_t isn, bool from_a, uint8_t flags, int64_t pos, int64_t ack,
		   const char *text)
{
	struct cw_ip ip = {
		.src = from_a ? 1 : 2, .dst = from_a ? 2 : 1,
		.sport = from_a ? port : 80, .dport = from_a ? 80 : port,
		.proto = IPPROTO_TCP, .flags = flags,
		.seq = (from_a ? isn : CW_ISN_B) + 1 + (uint32_t)pos,
		.ack = flags & CW_ACK ? (from_a ? CW_ISN_B : isn) + 1 + (uint32_t)ack : 0,
	};

	cw_packet(&t, &ip, text, (uint32_t)strlen(text));
}

/* A whole connection, which egress says it edited; returns its generation. */
static uint32_t whole(uint16_t port, uint32_t flow, bool edited)
{
	tcp_at(port, CW_ISN_A, true, CW_SYN, -1, -1, "");
	tcp_at(port, CW_ISN_A, false, CW_SYN | CW_ACK, -1, 0, "");
	tcp_at(port, CW_ISN_A, true, CW_ACK, 0, 0, "AAAA");
	tcp_at(port, CW_ISN_A, true, CW_ACK | CW_FIN, 4, 0, "");
	tcp_at(port, CW_ISN_A, false, CW_ACK | CW_FIN, 0, 5, "");
	cw_run(&t);
	out_of(flow)->flags = edited ? FOS_OUT_EDITED : 0;
	tcp_at(port, CW_ISN_A, true, CW_ACK, 5, 1, "");
	cw_run(&t);
	for (uint32_t i = 0; i < 2; i++)
		cw_pm_says(&t, 0, flow + i, i ? 0 : 4, FOS_PM_CLOSED, 0);
	return t.w.box.flows[flow].gen;
}

static void test_late(void)
{
	uint32_t gen;
	const struct fos_desc *d;

	make();
	gen = whole(4000, 0, true);
	later(11);
	later(100);
	is_u64(t.w.box.flows[0].gen, gen, "100 s after its end an edited connection is known");
	tcp_at(4000, CW_ISN_A, true, CW_ACK, 0, 1, "AAAA");
	cw_run(&t);
	d = cw_desc(&t, FOS_DESC_REXMIT);
	ok(d && d->flow == 0 && d->pos == 0 && d->len == 4, "bytes that come again are egress's");
	cw_forget(&t);
	tcp_at(4000, CW_ISN_A, true, CW_ACK | CW_FIN, 4, 1, "");
	cw_run(&t);
	d = cw_desc(&t, FOS_DESC_REXMIT);
	ok(d && d->flags == FOS_PIECE_FIN, "so is the FIN");
	cw_forget(&t);
	tcp_at(4000, CW_ISN_A, false, CW_ACK, 1, 5, "");
	cw_run(&t);
	ok(cw_desc(&t, FOS_DESC_TCP_CTL) != NULL, "an acknowledgement is translated");
	later(250);
	is_u64(t.w.box.flows[0].gen, gen, "each of them counts as activity");
	later(60);
	is_u64(t.w.box.flows[0].gen, 0, "after limits.idle of silence it is forgotten");
	is_u64(t.nr_away, 0, "all frames are home");
	cw_free(&t);
}

static void test_untouched(void)
{
	make();
	whole(4000, 0, false);
	later(11);
	is_u64(t.w.box.flows[0].gen, 0, "one without edits is gone after limits.closing");
	cw_free(&t);
}

static void test_port_reuse(void)
{
	uint32_t gen;

	make();
	gen = whole(4000, 0, true);
	later(11);
	tcp_at(4000, CW_ISN_A, true, CW_SYN, -1, -1, "");
	cw_run(&t);
	is_u64(t.w.box.flows[0].gen, gen, "its own SYN, late, begins nothing");
	tcp_at(4000, CW_ISN_A + 70000, true, CW_SYN, -1, -1, "");
	cw_run(&t);
	ok(cw_counter(&t, FOS_C_flows_opened) == 2, "a SYN with a newer ISN begins another connection");
	tcp_at(4000, CW_ISN_A + 70000, false, CW_SYN | CW_ACK, -1, 0, "");
	tcp_at(4000, CW_ISN_A + 70000, true, CW_ACK, 0, 0, "BBBB");
	cw_run(&t);
	is_str(cw_text(&t, 2), "BBBB", "whose bytes are its own");
	cw_free(&t);
}

static void test_bounds(void)
{
	uint32_t most;

	make();
	most = t.c->nr_conns / 4;
	for (uint32_t i = 0; i < most + 8; i++)
		whole((uint16_t)(4000 + i), 2 * i, true);
	later(11);
	later(1);
	is_u64(t.c->priv->nr_linger, most, "a quarter of the flow table at the most");
	is_u64(cw_counter(&t, FOS_C_flows_forgotten), 8, "the oldest are forgotten, counted");
	is_u64(t.w.box.flows[0].gen, 0, "(the first was)");
	ok(t.w.box.flows[2 * (most + 7)].gen != 0, "(the last was not)");
	for (uint32_t i = 0; i < t.c->nr_conns; i++) {
		tcp_at((uint16_t)(9000 + i), CW_ISN_A, true, CW_SYN, -1, -1, "");
		tcp_at((uint16_t)(9000 + i), CW_ISN_A, false, CW_SYN | CW_ACK, -1, 0, "");
		tcp_at((uint16_t)(9000 + i), CW_ISN_A, true, CW_ACK, 0, 0, "");
		cw_run(&t);
	}
	ok(cw_counter(&t, FOS_C_flows_forgotten) >= most, "new connections need the room: all go");
	cw_free(&t);
}

static void test_reset(void)
{
	const struct fos_desc *d;

	make();
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "AAAA", 4);
	cw_tcp(&t, true, CW_RST | CW_ACK, 4, 0, NULL, 0);
	cw_run(&t);
	cw_forget(&t);
	cw_tcp(&t, false, CW_ACK, 0, 4, "BB", 2);
	cw_run(&t);
	d = cw_desc(&t, FOS_DESC_REXMIT);
	ok(d && d->flow == 1 && d->flags == FOS_PIECE_RST && (uint32_t)d->pos == CW_ISN_A + 5,
	   "an end that missed the reset: egress is told what it acknowledged");
	is_u64(cw_counter(&t, FOS_C_drop_tcp_closed), 1, "its bytes go nowhere");
	cw_free(&t);
}

int main(void)
{
	tap_plan(0);
	test_late();
	test_untouched();
	test_port_reuse();
	test_bounds();
	test_reset();
	return done();
}
