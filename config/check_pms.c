/* check_pms.c - rules that depend on what the PM files say of themselves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/link.h"
#include "config/report.h"

enum { HINT_MAX = 600, PLACE_MAX = 112 };

/* "pipeline 'web', stage 2: PM 'count'" */
static const char *place(char buf[PLACE_MAX], const struct fos_config *cfg,
			 const struct fos_config_pm *pm)
{
	if (cfg->pipelines[pm->pipeline].linked || pm->standby)
		snprintf(buf, PLACE_MAX, "pipeline '%.31s': PM '%.31s'",
			 cfg->pipelines[pm->pipeline].name, pm->name);
	else
		snprintf(buf, PLACE_MAX, "pipeline '%.31s', stage %u: PM '%.31s'",
			 cfg->pipelines[pm->pipeline].name, pm->stage + 1, pm->name);
	return buf;
}

#define PLACE(cfg, pm) place((char[PLACE_MAX]){ "" }, (cfg), (pm))

static void report_missing(struct fos_config *cfg, const struct fos_config_pm *pm,
			   const struct fos_pm_catalogue *catalogue, const struct fos_pm_info *info)
{
	struct fos_words words = { .len = 0 };
	struct fos_suggest s;
	const char *known;
	char hint[HINT_MAX];

	if (pm->file != NULL) {
		fos_config_error(cfg, pm->file_where, "%s: file %s not found%s%s", PLACE(cfg, pm),
				 FOS_SHOW(pm->file), info->error[0] != '\0' ? ": " : "",
				 info->error);
		return;
	}
	fos_suggest_start(&s, pm->name);
	for (uint32_t i = 0; catalogue->name != NULL; i++) {
		known = catalogue->name(catalogue->arg, i);
		if (known == NULL)
			break;
		fos_suggest_offer(&s, known);
		fos_words_add(&words, known);
	}
	fos_hint_text(hint, sizeof(hint), &s, "there are", &words);
	fos_config_error(cfg, pm->where, "%s not found%s%s%s%s", PLACE(cfg, pm), hint,
			 info->error[0] != '\0' ? " (" : "", info->error,
			 info->error[0] != '\0' ? ")" : "");
}

static bool look_up(struct fos_config *cfg, const struct fos_config_pm *pm,
		    const struct fos_pm_catalogue *catalogue, struct fos_pm_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	ret = catalogue->lookup(catalogue->arg, pm, info);
	info->error[sizeof(info->error) - 1] = '\0';
	if (ret == -ENOENT) {
		report_missing(cfg, pm, catalogue, info);
	} else if (ret < 0 || info->error[0] != '\0') {
		fos_config_error(cfg, pm->file != NULL ? pm->file_where : pm->where,
				 "%s cannot be used: %s", PLACE(cfg, pm),
				 info->error[0] != '\0' ? info->error : strerror(-ret));
		ret = ret < 0 ? ret : -EINVAL;
	}
	return ret == 0;
}

/* Rules for one PM by itself and with its pipeline. */
static void check_pm(struct fos_config *cfg, const struct fos_config_pm *pm,
		     const struct fos_pm_info *info)
{
	const struct fos_config_pipeline *p = &cfg->pipelines[pm->pipeline];
	const char *key = fos_config_key_name(p->key);

	if (p->key != FOS_CONFIG_KEY_5TUPLE) {
		const char *does = info->http ? "reads the 'http.body' stream" :
				   info->stream == FOS_PM_STREAM_APP ? "reads the 'app' stream" :
				   info->gates ? "decides on first packets" :
				   info->rewrites ? "rewrites headers" : NULL;

		if (does != NULL)
			fos_config_error(cfg, p->key_where, "%s %s, which needs 'key: 5tuple', not "
					 "'%s'", PLACE(cfg, pm), does, key);
	}
	if (pm->direction == FOS_CONFIG_DIRECTION_BOTH)
		return;
	if (info->rewrites)
		fos_config_error(cfg, pm->direction_where, "%s rewrites headers and must see both "
				 "directions: leave 'direction' out", PLACE(cfg, pm));
	else if (info->gates && pm->direction == FOS_CONFIG_DIRECTION_REVERSE)
		fos_config_error(cfg, pm->direction_where, "%s decides on a connection's first "
				 "packet, which the reverse direction never sees", PLACE(cfg, pm));
}

/* At most one editor and one rewriter side by side.  `good` marks the PMs that were found. */
static void check_stage(struct fos_config *cfg, const struct fos_config_stage *stage,
			const struct fos_pm_info *infos, const bool *good)
{
	const struct fos_config_pm *editor = NULL, *rewriter = NULL;

	for (uint32_t i = 0; i < stage->pms_nr; i++) {
		const struct fos_config_pm *pm = &cfg->pms[stage->pms[i]];
		const struct fos_pm_info *info = &infos[stage->pms[i]];

		if (!good[stage->pms[i]])
			continue;
		if (info->edits && editor != NULL)
			fos_config_error(cfg, pm->where, "%s edits, and so does '%s' (line %d) "
					 "beside it: one editor at most in a parallel stage",
					 PLACE(cfg, pm), editor->name, editor->where.line);
		else if (info->edits)
			editor = pm;
		if (info->rewrites && rewriter != NULL)
			fos_config_error(cfg, pm->where, "%s rewrites headers, and so does '%s' "
					 "(line %d) beside it: one at most in a parallel stage",
					 PLACE(cfg, pm), rewriter->name, rewriter->where.line);
		else if (info->rewrites)
			rewriter = pm;
	}
}

/* Readers of whole packets come before readers of the byte stream. */
static void check_order(struct fos_config *cfg, const struct fos_config_pipeline *p,
			const struct fos_pm_info *infos, const bool *good)
{
	const struct fos_config_pm *app = NULL;

	for (uint32_t s = 0; s < p->stages_nr; s++) {
		const struct fos_config_stage *stage = &p->stages[s];

		for (uint32_t i = 0; i < stage->pms_nr; i++) {
			const struct fos_config_pm *pm = &cfg->pms[stage->pms[i]];
			const struct fos_pm_info *info = &infos[stage->pms[i]];

			if (!good[stage->pms[i]])
				continue;
			if (info->stream == FOS_PM_STREAM_APP)
				app = app != NULL ? app : pm;
			else if (app != NULL && app->stage < s)
				fos_config_error(cfg, pm->where, "%s reads the '%s' stream and "
						 "must stand before '%s' (line %d), which reads "
						 "the 'app' stream", PLACE(cfg, pm),
						 fos_link_stream(info), app->name,
						 app->where.line);
		}
	}
}

int fos_config_check_pms(struct fos_config *cfg, const struct fos_pm_catalogue *catalogue,
			 struct fos_pm_info *infos)
{
	struct fos_pm_info *own = NULL;
	bool good[FOS_CONFIG_PMS_MAX] = { false };
	uint32_t before = cfg->errors;

	if (infos == NULL) {
		own = calloc(FOS_CONFIG_PMS_MAX, sizeof(*own));
		if (own == NULL) {
			fos_config_error(cfg, (struct fos_where){ 0, 0 }, "out of memory");
			return -EINVAL;
		}
		infos = own;
	}
	for (uint32_t i = 0; i < cfg->pms_nr; i++) {
		good[i] = look_up(cfg, &cfg->pms[i], catalogue, &infos[i]);
		if (good[i])
			check_pm(cfg, &cfg->pms[i], &infos[i]);
	}
	fos_link_topics(cfg, infos, good);
	for (uint32_t i = 0; i < cfg->pipelines_nr; i++) {
		const struct fos_config_pipeline *p = &cfg->pipelines[i];

		if (p->linked)
			fos_link_order(cfg, i, infos, good);
		for (uint32_t s = 0; s < p->stages_nr; s++)
			check_stage(cfg, &p->stages[s], infos, good);
		check_order(cfg, p, infos, good);
	}
	free(own);
	return cfg->errors == before ? 0 : -EINVAL;
}
