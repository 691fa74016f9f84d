/* test_parse.c - packets built by hand: links, transport headers, checksums, hash */
#include "tests/tap.h"
#include "tests/unit/packet.h"

/* ---- whole packets --------------------------------------------------------------------------- */

static void plain(void)
{
	tcp4_packet(5);
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_TCP, "TCP over IPv4: flags");
	is_u64(m.l3_off, AT + 14, "IP header at 14");
	is_u64(m.l4_off, AT + 34, "TCP header at 34");
	is_u64(m.payload_off, AT + 54, "payload at 54");
	is_u64(m.payload_len, 5, "5 bytes of payload");
	is_u64(m.l3_len, 45, "45 bytes of IP");
	is_u64(m.csum, FOS_CSUM_VALID, "its checksum is valid");
	is_u64(m.tcp_flags, 0x18, "PSH and ACK");
	is_u64(m.proto, TCP, "protocol 6");
	is_u64(m.eth_type, 0x0800, "Ethernet type 0800");
	ok(m.number == 7 && m.time_ns == 8 && m.port == 3 && m.queue == 4 && m.link == 1,
	   "what the caller set stays");
	is_u64(m.next_frame, UINT32_MAX, "no next frame");
	ok(m.vlan_outer == 0 && m.frag_id == 0x1234 && m.frag_off == 0, "the rest is written too");

	tcp6_packet();
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_TCP, "TCP over IPv6: flags");
	ok(m.payload_len == 3 && m.csum == FOS_CSUM_VALID && m.l4_off == AT + 54, "and places");

	ether(0x0800);
	ipv4(UDP, 0, 0);
	udp(8 + 3);
	put("abc", 3);
	finish4();
	transport(UDP);
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_UDP, "UDP: flags");
	ok(m.payload_len == 3 && m.csum == FOS_CSUM_VALID, "UDP: payload and checksum");
	set16(l4 + 6, 0);
	parse();
	is_u64(m.csum, FOS_CSUM_ABSENT, "UDP without checksum");

	ether(0x0800);
	ipv4(132, 0, 0);
	zeros(9);
	finish4();
	is_u64(parse(), FOS_PKT_IPV4, "another protocol: only the IP header is known");
	ok(m.proto == 132 && !m.l4_off && m.payload_off == AT + 34 && m.payload_len == 9,
	   "its payload is what follows the IP header");
}

static void checksums(void)
{
	uint16_t sum;

	tcp4_packet(5);
	frame[AT + len - 1] ^= 1;
	parse();
	is_u64(m.csum, FOS_CSUM_BAD, "a flipped payload bit makes the checksum bad");
	sum = fos_csum_fold(pseudo(TCP));
	memcpy(frame + AT + l4 + 16, &sum, 2);
	parse();
	is_u64(m.csum, FOS_CSUM_PARTIAL, "the pseudo header's sum is a partial checksum (IPv4)");
	sum ^= 0x0100;
	memcpy(frame + AT + l4 + 16, &sum, 2);
	parse();
	is_u64(m.csum, FOS_CSUM_BAD, "anything else is not");

	tcp6_packet();
	sum = fos_csum_fold(pseudo(TCP));
	memcpy(frame + AT + l4 + 16, &sum, 2);
	parse();
	is_u64(m.csum, FOS_CSUM_PARTIAL, "partial over IPv6");

	ether(0x0800);
	ipv4(ICMP, 0, 0);
	l4 = len;
	put8(8);
	zeros(20);
	finish4();
	transport(ICMP);
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_ICMP, "an echo request is no error");
	is_u64(m.csum, FOS_CSUM_VALID, "ICMP's checksum is verified");
	frame[AT + len - 1] = 1;
	parse();
	is_u64(m.csum, FOS_CSUM_BAD, "and found bad");
}

static void padding(void)
{
	tcp4_packet(0);
	len = 60;
	memset(frame + AT + 54, 'E', 6);
	parse();
	ok(m.payload_len == 0 && m.l3_len == 40 && m.csum == FOS_CSUM_VALID,
	   "Ethernet padding is no payload");

	ether(0x0800);
	ipv4(UDP, 0, 0);
	udp(8);
	put("tail", 4);
	finish4();
	set16(l4 + 6, 0);
	parse();
	ok(m.payload_len == 0 && !(m.flags & FOS_PKT_L4_BAD), "nor what the UDP length leaves out");
}

/* ---- link layers ----------------------------------------------------------------------------- */

static void tagged(int tags, unsigned int first)
{
	ether(first);
	for (int i = 0; i < tags; i++) {
		put16(0x2000u + 5 + (unsigned int)i);
		put16(i + 1 < tags ? 0x8100 : 0x0800);
	}
	ipv4(TCP, 0, 0);
	tcp(0);
	finish4();
	transport(TCP);
}

static void vlans(void)
{
	tagged(1, 0x8100);
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_TCP | FOS_PKT_VLAN, "802.1Q");
	ok(m.vlan_outer == 0x2005 && m.l3_off == AT + 18 && m.eth_type == 0x0800, "one tag");
	tagged(2, 0x88a8);
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_TCP | FOS_PKT_VLAN | FOS_PKT_QINQ, "802.1ad");
	ok(m.vlan_outer == 0x2005 && m.vlan_inner == 0x2006, "two tags");
	tagged(3, 0x8100);
	is_u64(parse(), FOS_PKT_VLAN | FOS_PKT_QINQ, "three tags: unknown");
	ok(m.l3_off == 0 && m.eth_type == 0x8100, "no IP header is claimed");
	tagged(1, 0x8100);
	len = 16;
	is_u64(parse(), 0, "a tag that is cut is no tag");
}

static void with_link(unsigned int link, const void *hdr, size_t n, bool v6, const char *name)
{
	start();
	put(hdr, n);
	if (v6)
		ipv6(TCP);
	else
		ipv4(TCP, 0, 0);
	tcp(0);
	if (v6)
		finish6();
	else
		finish4();
	transport(TCP);
	is_u64(parse_link(link, len), (v6 ? FOS_PKT_IPV6 : FOS_PKT_IPV4) | FOS_PKT_TCP, "%s", name);
	ok(m.csum == FOS_CSUM_VALID && fos_parse_link_known(link), "%s: verified", name);
}

static void links(void)
{
	static const uint8_t sll[16] = { [14] = 0x86, [15] = 0xdd };
	static const uint8_t sll2[20] = { 0x08, 0x00 };
	static const uint8_t null_le[4] = { 2, 0, 0, 0 }, null_be[4] = { 0, 0, 0, 30 };

	with_link(12, "", 0, false, "raw IP, IPv4");
	with_link(14, "", 0, false, "raw IP of OpenBSD");
	with_link(101, "", 0, true, "raw IP, IPv6");
	with_link(228, "", 0, false, "link type IPv4");
	with_link(229, "", 0, true, "link type IPv6");
	with_link(0, null_le, 4, false, "BSD loopback, little endian");
	with_link(108, null_be, 4, true, "OpenBSD loopback");
	with_link(113, sll, 16, true, "Linux cooked");
	with_link(276, sll2, 20, false, "Linux cooked, version 2");
	ok(!fos_parse_link_known(127), "802.11 is not known");
	tcp4_packet(0);
	is_u64(parse_link(127, len), 0, "and nothing is claimed of it");

	ether(0x0806);
	put16(1);
	put16(0x0800);
	put16(0x0604);
	put16(1);
	zeros(20);
	is_u64(parse(), FOS_PKT_ARP, "ARP");
	is_u64(m.l3_off, AT + 14, "ARP's place");
	len--;
	is_u64(parse(), 0, "a short ARP is nothing");
}

/* ---- TCP and UDP damage ---------------------------------------------------------------------- */

static uint32_t tcp_with_options(const void *options, unsigned int n)
{
	ether(0x0800);
	ipv4(TCP, 0, 0);
	tcp(n);
	put(options, n);
	put("data", 4);
	finish4();
	transport(TCP);
	return parse();
}

static void transport_damage(void)
{
	static const uint8_t good[8] = { 2, 4, 5, 0xb4, 1, 1, 4, 2 };
	static const uint8_t long_one[8] = { 1, 1, 8, 10, 0, 0, 0, 0 };
	static const uint8_t zero_len[8] = { 1, 3, 0, 0, 0, 0, 0, 0 };
	static const uint8_t end[8] = { 0, 3, 0, 0, 0, 0, 0, 0 };
	static const uint8_t late[8] = { 1, 1, 1, 1, 1, 1, 8, 10 };

	ok(!(tcp_with_options(good, 8) & FOS_PKT_L4_BAD) && m.payload_len == 4, "sound options");
	ok(tcp_with_options(long_one, 8) & FOS_PKT_L4_BAD, "an option longer than the list");
	ok(m.l4_off && m.flags & FOS_PKT_TCP, "the header itself is usable");
	ok(tcp_with_options(zero_len, 8) & FOS_PKT_L4_BAD, "an option of length 0");
	ok(!(tcp_with_options(end, 8) & FOS_PKT_L4_BAD), "nothing counts after the end option");
	ok(!(tcp_with_options(late, 8) & FOS_PKT_L4_BAD), "Linux takes a broken option at the end");

	tcp4_packet(5);
	frame[AT + l4 + 12] = 0x40;
	ok(parse() & FOS_PKT_L4_BAD && !(m.flags & FOS_PKT_TCP) && !m.l4_off, "data offset 4");
	frame[AT + l4 + 12] = 0x70;
	ok(parse() & FOS_PKT_L4_BAD && !m.l4_off, "data offset beyond the packet");
	ether(0x0800);
	ipv4(TCP, 0, 0);
	zeros(19);
	finish4();
	ok(parse() & FOS_PKT_L4_BAD && !m.l4_off, "19 bytes are no TCP header");

	ether(0x0800);
	ipv4(UDP, 0, 0);
	udp(9);
	finish4();
	ok(parse() & FOS_PKT_L4_BAD && m.payload_len == 0, "UDP length beyond the packet");
	set16(l4 + 4, 7);
	ok(parse() & FOS_PKT_L4_BAD, "UDP length below the header");
}

/* ---- hash ------------------------------------------------------------------------------------ */

static void hash(void)
{
	uint8_t tmp[16];
	uint32_t h, far;

	tcp4_packet(5);
	parse();
	h = m.hash;
	far = fos_parse_end_hash(frame, &m, true, key);
	frame[AT + l3 + 15] ^= 1;
	ok(fos_parse_end_hash(frame, &m, true, key) == far &&
	   fos_parse_end_hash(frame, &m, false, key) != far, "one end's hash: the other may change");
	frame[AT + l3 + 15] ^= 1;
	memcpy(tmp, frame + AT + l3 + 12, 4);
	memcpy(frame + AT + l3 + 12, frame + AT + l3 + 16, 4);
	memcpy(frame + AT + l3 + 16, tmp, 4);
	parse();
	is_u64(m.hash, h, "both directions hash alike");
	is_u64(fos_parse_end_hash(frame, &m, false, key), far, "and so does the far end alone");
	ether(0x0800);
	ipv4(ICMP, 0, 0);
	frame[AT + l3 + 12] = 99; /* a router's address */
	l4 = len;
	put8(3);
	zeros(7);
	put8(0x45);
	zeros(11);
	put(dst4, 4);
	put(src4, 4);
	zeros(8);
	finish4();
	ok(parse() & FOS_PKT_ICMP_ERROR && m.hash == h, "an ICMP error hashes like what it quotes");
	is_u64(fos_parse_end_hash(frame, &m, true, key), far,
	       "on its way to the far end it goes by the quoted packet's source");
}

int main(void)
{
	tap_plan(0);
	plain();
	checksums();
	padding();
	vlans();
	links();
	transport_damage();
	hash();
	return done();
}
