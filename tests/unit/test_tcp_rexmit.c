/* Retransmissions of every cut: the box answers each with what one stream would contain */
#include "tests/unit/egress_script.h"

static const struct step where[] = {
	DATA(0, "AAAA"), DATA(0, "BBBB"), ADD(0, 2, "--"), PASS(0, 4),
	OUT(0, 0, "AA--AA", "(sent)"),
	AGAIN(0, 4, 4), NOTHING("in the pipeline: dropped"),
	AGAIN(0, 0, 4), OUT(0, 0, "AA--AA", "sent and not acknowledged: the edited bytes"),
	AGAIN(0, 0, 8), NOTHING("again at once: they have just left"),
	WAIT(20), AGAIN(0, 0, 8),
		OUT(0, 0, "AA--AA", "with bytes of the pipeline: only what was sent"),
	ACKS(1, 6, WND), TOLD(1, 4, -1, "(acknowledged)"),
	AGAIN(0, 0, 4), TOLD(1, 4, -1, "acknowledged: answered"),
	PASS(0, 8), OUT(0, 6, "BBBB", "the stream goes on"),
	AGAIN(0, 2, 4), OUT(0, 6, "BBBB", "partly acknowledged: the rest"),
};

static const struct step cuts[] = {
	DATA(0, "0123"), PASS(0, 4), OUT(0, 0, "0123", "(one)"),
	DATA(0, "4567"), CUT(0, 4, 1), PASS(0, 8), OUT(0, 4, "567", "(two)"),
	DATA(0, "89ab"), CUT(0, 8, 4), PASS(0, 12),
	DATA(0, "cdef"), ADD(0, 13, "XY"), PASS(0, 16), OUT(0, 7, "cXYdef", "(three)"),
	AGAIN(0, 7, 1), OUT(0, 4, "567", "a probe of one byte: the segment that has it"),
	WAIT(20), AGAIN(0, 3, 3), OUT(0, 0, "0123", "across two segments: both"),
		OUT(0, 4, "567", "(two)"),
	WAIT(20), AGAIN(0, 12, 4), OUT(0, 7, "cXYdef", "the last segment"),
	WAIT(20), AGAIN(0, 0, 16), OUT(0, 0, "0123", "everything in one"),
		OUT(0, 4, "567", "(two)"),
		OUT(0, 7, "cXYdef", "(three)"),
	WAIT(20), ACKS(1, 7, WND), TOLD(1, 12, -1, "(up to the deletion)"),
	AGAIN(0, 8, 4), TOLD(1, 12, -1, "deleted bytes: the box acknowledges"),
	AGAIN(0, 9, 5), OUT(0, 7, "cXYdef", "deleted bytes and others: the others"),
};

static const struct step insertion[] = {
	DATA(0, "aaaa"), PASS(0, 4), OUT(0, 0, "aaaa", "(one)"),
	DATA(0, "bbbb"), ADD(0, 4, "INS"), PASS(0, 8), OUT(0, 4, "INS", "(inserted)"),
		OUT(0, 7, "bbbb", "(two)"),
	AGAIN(0, 4, 4), OUT(0, 4, "INS", "an insertion before the bytes comes along"),
		OUT(0, 7, "bbbb", "(two)"),
	WAIT(20), AGAIN(0, 0, 4), OUT(0, 0, "aaaa", "and one behind them"),
		OUT(0, 4, "INS", "(inserted)"),
};

static const struct step last[] = {
	DATA(0, "abcAD"), CUT(0, 3, 2), ENDS(0), PASS(0, 5), OUT_FIN(0, 0, "abc", "(with the FIN)"),
	AGAIN_FIN(0, 5, 0), OUT_FIN(0, 0, "abc", "the FIN alone: the segment that carries it"),
	WAIT(20), AGAIN_FIN(0, 0, 5), OUT_FIN(0, 0, "abc", "the whole"),
	ACKS(1, 3, WND), TOLD(1, 5, -1, "(but the FIN)"),
	WAIT(20), AGAIN_FIN(0, 5, 0), OUT_FIN(0, 0, "abc", "still needed for its FIN"),
	ACKS(1, 4, WND), TOLD(1, 6, -1, "(all)"),
	AGAIN_FIN(0, 5, 0), TOLD(1, 6, -1, "answered with the number after the FIN"),
};

static const struct step finished[] = {
	DATA(0, "abcAD"), CUT(0, 3, 2), ENDS(0), PASS(0, 5), OUT_FIN(0, 0, "abc", "(the client's)"),
	ACKS(1, 4, WND), TOLD(1, 6, -1, "(acknowledged)"),
	DATA(1, "x"), ADD(1, 0, "more "), ENDS(1), PASS(1, 1), OUT(1, 0, "more ", "(the server's)"),
	OUT_FIN(1, 5, "x", "(and end)"),
	ACKS(0, 7, WND), TOLD(0, 2, -1, "(acknowledged: both are done)"),
	AGAIN_FIN(0, 0, 5), TOLD(1, 6, -1, "the client asks again: the final numbers"),
	WAIT(60000), AGAIN_FIN(1, 1, 0), TOLD(0, 2, -1, "the server a minute later"),
	AGAIN(1, 0, 1), TOLD(0, 2, -1, "its data"),
	ACKS(1, 4, WND), TOLD(1, 6, -1, "its acknowledgement, translated"),
	ACKS(0, 7, WND), TOLD(0, 2, -1, "the client's"),
	NOTHING("and nothing else"),
};

static const struct step reset[] = {
	DATA(0, "abcAD"), CUT(0, 3, 2), PASS(0, 5), OUT(0, 0, "abc", "(sent)"),
	ACKS(1, 3, WND), TOLD(1, 5, -1, "(acknowledged)"),
	ABORTS(0), RESET(0, 3, "a reset, after the edited bytes"),
	LATE(1, 3), RESET(0, 3, "an end that missed it is told again, with the number that it expects"),
	WAIT(30000), LATE(1, 3), RESET(0, 3, "however late"),
	LATE(0, 0), NOTHING("who sent the reset is told nothing"),
};

static const struct step reset_untouched[] = {
	DATA(0, "abc"), PASS(0, 3), OUT(0, 0, "abc", "(sent)"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "(acknowledged)"),
	ABORTS(0), RESET(0, 3, "a reset"),
	LATE(1, 3), RESET(0, 3, "without edits too: who sent the reset does not hear of it"),
	LATE(0, 0), NOTHING("and is told nothing"),
};

/* The reset overtakes a lost segment: for its receiver it lies ahead, which it asks about. */
static const struct step reset_ahead[] = {
	DATA(0, "abc"), DATA(0, "def"), PASS(0, 6), OUT(0, 0, "abc", "(sent)"),
	OUT(0, 3, "def", "(lost)"),
	ABORTS(0), RESET(0, 6, "a reset after all of it"),
	RESET(0, 0, "and one at what is acknowledged"),
	LATE(1, 3), RESET(0, 3, "the question is answered, with the number that it names"),
};

int main(void)
{
	tap_plan(0);
	PLAY(where, .name = "where it is");
	PLAY(where, .name = "where it is, beyond 32 bits", .base = 6ull << 32);
	PLAY(cuts, .name = "cuts", .ts = true);
	PLAY(cuts, .name = "cuts, at the wrap", .base = (1ull << 32) + 5);
	PLAY(insertion, .name = "insertion");
	PLAY(last, .name = "last");
	PLAY(finished, .name = "finished");
	PLAY(finished, .name = "finished, IPv6 with timestamps", .v6 = true, .ts = true);
	PLAY(reset, .name = "reset");
	PLAY(reset_untouched, .name = "reset, untouched");
	PLAY(reset_ahead, .name = "reset, ahead of a lost segment");
	script_free();
	return done();
}
