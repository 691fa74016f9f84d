/* pmhost/window.c - opening a window and reading it; calls of pm.h are documented there */
#include "pmhost/window.h"

#include <stdlib.h>
#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/host.h"
#include "pmhost/http.h"

/* A window shows at most the hold limit and this much more, so that what a PM may not hold any
 * longer can still be told from what it has not seen. */
#define BEYOND_HOLD 65536u

void fos_window_init(struct fos_instance *pm)
{
	struct fos_window *w = &pm->w;

	memset(w, 0, sizeof(*w));
	w->pm = pm;
	w->cap_seg = 256;
	w->seg = malloc(w->cap_seg * sizeof(*w->seg));
	w->ctx = calloc(1, pm->d->ctx_size);
	w->scratch = malloc(FOS_PEEK_MAX);
	if (!w->seg || !w->ctx || !w->scratch)
		abort();
	fos_edits_init(&w->edits, FOS_STAGED_MAX, FOS_STAGED_BYTES);
}

void fos_window_fini(struct fos_instance *pm)
{
	struct fos_window *w = &pm->w;

	fos_edits_fini(&w->edits);
	free(w->seg);
	free(w->ctx);
	free(w->scratch);
	memset(w, 0, sizeof(*w));
}

struct fos_seg *fos_window_add(struct fos_window *w)
{
	if (w->nr_seg == w->cap_seg) {
		w->cap_seg *= 2;
		w->seg = realloc(w->seg, w->cap_seg * sizeof(*w->seg));
		if (!w->seg)
			abort();
	}
	memset(&w->seg[w->nr_seg], 0, sizeof(*w->seg));
	return &w->seg[w->nr_seg++];
}

static void load_ctx(struct fos_window *w)
{
	if (w->fresh)
		memset(w->ctx, 0, w->pm->d->ctx_size);
	else
		memcpy(w->ctx, fos_host_ctx_slot(w->pm, w->flow, w->pub.ctx), w->pm->d->ctx_size);
	w->ctx_touched = false;
}

bool fos_window_turn(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_window *w = &pm->w;

	w->flow = flow;
	w->gen = gen;
	w->flow_flags = pm->box->flows[flow].flags;
	w->info_valid = false;
	w->moved = w->wake_classifier = false;
	w->nr_seg = 0;
	w->fresh = !fos_host_pub(pm, flow, gen, &w->pub);
	w->pub.ctx &= 1u;
	fos_box_route(pm->box, flow, gen, &w->route);
	w->stage = fos_dir_place(pm->dir, w->route.pipeline, pm->index);
	if (w->fresh)
		w->pub.head = w->pub.out_head = w->route.start;
	fos_move_look(w);
	w->head = w->tail = w->pub.head;
	return fos_acquire32(&pm->box->flows[flow].gen) == gen;
}

/* `state` was read before the tail, so an end that it tells of is final. */
static bool app_ended(const struct fos_window *w, const struct fos_view *v, uint32_t state)
{
	const struct fos_flow *f = &w->pm->box->flows[w->flow];
	uint64_t base = fos_view_base(v);

	/* an earlier stage may yet release what it inserts at the end */
	if (!fos_view_ended(v))
		return false;
	if ((state & (FOS_FLOW_ST_FIN | FOS_FLOW_ST_RESET)) && base == fos_relaxed64(&f->fin_pos))
		return true;
	return (state & FOS_FLOW_ST_CLOSED) && base == v->base_tail;
}

/* Has a module of an earlier stage refused the connection, and does the view stand behind all that it had
 * let go?  It lets go of no more. */
static bool app_refused(const struct fos_window *w, const struct fos_view *v, uint32_t state)
{
	const struct fos_box *box = w->pm->box;
	const struct fos_dir_pipeline *pl = &box->dir->pipeline[v->pipeline];

	if (!(state & FOS_FLOW_ST_CLOSED) || box->flows[w->flow].close != FOS_CLOSE_PM)
		return false;
	for (uint32_t i = 0; i < v->nr_layers; i++) {
		const struct fos_dir_stage *st = &pl->stage[pl->nr_pkt_stages + i];

		for (uint32_t k = 0; k < st->nr_pms && v->layer[i].in == v->layer[i].limit; k++) {
			struct fos_pm_pub pub;

			if (fos_box_watches(box->dir, st->pm[k], w->flow_flags) &&
			    fos_box_pub(box, st->pm[k], w->flow, w->gen, &pub) &&
			    (pub.verdict == FOS_VERDICT_DROP || pub.verdict == FOS_VERDICT_RESET) &&
			    pub.head == v->layer[i].limit)
				return true;
		}
	}
	return false;
}

/* Bytes of the stream up to `cut`, a position in it as it came in.  True: it is reached. */
static bool add_span(struct fos_window *w, const struct fos_span *s, uint64_t cut)
{
	uint32_t len = s->len;
	struct fos_seg *seg;

	if (s->base_pos >= cut)
		return true;
	if (s->kind == FOS_SPAN_PIECE && len > cut - s->base_pos)
		len = (uint32_t)(cut - s->base_pos);
	seg = fos_window_add(w);
	seg->data = s->data;
	seg->pos = w->tail;
	seg->len = len;
	seg->piece = s->kind == FOS_SPAN_PIECE ? s->piece : FOS_NONE;
	seg->piece_off = s->piece_off;
	w->tail += len;
	return len < s->len;
}

static void app_open(struct fos_window *w, uint64_t limit)
{
	struct fos_instance *pm = w->pm;
	/* pairs with the classifier's release of `state` */
	uint32_t state = fos_acquire32(&pm->box->flows[w->flow].state);
	uint64_t cut = UINT64_MAX;
	struct fos_view v;
	struct fos_span s;
	bool ended;

	if (!fos_view_open(&v, pm->box, w->flow, w->gen, w->stage, w->head))
		return;
	/* after the tail: an event is published before the bytes behind it */
	if (pm->events)
		cut = fos_events_cut(pm, w->flow, w->gen);
	w->cut = cut != UINT64_MAX;
	while (!w->reached && w->tail - w->head < limit && fos_view_next(&v, BEYOND_HOLD, &s))
		w->reached = add_span(w, &s, cut);
	w->more = w->tail - w->head >= limit;
	/* pipelines between which flows move have no events */
	if (w->moving && fos_move_cut(w)) {
		w->fin = true;
		return;
	}
	if (w->reached || w->more || v.broken != FOS_NONE)
		return;
	fos_view_settle(&v);
	ended = app_ended(w, &v, state) || app_refused(w, &v, state);
	w->reached = fos_view_base(&v) >= cut || (w->cut && ended);
	w->fin = (!w->cut && ended) ||
		 (w->moving == FOS_MOVING_END && fos_view_moved(&v) != FOS_NONE);
}

void fos_window_forget(struct fos_window *w)
{
	fos_commit_discard(w->pm);
	fos_edits_clear(&w->edits);
	load_ctx(w);
	w->verdict = FOS_VERDICT_PASS;
	w->resend = FOS_RESEND_AS_IT_IS;
}

void fos_window_open(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;

	fos_window_forget(w);
	w->rewrites = w->rewrites_peer = false;
	w->again = w->fin = w->more = false;
	w->cut = w->reached = w->released = w->asks = false;
	w->hold_bytes = w->hold_ns = UINT64_MAX;
	w->nr_seg = 0;
	w->head = w->tail = w->open_tail = w->pub.head;
	if (w->pub.head >= FOS_POS_MAX)
		return;
	if (pm->d->stream == FOS_STREAM_APP)
		app_open(w, pm->hold_bytes + BEYOND_HOLD);
	else
		fos_packet_open(w, pm->hold_bytes + BEYOND_HOLD);
	w->open_tail = w->tail;
}

/* ---------------------------------------------------------------- reading */

uint64_t fos_head(const struct fos_window *w)
{
	return w->head;
}

uint64_t fos_tail(const struct fos_window *w)
{
	return w->tail;
}

bool fos_fin(const struct fos_window *w)
{
	return w->fin && !w->again;
}

uint32_t fos_window_seg(const struct fos_window *w, uint64_t pos)
{
	uint32_t lo = w->pm->near_seg, hi = w->nr_seg;

	if (pos < w->head || pos >= w->tail)
		return w->nr_seg;
	/* where the last one was, or behind it, most are */
	for (uint32_t i = 0; i < 2 && lo < hi && w->seg[lo].pos <= pos; i++, lo++)
		if (pos - w->seg[lo].pos < w->seg[lo].len)
			return w->pm->near_seg = lo;
	lo = 0;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->seg[mid].pos <= pos)
			lo = mid;
		else
			hi = mid;
	}
	return w->pm->near_seg = lo;
}

size_t fos_read(struct fos_window *w, uint64_t pos, void *buf, size_t len)
{
	uint32_t i = fos_window_seg(w, pos);
	size_t done = 0;

	for (; i < w->nr_seg && done < len; i++) {
		const struct fos_seg *s = &w->seg[i];
		size_t off = (size_t)(pos + done - s->pos);
		size_t n = s->len - off;

		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)buf + done, s->data + off, n);
		done += n;
	}
	return done;
}

const void *fos_peek(struct fos_window *w, uint64_t pos, size_t len)
{
	uint32_t i;

	if (len > FOS_PEEK_MAX || pos < w->head || pos > w->tail || len > w->tail - pos)
		return NULL;
	if (len == 0)
		return w->scratch;
	i = fos_window_seg(w, pos);
	if (pos - w->seg[i].pos + len <= w->seg[i].len)
		return w->seg[i].data + (pos - w->seg[i].pos);
	fos_read(w, pos, w->scratch, len);
	return w->scratch;
}

int fos_iov(struct fos_window *w, uint64_t pos, size_t len, struct fos_iov *iov, int max)
{
	uint32_t i = fos_window_seg(w, pos);
	int n = 0;

	for (; i < w->nr_seg && n < max && len > 0; i++, n++) {
		const struct fos_seg *s = &w->seg[i];
		size_t off = (size_t)(pos - s->pos);

		iov[n].data = s->data + off;
		iov[n].len = s->len - off < len ? s->len - off : len;
		iov[n].pos = pos;
		pos += iov[n].len;
		len -= iov[n].len;
	}
	return n;
}

/* ---------------------------------------------------------------- editing */

static int may_edit(const struct fos_window *w, uint64_t pos, uint64_t len)
{
	if (!w->pm->d->edits || w->pm->d->stream != FOS_STREAM_APP)
		return FOS_EPERM;
	if (w->again)
		return FOS_AGAIN;
	if (w->pub.head >= FOS_POS_MAX || pos < w->head || pos > w->tail || len > w->tail - pos)
		return FOS_EINVAL;
	return w->http ? fos_http_may_edit(w) : FOS_OK;
}

/* Of what is inserted n bytes are at `data`, the others `fill`. */
static int stage(struct fos_window *w, const struct fos_staged_edit *e, const void *data, size_t n,
		 int fill)
{
	int rc = may_edit(w, e->pos, e->del);

	return rc ? rc : fos_edits_stage(&w->edits, e, data, n, fill);
}

int fos_delete(struct fos_window *w, uint64_t pos, uint64_t len)
{
	struct fos_staged_edit e = {.pos = pos, .del = len};

	if (fos_http_fixed(w))
		return fos_fill(w, pos, ' ', len);
	return len == 0 ? may_edit(w, pos, 0) : stage(w, &e, NULL, 0, 0);
}

int fos_insert(struct fos_window *w, uint64_t pos, const void *data, size_t len)
{
	struct fos_staged_edit e = {.pos = pos, .ins = (uint32_t)len};

	if (len == 0)
		return may_edit(w, pos, 0);
	if (len > FOS_STAGED_BYTES)
		return FOS_EFULL;
	if (w->http && fos_http_may_insert(w, pos) != FOS_OK)
		return FOS_EINVAL;
	/* the end of the stream has already gone on: nothing can come before it any more */
	if (!w->http && w->fin && w->head == w->tail)
		return FOS_EINVAL;
	return stage(w, &e, data, len, 0);
}

int fos_replace(struct fos_window *w, uint64_t pos, uint64_t len, const void *data, size_t n)
{
	struct fos_staged_edit e = {.pos = pos, .del = len, .ins = (uint32_t)n};

	if (n == 0)
		return fos_delete(w, pos, len);
	if (len == 0)
		return fos_insert(w, pos, data, n);
	if (fos_http_fixed(w)) { /* as long as it was: blanks make up for what is missing */
		if (n > len || len > FOS_STAGED_BYTES)
			return n > len ? FOS_EINVAL : FOS_EFULL;
		e.ins = (uint32_t)len;
		e.paired = true;
	}
	return n > FOS_STAGED_BYTES ? FOS_EFULL : stage(w, &e, data, n, ' ');
}

int fos_overwrite(struct fos_window *w, uint64_t pos, const void *data, size_t len)
{
	struct fos_staged_edit e = {.pos = pos, .del = len, .ins = (uint32_t)len, .paired = true};

	if (len == 0)
		return may_edit(w, pos, 0);
	return len > FOS_STAGED_BYTES ? FOS_EFULL : stage(w, &e, data, len, 0);
}

int fos_fill(struct fos_window *w, uint64_t pos, int byte, uint64_t len)
{
	struct fos_staged_edit e = {.pos = pos, .del = len, .ins = (uint32_t)len, .paired = true};

	if (len == 0)
		return may_edit(w, pos, 0);
	return len > FOS_STAGED_BYTES ? FOS_EFULL : stage(w, &e, NULL, 0, byte);
}

/* ---------------------------------------------------------------- releasing */

int fos_release(struct fos_window *w, uint64_t pos)
{
	if (w->again)
		return FOS_AGAIN;
	/* these commit once, with the mark that they have run */
	if (w->pm->in == FOS_IN_OPEN || w->pm->in == FOS_IN_CLOSE || w->pm->in == FOS_IN_HEAD)
		return FOS_EPERM;
	if (w->pub.head >= FOS_POS_MAX)
		return w->pm->in == FOS_IN_EVENT ? FOS_OK : fos_commit_window(w, w->pub.head, 0);
	/* the flow is another pipeline's from here on */
	if (w->pub.verdict == FOS_VERDICT_MOVE)
		return FOS_EPERM;
	if (w->http)
		return fos_http_release(w, pos);
	if (pos < w->head || pos > w->tail)
		return FOS_EINVAL;
	if (w->pm->in == FOS_IN_EVENT) {
		w->release = pos;
		w->released = true;
		return FOS_OK;
	}
	return fos_commit_window(w, pos, 0);
}

int fos_release_all(struct fos_window *w)
{
	return fos_release(w, w->tail);
}

void fos_hold(struct fos_window *w, uint64_t bytes, uint32_t ms)
{
	w->hold_bytes = bytes ? bytes : UINT64_MAX;
	w->hold_ns = ms ? (uint64_t)ms * 1000000u : UINT64_MAX;
}

void fos_bypass(struct fos_window *w)
{
	w->verdict = FOS_VERDICT_BYPASS;
}

void fos_drop(struct fos_window *w)
{
	w->verdict = FOS_VERDICT_DROP;
}

void fos_reset(struct fos_window *w)
{
	w->verdict = FOS_VERDICT_RESET;
}
