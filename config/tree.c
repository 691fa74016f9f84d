/* tree.c - libyaml events to nodes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/report.h"
#include "config/tree.h"

struct builder {
	struct fos_config *cfg;
	yaml_parser_t parser;
	struct fos_node *root;
	struct fos_node *open[FOS_TREE_DEPTH_MAX];	/* lists and mappings not yet closed */
	struct fos_node *key[FOS_TREE_DEPTH_MAX];	/* key waiting for its value */
	uint32_t depth;
	uint32_t nodes;
	uint32_t documents;
	bool done;
};

static struct fos_where mark_where(yaml_mark_t mark)
{
	return (struct fos_where){ (int)mark.line + 1, (int)mark.column + 1 };
}

void fos_tree_free(struct fos_node *node)
{
	if (node == NULL)
		return;
	/* Recursion ends at FOS_TREE_DEPTH_MAX. */
	for (uint32_t i = 0; i < node->nr; i++) {
		if (node->keys != NULL)
			fos_tree_free(node->keys[i]);
		fos_tree_free(node->values[i]);
	}
	free(node->keys);
	free(node->values);
	free(node->text);
	free(node);
}

struct fos_node *fos_tree_get(const struct fos_node *node, const char *key)
{
	if (node == NULL || node->kind != FOS_NODE_MAPPING)
		return NULL;
	for (uint32_t i = 0; i < node->nr; i++)
		if (strcmp(node->keys[i]->text, key) == 0)
			return node->values[i];
	return NULL;
}

struct fos_node *fos_tree_at(struct fos_node *node, const char *path)
{
	char key[64], *end;
	size_t n;

	while (node != NULL && *path != '\0') {
		if (*path == '[') {
			unsigned long i = strtoul(path + 1, &end, 10);

			node = node->kind == FOS_NODE_LIST && i < node->nr ? node->values[i] : NULL;
			path = *end == ']' ? end + 1 : end;
		} else {
			path += *path == '.';
			n = strcspn(path, ".[");
			if (n == 0 || n >= sizeof(key))
				return NULL;
			memcpy(key, path, n);
			key[n] = '\0';
			node = fos_tree_get(node, key);
			path += n;
		}
	}
	return node;
}

/* The problem in YAML's own words, with help for the usual slips. */
static void report_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem != NULL ? p->problem : "unknown problem";
	struct fos_where where = mark_where(p->problem_mark);
	const char *help = "";

	if (strstr(problem, "tab character") != NULL ||
	    (strstr(problem, "cannot start any token") != NULL && p->buffer.pointer != NULL &&
	     *p->buffer.pointer == '\t')) {
		fos_config_error(b->cfg, where,
				 "a tab character cannot indent: YAML indents with spaces only");
		return;
	}
	if (strstr(problem, "cannot start any token") != NULL)
		help = ": put the value in double quotes";
	else if (strstr(problem, "mapping values are not allowed") != NULL)
		help = ": check the indentation, and quote a value that contains ': '";
	else if (strstr(problem, "did not find expected key") != NULL ||
		 strstr(problem, "'-' indicator") != NULL)
		help = ": check the indentation of this line and the one above";
	else if (strstr(problem, "<document start>") != NULL)
		help = ": the configuration ended above, with '...' or a closing bracket";
	else if (strstr(problem, "end of stream") != NULL)
		help = ": a closing quote is missing";
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		fos_config_error(b->cfg, where, "YAML syntax: %s%s (%s that began at line %zu)",
				 problem, help, p->context, p->context_mark.line + 1);
	else
		fos_config_error(b->cfg, where, "YAML syntax: %s%s", problem, help);
}

static int append(struct fos_node *parent, struct fos_node *key, struct fos_node *value)
{
	if (parent->nr == parent->room) {
		uint32_t room = parent->room == 0 ? 8 : parent->room * 2;
		struct fos_node **v = realloc(parent->values, room * sizeof(*v));

		if (v == NULL)
			return -ENOMEM;
		parent->values = v;
		if (parent->kind == FOS_NODE_MAPPING) {
			struct fos_node **k = realloc(parent->keys, room * sizeof(*k));

			if (k == NULL)
				return -ENOMEM;
			parent->keys = k;
		}
		parent->room = room;
	}
	if (parent->kind == FOS_NODE_MAPPING)
		parent->keys[parent->nr] = key;
	parent->values[parent->nr++] = value;
	return 0;
}

/* Hang a complete or just opened node where it belongs.  Takes the node, also on failure. */
static int place(struct builder *b, struct fos_node *node)
{
	struct fos_node *parent = b->depth > 0 ? b->open[b->depth - 1] : NULL;
	struct fos_node **key = b->depth > 0 ? &b->key[b->depth - 1] : NULL;
	int ret;

	if (parent == NULL) {
		b->root = node;
		return 0;
	}
	if (parent->kind == FOS_NODE_MAPPING && *key == NULL) {
		if (node->kind == FOS_NODE_SCALAR) {
			*key = node;
			return 0;
		}
		fos_config_error(b->cfg, node->where, "a key must be a word, not a %s",
				 node->kind == FOS_NODE_LIST ? "list" : "mapping");
		fos_tree_free(node);
		return -EINVAL;
	}
	ret = append(parent, *key, node);
	if (ret < 0)
		fos_tree_free(node);
	else
		*key = NULL;
	return ret;
}

static int add_node(struct builder *b, const yaml_event_t *e, enum fos_node_kind kind)
{
	struct fos_node *node;
	int ret;

	if (++b->nodes > FOS_TREE_NODES_MAX) {
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "more than %d keys and values: this is no configuration",
				 FOS_TREE_NODES_MAX);
		return -EINVAL;
	}
	if (kind != FOS_NODE_SCALAR && b->depth == FOS_TREE_DEPTH_MAX) {
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "lists and mappings nested more than %d deep", FOS_TREE_DEPTH_MAX);
		return -EINVAL;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->kind = kind;
	node->where = mark_where(e->start_mark);
	if (kind == FOS_NODE_SCALAR) {
		const char *v = (const char *)e->data.scalar.value;

		node->text = strdup(v);
		if (node->text == NULL) {
			free(node);
			return -ENOMEM;
		}
		node->is_null = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
				(*v == '\0' || strcmp(v, "~") == 0 || strcmp(v, "null") == 0 ||
				 strcmp(v, "Null") == 0 || strcmp(v, "NULL") == 0);
	}
	ret = place(b, node);
	if (ret == 0 && kind != FOS_NODE_SCALAR)
		b->open[b->depth++] = node;
	return ret;
}

/* Anchors, tags and NUL escapes: legal YAML that this program does not take. */
static int check_extras(struct builder *b, const yaml_event_t *e, const yaml_char_t *anchor,
			const yaml_char_t *tag)
{
	if (anchor != NULL) {
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "anchor '&%s': anchors and aliases are not supported, "
				 "write the value out (quote a value that begins with '&')",
				 (const char *)anchor);
		return -EINVAL;
	}
	if (tag != NULL) {
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "tag %s: tags are not supported "
				 "(quote a value that begins with '!')",
				 FOS_SHOW((const char *)tag));
		return -EINVAL;
	}
	if (e->type == YAML_SCALAR_EVENT &&
	    strlen((const char *)e->data.scalar.value) != e->data.scalar.length) {
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "a value cannot contain a NUL character");
		return -EINVAL;
	}
	return 0;
}

static int begin_document(struct builder *b, const yaml_event_t *e)
{
	if (++b->documents == 1)
		return 0;
	fos_config_error(b->cfg, mark_where(e->start_mark),
			 "a second document begins here: a file holds one configuration");
	return -EINVAL;
}

static int take_event(struct builder *b, const yaml_event_t *e)
{
	int ret;

	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return begin_document(b, e);
	case YAML_ALIAS_EVENT:
		fos_config_error(b->cfg, mark_where(e->start_mark),
				 "alias '*%s': anchors and aliases are not supported, "
				 "write the value out (quote a value that begins with '*')",
				 (const char *)e->data.alias.anchor);
		return -EINVAL;
	case YAML_SCALAR_EVENT:
		ret = check_extras(b, e, e->data.scalar.anchor, e->data.scalar.tag);
		return ret < 0 ? ret : add_node(b, e, FOS_NODE_SCALAR);
	case YAML_SEQUENCE_START_EVENT:
		ret = check_extras(b, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		return ret < 0 ? ret : add_node(b, e, FOS_NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		ret = check_extras(b, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		return ret < 0 ? ret : add_node(b, e, FOS_NODE_MAPPING);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int check_root(struct builder *b)
{
	if (b->root == NULL || (b->root->kind == FOS_NODE_SCALAR && b->root->is_null)) {
		fos_config_error(b->cfg, (struct fos_where){ 0, 0 },
				 "the file is empty: the least configuration is 'version: %d'",
				 FOS_CONFIG_VERSION);
		return -EINVAL;
	}
	if (b->root->kind != FOS_NODE_MAPPING) {
		fos_config_error(b->cfg, b->root->where,
				 "the file must consist of sections ('version: %d', 'memory:', "
				 "'pipelines:', ...), this is a %s", FOS_CONFIG_VERSION,
				 b->root->kind == FOS_NODE_LIST ? "list" : "single value");
		return -EINVAL;
	}
	return 0;
}

int fos_tree_parse(struct fos_config *cfg, struct fos_node **root)
{
	struct builder b = { .cfg = cfg };
	yaml_event_t event;
	int ret = 0;

	*root = NULL;
	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)cfg->text, cfg->text_len);
	while (ret == 0 && !b.done) {
		if (!yaml_parser_parse(&b.parser, &event)) {
			ret = b.parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
			if (ret == -EINVAL)
				report_syntax(&b);
			break;
		}
		ret = take_event(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&b.parser);
	for (uint32_t i = 0; i < FOS_TREE_DEPTH_MAX; i++)
		fos_tree_free(b.key[i]);
	if (ret == 0)
		ret = check_root(&b);
	if (ret < 0)
		fos_tree_free(b.root);
	else
		*root = b.root;
	return ret;
}
