/* pmhost/hint.c - whom a commit concerns hears of it, see visit.h */
#include "pmhost/host.h"
#include "pmhost/visit.h"

/* Stage of another PM in the pipeline of the window's flow. */
static uint32_t place(const struct fos_instance *pm, uint32_t other)
{
	return fos_dir_place(pm->dir, pm->w.route.pipeline, other);
}

static void hint_pm(struct fos_instance *pm, uint32_t other)
{
	if (pm->to_pm[other])
		fos_hint(pm->p, pm->to_pm[other], pm->w.flow, pm->w.gen);
}

static bool stage_edits(const struct fos_instance *pm)
{
	const struct fos_dir_stage *st =
		&pm->dir->pipeline[pm->w.route.pipeline].stage[pm->w.stage % FOS_MAX_STAGES];

	for (uint32_t i = 0; i < st->nr_pms; i++)
		if (pm->dir->pm[st->pm[i]].edits)
			return true;
	return false;
}

/* The next stage that watches the flow; behind the last one, who takes the stream over. */
static void hint_next(struct fos_instance *pm)
{
	const struct fos_dir_pipeline *pl = &pm->dir->pipeline[pm->w.route.pipeline];
	bool app = pm->d->stream == FOS_STREAM_APP;
	uint32_t end = app ? pl->nr_stages : pl->nr_pkt_stages;
	bool found = false;

	for (uint32_t st = pm->w.stage + 1u; st < end && !found; st++) {
		for (uint32_t i = 0; i < pl->stage[st].nr_pms; i++) {
			if (!fos_box_watches(pm->dir, pl->stage[st].pm[i], pm->w.flow_flags))
				continue;
			hint_pm(pm, pl->stage[st].pm[i]);
			found = true;
		}
	}
	/* a deletion brings the next stage nothing to release, but egress something to acknowledge,
	 * once all of this stage have passed it */
	if (app && pm->to_egress && (!found || stage_edits(pm)))
		fos_hint(pm->p, pm->to_egress, pm->w.flow, pm->w.gen);
	if (!found && !app)
		pm->w.wake_classifier = true;
}

void fos_visit_hint(struct fos_instance *pm)
{
	struct fos_window *w = &pm->w;

	if (!w->moved)
		return;
	hint_next(pm);
	if (w->pub.verdict == FOS_VERDICT_MOVE)
		fos_move_hint(w);
	if (w->wake_classifier) {
		/* a gate that opened may be what a later gate waits for */
		for (uint32_t i = 0; i < pm->dir->nr_pms; i++)
			if (pm->dir->pm[i].gates && place(pm, i) != FOS_NONE &&
			    place(pm, i) > w->stage)
				hint_pm(pm, i);
		if (pm->to_egress)
			fos_hint(pm->p, pm->to_egress, w->flow, w->gen);
		if (pm->to_classifier)
			fos_hint(pm->p, pm->to_classifier, w->flow, w->gen);
	}
	w->moved = w->wake_classifier = false;
}

/* Stage of a PM in the pipeline of a flow; FOS_NONE, behind all, when it is not in it. */
static uint32_t at(const struct fos_instance *pm, uint32_t flow, uint32_t gen, uint32_t other)
{
	return fos_dir_place(pm->dir, fos_box_pipeline(pm->box, flow, gen), other);
}

bool fos_visit_earlier_opened(const struct fos_instance *pm, uint32_t flow, uint32_t gen)
{
	uint32_t flags = pm->box->flows[flow].flags;

	for (uint32_t i = 0; i < pm->dir->nr_pms; i++) {
		const struct fos_dir_pm *d = &pm->dir->pm[i];
		struct fos_pm_pub pub;

		if (!d->gates || at(pm, flow, gen, i) >= at(pm, flow, gen, pm->index) ||
		    !fos_box_watches(pm->dir, i, flags))
			continue;
		if (!fos_box_pub(pm->box, i, flow, gen, &pub) || !(pub.flags & FOS_PM_OPENED))
			return false;
	}
	return true;
}
