/* tests/sim/host_ip.c - the IP layer of the model receiver, see host.h */
#include <arpa/inet.h>
#include <string.h>

#include "shm/bytes.h"
#include "tests/sim/host.h"

static uint32_t sum(uint32_t s, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static bool tcp_sum_ok(const uint8_t *src, const uint8_t *dst, uint32_t alen, const uint8_t *t,
		       uint32_t len)
{
	uint8_t tail[4] = {0, 6, (uint8_t)(len >> 8), (uint8_t)len};

	return sum(sum(sum(sum(0, src, alen), dst, alen), tail, 4), t, len) == 0xffff;
}

/* ------------------------------------------------------------------ fragments */

static void forget(struct host *h, uint64_t key)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->nr_frags; i++)
		if (h->frags[i].key != key)
			h->frags[n++] = h->frags[i];
	h->nr_frags = n;
}

static bool is_dead(const struct host *h, uint64_t key)
{
	for (uint32_t i = 0; i < h->nr_dead && i < 8; i++)
		if (h->dead[i] == key)
			return true;
	return false;
}

/* 0 = new, 1 = the same again, 2 = overlap */
static int compare(const struct host *h, const struct host_fragment *f)
{
	for (uint32_t i = 0; i < h->nr_frags; i++) {
		const struct host_fragment *g = &h->frags[i];

		if (g->key != f->key || f->off >= g->off + g->len || g->off >= f->off + f->len)
			continue;
		return g->off == f->off && g->len == f->len ? 1 : 2;
	}
	return 0;
}

/* The whole datagram in `to`, when it is complete. */
static uint32_t join(struct host *h, uint64_t key, uint8_t *to)
{
	uint32_t have = 0, total = 0;

	for (bool found = true; found;) {
		found = false;
		for (uint32_t i = 0; i < h->nr_frags; i++) {
			const struct host_fragment *f = &h->frags[i];

			if (f->key != key || f->off != have)
				continue;
			if (f->off + f->len > 60000)
				return 0;
			memcpy(to + f->off, f->data, f->len);
			have += f->len;
			found = f->len > 0;
			if (f->last)
				total = have;
			if (total)
				found = false;
			break;
		}
	}
	if (!total)
		return 0;
	forget(h, key);
	return total;
}

static uint32_t fragment(struct host *h, uint64_t key, uint32_t off, bool more, const uint8_t *p,
			 uint32_t len, uint8_t *to)
{
	struct host_fragment *f = &h->frags[h->nr_frags];
	int how;

	if (is_dead(h, key) || h->nr_frags == HOST_FRAGS || len > sizeof(f->data) ||
	    off + len > 65535 || (more && len % 8))
		return 0;
	*f = (struct host_fragment){.key = key, .off = off, .len = len, .last = !more};
	memcpy(f->data, p, len);
	how = compare(h, f);
	if (how == 2) {
		forget(h, key);
		h->dead[h->nr_dead++ % 8] = key;
	}
	if (how)
		return 0;
	h->nr_frags++;
	return join(h, key, to);
}

/* ------------------------------------------------------------------ headers */

static bool ip4(struct host *h, const uint8_t *p, uint32_t len, uint8_t *to, uint32_t *size)
{
	uint32_t head, total, frag;
	uint8_t self[4];

	inet_pton(AF_INET, SCRIPT_SERVER4, self);
	if (len < 20 || p[0] >> 4 != 4)
		return false;
	head = (p[0] & 15u) * 4;
	total = fos_get16(p + 2);
	if (head < 20 || total < head || total > len || sum(0, p, head) != 0xffff)
		return false;
	if (memcmp(p + 16, self, 4) != 0 || p[9] != 6)
		return false;
	for (uint32_t at = 20; at + 1 < head && p[at] != 0; at += p[at] == 1 ? 1 : p[at + 1]) {
		if (p[at] == 131 || p[at] == 137 || (p[at] != 1 && p[at + 1] < 2))
			return false;
	}
	frag = fos_get16(p + 6);
	*size = total - head;
	if (frag & 0x3fff)
		*size = fragment(h, fos_get16(p + 4), (frag & 0x1fff) * 8, frag & 0x2000, p + head,
				 total - head, to);
	else
		memcpy(to, p + head, *size);
	return *size && tcp_sum_ok(p + 12, p + 16, 4, to, *size);
}

static bool ip6(struct host *h, const uint8_t *p, uint32_t len, uint8_t *to, uint32_t *size)
{
	uint32_t at = 40, end, next;
	uint8_t self[16];

	inet_pton(AF_INET6, SCRIPT_SERVER6, self);
	if (len < 40 || p[0] >> 4 != 6)
		return false;
	end = 40 + fos_get16(p + 4);
	if (end > len || memcmp(p + 24, self, 16) != 0)
		return false;
	for (next = p[6]; next == 0 || next == 60 || next == 43; at += (p[at + 1] + 1u) * 8) {
		if (at + 8 > end || (next == 43 && p[at + 3]))
			return false;
		next = p[at];
	}
	if (at > end)
		return false;
	if (next == 44) {
		uint32_t off = fos_get16(p + at + 2);
		uint64_t key = 1ull << 40 | fos_get16(p + at + 4) << 16 | fos_get16(p + at + 6);

		/* RFC 7112: the first one holds all headers */
		if (at + 8 > end || p[at] != 6 || ((off & 0xfff9) == 1 && end - at - 8 < 20))
			return false;
		*size = fragment(h, key, off & 0xfff8, off & 1, p + at + 8, end - at - 8, to);
	} else {
		*size = end - at;
		memcpy(to, p + at, *size);
	}
	return *size && (next == 6 || next == 44) && tcp_sum_ok(p + 8, p + 24, 16, to, *size);
}

bool host_ip(struct host *h, const uint8_t *frame, uint32_t len, uint8_t *to, uint32_t *size)
{
	if (len < 14 + 20)
		return false;
	if (h->far && frame[fos_get16(frame + 12) == 0x0800 ? 22 : 21] <= 1)
		return false;
	if (fos_get16(frame + 12) == 0x0800)
		return ip4(h, frame + 14, len - 14, to, size);
	h->v6 = true;
	return fos_get16(frame + 12) == 0x86dd && ip6(h, frame + 14, len - 14, to, size);
}
