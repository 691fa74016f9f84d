/* test_csum.c - checksums and the keyed hash against naive models and published vectors */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "shm/csum.h"
#include "shm/hash.h"
#include "tests/tap.h"

/* RFC 1071 word by word, in network order, the carry put back at once. */
static uint16_t naive(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return htons((uint16_t)sum);
}

static void fill(uint8_t *p, size_t len)
{
	/* now and then all ones or zeroes, where ones' complement is at its oddest */
	int kind = rand() % 8;

	for (size_t i = 0; i < len; i++)
		p[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)rand();
}

static void sums(void)
{
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint8_t buf[700];
	int bad = 0, bad_split = 0;

	is_u64(fos_csum_fold(fos_csum_add(0, rfc, 8)), htons(0xddf2), "the example of RFC 1071");
	is_u64(fos_csum_finish(0, buf, 0), 0xffff, "the checksum of nothing is all ones");
	for (int n = 0; n < 20000; n++) {
		size_t at = (size_t)(rand() % 16), len = (size_t)(rand() % 640), pos = 0;
		uint64_t sum = 0;

		fill(buf, sizeof(buf));
		bad += fos_csum_fold(fos_csum_add(0, buf + at, len)) != naive(buf + at, len);
		while (pos < len) {
			size_t part = 1 + (size_t)rand() % (len - pos);

			sum = fos_csum_add_at(sum, buf + at + pos, part, pos);
			pos += part;
		}
		bad_split += fos_csum_fold(sum) != naive(buf + at, len);
	}
	is_u64((uint64_t)bad, 0, "20000 random sums of any length and alignment equal the model's");
	is_u64((uint64_t)bad_split, 0, "the same gathered from parts of odd lengths");
}

static void big_sum(void)
{
	size_t len = 1 << 20;
	uint8_t *p = malloc(len);
	uint64_t sum = 0;

	memset(p, 0xff, len);
	for (int i = 0; i < 4096; i++)
		sum = fos_csum_add(sum, p, len);
	is_u64(fos_csum_fold(sum), 0xffff, "4 GiB of ones do not overflow the accumulator");
	free(p);
}

/* Change a field somewhere and compare the update with computing everything anew. */
static int update_fails(size_t size)
{
	uint8_t buf[128], was[16];
	size_t at = 2 + 2 * (size_t)(rand() % 50);
	uint16_t csum, got;

	fill(buf, sizeof(buf));
	memset(buf, 0, 2);
	buf[2] |= 1; /* not all zero: the one case in which there are two right answers */
	at = at < 4 ? 4 : at;
	csum = fos_csum_finish(0, buf, sizeof(buf));
	memcpy(was, buf + at, size);
	fill(buf + at, size);
	if (size == 2) {
		uint16_t a, b;

		memcpy(&a, was, 2);
		memcpy(&b, buf + at, 2);
		got = fos_csum_update16(csum, a, b);
	} else if (size == 4) {
		uint32_t a, b;

		memcpy(&a, was, 4);
		memcpy(&b, buf + at, 4);
		got = fos_csum_update32(csum, a, b);
	} else {
		got = fos_csum_update(csum, was, buf + at, size);
	}
	return got != fos_csum_finish(0, buf, sizeof(buf));
}

static void updates(void)
{
	static const size_t sizes[] = { 2, 4, 8, 16 };

	for (int s = 0; s < 4; s++) {
		int bad = 0;

		for (int n = 0; n < 20000; n++)
			bad += update_fails(sizes[s]);
		is_u64((uint64_t)bad, 0, "20000 updates of a %d-byte field equal a new checksum",
		       (int)sizes[s]);
	}
	/* RFC 1624 section 4 */
	is_u64(fos_csum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285)), 0,
	       "the example of RFC 1624, which equation 2 gets wrong");
}

static void headers(void)
{
	uint8_t ip[20] = { 0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0,
			   0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7 };
	uint8_t udp[9] = { 0x13, 0x88, 0x13, 0x89, 0, 9, 0, 0, 'x' }, pseudo[64] = { 0 };
	uint8_t src[16], dst[16];
	uint64_t sum;
	uint16_t field;

	fos_csum_ipv4_set(ip, sizeof(ip));
	ok(ip[10] == 0xb8 && ip[11] == 0x61, "an IPv4 header known from textbooks gets b861");
	ok(fos_csum_ipv4_ok(ip, sizeof(ip)), "and is found intact");
	ip[8]--;
	ok(!fos_csum_ipv4_ok(ip, sizeof(ip)), "and not with another TTL");

	fill(src, 16);
	fill(dst, 16);
	sum = fos_csum_pseudo6(src, dst, 17, sizeof(udp));
	fos_csum_transport_set(sum, 17, udp, sizeof(udp));
	memcpy(pseudo, src, 16);
	memcpy(pseudo + 16, dst, 16);
	pseudo[35] = sizeof(udp);
	pseudo[39] = 17;
	memcpy(pseudo + 40, udp, sizeof(udp));
	is_u64(naive(pseudo, 40 + sizeof(udp)), 0xffff, "UDP over IPv6 adds up with its pseudo header");
	is_u64(fos_csum_finish(sum, udp, sizeof(udp)), 0, "and is found right");

	sum = fos_csum_pseudo4(src, dst, 17, 10);
	memset(udp, 0, sizeof(udp));
	field = (uint16_t)~fos_csum_fold(sum);
	memcpy(udp, &field, 2); /* makes the sum all ones, the checksum 0 */
	fos_csum_transport_set(sum, 17, udp, 8);
	ok(udp[6] == 0xff && udp[7] == 0xff, "a UDP checksum of 0 is stored as ffff");
}

static void hashes(void)
{
	uint64_t key[2], other[2];
	uint8_t in[64], a[16], b[16];
	int same = 0;

	for (int i = 0; i < 64; i++)
		in[i] = (uint8_t)i;
	memcpy(key, in, 16);
	is_u64(fos_hash_sip13(key, in, 0), 0xabac0158050fc4dcull, "SipHash-1-3 of nothing");
	is_u64(fos_hash_sip13(key, in, 1), 0xc9f49bf37d57ca93ull, "SipHash-1-3 of one byte");
	memcpy(other, in + 1, 16);
	for (int i = 0; i < 1000; i++) {
		size_t len = i & 1 ? 4 : 16;

		fill(a, 16);
		fill(b, 16);
		same += fos_hash_addrs(key, a, b, len) == fos_hash_addrs(key, b, a, len);
	}
	is_u64((uint64_t)same, 1000, "both directions of 1000 address pairs hash alike");
	memcpy(a, in, 16);
	memcpy(b, in + 16, 16);
	ok(fos_hash_addrs(key, a, b, 16) != fos_hash_addrs(other, a, b, 16), "the key matters");
	ok(fos_hash_addrs(key, a, b, 16) != fos_hash_addrs(key, a, in + 17, 16),
	   "the addresses matter");
}

int main(void)
{
	tap_plan(0);
	srand(1);
	sums();
	big_sum();
	updates();
	headers();
	hashes();
	return done();
}
