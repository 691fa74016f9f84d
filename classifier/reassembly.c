/* classifier/reassembly.c - the app stream and its OOSEQ queue, see reassembly.h */
#include "classifier/reassembly.h"

#include <string.h>

#include "classifier/event.h"
#include "classifier/overlap.h"
#include "classifier/packet.h"

#define MAX_GAPS 64u /* pieces that one segment is cut into; the rest comes again */
#define MAX_EVICT 16u

static uint64_t piece_end(const struct fos_piece *p)
{
	return p->pos + p->len;
}

/* ------------------------------------------------------------------ stream and queue */

void fos_reasm_append(struct fos_classifier *c, uint32_t flow, uint32_t piece)
{
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];
	struct fos_piece *p = &c->pieces[piece];

	p->flow = flow;
	p->flow_gen = s->gen;
	if (s->app_first == FOS_NONE)
		s->app_first = piece;
	else
		fos_piece_link(c, f->app.last, piece);
	f->app.last = piece;
	s->app_tail += p->len;
	fos_cls_count(c, FOS_C_pieces_appended);
}

static uint32_t queue_last(struct fos_classifier *c, uint32_t flow)
{
	uint32_t i = c->local[flow].ooo_last;

	if (i != 0 || c->flows[flow].ooo_first == FOS_NONE)
		return i - 1;
	for (i = c->flows[flow].ooo_first; c->pieces[i].next != FOS_NONE;)
		i = c->pieces[i].next;
	c->local[flow].ooo_last = i + 1;
	return i;
}

void fos_reasm_account(struct fos_classifier *c, uint32_t flow, int64_t bytes, int pieces)
{
	struct fos_flow *f = &c->flows[flow];

	fos_touch(c, flow);
	f->ooo_bytes = (uint32_t)(f->ooo_bytes + bytes);
	f->nr_ooo = (uint32_t)((int64_t)f->nr_ooo + pieces);
	fos_touch_header(c)->ooo_total += (uint64_t)bytes;
}

uint64_t fos_reasm_pinned_fin(struct fos_classifier *c, uint32_t flow)
{
	uint32_t last = queue_last(c, flow);

	return last != FOS_NONE && c->pieces[last].flags & FOS_PIECE_FIN ?
		       piece_end(&c->pieces[last]) :
		       UINT64_MAX;
}

uint64_t fos_reasm_end(struct fos_classifier *c, uint32_t flow)
{
	uint32_t last = queue_last(c, flow);

	return last != FOS_NONE ? piece_end(&c->pieces[last]) : fos_touch(c, flow)->app_tail;
}

bool fos_reasm_fin_fits(const struct fos_classifier *c, uint32_t flow, uint64_t fin, bool in_order)
{
	for (uint32_t i = c->flows[flow].ooo_first; i != FOS_NONE; i = c->pieces[i].next) {
		const struct fos_piece *p = &c->pieces[i];

		if (piece_end(p) > fin && (!in_order || p->pos < fin))
			return false;
	}
	return true;
}

void fos_reasm_flush(struct fos_classifier *c, uint32_t flow, uint32_t reason)
{
	struct fos_flow *f = &c->flows[flow];

	if (f->ooo_first == FOS_NONE)
		return;
	fos_touch(c, flow);
	fos_purge_add(c, f->ooo_first, reason);
	fos_reasm_account(c, flow, -(int64_t)f->ooo_bytes, -(int)f->nr_ooo);
	f->ooo_first = FOS_NONE;
	c->local[flow].ooo_last = 0;
}

/* Bytes of a piece that the queue holds. */
static int64_t held(const struct fos_piece *p)
{
	return p->flags & FOS_PIECE_GONE ? 0 : p->len;
}

/* What has become contiguous moves into the stream.  A FIN ends it: what is queued beyond lies
 * after the end. */
static void drain(struct fos_classifier *c, uint32_t flow)
{
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];
	bool moved = false, fin = false;

	while (f->ooo_first != FOS_NONE && c->pieces[f->ooo_first].pos == s->app_tail && !fin) {
		uint32_t i = f->ooo_first;
		struct fos_piece *p = &c->pieces[i];

		f->ooo_first = p->next;
		fos_reasm_account(c, flow, -held(p), -1);
		fos_reasm_append(c, flow, i);
		fin = p->flags & FOS_PIECE_FIN;
		moved = true;
	}
	if (!moved)
		return;
	fos_piece_link(c, f->app.last, FOS_NONE);
	if (f->ooo_first == FOS_NONE)
		c->local[flow].ooo_last = 0;
	if (!fin)
		return;
	s->fin_pos = s->app_tail;
	s->state |= FOS_FLOW_ST_FIN;
	fos_reasm_flush(c, flow, FOS_C_drop_tcp_after_end);
}

/* ------------------------------------------------------------------ bounds of the queue */

/* Takes the furthest piece out of the queue.  Its frame goes unless a piece before borrows it. */
static void evict_last(struct fos_classifier *c, uint32_t flow)
{
	struct fos_flow *f = &c->flows[flow];
	uint32_t last = queue_last(c, flow), prev = FOS_NONE, heir = FOS_NONE;
	struct fos_piece *p = &c->pieces[last];

	fos_touch(c, flow);
	for (uint32_t i = f->ooo_first; i != last; i = c->pieces[i].next) {
		if (c->pieces[i].frame == p->frame && !(c->pieces[i].flags & FOS_PIECE_GONE))
			heir = i;
		prev = i;
	}
	if (prev == FOS_NONE)
		f->ooo_first = FOS_NONE;
	else
		fos_piece_link(c, prev, FOS_NONE);
	c->local[flow].ooo_last = prev + 1;
	fos_reasm_account(c, flow, -(int64_t)p->len, -1);
	if (heir == FOS_NONE) {
		fos_purge_add(c, last, FOS_C_drop_ooo_limit);
		return;
	}
	fos_txn_save(&c->txn, &c->pieces[heir].flags, sizeof(p->flags));
	c->pieces[heir].flags &= (uint16_t)~FOS_PIECE_BORROWED;
	fos_piece_free(c, last);
}

/* What has gone on is to be remembered: the receiver may have it. */
static bool evictable(struct fos_classifier *c, uint32_t flow)
{
	uint32_t last = queue_last(c, flow);

	return last != FOS_NONE && !(c->pieces[last].flags & FOS_PIECE_GONE);
}

void fos_reasm_trim(struct fos_classifier *c, uint32_t flow)
{
	uint64_t most, tail = fos_touch(c, flow)->app_tail;

	if (c->flows[flow].ooo_first == FOS_NONE)
		return;
	most = fos_event_bound(c, flow);
	for (uint32_t n = 0; n < MAX_EVICT && evictable(c, flow) &&
			     piece_end(&c->pieces[queue_last(c, flow)]) - tail > most; n++)
		evict_last(c, flow);
}

/* May the run be queued?  Furthest first: others of the flow make way only if they lie beyond. */
static bool queue_has_room(struct fos_classifier *c, uint32_t flow, const struct fos_reasm_in *in)
{
	uint64_t tail = fos_touch(c, flow)->app_tail, most = fos_event_bound(c, flow);

	if (in->gone)
		return in->pos + in->len - tail <= FOS_REASM_GONE_SPAN &&
		       c->flows[flow].nr_ooo < FOS_REASM_GONE_RUNS;
	if (in->pos + in->len - tail > (most < c->dir->ooo_per_flow ? most : c->dir->ooo_per_flow))
		return false;
	for (uint32_t n = 0; c->priv->ooo_total + in->len > c->dir->ooo_total; n++) {
		uint32_t last = queue_last(c, flow);

		if (n == MAX_EVICT || !evictable(c, flow) || c->pieces[last].pos <= in->pos)
			return false;
		evict_last(c, flow);
	}
	return true;
}

/* ------------------------------------------------------------------ placing a run */

struct placer {
	struct fos_classifier *c;
	uint32_t flow;
	const struct fos_reasm_in *in;
	uint32_t prev; /* queue piece before the place, or FOS_NONE */
	uint32_t made;
	uint32_t most;
	uint32_t owner[FOS_MAX_SEGS]; /* by part: the piece that owns its frame */
};

static uint32_t next_of(const struct placer *p)
{
	return p->prev == FOS_NONE ? p->c->flows[p->flow].ooo_first : p->c->pieces[p->prev].next;
}

/* Does a run of bytes that have gone on continue the one before?  Then they are one piece. */
static bool extend(struct placer *pl, uint32_t i, uint64_t pos, uint32_t len)
{
	struct fos_piece *p = pl->prev == FOS_NONE ? NULL : &pl->c->pieces[pl->prev];

	if (!pl->in->gone || !p || !(p->flags & FOS_PIECE_GONE) || p->flags & FOS_PIECE_FIN ||
	    piece_end(p) != pos || p->len == 0 || len == 0 || p->len + len > UINT16_MAX)
		return false;
	fos_txn_save(&pl->c->txn, p, sizeof(*p));
	p->len = (uint16_t)(p->len + len);
	pl->owner[i] = pl->prev;
	pl->made++;
	return true;
}

/* A piece of `len` bytes of part `i`, linked behind prev. */
static void put_piece(struct placer *pl, uint32_t i, uint64_t pos, uint32_t off, uint32_t len)
{
	struct fos_classifier *c = pl->c;
	const struct fos_part *part = &pl->in->pkt->part[i];
	uint32_t piece, next;
	struct fos_piece *p;

	if (extend(pl, i, pos, len))
		return;
	piece = fos_piece_new(c);
	next = next_of(pl);
	p = &c->pieces[piece];
	p->pos = pos;
	p->number = fos_box_meta(c->box, part->frame)->number;
	p->frame = part->frame;
	p->gen = part->gen;
	p->off = (uint16_t)(part->off + off);
	p->len = (uint16_t)len;
	p->flags = pl->in->gone ? FOS_PIECE_GONE | FOS_PIECE_BORROWED : 0;
	p->flow = pl->flow;
	p->flow_gen = fos_touch(c, pl->flow)->gen;
	p->next = next;
	if (pl->prev == FOS_NONE)
		c->flows[pl->flow].ooo_first = piece;
	else
		fos_piece_link(c, pl->prev, piece);
	if (next == FOS_NONE)
		c->local[pl->flow].ooo_last = piece + 1;
	if (pl->owner[i] != FOS_NONE)
		c->pieces[pl->owner[i]].flags |= FOS_PIECE_BORROWED;
	pl->owner[i] = piece;
	pl->prev = piece;
	pl->made++;
	fos_reasm_account(c, pl->flow, held(p), 1);
}

/* Bytes [from, to) of the stream: one piece for each part that they lie in.  Returns the position
 * reached. */
static uint64_t put_run(struct placer *pl, uint64_t from, uint64_t to)
{
	uint32_t off = pl->in->off + (uint32_t)(from - pl->in->pos);

	for (uint32_t i = 0; i < pl->in->pkt->nr && from < to && pl->made < pl->most; i++) {
		uint32_t len = pl->in->pkt->part[i].len, n;

		if (off >= len) {
			off -= len;
			continue;
		}
		n = len - off < to - from ? len - off : (uint32_t)(to - from);
		put_piece(pl, i, from, off, n);
		from += n;
		off = 0;
	}
	return from;
}

/* Fills the gaps of [pos, pos+len) between queued pieces.  Returns the position reached. */
static uint64_t fill_gaps(struct placer *pl, bool *differs)
{
	const struct fos_reasm_in *in = pl->in;
	uint64_t cur = in->pos, end = in->pos + in->len;

	while (cur < end && pl->made < pl->most) {
		uint32_t next = next_of(pl);
		const struct fos_piece *p = next == FOS_NONE ? NULL : &pl->c->pieces[next];

		if (p && p->pos <= cur) {
			uint64_t stop = piece_end(p) < end ? piece_end(p) : end;

			if (stop > cur) {
				*differs = *differs || (!(p->flags & FOS_PIECE_GONE) &&
					   fos_reasm_bytes_differ(pl->c, in->pkt,
							in->off + (uint32_t)(cur - in->pos), p,
							(uint32_t)(cur - p->pos),
							(uint32_t)(stop - cur)));
				cur = stop;
			}
			pl->prev = next;
			continue;
		}
		cur = put_run(pl, cur, p && p->pos < end ? p->pos : end);
	}
	return cur;
}

/* What the segment says of its end: on the piece that ends there, or on one without bytes. */
static void mark_end(struct placer *pl, uint64_t end)
{
	struct fos_classifier *c = pl->c;
	uint32_t last = pl->in->pkt->nr - 1;
	bool mine = pl->prev != FOS_NONE && pl->made > 0 && piece_end(&c->pieces[pl->prev]) == end &&
		    pl->owner[last] == pl->prev;

	/* step over queued bytes that end where the stream shall end */
	while (!mine && next_of(pl) != FOS_NONE && piece_end(&c->pieces[next_of(pl)]) <= end)
		pl->prev = next_of(pl);
	/* A FIN that stands there already is enough: a second would be flushed as lying after the end,
	 * and with it the frame of the bytes that came with it. */
	if (!mine && pl->prev != FOS_NONE && c->pieces[pl->prev].flags & FOS_PIECE_FIN &&
	    piece_end(&c->pieces[pl->prev]) == end)
		return;
	if (!mine && pl->in->flags & FOS_PIECE_FIN) {
		put_piece(pl, last, end, pl->in->pkt->part[last].len, 0);
		mine = true;
	}
	if (mine)
		c->pieces[pl->prev].flags |= (uint16_t)pl->in->flags;
}

static enum fos_reasm_result place_queued(struct fos_classifier *c, uint32_t flow,
					  const struct fos_reasm_in *in, bool *differs)
{
	struct placer pl = { .c = c, .flow = flow, .in = in, .prev = FOS_NONE };
	uint64_t end = in->pos + in->len, reached;
	uint32_t last = queue_last(c, flow);

	pl.most = MAX_GAPS + in->pkt->nr;
	if (fos_pieces_left(c) < pl.most + 1 + FOS_OVERLAP_PIECES)
		return FOS_REASM_NO_PIECE;
	memset(pl.owner, 0xff, in->pkt->nr * sizeof(pl.owner[0]));
	fos_touch(c, flow);
	if (last != FOS_NONE && piece_end(&c->pieces[last]) <= in->pos)
		pl.prev = last;
	else
		*differs = fos_overlap_yield(c, flow, in);
	reached = fill_gaps(&pl, differs);
	if (reached == end)
		mark_end(&pl, end);
	if (pl.made == 0)
		return FOS_REASM_NOTHING;
	if (in->gone)
		return FOS_REASM_TAKEN;
	if (in->whole && pl.made == 1 && c->pieces[pl.owner[0]].len == in->len && in->len > 0)
		c->pieces[pl.owner[0]].flags |= FOS_PIECE_WHOLE;
	for (uint32_t i = 0; i < in->pkt->nr; i++)
		if (pl.owner[i] == FOS_NONE)
			fos_cls_drop(c, in->pkt->part[i].frame, in->pkt->part[i].gen,
				 FOS_C_drop_tcp_duplicate);
	drain(c, flow);
	return FOS_REASM_TAKEN;
}

/* The common case: one frame, in order, nothing queued. */
static enum fos_reasm_result place_next(struct fos_classifier *c, uint32_t flow,
					const struct fos_reasm_in *in)
{
	struct fos_shadow *s = fos_touch(c, flow);
	const struct fos_part *part = &in->pkt->part[0];
	uint32_t piece = fos_piece_new(c);
	struct fos_piece *p = &c->pieces[piece];

	if (piece == FOS_NONE)
		return FOS_REASM_NO_PIECE;
	p->pos = in->pos;
	p->number = fos_box_meta(c->box, part->frame)->number;
	p->frame = part->frame;
	p->gen = part->gen;
	p->off = (uint16_t)(part->off + in->off);
	p->len = (uint16_t)in->len;
	p->flags = (uint16_t)(in->flags | (in->whole && in->len ? FOS_PIECE_WHOLE : 0));
	fos_reasm_append(c, flow, piece);
	if (in->flags & FOS_PIECE_FIN) {
		s->fin_pos = s->app_tail;
		s->state |= FOS_FLOW_ST_FIN;
	}
	return FOS_REASM_TAKEN;
}

enum fos_reasm_result fos_reasm_place(struct fos_classifier *c, uint32_t flow,
				      const struct fos_reasm_in *in, bool *differs)
{
	uint64_t tail = fos_touch(c, flow)->app_tail;

	if (in->pos == tail && c->flows[flow].ooo_first == FOS_NONE && in->pkt->nr == 1)
		return place_next(c, flow, in);
	if (in->pos > tail && !queue_has_room(c, flow, in))
		return FOS_REASM_TOO_FAR;
	return place_queued(c, flow, in, differs);
}

/* ------------------------------------------------------------------ reclaiming */

bool fos_reasm_reclaim(struct fos_classifier *c, uint32_t flow)
{
	const struct fos_out *out = &c->box->outs[flow];
	uint32_t gen, i;
	uint64_t upto;
	bool all;

	if (fos_app_first_now(c, flow) == FOS_NONE)
		return true;
	gen = fos_gen_now(c, flow);
	/* pairs with egress's release of gen: the positions are that generation's */
	if (gen == 0 || fos_acquire32(&out->gen) != gen)
		return true;
	/* pairs with egress's releases: below pos[0] it has taken every frame; done: all of them */
	upto = fos_acquire64(&out->pos[0]);
	all = fos_acquire32(&out->done) & FOS_OUT_DONE;
	while ((i = fos_app_first_now(c, flow)) != FOS_NONE) {
		const struct fos_piece *p = &c->pieces[i];

		/* a piece without bytes (FIN, RST) says nothing by its position */
		if (!all && (p->len == 0 || piece_end(p) > upto))
			return true;
		if (!fos_batch_room(c, 0))
			return false;
		/* egress may have sent the frame home since, and it may be here again */
		if (!(p->flags & FOS_PIECE_BORROWED) && c->claims[p->frame] == p->gen)
			fos_disclaim(c, p->frame);
		fos_touch(c, flow)->app_first = p->next;
		fos_piece_free(c, i);
	}
	return true;
}
