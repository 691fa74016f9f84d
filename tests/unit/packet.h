/* packet.h - packets built by hand into a frame, for the tests of the parser
 *
 * One packet at a time, in file-scope variables of the test that includes this.
 */
#ifndef TESTS_UNIT_PACKET_H
#define TESTS_UNIT_PACKET_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ingress/parse.h"
#include "shm/csum.h"

enum { AT = FOS_FRAME_DATA_OFF, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58 };

static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
static const uint8_t src4[4] = { 10, 0, 0, 1 }, dst4[4] = { 10, 0, 0, 2 };
static const uint8_t src6[16] = { 0xfd, [15] = 1 }, dst6[16] = { 0xfd, [15] = 2 };

/* A packet that grows from the link header on. */
static uint8_t frame[4096];
static uint32_t len;
static uint32_t l3, l4; /* offsets from the packet's start */
static struct fos_frame_meta m;

static inline void put(const void *p, size_t n)
{
	memcpy(frame + AT + len, p, n);
	len += (uint32_t)n;
}

static inline void put8(unsigned int v)
{
	uint8_t b = (uint8_t)v;

	put(&b, 1);
}

static inline void put16(unsigned int v)
{
	put8(v >> 8);
	put8(v & 255);
}

static inline void zeros(size_t n)
{
	while (n--)
		put8(0);
}

static inline void set16(uint32_t at, unsigned int v)
{
	frame[AT + at] = (uint8_t)(v >> 8);
	frame[AT + at + 1] = (uint8_t)v;
}

static inline void start(void)
{
	memset(frame, 0xee, sizeof(frame));
	len = 0;
}

static inline void ether(unsigned int type)
{
	start();
	zeros(12);
	put16(type);
}

/* An IPv4 header with `opt` bytes of options to follow; lengths are set by finish4(). */
static inline void ipv4(unsigned int proto, unsigned int frag, unsigned int opt)
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

static inline void ipv6(unsigned int next)
{
	l3 = len;
	put8(0x60);
	zeros(5);
	put8(next);
	put8(64);
	put(src6, 16);
	put(dst6, 16);
}

static inline void tcp(unsigned int options)
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

static inline void udp(unsigned int length)
{
	l4 = len;
	put16(1000);
	put16(53);
	put16(length);
	put16(0);
}

static inline uint64_t pseudo(unsigned int proto)
{
	if (frame[AT + l3] >> 4 == 4)
		return fos_csum_pseudo4(src4, dst4, (uint8_t)proto, (uint16_t)(len - l4));
	return fos_csum_pseudo6(src6, dst6, (uint8_t)proto, len - l4);
}

static inline void transport(unsigned int proto)
{
	fos_csum_transport_set(proto == ICMP ? 0 : pseudo(proto), (uint8_t)proto, frame + AT + l4,
			       len - l4);
}

static inline void finish4(void)
{
	set16(l3 + 2, len - l3);
	fos_csum_ipv4_set(frame + AT + l3, (frame[AT + l3] & 15u) * 4);
}

static inline void finish6(void)
{
	set16(l3 + 4, len - l3 - 40);
}

static inline uint32_t parse_link(unsigned int link, uint32_t orig)
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

static inline uint32_t parse(void)
{
	return parse_link(FOS_LINK_ETHERNET, len);
}

static inline void tcp4_packet(unsigned int payload)
{
	ether(0x0800);
	ipv4(TCP, 0x4000, 0);
	tcp(0);
	zeros(payload);
	finish4();
	transport(TCP);
}

static inline void tcp6_packet(void)
{
	ether(0x86dd);
	ipv6(TCP);
	tcp(0);
	put("abc", 3);
	finish6();
	transport(TCP);
}

#endif
