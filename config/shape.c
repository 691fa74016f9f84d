/* shape.c - the tree against the schema: keys, types, counts and words, each with its place. */
#include <errno.h>
#include <string.h>

#include "config/report.h"
#include "config/schema.h"

enum { LABEL_MAX = 64, HINT_MAX = 600 };

static bool check(struct fos_config *cfg, const struct fos_node *node,
		  const cyaml_schema_value_t *schema, const char *what);

static const char *node_kind(const struct fos_node *node)
{
	if (node->is_null)
		return "nothing";
	return node->kind == FOS_NODE_SCALAR ? "a single value" :
	       node->kind == FOS_NODE_LIST ? "a list" : "a mapping";
}

static bool wrong_kind(struct fos_config *cfg, const struct fos_node *node, const char *what,
		       const char *wanted)
{
	fos_config_error(cfg, node->where, "%s must be %s, not %s", what, wanted, node_kind(node));
	return false;
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
	for (; fields->key != NULL; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields;
	return NULL;
}

/* The section of the file that knows this key, for a key in the wrong place. */
static const char *home_of(const char *key)
{
	for (const cyaml_schema_field_t *f = fos_schema_root.mapping.fields; f->key != NULL; f++) {
		const cyaml_schema_value_t *v = &f->value;

		if (v->type == CYAML_SEQUENCE)
			v = v->sequence.entry;
		if (v->type == CYAML_MAPPING && find_field(v->mapping.fields, key) != NULL)
			return f->key;
	}
	return find_field(fos_schema_root.mapping.fields, key) != NULL ? "" : NULL;
}

static bool unknown_key(struct fos_config *cfg, const struct fos_node *key,
			const cyaml_schema_field_t *fields, const char *what)
{
	struct fos_words words = { .len = 0 };
	struct fos_suggest s;
	const char *home = home_of(key->text);
	char hint[HINT_MAX];

	fos_suggest_start(&s, key->text);
	for (; fields->key != NULL; fields++) {
		fos_suggest_offer(&s, fields->key);
		fos_words_add(&words, fields->key);
	}
	fos_hint_text(hint, sizeof(hint), &s, "allowed", &words);
	if (s.best == NULL && home != NULL && *home != '\0')
		snprintf(hint, sizeof(hint), ": it belongs in '%s'", home);
	else if (s.best == NULL && home != NULL)
		snprintf(hint, sizeof(hint), ": it stands at the left margin of the file");
	fos_config_error(cfg, key->where, "unknown key %s in %s%s", FOS_SHOW(key->text), what,
			 hint);
	return false;
}

/* The key's first occurrence when entry `i` repeats it. */
static const struct fos_node *first_of(const struct fos_node *node, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(node->keys[k]->text, node->keys[i]->text) == 0)
			return node->keys[k];
	return NULL;
}

static bool check_entry(struct fos_config *cfg, const struct fos_node *node, uint32_t i,
			const cyaml_schema_field_t *fields, const char *what)
{
	const struct fos_node *key = node->keys[i], *first;
	const cyaml_schema_field_t *field = find_field(fields, key->text);
	char label[LABEL_MAX];

	if (field == NULL)
		return unknown_key(cfg, key, fields, what);
	first = first_of(node, i);
	if (first != NULL) {
		fos_config_error(cfg, key->where, "key '%s' appears twice in %s (first on line %d)",
				 key->text, what, first->where.line);
		return false;
	}
	snprintf(label, sizeof(label), "'%s'", key->text);
	return check(cfg, node->values[i], &field->value, label);
}

static bool check_mapping(struct fos_config *cfg, const struct fos_node *node,
			  const cyaml_schema_value_t *schema, const char *what)
{
	bool good = true;

	if (node->kind != FOS_NODE_MAPPING)
		return wrong_kind(cfg, node, what, "a mapping ('key: value')");
	for (uint32_t i = 0; i < node->nr && cfg->errors <= FOS_CONFIG_ERRORS_MAX; i++)
		good &= check_entry(cfg, node, i, schema->mapping.fields, what);
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key != NULL; f++) {
		if ((f->value.flags & CYAML_FLAG_OPTIONAL) || fos_tree_get(node, f->key) != NULL)
			continue;
		fos_config_error(cfg, node->where, "key '%s' is missing in %s", f->key, what);
		good = false;
	}
	return good;
}

static bool check_count(struct fos_config *cfg, const struct fos_node *node,
			const cyaml_schema_value_t *schema, const char *what)
{
	uint32_t min = schema->sequence.min, max = schema->sequence.max;

	if (node->nr >= min && node->nr <= max)
		return true;
	if (min == max)
		fos_config_error(cfg, node->where, "%s must be a list of exactly %u values, this "
				 "has %u", what, min, node->nr);
	else if (node->nr < min)
		fos_config_error(cfg, node->where, "%s is empty: it takes %u to %u entries", what,
				 min, max);
	else
		fos_config_error(cfg, node->values[max]->where,
				 "%s has %u entries: at most %u are allowed", what, node->nr, max);
	return false;
}

static bool check_list(struct fos_config *cfg, const struct fos_node *node,
		       const cyaml_schema_value_t *schema, const char *what)
{
	char label[LABEL_MAX + 16];
	bool good;

	if (node->kind != FOS_NODE_LIST)
		return wrong_kind(cfg, node, what, "a list ('- ...' lines or [a, b])");
	good = check_count(cfg, node, schema, what);
	snprintf(label, sizeof(label), "%s%s", what[0] == '\'' ? "an entry of " : "", what);
	for (uint32_t i = 0; i < node->nr && i < schema->sequence.max; i++)
		good &= check(cfg, node->values[i], schema->sequence.entry, label);
	return good;
}

static bool check_word(struct fos_config *cfg, const struct fos_node *node,
		       const cyaml_schema_value_t *schema, const char *what)
{
	struct fos_words words = { .len = 0 };
	struct fos_suggest s;
	char hint[HINT_MAX] = "";

	fos_suggest_start(&s, node->text);
	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		const char *word = schema->enumeration.strings[i].str;

		if (strcmp(word, node->text) == 0)
			return true;
		fos_suggest_offer(&s, word);
		fos_words_add(&words, word);
	}
	if (s.best != NULL)
		snprintf(hint, sizeof(hint), ": did you mean '%s'?", s.best);
	/* "'key'" without its quotes: a value follows. */
	fos_config_error(cfg, node->where, "%.*s: %s is not one of %s%s", (int)strlen(what) - 2,
			 what + 1, FOS_SHOW(node->text), words.text, hint);
	return false;
}

static bool check_scalar(struct fos_config *cfg, const struct fos_node *node,
			 const cyaml_schema_value_t *schema, const char *what)
{
	if (node->is_null) {
		fos_config_error(cfg, node->where, "%s has no value", what);
		return false;
	}
	if (node->kind != FOS_NODE_SCALAR)
		return wrong_kind(cfg, node, what, "a single value");
	return schema->type != CYAML_ENUM || check_word(cfg, node, schema, what);
}

static bool check(struct fos_config *cfg, const struct fos_node *node,
		  const cyaml_schema_value_t *schema, const char *what)
{
	bool may_be_null = (schema->flags & CYAML_FLAG_POINTER_NULL_STR) ==
			   CYAML_FLAG_POINTER_NULL_STR;

	switch (schema->type) {
	case CYAML_MAPPING:
		return (may_be_null && node->is_null) || check_mapping(cfg, node, schema, what);
	case CYAML_SEQUENCE:
	case CYAML_SEQUENCE_FIXED:
		return (may_be_null && node->is_null) || check_list(cfg, node, schema, what);
	case CYAML_IGNORE:
		return true;
	default:
		return check_scalar(cfg, node, schema, what);
	}
}

int fos_shape_check(struct fos_config *cfg, const struct fos_node *node,
		    const cyaml_schema_value_t *schema, const char *what)
{
	return check(cfg, node, schema, what) ? 0 : -EINVAL;
}
