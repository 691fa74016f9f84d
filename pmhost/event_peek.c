/* pmhost/event_peek.c - bytes that the classifier holds, in sequence or ahead of a hole; see pm_event.h
 *
 * They are read while the classifier works on.  What was copied counts only if the piece is still what
 * it was and the classifier still has the frame: then it had it all the time, for claims only grow;
 * and, of bytes in sequence, if egress had not come to them.
 */
#include <string.h>

#include "pmhost/host.h"

#define STEPS 4096u /* pieces looked at in one call */

struct held {
	const struct fos_box *box;
	uint32_t flow, gen;
	const uint32_t *claims;
};

static bool begin(const struct fos_window *w, struct held *h)
{
	h->box = w->pm->box;
	h->flow = w->flow;
	h->gen = w->gen;
	h->claims = (const void *)((const uint8_t *)h->box->cls + h->box->cls->claims_off);
	return w->flow != FOS_NONE && w->pm->d->stream == FOS_STREAM_APP;
}

static bool still(const struct held *h, uint32_t i, const struct fos_piece *p, bool in_order)
{
	struct fos_piece now;

	/* after the bytes were read */
	fos_fence_acquire();
	return fos_piece_get(h->box, i, h->flow, h->gen, &now) && now.pos == p->pos &&
	       now.frame == p->frame && now.gen == p->gen && now.len == p->len &&
	       fos_relaxed32(&h->claims[p->frame]) == p->gen &&
	       (!in_order || fos_relaxed64(&h->box->outs[h->flow].pos[0]) <= p->pos);
}

/* Copies what the list from `i` on holds of [pos + done, pos + len) without a gap; returns the new done. */
static size_t copy_list(const struct held *h, uint32_t i, bool in_order, uint64_t pos, uint8_t *to,
			size_t len, size_t done)
{
	struct fos_piece p;

	for (uint32_t n = 0; n < STEPS && done < len && i < h->box->cls->nr_pieces; n++, i = p.next) {
		uint64_t at = pos + done, stop;

		if (!fos_piece_get(h->box, i, h->flow, h->gen, &p) || p.pos > at)
			break;
		stop = p.pos + p.len < pos + len ? p.pos + p.len : pos + len;
		if (stop <= at)
			continue;
		if (p.flags & FOS_PIECE_GONE)
			break;
		memcpy(to + done, fos_box_frame(h->box, p.frame) + p.off + (at - p.pos), stop - at);
		if (!still(h, i, &p, in_order))
			break;
		done += stop - at;
	}
	return done;
}

size_t fos_read_at(struct fos_window *w, uint64_t pos, void *buf, size_t len)
{
	const struct fos_flow *f = &w->pm->box->flows[w->flow % w->pm->region->nr_flows];
	struct held h;
	size_t done;

	if (!begin(w, &h))
		return 0;
	/* pairs with the classifier's release of the tail: pieces below it are linked */
	fos_acquire64(&f->app.tail);
	done = copy_list(&h, fos_acquire32(&f->app.first), true, pos, buf, len, 0);
	return copy_list(&h, fos_relaxed32(&f->ooo_first), false, pos, buf, len, done);
}

int fos_fragments(struct fos_window *w, struct fos_fragment *out, int max)
{
	struct held h;
	struct fos_piece p;
	uint32_t i;
	int n = 0;

	if (!begin(w, &h))
		return 0;
	i = fos_relaxed32(&w->pm->box->flows[w->flow].ooo_first);
	for (uint32_t k = 0; k < STEPS && i < h.box->cls->nr_pieces; k++, i = p.next) {
		if (!fos_piece_get(h.box, i, h.flow, h.gen, &p))
			break;
		if (p.flags & FOS_PIECE_GONE)
			continue;
		if (!still(&h, i, &p, false))
			break;
		if (n > 0 && out[n - 1].pos + out[n - 1].len == p.pos) {
			out[n - 1].len += p.len;
			continue;
		}
		if (n == max)
			break;
		out[n].pos = p.pos;
		out[n++].len = p.len;
	}
	return n;
}
