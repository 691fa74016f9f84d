/* test_parse.c - packets built by hand, and what the parser says of them */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ingress/parse.h"
#include "shm/csum.h"
#include "tests/tap.h"

enum { AT = FOS_FRAME_DATA_OFF, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58 };

static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
static const uint8_t src4[4] = { 10, 0, 0, 1 }, dst4[4] = { 10, 0, 0, 2 };
static const uint8_t src6[16] = { 0xfd, [15] = 1 }, dst6[16] = { 0xfd, [15] = 2 };

/* A packet that grows from the link header on. */
static uint8_t frame[4096];
static uint32_t len;
static uint32_t l3, l4; /* offsets from the packet's start */
static struct fos_frame_meta m;

static void put(const void *p, size_t n)
{
	memcpy(frame + AT + len, p, n);
	len += (uint32_t)n;
}

static void put8(unsigned int v)
{
	uint8_t b = (uint8_t)v;

	put(&b, 1);
}

static void put16(unsigned int v)
{
	put8(v >> 8);
	put8(v & 255);
}

static void zeros(size_t n)
{
	while (n--)
		put8(0);
}

static void set16(uint32_t at, unsigned int v)
{
	frame[AT + at] = (uint8_t)(v >> 8);
	frame[AT + at + 1] = (uint8_t)v;
}

static void start(void)
{
	memset(frame, 0xee, sizeof(frame));
	len = 0;
}

static void ether(unsigned int type)
{
	start();
	zeros(12);
	put16(type);
}

/* An IPv4 header with `opt` bytes of options to follow; lengths are set by finish4(). */
static void ipv4(unsigned int proto, unsigned int frag, unsigned int opt)
{
	l3 = len;
	put8(0x45 + opt / 4);
	put8(0);
	put16(0);
	put16(0x1234);
	put16(frag);
	put8(64);
	put8(proto);
	put16(0);
	put(src4, 4);
	put(dst4, 4);
}

static void ipv6(unsigned int next)
{
	l3 = len;
	put8(0x60);
	zeros(5);
	put8(next);
	put8(64);
	put(src6, 16);
	put(dst6, 16);
}

static void tcp(unsigned int options)
{
	l4 = len;
	put16(1000);
	put16(80);
	zeros(8);
	put8((20 + options) / 4 << 4);
	put8(0x18);
	put16(512);
	zeros(4);
}

static void udp(unsigned int length)
{
	l4 = len;
	put16(1000);
	put16(53);
	put16(length);
	put16(0);
}

static uint64_t pseudo(unsigned int proto)
{
	if (frame[AT + l3] >> 4 == 4)
		return fos_csum_pseudo4(src4, dst4, (uint8_t)proto, (uint16_t)(len - l4));
	return fos_csum_pseudo6(src6, dst6, (uint8_t)proto, len - l4);
}

static void transport(unsigned int proto)
{
	fos_csum_transport_set(proto == ICMP ? 0 : pseudo(proto), (uint8_t)proto, frame + AT + l4,
			       len - l4);
}

static void finish4(void)
{
	set16(l3 + 2, len - l3);
	fos_csum_ipv4_set(frame + AT + l3, (frame[AT + l3] & 15u) * 4);
}

static void finish6(void)
{
	set16(l3 + 4, len - l3 - 40);
}

static uint32_t parse_link(unsigned int link, uint32_t orig)
{
	/* the parser must not look beyond the packet: an exact copy, for sanitizers */
	uint8_t *copy = malloc(AT + len);

	memset(&m, 0x55, sizeof(m));
	m.data_off = AT;
	m.len = (uint16_t)len;
	m.orig_len = (uint16_t)orig;
	m.link = (uint16_t)link;
	m.number = 7;
	m.time_ns = 8;
	m.port = 3;
	m.queue = 4;
	memcpy(copy, frame, AT + len);
	fos_parse(copy, &m, key);
	free(copy);
	return m.flags;
}

static uint32_t parse(void)
{
	return parse_link(FOS_LINK_ETHERNET, len);
}

static void tcp4_packet(unsigned int payload)
{
	ether(0x0800);
	ipv4(TCP, 0x4000, 0);
	tcp(0);
	zeros(payload);
	finish4();
	transport(TCP);
}

static void tcp6_packet(void)
{
	ether(0x86dd);
	ipv6(TCP);
	tcp(0);
	put("abc", 3);
	finish6();
	transport(TCP);
}

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

/* ---- IPv4 ------------------------------------------------------------------------------------ */

static void ipv4_damage(void)
{
	tcp4_packet(5);
	frame[AT + l3 + 10] ^= 1;
	parse();
	ok(m.flags & FOS_PKT_IP_BAD && m.flags & FOS_PKT_TCP,
	   "wrong header checksum: damaged, the rest is filled in");
	tcp4_packet(5);
	frame[AT + l3] = 0x44;
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "IHL 4");
	frame[AT + l3] = 0x65;
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "version 6 in an IPv4 frame");
	tcp4_packet(5);
	set16(l3 + 2, 19);
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "total length below the header");
	tcp4_packet(5);
	set16(l3 + 2, 46);
	fos_csum_ipv4_set(frame + AT + l3, 20);
	ok(parse() & FOS_PKT_IP_BAD && m.payload_len == 5, "total length beyond the packet");
	is_u64(parse_link(FOS_LINK_ETHERNET, len + 1) & (FOS_PKT_IP_BAD | FOS_PKT_TRUNCATED),
	       FOS_PKT_TRUNCATED, "but not where the capture cut the packet");
	is_u64(m.csum, FOS_CSUM_NONE, "then its checksum is not known");
	tcp4_packet(5);
	len = 14 + 19;
	ok(parse() & FOS_PKT_IP_BAD && !(m.flags & FOS_PKT_IPV4), "19 bytes are no IPv4 header");
}

static void ipv4_options(void)
{
	static const uint8_t lsrr[8] = { 131, 7, 4, 10, 0, 0, 9, 0 };
	static const uint8_t broken[4] = { 7, 5, 0, 0 };

	ether(0x0800);
	ipv4(TCP, 0, 8);
	put(lsrr, 8);
	tcp(0);
	finish4();
	parse();
	ok(m.flags & FOS_PKT_OPTIONS && m.flags & FOS_PKT_SOURCE_ROUTE && m.flags & FOS_PKT_TCP,
	   "loose source route");
	fos_csum_transport_set(fos_csum_pseudo4(src4, lsrr + 3, TCP, 20), TCP, frame + AT + l4, 20);
	parse();
	is_u64(m.csum, FOS_CSUM_VALID, "the checksum covers the route's end");

	ether(0x0800);
	ipv4(TCP, 0, 4);
	put(broken, 4);
	tcp(0);
	finish4();
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "an option longer than the header");
}

static void ipv4_fragments(void)
{
	ether(0x0800);
	ipv4(TCP, 0x2000, 0);
	tcp(0);
	zeros(4);
	finish4();
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_FRAGMENT | FOS_PKT_FRAG_FIRST | FOS_PKT_FRAG_MORE |
				FOS_PKT_TCP, "first fragment with the whole header");
	ok(m.payload_off == AT + 34 && m.payload_len == 24 && m.csum == FOS_CSUM_NONE,
	   "a fragment's payload is its data");
	ether(0x0800);
	ipv4(TCP, 0x2000, 0);
	zeros(8);
	finish4();
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_FRAGMENT | FOS_PKT_FRAG_FIRST | FOS_PKT_FRAG_MORE,
	       "first fragment of 8 bytes: fine in IPv4, no TCP header yet");
	ether(0x0800);
	ipv4(UDP, 3, 0);
	zeros(5);
	finish4();
	is_u64(parse(), FOS_PKT_IPV4 | FOS_PKT_FRAGMENT, "last fragment");
	ok(m.frag_off == 24 && m.frag_id == 0x1234 && m.payload_len == 5, "its offset");
	ether(0x0800);
	ipv4(UDP, 0x2003, 0);
	zeros(5);
	finish4();
	ok(parse() & FOS_PKT_IP_BAD, "more to follow, and not a multiple of 8 bytes");
	ether(0x0800);
	ipv4(UDP, 0x1fff, 0);
	zeros(8);
	finish4();
	ok(parse() & FOS_PKT_IP_BAD, "beyond 65535 bytes");
}

/* ---- IPv6 ------------------------------------------------------------------------------------ */

static void ipv6_chain(void)
{
	static const uint8_t hop[8] = { 43, 0, 1, 4, 0, 0, 0, 0 };
	static const uint8_t route[24] = { 60, 2, 0, 0, [23] = 9 };
	static const uint8_t dest[8] = { 44, 0, 1, 4, 0, 0, 0, 0 };
	static const uint8_t atomic[8] = { 51, 0, 0, 0, 0, 0, 0, 9 };
	static const uint8_t ah[12] = { TCP, 1 };

	ether(0x86dd);
	ipv6(0);
	put(hop, 8);
	put(route, 24);
	put(dest, 8);
	put(atomic, 8);
	put(ah, 12);
	tcp(0);
	finish6();
	transport(TCP);
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_TCP | FOS_PKT_OPTIONS | FOS_PKT_SOURCE_ROUTE,
	       "hop-by-hop, routing, destination, atomic fragment, AH, TCP");
	ok(m.l4_off == AT + 14 + 100 && m.csum == FOS_CSUM_VALID && m.proto == TCP, "its place");
	frame[AT + l3 + 40 + 8 + 3] = 1;
	fos_csum_transport_set(fos_csum_pseudo6(src6, frame + AT + l3 + 56, TCP, 20), TCP,
			       frame + AT + l4, 20);
	parse();
	is_u64(m.csum, FOS_CSUM_VALID, "with a hop left, the checksum covers the final destination");
	frame[AT + l3 + 40 + 3] = 5;
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "an option longer than its header");
}

static void ipv6_fragments(void)
{
	static const uint8_t first[8] = { TCP, 0, 0, 1, 1, 2, 3, 4 };
	static const uint8_t last[8] = { TCP, 0, 0, 0x18, 1, 2, 3, 4 };

	ether(0x86dd);
	ipv6(44);
	put(first, 8);
	tcp(0);
	zeros(4);
	finish6();
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_TCP | FOS_PKT_OPTIONS | FOS_PKT_FRAGMENT |
				FOS_PKT_FRAG_FIRST | FOS_PKT_FRAG_MORE, "first fragment");
	ok(m.frag_id == 0x01020304 && m.payload_off == AT + 62 && m.payload_len == 24,
	   "its data start after the fragment header");
	ether(0x86dd);
	ipv6(44);
	put(first, 8);
	zeros(8);
	finish6();
	ok(parse() & FOS_PKT_L4_BAD && !(m.flags & FOS_PKT_TCP),
	   "a first fragment must hold the TCP header (RFC 7112)");
	ether(0x86dd);
	ipv6(44);
	put(last, 8);
	zeros(3);
	finish6();
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_OPTIONS | FOS_PKT_FRAGMENT, "last fragment");
	ok(m.frag_off == 24 && !m.l4_off && m.proto == TCP, "its offset");
}

static void ipv6_damage(void)
{
	tcp6_packet();
	set16(l3 + 4, 1000);
	ok(parse() & FOS_PKT_IP_BAD, "payload length beyond the packet");
	tcp6_packet();
	frame[AT + l3] = 0x40;
	ok(parse() & FOS_PKT_IP_BAD && !m.l4_off, "version 4 in an IPv6 frame");
	tcp6_packet();
	len = 14 + 39;
	ok(parse() & FOS_PKT_IP_BAD && !(m.flags & FOS_PKT_IPV6), "39 bytes are no IPv6 header");
	ether(0x86dd);
	ipv6(0);
	for (int i = 0; i < 17; i++) {
		put16(60 << 8);
		put16(0x0104);
		zeros(4);
	}
	finish6();
	ok(parse() & FOS_PKT_IP_BAD, "17 extension headers are too many");
	ether(0x86dd);
	ipv6(60);
	put16(6 << 8 | 1);
	zeros(6);
	finish6();
	ok(parse() & FOS_PKT_IP_BAD, "an extension header beyond the packet");
}

static void icmp6(void)
{
	ether(0x86dd);
	ipv6(ICMP6);
	l4 = len;
	put8(135);
	zeros(23);
	finish6();
	transport(ICMP6);
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_ICMP | FOS_PKT_ND, "neighbour solicitation");
	is_u64(m.csum, FOS_CSUM_VALID, "ICMPv6's checksum covers the pseudo header");
	frame[AT + l4] = 1;
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_ICMP | FOS_PKT_ICMP_ERROR, "unreachable");
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
	uint32_t h;

	tcp4_packet(5);
	parse();
	h = m.hash;
	memcpy(tmp, frame + AT + l3 + 12, 4);
	memcpy(frame + AT + l3 + 12, frame + AT + l3 + 16, 4);
	memcpy(frame + AT + l3 + 16, tmp, 4);
	parse();
	is_u64(m.hash, h, "both directions hash alike");
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
}

int main(void)
{
	tap_plan(0);
	plain();
	checksums();
	padding();
	vlans();
	links();
	ipv4_damage();
	ipv4_options();
	ipv4_fragments();
	ipv6_chain();
	ipv6_fragments();
	ipv6_damage();
	icmp6();
	transport_damage();
	hash();
	return done();
}
