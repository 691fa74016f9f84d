/* Answers to ARP, neighbour solicitations and refused segments: what they say, and that a
 * kill at any point gives one. */
#include "tests/unit/egress_play.h"
#include "tests/unit/mortal.h"


static const uint8_t mac_box[6] = {2, 0, 0, 0, 0, 0x55}, mac_host[6] = {2, 0, 0, 0, 0, 7};

static const uint8_t arp[60] = {
	255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
	2, 0, 0, 0, 0, 7, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 10, 0, 0, 99};
static const uint8_t arp_answer[60] = {
	2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 0x55, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2,
	2, 0, 0, 0, 0, 0x55, 10, 0, 0, 99, 2, 0, 0, 0, 0, 7, 10, 0, 0, 7};

/* fd00::7 asks for fd00::99, with a source option or without, in a VLAN */
static uint32_t make_nd(uint8_t *k, bool option)
{
	uint32_t n = option ? 32 : 24;
	uint8_t *ip = k + 18, *ns = ip + 40;

	memset(k, 0, 90);
	memcpy(k, "\x33\x33\xff\0\0\x99\x02\0\0\0\0\x07\x81\0\0\x05\x86\xdd", 18);
	ip[0] = 0x60;
	ip[5] = (uint8_t)n;
	ip[6] = 58;
	ip[7] = 255;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 7;
	memcpy(ip + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x99", 16);
	ns[0] = 135;
	ns[8] = 0xfd;
	ns[23] = 0x99;
	if (option)
		memcpy(ns + 24, "\x01\x01\x02\0\0\0\0\x07", 8);
	fos_csum_transport_set(fos_csum_pseudo6(ip + 8, ip + 24, 58, n), 58, ns, n);
	return 58 + n;
}

static uint32_t question(const void *packet, uint32_t len)
{
	static const uint64_t key[2] = {1, 2};
	uint32_t frame = take_frame(1);
	uint8_t *base = fos_box_frame(&W.w.box, frame);
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);

	memset(base, 0, FOS_FRAME_DATA_OFF + 128);
	memcpy(base + FOS_FRAME_DATA_OFF, packet, len);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = 1;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
	send_desc(FOS_DESC_REPLY, FOS_NONE, frame, 0, 1);
	return frame;
}

static void begin(void)
{
	world_start(false, false, false);
	memcpy(W.w.dir->port[1].mac, mac_box, 6);
}

static void test_arp(void)
{
	const struct out_packet *o;

	begin();
	question(arp, sizeof(arp));
	run();
	o = next_out();
	ok(o && o->port == 1 && o->len == sizeof(arp) &&
		   memcmp(o->bytes, arp_answer, sizeof(arp)) == 0,
	   "ARP: the port's address, to who asked");
	expect_nothing("once");
	is_u64(W.p.counter[FOS_C_arp_answered], 1, "and is counted");
	is_u64(frames_home(), 1, "the question's frame goes home");
	world_stop();
}

static bool is_advertisement(const struct out_packet *o)
{
	const uint8_t *ip = o->bytes + 18, *na = ip + 40;

	return o->port == 1 && o->len == 90 && memcmp(o->bytes, mac_host, 6) == 0 &&
	       memcmp(o->bytes + 6, mac_box, 6) == 0 && o->m.vlan_outer == 5 && ip[7] == 255 &&
	       ip[23] == 0x99 && ip[39] == 7 && na[0] == 136 && na[4] == 0x60 &&
	       na[23] == 0x99 && na[24] == 2 && memcmp(na + 26, mac_box, 6) == 0 &&
	       o->m.csum == FOS_CSUM_VALID;
}

static void test_nd(void)
{
	uint8_t packet[90];
	const struct out_packet *o;

	begin();
	question(packet, make_nd(packet, true));
	question(packet, make_nd(packet, false));
	run();
	o = next_out();
	ok(o && is_advertisement(o), "a neighbour solicitation in a VLAN is answered");
	o = next_out();
	ok(o && is_advertisement(o), "also one that does not tell its sender's address");
	is_u64(frames_home(), 2, "both questions' frames go home");
	world_stop();
}

/* The reset for a segment of direction 0 with these flags, of which `len` bytes are payload. */
static void reset_is(bool v6, uint8_t flags, uint32_t len, uint32_t seq, uint32_t ack, const char *what)
{
	static const char payload[100];
	const struct out_packet *o;
	uint32_t frame;

	world_start(false, false, v6);
	W.vlan = true;
	frame = make_packet(0, flags, 1000, flags & ACK ? 2000 : 0, 100, payload, len);
	send_desc(FOS_DESC_REPLY, FOS_NONE, frame, 0, 0);
	run();
	o = next_out();
	ok(o && o->port == 0 && o->len == (v6 ? 78u : 58u) && o->bytes[5] == 1 && o->bytes[11] == 2 &&
		   o->seq == seq && o->ack == ack && o->tcp[13] == (flags & ACK ? 4 : 20) &&
		   memcmp(o->tcp, "\0\x50\x03\xe8", 4) == 0 && o->m.csum == FOS_CSUM_VALID,
	   "%s", what);
	is_u64(W.p.counter[FOS_C_rsts_made], 1, "and is counted");
	is_u64(frames_home(), 1, "the segment's frame goes home");
	world_stop();
}

static void work(void *ctx)
{
	(void)ctx;
	run();
}

static void test_killed(void)
{
	uint32_t n, wrong = 0, lost = 0;

	for (n = 1; n < 1000; n++) {
		const struct out_packet *o;
		bool died;

		begin();
		question(arp, sizeof(arp));
		died = mortal(work, NULL, (int)n);
		if (died) {
			kill_egress();
			start_egress();
			run();
		}
		o = next_out();
		wrong += !o || o->len != sizeof(arp) || next_out() ||
			 memcmp(o->bytes, arp_answer, sizeof(arp)) != 0;
		lost += frames_home() != 1;
		world_stop();
		if (!died)
			break;
	}
	ok(n > 10 && n < 1000, "(%u kill points)", n);
	is_u64(wrong, 0, "killed at any point: one answer, the right one");
	is_u64(lost, 0, "and the question's frame goes home");
}

static void test_nonsense(void)
{
	uint8_t packet[60];
	uint32_t frame;

	begin();
	memcpy(packet, arp, sizeof(packet));
	frame = question(packet, 30);
	fos_box_meta(&W.w.box, frame)->l3_off = FOS_FRAME_DATA_OFF + 14;
	fos_box_meta(&W.w.box, frame)->flags |= FOS_PKT_ARP;
	frame = question(packet, sizeof(packet));
	fos_box_meta(&W.w.box, frame)->l3_off = 0xfff0;
	frame = question(packet, sizeof(packet));
	fos_box_meta(&W.w.box, frame)->len = 0xffff;
	run();
	expect_nothing("what is no question gets no answer");
	is_u64(W.p.counter[FOS_C_drop_meta], 3, "is counted");
	is_u64(frames_home(), 3, "and its frame goes home");
	world_stop();
}

int main(void)
{
	tap_plan(0);
	test_arp();
	test_nd();
	reset_is(false, SYN, 0, 0, 1001, "a refused SYN is answered as by a closed port");
	reset_is(true, SYN, 0, 0, 1001, "over IPv6, in a VLAN, too");
	reset_is(false, ACK, 100, 2000, 0, "a later segment by the number that it acknowledges");
	test_killed();
	test_nonsense();
	return done();
}
