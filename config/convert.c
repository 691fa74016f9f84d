/* convert.c - box, memory, limits, interfaces and wires. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/convert.h"
#include "config/report.h"
#include "config/value.h"

/* One numeric key: where it comes from, what it may be, where it goes. */
struct number_key {
	const char *section;
	const char *key;
	size_t raw_section;		/* offset in struct fos_raw of the section's pointer */
	size_t raw_key;			/* offset in the section of the string's pointer */
	struct fos_number_rule rule;
	size_t to;			/* offset in struct fos_config */
	size_t to_size;			/* 4 or 8 */
	size_t where;			/* offset of a struct fos_where; 0 = none is kept */
};

#define KEY(sect, name, form, min, max, field) \
	#sect, #name, offsetof(struct fos_raw, sect), offsetof(struct fos_raw_##sect, name), \
	{ form, min, max }, offsetof(struct fos_config, field), \
	sizeof(((struct fos_config *)NULL)->field)
#define WHERE(field) offsetof(struct fos_config, field)

static const struct number_key number_keys[] = {
	{ KEY(box, lanes, FOS_FORM_NUMBER, 1, FOS_CONFIG_LANES_MAX, lanes), WHERE(lanes_where) },
	{ KEY(memory, frames, FOS_FORM_SIZE, FOS_CONFIG_FRAMES_MIN, FOS_CONFIG_FRAMES_MAX, frames),
	  WHERE(frames_where) },
	{ KEY(memory, flows, FOS_FORM_SIZE, FOS_CONFIG_FLOWS_MIN, FOS_CONFIG_FLOWS_MAX, flows),
	  WHERE(flows_where) },
	{ KEY(memory, edits, FOS_FORM_SIZE, FOS_CONFIG_EDITS_MIN, FOS_CONFIG_EDITS_MAX, edits), 0 },
	{ KEY(limits, ooo_per_flow, FOS_FORM_SIZE, FOS_CONFIG_OOO_FLOW_MIN, FOS_CONFIG_OOO_FLOW_MAX,
	      ooo_per_flow_bytes), WHERE(ooo_per_flow_where) },
	{ KEY(limits, ooo_total, FOS_FORM_SIZE, FOS_CONFIG_OOO_TOTAL_MIN, FOS_CONFIG_OOO_TOTAL_MAX,
	      ooo_total_bytes), 0 },
	{ KEY(limits, fragments, FOS_FORM_SIZE, FOS_CONFIG_FRAGMENTS_MIN, FOS_CONFIG_FRAGMENTS_MAX,
	      fragments), 0 },
	{ KEY(limits, half_open, FOS_FORM_SIZE, FOS_CONFIG_HALF_OPEN_MIN, FOS_CONFIG_HALF_OPEN_MAX,
	      half_open), 0 },
	{ KEY(limits, idle, FOS_FORM_DURATION, FOS_CONFIG_TIMEOUT_MIN_MS, FOS_CONFIG_IDLE_MAX_MS,
	      idle_ms), 0 },
	{ KEY(limits, handshake, FOS_FORM_DURATION, FOS_CONFIG_TIMEOUT_MIN_MS,
	      FOS_CONFIG_TIMEOUT_MAX_MS, handshake_ms), 0 },
	{ KEY(limits, closing, FOS_FORM_DURATION, FOS_CONFIG_TIMEOUT_MIN_MS,
	      FOS_CONFIG_TIMEOUT_MAX_MS, closing_ms), 0 },
};

int fos_convert_worse(int a, int b)
{
	return a == -ENOMEM || b == -ENOMEM ? -ENOMEM : a < 0 ? a : b;
}

struct fos_where fos_convert_where(const struct fos_node *node, struct fos_where otherwise)
{
	return node != NULL ? node->where : otherwise;
}

int fos_convert_text(char **out, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return -ENOMEM;
	free(*out);
	*out = copy;
	return 0;
}

static int parse_number(enum fos_number_form form, const char *text, uint64_t *out)
{
	return form == FOS_FORM_SIZE ? fos_value_size(text, out) :
	       form == FOS_FORM_DURATION ? fos_value_duration(text, out) :
	       fos_value_number(text, false, out);
}

int fos_convert_number(struct fos_config *cfg, struct fos_where where, const char *key,
		       const char *text, const struct fos_number_rule *rule, uint64_t *out)
{
	static const char *const is_not[] = { "a number", "a duration", "a plain number" };
	static const char *const units[] = { " (K, M, G are multiples of 1024)",
					     " (units: ms, s, m, h)", "" };
	char low[FOS_VALUE_TEXT_MAX], high[FOS_VALUE_TEXT_MAX];
	uint64_t v = 0;
	int ret = parse_number(rule->form, text, &v);

	if (ret == 0 && v >= rule->min && v <= rule->max) {
		*out = v;
		return 0;
	}
	if (rule->form == FOS_FORM_DURATION) {
		fos_value_duration_text(low, rule->min);
		fos_value_duration_text(high, rule->max);
	} else {
		fos_value_size_text(low, rule->min);
		fos_value_size_text(high, rule->max);
	}
	if (ret == -EINVAL)
		fos_config_error(cfg, where, "%s: %s is not %s: allowed is %s to %s%s", key,
				 FOS_SHOW(text), is_not[rule->form], low, high, units[rule->form]);
	else
		fos_config_error(cfg, where, "%s: %s is out of range: allowed is %s to %s%s", key,
				 FOS_SHOW(text), low, high, units[rule->form]);
	return -EINVAL;
}

static int convert_number_key(struct fos_config *cfg, const struct fos_raw *raw,
			      const struct fos_node *root, const struct number_key *k)
{
	const char *base = (const char *)raw;
	const char *section = *(const char *const *)(const void *)(base + k->raw_section);
	const struct fos_node *node = fos_tree_get(fos_tree_get(root, k->section), k->key);
	char *to = (char *)cfg + k->to;
	const char *text;
	uint64_t v;
	int ret;

	if (section == NULL || node == NULL)
		return 0;
	text = *(const char *const *)(const void *)(section + k->raw_key);
	ret = fos_convert_number(cfg, node->where, k->key, text, &k->rule, &v);
	if (ret < 0)
		return ret;
	if (k->to_size == sizeof(uint32_t))
		memcpy(to, &(uint32_t){ (uint32_t)v }, sizeof(uint32_t));
	else
		memcpy(to, &v, sizeof(v));
	if (k->where != 0)
		memcpy((char *)cfg + k->where, &node->where, sizeof(node->where));
	return 0;
}

static int convert_run_dir(struct fos_config *cfg, const struct fos_raw_box *box,
			   const struct fos_node *node)
{
	if (box->run_dir == NULL || node == NULL)
		return 0;
	cfg->run_dir_where = node->where;
	if (box->run_dir[0] != '/') {
		fos_config_error(cfg, node->where, "run_dir: %s must be an absolute path, "
				 "like %s", FOS_SHOW(box->run_dir), FOS_CONFIG_RUN_DIR_DEFAULT);
		return -EINVAL;
	}
	if (strlen(box->run_dir) > FOS_CONFIG_RUN_DIR_MAX) {
		fos_config_error(cfg, node->where, "run_dir: the path has %zu bytes, at most %d "
				 "are allowed", strlen(box->run_dir), FOS_CONFIG_RUN_DIR_MAX);
		return -EINVAL;
	}
	memcpy(cfg->run_dir, box->run_dir, strlen(box->run_dir) + 1);
	return 0;
}

static int convert_frame_size(struct fos_config *cfg, const struct fos_node *node)
{
	uint64_t v = 0;

	if (node == NULL)
		return 0;
	if (fos_value_size(node->text, &v) < 0 ||
	    (v != FOS_CONFIG_FRAME_SIZE_DEFAULT && v != FOS_CONFIG_FRAME_SIZE_LARGE)) {
		fos_config_error(cfg, node->where, "frame_size: %s is not allowed: %u or %u",
				 FOS_SHOW(node->text), FOS_CONFIG_FRAME_SIZE_DEFAULT,
				 FOS_CONFIG_FRAME_SIZE_LARGE);
		return -EINVAL;
	}
	cfg->frame_size = (uint32_t)v;
	return 0;
}

static int convert_mss(struct fos_config *cfg, const struct fos_node *node)
{
	uint64_t v = 0;

	if (node == NULL)
		return 0;
	if (strcmp(node->text, "keep") == 0) {
		cfg->mss = FOS_CONFIG_MSS_KEEP;
	} else if (strcmp(node->text, "auto") == 0) {
		cfg->mss = FOS_CONFIG_MSS_AUTO;
	} else if (fos_value_number(node->text, false, &v) == 0 && v >= FOS_CONFIG_MSS_MIN &&
		   v <= FOS_CONFIG_MSS_MAX) {
		cfg->mss = (uint32_t)v;
	} else {
		fos_config_error(cfg, node->where, "mss: %s is not allowed: 'keep', 'auto' or %u "
				 "to %u", FOS_SHOW(node->text), FOS_CONFIG_MSS_MIN,
				 FOS_CONFIG_MSS_MAX);
		return -EINVAL;
	}
	return 0;
}

/* The scalars of the sections that are no plain numbers. */
static int convert_rest(struct fos_config *cfg, const struct fos_raw *raw, struct fos_node *root)
{
	const struct fos_node *node = fos_tree_get(root, "version");
	uint64_t version = 0;
	int ret = 0;

	if (fos_value_number(raw->version, false, &version) < 0 || version != FOS_CONFIG_VERSION) {
		fos_config_error(cfg, node->where, "version: %s is not supported: this FlowOS "
				 "reads version %d", FOS_SHOW(raw->version), FOS_CONFIG_VERSION);
		ret = -EINVAL;
	}
	if (raw->box != NULL) {
		cfg->when_down = (enum fos_config_down)raw->box->when_down;
		cfg->pickup = (enum fos_config_pickup)raw->box->pickup;
		cfg->wait = (enum fos_config_wait)raw->box->wait;
		node = fos_tree_at(root, "box.run_dir");
		ret = fos_convert_worse(ret, convert_run_dir(cfg, raw->box, node));
	}
	if (raw->tcp != NULL) {
		cfg->urgent = (enum fos_config_urgent)raw->tcp->urgent;
		cfg->mptcp = (enum fos_config_mptcp)raw->tcp->mptcp;
		node = fos_tree_at(root, "tcp.mss");
		ret = fos_convert_worse(ret, convert_mss(cfg, node));
	}
	if (raw->memory != NULL)
		cfg->hugepages = (enum fos_config_hugepages)raw->memory->hugepages;
	node = fos_tree_at(root, "memory.hugepages");
	cfg->hugepages_where = fos_convert_where(node, cfg->hugepages_where);
	node = fos_tree_at(root, "memory.frame_size");
	return fos_convert_worse(ret, convert_frame_size(cfg, node));
}

static int convert_queues(struct fos_config *cfg, struct fos_config_interface *to,
			  const char *text)
{
	uint64_t v = 0;

	if (text == NULL || strcmp(text, "auto") == 0)
		return 0;
	if (fos_value_number(text, false, &v) < 0 || v < 1 || v > FOS_CONFIG_QUEUES_MAX) {
		fos_config_error(cfg, to->queues_where,
				 "queues: %s is not allowed: 'auto' or 1 to %d", FOS_SHOW(text),
				 FOS_CONFIG_QUEUES_MAX);
		return -EINVAL;
	}
	to->queues = (uint32_t)v;
	return 0;
}

static int convert_interface(struct fos_config *cfg, const struct fos_raw_interface *raw,
			     const struct fos_node *node)
{
	struct fos_config_interface *to = &cfg->interfaces[cfg->interfaces_nr++];
	struct fos_where name_where = fos_tree_get(node, "name")->where;
	int ret = 0;

	to->where = node->where;
	to->nic_where = fos_tree_get(node, "nic")->where;
	to->queues_where = fos_convert_where(fos_tree_get(node, "queues"), node->where);
	to->inside_where = fos_convert_where(fos_tree_get(node, "inside"), node->where);
	to->mode = (enum fos_config_mode)raw->mode;
	to->inside = raw->inside != 0;
	if (fos_value_name(raw->name, FOS_CONFIG_INTERFACE_NAME_MAX) < 0) {
		fos_config_error(cfg, name_where, "name: %s cannot name an interface: at most %d "
				 "letters, digits, '_' or '-', beginning with a letter",
				 FOS_SHOW(raw->name), FOS_CONFIG_INTERFACE_NAME_MAX);
		ret = -EINVAL;
	} else {
		memcpy(to->name, raw->name, strlen(raw->name) + 1);
	}
	if (fos_value_device(raw->nic) < 0) {
		fos_config_error(cfg, to->nic_where, "nic: %s cannot be a network device: "
				 "1 to %d characters without '/', ':' and blanks (`ip link` lists "
				 "yours)", FOS_SHOW(raw->nic), FOS_CONFIG_INTERFACE_NAME_MAX);
		ret = -EINVAL;
	} else {
		memcpy(to->nic, raw->nic, strlen(raw->nic) + 1);
	}
	return fos_convert_worse(ret, convert_queues(cfg, to, raw->queues));
}

static int convert_wire(struct fos_config *cfg, char *const *raw, const struct fos_node *node)
{
	struct fos_config_wire *to = &cfg->wires[cfg->wires_nr++];
	int ret = 0;

	to->where = node->where;
	for (int i = 0; i < 2; i++) {
		to->end[i] = -1;
		to->end_where[i] = node->values[i]->where;
		ret = fos_convert_worse(ret, fos_convert_text(&to->end_name[i], raw[i]));
	}
	return ret;
}

int fos_convert_box(struct fos_config *cfg, const struct fos_raw *raw, struct fos_node *root)
{
	const struct fos_node *interfaces = fos_tree_get(root, "interfaces");
	const struct fos_node *wires = fos_tree_get(root, "wires");
	int ret = 0;

	for (size_t i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++)
		ret = fos_convert_worse(ret, convert_number_key(cfg, raw, root, &number_keys[i]));
	ret = fos_convert_worse(ret, convert_rest(cfg, raw, root));
	for (uint32_t i = 0; i < raw->interfaces_count; i++)
		ret = fos_convert_worse(ret, convert_interface(cfg, &raw->interfaces[i],
							       interfaces->values[i]));
	for (uint32_t i = 0; i < raw->wires_count; i++)
		ret = fos_convert_worse(ret, convert_wire(cfg, raw->wires[i], wires->values[i]));
	return ret;
}
