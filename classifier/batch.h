/* classifier/batch.h - one pass is one transaction
 *
 * Private words are saved before they change; published words live in shadows until the commit.
 * Whoever does a step that changes flows asks fos_batch_room() first; what one packet or one hint
 * can need at most is within what that promises.
 */
#ifndef FOS_CLASSIFIER_BATCH_H
#define FOS_CLASSIFIER_BATCH_H

#include "classifier/classifier.h"

void fos_batch_begin(struct fos_classifier *c);

/* Room for one more packet or hint, while `spare` shadows are left for others? */
bool fos_batch_room_exactly(struct fos_classifier *c, uint32_t spare);

static inline bool fos_batch_room(struct fos_classifier *c, uint32_t spare)
{
	/* twice a packet: while there is much of everything this is enough to know */
	if (c->nr_shadows + spare + 8 <= FOS_SHADOWS && c->out->next < c->easy_out &&
	    c->txn.log->nr_redo < c->easy_redo && c->txn.log->undo_bytes < c->easy_undo &&
	    c->event.nr_missed == 0)
		return true;
	return fos_batch_room_exactly(c, spare);
}

/* Commits, then posts the hints. */
void fos_batch_commit(struct fos_classifier *c);

/* The flow's shadow; its private words may be changed from now on. */
struct fos_shadow *fos_touch_first(struct fos_classifier *c, uint32_t flow);

static inline struct fos_shadow *fos_touch(struct fos_classifier *c, uint32_t flow)
{
	if (c->local[flow].batch == c->batch)
		return (void *)((uint8_t *)c->shadow + c->local[flow].shadow);
	return fos_touch_first(c, flow);
}

/* What the batch has made of the flow's words so far, NULL: nothing.  To look at alone: the flow is not
 * kept for the case of death. */
static inline const struct fos_shadow *fos_touched(const struct fos_classifier *c, uint32_t flow)
{
	return c->local[flow].batch == c->batch ?
		       (const void *)((const uint8_t *)c->shadow + c->local[flow].shadow) :
		       NULL;
}

static inline uint32_t fos_gen_now(const struct fos_classifier *c, uint32_t flow)
{
	const struct fos_shadow *s = fos_touched(c, flow);

	return s ? s->gen : c->flows[flow].gen;
}

static inline uint32_t fos_pkt_first_now(const struct fos_classifier *c, uint32_t flow)
{
	const struct fos_shadow *s = fos_touched(c, flow);

	return s ? s->pkt_first : c->flows[flow].pkt.first;
}

static inline uint32_t fos_app_first_now(const struct fos_classifier *c, uint32_t flow)
{
	const struct fos_shadow *s = fos_touched(c, flow);

	return s ? s->app_first : c->flows[flow].app.first;
}

/* The private header may be changed from now on. */
static inline struct fos_cls_private *fos_touch_header(struct fos_classifier *c)
{
	if (!c->header_saved)
		fos_txn_save(&c->txn, c->priv, sizeof(*c->priv));
	c->header_saved = true;
	return c->priv;
}

/* Stores to single private words, saved first. */
void fos_set32(struct fos_classifier *c, uint32_t *p, uint32_t v);

/* The connection's record may be changed from now on. */
static inline void fos_save_conn(struct fos_classifier *c, uint32_t conn)
{
	/* kept once a batch: noted with the forward flow, where the batch has touched it */
	uint32_t flow = 2 * conn;
	struct fos_shadow *s = c->local[flow].batch == c->batch ? fos_touch(c, flow) : NULL;

	if (s && s->conn_saved)
		return;
	fos_txn_save(&c->txn, &c->conns[conn], sizeof(c->conns[conn]));
	if (s)
		s->conn_saved = true;
}

/* Where the connection that was found last with such a tuple stands, without the keyed hash, which would
 * cost more than all of the comparison.  The same for both directions.  Who makes tuples meet here has his
 * own packets looked up in the table, as all others were.  `src`, `dst`: the last four bytes of the
 * addresses, as they lie. */
static inline uint32_t *fos_flow_near(const struct fos_classifier *c, uint32_t src, uint32_t dst,
				      uint32_t sport, uint32_t dport)
{
	uint64_t h = ((uint64_t)(src ^ dst) << 16 ^ sport ^ dport) * 0x9e3779b97f4a7c15ull;

	return &c->near[h >> (64 - c->near_bits)];
}

/* The next free piece, as it was left; there is one. */
static inline uint32_t fos_piece_take(struct fos_classifier *c)
{
	struct fos_cls_private *h = fos_touch_header(c);

	return c->fifo[h->fifo_head++ % (2ull * c->cls->nr_pieces)];
}

/* A free piece, zeroed, `next` = FOS_NONE; FOS_NONE when there is none. */
uint32_t fos_piece_new(struct fos_classifier *c);

/* Gives a piece back (usable after the commit). */
static inline void fos_piece_free(struct fos_classifier *c, uint32_t piece)
{
	struct fos_cls_private *h = fos_touch_header(c);

	c->fifo[h->fifo_tail++ % (2ull * c->cls->nr_pieces)] = piece;
}

/* Links `piece` behind `prev` (an existing piece): its `next` is kept for the case of death. */
void fos_piece_link(struct fos_classifier *c, uint32_t prev, uint32_t piece);

/* Pieces that can be had in this batch. */
uint64_t fos_pieces_left(const struct fos_classifier *c);

/* Sends a descriptor to egress.  With a frame: it is egress's from the commit on. */
void fos_emit(struct fos_classifier *c, enum fos_desc_kind kind, uint32_t frame, uint32_t gen,
	      uint32_t flow, uint64_t pos, uint32_t len, uint32_t flags);

/* The frame goes home by way of egress, its packet counted as dropped for `reason`. */
void fos_cls_drop(struct fos_classifier *c, uint32_t frame, uint32_t gen, uint32_t reason);

/* The frame is no longer ours (egress has taken it out of the stream). */
static inline void fos_disclaim(struct fos_classifier *c, uint32_t frame)
{
	fos_txn_publish32(&c->txn, &c->claims[frame], 0);
}

/* The piece, and those linked behind it up to `last`, are dropped when there is room: frames that
 * they own go home counted as `reason`. */
void fos_purge_add(struct fos_classifier *c, uint32_t first, uint32_t reason);

/* Works on what fos_purge_add() collected.  Returns pieces done. */
uint32_t fos_purge_work(struct fos_classifier *c);

/* PM `pm` (egress) is to look at the flow after the commit. */
void fos_hint_pm(struct fos_classifier *c, uint32_t flow, uint32_t pm);
void fos_hint_egress(struct fos_classifier *c, uint32_t flow);

#endif
