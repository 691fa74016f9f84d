/* tree.h - a YAML document as nodes that know where they stand.
 *
 * libcyaml loads values but forgets their places; this pass over libyaml's events keeps both.
 * It is also the gate: what gets through is one document of plain mappings, lists and scalars of
 * bounded depth and number, without anchors, aliases, tags, NUL bytes or broken UTF-8.
 */
#ifndef FOS_CONFIG_TREE_H
#define FOS_CONFIG_TREE_H

#include "config/config.h"

enum { FOS_TREE_DEPTH_MAX = 16, FOS_TREE_NODES_MAX = 50000 };

enum fos_node_kind { FOS_NODE_SCALAR, FOS_NODE_LIST, FOS_NODE_MAPPING };

struct fos_node {
	enum fos_node_kind kind;
	struct fos_where where;
	char *text;			/* scalar: its value, without NUL bytes inside */
	bool is_null;			/* scalar: nothing, or an unquoted ~ or null */
	uint32_t nr;			/* list, mapping: number of entries */
	uint32_t room;
	struct fos_node **keys;		/* mapping: scalar nodes */
	struct fos_node **values;
};

/* Parse cfg->text.  The root is a mapping.  Returns 0, or -EINVAL (reported), or -ENOMEM. */
int fos_tree_parse(struct fos_config *cfg, struct fos_node **root);

void fos_tree_free(struct fos_node *node);

/* The entry of a mapping, NULL when absent (or when `node` is NULL or no mapping). */
struct fos_node *fos_tree_get(const struct fos_node *node, const char *key);

/* The same by path: "memory.frames", "pipelines[2].stages[0].hold.bytes". */
struct fos_node *fos_tree_at(struct fos_node *node, const char *path);

/* Refuse bytes that are no text at all, before libyaml sees them.  0 or -EINVAL (reported). */
int fos_text_check(struct fos_config *cfg);

#endif
