/* test_parse_ip.c - IPv4 options, IPv6 extension headers, fragments, damaged IP headers */
#include "tests/tap.h"
#include "tests/unit/packet.h"

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
	is_u64(parse(), FOS_PKT_IPV6 | FOS_PKT_TCP | FOS_PKT_OPTIONS,
	       "hop-by-hop, routing (used up), destination, atomic fragment, AH, TCP");
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

int main(void)
{
	tap_plan(0);
	ipv4_damage();
	ipv4_options();
	ipv4_fragments();
	ipv6_chain();
	ipv6_fragments();
	ipv6_damage();
	icmp6();
	return done();
}
