/* pmhost/http_body.c - a body shown as a window, and what the module does to it in raw bytes
 *
 * The body's runs are parts of raw segments; between them lies framing.  Body position p lies in
 * the raw window at the first byte of p's run plus the rest, so framing before p goes with the
 * bytes before p.  In a body that leaves in chunks of our own every release deletes the framing it
 * passes, and puts one chunk around what it lets go.
 */
#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/http.h"
#include "pmhost/window.h"

#define SWAP(a, b) do { __typeof__(a) t_ = (a); (a) = (b); (b) = t_; } while (0)

static void turn_over(struct fos_window *w)
{
	struct fos_http_view *v = w->http;

	SWAP(w->seg, v->seg);
	SWAP(w->nr_seg, v->nr_seg);
	SWAP(w->cap_seg, v->cap_seg);
	SWAP(w->head, v->head);
	SWAP(w->tail, v->tail);
	SWAP(w->fin, v->fin);
	SWAP(w->more, v->more);
	SWAP(w->edits, v->edits);
	v->shown = !v->shown;
}

const uint8_t *fos_http_bytes(const struct fos_window *w, uint64_t pos, size_t *n)
{
	uint32_t i = fos_window_seg(w, pos);

	*n = i < w->nr_seg ? w->seg[i].len - (size_t)(pos - w->seg[i].pos) : 0;
	return *n ? w->seg[i].data + (pos - w->seg[i].pos) : NULL;
}

/* ---------------------------------------------------------------- showing */

/* While a body is shown: its i-th run, in raw segment *from or one behind it. */
static void add_run(struct fos_window *w, uint32_t i, uint32_t *from)
{
	const struct fos_http_view *v = w->http;
	struct fos_seg *run = fos_window_add(w);
	uint32_t off;

	while (v->raw[i] >= v->seg[*from].pos + v->seg[*from].len)
		(*from)++;
	off = (uint32_t)(v->raw[i] - v->seg[*from].pos);
	*run = v->seg[*from];
	run->data += off;
	run->piece_off += off;
	run->pos = w->tail;
	run->len = v->run_len[i];
	w->tail += run->len;
}

/* The framer, looking ahead. */
struct look {
	struct fos_http_frame f;
	uint64_t at;
	uint64_t whole; /* before it there is no piece of framing that is not complete */
};

/* The next run of the raw window; false: there is none (now). */
static bool next_run(struct fos_window *w, struct look *l, uint32_t i)
{
	struct fos_http_view *v = w->http;
	enum fos_http_event ev;

	for (;;) {
		size_t n, took;
		const uint8_t *p = fos_http_bytes(w, l->at, &n);

		took = fos_http_step(&l->f, p, n, &ev);
		v->raw[i] = l->at;
		v->run_len[i] = (uint32_t)took;
		l->at += took;
		v->ends = ev == FOS_HTTP_BODY_END;
		v->broken = ev == FOS_HTTP_OPAQUE;
		if (v->ends || ev == FOS_HTTP_DATA || (ev == FOS_HTTP_MORE && fos_http_between(&l->f)))
			l->whole = l->at;
		if (ev == FOS_HTTP_DATA)
			return true;
		if (ev != FOS_HTTP_MORE || (n == 0 && took == 0))
			return false;
	}
}

/* A body's last byte may end it without further bytes; then the two are seen together. */
static bool ends_here(const struct look *l)
{
	struct fos_http_frame f = l->f;
	enum fos_http_event ev;

	return fos_http_step(&f, NULL, 0, &ev) == 0 && ev == FOS_HTTP_BODY_END;
}

/* What is malformed is not ours to delete, and what is not complete waits, so that it does not matter
 * where segments end; `all`: nothing more will come. */
static uint32_t find_runs(struct fos_window *w, bool all)
{
	struct fos_http_view *v = w->http;
	struct look l = {.f = fos_http_state(w)->frame, .at = w->head, .whole = w->head};
	uint32_t nr = 0;

	while (nr < v->max_runs && !v->ends && next_run(w, &l, nr)) {
		nr++;
		v->ends = ends_here(&l);
	}
	v->limited = nr == v->max_runs && !v->ends;
	v->raw_end = all && !v->broken ? l.at : l.whole;
	if (!v->ends && !v->broken && w->fin && l.at == w->tail && fos_http_eof(&l.f))
		v->ends = true; /* it lasted until the close */
	return nr;
}

void fos_http_show(struct fos_window *w, enum fos_http_look look)
{
	struct fos_http_view *v = w->http;
	uint32_t nr = 0, from = 0;
	bool end;

	v->raw_end = w->head;
	v->ends = v->broken = v->limited = false;
	if (look != FOS_HTTP_NOTHING)
		nr = find_runs(w, look == FOS_HTTP_ALL || w->fin);
	end = v->ends || v->broken || (w->fin && v->raw_end == w->tail);
	turn_over(w);
	fos_edits_clear(&w->edits);
	w->nr_seg = 0;
	w->head = w->tail = fos_http_state(w)->body_pos;
	for (uint32_t i = 0; i < nr; i++)
		add_run(w, i, &from);
	w->fin = look != FOS_HTTP_NOTHING && end;
	v->cut = w->fin && !v->ends;
}

void fos_http_hide(struct fos_window *w)
{
	if (w->http->shown)
		turn_over(w);
}

/* ---------------------------------------------------------------- edits, translated */

static uint64_t raw_of(const struct fos_window *w, uint64_t pos)
{
	uint32_t i = fos_window_seg(w, pos);

	return i < w->nr_seg ? w->http->raw[i] + (pos - w->seg[i].pos) : w->http->raw_end;
}

static int stage_raw(struct fos_window *w, uint64_t raw, uint64_t del, const void *ins, size_t n)
{
	struct fos_staged_edit e = {.pos = raw, .del = del, .ins = (uint32_t)n};

	return del || n ? fos_edits_stage(&w->http->edits, &e, ins, n, 0) : FOS_OK;
}

/* Where the run of body position pos ends, at most `end`. */
static uint64_t run_end(const struct fos_window *w, uint64_t pos, uint64_t end)
{
	uint32_t i = fos_window_seg(w, pos);
	uint64_t to = i < w->nr_seg ? w->seg[i].pos + w->seg[i].len : end;

	return to < end ? to : end;
}

/* One edit of the module: run by run; what takes the place of a deletion goes with its end. */
static int translate(struct fos_window *w, const struct fos_staged_edit *e)
{
	const uint8_t *ins = w->edits.bytes + e->off;
	uint64_t pos = e->pos, end = e->pos + e->del;
	int rc = FOS_OK;

	if (e->del == 0)
		return stage_raw(w, raw_of(w, pos), 0, ins, e->ins);
	while (pos < end && rc == FOS_OK) {
		uint64_t to = run_end(w, pos, end);
		struct fos_staged_edit r = {.pos = raw_of(w, pos), .del = to - pos,
					    .paired = e->paired};

		if (e->paired)
			r.ins = (uint32_t)(to - pos);
		else if (to == end)
			r.ins = e->ins;
		rc = fos_edits_stage(&w->http->edits, &r, ins, r.ins, 0);
		ins += e->paired ? r.ins : 0;
		pos = to;
	}
	return rc;
}

/* The framing between the raw head and the position where it goes. */
static int delete_framing(struct fos_window *w, uint64_t raw_to)
{
	struct fos_http_view *v = w->http;
	uint64_t at = v->head;
	int rc = FOS_OK;

	for (uint32_t i = 0; i < w->nr_seg && rc == FOS_OK && v->raw[i] < raw_to; i++) {
		uint64_t end = v->raw[i] + w->seg[i].len;

		if (v->raw[i] > at)
			rc = stage_raw(w, at, v->raw[i] - at, NULL, 0);
		if (end > at)
			at = end;
	}
	return rc || raw_to <= at ? rc : stage_raw(w, at, raw_to - at, NULL, 0);
}

/* A chunk's first line: its size. */
static size_t put_size(char *line, uint64_t size)
{
	uint32_t shift = 60;
	size_t n = 0;

	while (shift && !(size >> shift))
		shift -= 4;
	for (; shift; shift -= 4)
		line[n++] = "0123456789abcdef"[size >> shift & 15];
	line[n++] = "0123456789abcdef"[size & 15];
	line[n++] = '\r';
	line[n++] = '\n';
	return n;
}

/* All that a release at `pos` does to raw bytes; `end`: the body ends there. */
static int stage_release(struct fos_window *w, uint64_t pos, bool end)
{
	const struct fos_http_state *s = fos_http_state(w);
	struct fos_http_view *v = w->http;
	bool own = s->mode == FOS_HTTP_OWN;
	uint64_t out = pos - w->head, raw = pos == w->tail ? v->raw_end : raw_of(w, pos);
	struct fos_staged_edit part;
	static const char after[] = "\r\n0\r\n\r\n"; /* behind a chunk; the last one; its trailer's end */
	char line[32];
	int rc = FOS_OK;

	for (uint32_t i = 0; i < w->edits.nr && fos_edits_part(&w->edits.e[i], pos, &part); i++)
		out += part.ins - part.del;
	if (own && out > 0)
		rc = stage_raw(w, v->head, 0, line, put_size(line, out));
	if (own && rc == FOS_OK)
		rc = delete_framing(w, raw);
	for (uint32_t i = 0; i < w->edits.nr && rc == FOS_OK; i++) {
		if (!fos_edits_part(&w->edits.e[i], pos, &part))
			break;
		rc = translate(w, &part);
	}
	if (!own || rc != FOS_OK)
		return rc;
	return stage_raw(w, raw, 0, after + (out > 0 ? 0 : 2),
			 (out > 0 ? 2 : 0) +
				 (!end ? 0 : s->frame.body != FOS_HTTP_CHUNKED ? 5 : 3));
}

/* ---------------------------------------------------------------- releasing */

/* The framer over [from, to) of the raw window, and over the body's end. */
static void follow(struct fos_window *w, uint64_t from, uint64_t to, bool end)
{
	struct fos_http_state *s = fos_http_state(w);
	enum fos_http_event ev = FOS_HTTP_MORE;

	while (from < to) {
		size_t n;
		const uint8_t *p = fos_http_bytes(w, from, &n);

		if (n > to - from)
			n = (size_t)(to - from);
		from += fos_http_step(&s->frame, p, n, &ev);
	}
	if (!end)
		return;
	if (ev != FOS_HTTP_BODY_END && w->fin)
		fos_http_eof(&s->frame);
	if (ev != FOS_HTTP_BODY_END)
		fos_http_step(&s->frame, NULL, 0, &ev);
}

int fos_http_release(struct fos_window *w, uint64_t pos)
{
	struct fos_http_view *v = w->http;
	struct fos_http_state *s = fos_http_state(w);
	uint64_t raw, from;
	bool end, last;
	int rc;

	if (!v->shown)
		return FOS_EPERM;
	if (pos < w->head || pos > w->tail)
		return FOS_EINVAL;
	end = pos == w->tail && v->ends;
	last = pos == w->tail && w->fin; /* or nothing more will come */
	raw = pos == w->tail ? v->raw_end : raw_of(w, pos);
	fos_edits_clear(&v->edits);
	rc = stage_release(w, pos, end);
	if (rc != FOS_OK)
		return rc;
	s->body_pos += pos - w->head;
	s->marks |= last ? FOS_HTTP_ENDED : 0;
	w->ctx_touched = true;
	fos_http_verdict(w);
	fos_edits_passed(&w->edits, pos);
	turn_over(w);
	from = w->head;
	follow(w, from, raw, end);
	rc = fos_commit_window(w, raw, 0);
	fos_edits_clear(&w->edits);
	turn_over(w);
	w->head = rc == FOS_OK ? pos : w->head;
	if (rc != FOS_OK || last)
		w->tail = w->head;
	if (end)
		v->ends = false;
	return rc;
}

bool fos_http_fixed(const struct fos_window *w)
{
	return w->http && w->http->shown && fos_http_state(w)->mode == FOS_HTTP_FIXED;
}

int fos_http_may_edit(const struct fos_window *w)
{
	const struct fos_http_state *s = fos_http_state(w);

	if (!w->http->shown || w->pm->in == FOS_IN_HEAD || s->mode == FOS_HTTP_AS_IS ||
	    (s->marks & FOS_HTTP_ENDED))
		return FOS_EPERM;
	return FOS_OK;
}

/* Behind the stream's end nothing can come any more. */
int fos_http_may_insert(const struct fos_window *w, uint64_t pos)
{
	const struct fos_http_view *v = w->http;

	if (fos_http_fixed(w))
		return FOS_EINVAL;
	return pos == w->tail && v->fin && v->head == v->tail ? FOS_EINVAL : FOS_OK;
}
