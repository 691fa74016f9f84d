/* How things end for egress: resets, being killed, no room, nonsense */
#include "tests/tap.h"
#include "tests/unit/egress_script.h"

static void test_reset_by_pm(void)
{
	struct out_packet *o;
	struct fos_desc *d;
	uint32_t home;

	world_start(true, false, false);
	handshake();
	home = frames_home();
	data(0, "evil", 4, 0);
	data(0, "more evil", 9, 0);
	release_to(0, 4);
	run();
	W.taken = W.nr_out;
	acked(1, 4, 60000);
	run();
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_CLOSED;
	world_flow(&W.w, 1)->state |= FOS_FLOW_ST_CLOSED;
	d = fos_ring_slot(&W.descs, 0);
	*d = (struct fos_desc){ .frame = FOS_NONE, .flow = 0, .flow_gen = GEN, .len = 1,
				.kind = FOS_DESC_CLOSE, .flags = FOS_CLOSE_PM };
	fos_ring_advance(&W.descs, 1);
	fos_ring_commit(&W.descs);
	run();
	for (int i = 0; i < 2; i++) {
		o = next_out();
		/* packets of different ports leave in any order */
		ok(o && o->tcp[13] & RST &&
			   o->seq == (o->port ? ISN0 + 1 + 4 : (uint32_t)(ISN1 + 1)),
		   "a PM's reset reaches the %s with the exact number",
		   o && o->port ? "receiver" : "sender");
	}
	is_u64(W.w.box.outs[0].done, 0, "what is in the pipeline stays while the PM may read it");
	pubs[0].flags = pubs[1].flags = FOS_PM_CLOSED;
	release_to(0, 4);
	release_to(1, 0);
	run();
	is_u64(W.w.box.outs[0].done, FOS_OUT_DONE, "the PM has closed: the flow is done");
	is_u64(W.w.box.outs[0].pos[0], 13, "what was in the pipeline is passed");
	run();
	is_u64(frames_home() - home, 2, "and its frames go home");
	all_sound("reset");
	world_stop();
}

/* The client resets while the PM still has bytes of the server before it. */
static void abort_before_unread(void)
{
	struct out_packet *o;

	world_start(true, false, false);
	handshake();
	frames_home();
	W.taken = W.nr_out;
	data(1, "page one", 8, 0);
	data(1, "page two", 8, 0);
	data(1, "last", 4, 0);
	script_abort(0);
	run();
	o = next_out();
	ok(o && o->tcp[13] & RST && o->port == 1, "a reset does not wait for what the other end has sent");
	W.taken = W.nr_out;
	run();
	is_u64(W.w.box.outs[0].done, FOS_OUT_DONE, "its own direction is done");
	ok(W.w.box.outs[1].done == 0 && W.w.box.outs[1].pos[0] == 0, "the other's bytes stay");
}

static void test_reset_unread(void)
{
	const struct fos_out *out;
	uint32_t home;

	abort_before_unread();
	out = &W.w.box.outs[1];
	home = frames_home();
	edit(1, 5, 3, "2");
	release_to(1, 12);
	run();
	ok(out->pos[0] == 8 + 4 && out->pos[1] == 8 - 3 + 1 + 4,
	   "what the PM releases is passed, in both numberings");
	is_u64(frames_home() - home, 1, "and its frames go home");
	kill_egress();
	start_egress();
	run();
	is_u64(out->done, 0, "a successor gives nothing back either");
	edit(1, 16, 0, "more");
	release_to(1, 20);
	run();
	is_u64(out->done, FOS_OUT_DONE, "all is released: done");
	is_u64(frames_home() - home, 3, "every frame is home");
	expect_nothing("and nothing of it has left");
	world_stop();
}

/* It hangs, or is dead for long. */
static void test_reset_hangs(void)
{
	abort_before_unread();
	release_to(1, 8);
	run();
	W.now += 6000000000ull;
	run();
	kill_egress();
	start_egress();
	run();
	is_u64(W.w.box.outs[1].done, 0, "after 6 s a PM is still waited for");
	W.now += 1100000000ull;
	run();
	is_u64(W.w.box.outs[1].done, FOS_OUT_DONE, "after 7 s no longer, a restart of egress not counting");
	is_u64(W.w.box.outs[1].pos[0], 20, "all is passed");
	world_stop();
}

static void test_reset_in_order(void)
{
	struct out_packet *o;
	uint32_t frame;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "last words", 10, 0);
	edit(0, 0, 5, "");
	frame = make_packet(0, RST | ACK, ISN0 + 11, ISN1 + 1, 0, NULL, 0);
	append_piece(0, frame, 0, FOS_PIECE_RST);
	world_flow(&W.w, 0)->fin_pos = 10;
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_RESET | FOS_FLOW_ST_CLOSED;
	world_flow(&W.w, 1)->state |= FOS_FLOW_ST_CLOSED;
	hint(0);
	run();
	expect_nothing("a reset waits for the bytes before it");
	release_to(0, 10);
	run();
	expect(0, 0, "words", "they leave");
	o = next_out();
	ok(o && o->tcp[13] & RST && o->seq == ISN0 + 1 + 5, "then the reset, renumbered");
	is_u64(W.w.box.outs[0].done & W.w.box.outs[1].done, FOS_OUT_DONE, "both flows are done");
	all_sound("reset in order");
	world_stop();
}

static void test_restart(void)
{
	uint32_t frame;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "one AD", 6, 0);
	data(0, "two", 3, 0);
	edit(0, 3, 3, "");
	release_to(0, 6);
	run();
	expect(0, 0, "one", "(before)");
	kill_egress();
	start_egress();
	run();
	expect_nothing("a successor does not send again by itself");
	release_to(0, 9);
	run();
	expect(0, 3, "two", "the stream goes on where it stood");
	frame = make_packet(0, ACK, ISN0 + 1, ISN1 + 1, 5000, "ZZZZZZ", 6);
	send_desc(FOS_DESC_REXMIT, 0, frame, 0, 6);
	run();
	expect(0, 0, "one", "what the predecessor sent is resent");
	control(1, ACK, 0, 6, 60000);
	run();
	expect_ack(1, 0, 9, "and its numbers are translated");
	all_sound("restart");
	world_stop();
}

/* Dies at the worst moment: committed, nothing handed to the network. */
static void test_killed_before_send(void)
{
	struct fos_egr_state *st;

	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	data(0, "abc", 3, 0);
	release_to(0, 3);
	run();
	expect(0, 0, "abc", "(before)");
	/* put the region back to just before the send: the same packet is named again */
	st = W.e->st;
	st->nr_tx = 1;
	st->mark[1] = W.sent[1];
	kill_egress();
	start_egress();
	expect(0, 0, "abc", "what was committed and not sent is sent by the successor");
	st = W.e->st;
	st->nr_tx = 1;
	st->mark[1] = W.sent[1] - 1;
	kill_egress();
	start_egress();
	expect_nothing("what the sink had taken is not");
	world_stop();
}

static void test_full(void)
{
	world_start(false, false, false);
	handshake();
	W.taken = W.nr_out;
	W.room = 1;
	data(0, "first", 5, 0);
	data(0, "second", 6, 0);
	W.p.now_ns = W.now;
	fos_proc_work(&W.p);
	expect(0, 0, "first", "with room for one packet one leaves");
	expect_nothing("and only one");
	fos_proc_work(&W.p);
	fos_proc_work(&W.p);
	expect(0, 5, "second", "the other when there is room again");
	ok(W.p.counter[FOS_C_tx_full] > 0, "which is counted");
	world_stop();
}

static void test_nonsense(void)
{
	struct fos_desc *d;
	uint64_t seed = 4711;

	world_start(true, false, false);
	handshake();
	data(0, "abc", 3, 0);
	for (int i = 0; i < 500; i++) {
		d = fos_ring_slot(&W.descs, 0);
		*d = (struct fos_desc){ .frame = world_below(&seed, 4) ? FOS_NONE : UINT32_MAX - 7,
					.flow = (uint32_t)world_below(&seed, 600),
					.flow_gen = world_below(&seed, 2) ? GEN : 3,
					.pos = world_rand(&seed),
					.len = (uint32_t)world_rand(&seed),
					.kind = (uint16_t)world_below(&seed, 9) };
		if (d->kind == FOS_DESC_CLOSE)
			d->flow_gen = 3;
		fos_ring_advance(&W.descs, 1);
		fos_ring_commit(&W.descs);
		run();
	}
	W.taken = W.nr_out;
	edit(0, 1, 1u << 30, "");
	release_to(0, 3);
	run();
	ok(true, "descriptors and edits without sense do no harm");
	world_stop();
}

/* Offline there is no end to it where a FIN is waited for that never comes: each flush spins. */
static void test_not_a_stream(void)
{
	uint32_t waiting;

	world_start(true, false, false);
	for (uint32_t i = 0; i < 2; i++) {
		struct fos_flow *f = world_flow(&W.w, i);

		f->flags &= ~(uint32_t)FOS_FLOW_APP;
		f->state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED | FOS_FLOW_ST_FIN;
		hint(i);
	}
	run();
	expect_nothing("where packets leave as they came, egress makes no FIN of its own");
	waiting = W.e->nr_run;
	is_u64(waiting, 0, "and looks for no place for one");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	test_reset_by_pm();
	test_reset_unread();
	test_reset_hangs();
	test_reset_in_order();
	test_restart();
	test_killed_before_send();
	test_full();
	test_nonsense();
	test_not_a_stream();
	free(W.out);
	return done();
}
