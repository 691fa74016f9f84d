/* Selective acknowledgements through edits, and those that the box makes for its OOSEQ queue */
#include "tests/unit/egress_script.h"

/* input  aaaaaaaaaa        bbbbbbbbbb  cccccccccc       dddddddddd
 *        0                 10          20     25        30        40
 * output aaaaaaaaaa  IIII  bbbbbbbbbb         ccccc     dddddddddd
 *        0           10    14                 24        29        39 */
#define SENT                                                                                   \
	DATA(0, "aaaaaaaaaa"), PASS(0, 10), OUT(0, 0, "aaaaaaaaaa", "(a)"),                        \
	DATA(0, "bbbbbbbbbb"), ADD(0, 10, "IIII"), PASS(0, 20), OUT(0, 10, "IIII", "(inserted)"),  \
	OUT(0, 14, "bbbbbbbbbb", "(b)"),                                                           \
	DATA(0, "cccccccccc"), CUT(0, 20, 5), PASS(0, 30), OUT(0, 24, "ccccc", "(c)"),             \
	DATA(0, "dddddddddd"), PASS(0, 40), OUT(0, 29, "dddddddddd", "(d)")

static const struct step edges[] = {
	SENT,
	ACKS(1, 0, WND, { 29, 39 }), TOLD(1, 0, -1, "whole bytes", { 30, 40 }),
	ACKS(1, 0, WND, { 14, 24 }),
		TOLD(1, 0, -1, "the deletion after it is told too", { 10, 25 }),
	ACKS(1, 0, WND, { 24, 39 }), TOLD(1, 0, -1, "and the one before", { 20, 40 }),
	ACKS(1, 0, WND, { 12, 20 }),
		TOLD(1, 0, -1, "inside an insertion it begins after that", { 10, 16 }),
	ACKS(1, 0, WND, { 5, 12 }), TOLD(1, 0, -1, "or ends before it", { 5, 10 }),
	ACKS(1, 0, WND, { 11, 13 }), TOLD(1, 0, -1, "of inserted bytes only: nothing is left"),
	ACKS(1, 0, WND, { 29, 39 }, { 11, 13 }, { 14, 20 }),
		TOLD(1, 0, -1, "the others move up", { 30, 40 }, { 10, 16 }),
	ACKS(1, 0, WND, { 5, 10 }, { 14, 24 }),
		TOLD(1, 0, -1, "with only inserted bytes between them they become one", { 5, 25 }),
	ACKS(1, 0, WND, { 29, 39 }, { 24, 39 }),
		TOLD(1, 0, -1, "bytes that came twice stay the first block", { 30, 40 }, { 20, 40 }),
};

static const struct step touching[] = {
	SENT,
	ACKS(1, 10, WND, { 29, 39 }), TOLD(1, 10, -1, "(up to the insertion)", { 30, 40 }),
	ACKS(1, 10, WND, { 14, 24 }, { 29, 39 }),
		TOLD(1, 10, -1, "a block that would touch the acknowledgement is withheld", { 30, 40 }),
	ACKS(1, 12, WND, { 14, 24 }), TOLD(1, 10, -1, "inside the insertion likewise"),
	ACKS(1, 24, WND, { 14, 20 }),
		TOLD(1, 25, -1, "bytes that came twice, in their numbers", { 10, 16 }),
	ACKS(1, 24, WND, { 11, 14 }), TOLD(1, 25, -1, "where the map has forgotten them: untold"),
	ACKS(1, 24, WND, { 39, 70 }), TOLD(1, 25, -1, "what was never sent is not told"),
};

static const struct step early[] = {
	EARLY(0, 100, 50), TOLD(1, 0, WND, "a hole before the box", { 100, 150 }),
	EARLY(0, 150, 50), TOLD(1, 0, WND, "the run grows", { 100, 200 }),
	EARLY(0, 300, 50), TOLD(1, 0, WND, "the newest run first", { 300, 350 }, { 100, 200 }),
	EARLY(0, 500, 10), TOLD(1, 0, WND, "three", { 500, 510 }, { 300, 350 }, { 100, 200 }),
	EARLY(0, 700, 10), TOLD(1, 0, WND, "at the most", { 700, 710 }, { 500, 510 }, { 300, 350 }),
	EARLY(0, 350, 160), TOLD(1, 0, WND, "runs join", { 300, 510 }, { 700, 710 }, { 100, 200 }),
	EARLY(0, 310, 20),
		TOLD(1, 0, WND, "a repetition too", { 300, 510 }, { 700, 710 }, { 100, 200 }),
};

static const struct step early_four[] = {
	EARLY(0, 100, 50), TOLD(1, 0, WND, "(one)", { 100, 150 }),
	EARLY(0, 200, 50), TOLD(1, 0, WND, "(two)", { 200, 250 }, { 100, 150 }),
	EARLY(0, 300, 50), TOLD(1, 0, WND, "(three)", { 300, 350 }, { 200, 250 }, { 100, 150 }),
	EARLY(0, 400, 50), TOLD(1, 0, WND, "four without timestamps", { 400, 450 }, { 300, 350 },
				{ 200, 250 }, { 100, 150 }),
	EARLY(0, 500, 50), TOLD(1, 0, WND, "not five", { 500, 550 }, { 400, 450 }, { 300, 350 },
				{ 200, 250 }),
};

/* What comes in one batch is told by one acknowledgement, behind the duplicates that make a loss. */
static const struct step early_batch[] = {
	SOON(0, 100, 50), SOON(0, 150, 50), SOON(0, 200, 50), SOON(0, 250, 50), EARLY(0, 300, 50),
		TOLD(1, 0, WND, "one", { 100, 150 }), TOLD(1, 0, WND, "two", { 100, 200 }),
		TOLD(1, 0, WND, "and three duplicates for a hole", { 100, 250 }),
		TOLD(1, 0, WND, "then one for all that the batch brings", { 100, 350 }),
	NOTHING("no more"),
	SOON(0, 400, 50), SOON(0, 500, 50), SOON(0, 600, 50), SOON(0, 700, 50), EARLY(0, 750, 50),
		TOLD(1, 0, WND, "several where they have more runs than it holds", { 400, 450 },
		     { 100, 350 }),
		TOLD(1, 0, WND, "the newest last", { 700, 800 }, { 600, 650 }, { 500, 550 }),
	NOTHING("no more"),
	EARLY(0, 800, 50),
		TOLD(1, 0, WND, "what is known, again", { 700, 850 }, { 600, 650 }, { 500, 550 }),
};

/* Many runs come while the receiver is waited for: none is forgotten. */
static const struct step early_many[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 100, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	EARLY(0, 200, 10), EARLY(0, 300, 10), EARLY(0, 400, 10), EARLY(0, 500, 10),
	EARLY(0, 210, 10), EARLY(0, 600, 10), EARLY(0, 700, 10), NOTHING("(nothing is told)"),
	ACKS(1, 10, WND, { 9, 10 }),
		TOLD(1, 10, -1, "the oldest", { 100, 110 }),
		TOLD(1, 10, -1, "those after them", { 500, 510 }, { 400, 410 }, { 300, 310 }),
		TOLD(1, 10, -1, "the newest last", { 700, 710 }, { 600, 610 }, { 200, 220 }),
	NOTHING("no more"),
};

/* The stream is further than the receiver: a sender that learns by time (RFC 8985) is told what came before
 * a hole was filled no later than that it was, and what came after no sooner. */
static const struct step early_known[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	ACKS(1, 10, WND, { 9, 10 }), TOLD(1, 10, -1, "(the hole is told)", { 20, 30 }),
	BEHIND(0, 40, 10, 10), TOLD(1, 10, -1, "(and the next one)", { 40, 50 }, { 20, 30 }),
	DATA(0, "abcdefghijABCDEFGHIJ"), NOTHING("(the first is filled, and a PM has the bytes)"),
	BEHIND(0, 60, 10, 10), TOLD(1, 10, -1, "what came before that is told",
				    { 60, 70 }, { 40, 50 }, { 20, 30 }),
	BEHIND(0, 80, 10, 30), NOTHING("what came after is not: what filled it would seem lost"),
	PASS(0, 30), OUT(0, 10, "abcdefghijABCDEFGHIJ", "(it is sent)"),
		OUT(0, 29, "J", "(the receiver is asked)"),
	ACKS(1, 20, WND), NOTHING("a step through what was told is kept back"),
	DATA(0, "klmnopqrstKLMNOPQRST"), NOTHING("(the next hole is filled)"),
	ACKS(1, 30, WND), TOLD(1, 30, -1, "when the receiver is there, it is told all the same",
			       { 80, 90 }, { 60, 70 }, { 40, 50 }),
	BEHIND(0, 100, 10, 50), NOTHING("(another run)"),
	PASS(0, 50), OUT(0, 30, "klmnopqrstKLMNOPQRST", "(sent)"),
		OUT(0, 49, "T", "(the receiver is asked)"),
	ACKS(1, 45, WND), NOTHING("(a step)"),
	DATA(0, "uvwxyzuvwxUVWXYZUVWX"), PASS(0, 70),
		OUT(0, 50, "uvwxyzuvwxUVWXYZUVWX", "(the third is filled and sent)"),
	ACKS(1, 55, WND), TOLD(1, 50, -1, "a receiver beyond the hole is said to be there",
			       { 100, 110 }, { 80, 90 }, { 60, 70 }),
	ACKS(1, 65, WND), NOTHING("a step"),
	ACKS(1, 70, WND), TOLD(1, 70, -1, "all that is in order", { 100, 110 }, { 80, 90 }),
};

/* Windows in steps of eight: what is told of an acknowledgement that is kept back is no more than the
 * receiver has offered, or its own word would take it back. */
static const struct step early_scaled[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	ACKS(1, 10, WND), TOLD(1, 10, WND, "(the hole is told)", { 20, 30 }),
	BEHIND(0, 40, 10, 10), TOLD(1, 10, WND, "(and the next one)", { 40, 50 }, { 20, 30 }),
	BEHIND(0, 60, 10, 10), TOLD(1, 10, WND, "(and one more)", { 60, 70 }, { 40, 50 }, { 20, 30 }),
	DATA(0, "abcdefghijABCDEFGHIJ"), PASS(0, 30), OUT(0, 10, "abcdefghijABCDEFGHIJ", "(sent)"),
	ACKS(1, 30, WND), TOLD(1, 30, WND, "(the receiver is at the next hole)", { 60, 70 }, { 40, 50 }),
	DATA(0, "klmnopqrstKLMNOPQRST"), NOTHING("(it is filled, and a PM has the bytes)"),
	BEHIND(0, 80, 10, 50), NOTHING("(a run behind the one after it)"),
	PASS(0, 50), OUT(0, 30, "klmnopqrstKLMNOPQRST", "(sent)"),
		OUT(0, 49, "T", "(the receiver is asked)"),
	DATA(0, "uvwxyzuvwxUVWXYZUVWX"), PASS(0, 70),
		OUT(0, 50, "uvwxyzuvwxUVWXYZUVWX", "(so is the third)"),
	ACKS(1, 55, WND - 3), TOLD(1, 30, WND, "50 would need a window that ends behind the receiver's",
				   { 80, 90 }, { 60, 70 }, { 40, 50 }),
};

/* A PM that holds the end of a packet may wait for what was lost. */
static const struct step early_word[] = {
	DATA(0, "a sentence that ends in a wo"), PASS(0, 26),
		OUT(0, 0, "a sentence that ends in a ", "(all but the beginning of a word)"),
	EARLY(0, 40, 10), OUT(0, 25, " ", "the receiver is asked for what was sent"),
	ACKS(1, 26, WND, { 25, 26 }), TOLD(1, 26, -1, "what is held is not waited for", { 40, 50 }),
	EARLY(0, 50, 10), TOLD(1, 26, -1, "from then on one for each", { 40, 60 }),
	DATA(0, "rd, as expected"), PASS(0, 43), OUT(0, 26, "wo", "(the rest)"),
		OUT(0, 28, "rd, as expected", "(and what came)"),
};

/* The sender is told of a hole when the receiver has acknowledged what comes before it, as the
 * receiver itself would; it is asked to do that at once, by its last byte. */
static const struct step early_edited[] = {
	SENT,
	ACKS(1, 24, WND), TOLD(1, 25, -1, "(the receiver's last)"),
	EARLY(0, 50, 10), OUT(0, 38, "d", "the receiver is asked for what comes before the hole"),
	EARLY(0, 60, 10), NOTHING("once; and the sender is not told before that has come"),
	ACKS(1, 34, WND), TOLD(1, 35, -1, "what does not reach the hole passes without blocks"),
	ACKS(1, 39, WND, { 38, 39 }),
		TOLD(1, 40, -1, "what does brings them, without the byte of the box", { 50, 70 }),
	NOTHING("and the receiver's own is absorbed"),
	EARLY(0, 70, 5), TOLD(1, 40, -1, "from then on one for each", { 50, 75 }),
	ACKS(1, 39, WND, { 38, 39 }), NOTHING("an answer that comes after all says nothing"),
	DATA(0, "eeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiii"), /* held: 40 to 85 */
	EARLY(0, 95, 10), NOTHING("while a PM has bytes before the hole they are waited for"),
	WAIT(31), NOTHING("a while"), WAIT(1),
	TOLD(1, 40, -1, "but not for ever; what was told is told again", { 95, 105 }, { 50, 75 }),
	EARLY(0, 110, 5),
		TOLD(1, 40, -1, "after that no longer", { 110, 115 }, { 95, 105 }, { 50, 75 }),
};

static const struct step early_silent[] = {
	DATA(0, "x"), PASS(0, 1), OUT(0, 0, "x", "(a byte)"),
	EARLY(0, 10, 5), OUT(0, 0, "x", "the receiver is asked"), WAIT(19), NOTHING("and waited for"),
	WAIT(1), TOLD(1, 0, WND, "20 ms: the sender is told in any case", { 10, 15 }),
};

static const struct step early_reno[] = {
	DATA(0, "xy"), PASS(0, 2), OUT(0, 0, "xy", "(bytes)"),
	EARLY(0, 10, 5), OUT(0, 1, "y", "the receiver is asked"), EARLY(0, 15, 5),
	ACKS(1, 2, WND), TOLD(1, 2, WND, "without permission no blocks: the acknowledgement"),
	TOLD(1, 2, WND, "a duplicate for the one segment"), TOLD(1, 2, WND, "and for the other"),
	NOTHING("and no more"),
};

static const struct step second_hole[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	ACKS(1, 10, WND, { 9, 10 }), TOLD(1, 10, -1, "(the hole is told)", { 20, 30 }),
	DATA(0, "abcde"), PASS(0, 15), OUT(0, 10, "abcde", "a part of it is filled"),
	ACKS(1, 15, WND), TOLD(1, 15, -1, "all in order has arrived: it is told again", { 20, 30 }),
	NOTHING("for the receiver's own"),
	ACKS(1, 15, WND), TOLD(1, 15, -1, "once only"), NOTHING("no more"),
};

static const struct step second_hole_reno[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(all in order has arrived)"), TOLD(1, 10, -1, "(a hole)"),
	WAIT(1), WAIT(1), WAIT(1), NOTHING("without SACK the sender has some time to find it itself"),
	WAIT(1), TOLD(1, 10, -1, "then come duplicates, one"), TOLD(1, 10, -1, "two"),
	TOLD(1, 10, -1, "three"), NOTHING("no more"),
	DATA(0, "abcdefghijklmnopqrst"), PASS(0, 30),
	OUT(0, 10, "abcdefghijklmnopqrst", "(it is filled)"),
	ACKS(1, 30, WND), TOLD(1, 30, -1, "nothing is held any more"), NOTHING("so nothing is told"),
};

/* A receiver that had held them itself would acknowledge them in one step. */
static const struct step rising[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(it answers)"), TOLD(1, 10, -1, "(the hole is told)"),
	DATA(0, "abcdefghijklmnopqrst"), PASS(0, 30),
	OUT(0, 10, "abcdefghijklmnopqrst", "(it is filled)"),
	ACKS(1, 15, WND), TOLD(1, 15, -1, "acknowledgements of what filled it pass"),
	ACKS(1, 20, WND), NOTHING("those on the way through told bytes are withheld"),
	ACKS(1, 25, WND), NOTHING("every one"), WAIT(1), WAIT(63),
		NOTHING("for a while"), WAIT(1), TOLD(1, 25, -1, "not for ever"),
	ACKS(1, 30, WND), TOLD(1, 30, -1, "the last one is not"),
	DATA(0, "uvwxyz"), PASS(0, 36), OUT(0, 30, "uvwxyz", "(what follows)"),
	ACKS(1, 33, WND), TOLD(1, 33, -1, "behind them all pass"),
};

static const struct step untold[] = {
	DATA(0, "0123456789"), PASS(0, 10), OUT(0, 0, "0123456789", "(sent)"),
	EARLY(0, 20, 10), OUT(0, 9, "9", "(the receiver is asked)"),
	DATA(0, "abcdefghijklmnopqrst"), PASS(0, 30),
	OUT(0, 10, "abcdefghijklmnopqrst", "a hole that is filled at once"),
	ACKS(1, 20, WND), TOLD(1, 20, -1, "was never there for the sender"),
	WAIT(9), NOTHING("nor is later"),
};

static const struct step held[] = {
	DATA(1, "responses AD"), CUT(1, 10, 2), PASS(1, 12),
		OUT(1, 0, "responses ", "(the server's)"),
	DATA(1, "morebytes"), PASS(1, 21), OUT(1, 10, "morebytes", "(more)"),
	DATA(0, "held by the PM"), TELLS(0, 4, WND, { 10, 15 }),
	NOTHING("the data is held"),
	WAIT(2), TOLD(0, 4, -1, "its acknowledgement and blocks ride on, translated", { 10, 17 }),
	TELLS(0, 4, WND, { 10, 19 }), WAIT(2), TOLD(0, 4, -1, "new blocks alone too", { 10, 21 }),
	TELLS(0, 10, 500), WAIT(2), TOLD(0, 12, -1, "and without blocks"),
	TELLS(0, 10, 500), WAIT(2), NOTHING("the same once more says nothing"),
	PASS(0, 14), OUT(0, 0, "held by the PM", "the data follows"),
};

static const struct step both[] = {
	DATA(1, "responses"), PASS(1, 9), OUT(1, 0, "responses", "(the server's)"),
	EARLY(1, 50, 10), OUT(1, 8, "s", "(the receiver is asked)"), EARLY(1, 70, 10),
	WAIT(20), TOLD(0, 0, -1, "(holes before the box)", { 70, 80 }, { 50, 60 }),
	TELLS(0, 2, WND, { 0, 2 }, { 5, 9 }), WAIT(2),
	TOLD(0, 2, -1, "bytes that came twice first, then the box's, then the receiver's",
	     { 0, 2 }, { 70, 80 }, { 50, 60 }, { 5, 9 }),
};

static const struct step both_ts[] = {
	DATA(1, "responses"), PASS(1, 9), OUT(1, 0, "responses", "(the server's)"),
	EARLY(1, 50, 10), OUT(1, 8, "s", "(the receiver is asked)"), EARLY(1, 70, 10),
	WAIT(20), TOLD(0, 0, -1, "(holes before the box)", { 70, 80 }, { 50, 60 }),
	TELLS(0, 2, WND, { 0, 2 }, { 5, 9 }), WAIT(2),
	TOLD(0, 2, -1, "three blocks beside timestamps", { 0, 2 }, { 70, 80 }, { 50, 60 }),
};

int main(void)
{
	tap_plan(0);
	PLAY(edges, .name = "edges", .sack = true);
	PLAY(edges, .name = "edges, with timestamps", .sack = true, .ts = true);
	PLAY(edges, .name = "edges, beyond 32 bits", .sack = true, .base = 7ull << 32);
	PLAY(touching, .name = "touching", .sack = true);
	PLAY(early, .name = "before the box", .sack = true, .ts = true);
	PLAY(early, .name = "before the box, IPv6, at the wrap", .sack = true, .ts = true, .v6 = true,
	     .base = (3ull << 32) + 0x0fffff00);
	PLAY(early_four, .name = "before the box, no timestamps", .sack = true);
	PLAY(early_batch, .name = "a batch of them", .sack = true, .ts = true);
	PLAY(early_batch, .name = "a batch of them, at the wrap", .sack = true, .ts = true,
	     .base = 0xfffffff0);
	PLAY(early_many, .name = "many runs", .sack = true, .ts = true);
	PLAY(early_known, .name = "known holes", .sack = true);
	PLAY(early_known, .name = "known holes, at the wrap", .sack = true, .ts = true, .v6 = true,
	     .base = 0xffffffe8);
	PLAY(early_scaled, .name = "windows in steps", .sack = true, .scale = { 3, 3 });
	PLAY(early_word, .name = "half a word", .sack = true);
	PLAY(early_edited, .name = "before the box, edited", .sack = true);
	PLAY(early_silent, .name = "a silent receiver", .sack = true);
	PLAY(early_reno, .name = "no blocks agreed");
	PLAY(second_hole, .name = "second hole", .sack = true);
	PLAY(second_hole, .name = "second hole, far on", .sack = true, .base = 0xd0000000);
	PLAY(second_hole_reno, .name = "second hole, no SACK");
	PLAY(rising, .name = "rising");
	PLAY(rising, .name = "rising, IPv6, at the wrap", .v6 = true, .ts = true, .base = 0xfffffff0);
	PLAY(untold, .name = "overtaken", .sack = true);
	PLAY(untold, .name = "overtaken, no SACK");
	PLAY(held, .name = "held", .sack = true);
	PLAY(both, .name = "both kinds", .sack = true);
	PLAY(both_ts, .name = "both kinds, timestamps", .sack = true, .ts = true);
	script_free();
	return done();
}
