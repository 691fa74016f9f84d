/* shm/hash.c - SipHash-1-3, after Aumasson and Bernstein's description */
#include "shm/hash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t rotl(uint64_t x, unsigned int n)
{
	return (x << n) | (x >> (64 - n));
}

/* Inlined, the four words stay in registers. */
static inline __attribute__((always_inline)) void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

uint64_t fos_hash_sip13(const uint64_t key[2], const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t m, last = (uint64_t)len << 56;
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull,
	};

	for (; len >= 8; len -= 8, b += 8) {
		memcpy(&m, b, 8);
		m = le64toh(m);
		v[3] ^= m;
		mix(v);
		v[0] ^= m;
	}
	while (len) {
		len--;
		last |= (uint64_t)b[len] << (8 * len);
	}
	v[3] ^= last;
	mix(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t fos_hash_addrs(const uint64_t key[2], const void *a, const void *b, size_t len)
{
	uint8_t both[32];
	uint64_t h;

	if (len > 16)
		len = 16;
	if (memcmp(a, b, len) > 0) {
		const void *t = a;

		a = b;
		b = t;
	}
	memcpy(both, a, len);
	memcpy(both + len, b, len);
	h = fos_hash_sip13(key, both, 2 * len);
	return (uint32_t)(h ^ (h >> 32));
}
