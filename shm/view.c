/* shm/view.c - composed iterators over pieces and edits, see view.h */
#include "shm/view.h"

#include <string.h>

/* The walk restarts from `first` that many times when the classifier reclaims under it. */
#define FIND_TRIES 4
#define FIND_STEPS (1u << 22)
#define OPEN_TRIES 64 /* egress publishes once a batch; to meet it that often is no chance */

bool fos_piece_get(const struct fos_box *box, uint32_t piece, uint32_t flow, uint32_t gen,
		   struct fos_piece *out)
{
	const struct fos_piece *p;

	if (piece >= box->cls->nr_pieces)
		return false;
	p = &box->pieces[piece];
	*out = *p;
	/* a piece reused while we copied it shows another owner or place now */
	fos_fence_acquire();
	if (fos_relaxed32(&p->flow) != flow || fos_relaxed32(&p->flow_gen) != gen ||
	    fos_relaxed64(&p->pos) != out->pos)
		return false;
	return out->flow == flow && out->flow_gen == gen && out->frame < box->dir->nr_frames &&
	       ((uint32_t)out->off + out->len <= box->dir->frame_size ||
		out->flags & FOS_PIECE_GONE) &&
	       (uint32_t)out->l4_off + out->l4_len <= box->dir->frame_size;
}

static uint64_t piece_start(const struct fos_piece *p, bool l4)
{
	return l4 ? p->pos_l4 : p->pos;
}

static uint64_t piece_end(const struct fos_piece *p, bool l4)
{
	return l4 ? p->pos_l4 + p->l4_len : p->pos + p->len;
}

/* Walks from `at` to the piece holding pos, and copies it; FOS_NONE when the chain breaks. */
static uint32_t walk(const struct fos_box *box, uint32_t flow, uint32_t gen, bool l4, uint64_t pos,
		     uint32_t at, uint64_t tail, struct fos_piece *p)
{
	for (uint32_t i = 0; i < FIND_STEPS && at != FOS_NONE; i++) {
		if (!fos_piece_get(box, at, flow, gen, p) || piece_start(p, l4) > pos)
			return FOS_NONE;
		if (pos < piece_end(p, l4))
			return at;
		if (piece_end(p, l4) >= tail && !l4)
			return FOS_NONE;
		at = p->next;
	}
	return FOS_NONE;
}

uint32_t fos_piece_find(const struct fos_box *box, uint32_t flow, uint32_t gen, bool app, bool l4,
			uint64_t pos, uint32_t from, struct fos_piece *p)
{
	const struct fos_stream *s = app ? &box->flows[flow].app : &box->flows[flow].pkt;
	/* pairs with the classifier's release of the tail: pieces below it are linked */
	uint64_t tail = fos_acquire64(&s->tail);
	uint32_t found;

	if (pos >= (l4 ? fos_relaxed64(&s->tail_l4) : tail))
		return FOS_NONE;
	if (from != FOS_NONE) {
		found = walk(box, flow, gen, l4, pos, from, tail, p);
		if (found != FOS_NONE)
			return found;
	}
	for (int i = 0; i < FIND_TRIES; i++) {
		found = walk(box, flow, gen, l4, pos, fos_acquire32(&s->first), tail, p);
		if (found != FOS_NONE)
			return found;
	}
	return FOS_NONE;
}

/* Copies edit record `idx` of a layer's editor and checks what can be checked alone. */
static bool edit_get(const struct fos_view *v, const struct fos_layer *l, uint32_t idx,
		     uint32_t nr, struct fos_edit *out)
{
	if (idx >= v->box->dir->nr_edits)
		return false;
	*out = v->box->pm_edits[l->editor][idx];
	__builtin_prefetch(&v->box->pm_edits[l->editor][out->next]); /* any index may be fetched */
	return out->flow == v->flow && out->flow_gen == v->gen && out->nr == nr &&
	       out->ins <= FOS_INSERT_MAX && out->pos + out->del >= out->pos;
}

/* How far egress is, in the positions before and after each editor; below that, editors forget
 * their edits, each when it comes to it. */
static void read_passed(struct fos_view *v)
{
	const struct fos_out *o = &v->box->outs[v->flow];

	/* pairs with egress's release of each */
	for (uint32_t i = 0; i <= FOS_MAX_EDITORS; i++)
		v->passed[i] = fos_acquire64(&o->pos[i]);
	if (fos_acquire32(&o->gen) != v->gen)
		memset(v->passed, 0, sizeof(v->passed));
}

/* A deletion leaves no trace in the output: that the cursor is behind it, not before, shows only
 * in egress's having passed it.  What stages before had there may be forgotten already. */
static bool deletion_passed(const struct fos_view *v, const struct fos_layer *l,
			    const struct fos_edit *e)
{
	uint32_t n = fos_dir_editor(v->box->dir, v->pipeline, l->editor);

	return e->ins == 0 && n >= 1 && n <= FOS_MAX_EDITORS && e->pos + e->del <= v->passed[n - 1] &&
	       e->out_pos <= v->passed[n];
}

/* Places a layer's cursor at output position q: finds the edits behind and the one ahead. */
static bool layer_seek(const struct fos_view *v, struct fos_layer *l, const struct fos_pm_pub *pub,
		       uint64_t q)
{
	uint64_t in = pub->head, out = pub->out_head; /* a known pair of equal places */
	uint32_t idx = pub->edit_first, nr = pub->edits_freed + 1;
	struct fos_edit e;

	l->out = q;
	l->ins_off = 0;
	l->edits = pub->edits;
	for (uint32_t left = pub->edits - pub->edits_freed; left > 0; left--) {
		if (!edit_get(v, l, idx, nr, &e) || e.pos + e.del > pub->head)
			return false;
		if (left != pub->edits - pub->edits_freed && e.out_pos - e.pos != out - in)
			return false; /* not the place that the edit before it leads to */
		if (q < e.out_pos + e.ins || (q == e.out_pos && !deletion_passed(v, l, &e))) {
			l->edit = idx;
			l->nr = nr;
			l->ins_off = q > e.out_pos ? (uint32_t)(q - e.out_pos) : 0;
			l->in = q > e.out_pos ? e.pos : e.pos - (e.out_pos - q);
			return true;
		}
		in = e.pos + e.del;
		out = e.out_pos + e.ins;
		idx = e.next;
		nr++;
	}
	/* the stream was given up, and the edits behind the cursor are forgotten: no place to be */
	if (q < out && v->passed[fos_dir_editor(v->box->dir, v->pipeline, l->editor) %
				 (FOS_MAX_EDITORS + 1)] >= FOS_POS_MAX)
		return false;
	l->edit = FOS_NONE;
	l->nr = nr;
	l->in = in + (q - out);
	return true;
}

/* Opens one stage as a layer above those already open; q is the wanted place in its output. */
static bool layer_open(struct fos_view *v, uint32_t pipeline, uint32_t stage, struct fos_layer *l,
		       uint64_t q)
{
	const struct fos_dir_stage *st = &v->box->dir->pipeline[pipeline].stage[stage];
	uint32_t flags = v->box->flows[v->flow].flags;
	struct fos_pm_pub pub, editor_pub = {0};

	memset(l, 0, sizeof(*l));
	l->editor = FOS_NONE;
	l->edit = FOS_NONE;
	l->limit = l->moves_at = l->least = FOS_POS_MAX;
	l->mover = FOS_NONE;
	l->in = q;
	l->out = q;
	for (uint32_t i = 0; i < st->nr_pms; i++) {
		uint32_t pm = st->pm[i];

		if (!fos_box_watches(v->box->dir, pm, flags))
			continue;
		if (!fos_box_pub(v->box, pm, v->flow, v->gen, &pub))
			pub = (struct fos_pm_pub){.head = v->start, .out_head = v->start};
		else if (pub.head < FOS_POS_MAX)
			fos_layer_note(l, pub.head);
		if (pub.head < l->limit)
			l->limit = pub.head;
		if (fos_pub_moves(&pub) && pub.head < l->moves_at) {
			l->mover = pm;
			l->moves_at = pub.head;
		}
		if (v->box->dir->pm[pm].edits) {
			l->editor = pm;
			editor_pub = pub;
		}
	}
	if (l->editor == FOS_NONE)
		return true;
	if (editor_pub.edits - editor_pub.edits_freed > v->box->dir->nr_edits)
		return false;
	return layer_seek(v, l, &editor_pub, q);
}

static bool open_once(struct fos_view *v, uint32_t stage, uint64_t pos)
{
	const struct fos_flow *f = &v->box->flows[v->flow];
	const struct fos_dir_pipeline *pl;
	struct fos_route_slot route;
	uint32_t pipeline;
	uint64_t q = pos;

	fos_box_route(v->box, v->flow, v->gen, &route);
	pipeline = route.pipeline;
	if (pipeline >= v->box->dir->nr_pipelines)
		return false;
	v->start = route.start;
	v->pipeline = pipeline;
	pl = &v->box->dir->pipeline[pipeline];
	v->nr_layers = stage > pl->nr_pkt_stages ? stage - pl->nr_pkt_stages : 0;
	v->edited = v->nr_layers > 0 && pl->nr_editors > 0;
	if (v->edited)
		read_passed(v);
	for (uint32_t i = v->nr_layers; i-- > 0;) {
		struct fos_layer *l = &v->layer[i];

		if (!layer_open(v, pipeline, pl->nr_pkt_stages + i, l, q)) {
			v->broken = l->editor;
			return false;
		}
		q = l->begin = l->in;
	}
	v->base = q;
	v->piece = FOS_NONE;
	/* read after the heads: what a PM has released lies below this tail */
	v->base_tail = fos_acquire64(&f->app.tail);
	return fos_acquire32(&f->gen) == v->gen && q <= v->base_tail;
}

/* False when egress moved on while the layers were opened: they may not fit each other. */
static bool still_passed(const struct fos_view *v)
{
	const struct fos_out *o = &v->box->outs[v->flow];

	if (!v->edited || fos_acquire32(&o->gen) != v->gen)
		return true;
	for (uint32_t i = 0; i <= FOS_MAX_EDITORS; i++)
		if (fos_acquire64(&o->pos[i]) != v->passed[i])
			return false;
	return true;
}

bool fos_view_open(struct fos_view *v, const struct fos_box *box, uint32_t flow, uint32_t gen,
		   uint32_t stage, uint64_t pos)
{
	v->box = box;
	v->flow = flow;
	v->gen = gen;
	/* an edit freed and reused between the copy of `pub` and the copy of the record looks
	 * broken once; what is still broken after fresh copies is */
	for (int i = 0, again = 0; i < 4; i++) {
		bool good;

		v->broken = FOS_NONE;
		v->edited = false;
		good = open_once(v, stage, pos);
		if (!still_passed(v) && again++ < OPEN_TRIES) {
			i = 0;
			continue;
		}
		if (good)
			return true;
		if (v->broken == FOS_NONE)
			return false;
	}
	return false;
}

static bool pull_base(struct fos_view *v, uint64_t max, struct fos_span *span)
{
	struct fos_piece *p = &span->pc;
	uint64_t off, n;

	if (v->base >= v->base_tail || max == 0)
		return false;
	v->piece = fos_piece_find(v->box, v->flow, v->gen, true, false, v->base, v->piece, p);
	if (v->piece == FOS_NONE)
		return false;
	off = v->base - p->pos;
	n = p->len - off;
	if (n > max)
		n = max;
	if (n > v->base_tail - v->base)
		n = v->base_tail - v->base;
	span->data = fos_box_frame(v->box, p->frame) + p->off + off;
	span->len = (uint32_t)n;
	span->kind = FOS_SPAN_PIECE;
	span->pos = v->base;
	span->base_pos = v->base;
	span->piece = v->piece;
	span->piece_off = (uint32_t)off;
	span->edit_pm = FOS_NONE;
	v->base += n;
	/* below the tail what follows is linked */
	if (v->base == p->pos + p->len && v->base < v->base_tail)
		v->piece = p->next;
	__builtin_prefetch(&v->box->pieces[p->next]);
	return true;
}

static bool pull(struct fos_view *v, uint32_t depth, uint64_t max, struct fos_span *span);

/* Consumes n bytes of the output of the first `depth` layers. */
static bool skip(struct fos_view *v, uint32_t depth, uint64_t n)
{
	struct fos_span s;

	if (depth == 0) {
		/* deleted pieces need not be looked at */
		if (n > v->base_tail - v->base)
			return false;
		v->base += n;
		return true;
	}
	while (n > 0) {
		if (!pull(v, depth, n, &s))
			return false;
		n -= s.len;
	}
	return true;
}

/* The edit at the cursor, if it is due: copied, checked and within the trailing head. */
static bool edit_due(struct fos_view *v, const struct fos_layer *l, struct fos_edit *e, bool *at)
{
	*at = false;
	if (l->edit == FOS_NONE)
		return true;
	if (!edit_get(v, l, l->edit, l->nr, e) || e->pos < l->in) {
		v->broken = l->editor;
		return false;
	}
	*at = e->pos == l->in && e->pos + e->del <= l->limit;
	return true;
}

static bool edit_finish(struct fos_view *v, uint32_t depth, const struct fos_edit *e)
{
	struct fos_layer *l = &v->layer[depth - 1];

	if (!skip(v, depth - 1, e->del)) {
		v->broken = l->editor;
		return false;
	}
	l->in += e->del;
	l->ins_off = 0;
	l->edit = l->nr < l->edits ? e->next : FOS_NONE;
	l->nr++;
	return true;
}

static void span_of_insert(struct fos_view *v, struct fos_layer *l, const struct fos_edit *e,
			   uint64_t max, struct fos_span *span)
{
	uint32_t n = e->ins - l->ins_off;

	if (n > max)
		n = (uint32_t)max;
	span->data = v->box->pm_inserts[l->editor] + (uint64_t)l->edit * FOS_INSERT_MAX +
		     l->ins_off;
	span->len = n;
	span->kind = FOS_SPAN_INSERT;
	span->pos = l->out;
	span->base_pos = v->base;
	span->piece = FOS_NONE;
	span->piece_off = 0;
	span->edit_pm = l->editor;
	l->ins_off += n;
	l->out += n;
}

static bool pull(struct fos_view *v, uint32_t depth, uint64_t max, struct fos_span *span)
{
	struct fos_layer *l;
	struct fos_edit e;
	uint64_t room;
	bool at;

	if (depth == 0)
		return pull_base(v, max, span);
	l = &v->layer[depth - 1];
	for (;;) {
		if (!edit_due(v, l, &e, &at))
			return false;
		if (!at)
			break;
		if (l->ins_off < e.ins) {
			span_of_insert(v, l, &e, max, span);
			return true;
		}
		if (!edit_finish(v, depth, &e))
			return false;
	}
	room = l->limit > l->in ? l->limit - l->in : 0;
	if (l->edit != FOS_NONE && e.pos - l->in < room)
		room = e.pos - l->in;
	if (room == 0 || !pull(v, depth - 1, max < room ? max : room, span))
		return false;
	l->in += span->len;
	span->pos = l->out;
	l->out += span->len;
	return true;
}

bool fos_view_next(struct fos_view *v, uint32_t max, struct fos_span *span)
{
	return pull(v, v->nr_layers, max, span);
}

bool fos_view_settle(struct fos_view *v)
{
	bool moved = false;

	for (uint32_t depth = 1; depth <= v->nr_layers; depth++) {
		struct fos_layer *l = &v->layer[depth - 1];
		struct fos_edit e;
		bool at;

		while (edit_due(v, l, &e, &at) && at && l->ins_off == e.ins) {
			if (!edit_finish(v, depth, &e))
				return moved;
			moved = true;
		}
	}
	return moved;
}

/* Where input tail t of a layer lies in its output, walking the edits ahead of the cursor. */
static uint64_t layer_tail(const struct fos_view *v, const struct fos_layer *l, uint64_t t)
{
	uint64_t in = l->in, out = l->out;
	uint32_t idx = l->edit, nr = l->nr, ins_off = l->ins_off;

	while (idx != FOS_NONE) {
		struct fos_edit e;

		if (!edit_get(v, l, idx, nr, &e) || e.pos < in || e.pos > t)
			break;
		if (e.pos + e.del > t)
			return out + (e.pos - in); /* crosses the trailing head: waits */
		out += e.pos - in + (e.ins - ins_off);
		in = e.pos + e.del;
		ins_off = 0;
		idx = nr < l->edits ? e.next : FOS_NONE;
		nr++;
	}
	return t > in ? out + (t - in) : out;
}

uint64_t fos_view_tail(const struct fos_view *v)
{
	uint64_t t = v->base_tail;

	for (uint32_t i = 0; i < v->nr_layers; i++) {
		const struct fos_layer *l = &v->layer[i];

		if (l->limit < t)
			t = l->limit;
		t = layer_tail(v, l, t);
	}
	return t;
}

bool fos_view_ended(const struct fos_view *v)
{
	uint64_t t = v->base_tail, at = v->base;

	for (uint32_t i = 0; i < v->nr_layers; i++) {
		const struct fos_layer *l = &v->layer[i];

		if (l->limit < t)
			return false;
		t = layer_tail(v, l, t);
		at = l->out;
	}
	return at == t;
}

/* From there on as fos_view_ended(), the stage's trailing head being the end of all that comes. */
uint32_t fos_view_moved(const struct fos_view *v)
{
	uint32_t at = v->nr_layers;
	uint64_t t, end;

	while (at > 0 && v->layer[at - 1].mover == FOS_NONE)
		at--;
	if (at == 0 || v->layer[at - 1].limit != v->layer[at - 1].moves_at)
		return FOS_NONE;
	end = v->layer[at - 1].out;
	t = layer_tail(v, &v->layer[at - 1], v->layer[at - 1].limit);
	for (uint32_t i = at; i < v->nr_layers; i++) {
		if (v->layer[i].limit < t)
			return FOS_NONE;
		t = layer_tail(v, &v->layer[i], t);
		end = v->layer[i].out;
	}
	return end == t ? v->layer[at - 1].mover : FOS_NONE;
}
