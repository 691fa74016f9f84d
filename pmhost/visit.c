/* pmhost/visit.c - what a hint leads to, see visit.h
 *
 * Truth is in positions and flags, never in the hint: a visit compares what the flow offers with
 * what this PM has published and closes the gap.  So a visit too many costs little, and after a
 * restart one visit to every live flow is all the recovery there is.
 */
#include "pmhost/visit.h"

#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/event_host.h"
#include "pmhost/host.h"
#include "pmhost/http.h"
#include "pmhost/window.h"

/* ---------------------------------------------------------------- bookkeeping */

void fos_visit_later(struct fos_instance *pm, uint32_t flow)
{
	struct fos_local *l = &pm->local[flow];

	l->retry = 1;
	if (!l->queued)
		pm->retry[pm->nr_retry++] = flow; /* room for every flow */
	l->queued = 1;
}

static void retry_later(struct fos_instance *pm)
{
	fos_visit_later(pm, pm->w.flow);
}

/* A slot was given to another connection (or to none): our edits of the old one are free. */
static void forget(struct fos_instance *pm, uint32_t flow)
{
	struct fos_local *l = &pm->local[flow];
	uint8_t queued = l->queued;
	struct fos_pm_pub pub;

	if (pm->d->edits && fos_host_pub(pm, flow, l->gen, &pub))
		fos_edit_pool_give(pm, pub.edit_first, pub.edits - pub.edits_freed);
	memset(l, 0, sizeof(*l));
	l->piece = FOS_NONE;
	l->queued = queued; /* it is still in the list */
}

/* Met for the first time: by us, but maybe not by a predecessor, who may have set its timer. */
static void recall(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_local *l = &pm->local[flow];
	struct fos_pm_pub pub;

	l->piece = FOS_NONE;
	if (!fos_host_pub(pm, flow, gen, &pub))
		return;
	if (pm->events) {
		/* what was lost or missed and not told is told at the next visit */
		l->lost = 1;
		fos_events_arm(pm, flow, gen, pub.ctx);
	}
	memcpy(&l->timer_ns, fos_host_ctx_slot(pm, flow, pub.ctx & 1u), sizeof(l->timer_ns));
	if (l->timer_ns)
		fos_timers_add(&pm->timers, l->timer_ns, flow, gen);
}

bool fos_visit_known(struct fos_instance *pm, uint32_t flow, uint32_t *gen)
{
	struct fos_local *l = &pm->local[flow];

	/* pairs with the classifier's release of `gen`: the identity is written */
	*gen = fos_acquire32(&pm->box->flows[flow].gen);
	if (l->gen != 0 && l->gen != *gen)
		forget(pm, flow);
	if (*gen == 0)
		return false;
	if (fos_dir_place(pm->dir, fos_box_pipeline(pm->box, flow, *gen), pm->index) == FOS_NONE) {
		if (l->gen == *gen)
			fos_move_left(pm, flow, *gen);
		return false;
	}
	if (l->gen == 0)
		recall(pm, flow, *gen);
	l->gen = *gen;
	pm->met[flow / 128] |= 1ull << (flow / 2 % 64);
	return true;
}

/* Around every handler: which flow it works on is known when it never returns. */
void fos_visit_enter(struct fos_instance *pm, enum fos_handler in)
{
	pm->in = in;
	fos_count(pm->p->counter, FOS_C_pm_calls, 1);
	fos_relaxed_store64(&pm->region->at, (uint64_t)pm->w.gen << 32 | pm->w.flow);
}

void fos_visit_leave(struct fos_instance *pm)
{
	fos_relaxed_store64(&pm->region->at, 0);
	pm->in = FOS_IN_NONE;
}

void fos_visit_call(struct fos_instance *pm, int in, void (*hook)(struct fos_window *))
{
	fos_visit_enter(pm, (enum fos_handler)in);
	hook(&pm->w);
	fos_visit_leave(pm);
}

/* Committed deadlines go to the heap. */
static void arm_timer(struct fos_window *w)
{
	struct fos_local *l = &w->pm->local[w->flow];
	uint64_t ns;

	if (w->pm->events && !w->fresh)
		fos_events_arm(w->pm, w->flow, w->gen, w->pub.ctx);
	if (!w->pm->module->on_timer || w->fresh)
		return;
	memcpy(&ns, fos_host_ctx_slot(w->pm, w->flow, w->pub.ctx), sizeof(ns));
	if (ns && ns != l->timer_ns)
		fos_timers_add(&w->pm->timers, ns, w->flow, w->gen);
	l->timer_ns = ns;
}

/* ---------------------------------------------------------------- gate */

/* The connection's first packet waits at the gate, on the forward flow. */
static bool gate(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_window *w = &pm->w;

	if (!pm->d->gates || !pm->module->on_open || (flow & 1u))
		return false;
	if (!(fos_acquire32(&pm->box->flows[flow].flags) & FOS_FLOW_OFFERED))
		return false;
	if (!fos_window_turn(pm, flow, gen) ||
	    !fos_box_watches(pm->dir, pm->index, w->flow_flags) || (w->pub.flags & FOS_PM_OPENED) ||
	    !fos_visit_earlier_opened(pm, flow, gen))
		return false;
	fos_window_open(w);
	fos_visit_call(pm, FOS_IN_OPEN, pm->module->on_open);
	fos_http_verdict(w);
	if (fos_commit_window(w, w->pub.head, FOS_PM_OPENED) != FOS_OK) {
		retry_later(pm);
		return false;
	}
	arm_timer(w);
	fos_visit_hint(pm);
	return true;
}

/* ---------------------------------------------------------------- data and holds */

static void arm_hold(struct fos_window *w, uint64_t since)
{
	struct fos_local *l = &w->pm->local[w->flow];

	if (l->armed || l->hold_ns > UINT64_MAX - since)
		return;
	l->armed = 1;
	fos_timers_add(&w->pm->timers, since + l->hold_ns, w->flow, w->gen);
}

/* When the receiver's window last opened; UINT64_MAX = it is closed: the sender is kept waiting by
 * its receiver then, not by the PM. */
static uint64_t window_opened(const struct fos_window *w)
{
	const struct fos_out *out = &w->pm->box->outs[w->flow];

	if (w->pm->d->stream != FOS_STREAM_APP || fos_acquire32(&out->gen) != w->gen)
		return 0;
	/* pairs with egress's release */
	return fos_acquire64(&out->opened_ns);
}

/* Is the PM waiting for bytes that its sender cannot send?  What has come and is still with PMs before
 * this one is on its way all the same; and who has a timer may be waiting for something else. */
static bool stuck(const struct fos_window *w, uint64_t since)
{
	const struct fos_flow *f = &w->pm->box->flows[w->flow];

	/* both pair with the classifier's release */
	return w->pm->d->stream == FOS_STREAM_APP && w->pm->local[w->flow].timer_ns == 0 &&
	       fos_acquire64(&f->stuck_ns) > since && fos_acquire64(&f->app.tail) <= w->open_tail;
}

/* After on_data, or when time has passed: does what is left exceed a limit?  Then it goes on
 * unedited.  Returns true when it did. */
bool fos_visit_end_hold(struct fos_window *w, uint64_t old_head)
{
	struct fos_instance *pm = w->pm;
	struct fos_local *l = &pm->local[w->flow];
	uint64_t *since = &pm->flows[w->flow].hold_since_ns;
	uint64_t now = pm->p->now_ns, held = w->open_tail - w->head, opened = window_opened(w);
	bool ended = w->fin && !l->waits;

	/* what waits for room downstream, or for edit records, is not held by the PM */
	if (w->pub.head >= FOS_POS_MAX || held == 0 || w->again ||
	    w->pub.verdict == FOS_VERDICT_MOVE) {
		*since = 0;
		return false;
	}
	if (*since == 0 || *since > now || w->head != old_head)
		*since = now ? now : 1;
	if (opened > *since)
		*since = opened < now ? opened : now;
	if (held <= l->hold_bytes && now - *since < l->hold_ns && !ended && !stuck(w, *since)) {
		arm_hold(w, *since);
		return false;
	}
	if (!ended)
		fos_count(pm->p->counter, FOS_C_pm_hold_expired, 1);
	*since = 0;
	w->tail = w->open_tail;
	if (w->http)
		fos_http_work(w, true);
	else
		fos_commit_forced(w, w->open_tail);
	if (w->again)
		retry_later(pm);
	return true;
}

static void set_limits(struct fos_window *w)
{
	struct fos_local *l = &w->pm->local[w->flow];

	l->hold_bytes = w->hold_bytes < w->pm->hold_bytes ? w->hold_bytes : w->pm->hold_bytes;
	l->hold_ns = w->hold_ns < w->pm->hold_ns ? w->hold_ns : w->pm->hold_ns;
}

static bool news(const struct fos_window *w, const struct fos_local *l)
{
	uint64_t seen = l->seen > w->head ? l->seen : w->head;

	return w->tail > seen || (w->fin && !l->fin_seen) || l->retry;
}

/* One look at the window; true when it should be looked at again. */
static bool data_once(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	struct fos_local *l = &pm->local[w->flow];
	uint64_t head;
	bool moved, ended;

	fos_window_open(w);
	head = w->head;
	ended = w->fin && !l->fin_seen;
	if (w->cut && !pm->events->slot)
		l->cut = 1;
	if (!news(w, l)) {
		if (l->hold_ns == 0)
			set_limits(w);
		return fos_visit_end_hold(w, head);
	}
	l->retry = 0;
	if (w->http)
		fos_http_work(w, false);
	else
		fos_visit_call(pm, FOS_IN_DATA, pm->module->on_data);
	if (w->verdict != FOS_VERDICT_PASS && !w->again) /* a verdict needs no release */
		fos_commit_window(w, w->pub.head, 0);
	l->seen = w->open_tail;
	l->fin_seen = w->fin;
	set_limits(w);
	arm_timer(w);
	if (w->again)
		retry_later(pm);
	moved = w->moved;
	if (fos_visit_end_hold(w, head))
		moved = true;
	/* a module has nothing to release when the end brings no byte, but who comes next waits for it */
	w->moved |= ended;
	fos_visit_hint(pm);
	/* what comes later brings its own hint */
	return moved && w->more && !w->again;
}

bool fos_visit_stopped(const struct fos_window *w)
{
	return w->pub.head >= FOS_POS_MAX || w->pub.verdict >= FOS_VERDICT_DROP;
}

bool fos_visit_data(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	uint32_t ver = pm->flows[w->flow].ver;

	if (fos_visit_stopped(w)) {
		/* whoever appended knows only us: the next stage hears of it from here.  (Looking at
		 * our head would not do: we may have stopped while the hint was on its way.) */
		w->moved = w->pub.head >= FOS_POS_MAX || w->pub.verdict == FOS_VERDICT_MOVE;
		fos_visit_hint(pm);
		return false;
	}
	if (w->moving == FOS_MOVING_NOW || (w->moving && w->pub.flags & FOS_PM_CLOSED))
		return false;
	/* relaxed: sooner or later */
	if (pm->d->leaves && fos_move_leave(w) && !w->http)
		return true;
	/* after on_close no byte of the flow is shown */
	if (w->pub.flags & FOS_PM_CLOSED && pm->d->stream == FOS_STREAM_APP)
		return false;
	if (fos_events_read(pm)) {
		bool moved = false;

		/* a look goes no further than a window, and nothing else may bring the next one */
		while (fos_events_let_go(w) && !w->again)
			moved = true;
		fos_visit_hint(pm);
		return moved || w->again;
	}
	if (!w->http ? !pm->module->on_data : !(w->flow_flags & FOS_FLOW_TCP)) {
		/* never in the data's way; HTTP/1 is TCP's */
		fos_window_open(w);
		w->verdict = FOS_VERDICT_BYPASS;
		fos_commit_window(w, w->pub.head, 0);
		fos_visit_hint(pm);
		return true;
	}
	if (pm->d->stream == FOS_STREAM_APP && !(w->flow_flags & FOS_FLOW_APP))
		return false;
	while (data_once(w) && !fos_visit_stopped(w))
		;
	fos_visit_hint(pm);
	return pm->flows[w->flow].ver != ver;
}

/* ---------------------------------------------------------------- close */

static bool may_close(struct fos_window *w, uint32_t why)
{
	bool app = w->pm->d->stream == FOS_STREAM_APP;

	if (fos_visit_stopped(w) || w->moving == FOS_MOVING_NOW)
		return true;
	/* packets that a module refused go to nobody else */
	if (app ? !(w->flow_flags & FOS_FLOW_APP) : why == FOS_CLOSE_PM)
		return true;
	return w->fin && w->head == w->tail && !w->pm->local[w->flow].retry;
}

static bool close_flow(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	const struct fos_flow *f = &pm->box->flows[w->flow];
	uint32_t why;

	/* pairs with the classifier's release of `state`: `close` is written before */
	bool closed = fos_acquire32(&f->state) & FOS_FLOW_ST_CLOSED;

	if ((!closed && !w->moving) || (w->pub.flags & FOS_PM_CLOSED))
		return false;
	why = closed && (f->close == FOS_CLOSE_PM || !w->moving) ? f->close : FOS_CLOSE_MOVED;
	fos_window_open(w);
	/* its events first, the last of which tells of this; they were there before `state` */
	if (pm->events && fos_events_cut(pm, w->flow, w->gen) != UINT64_MAX) {
		pm->local[w->flow].cut = 1;
		return false;
	}
	if (!may_close(w, why))
		return false;
	if (pm->module->on_close) {
		fos_visit_enter(pm, FOS_IN_CLOSE);
		pm->module->on_close(w, why);
		fos_visit_leave(pm);
	}
	fos_host_ctx(w)->timer_ns = 0;
	w->ctx_touched = true;
	w->verdict = FOS_VERDICT_PASS;
	if (fos_commit_window(w, w->pub.head, FOS_PM_CLOSED) != FOS_OK) {
		retry_later(pm);
		return false;
	}
	fos_visit_hint(pm);
	return true;
}

/* Records that egress is past come back before they are missed, and at the end. */
static void collect(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	const struct fos_pm_pub *pub = &w->pub;

	if (pub->edits == pub->edits_freed || w->fresh)
		return;
	if (fos_edit_pool_room(&pm->edits) > pm->edits.nr / 2 && !(pub->flags & FOS_PM_CLOSED))
		return;
	fos_commit_collect(w);
}

/* ---------------------------------------------------------------- visits */

/* Egress has taken the flow out of our hands: no handler is called any more, those behind us are
 * told of news, and records that are not needed come back. */
static bool overruled(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_local *l = &pm->local[flow];
	struct fos_window *w = &pm->w;
	struct fos_box_force f;

	if (!fos_box_forced(pm->box, pm->index, flow, gen, &f))
		return false;
	if (!fos_window_turn(pm, flow, gen))
		return true;
	if (!l->overruled && !f.reset && w->pub.edits > f.edits)
		fos_count(pm->p->counter, FOS_C_pm_overruled, 1);
	l->overruled = 1;
	w->moved = true;
	fos_visit_hint(pm);
	collect(w);
	return true;
}

bool fos_visit_meet(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	uint32_t now;

	return fos_visit_known(pm, flow, &now) && now == gen && !overruled(pm, flow, gen) &&
	       fos_window_turn(pm, flow, gen) &&
	       fos_box_watches(pm->dir, pm->index, pm->w.flow_flags);
}

void fos_visit_after(struct fos_window *w)
{
	set_limits(w);
	arm_timer(w);
	fos_visit_hint(w->pm);
}

void fos_visit_cut(struct fos_instance *pm, uint32_t flow)
{
	if (flow >= pm->region->nr_flows || !pm->local[flow].cut)
		return;
	pm->local[flow].cut = 0;
	fos_visit(pm, flow);
}

bool fos_visit(struct fos_instance *pm, uint32_t flow)
{
	struct fos_window *w = &pm->w;
	bool did;
	uint32_t gen;

	if (flow >= pm->region->nr_flows || !fos_visit_known(pm, flow, &gen) || overruled(pm, flow, gen))
		return false;
	did = gate(pm, flow, gen);
	if (pm->events)
		did |= fos_events_visit(pm, flow, gen);
	if (!fos_window_turn(pm, flow, gen) || !fos_box_watches(pm->dir, pm->index, w->flow_flags))
		return did;
	did |= fos_visit_data(w);
	did |= close_flow(w);
	collect(w);
	return did;
}

static bool timer_due(struct fos_instance *pm, const struct fos_deadline *due)
{
	struct fos_window *w = &pm->w;

	struct fos_local *l = &pm->local[due->flow];
	struct fos_host_ctx *ctx;

	if (!pm->module->on_timer || l->timer_ns != due->ns ||
	    !fos_window_turn(pm, due->flow, due->gen) || (w->pub.flags & FOS_PM_CLOSED))
		return false;
	fos_window_open(w);
	ctx = fos_host_ctx(w);
	if (ctx->timer_ns == 0 || ctx->timer_ns > pm->p->now_ns)
		return false;
	ctx->timer_ns = 0;
	w->ctx_touched = true;
	fos_http_timer(w, pm->module->on_timer);
	if (w->again || fos_commit_window(w, w->pub.head, 0) != FOS_OK) {
		/* no room, and the timer is still set: look again soon */
		l->timer_ns = pm->p->now_ns + FOS_HOST_RETRY_NS;
		fos_timers_add(&pm->timers, l->timer_ns, due->flow, due->gen);
		return false;
	}
	arm_timer(w);
	fos_visit_hint(pm);
	return true;
}

bool fos_visit_due(struct fos_instance *pm, const struct fos_deadline *due)
{
	uint32_t gen;

	if (due->flow >= pm->region->nr_flows || !fos_visit_known(pm, due->flow, &gen) || gen != due->gen ||
	    overruled(pm, due->flow, gen))
		return false;
	timer_due(pm, due);
	if (pm->events)
		fos_events_due(pm, due);
	pm->local[due->flow].armed = 0;
	return fos_visit(pm, due->flow);
}
