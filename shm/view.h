/* shm/view.h - reading one stream the way a stage sees it
 *
 * A view is a cursor over one flow's stream as it looks after the first `stage` stages of the
 * pipeline: stage 0 sees the pieces themselves, stage k sees them through the committed edits of
 * the editors before it, up to map(trailing head) of the stage before it.  Positions are those of
 * the stage's input: what comes out of the stages before it.
 *
 * Nothing is copied: spans point into frames (read-only) and into insert blocks.  A PM's records
 * are checked as they are read; one that breaks the rules ends the view there (`broken` names the
 * PM).  Tails are computed, never stored: the trailing head of a stage is the least head of the
 * PMs that watch this flow's direction; an edit counts downstream only once the trailing head has
 * reached its end.
 *
 * Caller: any process that reads streams (pmhost: its own stage; egress: after the last stage).
 * Pure but for the shared memory it reads; single-threaded.
 */
#ifndef FOS_SHM_VIEW_H
#define FOS_SHM_VIEW_H

#include <stddef.h>
#include <string.h>

#include "shm/box.h"

enum fos_span_kind {
	FOS_SPAN_NONE = 0,
	FOS_SPAN_PIECE = 1, /* bytes of a piece, base position `base_pos` */
	FOS_SPAN_INSERT = 2 /* bytes inserted by an editor before base position `base_pos` */
};

/* struct fos_span - bytes that lie together */
struct fos_span {
	const uint8_t *data;
	uint32_t len;
	uint32_t kind;
	uint64_t pos;      /* in the view's positions */
	uint64_t base_pos; /* in the unedited stream: of data[0]; inserts: of the next byte */
	uint32_t piece;    /* index, FOS_SPAN_PIECE only */
	uint32_t piece_off; /* of data[0] in the piece */
	uint32_t edit_pm;  /* FOS_SPAN_INSERT: whose */
	struct fos_piece pc; /* the piece, copied and checked; FOS_SPAN_PIECE only */
};

/* one editing stage below the view, or the trailing head of a reading one */
struct fos_layer {
	uint32_t editor; /* PM index or FOS_NONE when nobody edits in this stage */
	uint64_t limit;  /* trailing head, in this stage's input positions */
	uint64_t least, most; /* of the heads that its PMs have published and that count */
	uint64_t begin;  /* `in` when the view was opened */
	uint64_t in;     /* cursor: next input position of this stage */
	uint64_t out;    /* the same place in its output */
	uint32_t ins_off; /* bytes already taken of the insert at `edit` */
	uint32_t edit;   /* next edit record, or FOS_NONE */
	uint32_t nr;     /* its number */
	uint32_t edits;  /* committed edits when the view was opened */
	uint32_t mover;  /* PM of the stage that moves the flow, or FOS_NONE */
	uint64_t moves_at; /* its head; of several the one that is furthest behind */
};

static inline void fos_layer_note(struct fos_layer *l, uint64_t head)
{
	l->least = head < l->least ? head : l->least;
	l->most = head > l->most ? head : l->most;
}

struct fos_view {
	const struct fos_box *box;
	uint32_t flow;
	uint32_t gen;
	uint32_t nr_layers;
	uint32_t pipeline;  /* that the flow is in */
	uint64_t start;     /* where the flow begins in its pipeline: struct fos_route */
	uint64_t base_tail; /* app.tail when opened */
	uint64_t base;      /* cursor in the unedited stream */
	uint32_t piece;     /* one at or before `base`, or FOS_NONE: look it up from `first` */
	bool edited;        /* below the view there may be edits; else `passed` is not read */
	uint64_t passed[FOS_MAX_EDITORS + 1]; /* by egress, when opened: struct fos_out's pos */
	uint32_t broken;    /* PM index that broke the rules, or FOS_NONE */
	struct fos_layer layer[FOS_MAX_STAGES]; /* last: fos_view_copy() */
};

/* As an assignment, without the layers that there are not. */
static inline void fos_view_copy(struct fos_view *to, const struct fos_view *from)
{
	memcpy(to, from, offsetof(struct fos_view, layer));
	for (uint32_t i = 0; i < from->nr_layers; i++)
		to->layer[i] = from->layer[i];
}

/* Opens the view of `flow`'s app stream as input of app stage `stage` (0-based among all stages of
 * the pipeline; nr_stages = what egress sees), its cursor at position pos.  False: the flow's
 * generation is not `gen`, a published record is not readable now, or pos is not in the stream. */
bool fos_view_open(struct fos_view *v, const struct fos_box *box, uint32_t flow, uint32_t gen,
		   uint32_t stage, uint64_t pos);

/* Next bytes at the cursor, at most max; moves the cursor.  False at the tail. */
bool fos_view_next(struct fos_view *v, uint32_t max, struct fos_span *span);

/* Gives the last n bytes back of the span that fos_view_next() has given last: they are the next ones
 * again.  What was deleted before the span stays passed. */
static inline void fos_view_back(struct fos_view *v, const struct fos_span *span, uint32_t n)
{
	for (uint32_t i = v->nr_layers; i-- > 0;) {
		struct fos_layer *l = &v->layer[i];

		l->out -= n;
		if (span->kind == FOS_SPAN_INSERT && l->editor == span->edit_pm) {
			l->ins_off -= n;
			return;
		}
		l->in -= n;
	}
	v->base -= n;
	v->piece = span->piece;
}

/* Steps over edits that leave no bytes at the cursor (deletions), so that the layers' `in` and
 * `base` say how much input is used up even when nothing follows.  Returns true when something
 * moved. */
bool fos_view_settle(struct fos_view *v);

/* Has a PM published a head that lies behind where the cursor was when the view was opened (for
 * egress: behind what has left), or, of the first stage, one beyond what there is?  Either is harmless,
 * and no honest host does it.  An answer may be wrong while others publish; two in a row are not. */
static inline bool fos_view_astray(const struct fos_view *v)
{
	for (uint32_t i = 0; i < v->nr_layers; i++)
		if (v->layer[i].least < v->layer[i].begin)
			return true;
	return v->nr_layers > 0 && v->layer[0].most > v->base_tail;
}

/* Tail of the view: position after the last byte visible now (walks the edits ahead). */
uint64_t fos_view_tail(const struct fos_view *v);

/* Has every stage released all that it was given, and is the cursor behind all of it?  A stream whose
 * last bytes were deleted is used up before a later stage has released what was inserted there. */
bool fos_view_ended(const struct fos_view *v);

/* Base position (unedited stream) of the cursor after settling. */
static inline uint64_t fos_view_base(const struct fos_view *v)
{
	return v->base;
}

/* The PM by whose decision the flow moves to another pipeline, once the cursor is behind all that stays in
 * this one: every later stage has released all that the PM let go before.  FOS_NONE: not yet, or nobody. */
uint32_t fos_view_moved(const struct fos_view *v);

/* Finds and copies the piece that holds position pos of a stream (app: bytes; pkt with `l4`: tcp
 * positions).  FOS_NONE when it is not (or no longer) there.  `from` = a piece known to lie at or before
 * pos, or FOS_NONE. */
uint32_t fos_piece_find(const struct fos_box *box, uint32_t flow, uint32_t gen, bool app, bool l4,
			uint64_t pos, uint32_t from, struct fos_piece *out);

/* A piece copied and checked (flow, generation, frame and lengths inside the frame). */
bool fos_piece_get(const struct fos_box *box, uint32_t piece, uint32_t flow, uint32_t gen,
		   struct fos_piece *out);

#endif
