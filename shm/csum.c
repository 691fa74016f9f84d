/* shm/csum.c - the Internet checksum (RFC 1071, RFC 1624)
 *
 * The sum is commutative and indifferent to byte order as long as every word is read the same
 * way, so words are loaded in host order and 32 bits of them are added to a 64-bit accumulator.
 */
#include "shm/csum.h"

#include <arpa/inet.h>
#include <string.h>

#define LINE 64u

/* Four at a time; where registers have 16 bytes the compiler takes two for one of these. */
typedef uint64_t four __attribute__((vector_size(32)));

/* Of whole lines.  Each lane adds its words as they are, overflow and all, and their upper halves: what
 * the first sum lacks of the lower halves' is the second one, shifted. */
static inline __attribute__((always_inline)) uint64_t add_lines(const uint8_t *b, size_t nr)
{
	four all = {0, 0, 0, 0}, high = {0, 0, 0, 0}, v, w;

	for (; nr > 0; nr--, b += 2 * sizeof(v)) {
		memcpy(&v, b, sizeof(v));
		memcpy(&w, b + sizeof(v), sizeof(w));
		all += v;
		high += v >> 32;
		all += w;
		high += w >> 32;
	}
	all += high - (high << 32);
	return all[0] + all[1] + all[2] + all[3];
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t add_lines_avx2(const uint8_t *b, size_t nr)
{
	return add_lines(b, nr);
}
#endif

static uint64_t add_long(const uint8_t *b, size_t nr)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return add_lines_avx2(b, nr);
#endif
	return add_lines(b, nr);
}

uint64_t fos_csum_add(uint64_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint32_t d;
	uint16_t h;

	if (len >= LINE) {
		sum += add_long(b, len / LINE);
		b += len / LINE * LINE;
		len %= LINE;
	}
	for (; len >= sizeof(d); len -= sizeof(d), b += sizeof(d)) {
		memcpy(&d, b, sizeof(d));
		sum += d;
	}
	if (len >= sizeof(h)) {
		memcpy(&h, b, sizeof(h));
		sum += h;
		len -= sizeof(h);
		b += sizeof(h);
	}
	if (len) {
		h = 0;
		memcpy(&h, b, 1);
		sum += h;
	}
	return sum;
}

uint64_t fos_csum_add_at(uint64_t sum, const void *p, size_t len, size_t pos)
{
	uint16_t part;

	if (!(pos & 1))
		return fos_csum_add(sum, p, len);
	/* RFC 1071 section 2(B): a sum of bytes one off is the sum with its bytes swapped */
	part = fos_csum_fold(fos_csum_add(0, p, len));
	return sum + (uint16_t)((part << 8) | (part >> 8));
}

uint16_t fos_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t fos_csum_pseudo4(const void *src, const void *dst, uint8_t proto, uint16_t len)
{
	uint32_t a, b;

	memcpy(&a, src, sizeof(a));
	memcpy(&b, dst, sizeof(b));
	return (uint64_t)a + b + htons(proto) + htons(len);
}

uint64_t fos_csum_pseudo6(const void *src, const void *dst, uint8_t proto, uint32_t len)
{
	uint64_t sum = fos_csum_add(fos_csum_add(0, src, 16), dst, 16);

	return sum + htons(proto) + htonl(len);
}

uint16_t fos_csum_finish(uint64_t pseudo, const void *p, size_t len)
{
	return (uint16_t)~fos_csum_fold(fos_csum_add(pseudo, p, len));
}

bool fos_csum_ipv4_ok(const void *hdr, size_t hlen)
{
	return fos_csum_finish(0, hdr, hlen) == 0;
}

void fos_csum_ipv4_set(void *hdr, size_t hlen)
{
	uint8_t *h = hdr;
	uint16_t c = 0;

	memcpy(h + 10, &c, sizeof(c));
	c = fos_csum_finish(0, hdr, hlen);
	memcpy(h + 10, &c, sizeof(c));
}

void fos_csum_transport_set(uint64_t pseudo, uint8_t proto, void *l4, size_t len)
{
	size_t field = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;
	uint8_t *p = l4;
	uint16_t c = 0;

	if (len < field + sizeof(c))
		return;
	memcpy(p + field, &c, sizeof(c));
	c = fos_csum_finish(pseudo, l4, len);
	if (!c && proto == IPPROTO_UDP)
		c = 0xffff;
	memcpy(p + field, &c, sizeof(c));
}

uint16_t fos_csum_update16(uint16_t csum, uint16_t was, uint16_t now)
{
	return (uint16_t)~fos_csum_fold((uint64_t)(uint16_t)~csum + (uint16_t)~was + now);
}

uint16_t fos_csum_update32(uint16_t csum, uint32_t was, uint32_t now)
{
	return (uint16_t)~fos_csum_fold((uint64_t)(uint16_t)~csum + (uint32_t)~was + now);
}

uint16_t fos_csum_update(uint16_t csum, const void *was, const void *now, size_t len)
{
	uint16_t old = fos_csum_fold(fos_csum_add(0, was, len));

	return fos_csum_update16(csum, old, fos_csum_fold(fos_csum_add(0, now, len)));
}
