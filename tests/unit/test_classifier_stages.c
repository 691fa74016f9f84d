/* The classifier process and its PMs: packet stages, the gate, rewrites, verdicts, owned addresses. */
#include "tests/tap.h"
#include "tests/unit/cls_world.h"
#include "tests/unit/mortal.h"

static void plan_app(struct cls_world *t)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
}

static void make_app(struct cls_world *t)
{
	plan_app(t);
	cw_make(t);
}

static void finish(struct cls_world *t, const char *what)
{
	is_u64(t->twice, 0, "%s: no frame comes back twice", what);
	cw_free(t);
}

static void test_aggregate(void)
{
	struct cls_world t;
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_UDP};

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "meter", 0, FOS_STREAM_IP, false);
	t.w.dir->pipeline[0].key = FOS_KEY_SRC;
	cw_make(&t);
	cw_packet(&t, &ip, "a", 1);
	ip.dst = 3;
	ip.dport = 9;
	cw_packet(&t, &ip, "b", 1);
	cw_run(&t);
	is_u64(t.w.box.flows[0].packets, 2, "packets of one source are one flow");
	is_u64(t.w.box.flows[2].gen, 0, "and only one");
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 0, "they wait for the packet stage");
	cw_pm_says(&t, 0, 0, t.w.box.flows[0].pkt.tail, 0, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 2, "and go on when it has passed them");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "aggregate");
}

/* ------------------------------------------------------------------ packet stages */

static void test_packet_stage(void)
{
	struct cls_world t;
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_UDP};
	struct fos_edit *e;
	struct fos_pm_pub pub;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "filter", 0, FOS_STREAM_IP, true);
	world_pm(&t.w, "second", 1, FOS_STREAM_TCP, false);
	cw_make(&t);
	for (uint32_t i = 0; i < 3; i++)
		cw_packet(&t, &ip, "0123456789", 10);
	ip.bad_csum = true;
	cw_packet(&t, &ip, "0123456789", 10);
	cw_run(&t);
	is_u64(t.w.box.flows[0].pkt.tail, 4 * 38, "packets with their IP headers");
	is_u64(t.w.box.flows[0].pkt.tail_l4, 4 * 18, "and without");
	e = world_edit(&t.w, 0, 0);
	*e = (struct fos_edit){.pos = 38, .del = 38, .flow = 0, .nr = 1, .next = FOS_NONE,
			       .flow_gen = t.w.box.flows[0].gen, .reason = FOS_C_drop_pm};
	pub = world_pub(&t.w, 0, 0);
	pub.edits = 1;
	world_publish(&t.w, 0, 0, &pub);
	cw_pm_says(&t, 0, 0, 3 * 38, 0, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 0, "every stage must have passed a packet");
	cw_pm_says(&t, 1, 0, 2 * 18, 0, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "the first goes on, the second was dropped");
	is_u64(cw_counter(&t, FOS_C_drop_pm), 1, "by the PM");
	is_u64(t.w.box.flows[0].pkt_done, 2 * 38, "position that has left the stages");
	cw_pm_says(&t, 1, 0, 4 * 18, 0, 0);
	cw_pm_says(&t, 0, 0, 4 * 38, 0, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 2, "the third follows");
	is_u64(cw_counter(&t, FOS_C_drop_csum_bad), 1, "the damaged one was shown, then dropped");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "packet stage");
}

static void test_packet_bypass(void)
{
	struct cls_world t;
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_UDP};

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "meter", 0, FOS_STREAM_IP, false);
	cw_make(&t);
	cw_packet(&t, &ip, "a", 1);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 0, "a packet waits for its stage");
	cw_pm_says(&t, 0, 0, FOS_POS_MAX, 0, FOS_VERDICT_BYPASS);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "that stops watching");
	cw_packet(&t, &ip, "b", 1);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 2, "the next packet waits for nobody");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "bypass");
}

static void test_gate(void)
{
	struct cls_world t;
	struct fos_rewrite *rw;
	struct cw_ip back = {.src = 2, .dst = 9, .sport = 80, .dport = 60000,
			     .proto = IPPROTO_TCP, .flags = CW_SYN | CW_ACK, .seq = CW_ISN_B,
			     .ack = CW_ISN_A + 1};

	plan_app(&t);
	t.w.dir->pm[0].gates = 1;
	t.w.dir->pm[0].rewrites = 1;
	cw_make(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	is_u64(t.nr_desc, 0, "the first packet waits at the gate");
	ok(t.w.box.flows[0].flags & FOS_FLOW_OFFERED, "and is offered");
	rw = (struct fos_rewrite *)(uintptr_t)&t.w.box.pm_rewrites[0][0];
	rw->src[10] = rw->src[11] = 0xff;
	rw->src[12] = 10;
	rw->src[15] = 9;
	rw->sport = 60000;
	rw->mask = FOS_RW_SRC_ADDR | FOS_RW_SRC_PORT;
	rw->flow_gen = t.w.box.flows[0].gen;
	cw_pm_says(&t, 0, 0, 0, FOS_PM_OPENED | FOS_PM_REWRITE, 0);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 1, "an open gate lets it pass");
	cw_packet(&t, &back, NULL, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 2, "the answer to the new address is found");
	is_u64(t.desc[1].flow, 1, "as the reverse flow");
	is_u64(t.w.box.flows[1].dport, 60000, "filed under the tuple on the wire");
	finish(&t, "gate");
}

static void test_verdicts(void)
{
	struct cls_world t;

	make_app(&t);
	cw_handshake(&t);
	cw_run(&t);
	cw_forget(&t);
	cw_pm_says(&t, 0, 1, 0, 0, FOS_VERDICT_RESET);
	is_u64(cw_nr_desc(&t, FOS_DESC_CLOSE), 1, "a reset is told to egress");
	is_u64(cw_desc(&t, FOS_DESC_CLOSE)->len, 1, "that it makes");
	is_u64(t.w.box.flows[0].close, FOS_CLOSE_PM, "both directions are closed");
	cw_tcp(&t, true, CW_ACK, 0, 0, "data", 4);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_pm), 1, "later packets are dropped");
	is_u64(t.nr_away, 0, "all frames are home");
	finish(&t, "verdict");
}

static void test_refused_asks_again(void)
{
	struct cls_world t;
	uint32_t first;

	plan_app(&t);
	t.w.dir->pm[0].gates = 1;
	cw_make(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	first = t.w.box.flows[0].gen;
	cw_pm_says(&t, 0, 0, 0, FOS_PM_OPENED, FOS_VERDICT_DROP);
	is_u64(cw_counter(&t, FOS_C_drop_pm), 1, "a SYN is refused at the gate");
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	ok(t.w.box.flows[2].gen && t.w.box.flows[2].flags & FOS_FLOW_OFFERED && first,
	   "the same SYN again is a new connection that is offered");
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 0, "and waits");
	finish(&t, "asks again");
}

/* A module that was killed may tell of the other direction first. */
static void test_refused_before_told(void)
{
	struct cls_world t;

	plan_app(&t);
	t.w.dir->pm[0].gates = 1;
	cw_make(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_tcp(&t, false, CW_SYN | CW_ACK, -1, 0, NULL, 0);
	cw_run(&t);
	cw_pm_publishes(&t, 0, 0, 0, FOS_PM_OPENED, FOS_VERDICT_DROP);
	cw_pm_says(&t, 0, 1, FOS_POS_MAX, 0, FOS_VERDICT_BYPASS);
	is_u64(cw_nr_desc(&t, FOS_DESC_TCP_CTL), 0,
	       "what a gate refuses stays refused, whichever direction is heard of first");
	is_u64(cw_counter(&t, FOS_C_drop_pm), 2, "in both directions");
	finish(&t, "refused before told");
}

static void test_refused_is_told(void)
{
	struct cls_world t;

	plan_app(&t);
	t.w.dir->pm[0].gates = 1;
	cw_make(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	cw_pm_says(&t, 0, 0, 0, FOS_PM_OPENED, FOS_VERDICT_RESET);
	is_u64(cw_nr_desc(&t, FOS_DESC_REPLY), 1, "a SYN that a gate resets is answered");
	is_u64(cw_desc(&t, FOS_DESC_REPLY)->len, 0, "out of the port it came in by");
	is_u64(cw_counter(&t, FOS_C_drop_pm), 1, "and is a drop all the same");
	is_u64(t.nr_away, 0, "its frame is home");
	finish(&t, "reset at the gate");

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "meter", 0, FOS_STREAM_IP, false);
	cw_make(&t);
	cw_tcp(&t, true, CW_SYN, -1, -1, NULL, 0);
	cw_run(&t);
	cw_pm_says(&t, 0, 0, t.w.box.flows[0].pkt.tail, 0, 0);
	cw_pm_says(&t, 0, 0, t.w.box.flows[0].pkt.tail, 0, FOS_VERDICT_RESET);
	cw_tcp(&t, false, CW_SYN | CW_ACK, -1, 0, NULL, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_REPLY), 1,
	       "where nobody reads the bytes each end is told when it speaks");
	cw_tcp(&t, false, CW_RST, 0, -1, NULL, 0);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_REPLY), 1, "a reset is not answered");
	finish(&t, "reset of what nobody reads");
}

/* ------------------------------------------------------------------ ARP and ND */

static const uint8_t ask[60] = {
	255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
	2, 0, 0, 0, 0, 7, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 10, 0, 0, 99};

static void own_address(struct cls_world *t)
{
	struct fos_pm_region *r;

	make_app(t);
	r = (struct fos_pm_region *)(uintptr_t)t->w.box.pm[0];
	r->owned[0][10] = r->owned[0][11] = 0xff;
	r->owned[0][12] = 10;
	r->owned[0][15] = 99;
	r->nr_owned = 1;
}

static void test_neighbour(void)
{
	struct cls_world t;
	uint8_t other[60];

	own_address(&t);
	cw_send(&t, ask, sizeof(ask), 1);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_REPLY), 1, "ARP for an owned address is to be answered");
	is_u64(cw_desc(&t, FOS_DESC_REPLY)->len, 1, "out of the port it came in by");
	memcpy(other, ask, sizeof(other));
	other[41] = 98;
	cw_send(&t, other, sizeof(other), 1);
	cw_run(&t);
	is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), 1, "for any other it passes");
	finish(&t, "neighbour");
}

static void work(void *t)
{
	cw_run(t);
}

/* Whoever takes over after a kill finds the question as it came. */
static void test_neighbour_killed(void)
{
	uint32_t n, wrong = 0, changed = 0, twice = 0;

	for (n = 1; n < 1000; n++) {
		struct cls_world t;
		uint32_t frame;
		bool died;

		own_address(&t);
		frame = t.next_frame;
		cw_send(&t, ask, sizeof(ask), 1);
		died = mortal(work, &t, (int)n);
		if (died) {
			cw_kill(&t);
			cw_start(&t);
			cw_run(&t);
		}
		wrong += cw_nr_desc(&t, FOS_DESC_REPLY) != 1 || t.nr_desc != 1;
		changed += memcmp(fos_box_frame(&t.w.box, frame) + FOS_FRAME_DATA_OFF, ask,
				  sizeof(ask)) != 0;
		twice += t.twice;
		cw_free(&t);
		if (!died)
			break;
	}
	ok(n > 3 && n < 1000, "(%u kill points)", n);
	is_u64(wrong, 0, "killed at any point: asked for one answer, nothing else");
	is_u64(changed, 0, "over the question as it came");
	is_u64(twice, 0, "and no frame comes back twice");
}

int main(void)
{
	tap_plan(0);
	test_aggregate();
	test_packet_stage();
	test_packet_bypass();
	test_gate();
	test_verdicts();
	test_refused_asks_again();
	test_refused_before_told();
	test_refused_is_told();
	test_neighbour();
	test_neighbour_killed();
	return done();
}
