/* pmhost/http_flow.c - over the raw window, message by message, see http.h
 *
 * Every step ends in a commit of head and framer state; what is between two commits can be done
 * again.  Nothing is committed of a header block that is not complete, so that the module's word
 * on it comes first.
 */
#include <stdlib.h>
#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/http.h"
#include "pmhost/visit.h"
#include "pmhost/window.h"

enum found {
	NOTHING, /* the window is used up, or what is there has to wait */
	BLOCK,   /* a header block */
	BODY,    /* a body for the module */
	END      /* the direction is not HTTP any more */
};

/* ---------------------------------------------------------------- set-up */

int fos_http_init(struct fos_instance *pm)
{
	struct fos_window *w = &pm->w;
	struct fos_http_view *v = calloc(1, sizeof(*v));
	const char *encoding = fos_option(pm, "accept_encoding", 0);

	if (!v || !(v->block = malloc(FOS_HTTP_HEAD_LIMIT + 1)) ||
	    !(v->text = malloc(FOS_HTTP_TEXT + FOS_HTTP_TEXT_OWN)) ||
	    !(v->more_text = malloc(FOS_HTTP_TEXT + FOS_HTTP_TEXT_OWN)))
		abort();
	v->cap_seg = FOS_HTTP_RUNS;
	v->max_runs = FOS_HTTP_RUNS;
	/* a release must find records for what is between the runs, whatever the module does */
	if (pm->d->edits && pm->edits.nr / 8 < v->max_runs)
		v->max_runs = pm->edits.nr / 8 + 1;
	v->seg = malloc(v->cap_seg * sizeof(*v->seg));
	if (!v->seg)
		abort();
	/* while no body is shown, the window's own list is for raw edits */
	v->edits = w->edits;
	fos_edits_init(&w->edits, 4 * FOS_STAGED_MAX, FOS_STAGED_BYTES + 4 * FOS_HTTP_TEXT);
	w->http = v;
	v->plain = encoding ? strcmp(encoding, "identity") == 0 :
			      (pm->module->flags & FOS_PM_PLAIN) != 0;
	if (encoding && !v->plain && strcmp(encoding, "keep") != 0) {
		fos_say(pm, "option accept_encoding: '%s' is neither keep nor identity", encoding);
		return -1;
	}
	if (v->plain && !pm->d->edits) {
		fos_say(pm, "a module without FOS_PM_EDITS cannot change what requests accept");
		return -1;
	}
	return 0;
}

void fos_http_fini(struct fos_instance *pm)
{
	struct fos_http_view *v = pm->w.http;

	if (!v)
		return;
	fos_edits_fini(&v->edits);
	free(v->seg);
	free(v->block);
	free(v->text);
	free(v->more_text);
	free(v);
	pm->w.http = NULL;
}

/* ---------------------------------------------------------------- small questions */

static bool is_reverse(const struct fos_window *w)
{
	return (w->flow_flags & FOS_FLOW_REVERSE) != 0;
}

bool fos_http_ours(const struct fos_window *w)
{
	uint8_t d = w->pm->d->http_direction;

	return (d == FOS_DIR_BOTH || (d == FOS_DIR_REVERSE) == is_reverse(w)) &&
	       !(fos_http_state(w)->marks & FOS_HTTP_BLIND);
}

bool fos_http_blind(const struct fos_window *w)
{
	return (fos_http_state(w)->marks & FOS_HTTP_BLIND) != 0;
}

/* Must the header block be at hand as a whole?  Requests: for what is remembered of them. */
static bool wants_block(const struct fos_window *w)
{
	const struct fos_http_state *s = fos_http_state(w);

	return !(s->marks & FOS_HTTP_MISSED) && fos_http_in_head(&s->frame) &&
	       (!is_reverse(w) || fos_http_ours(w));
}

static void restore(struct fos_window *w)
{
	struct fos_http_state *s;

	fos_http_hide(w);
	fos_window_forget(w);
	s = fos_http_state(w);
	if (s->marks & FOS_HTTP_BEGUN)
		return;
	fos_http_begin(&s->frame, is_reverse(w));
	s->marks |= FOS_HTTP_BEGUN;
}

void fos_http_verdict(struct fos_window *w)
{
	if (!w->http || w->verdict != FOS_VERDICT_BYPASS)
		return;
	fos_http_state(w)->marks |= FOS_HTTP_BLIND;
	w->ctx_touched = true;
	w->verdict = FOS_VERDICT_PASS;
}

static void wake_peer(struct fos_window *w)
{
	uint32_t peer = FOS_PEER(w->flow);

	if (w->pm->local[peer].waits)
		fos_visit_later(w->pm, peer);
}

static bool commit(struct fos_window *w, uint64_t at)
{
	w->ctx_touched = true;
	return fos_commit_window(w, at, 0) == FOS_OK;
}

/* From `at` on the direction passes untouched. */
static enum found leave(struct fos_window *w, uint64_t at, enum fos_http_why why)
{
	fos_http_state(w)->marks |= FOS_HTTP_GONE;
	w->verdict = FOS_VERDICT_BYPASS;
	if (commit(w, at))
		fos_count(w->pm->p->counter, why == FOS_HTTP_MALFORMED ? FOS_C_http_malformed :
									 FOS_C_http_switched, 1);
	return END;
}

/* ---------------------------------------------------------------- before a message
 * Where a direction is at the first byte of a message: goes on (BODY), waits (NOTHING), or is no HTTP
 * any more (END).  What it depends on is what the other direction says, not how far that is: who is
 * early waits, as long as its hold lasts.  (On the wire only responses to nothing are early.) */

static enum found wait_for_peer(struct fos_window *w, bool forced)
{
	w->pm->local[w->flow].waits = !forced;
	return forced ? BODY : NOTHING;
}

/* Behind a request that may switch protocols bytes mean what its answer says. */
static enum found begin_request(struct fos_window *w, bool forced)
{
	const struct fos_http_state *s = fos_http_state(w), *peer = fos_http_peer(w);

	if (s->number == 0 ||
	    !(s->asked[(s->number - 1) % FOS_HTTP_PENDING] & FOS_HTTP_ASKED_SWITCH))
		return BODY;
	if (peer && peer->number == s->number)
		return peer->frame.why == FOS_HTTP_SWITCHED ? END : BODY;
	if (peer && (peer->marks & FOS_HTTP_GONE))
		return END;
	return wait_for_peer(w, forced);
}

static enum found begin_response(struct fos_window *w, bool forced)
{
	struct fos_http_state *s = fos_http_state(w);
	const struct fos_http_state *peer = fos_http_peer(w);
	bool known = peer && peer->number - s->number - 1u < FOS_HTTP_PENDING;

	s->answering = FOS_HTTP_ASKED_UNKNOWN;
	if (known)
		s->answering = peer->asked[s->number % FOS_HTTP_PENDING];
	else if (peer && (peer->marks & FOS_HTTP_GONE))
		return END;
	fos_http_answers(&s->frame, (enum fos_http_method)(s->answering & FOS_HTTP_ASKED_METHOD));
	return known ? BODY : wait_for_peer(w, forced);
}

static void end_message(struct fos_window *w)
{
	struct fos_http_state *s = fos_http_state(w);

	s->marks &= FOS_HTTP_BEGUN | FOS_HTTP_BLIND;
	s->mode = FOS_HTTP_AS_IS;
}

/* A header block has been read: the two directions' account of requests.  False: too many. */
static bool account(struct fos_window *w, const struct fos_http_frame *f)
{
	struct fos_http_state *s = fos_http_state(w);

	fos_count(w->pm->p->counter, FOS_C_http_messages, 1);
	if (is_reverse(w)) {
		if ((f->status / 100 != 1 || f->status == 101) && !(s->answering & FOS_HTTP_ASKED_UNKNOWN))
			s->number++;
		return true;
	}
	return fos_http_asked_add(w, (uint8_t)(f->method | (f->minor ? 0 : FOS_HTTP_ASKED_10) |
					       (fos_http_closes(f) ? FOS_HTTP_ASKED_CLOSE : 0) |
					       (f->method == FOS_HTTP_CONNECT ||
								(f->flags & FOS_HTTP_F_UPGRADE) ?
							FOS_HTTP_ASKED_SWITCH :
							0)));
}

/* ---------------------------------------------------------------- header blocks */

/* Looks for the end of the block that begins at `at`; *f: the framer behind it. */
static enum fos_http_event find_block(struct fos_window *w, uint64_t at, uint64_t *end,
				      struct fos_http_frame *f)
{
	enum fos_http_event ev = FOS_HTTP_MORE;

	*f = fos_http_state(w)->frame;
	while (ev == FOS_HTTP_MORE && at < w->tail) {
		size_t n;
		const uint8_t *p = fos_http_bytes(w, at, &n);

		at += fos_http_step(f, p, n, &ev);
	}
	*end = at;
	return ev;
}

static enum fos_http_mode mode_of(const struct fos_http_state *s, bool response)
{
	const struct fos_http_frame *f = &s->frame;
	bool new = f->minor > 0 && (!response || !(s->answering & (FOS_HTTP_ASKED_10 |
								 FOS_HTTP_ASKED_UNKNOWN)));

	if ((f->flags & FOS_HTTP_F_RANGE) || f->status == 206 ||
	    (f->body == FOS_HTTP_LENGTH && f->length == 0))
		return FOS_HTTP_FIXED;
	if (f->body == FOS_HTTP_UNTIL_CLOSE)
		return FOS_HTTP_FREE;
	if (f->body == FOS_HTTP_CHUNKED || new)
		return FOS_HTTP_OWN;
	if (response && (fos_http_closes(f) || ((s->answering & FOS_HTTP_ASKED_10) &&
						(s->answering & FOS_HTTP_ASKED_CLOSE))))
		return FOS_HTTP_FREE;
	return FOS_HTTP_FIXED;
}

static void describe(struct fos_window *w, struct fos_http *i)
{
	const struct fos_http_state *s = fos_http_state(w);

	i->response = is_reverse(w);
	i->body = s->frame.body != FOS_HTTP_NO_BODY;
	i->fixed = i->cut = false;
	i->minor = s->frame.minor;
	i->status = s->frame.status;
	i->length = s->frame.length;
	i->start = s->body_pos;
	i->number = s->number;
	if (i->response)
		fos_http_asked_names(fos_http_peer(w), s->number, w->http);
}

/* The module's word on a block; returns whether it wants the body. */
static bool ask_module(struct fos_window *w)
{
	const struct fos_pm *m = w->pm->module;
	struct fos_http_state *s = fos_http_state(w);
	struct fos_http_view *v = w->http;
	enum fos_http_mode mode = mode_of(s, is_reverse(w));

	v->skip = !m->on_data || s->frame.body == FOS_HTTP_NO_BODY;
	v->info.fixed = mode == FOS_HTTP_FIXED;
	if (m->on_head) {
		fos_http_show(w, FOS_HTTP_NOTHING);
		fos_visit_call(w->pm, FOS_IN_HEAD, m->on_head);
		fos_http_hide(w);
		fos_http_verdict(w);
	}
	if (v->skip || (s->marks & FOS_HTTP_BLIND))
		return false;
	s->marks |= FOS_HTTP_WATCHED;
	s->body_start = s->body_pos;
	if (w->pm->d->edits)
		s->mode = (uint8_t)mode;
	if (s->mode == FOS_HTTP_OWN || (s->mode == FOS_HTTP_FREE &&
					s->frame.body == FOS_HTTP_LENGTH))
		fos_count(w->pm->p->counter, FOS_C_http_mended, 1);
	return true;
}

/* The message at `at` passes without the module.  What lies before it was passed in the state only:
 * the head catches up. */
static enum found miss(struct fos_window *w, uint64_t at, bool count)
{
	fos_http_state(w)->marks |= FOS_HTTP_MISSED;
	if (at > w->head && !commit(w, at))
		return END;
	fos_count(w->pm->p->counter, FOS_C_http_heads_missed, count);
	return BLOCK;
}

/* A complete block in [at, end), `f` the framer behind it. */
static enum found block(struct fos_window *w, uint64_t at, uint64_t end,
			const struct fos_http_frame *f)
{
	struct fos_http_state *s = fos_http_state(w);
	struct fos_http_view *v = w->http;
	bool interim = is_reverse(w) && f->status / 100 == 1;
	bool switched = f->why == FOS_HTTP_SWITCHED;

	if (!fos_http_block_read(w, at, end))
		return miss(w, at, true);
	s->frame = *f;
	describe(w, &v->info);
	if (!switched && !interim && fos_http_ours(w))
		ask_module(w);
	if (!is_reverse(w) && v->plain && fos_http_block_get(v, "Accept-Encoding"))
		fos_http_block_set(v, "Accept-Encoding", "identity");
	if (fos_http_block_mend(w, at) != FOS_OK)
		abort(); /* the lists have room for every line and for the texts */
	if (!account(w, f)) {
		fos_edits_clear(&w->edits);
		return leave(w, at, FOS_HTTP_MALFORMED);
	}
	return commit(w, end) ? BLOCK : END;
}

/* ---------------------------------------------------------------- what is not for the module */

static bool in_watched_body(const struct fos_http_state *s)
{
	return (s->marks & (FOS_HTTP_WATCHED | FOS_HTTP_ENDED)) == FOS_HTTP_WATCHED;
}

/* One step of the framer from *at on, nobody looking. */
static enum found pass(struct fos_window *w, uint64_t *at)
{
	struct fos_http_state *s = fos_http_state(w);
	enum fos_http_event ev;
	size_t n, took;
	const uint8_t *p = fos_http_bytes(w, *at, &n);

	took = fos_http_step(&s->frame, p, n, &ev);
	if (ev == FOS_HTTP_OPAQUE)
		return leave(w, *at, (enum fos_http_why)s->frame.why);
	*at += took;
	if (ev == FOS_HTTP_HEAD) {
		struct fos_http_frame f = s->frame;

		s->mode = FOS_HTTP_AS_IS;
		if (!account(w, &f))
			return leave(w, *at, FOS_HTTP_MALFORMED);
	}
	if (ev == FOS_HTTP_END)
		end_message(w);
	return took == 0 && n == 0 && (ev == FOS_HTTP_MORE || ev == FOS_HTTP_DATA) ? NOTHING : BODY;
}

/* Moves *at over all that the module does not see; says what comes then. */
static enum found advance(struct fos_window *w, uint64_t *at, bool forced)
{
	struct fos_http_state *s = fos_http_state(w);

	for (;;) {
		enum found found = BODY;

		if (fos_http_idle(&s->frame)) {
			if (*at == w->tail)
				return NOTHING;
			found = is_reverse(w) ? begin_response(w, forced) :
						begin_request(w, forced);
		}
		if (found == END)
			return leave(w, *at, FOS_HTTP_SWITCHED);
		if (found == NOTHING)
			return NOTHING;
		if (wants_block(w))
			return BLOCK;
		if (in_watched_body(s))
			return BODY;
		found = pass(w, at);
		if (found != BODY)
			return found;
	}
}

/* ---------------------------------------------------------------- bodies */

/* What the view shows goes on as it is, with the framing behind it. */
static enum found let_go(struct fos_window *w)
{
	struct fos_http_view *v = w->http;
	bool end = v->ends, broken = v->broken, limited = v->limited;

	if (w->tail > w->head || v->raw_end > v->head || w->fin)
		fos_http_release(w, w->tail);
	if (w->again)
		return END;
	restore(w);
	if (broken)
		return leave(w, w->head, FOS_HTTP_MALFORMED);
	return end || limited ? BODY : NOTHING;
}

/* The body at the raw head.  NOTHING: what is left of it waits. */
static enum found body(struct fos_window *w, bool forced)
{
	struct fos_http_view *v = w->http;
	uint64_t from;
	bool end, moved, limited;

	fos_http_show(w, forced ? FOS_HTTP_ALL : FOS_HTTP_WHOLE);
	from = w->head;
	end = w->fin;
	limited = v->limited;
	if (forced || !fos_http_ours(w) || (w->tail == w->head && !end))
		return let_go(w);
	fos_visit_call(w->pm, FOS_IN_DATA, w->pm->module->on_data);
	if (!w->again && w->verdict != FOS_VERDICT_PASS) /* a verdict needs no release */
		fos_http_release(w, w->head);
	if (w->again)
		return END;
	moved = w->head > from;
	restore(w);
	if (in_watched_body(fos_http_state(w)) && (end || !fos_http_ours(w))) {
		fos_http_show(w, FOS_HTTP_WHOLE);
		return let_go(w);
	}
	return end || (moved && limited) ? BODY : NOTHING;
}

static enum found block_at(struct fos_window *w, uint64_t at, bool forced)
{
	enum fos_http_event ev;
	struct fos_http_frame f;
	uint64_t end;

	ev = find_block(w, at, &end, &f);
	if (ev == FOS_HTTP_HEAD)
		return block(w, at, end, &f);
	if (ev != FOS_HTTP_OPAQUE && !forced && !w->fin) {
		if (at > w->head)
			commit(w, at);
		return NOTHING;
	}
	return miss(w, at, ev != FOS_HTTP_OPAQUE);
}

static bool stopped(const struct fos_window *w)
{
	return w->again || w->pub.head >= FOS_POS_MAX || w->pub.verdict == FOS_VERDICT_DROP ||
	       w->pub.verdict == FOS_VERDICT_RESET;
}

void fos_http_work(struct fos_window *w, bool forced)
{
	uint32_t ver = w->pm->flows[w->flow].ver;
	enum found found = BODY;

	restore(w);
	w->pm->local[w->flow].waits = 0;
	while (found != NOTHING && found != END && !stopped(w)) {
		uint64_t at = w->head;

		found = advance(w, &at, forced);
		if (found == BLOCK)
			found = block_at(w, at, forced);
		else if (found != END && at > w->head && !commit(w, at))
			found = END;
		else if (found == BODY)
			found = body(w, forced);
	}
	fos_http_hide(w);
	if (w->pm->flows[w->flow].ver != ver)
		wake_peer(w);
}

void fos_http_timer(struct fos_window *w, void (*hook)(struct fos_window *))
{
	if (!w->http) {
		fos_visit_call(w->pm, FOS_IN_TIMER, hook);
		return;
	}
	restore(w);
	fos_http_show(w, in_watched_body(fos_http_state(w)) ? FOS_HTTP_WHOLE : FOS_HTTP_NOTHING);
	fos_visit_call(w->pm, FOS_IN_TIMER, hook);
	fos_http_verdict(w);
	fos_http_hide(w);
}
