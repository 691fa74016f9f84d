/* pmhost/find.c - searching a window across the borders of its segments */
#define _GNU_SOURCE
#include <ctype.h>
#include <string.h>

#include "pmhost/host.h"
#include "pmhost/window.h"

#define EXPECT_LINES 6u

enum outcome { NO, YES, MAYBE }; /* MAYBE: the tail cuts it off */

struct pattern {
	const uint8_t *p;
	size_t len;
	bool icase;
};

static bool same(const struct pattern *pat, size_t i, const uint8_t *text, size_t n)
{
	if (!pat->icase)
		return memcmp(pat->p + i, text, n) == 0;
	for (size_t k = 0; k < n; k++)
		if (pat->p[i + k] != text[k] && tolower(pat->p[i + k]) != tolower(text[k]))
			return false;
	return true;
}

/* Does the pattern stand at offset `off` of segment i? */
static enum outcome stands(const struct fos_window *w, uint32_t i, size_t off,
			   const struct pattern *pat)
{
	size_t done = 0;

	for (; i < w->nr_seg && done < pat->len; i++, off = 0) {
		size_t n = w->seg[i].len - off;

		if (n > pat->len - done)
			n = pat->len - done;
		if (!same(pat, done, w->seg[i].data + off, n))
			return NO;
		done += n;
	}
	return done == pat->len ? YES : MAYBE;
}

/* Next place at or after off where the first byte fits; len when there is none. */
static size_t candidate(const struct fos_seg *s, size_t off, const struct pattern *pat)
{
	const uint8_t *a, *b;
	int lower = tolower(pat->p[0]), upper = toupper(pat->p[0]);
	size_t n = s->len - off;

	if (!pat->icase || lower == upper) {
		a = memchr(s->data + off, pat->p[0], n);
		return a ? (size_t)(a - s->data) : s->len;
	}
	a = memchr(s->data + off, lower, n);
	if (a)
		n = (size_t)(a - (s->data + off));
	b = memchr(s->data + off, upper, n);
	if (b)
		return (size_t)(b - s->data);
	return a ? (size_t)(a - s->data) : s->len;
}

/* Where a match within one segment begins, or from where on one may go beyond its end. */
static size_t within(const struct fos_seg *s, size_t off, const struct pattern *pat, bool *found)
{
	const uint8_t *hit;

	*found = false;
	if (pat->icase || s->len - off < pat->len)
		return off;
	hit = memmem(s->data + off, s->len - off, pat->p, pat->len);
	*found = hit != NULL;
	return hit ? (size_t)(hit - s->data) : s->len - (pat->len - 1);
}

/* Another process wrote it: its first lines are fetched while the segment before it is searched, the rest
 * comes by itself. */
static void expect(const struct fos_seg *s)
{
	for (size_t i = 0; i < EXPECT_LINES && i * FOS_CACHE_LINE < s->len; i++)
		__builtin_prefetch(s->data + i * FOS_CACHE_LINE);
}

static enum outcome search(const struct fos_window *w, uint64_t from, const struct pattern *pat,
			   uint64_t *pos)
{
	uint32_t i = fos_window_seg(w, from);
	size_t off = i < w->nr_seg ? (size_t)(from - w->seg[i].pos) : 0;

	for (; i < w->nr_seg; i++, off = 0) {
		const struct fos_seg *s = &w->seg[i];
		bool found;

		if (off == 0 && i + 1 < w->nr_seg)
			expect(&w->seg[i + 1]);
		off = within(s, off, pat, &found);
		if (found) {
			*pos = s->pos + off;
			return YES;
		}
		while ((off = candidate(s, off, pat)) < s->len) {
			enum outcome o = stands(w, i, off, pat);

			if (o != NO) {
				*pos = s->pos + off;
				return o;
			}
			off++;
		}
	}
	*pos = w->tail;
	return NO;
}

bool fos_find_any(struct fos_window *w, uint64_t from, const struct fos_text *texts, int nr,
		  unsigned flags, struct fos_hit *hit)
{
	enum outcome best = NO;

	hit->pos = hit->end = w->tail;
	hit->which = -1;
	for (int i = 0; i < nr; i++) {
		struct pattern pat = {texts[i].data, texts[i].len, (flags & FOS_ICASE) != 0};
		enum outcome o;
		uint64_t pos;

		if (pat.len == 0)
			continue;
		o = search(w, from, &pat, &pos);
		if (o == MAYBE && w->fin)
			o = NO;
		if (o == NO || (best != NO && pos >= hit->pos))
			continue;
		best = o;
		hit->pos = pos;
		hit->end = pos + pat.len;
		hit->which = i;
	}
	if (best != YES)
		hit->end = hit->pos;
	return best == YES;
}

bool fos_find_bytes(struct fos_window *w, uint64_t from, const void *pattern, size_t len,
		    unsigned flags, struct fos_hit *hit)
{
	struct fos_text t = {pattern, len};

	return fos_find_any(w, from, &t, 1, flags, hit);
}

bool fos_find(struct fos_window *w, uint64_t from, const char *text, unsigned flags,
	      struct fos_hit *hit)
{
	return fos_find_bytes(w, from, text, strlen(text), flags, hit);
}
