/* What the segments that the box makes carry: congestion marks, timestamps, identification, labels */
#include "egress/emit.h"
#include "egress/out.h"
#include "tests/unit/egress_script.h"

enum { ECT0 = 2, CE = 3, CWR = 0x80, ECE = 0x40, AE = 0x100 };

static const struct step marks[] = {
	MARK(0xb8 | ECT0, 0), DATA(0, "abcAD"), CUT(0, 3, 2), PASS(0, 5),
	OUT(0, 0, "abc", "a segment of a sender that can be marked"),
	MARKED(0xb8 | ECT0, 0, "so can the box's, and its class stays"),
	MARK(0xb8 | CE, 0), DATA(0, "xdef"), CUT(0, 5, 1), PASS(0, 9),
	OUT(0, 3, "def", "a marked one"), MARKED(0xb8 | CE, 0, "the mark is not lost"),
	WAIT(20), AGAIN(0, 6, 3), OUT(0, 3, "def", "sent again"),
	MARKED(0xb8, 0, "without: its loss has said as much (RFC 3168 section 6.1.5)"),
	DATA(0, "untouched"), PASS(0, 18), OUT(0, 6, "untouched", "one in its own frame"),
	MARKED(0xb8 | CE, 0, "as it came"),
	WAIT(20), AGAIN(0, 9, 9), OUT(0, 6, "untouched", "sent again"), MARKED(0xb8, 0, "without"),
	MARK(ECT0, 0), ACKS(1, 15, WND), TOLD(1, 18, -1, "(the other direction)"),
	EARLY(0, 50, 5), TOLD(1, 18, -1, "an acknowledgement of the box"), MARKED(0, 0, "is not marked"),
};

static const struct step joined[] = {
	MARK(ECT0, 0), DATA(0, "abAD"), MARK(CE, 0), DATA(0, "ADcd"), MARK(ECT0, CWR),
	DATA(0, "ADef"), CUT(0, 2, 4), CUT(0, 8, 2), PASS(0, 12),
	OUT(0, 0, "abcdef", "of three packets one was marked"),
	MARKED(CE, CWR, "so is what they became"),
	MARK(ECT0, 0), DATA(0, "ghAD"), CUT(0, 14, 2), PASS(0, 16),
	OUT(0, 6, "gh", "the next one"), MARKED(ECT0, 0, "is not, and CWR is told once"),
	MARK(CE, 0), DATA(0, "ijAD"), CUT(0, 18, 2), PASS(0, 20), OUT(0, 8, "ij", "(marked)"),
	ADD(0, 20, "trailer"), PASS(0, 20), OUT(0, 10, "trailer", "bytes of the box alone"),
	MARKED(ECT0, 0, "are not marked"),
};

static const struct step echoed[] = {
	MARK(0, ECE), ACKS(1, 0, WND), TOLD(1, 0, -1, "the receiver echoes a mark"),
	MARKED(0, ECE, "as it came"),
	EARLY(0, 50, 5), TOLD(1, 0, -1, "so does the box"), MARKED(0, ECE, "for it"),
	MARK(0, 0), ACKS(1, 0, WND), TOLD(1, 0, -1, "until the sender has slowed down"),
	EARLY(0, 60, 5), TOLD(1, 0, -1, "then the box"), MARKED(0, 0, "does not either"),
};

static const struct step counted[] = {
	MARK(0, AE | ECE), ACKS(1, 0, WND), TOLD(1, 0, -1, "(a count)"),
		MARKED(0, AE | ECE, "as it came"),
	DATA(1, "held"),
	MARK(0, AE | CWR), ACKS(1, 0, WND), TOLD(1, 0, -1, "(a newer one)"),
		MARKED(0, AE | CWR, "as it came"),
	EARLY(0, 50, 5), TOLD(1, 0, -1, "an acknowledgement of the box"),
	MARKED(0, AE | CWR, "tells the newest"),
	PASS(1, 4), OUT(1, 0, "held", "a segment that was held back"),
	MARKED(0, AE | CWR, "does not take it back"),
	DATA(1, "cutAD"), CUT(1, 7, 2), PASS(1, 9), OUT(1, 4, "cut", "one that the box made"),
	MARKED(0, AE | CWR, "neither"),
};

static uint32_t id_of(const struct out_packet *o)
{
	const uint8_t *ip = o->bytes + o->m.l3_off - FOS_FRAME_DATA_OFF;

	return (uint32_t)ip[4] << 8 | ip[5];
}

static void test_identification(void)
{
	static const struct step steps[] = {
		DATA(0, "abcAD"), CUT(0, 3, 2), PASS(0, 5), DATA(0, "xAD"), CUT(0, 6, 2), PASS(0, 8),
		DATA(0, "kept"), PASS(0, 12), EARLY(1, 50, 5),
	};
	uint32_t bad = 0, ids[8], n = 0;
	const struct out_packet *o;

	script_base = 0;
	world_start(true, false, false);
	handshake();
	W.taken = W.nr_out;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		script_step(&steps[i]);
	while ((o = next_out()) && n < 8)
		ids[n++] = id_of(o);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			bad += ids[i] == ids[k];
	ok(n == 4 && bad == 0, "identification: no number twice");
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			bad += i != 2 && k != 2 ? 0 : (uint16_t)(ids[i] - ids[k]) < 0x3000 ||
						      (uint16_t)(ids[k] - ids[i]) < 0x3000;
	is_u64(bad, 0, "identification: the box's lie far from the sender's");
	world_stop();
}

/* Before the server has said anything, a packet in its name is made from the client's. */
static void test_mirrored(void)
{
	uint32_t frame;
	const struct out_packet *o;
	const uint8_t *ip;

	world_start(true, false, true);
	memset(pubs, 0, sizeof(pubs));
	W.tos = ECT0;
	frame = make_packet(0, SYN, ISN0, 0, 60000, NULL, 0);
	fos_box_frame(&W.w.box, frame)[FOS_FRAME_DATA_OFF + 14 + 3] = 0x77; /* flow label */
	world_flow(&W.w, 0)->state = FOS_FLOW_ST_SYN;
	send_desc(FOS_DESC_TCP_CTL, 0, frame, 0, 0);
	world_flow(&W.w, 1)->state = FOS_FLOW_ST_SYN;
	run();
	W.taken = W.nr_out;
	fos_out_open(W.e, 1, GEN);
	fos_emit_ack(W.e, 1);
	fos_egress_commit(W.e);
	o = next_out();
	ok(o && o->port == 0 && o->m.csum == FOS_CSUM_VALID, "mirrored: to the client");
	ip = o ? o->bytes + 14 : NULL;
	ok(ip && ip[0] == 0x60 && !ip[1] && !ip[2] && !ip[3], "mirrored: without its label and marks");
	ok(ip && ip[7] == 64, "mirrored: with a hop limit of its own");
	world_stop();
}

static uint32_t tsval_of(const struct out_packet *o)
{
	uint32_t v = 0;

	for (uint32_t at = 20, end = (uint32_t)(o->tcp[12] >> 4) * 4; at + 10 <= end;) {
		if (o->tcp[at] == 8) {
			memcpy(&v, o->tcp + at + 2, 4);
			return ntohl(v);
		}
		at += o->tcp[at] == 1 ? 1 : o->tcp[at + 1] ? o->tcp[at + 1] : 40;
	}
	return v;
}

/* Held data, newer acknowledgements, resends, acknowledgements of the box: never a step back. */
static void test_paws(void)
{
	static const struct step steps[] = {
		DATA(0, "abcAD"), DATA(0, "held"), ACKS(0, 0, WND), CUT(0, 3, 2), PASS(0, 5),
		PASS(0, 9), ACKS(0, 0, WND - 1), WAIT(20), AGAIN(0, 0, 9), EARLY(1, 50, 5),
		ADD(0, 9, "trailer"), PASS(0, 9), WAIT(5000), ACKS(0, 0, WND),
	};
	uint32_t last = 0, back = 0, n = 0;
	const struct out_packet *o;

	script_base = 0;
	world_start(true, false, false);
	W.ts[0] = 0xfffffff8; /* wraps */
	W.ts[1] = 9000;
	handshake();
	W.taken = W.nr_out;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		script_step(&steps[i]);
	while ((o = next_out())) {
		if (o->port != 1)
			continue;
		back += n && (int32_t)(tsval_of(o) - last) < 0;
		last = tsval_of(o);
		n++;
	}
	ok(n >= 8, "timestamps: %u packets", n);
	is_u64(back, 0, "timestamps: none is older than the one before");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	PLAY(marks, .name = "marks");
	PLAY(marks, .name = "marks, IPv6", .v6 = true, .ts = true);
	PLAY(joined, .name = "joined");
	PLAY(joined, .name = "joined, VLAN", .vlan = true);
	PLAY(echoed, .name = "echoed");
	PLAY(counted, .name = "counted", .accecn = true);
	test_identification();
	test_mirrored();
	test_paws();
	script_free();
	return done();
}
