/* Bytes that only the box can send again, and connections on which nothing comes any more */
#include "tests/unit/egress_script.h"

static const struct step trailing[] = {
	DATA(0, "abc"), PASS(0, 3), OUT(0, 0, "abc", "(the sender's)"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "(acknowledged: the sender has nothing left to do)"),
	ADD(0, 3, "trailer"), PASS(0, 3), OUT(0, 3, "trailer", "inserted after the last byte"),
	WAIT(150), NOTHING("not yet"),
	WAIT(60), OUT(0, 3, "trailer", "unanswered, the box sends it again"),
	WAIT(350), NOTHING("the next time after twice as long"),
	WAIT(60), OUT(0, 3, "trailer", "then again"),
	WAIT(750), NOTHING("and so on"),
	WAIT(60), OUT(0, 3, "trailer", "doubling"),
	ACKS(1, 10, WND), NOTHING("acknowledged: of no interest to the sender"),
	WAIT(9000), NOTHING("and done with"),
};

static const struct step fast[] = {
	DATA(0, "abc"), PASS(0, 3), OUT(0, 0, "abc", "(the sender's)"),
	ADD(0, 3, "lost"), PASS(0, 3), OUT(0, 3, "lost", "(inserted)"),
	DATA(0, "def"), PASS(0, 6), OUT(0, 7, "def", "(the sender's)"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "(the insertion is missing)"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "one duplicate"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "two"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "three"),
		OUT(0, 3, "lost", "the box sends it again at once"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "four: it has been sent"), NOTHING("no more"),
	ACKS(1, 10, WND), TOLD(1, 6, -1, "(repaired)"), NOTHING("nothing more"),
};

static const struct step partial[] = {
	DATA(0, "abc"), PASS(0, 3), OUT(0, 0, "abc", "(the sender's)"), ACKS(1, 3, WND),
	TOLD(1, 3, -1, "(acknowledged)"),
	ADD(0, 3, "one"), PASS(0, 3), OUT(0, 3, "one", "(inserted)"),
	ADD(0, 3, "two"), PASS(0, 3), OUT(0, 6, "two", "(inserted)"),
	DATA(0, "d"), PASS(0, 4), OUT(0, 9, "d", "(the sender's)"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "one"), ACKS(1, 3, WND), TOLD(1, 3, -1, "two"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "three"), OUT(0, 3, "one", "the first hole"),
	ACKS(1, 6, WND), OUT(0, 6, "two", "a partial acknowledgement: the next hole"),
	ACKS(1, 10, WND), TOLD(1, 4, -1, "(repaired)"), NOTHING("nothing more"),
};

static const struct step senders[] = {
	DATA(0, "abcdef"), ADD(0, 6, "x"), PASS(0, 6), OUT(0, 0, "abcdef", "(sent)"),
		OUT(0, 6, "x", "(inserted)"),
	ACKS(1, 0, WND), TOLD(1, 0, -1, "one"), ACKS(1, 0, WND), TOLD(1, 0, -1, "two"),
	ACKS(1, 0, WND), TOLD(1, 0, -1, "three"),
		NOTHING("bytes that the sender can send again it is asked for"),
	AGAIN(0, 0, 6), OUT(0, 0, "abcdef", "it does"), OUT(0, 6, "x", "(inserted)"),
};

/* The box told the sender that 6 to 9 has arrived; then that is lost behind the box. */
#define VOUCHED                                                                                \
	DATA(0, "abc"), PASS(0, 3), OUT(0, 0, "abc", "(sent)"),                                    \
	EARLY(0, 6, 3), OUT(0, 2, "c", "(the receiver is asked)"), WAIT(20),                       \
		TOLD(1, 0, -1, "(a hole before the box)", { 6, 9 }),                                   \
	DATA(0, "def"), PASS(0, 6), OUT(0, 3, "def", "(it is filled)"),                            \
	DATA(0, "ghi"), PASS(0, 9), OUT(0, 6, "ghi", "(with this)"),                               \
	DATA(0, "jkl"), PASS(0, 12), OUT(0, 9, "jkl", "(and more)")

static const struct step vouched[] = {
	VOUCHED,
	ACKS(1, 6, WND, { 9, 12 }), TOLD(1, 6, -1, "(lost behind the box)", { 9, 12 }),
	ACKS(1, 6, WND, { 9, 12 }), TOLD(1, 6, -1, "one", { 9, 12 }),
	ACKS(1, 6, WND, { 9, 12 }), TOLD(1, 6, -1, "two", { 9, 12 }),
	ACKS(1, 6, WND, { 9, 12 }), TOLD(1, 6, -1, "three", { 9, 12 }),
	OUT(0, 6, "ghi", "the sender believes that it has arrived: the box sends it again"),
	NOTHING("and nothing else"),
	ACKS(1, 12, WND), TOLD(1, 12, -1, "(repaired)"),
};

static const struct step vouched_silent[] = {
	VOUCHED,
	ACKS(1, 6, WND), WAIT(1), WAIT(65), TOLD(1, 6, -1, "(lost behind the box, and what came after)"),
	WAIT(250), OUT(0, 6, "ghi", "the box's timer runs for it, too"),
	ACKS(1, 9, WND), TOLD(1, 9, -1, "(repaired)"), OUT(0, 9, "jkl", "what was sent with it follows"),
};

static const struct step not_vouched[] = {
	VOUCHED,
	ACKS(1, 3, WND, { 6, 12 }), TOLD(1, 3, -1, "(one that it was not told of)", { 6, 12 }),
	ACKS(1, 3, WND, { 6, 12 }), TOLD(1, 3, -1, "one", { 6, 12 }),
	ACKS(1, 3, WND, { 6, 12 }), TOLD(1, 3, -1, "two", { 6, 12 }),
	ACKS(1, 3, WND, { 6, 12 }), TOLD(1, 3, -1, "three", { 6, 12 }),
	NOTHING("the sender sends it again"),
	AGAIN(0, 3, 3), OUT(0, 3, "def", "(it does)"),
};

static const struct step to_the_end[] = {
	DATA(0, "all of it"), CUT(0, 0, 9), ENDS(0), PASS(0, 9),
	TOLD(1, 9, -1, "everything up to the FIN deleted: acknowledged at once"),
	OUT_FIN(0, 0, "", "and the FIN alone leaves"),
	WAIT(1100), OUT_FIN(0, 0, "", "unanswered, it is sent again"),
	ACKS(1, 1, WND), TOLD(1, 10, -1, "its acknowledgement covers everything"),
	WAIT(9000), NOTHING("done"),
};

static const struct step piecewise[] = {
	DATA(0, "AAAA"), CUT(0, 0, 4), PASS(0, 4),
		TOLD(1, 4, -1, "a segment deleted: acknowledged by the box"),
	DATA(0, "BBBB"), CUT(0, 4, 4), PASS(0, 8), TOLD(1, 8, -1, "the next one too"),
	DATA(0, "CCCC"), PASS(0, 12), OUT(0, 0, "CCCC", "a kept one"),
	DATA(0, "DDDD"), CUT(0, 12, 4), PASS(0, 16),
	NOTHING("deleted behind bytes that may be lost: not acknowledged"),
	ACKS(1, 4, WND), TOLD(1, 16, -1, "before these are"),
};

static const struct step pinned[] = {
	DATA(0, "AAAA"), CUT(0, 0, 4), PASS(0, 4), TOLD(1, 4, -1, "deleted bytes are acknowledged"),
	ADD(0, 4, "INS"), PASS(0, 4), OUT(0, 0, "INS", "then others are inserted there"),
	ACKS(1, 0, WND), TOLD(1, 4, -1, "which does not take it back"),
	ACKS(1, 3, WND), NOTHING("nor say anything new"),
	DATA(0, "b"), PASS(0, 5), OUT(0, 3, "b", "(more)"), ACKS(1, 4, WND), TOLD(1, 5, -1, "(all)"),
};

static const struct step gone[] = {
	DATA(0, "abc"), ADD(0, 3, "x"), PASS(0, 3), OUT(0, 0, "abc", "(sent)"),
		OUT(0, 3, "x", "(inserted)"),
};

/* The receiver is gone: the box tries, ever more seldom, then tells both ends. */
static void test_give_up(void)
{
	uint32_t sent = 0, resets[2] = { 0, 0 };
	const struct out_packet *o;

	script_name = "gone";
	script_base = 0;
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
		script_step(&gone[i]);
	for (int i = 0; i < 1200 && !resets[0]; i++) {
		W.now += 1000000000ull;
		run();
		while ((o = next_out())) {
			if (o->tcp[13] & RST)
				resets[o->port]++;
			else
				sent++;
		}
	}
	ok(sent >= 10 && sent <= 20, "gone: tried %u times in %llu s", sent,
	   (unsigned long long)((W.now - 1000000000ull) / 1000000000ull));
	ok(resets[0] == 1 && resets[1] == 1, "gone: then one reset to each end");
	is_u64(W.w.box.outs[0].retained, 0, "gone: nothing is kept");
	is_u64(W.w.box.outs[0].done, 0, "gone: but PMs may still be given bytes");
	world_flow(&W.w, 0)->state |= FOS_FLOW_ST_CLOSED;
	hint(0);
	run();
	is_u64(W.w.box.outs[0].done, FOS_OUT_DONE, "gone: until the connection is closed");
	script_step(&(struct step)AGAIN(0, 0, 3));
	script_step(&(struct step)RESET(1, 0, "a sender that missed it is told again"));
	script_step(&(struct step)ACKS(1, 0, WND));
	script_step(&(struct step)RESET(0, 0, "so is a receiver that comes back, when it acknowledges"));
	script_step(&(struct step)AGAIN(1, 0, 4));
	script_step(&(struct step)RESET(0, 0, "or sends bytes a second time"));
	script_step(&(struct step)PROBES(1));
	script_step(&(struct step)RESET(0, 0, "or asks whether anybody is there"));
	script_step(&(struct step)NOTHING("and nothing else leaves"));
	all_sound("gone");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	PLAY(trailing, .name = "trailing");
	PLAY(fast, .name = "fast", .ts = true);
	PLAY(partial, .name = "partial");
	PLAY(senders, .name = "the sender's");
	PLAY(vouched, .name = "vouched", .sack = true);
	PLAY(vouched, .name = "vouched, at the wrap", .sack = true, .base = 0x100000008);
	PLAY(vouched_silent, .name = "vouched, silence", .sack = true, .ts = true);
	PLAY(not_vouched, .name = "not vouched", .sack = true);
	PLAY(to_the_end, .name = "to the end");
	PLAY(piecewise, .name = "piecewise");
	PLAY(pinned, .name = "pinned");
	PLAY(pinned, .name = "pinned, beyond 32 bits", .base = 3ull << 33);
	test_give_up();
	script_free();
	return done();
}
