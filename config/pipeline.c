/* pipeline.c - pipelines, their stages, PMs and the PMs' options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/convert.h"
#include "config/report.h"
#include "config/value.h"

static int convert_hold(struct fos_config *cfg, struct fos_config_pm *pm,
			const struct fos_raw_hold *raw, const struct fos_node *node)
{
	static const struct fos_number_rule bytes_rule = {
		FOS_FORM_SIZE, FOS_CONFIG_HOLD_BYTES_MIN, FOS_CONFIG_HOLD_BYTES_MAX,
	};
	static const struct fos_number_rule time_rule = {
		FOS_FORM_DURATION, FOS_CONFIG_HOLD_TIME_MIN_MS, FOS_CONFIG_HOLD_TIME_MAX_MS,
	};
	uint64_t bytes = FOS_CONFIG_HOLD_BYTES_DEFAULT, time_ms = FOS_CONFIG_HOLD_TIME_DEFAULT_MS;
	struct fos_where where;
	int ret = 0;

	pm->hold_where = fos_convert_where(node, pm->where);
	if (raw != NULL && raw->bytes != NULL) {
		where = fos_convert_where(fos_tree_get(node, "bytes"), pm->hold_where);
		ret = fos_convert_number(cfg, where, "hold.bytes", raw->bytes, &bytes_rule, &bytes);
	}
	if (raw != NULL && raw->time != NULL) {
		where = fos_convert_where(fos_tree_get(node, "time"), pm->hold_where);
		ret = fos_convert_worse(ret, fos_convert_number(cfg, where, "hold.time", raw->time,
								&time_rule, &time_ms));
	}
	pm->hold_bytes = (uint32_t)bytes;
	pm->hold_time_ms = (uint32_t)time_ms;
	return ret;
}

static int convert_quarantine(struct fos_config *cfg, struct fos_config_pm *pm, const char *raw,
			      const struct fos_node *node)
{
	static const struct fos_number_rule rule = {
		FOS_FORM_NUMBER, 1, FOS_CONFIG_QUARANTINE_MAX,
	};
	uint64_t deaths = FOS_CONFIG_QUARANTINE_DEFAULT;
	int ret = 0;

	if (raw != NULL)
		ret = fos_convert_number(cfg, fos_convert_where(node, pm->where), "quarantine", raw,
					 &rule, &deaths);
	pm->quarantine = (uint32_t)deaths;
	return ret;
}

static int convert_pm_name(struct fos_config *cfg, struct fos_config_pm *pm, const char *name)
{
	if (fos_value_name(name, FOS_CONFIG_NAME_MAX) < 0) {
		fos_config_error(cfg, pm->where, "pm: %s cannot name a PM: at most %d letters, "
				 "digits, '_' or '-', beginning with a letter%s", FOS_SHOW(name),
				 FOS_CONFIG_NAME_MAX, strchr(name, '/') == NULL ? "" :
				 " (a path belongs in 'file')");
		return -EINVAL;
	}
	return fos_convert_text(&pm->name, name);
}

static int convert_pm_file(struct fos_config *cfg, struct fos_config_pm *pm, const char *file)
{
	if (file == NULL)
		return 0;
	if (*file == '\0' || strlen(file) > FOS_CONFIG_PATH_MAX) {
		fos_config_error(cfg, pm->file_where, "file: %s is not a path of 1 to %d bytes",
				 FOS_SHOW(file), FOS_CONFIG_PATH_MAX);
		return -EINVAL;
	}
	return fos_convert_text(&pm->file, file);
}

/* Into the stage being built, or among those that link.c will order, or that stand by. */
static void place_pm(struct fos_config *cfg, struct fos_config_pm *pm, bool standby)
{
	struct fos_config_pipeline *p = &cfg->pipelines[pm->pipeline];
	struct fos_config_stage *stage;

	pm->standby = standby;
	if (standby) {
		p->standby[p->standby_nr++] = (uint8_t)(pm - cfg->pms);
		return;
	}
	if (p->linked) {
		p->modules[p->modules_nr++] = (uint8_t)(pm - cfg->pms);
		return;
	}
	stage = &p->stages[p->stages_nr - 1];
	stage->pms[stage->pms_nr++] = (uint8_t)(pm - cfg->pms);
	pm->stage = p->stages_nr - 1;
}

/* One PM at `node` (a stage, an entry of `parallel`, an entry of `modules`). */
static int convert_pm(struct fos_config *cfg, uint32_t pipeline, const struct fos_raw_pm *raw,
		      const struct fos_node *node, bool standby)
{
	const struct fos_node *name = fos_tree_get(node, "pm");
	struct fos_config_pm *pm;
	int ret;

	if (cfg->pms_nr == FOS_CONFIG_PMS_MAX) {
		fos_config_error(cfg, node->where, "more than %d PMs in the file",
				 FOS_CONFIG_PMS_MAX);
		return -EINVAL;
	}
	pm = &cfg->pms[cfg->pms_nr++];
	pm->where = fos_convert_where(name, node->where);
	pm->file_where = fos_convert_where(fos_tree_get(node, "file"), pm->where);
	pm->direction_where = fos_convert_where(fos_tree_get(node, "direction"), pm->where);
	pm->pipeline = pipeline;
	place_pm(cfg, pm, standby);
	pm->direction = (enum fos_config_direction)raw->direction;
	pm->on_failure = (enum fos_config_failure)raw->on_failure;
	pm->spare = raw->spare != 0;
	ret = convert_pm_name(cfg, pm, raw->pm);
	ret = fos_convert_worse(ret, convert_pm_file(cfg, pm, raw->file));
	ret = fos_convert_worse(ret, convert_quarantine(cfg, pm, raw->quarantine,
							fos_tree_get(node, "quarantine")));
	ret = fos_convert_worse(ret, convert_hold(cfg, pm, raw->hold, fos_tree_get(node, "hold")));
	return fos_convert_worse(ret, fos_convert_options(cfg, pm, fos_tree_get(node, "options")));
}

/* Either `pm` with its keys, or `parallel` alone. */
static int check_stage_form(struct fos_config *cfg, const struct fos_node *node)
{
	const struct fos_node *pm = fos_tree_get(node, "pm");
	const struct fos_node *parallel = fos_tree_get(node, "parallel");
	uint32_t i = 0;

	if (pm == NULL && parallel == NULL) {
		fos_config_error(cfg, node->where, "a stage needs 'pm: NAME' or 'parallel: [...]'");
		return -EINVAL;
	}
	if (parallel == NULL || node->nr == 1)
		return 0;
	while (strcmp(node->keys[i]->text, "parallel") == 0)
		i++;
	if (pm != NULL)
		fos_config_error(cfg, pm->where, "a stage has either 'pm' or 'parallel', not both");
	else
		fos_config_error(cfg, node->keys[i]->where, "key '%s' belongs to a PM: write it in "
				 "the entries of 'parallel'", node->keys[i]->text);
	return -EINVAL;
}

static int convert_stage(struct fos_config *cfg, uint32_t pipeline,
			 const struct fos_raw_stage *raw, const struct fos_node *node)
{
	struct fos_config_pipeline *p = &cfg->pipelines[pipeline];
	const struct fos_node *parallel = fos_tree_get(node, "parallel");
	int ret = check_stage_form(cfg, node);

	p->stages[p->stages_nr++] = (struct fos_config_stage){
		.where = node->where,
		.parallel = parallel != NULL,
	};
	if (ret < 0)
		return ret;
	if (parallel == NULL)
		return convert_pm(cfg, pipeline, &raw->single, node, false);
	for (uint32_t i = 0; i < raw->parallel_count; i++)
		ret = fos_convert_worse(ret, convert_pm(cfg, pipeline, &raw->parallel[i],
							parallel->values[i], false));
	return ret;
}

/* `modules:` or `standby:` as [NAME, {pm: NAME, ...}]; libcyaml takes no list of both, so this reads the
 * tree. */
static int convert_list(struct fos_config *cfg, uint32_t pipeline, const struct fos_node *list,
			bool standby)
{
	const char *key = standby ? "standby" : "modules";
	char label[32];
	int ret = 0;

	if (list->kind != FOS_NODE_LIST || list->nr == 0) {
		fos_config_error(cfg, list->where, "'%s' must be a list of PMs, in any order: "
				 "[NAME, ...] or '- pm: NAME' lines", key);
		return -EINVAL;
	}
	snprintf(label, sizeof(label), "an entry of '%s'", key);
	for (uint32_t i = 0; i < list->nr; i++) {
		const struct fos_node *node = list->values[i];
		struct fos_raw_hold hold;
		struct fos_raw_pm raw = { .pm = node->text };

		if (node->kind != FOS_NODE_SCALAR || node->is_null) {
			int bad = fos_shape_check(cfg, node, &fos_schema_pm, label);

			if (bad < 0) {
				ret = fos_convert_worse(ret, bad);
				continue;
			}
			fos_schema_read_pm(node, &raw, &hold);
		}
		ret = fos_convert_worse(ret, convert_pm(cfg, pipeline, &raw, node, standby));
	}
	return ret;
}

static int convert_modules(struct fos_config *cfg, uint32_t pipeline, const struct fos_node *list,
			   const struct fos_node *stages)
{
	if (stages != NULL) {
		fos_config_error(cfg, list->where, "a pipeline has either 'stages' or 'modules', "
				 "not both");
		return -EINVAL;
	}
	cfg->pipelines[pipeline].linked = true;
	return convert_list(cfg, pipeline, list, false);
}

static int convert_pipeline(struct fos_config *cfg, const struct fos_raw_pipeline *raw,
			    const struct fos_node *node)
{
	uint32_t index = cfg->pipelines_nr++;
	struct fos_config_pipeline *to = &cfg->pipelines[index];
	const struct fos_node *stages = fos_tree_get(node, "stages");
	int ret = 0;

	to->where = node->where;
	to->name_where = fos_tree_get(node, "name")->where;
	to->key_where = fos_convert_where(fos_tree_get(node, "key"), node->where);
	to->key = (enum fos_config_key)raw->key;
	if (fos_value_name(raw->name, FOS_CONFIG_NAME_MAX) < 0) {
		fos_config_error(cfg, to->name_where, "name: %s cannot name a pipeline: at most %d "
				 "letters, digits, '_' or '-', beginning with a letter",
				 FOS_SHOW(raw->name), FOS_CONFIG_NAME_MAX);
		ret = -EINVAL;
	} else {
		ret = fos_convert_text(&to->name, raw->name);
	}
	ret = fos_convert_worse(ret, fos_convert_match(cfg, &to->match,
						       fos_tree_get(node, "match")));
	if (fos_tree_get(node, "standby") != NULL)
		ret = fos_convert_worse(ret, convert_list(cfg, index,
							  fos_tree_get(node, "standby"), true));
	if (fos_tree_get(node, "modules") != NULL)
		return fos_convert_worse(ret, convert_modules(cfg, index,
							      fos_tree_get(node, "modules"),
							      stages));
	for (uint32_t i = 0; i < raw->stages_count; i++)
		ret = fos_convert_worse(ret, convert_stage(cfg, index, &raw->stages[i],
							   stages->values[i]));
	return ret;
}

int fos_convert_pipelines(struct fos_config *cfg, const struct fos_raw *raw,
			  struct fos_node *root)
{
	const struct fos_node *list = fos_tree_get(root, "pipelines");
	int ret = 0;

	for (uint32_t i = 0; i < raw->pipelines_count; i++)
		ret = fos_convert_worse(ret, convert_pipeline(cfg, &raw->pipelines[i],
							      list->values[i]));
	return ret;
}
