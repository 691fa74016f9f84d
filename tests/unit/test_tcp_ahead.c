/* The tail of a short flow sent again before anybody misses it (egress/ahead.h) */
#include "tests/unit/egress_script.h"

#define HB .sack = true, .resends = true

/* Ten bytes each, none of them acknowledged yet. */
#define SENT                                                                                 \
	DATA(0, "aaaaaaaaaa"), DATA(0, "bbbbbbbbbb"), DATA(0, "cccccccccc"),                   \
	DATA(0, "dddddddddd"), DATA(0, "eeeeeeeeee"), PASS(0, 50),                             \
	OUT(0, 0, "aaaaaaaaaa", "(a)"), OUT(0, 10, "bbbbbbbbbb", "(b)"),                       \
	OUT(0, 20, "cccccccccc", "(c)"), OUT(0, 30, "dddddddddd", "(d)"),                      \
	OUT(0, 40, "eeeeeeeeee", "(e)")

static const struct step paced[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(and goes on)"),
		OUT(0, 40, "eeeeeeeeee", "an acknowledgement brings the last one again"),
	ACKS(1, 20, WND), TOLD(1, 20, -1, "(and goes on)"),
		OUT(0, 30, "dddddddddd", "the next one that before it"),
	ACKS(1, 30, WND), TOLD(1, 30, -1, "(and goes on)"),
	NOTHING("where they meet there is nothing more to send"),
	ACKS(1, 50, WND), TOLD(1, 50, -1, "(the end)"),
	NOTHING("and nothing comes later"),
};

static const struct step not_asked[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"),
	NOTHING("it is not wanted: nothing is sent again"),
};

static const struct step once[] = {
	SENT,
	TELLS(1, 10, WND),
		OUT(0, 40, "eeeeeeeeee", "an acknowledgement that data brings counts too"),
	WAIT(20), TOLD(1, 10, -1, "(told)"),
	ACKS(1, 10, WND, { 40, 50 }),
		TOLD(1, 10, -1, "(told)", { 40, 50 }),
	NOTHING("the answer to what was sent ahead does not"),
	ACKS(1, 10, WND, { 30, 50 }), TOLD(1, 10, -1, "(told)", { 30, 50 }),
		OUT(0, 20, "cccccccccc", "that another one has arrived does"),
	ACKS(1, 10, WND, { 30, 50 }), TOLD(1, 10, -1, "(told)", { 30, 50 }),
	NOTHING("but once"),
	ACKS(1, 15, WND, { 30, 50 }), TOLD(1, 15, -1, "(told)", { 30, 50 }),
		OUT(0, 10, "bbbbbbbbbb", "the last that had no turn"),
	ACKS(1, 16, WND, { 30, 50 }), TOLD(1, 16, -1, "each has one", { 30, 50 }),
	ACKS(1, 20, WND, { 30, 50 }), TOLD(1, 20, -1, "(told)", { 30, 50 }),
	NOTHING("and not more"),
};

static const struct step arrived[] = {
	SENT,
	ACKS(1, 10, WND, { 30, 50 }), TOLD(1, 10, -1, "(told)", { 30, 50 }),
		OUT(0, 20, "cccccccccc", "what has arrived is passed over"),
	TELLS(1, 10, WND, { 10, 20 }, { 30, 50 }), WAIT(20),
		TOLD(1, 10, -1, "(data tells blocks too)", { 30, 50 }),
	ACKS(1, 15, WND, { 30, 50 }), TOLD(1, 15, -1, "(told)", { 30, 50 }),
	NOTHING("which counts as well: nothing is left"),
};

static const struct step asked[] = {
	SENT,
	AGAIN(0, 40, 10), OUT(0, 40, "eeeeeeeeee", "its sender has sent the last one again"),
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"),
		OUT(0, 30, "dddddddddd", "so another one has its turn"),
	WAIT(20), AGAIN(0, 30, 10),
		OUT(0, 30, "dddddddddd", "the sender may ask for it all the same"),
};

/* What leaves is the edited form, and its place that of the edited stream. */
static const struct step edited[] = {
	DATA(0, "aaaaaaaaaa"), PASS(0, 10), OUT(0, 0, "aaaaaaaaaa", "(a)"),
	DATA(0, "bbbbbbbbbb"), ADD(0, 12, "II"), CUT(0, 14, 4), PASS(0, 20),
		OUT(0, 10, "bbIIbbbb", "(edited)"),
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"), OUT(0, 10, "bbIIbbbb", "the edited bytes"),
	ACKS(1, 18, WND), TOLD(1, 20, -1, "(all)"),
};

static const struct step with_fin[] = {
	DATA(0, "aaaa"), DATA(0, "bbbb"), PASS(0, 8), OUT(0, 0, "aaaa", "(a)"),
		OUT(0, 4, "bbbb", "(b)"),
	ENDS(0), OUT_FIN(0, 8, "", "(the end)"),
	ACKS(1, 4, WND), TOLD(1, 4, -1, "(goes on)"), OUT(0, 4, "bbbb", "the last bytes"),
		OUT_FIN(0, 8, "", "and an end by itself with them"),
	ACKS(1, 9, WND), TOLD(1, 9, -1, "(all)"),
};

/* Of what came twice the receiver tells (RFC 2883), but it was not the sender that sent twice. */
static const struct step twice[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"), OUT(0, 40, "eeeeeeeeee", "(ahead)"),
	ACKS(1, 50, WND), TOLD(1, 50, -1, "(all had arrived)"),
	ACKS(1, 50, WND, { 40, 50 }), NOTHING("it came twice: the sender does not hear of that"),
	ACKS(1, 50, 9000, { 40, 50 }),
		TOLD(1, 50, 9000, "but of a new window it does, without the block"),
	ACKS(1, 50, WND, { 20, 30 }),
		TOLD(1, 50, -1, "and of other bytes that came twice", { 20, 30 }),
};

static const struct step twice_in_hole[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"), OUT(0, 40, "eeeeeeeeee", "(ahead)"),
	ACKS(1, 10, WND, { 40, 50 }),
		TOLD(1, 10, -1, "a block by itself is no report of that kind: told", { 40, 50 }),
	ACKS(1, 10, WND, { 40, 50 }, { 30, 50 }),
		TOLD(1, 10, -1, "inside another one it is, and is not", { 30, 50 }),
		OUT(0, 20, "cccccccccc", "(ahead)"),
};

/* Three answers to what nobody had missed are no loss. */
static const struct step no_loss[] = {
	DATA(0, "aaaa"), ADD(0, 4, "IIII"), PASS(0, 4), OUT(0, 0, "aaaa", "(a)"),
		OUT(0, 4, "IIII", "(b)"),
	DATA(0, "bbbb"), PASS(0, 8), OUT(0, 8, "bbbb", "(b)"),
	DATA(0, "cccc"), PASS(0, 12), OUT(0, 12, "cccc", "(c)"),
	ACKS(1, 4, WND), TOLD(1, 4, -1, "(goes on)"), OUT(0, 12, "cccc", "(ahead)"),
	ACKS(1, 4, WND, { 12, 16 }, { 8, 16 }), TOLD(1, 4, -1, "(told)"),
		OUT(0, 4, "IIII", "(ahead, the last without a turn)"),
	WAIT(20), ACKS(1, 4, WND, { 12, 16 }, { 8, 16 }), TOLD(1, 4, -1, "(again)"),
	ACKS(1, 4, WND, { 12, 16 }, { 8, 16 }), TOLD(1, 4, -1, "(again)"),
	ACKS(1, 4, WND, { 12, 16 }, { 8, 16 }), TOLD(1, 4, -1, "(again)"),
	NOTHING("nothing is sent for them"),
};

static const struct step stopped[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"), OUT(0, 40, "eeeeeeeeee", "(ahead)"),
	LEAVES(0), ACKS(1, 20, WND), TOLD(1, 20, -1, "(goes on)"),
	NOTHING("the module watches no longer: no more"),
};

/* Killed and started again with segments that had their turn. */
static const struct step killed[] = {
	SENT,
	ACKS(1, 10, WND), TOLD(1, 10, -1, "(goes on)"), OUT(0, 40, "eeeeeeeeee", "(ahead)"),
	KILL, ACKS(1, 20, WND), TOLD(1, 20, -1, "(goes on)"),
		OUT(0, 30, "dddddddddd", "a successor goes on where it was"),
	KILL, ACKS(1, 30, WND), TOLD(1, 30, -1, "(goes on)"),
	NOTHING("and sends nothing a third time"),
};

int main(void)
{
	tap_plan(0);
	PLAY(paced, HB, .name = "paced");
	PLAY(paced, HB, .name = "paced, with timestamps", .ts = true);
	PLAY(paced, HB, .name = "paced, IPv6 and VLAN", .v6 = true, .vlan = true);
	PLAY(not_asked, .name = "not asked for", .sack = true);
	PLAY(not_asked, .name = "without SACK", .resends = true);
	PLAY(not_asked, HB, .name = "a PM that may not", .may_not = true);
	PLAY(not_asked, HB, .name = "beyond what is short", .base = FOS_RESEND_MAX);
	PLAY(once, HB, .name = "once");
	PLAY(arrived, HB, .name = "arrived");
	PLAY(asked, HB, .name = "asked");
	PLAY(edited, HB, .name = "edited", .ts = true);
	PLAY(with_fin, HB, .name = "with the FIN");
	PLAY(twice, HB, .name = "twice");
	PLAY(twice_in_hole, HB, .name = "twice, in a hole");
	PLAY(no_loss, HB, .name = "no loss");
	PLAY(stopped, HB, .name = "stopped");
	PLAY(killed, HB, .name = "killed");
	script_free();
	return done();
}
