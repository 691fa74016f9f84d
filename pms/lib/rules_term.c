/* pms/lib/rules_term.c - contents and pcres of a rule to the expressions that are searched for */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pms/lib/rules.h"

#define ANY "[\\x00-\\xff]"

struct text {
	char *s;
	size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->cap - t->len < 64) {
		t->cap = 2 * t->cap + 256;
		t->s = realloc(t->s, t->cap);
		if (!t->s)
			abort();
	}
	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if ((size_t)n >= t->cap - t->len) {
		t->cap += (size_t)n + 1;
		t->s = realloc(t->s, t->cap);
		if (!t->s)
			abort();
		va_start(ap, fmt);
		vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

static void add_bytes(struct text *t, const struct fos_rule_part *p)
{
	add(t, p->nocase ? "(?i:" : "(?:");
	for (uint32_t i = 0; i < p->len; i++)
		add(t, "\\x%02x", (unsigned)(uint8_t)p->bytes[i]);
	add(t, ")");
}

/* From `least` to `most` bytes of any kind; most UINT32_MAX: no bound. */
static void add_gap(struct text *t, uint32_t least, uint32_t most)
{
	if (most == UINT32_MAX && least == 0)
		add(t, ANY "*");
	else if (most == UINT32_MAX)
		add(t, ANY "{%u,}", least);
	else if (most > 0)
		add(t, ANY "{%u,%u}", least, most);
}

/* The bytes between what a part is relative to and the part. */
static void gap_of(const struct fos_rule_part *p, bool relative, uint32_t *least, uint32_t *most)
{
	uint32_t within = relative ? p->within : p->depth;

	*least = relative ? p->distance : p->offset;
	*most = (relative ? p->has_within : p->has_depth) ? *least + within - p->len : UINT32_MAX;
}

static void add_pcre(struct text *t, const struct fos_rule_part *p, bool chained)
{
	const char *expr = p->bytes;
	bool here = p->anchored;

	if (chained && *expr == '^') {
		expr++;
		here = true;
	}
	if (chained && !here)
		add(t, ANY "*");
	if (!chained && here)
		add(t, "^");
	if (*p->flags)
		add(t, "(?%s:%s)", p->flags, expr);
	else
		add(t, "(?:%s)", expr);
}

static void add_part(struct text *t, const struct fos_rule_part *p, bool chained)
{
	bool relative = p->relative;
	uint32_t least, most;

	if (p->pcre) {
		add_pcre(t, p, chained);
		return;
	}
	gap_of(p, relative, &least, &most);
	if (!chained && (p->has_offset || p->has_depth || relative))
		add(t, "^");
	if (chained || p->has_offset || p->has_depth || relative)
		add_gap(t, least, most);
	add_bytes(t, p);
}

static const char *check(const struct fos_rule_part *p)
{
	if (p->pcre)
		return p->not ? "a negated pcre is not supported" :
		       p->relative && *p->bytes == '^' && strchr(p->bytes, '|') ?
				"a relative pcre that begins with ^ has no |" : NULL;
	if (p->relative && (p->has_offset || p->has_depth))
		return "a content has offset and depth, or distance and within, not both";
	if (p->has_depth && p->depth < p->len)
		return "depth is less than the length of the content";
	if (p->has_within && p->within < p->len)
		return "within is less than the length of the content";
	return NULL;
}

static struct fos_rule_term *new_term(struct fos_rule *r, enum fos_term_kind kind, char *regex,
				      unsigned part)
{
	struct fos_rule_term *t = &r->term[r->nr_terms++];

	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->part = part;
	t->regex = regex;
	return t;
}

/* A negated content; `chain` is what it is relative to, or empty. */
static void add_negated(struct fos_rule *r, const struct fos_rule_part *p, const struct text *chain,
			unsigned part)
{
	bool after = p->relative && chain->len;
	struct text t = {NULL, 0, 0};
	struct fos_rule_term *term;
	uint32_t least, most;

	gap_of(p, p->relative, &least, &most);
	if (after) {
		add_bytes(&t, p);
		term = new_term(r, FOS_TERM_NOT_AFTER, strdup(chain->s), part);
		term->not_regex = t.s;
		term->from = least;
		term->len = p->len;
		if (!term->regex)
			abort();
	} else {
		add_part(&t, p, false);
		term = new_term(r, FOS_TERM_NOWHERE, t.s, part);
	}
	term->until = most == UINT32_MAX ? FOS_TERM_END : (uint64_t)most + p->len;
}

static void flush(struct fos_rule *r, struct text *chain, bool implied, unsigned first)
{
	if (chain->len && !implied)
		new_term(r, FOS_TERM_IS, chain->s, first);
	else
		free(chain->s);
	*chain = (struct text){NULL, 0, 0};
}

const char *fos_rule_terms(struct fos_rule *r, const struct fos_rule_part *part, unsigned nr,
			   unsigned *which)
{
	struct text chain = {NULL, 0, 0};
	bool implied = false; /* a negated content says so already */
	const char *wrong = NULL;
	unsigned first = 0;

	for (unsigned i = 0; i < nr && !wrong; i++) {
		const struct fos_rule_part *p = &part[i];
		bool chained = p->relative && chain.len;

		*which = i;
		wrong = check(p);
		if (!wrong && r->nr_terms + 1 >= FOS_RULE_TERMS)
			wrong = "a rule has at most 15 contents that are not relative to others";
		if (!wrong && chained && implied)
			wrong = "what is relative to a content cannot stand behind a negated one";
		if (wrong)
			break;
		if (p->not) {
			add_negated(r, p, &chain, i);
			implied |= chained;
			continue;
		}
		if (!chained) {
			flush(r, &chain, implied, first);
			implied = false;
			first = i;
		}
		add_part(&chain, p, chained);
	}
	flush(r, &chain, implied, first);
	return wrong;
}
