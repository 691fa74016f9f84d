/* Acknowledgements and windows through edits: crafted packets in, expected packets out */
#include "tests/unit/egress_script.h"

static const struct step inside[] = {
	DATA(0, "keep AD keep"), CUT(0, 5, 3), PASS(0, 12),
	OUT(0, 0, "keep keep", "a deletion"),
	ACKS(1, 3, WND), TOLD(1, 3, -1, "before it numbers agree"),
	ACKS(1, 5, WND), TOLD(1, 8, -1, "at a deletion: the deleted bytes are acknowledged too"),
	ACKS(1, 9, WND), TOLD(1, 12, -1, "after it"),
	ACKS(1, 7, WND), TOLD(1, 12, -1, "an old one says the newest"),
	DATA(0, "xyz"), ADD(0, 13, "INSERTED"), PASS(0, 15),
	OUT(0, 9, "xINSERTEDyz", "an insertion"),
	ACKS(1, 10, WND), TOLD(1, 13, -1, "up to before it"),
	ACKS(1, 14, WND), NOTHING("inside it nothing new for the sender"),
	ACKS(1, 18, WND), NOTHING("at its end neither"),
	ACKS(1, 19, WND), TOLD(1, 14, -1, "the byte after it"),
	ACKS(1, 20, WND), TOLD(1, 15, -1, "and the last"),
	ACKS(1, 21, WND), NOTHING("what was never sent is not acknowledged"),
};

static const struct step replaced[] = {
	DATA(0, "aaOLDbb"), CUT(0, 2, 3), ADD(0, 5, "LONGER"), PASS(0, 7),
	OUT(0, 0, "aaLONGERbb", "a replacement"),
	ACKS(1, 2, WND), TOLD(1, 2, -1, "before it"),
	ACKS(1, 5, WND), NOTHING("inside it: not before all of it has arrived"),
	ACKS(1, 8, WND), TOLD(1, 5, -1, "after it: what it replaced"),
	ACKS(1, 10, WND), TOLD(1, 7, -1, "and what follows"),
};

static const struct step many[] = {
	DATA(0, "0123456789"), CUT(0, 1, 1), ADD(0, 3, "xx"), CUT(0, 5, 2), ADD(0, 9, "y"),
		PASS(0, 10),
	OUT(0, 0, "02xx3478y9", "four edits in one segment"),
	ACKS(1, 1, WND), TOLD(1, 2, -1, "the first"),
	ACKS(1, 4, WND), TOLD(1, 3, -1, "the second"),
	ACKS(1, 6, WND), TOLD(1, 7, -1, "the third"),
	ACKS(1, 10, WND), TOLD(1, 10, -1, "all"),
};

static const struct step both_ways[] = {
	DATA(0, "question AD"), CUT(0, 8, 3), PASS(0, 11), OUT(0, 0, "question", "the client's"),
	DATA(1, "answer"), ADD(1, 0, "long "), PASS(1, 6), OUT(1, 0, "long ", "the server's"),
		OUT(1, 5, "answer", "in a packet of its own"),
	ACKS(1, 8, WND), TOLD(1, 11, -1, "each direction in its own numbers"),
	ACKS(0, 11, WND), TOLD(0, 6, -1, "and the other"),
};

static const struct step offered[] = { /* a window of 100 */
	DATA(0, "01234567890123456789"), ADD(0, 0, "INSERTIONS"), PASS(0, 20),
	OUT(0, 0, "INSERTIONS", "an insertion takes of the receiver's window"),
	OUT(0, 10, "01234567890123456789", "(bytes)"),
	ACKS(1, 30, 70), TOLD(1, 20, 80, "what was offered to the sender stays offered"),
	ACKS(1, 30, 170), TOLD(1, 20, 170, "a wider one is passed on"),
	ACKS(1, 30, 50), NOTHING("taken back, nobody is told"),
};

static const struct step deleted[] = { /* a window of 100 */
	DATA(0, "0123456789"), CUT(0, 0, 10), PASS(0, 10),
	TOLD(1, 10, 100, "deleted bytes take no room"),
};

static const struct step scaled[] = { /* a window of 100 * 8 */
	DATA(0, "01234567890123456789"), ADD(0, 0, "ADDED"), PASS(0, 20),
	OUT(0, 0, "ADDED", "(bytes)"), OUT(0, 5, "01234567890123456789", "(bytes)"),
	ACKS(1, 25, 97), TOLD(1, 20, 98, "rounded so that the edge is not taken back"),
};

static const struct step one_scale[] = { /* a window of 100 */
	DATA(0, "01234567890123456789"), ADD(0, 0, "ADDED"), PASS(0, 20),
	OUT(0, 0, "ADDED", "(bytes)"), OUT(0, 5, "01234567890123456789", "(bytes)"),
	ACKS(1, 25, 75), TOLD(1, 20, 80, "a scale that only one side offered does not count"),
};

static const struct step closed[] = { /* a window of 10 */
	DATA(0, "0123456789"), ADD(0, 0, "AAAAA"), PASS(0, 10),
	OUT(0, 0, "AAAAA", "no segment is cut for the rest of the window"),
	NOTHING("while an acknowledgement is to come"),
	ACKS(1, 5, 5), TOLD(1, 0, 10, "(the sender's window)"),
		OUT(0, 5, "01234", "then it is filled"),
	ACKS(1, 10, 0), TOLD(1, 5, 5, "a closed window: what was offered has been used"),
	ASKED(0, 9, "the box asks the receiver at once"),
	PROBES(0), ASKED(0, 9, "the sender's probe asks it again"),
	AGAIN(0, 5, 1), ASKED(0, 9, "so does one with a byte that waits in the box"),
	WAIT(250), ASKED(0, 9, "and the box's own timer"),
	WAIT(250), NOTHING("backing off"),
	ACKS(1, 10, 100), TOLD(1, 5, 100, "it opens"), OUT(0, 10, "56789", "and the bytes go on"),
};

static const struct step idle[] = {
	DATA(0, "abcAD"), CUT(0, 3, 2), PASS(0, 5), OUT(0, 0, "abc", "(bytes)"),
	ACKS(1, 3, WND), TOLD(1, 5, -1, "(acknowledged)"),
	PROBES(0), ASKED(0, 2, "a keep-alive stands one before the receiver's next byte"),
	ACKS(1, 3, WND), TOLD(1, 5, -1, "its answer after the sender's last"),
	AGAIN(0, 4, 1), ASKED(0, 2, "one with a byte likewise"),
};

static const struct step owed[] = {
	DATA(1, "hello"), PASS(1, 5), OUT(1, 0, "hello", "(the other direction)"),
	TELLS(0, 5, WND), PROBES(0),
	TOLD(0, 5, -1, "a receiver reads none in a keep-alive: what is owed goes first"),
	ASKED(0, -1, "then the keep-alive"), WAIT(5), NOTHING("it is told once"),
	DATA(1, "you"), PASS(1, 8), OUT(1, 5, "you", "(more)"),
	TELLS(0, 8, WND), WAIT(5), TOLD(0, 8, -1, "(told in its time)"),
	PROBES(0), ASKED(0, -1, "where nothing is owed it goes alone"), NOTHING("alone"),
};

static const struct step silly[] = { /* a window of 3000: segments of 1000 */
	DATA(0, "0123456789"), ADD(0, 0, "x"), PASS(0, 10), OUT(0, 0, "x", "(bytes)"),
		OUT(0, 1, "0123456789", "(bytes)"),
	ACKS(1, 5, 2995), TOLD(1, 4, 2996, "acknowledged in part"),
	ACKS(1, 6, 2996), TOLD(1, 5, 2995, "two bytes more room: not told while more is to come"),
	ACKS(1, 11, 2996), TOLD(1, 10, 2996, "told when nothing is"),
};

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define HUNDRED FIFTY FIFTY

static const struct step not_wider[] = { /* a window of 100 */
	DATA(0, FIFTY TEN TEN), CUT(0, 10, 60), PASS(0, 70), OUT(0, 0, TEN, "(bytes)"),
	ACKS(1, 1, 99), TOLD(1, 1, 99, "while deleted bytes wait for their acknowledgement the sender is "
				       "not shown a window that the receiver never has"),
	ACKS(1, 10, 100), TOLD(1, 70, 100, "nor afterwards"),
};

static const struct step half[] = { /* a window of 800; 536 bytes would be the receiver's MSS */
	DATA(0, "x"), ADD(0, 0, HUNDRED HUNDRED), ADD(0, 0, HUNDRED HUNDRED),
		ADD(0, 0, HUNDRED FIFTY), PASS(0, 1),
	OUT(0, 0, HUNDRED HUNDRED HUNDRED HUNDRED,
	    "a segment that the box makes is at most half of the receiver's window"),
	OUT(0, 400, HUNDRED FIFTY, "(the rest)"), OUT(0, 550, "x", "(bytes)"),
};

static const struct step crumbs[] = { /* a window of 100: half of it is worth a segment */
	DATA(0, "x"), ADD(0, 0, FIFTY TEN TEN), PASS(0, 1), OUT(0, 0, FIFTY TEN TEN, "(bytes)"),
		OUT(0, 70, "x", "(bytes)"),
	DATA(0, "y"), ADD(0, 1, FIFTY), PASS(0, 2),
	NOTHING("a crumb of the window is not filled while an acknowledgement is to come"),
	ACKS(1, 71, 100), TOLD(1, 1, -1, "with it"),
		OUT(0, 71, FIFTY, "the bytes go on"), OUT(0, 121, "y", "(bytes)"),
};

int main(void)
{
	tap_plan(0);
	PLAY(inside, .name = "inside");
	PLAY(inside, .name = "inside, beyond 32 bits", .base = 5ull << 32);
	PLAY(inside, .name = "inside, at the wrap", .base = (1ull << 32) + 2);
	PLAY(inside, .name = "inside, IPv6 with timestamps", .v6 = true, .ts = true);
	PLAY(replaced, .name = "replaced");
	PLAY(many, .name = "many");
	PLAY(many, .name = "many, beyond 32 bits", .base = 0x7fffffffffull);
	PLAY(both_ways, .name = "both ways");
	PLAY(offered, .name = "window", .wnd = 100);
	PLAY(offered, .name = "window, beyond 32 bits", .wnd = 100, .base = 9ull << 32);
	PLAY(deleted, .name = "window and deletion", .wnd = 100);
	PLAY(scaled, .name = "scaled window", .wnd = 100, .scale = { 2, 3 });
	PLAY(one_scale, .name = "one scale", .wnd = 100, .scale = { 0, 3 });
	PLAY(closed, .name = "closed window", .wnd = 10);
	PLAY(idle, .name = "keep-alive");
	PLAY(owed, .name = "keep-alive while an acknowledgement is owed");
	PLAY(owed, .name = "the same with timestamps", .ts = true);
	PLAY(silly, .name = "silly window", .wnd = 3000);
	PLAY(not_wider, .name = "no wider window", .wnd = 100);
	PLAY(half, .name = "half of the window", .wnd = 800);
	PLAY(crumbs, .name = "crumbs", .wnd = 100);
	script_free();
	return done();
}
