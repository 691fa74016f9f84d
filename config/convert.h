/* convert.h - from the strings that libcyaml loaded to struct fos_config.
 *
 * Values come from the raw structure, their places from the tree.  All return 0, or -EINVAL when
 * errors were reported, or -ENOMEM.
 */
#ifndef FOS_CONFIG_CONVERT_H
#define FOS_CONFIG_CONVERT_H

#include "config/schema.h"

/* How a number is written, and what it may be. */
enum fos_number_form { FOS_FORM_SIZE, FOS_FORM_DURATION, FOS_FORM_NUMBER };

struct fos_number_rule {
	enum fos_number_form form;
	uint64_t min, max;
};

/* Parse `text` by `rule`; report a refusal of `key` at `where`. */
int fos_convert_number(struct fos_config *cfg, struct fos_where where, const char *key,
		       const char *text, const struct fos_number_rule *rule, uint64_t *out);

/* A copy of `text` in *out, freeing what was there. */
int fos_convert_text(char **out, const char *text);

/* Place of a node, or of `otherwise` without one. */
struct fos_where fos_convert_where(const struct fos_node *node, struct fos_where otherwise);

/* The worse of two results: -ENOMEM, then -EINVAL, then 0. */
int fos_convert_worse(int a, int b);

/* box, memory, limits, version, interfaces, wires. */
int fos_convert_box(struct fos_config *cfg, const struct fos_raw *raw, struct fos_node *root);

/* pipelines with their stages and PMs. */
int fos_convert_pipelines(struct fos_config *cfg, const struct fos_raw *raw,
			  struct fos_node *root);

/* One pipeline's `match` (node may be NULL: absent). */
int fos_convert_match(struct fos_config *cfg, struct fos_config_match *match,
		      const struct fos_node *node);

/* One PM's `options` (node may be NULL: absent). */
int fos_convert_options(struct fos_config *cfg, struct fos_config_pm *pm,
			const struct fos_node *node);

#endif
