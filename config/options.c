/* options.c - a PM's free-form options: each key with one value or a list of values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/convert.h"
#include "config/report.h"
#include "config/value.h"

static bool is_value(struct fos_config *cfg, const struct fos_node *node, const char *key)
{
	if (node->kind != FOS_NODE_SCALAR)
		fos_config_error(cfg, node->where, "option '%s' takes a value or a list of values, "
				 "not a %s inside", key,
				 node->kind == FOS_NODE_LIST ? "list" : "mapping");
	else if (node->is_null)
		fos_config_error(cfg, node->where, "option '%s' has no value (\"\" is an empty "
				 "one)", key);
	return node->kind == FOS_NODE_SCALAR && !node->is_null;
}

static int add_value(struct fos_config_option *option, const struct fos_node *node)
{
	int ret = fos_convert_text(&option->values[option->values_nr], node->text);

	if (ret == 0)
		option->value_where[option->values_nr++] = node->where;
	return ret;
}

static int convert_values(struct fos_config *cfg, struct fos_config_option *option,
			  const struct fos_node *node)
{
	uint32_t nr = option->is_list ? node->nr : 1;
	int ret = 0;

	if (nr > FOS_CONFIG_OPTION_VALUES_MAX) {
		fos_config_error(cfg, node->where, "option '%s' has %u values: at most %d are "
				 "allowed", option->key, nr, FOS_CONFIG_OPTION_VALUES_MAX);
		return -EINVAL;
	}
	/* One more than needed, so that an empty list is not a NULL pointer. */
	option->values = calloc(nr + 1, sizeof(*option->values));
	option->value_where = calloc(nr + 1, sizeof(*option->value_where));
	if (option->values == NULL || option->value_where == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		const struct fos_node *value = option->is_list ? node->values[i] : node;

		if (!is_value(cfg, value, option->key))
			ret = fos_convert_worse(ret, -EINVAL);
		else
			ret = fos_convert_worse(ret, add_value(option, value));
	}
	return ret;
}

static int convert_option(struct fos_config *cfg, struct fos_config_pm *pm,
			  const struct fos_node *key, const struct fos_node *value)
{
	struct fos_config_option *option = &pm->options[pm->options_nr];

	if (fos_value_name(key->text, FOS_CONFIG_NAME_MAX) < 0) {
		fos_config_error(cfg, key->where, "%s cannot name an option: at most %d letters, "
				 "digits, '_' or '-', beginning with a letter", FOS_SHOW(key->text),
				 FOS_CONFIG_NAME_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < pm->options_nr; i++) {
		if (strcmp(pm->options[i].key, key->text) != 0)
			continue;
		fos_config_error(cfg, key->where, "option '%s' appears twice (first on line %d)",
				 key->text, pm->options[i].where.line);
		return -EINVAL;
	}
	if (value->kind == FOS_NODE_MAPPING)
		return is_value(cfg, value, key->text) ? 0 : -EINVAL;
	if (fos_convert_text(&option->key, key->text) < 0)
		return -ENOMEM;
	pm->options_nr++;
	option->where = key->where;
	option->is_list = value->kind == FOS_NODE_LIST;
	return convert_values(cfg, option, value);
}

static size_t options_bytes(const struct fos_config_pm *pm)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < pm->options_nr; i++) {
		bytes += strlen(pm->options[i].key) + 1;
		for (uint32_t k = 0; k < pm->options[i].values_nr; k++)
			bytes += strlen(pm->options[i].values[k]) + 1;
	}
	return bytes;
}

int fos_convert_options(struct fos_config *cfg, struct fos_config_pm *pm,
			const struct fos_node *node)
{
	int ret = 0;

	if (node == NULL || node->is_null)
		return 0;
	if (node->kind != FOS_NODE_MAPPING) {
		fos_config_error(cfg, node->where, "'options' must be a mapping ('key: value'), "
				 "not a %s", node->kind == FOS_NODE_LIST ? "list" : "single value");
		return -EINVAL;
	}
	if (node->nr > FOS_CONFIG_OPTIONS_MAX) {
		fos_config_error(cfg, node->where, "%u options: at most %d are allowed", node->nr,
				 FOS_CONFIG_OPTIONS_MAX);
		return -EINVAL;
	}
	pm->options = calloc(node->nr + 1, sizeof(*pm->options));
	if (pm->options == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->nr; i++)
		ret = fos_convert_worse(ret, convert_option(cfg, pm, node->keys[i],
							    node->values[i]));
	if (ret == 0 && options_bytes(pm) > FOS_CONFIG_OPTIONS_BYTES_MAX) {
		fos_config_error(cfg, node->where, "the options of one PM have %zu bytes: at most "
				 "%d are allowed (put long lists into a file)", options_bytes(pm),
				 FOS_CONFIG_OPTIONS_BYTES_MAX);
		ret = -EINVAL;
	}
	return ret;
}
