/* ahead.c - bytes that have come ahead of a hole: as they came, so that a program sees what the receiver
 * has at the moment of an event, whatever the box has done since */
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

struct fos_mos_ahead {
	struct fos_mos_ahead *next;
	uint64_t pos;
	uint32_t len;
	uint8_t data[];
};

static bool insert(struct fos_mos_bytes *b, struct fos_mos_ahead **at, uint64_t pos,
		   const uint8_t *data, size_t len)
{
	struct fos_mos_ahead *a;

	if (b->ahead_bytes + len > b->limit)
		return false;
	a = malloc(sizeof(*a) + len);
	if (!a)
		return false;
	a->pos = pos;
	a->len = (uint32_t)len;
	memcpy(a->data, data, len);
	a->next = *at;
	*at = a;
	b->ahead_bytes += a->len;
	return true;
}

/* Bytes that are there already become those of the last copy. */
static void overwrite(struct fos_mos_bytes *b, uint64_t pos, const uint8_t *data, size_t len)
{
	for (struct fos_mos_ahead *a = b->ahead; a && a->pos < pos + len; a = a->next) {
		uint64_t from = a->pos > pos ? a->pos : pos;
		uint64_t to = a->pos + a->len < pos + len ? a->pos + a->len : pos + len;

		if (from < to)
			memcpy(a->data + (from - a->pos), data + (from - pos), to - from);
	}
}

void fos_mos_ahead_add(struct fos_mos_bytes *b, uint64_t pos, const void *data, size_t len,
		       bool last)
{
	struct fos_mos_ahead **at = &b->ahead;
	uint64_t stop = pos + len, cur = pos > b->end ? pos : b->end;

	if (last)
		overwrite(b, pos, data, len);
	while (cur < stop) {
		uint64_t to = stop;

		while (*at && (*at)->pos + (*at)->len <= cur)
			at = &(*at)->next;
		if (*at && (*at)->pos <= cur) {
			cur = (*at)->pos + (*at)->len;
			continue;
		}
		if (*at && (*at)->pos < to)
			to = (*at)->pos;
		if (!insert(b, at, cur, (const uint8_t *)data + (cur - pos), to - cur))
			return;
		cur = to;
	}
}

void fos_mos_ahead_trim(struct fos_mos_bytes *b)
{
	while (b->ahead && b->ahead->pos + b->ahead->len <= b->end) {
		struct fos_mos_ahead *a = b->ahead;

		b->ahead = a->next;
		b->ahead_bytes -= a->len;
		free(a);
	}
}

size_t fos_mos_ahead_copy(const struct fos_mos_bytes *b, uint64_t pos, void *to, size_t len)
{
	size_t done = 0;

	for (const struct fos_mos_ahead *a = b->ahead; a && a->pos <= pos + done && done < len;
	     a = a->next) {
		uint64_t off = pos + done - a->pos;
		size_t n;

		if (off >= a->len)
			continue;
		n = a->len - off < len - done ? a->len - off : len - done;
		memcpy((uint8_t *)to + done, a->data + off, n);
		done += n;
	}
	return done;
}

uint32_t fos_mos_ahead_list(const struct fos_mos_bytes *b, struct tcp_ring_fragment *out,
			    uint32_t max)
{
	uint32_t n = 0;

	for (const struct fos_mos_ahead *a = b->ahead; a; a = a->next) {
		if (n > 0 && out[n - 1].offset + out[n - 1].len == a->pos) {
			out[n - 1].len += a->len;
			continue;
		}
		if (n == max)
			break;
		out[n++] = (struct tcp_ring_fragment){a->pos, a->len};
	}
	return n;
}

uint64_t fos_mos_ahead_end(const struct fos_mos_bytes *b)
{
	uint64_t end = b->end;

	for (const struct fos_mos_ahead *a = b->ahead; a; a = a->next)
		end = a->pos + a->len > end ? a->pos + a->len : end;
	return end;
}
