/* pipeline.c - flowosctl pipeline: stages of a running box, under traffic
 *
 * The keeper is given the whole order that is wanted and makes a new version of the pipeline:
 * connections that begin go through it, those that live keep the stages they began with.  A PM that is
 * removed `now` lets go of the latter, too.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/ctl/restart.h"
#include "shm/box.h"

static const char synopsis[] =
	"pipeline show NAME | add NAME PM[=MODULE.so] [first|last|before:PM|after:PM|with:PM] | "
	"move NAME PM [PLACE] | remove NAME PM [now] [FILE] [--run-dir DIR]";

struct order {
	uint32_t nr; /* stages */
	struct fos_dir_stage stage[FOS_MAX_STAGES + 1];
};

static int find_pipeline(const struct fos_dir *dir, const char *name)
{
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		if (!dir->pipeline[i].first && strcmp(dir->pipeline[i].name, name) == 0)
			return (int)i;
	return -1;
}

static uint32_t find_pm(const struct fos_dir *dir, const char *name, uint32_t pipeline)
{
	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (strcmp(dir->pm[i].name, name) == 0 && dir->pm[i].pipeline == pipeline)
			return i;
	return FOS_NONE;
}

static uint32_t stage_of(const struct order *o, uint32_t pm)
{
	for (uint32_t s = 0; s < o->nr; s++)
		for (uint32_t i = 0; i < o->stage[s].nr_pms; i++)
			if (o->stage[s].pm[i] == pm)
				return s;
	return FOS_NONE;
}

static void take_out(struct order *o, uint32_t pm)
{
	uint32_t s = stage_of(o, pm), i = 0;
	struct fos_dir_stage *st;

	if (s == FOS_NONE)
		return;
	st = &o->stage[s];
	while (st->pm[i] != pm)
		i++;
	memmove(&st->pm[i], &st->pm[i + 1], (st->nr_pms - i - 1) * sizeof(*st->pm));
	if (--st->nr_pms == 0) {
		memmove(st, st + 1, (o->nr - s - 1) * sizeof(*st));
		o->nr--;
	}
}

static void put_alone(struct order *o, uint32_t at, uint32_t pm)
{
	memmove(&o->stage[at + 1], &o->stage[at], (o->nr - at) * sizeof(*o->stage));
	o->stage[at] = (struct fos_dir_stage){.nr_pms = 1, .pm = {pm}};
	o->nr++;
}

/* As said by "first", "last", "before:PM", "after:PM", "with:PM".  An exit status. */
static int put(struct order *o, const struct fos_dir *dir, uint32_t root, uint32_t pm, const char *where)
{
	const char *other = strchr(where, ':');
	uint32_t at = other ? stage_of(o, find_pm(dir, other + 1, root)) : 0;

	if (at == FOS_NONE)
		return fos_ctl_fail("%s is in no stage of pipeline %s", other + 1,
				    dir->pipeline[root].name);
	if (o->nr == FOS_MAX_STAGES && strncmp(where, "with:", 5) != 0)
		return fos_ctl_fail("pipeline %s has %u stages, which is as many as there can be",
				    dir->pipeline[root].name, FOS_MAX_STAGES);
	if (strcmp(where, "first") == 0 || strncmp(where, "before:", 7) == 0)
		put_alone(o, at, pm);
	else if (strcmp(where, "last") == 0)
		put_alone(o, o->nr, pm);
	else if (strncmp(where, "after:", 6) == 0)
		put_alone(o, at + 1, pm);
	else if (strncmp(where, "with:", 5) == 0 && o->stage[at].nr_pms < FOS_MAX_PARALLEL)
		o->stage[at].pm[o->stage[at].nr_pms++] = pm;
	else
		return fos_ctl_fail("%s: a place is first, last, before:PM, after:PM or with:PM (at "
				    "most %u PMs side by side)", where, FOS_MAX_PARALLEL);
	return FOS_EXIT_OK;
}

static const char *text(const struct fos_dir *dir, const struct order *o, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (uint32_t s = 0; s < o->nr; s++)
		for (uint32_t i = 0; i < o->stage[s].nr_pms && n < size; i++)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? "|" : s ? "," : "",
					      dir->pm[o->stage[s].pm[i] % FOS_MAX_PMS].name);
	return buf;
}

/* The order in use, and below it those that connections still live in. */
static void show(const struct fos_ctl_view *v, uint32_t root)
{
	const struct fos_dir *dir = v->dir;
	char buf[2048];

	for (uint32_t i = root; i < dir->nr_pipelines; i++) {
		struct order o = {.nr = dir->pipeline[i].nr_stages};

		if (fos_dir_root(dir, i) != root)
			continue;
		memcpy(o.stage, dir->pipeline[i].stage, sizeof(dir->pipeline[i].stage));
		printf("%s %s: %s\n", dir->pipeline[i].name,
		       dir->pipeline[i].next ? "(connections that began in it)" : "(new connections)",
		       text(dir, &o, buf, sizeof(buf)));
	}
}

/* PM=MODULE.so: the PM, which stands by, runs that module from now on, with the options that its entry
 * in the configuration has now. */
static int load(struct fos_job *j, const char *pm, const char *file)
{
	char word[FOS_NAME_MAX + 4], path[PATH_MAX];

	if (!realpath(file, path))
		return fos_ctl_fail("there is no file %s", file);
	snprintf(word, sizeof(word), "pm/%s", pm);
	return fos_job_upgrade(j, word, path, true);
}

static int change(struct fos_job *j, const char *op, const char *name, const char *pm_name,
		  const char *where)
{
	const struct fos_dir *dir = j->view.dir;
	const char *file = strchr(pm_name, '=');
	char alone[FOS_NAME_MAX];
	int root = find_pipeline(dir, name);
	const struct fos_dir_pipeline *now;
	uint32_t pm, at;
	struct order o;
	char buf[2048];
	bool leaves;
	int rc = FOS_EXIT_OK;

	if (root < 0)
		return fos_ctl_fail("there is no pipeline %s in this box", name);
	snprintf(alone, sizeof(alone), "%.*s", (int)strcspn(pm_name, "="), pm_name);
	pm_name = alone;
	pm = find_pm(dir, pm_name, (uint32_t)root);
	if (pm == FOS_NONE)
		return fos_ctl_fail("pipeline %s has no PM %s: PMs that are to be added later stand "
				    "under `standby` in its configuration", name, pm_name);
	now = &dir->pipeline[fos_dir_newest(dir, (uint32_t)root)];
	memset(&o, 0, sizeof(o));
	o.nr = now->nr_stages;
	memcpy(o.stage, now->stage, sizeof(now->stage));
	at = stage_of(&o, pm);
	if ((at == FOS_NONE) != (strcmp(op, "add") == 0))
		return fos_ctl_fail("%s is %s pipeline %s", pm_name,
				    at == FOS_NONE ? "in no stage of" : "in a stage already of", name);
	take_out(&o, pm);
	if (strcmp(op, "remove") != 0)
		rc = put(&o, dir, (uint32_t)root, pm, where);
	leaves = strcmp(op, "remove") == 0 && strcmp(where, "now") == 0;
	if (rc == FOS_EXIT_OK && file && strcmp(op, "add") == 0)
		rc = load(j, pm_name, file + 1);
	text(dir, &o, buf, sizeof(buf));
	if (rc == FOS_EXIT_OK)
		rc = fos_job_ask(j, json_pack("{s:s,s:s,s:s,s:s*}", "cmd", "pipeline", "name", name,
					      "stages", buf, "leaves", leaves ? pm_name : NULL));
	if (rc == FOS_EXIT_OK)
		printf("%s: new connections go through %s; the configuration is yours to change\n",
		       name, o.nr ? buf : "no PM");
	return rc;
}

int fos_ctl_pipeline(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_job j;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);
	bool shows, removes;

	if (rc >= 0)
		return rc;
	shows = w.nr_rest == 2 && strcmp(w.rest[0], "show") == 0;
	removes = (w.nr_rest == 3 || (w.nr_rest == 4 && strcmp(w.rest[3], "now") == 0)) &&
		  strcmp(w.rest[0], "remove") == 0;
	if (!shows && !removes &&
	    (w.nr_rest < 3 || (strcmp(w.rest[0], "add") != 0 && strcmp(w.rest[0], "move") != 0)))
		return fos_ctl_misuse(synopsis, "an operation, a pipeline and a PM are needed");
	rc = fos_job_open(&j, &w);
	if (rc != FOS_EXIT_OK)
		return rc;
	if (!shows)
		rc = change(&j, w.rest[0], w.rest[1], w.rest[2], w.nr_rest > 3 ? w.rest[3] : "last");
	else if (find_pipeline(j.view.dir, w.rest[1]) < 0)
		rc = fos_ctl_fail("there is no pipeline %s in this box", w.rest[1]);
	else
		show(&j.view, (uint32_t)find_pipeline(j.view.dir, w.rest[1]));
	fos_ctl_detach(&j.view);
	return rc;
}
