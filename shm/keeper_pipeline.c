/* shm/keeper_pipeline.c - another order of a pipeline's stages while the box runs
 *
 * The order is a new version of the pipeline, in a slot of its own: flows that begin take it, flows that
 * live keep theirs, each byte of them passing the stages that its flow began with.  The PMs are those
 * that the box was started with, in stages or standing by.  One that is taken out may be told to let go of
 * the flows that live, too (`leaves`): each then passes it as one on which it has said fos_bypass().
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/box.h"
#include "shm/build.h"
#include "shm/keeper.h"
#include "shm/proc.h"

static int refuse(char *err, size_t err_size, const char *what, const char *pm)
{
	snprintf(err, err_size, what, pm);
	return -EINVAL;
}

static bool packets(const struct fos_dir *dir, uint32_t pm)
{
	return dir->pm[pm].stream != FOS_STREAM_APP;
}

static uint32_t find_pm(const struct fos_dir *dir, const char *name, size_t len, uint32_t pipeline)
{
	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (strlen(dir->pm[i].name) == len && memcmp(dir->pm[i].name, name, len) == 0 &&
		    dir->pm[i].pipeline == pipeline)
			return i;
	return FOS_NONE;
}

static bool has(const struct fos_dir_pipeline *p, uint32_t pm)
{
	for (uint32_t s = 0; s < p->nr_stages; s++)
		for (uint32_t i = 0; i < p->stage[s].nr_pms; i++)
			if (p->stage[s].pm[i] == pm)
				return true;
	return false;
}

/* "a|b,c": stages in order, PMs side by side. */
static int parse(const struct fos_dir *dir, uint32_t root, const char *text,
		 struct fos_dir_pipeline *p, char *err, size_t err_size)
{
	p->nr_stages = 0;
	memset(p->stage, 0, sizeof(p->stage));
	while (*text) {
		size_t len = strcspn(text, ",|");
		uint32_t pm = find_pm(dir, text, len, root);
		struct fos_dir_stage *st;

		if (p->nr_stages == 0)
			p->nr_stages = 1;
		st = &p->stage[p->nr_stages - 1];
		if (pm == FOS_NONE || has(p, pm)) {
			snprintf(err, err_size, "%.*s is no PM of this pipeline, or named twice",
				 len < 40 ? (int)len : 40, text);
			return -EINVAL;
		}
		if (st->nr_pms == FOS_MAX_PARALLEL)
			return refuse(err, err_size, "more than 8 PMs side by side%s", "");
		st->pm[st->nr_pms++] = pm;
		text += len;
		if (*text == ',' && p->nr_stages++ == FOS_MAX_STAGES)
			return refuse(err, err_size, "more than 8 stages%s", "");
		text += *text != 0;
	}
	return 0;
}

/* The rules of config/check_pms.c, for the order alone. */
static int check(const struct fos_dir *dir, struct fos_dir_pipeline *p, char *err, size_t err_size)
{
	uint32_t all = 0;

	p->nr_pkt_stages = 0;
	for (uint32_t s = 0; s < p->nr_stages; s++) {
		const struct fos_dir_stage *st = &p->stage[s];
		uint32_t editors = 0, rewriters = 0, readers = 0;

		for (uint32_t i = 0; i < st->nr_pms; i++) {
			const struct fos_dir_pm *d = &dir->pm[st->pm[i]];

			editors += d->edits != 0;
			rewriters += d->rewrites != 0;
			readers += packets(dir, st->pm[i]);
			all += d->edits && !packets(dir, st->pm[i]);
			if (editors > 1 || rewriters > 1)
				return refuse(err, err_size, "%s would be the second that edits, or "
					      "rewrites headers, side by side", d->name);
			if (readers != 0 && readers != i + 1)
				return refuse(err, err_size, "%s cannot stand beside a PM that reads "
					      "another kind of stream", d->name);
		}
		if (readers && p->nr_pkt_stages != s)
			return refuse(err, err_size, "%s reads packets and must stand before all that "
				      "read `app`", dir->pm[st->pm[0]].name);
		p->nr_pkt_stages += readers != 0;
		if (!st->nr_pms)
			return refuse(err, err_size, "a stage without a PM%s", "");
	}
	return all > FOS_MAX_EDITORS ? refuse(err, err_size, "more than 4 PMs that edit%s", "") : 0;
}

/* The PM that is to let go of its flows; FOS_NONE and 0: none is. */
static int find_leaver(const struct fos_dir *dir, uint32_t root, const struct fos_dir_pipeline *p,
		       const char *name, uint32_t *pm, char *err, size_t err_size)
{
	*pm = name ? find_pm(dir, name, strlen(name), root) : FOS_NONE;
	if (!name)
		return 0;
	if (*pm == FOS_NONE || has(p, *pm))
		return refuse(err, err_size, "%s is not taken out of this pipeline", name);
	if (dir->pm[*pm].event_wants)
		return refuse(err, err_size, "%s hears of events: it keeps the connections that it has",
			      name);
	return 0;
}

int fos_keeper_pipeline(struct fos_keeper *k, const char *name, const char *stages, const char *leaves,
			char *err, size_t err_size)
{
	struct fos_dir *dir = k->dir;
	struct fos_dir_pipeline p;
	uint32_t root = 0, slot = dir->nr_pipelines, last, leaver = FOS_NONE;
	int rc;

	while (root < slot && (dir->pipeline[root].first ||
			       strncmp(dir->pipeline[root].name, name, FOS_NAME_MAX) != 0))
		root++;
	if (root == slot)
		return refuse(err, err_size, "there is no pipeline %.31s", name);
	if (!dir->live)
		return refuse(err, err_size, "this box has too many PMs and lanes for stages to change%s",
			      "");
	if (slot == FOS_MAX_PIPELINES)
		return refuse(err, err_size, "no more changes until the box is started anew: it has had "
			      "as many versions of its pipelines as it can tell apart%s", "");
	last = fos_dir_newest(dir, root);
	p = dir->pipeline[root];
	rc = parse(dir, root, stages, &p, err, err_size);
	if (rc == 0)
		rc = check(dir, &p, err, err_size);
	if (rc == 0)
		rc = find_leaver(dir, root, &p, leaves, &leaver, err, err_size);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (has(&p, i))
			dir->pm[i].leaves = 0;
	p.next = 0;
	p.first = root + 1;
	dir->pipeline[slot] = p;
	fos_build_places(dir, slot);
	fos_release32(&dir->nr_pipelines, slot + 1);
	/* pairs with the acquire in fos_dir_newest(): from here on flows begin in it */
	fos_release32(&dir->pipeline[last].next, slot);
	if (leaver != FOS_NONE)
		dir->pm[leaver].leaves = 1;
	fos_log(FOS_LOG_INFO, "pipeline %s: new connections go through %s", name,
		*stages ? stages : "no PM");
	return 0;
}
