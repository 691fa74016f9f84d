/* pmhost/move.c - see move.h and pm_link.h */
#include "pmhost/move.h"

#include <string.h>

#include "pmhost/commit.h"
#include "pmhost/host.h"
#include "pmhost/http.h"
#include "pmhost/visit.h"
#include "pmhost/window.h"

/* ---------------------------------------------------------------- the PM that moves */

static int find(const struct fos_dir *dir, const char *name)
{
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		if (!dir->pipeline[i].first &&
		    strncmp(dir->pipeline[i].name, name, FOS_NAME_MAX) == 0)
			return (int)fos_dir_newest(dir, i);
	return -1;
}

/* Why the flow cannot go there; NULL: it can. */
static const char *refusal(const struct fos_window *w, uint32_t to)
{
	const struct fos_dir *dir = w->pm->dir;
	const struct fos_dir_pipeline *a = &dir->pipeline[w->route.pipeline], *b = &dir->pipeline[to];

	if (fos_dir_root(dir, to) == fos_dir_root(dir, w->route.pipeline))
		return "the flow is there";
	if (w->route.visited >> fos_dir_root(dir, to) & 1u)
		return "the flow has been there before";
	if (a->nr_pkt_stages || b->nr_pkt_stages)
		return "the streams differ: a pipeline with readers of packets keeps its flows";
	if (a->key != FOS_KEY_5TUPLE || b->key != FOS_KEY_5TUPLE)
		return "the streams differ: both pipelines need 'key: 5tuple'";
	if (!(w->flow_flags & FOS_FLOW_TCP) || w->flow_flags & FOS_FLOW_OPAQUE)
		return "only TCP connections that may be edited can be moved";
	for (uint32_t i = 0; i < dir->nr_pms; i++) {
		bool there = fos_dir_place(dir, to, i) != FOS_NONE;

		if (!there && fos_dir_place(dir, w->route.pipeline, i) == FOS_NONE)
			continue;
		if (dir->pm[i].event_wants)
			return "a module there or here hears of events, which have their places in it";
		if (there && dir->pm[i].gates)
			return "a module there decides on first packets, which has passed";
		if (dir->pm[i].rewrites)
			return "a module there or here rewrites headers";
	}
	return NULL;
}

int fos_move(struct fos_window *w, const char *pipeline)
{
	struct fos_instance *pm = w->pm;
	int to = find(pm->dir, pipeline);
	const char *why;

	/* what a module on http.body releases are messages, not positions of the stream */
	if ((pm->in != FOS_IN_DATA && pm->in != FOS_IN_TIMER) || w->http)
		return FOS_EPERM;
	if (w->again)
		return FOS_AGAIN;
	if (to < 0)
		return FOS_ENOENT;
	why = w->pub.head >= FOS_POS_MAX || w->moving != FOS_MOVING_NONE ?
		      "this module has done with it" : refusal(w, (uint32_t)to);
	if (why) {
		if (!(pm->refused_moves >> to & 1u))
			fos_log(FOS_LOG_WARN, "%s: no flow is moved to pipeline %s: %s",
				pm->d->name, pipeline, why);
		pm->refused_moves |= 1u << to;
		return FOS_EINVAL;
	}
	w->verdict = FOS_VERDICT_MOVE;
	w->move_to = (uint8_t)to;
	return FOS_OK;
}

void fos_move_peer(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	uint32_t peer = FOS_PEER(w->flow);
	struct fos_route_slot route;
	struct fos_pm_pub pub;

	if (!fos_box_watches(pm->dir, pm->index, pm->box->flows[peer].flags))
		return;
	fos_box_route(pm->box, peer, w->gen, &route);
	if (route.pipeline != w->route.pipeline)
		return;
	if (!fos_host_pub(pm, peer, w->gen, &pub)) {
		memset(fos_host_ctx_slot(pm, peer, pub.ctx), 0, pm->d->ctx_size);
		pub.head = pub.out_head = route.start;
	}
	if (pub.head >= FOS_POS_MAX || pub.verdict != FOS_VERDICT_PASS || pub.flags & FOS_PM_CLOSED)
		return;
	pub.verdict = FOS_VERDICT_MOVE;
	pub.flags |= (uint16_t)(FOS_PM_CLOSED | w->move_to << FOS_PM_MOVE_SHIFT);
	fos_commit_pub(pm, peer, &pub);
}

void fos_move_hint(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;

	if (!pm->to_egress)
		return;
	fos_hint(pm->p, pm->to_egress, w->flow, w->gen);
	fos_hint(pm->p, pm->to_egress, FOS_PEER(w->flow), w->gen);
}

void fos_move_left(struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	struct fos_window *w = &pm->w;

	if (pm->d->edits && fos_window_turn(pm, flow, gen) && !w->fresh &&
	    w->pub.edits != w->pub.edits_freed)
		fos_commit_collect(w);
}

/* ---------------------------------------------------------------- the others */

/* Head of the PM of a stage that moves the flow, FOS_POS_MAX: none does. */
static uint64_t moved_at(const struct fos_window *w, const struct fos_dir_stage *st)
{
	const struct fos_instance *pm = w->pm;
	uint64_t at = FOS_POS_MAX;

	for (uint32_t i = 0; i < st->nr_pms; i++) {
		struct fos_pm_pub pub;

		if (fos_box_watches(pm->dir, st->pm[i], w->flow_flags) &&
		    fos_box_pub(pm->box, st->pm[i], w->flow, w->gen, &pub) && fos_pub_moves(&pub) &&
		    pub.head < at)
			at = pub.head;
	}
	return at;
}

void fos_move_look(struct fos_window *w)
{
	const struct fos_instance *pm = w->pm;
	const struct fos_dir_pipeline *pl = &pm->dir->pipeline[w->route.pipeline];

	w->moving = FOS_MOVING_NONE;
	if (!w->route.moving)
		return;
	/* the one furthest down the pipeline is the furthest behind */
	for (uint32_t st = pl->nr_stages; st-- > 0;) {
		uint64_t at = moved_at(w, &pl->stage[st]);

		if (at == FOS_POS_MAX)
			continue;
		w->moving = st > w->stage ? FOS_MOVING_NOW : FOS_MOVING_END;
		w->move_limit = at;
		if (st == w->stage)
			w->moving = w->pub.head >= at ? FOS_MOVING_NOW : FOS_MOVING_LIMIT;
		return;
	}
}

bool fos_move_cut(struct fos_window *w)
{
	if (w->moving == FOS_MOVING_NOW) {
		w->tail = w->head;
		return true;
	}
	if (w->moving != FOS_MOVING_LIMIT || w->tail < w->move_limit)
		return false;
	w->tail = w->move_limit;
	w->more = false;
	return true;
}

/* ---------------------------------------------------------------- the PM that is taken out */

bool fos_move_leave(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;

	fos_window_open(w);
	if (w->http && fos_http_blind(w))
		return false;
	w->verdict = FOS_VERDICT_BYPASS;
	fos_http_verdict(w);
	if (fos_commit_window(w, w->pub.head, 0) != FOS_OK)
		fos_visit_later(pm, w->flow);
	fos_visit_hint(pm);
	return true;
}
