/* classifier/overlap.c - queued bytes make way for a later copy, see overlap.h
 *
 * A piece is never changed, as modules may be reading it (pmhost/event_peek.c): what is left of one is
 * put in its place as pieces of their own.  Of the pieces in one frame the last one owns it.
 */
#include "classifier/overlap.h"

#include "classifier/event.h"

#define MOST 256u /* pieces looked at */

struct range {
	uint64_t from;
	uint64_t to;
};

static uint64_t piece_end(const struct fos_piece *p)
{
	return p->pos + p->len;
}

static bool meets(const struct fos_piece *p, const struct range *r)
{
	return p->len > 0 && p->pos < r->to && piece_end(p) > r->from;
}

/* Does a queued byte differ?  *prev = the piece before the first that the run meets. */
static bool differs(const struct fos_classifier *c, uint32_t flow, const struct fos_reasm_in *in,
		    const struct range *r, uint32_t *prev)
{
	bool differ = false;
	uint32_t met = 0;

	*prev = FOS_NONE;
	for (uint32_t i = c->flows[flow].ooo_first; i != FOS_NONE; i = c->pieces[i].next) {
		const struct fos_piece *p = &c->pieces[i];
		uint64_t from = p->pos > r->from ? p->pos : r->from;
		uint64_t to = piece_end(p) < r->to ? piece_end(p) : r->to;

		if (p->pos >= r->to)
			break;
		if (p->flags & FOS_PIECE_GONE)
			return false;
		if (!meets(p, r)) {
			if (met == 0)
				*prev = i;
			continue;
		}
		if (++met > MOST)
			return false;
		differ = differ || fos_reasm_bytes_differ(c, in->pkt,
							  in->off + (uint32_t)(from - in->pos), p,
							  (uint32_t)(from - p->pos),
							  (uint32_t)(to - from));
	}
	return differ;
}

/* Bytes [from, to) of a piece as one of their own, not linked yet. */
static uint32_t part(struct fos_classifier *c, const struct fos_piece *of, uint64_t from, uint64_t to)
{
	uint32_t i = fos_piece_new(c);
	struct fos_piece *p = &c->pieces[i];

	*p = *of;
	p->off = (uint16_t)(p->off + (from - of->pos));
	p->pos = from;
	p->len = (uint16_t)(to - from);
	p->flags &= (uint16_t)~FOS_PIECE_WHOLE;
	p->next = FOS_NONE;
	return i;
}

static void link_behind(struct fos_classifier *c, uint32_t flow, uint32_t prev, uint32_t piece)
{
	if (prev == FOS_NONE)
		c->flows[flow].ooo_first = piece; /* saved with the flow */
	else
		fos_piece_link(c, prev, piece);
}

/* Nothing is left of the piece: its frame goes to the last of those that borrow it, or home. */
static void give_up(struct fos_classifier *c, uint32_t flow, uint32_t piece)
{
	const struct fos_piece *p = &c->pieces[piece];
	uint32_t heir = FOS_NONE;

	if (!(p->flags & FOS_PIECE_BORROWED))
		for (uint32_t i = c->flows[flow].ooo_first; i != FOS_NONE; i = c->pieces[i].next)
			if (c->pieces[i].frame == p->frame && !(c->pieces[i].flags & FOS_PIECE_GONE))
				heir = i;
	if (heir != FOS_NONE) {
		fos_txn_save(&c->txn, &c->pieces[heir].flags, sizeof(p->flags));
		c->pieces[heir].flags &= (uint16_t)~FOS_PIECE_BORROWED;
	} else if (!(p->flags & FOS_PIECE_BORROWED)) {
		fos_piece_link(c, piece, FOS_NONE);
		fos_purge_add(c, piece, FOS_C_drop_tcp_duplicate);
		return;
	}
	fos_piece_free(c, piece);
}

/* Takes [from, to) out of a piece behind `prev`; returns the last piece before what follows. */
static uint32_t cut(struct fos_classifier *c, uint32_t flow, uint32_t prev, uint32_t piece,
		    const struct range *r)
{
	const struct fos_piece *p = &c->pieces[piece];
	uint32_t head = FOS_NONE, tail = FOS_NONE, next = p->next;
	uint64_t from = p->pos > r->from ? p->pos : r->from;
	uint64_t to = piece_end(p) < r->to ? piece_end(p) : r->to;

	if (from > p->pos)
		head = part(c, p, p->pos, from);
	/* the end of the stream stays where it is */
	if (to < piece_end(p) || p->flags & FOS_PIECE_FIN)
		tail = part(c, p, to, piece_end(p));
	if (head != FOS_NONE) {
		c->pieces[head].flags &= (uint16_t)~(FOS_PIECE_FIN | FOS_PIECE_PSH);
		if (tail != FOS_NONE)
			c->pieces[head].flags |= FOS_PIECE_BORROWED;
		link_behind(c, flow, prev, head);
		prev = head;
	}
	if (tail != FOS_NONE) {
		link_behind(c, flow, prev, tail);
		prev = tail;
	}
	link_behind(c, flow, prev, next);
	fos_reasm_account(c, flow, -(int64_t)(to - from),
			  (head != FOS_NONE) + (tail != FOS_NONE) - 1);
	if (head == FOS_NONE && tail == FOS_NONE)
		give_up(c, flow, piece);
	else
		fos_piece_free(c, piece);
	return prev;
}

bool fos_overlap_yield(struct fos_classifier *c, uint32_t flow, const struct fos_reasm_in *in)
{
	const struct range r = { in->pos, in->pos + in->len };
	uint32_t prev, next;

	if (c->flows[flow].ooo_first == FOS_NONE || !fos_event_last_copy(c, flow) ||
	    (fos_touch(c, flow)->flags & FOS_FLOW_OPAQUE && !c->p->offline) ||
	    !differs(c, flow, in, &r, &prev))
		return false;
	fos_event_keep_old(c, flow, in->pos, in->len);
	c->local[flow].ooo_last = 0;
	for (;;) {
		next = prev == FOS_NONE ? c->flows[flow].ooo_first : c->pieces[prev].next;
		if (next == FOS_NONE || c->pieces[next].pos >= r.to)
			return true;
		prev = meets(&c->pieces[next], &r) ? cut(c, flow, prev, next, &r) : next;
	}
}
