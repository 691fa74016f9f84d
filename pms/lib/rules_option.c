/* pms/lib/rules_option.c - the options of a rule, see rules.h */
#include "pms/lib/rules_in.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 64
#define MAX_BYTES 8192

struct options {
	struct fos_rules_in *in;
	struct fos_rule *rule;
	struct fos_rule_part part[MAX_PARTS];
	unsigned nr;
	bool has_sid;
};

/* A value: what stands between : and ; without blanks around. */
struct value {
	const char *at, *end;
};

typedef bool (*option_fn)(struct options *o, const char *at, struct value v);

static bool fail(struct options *o, const char *at, const char *what)
{
	return fos_rules_fail(o->in, at, "%s", what);
}

static bool number(struct options *o, struct value v, uint32_t least, uint32_t most, uint32_t *out)
{
	uint64_t n = 0;

	for (const char *c = v.at; c < v.end; c++) {
		if (!isdigit((unsigned char)*c) || n > UINT32_MAX)
			return fos_rules_fail(o->in, v.at, "'%.*s' is not a number from %u to %u",
					      (int)(v.end - v.at < 32 ? v.end - v.at : 32), v.at, least,
					      most);
		n = n * 10 + (unsigned)(*c - '0');
	}
	if (v.at == v.end || n < least || n > most)
		return fos_rules_fail(o->in, v.at, "a number from %u to %u should stand here", least, most);
	*out = (uint32_t)n;
	return true;
}

/* ---------------------------------------------------------------- what a rule says of itself */

static bool quoted(struct options *o, struct value *v)
{
	if (v->end - v->at < 2 || *v->at != '"' || v->end[-1] != '"')
		return fail(o, v->at, "text in \" should stand here");
	v->at++;
	v->end--;
	return true;
}

static bool opt_msg(struct options *o, const char *at, struct value v)
{
	size_t n = 0;

	(void)at;
	if (!quoted(o, &v))
		return false;
	for (const char *c = v.at; c < v.end; c++) {
		c += *c == '\\' && c + 1 < v.end;
		if ((unsigned char)*c < ' ' || n + 1 == sizeof(o->rule->msg))
			return fail(o, c, "msg has at most 159 bytes, none of them below a blank");
		o->rule->msg[n++] = *c;
	}
	o->rule->msg[n] = 0;
	return true;
}

static bool opt_classtype(struct options *o, const char *at, struct value v)
{
	(void)at;
	if ((size_t)(v.end - v.at) >= sizeof(o->rule->classtype))
		return fail(o, v.at, "classtype has at most 159 bytes");
	for (const char *c = v.at; c < v.end; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return fail(o, c, "classtype is made of letters, digits, - and _");
	snprintf(o->rule->classtype, sizeof(o->rule->classtype), "%.*s", (int)(v.end - v.at), v.at);
	return true;
}

static bool opt_sid(struct options *o, const char *at, struct value v)
{
	(void)at;
	o->has_sid = true;
	return number(o, v, 1, UINT32_MAX, &o->rule->sid);
}

static bool opt_rev(struct options *o, const char *at, struct value v)
{
	(void)at;
	return number(o, v, 0, UINT32_MAX, &o->rule->rev);
}

static bool opt_gid(struct options *o, const char *at, struct value v)
{
	(void)at;
	return number(o, v, 1, UINT32_MAX, &o->rule->gid);
}

static bool opt_priority(struct options *o, const char *at, struct value v)
{
	(void)at;
	return number(o, v, 1, 255, &o->rule->priority);
}

static bool opt_nothing(struct options *o, const char *at, struct value v)
{
	(void)o, (void)at, (void)v;
	return true;
}

static bool opt_flow(struct options *o, const char *at, struct value v)
{
	char word[32];
	size_t n;

	while (at = v.at, v.at < v.end) {
		for (n = 0; v.at < v.end && *v.at != ','; v.at++)
			if (!isspace((unsigned char)*v.at) && *v.at != '\\' && n + 1 < sizeof(word))
				word[n++] = *v.at;
		word[n] = 0;
		v.at += v.at < v.end;
		if (!strcmp(word, "to_server") || !strcmp(word, "from_client"))
			o->rule->to_server = true;
		else if (!strcmp(word, "to_client") || !strcmp(word, "from_server"))
			o->rule->to_client = true;
		else if (strcmp(word, "established") != 0 && strcmp(word, "stateless") != 0)
			return fos_rules_fail(o->in, at, "flow: '%s' is not supported: to_server, to_"
					      "client, from_client, from_server, established, stateless",
					      word);
	}
	if (o->rule->to_server && o->rule->to_client)
		return fail(o, at, "flow: to_server and to_client at once");
	return true;
}

/* ---------------------------------------------------------------- content and its modifiers */

static struct fos_rule_part *new_part(struct options *o, const char *at)
{
	struct fos_rule_part *p = &o->part[o->nr];

	if (o->nr == MAX_PARTS) {
		fail(o, at, "a rule has at most 64 contents and pcres");
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->at = at;
	p->bytes = calloc(1, MAX_BYTES + 1);
	if (!p->bytes)
		abort();
	o->nr++;
	return p;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* The bytes between two bars; c stands at the first one. */
static const char *hex(struct options *o, struct fos_rule_part *p, const char *c, const char *end)
{
	const char *bar = c++;
	int high = -1;

	for (; c < end && *c != '|'; c++) {
		int d = digit(*c);

		if (*c == ' ' && high < 0)
			continue;
		if (d < 0) {
			fail(o, c, "between bars stand pairs of hexadecimal digits");
			return NULL;
		}
		if (high < 0) {
			high = d;
			continue;
		}
		if (p->len < MAX_BYTES)
			p->bytes[p->len++] = (char)(high << 4 | d);
		high = -1;
	}
	if (c == end || high >= 0) {
		fail(o, bar, c == end ? "this bar has no other" : "half a byte between bars");
		return NULL;
	}
	return c;
}

static bool content_bytes(struct options *o, struct fos_rule_part *p, const char *c, const char *end)
{
	const char *at = c;

	for (; c < end; c++) {
		if (*c == '|') {
			c = hex(o, p, c, end);
			if (!c)
				return false;
			continue;
		}
		if (*c == '\\' && (c + 1 == end || !strchr("\"\\;:|", *++c)))
			return fail(o, c - 1, "in a content \\ stands before \" \\ ; : or |");
		if (p->len < MAX_BYTES)
			p->bytes[p->len++] = *c;
	}
	if (p->len == 0 || p->len > 1024)
		return fail(o, at, "a content has 1 to 1024 bytes");
	return true;
}

static struct fos_rule_part *last_content(struct options *o, const char *at)
{
	if (o->nr && !o->part[o->nr - 1].pcre)
		return &o->part[o->nr - 1];
	fail(o, at, "this belongs behind a content");
	return NULL;
}

static bool opt_nocase(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	return (void)v, p && (p->nocase = true);
}

static bool opt_offset(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	return p && (p->has_offset = true) && number(o, v, 0, FOS_RULE_LENGTH, &p->offset);
}

static bool opt_depth(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	return p && (p->has_depth = true) && number(o, v, 1, FOS_RULE_LENGTH, &p->depth);
}

static bool opt_distance(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	if (p && v.at < v.end && *v.at == '-')
		return fail(o, v.at, "a negative distance is not supported");
	return p && (p->relative = p->has_distance = true) &&
	       number(o, v, 0, FOS_RULE_LENGTH, &p->distance);
}

static bool opt_within(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	return p && (p->relative = p->has_within = true) && number(o, v, 1, FOS_RULE_LENGTH, &p->within);
}

static bool opt_startswith(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = last_content(o, at);

	(void)v;
	if (p && (p->has_offset || p->has_depth))
		return fail(o, at, "startswith stands without offset and depth");
	if (p) {
		p->has_depth = true;
		p->depth = p->len;
	}
	return p != NULL;
}

static bool opt_hint(struct options *o, const char *at, struct value v)
{
	return (void)v, last_content(o, at) != NULL;
}

static const struct {
	const char *name;
	option_fn fn;
	bool value;
} modifiers[] = {
	{"nocase", opt_nocase, false},	   {"offset", opt_offset, true},
	{"depth", opt_depth, true},	   {"distance", opt_distance, true},
	{"within", opt_within, true},	   {"startswith", opt_startswith, false},
	{"fast_pattern", opt_hint, false}, {"rawbytes", opt_hint, false},
};
enum { NR_MODIFIERS = sizeof(modifiers) / sizeof(modifiers[0]) };

static bool modifier(struct options *o, const char *name, const char *at, struct value v, bool *known)
{
	*known = false;
	for (unsigned i = 0; i < NR_MODIFIERS; i++) {
		if (strcmp(modifiers[i].name, name) != 0)
			continue;
		*known = true;
		if (modifiers[i].value != (v.at < v.end))
			return fos_rules_fail(o->in, at, modifiers[i].value ? "%s needs a value" :
					      "%s has no value", name);
		return modifiers[i].fn(o, at, v);
	}
	return true;
}

/* ", nocase, offset 3": as Snort 3 writes them. */
static bool modifiers_behind(struct options *o, const char *c, const char *end)
{
	while (c < end) {
		struct value v;
		const char *at;
		char word[32];
		size_t n = 0;
		bool known;

		while (c < end && (*c == ',' || isspace((unsigned char)*c)))
			c++;
		for (at = c; c < end && (isalnum((unsigned char)*c) || *c == '_'); c++)
			if (n + 1 < sizeof(word))
				word[n++] = *c;
		word[n] = 0;
		while (c < end && (*c == ' ' || *c == '\t'))
			c++;
		for (v.at = c; c < end && *c != ',';)
			c++;
		v.end = c;
		if (!modifier(o, word, at, v, &known))
			return false;
		if (!known)
			return fos_rules_fail(o->in, at, "'%s' is not supported behind a content", word);
	}
	return true;
}

/* The closing quote of what begins behind c, or NULL. */
static const char *closing(const char *c, const char *end)
{
	for (; c < end && *c != '"'; c++)
		c += *c == '\\' && c + 1 < end;
	return c < end ? c : NULL;
}

static bool opt_content(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = new_part(o, at);
	const char *close;

	if (!p)
		return false;
	if (v.at < v.end && *v.at == '!') {
		p->not = true;
		v.at++;
	}
	close = v.at < v.end && *v.at == '"' ? closing(v.at + 1, v.end) : NULL;
	if (!close)
		return fail(o, v.at, "text in \" should stand here");
	return content_bytes(o, p, v.at + 1, close) && modifiers_behind(o, close + 1, v.end);
}

static bool opt_pcre(struct options *o, const char *at, struct value v)
{
	struct fos_rule_part *p = new_part(o, at);
	const char *slash;
	size_t nr = 0;

	if (!p)
		return false;
	if (v.at < v.end && *v.at == '!') {
		p->not = true;
		v.at++;
	}
	if (!quoted(o, &v))
		return false;
	for (slash = v.end; slash > v.at && slash[-1] != '/';)
		slash--;
	if (v.at == v.end || *v.at != '/' || slash < v.at + 3)
		return fail(o, v.at, "a pcre is \"/expression/flags\"");
	p->pcre = true;
	p->len = (uint32_t)(slash - 1 - (v.at + 1));
	if (p->len > 4000 || memchr(v.at, 0, (size_t)(v.end - v.at)))
		return fail(o, v.at, "a pcre has at most 4000 bytes, none of them zero");
	memcpy(p->bytes, v.at + 1, p->len);
	for (const char *c = slash; c < v.end; c++) {
		if (*c == 'R')
			p->relative = true;
		else if (*c == 'A')
			p->anchored = true;
		else if (strchr("ismx", *c) && !strchr(p->flags, *c))
			p->flags[nr++] = *c;
		else
			return fos_rules_fail(o->in, c, "pcre: flag '%c' is not supported: i, s, m, x, "
					      "A, R", *c);
	}
	return true;
}

/* ---------------------------------------------------------------- all of them */

static const struct {
	const char *name;
	option_fn fn;
} keywords[] = {
	{"msg", opt_msg},	    {"sid", opt_sid},		{"rev", opt_rev},
	{"gid", opt_gid},	    {"classtype", opt_classtype}, {"priority", opt_priority},
	{"reference", opt_nothing}, {"metadata", opt_nothing},	{"flow", opt_flow},
	{"content", opt_content},   {"pcre", opt_pcre},
};
enum { NR_KEYWORDS = sizeof(keywords) / sizeof(keywords[0]) };

/* The value behind a keyword, up to its ; */
static bool value(struct options *o, const char *at, struct value *v)
{
	struct fos_rules_in *in = o->in;
	bool quote = false;

	fos_rules_blank(in);
	v->at = v->end = in->at;
	if (in->at < in->end && *in->at == ':') {
		in->at++;
		fos_rules_blank(in);
		v->at = in->at;
	}
	for (; in->at < in->end && (quote || *in->at != ';') && *in->at != '\n'; in->at++) {
		quote ^= *in->at == '"';
		in->at += *in->at == '\\' && in->at + 1 < in->end;
	}
	if (in->at >= in->end || *in->at == '\n')
		return fail(o, at, "this option has no ; behind it");
	v->end = in->at++;
	while (v->end > v->at && isspace((unsigned char)v->end[-1]))
		v->end--;
	return true;
}

static bool option(struct options *o)
{
	const char *at = o->in->at;
	struct value v;
	char word[48];
	bool known;

	if (fos_rules_word(o->in, "_.-", word, sizeof(word)) == 0)
		return fail(o, at, "an option or ) should stand here");
	if (!value(o, at, &v) || !modifier(o, word, at, v, &known))
		return false;
	if (known)
		return true;
	for (unsigned i = 0; i < NR_KEYWORDS; i++)
		if (strcmp(keywords[i].name, word) == 0)
			return v.at < v.end ? keywords[i].fn(o, at, v) :
					      fos_rules_fail(o->in, at, "%s needs a value", word);
	return fos_rules_fail(o->in, at, "keyword '%s' is not supported", word);
}

static bool finish(struct options *o, const char *at)
{
	struct fos_rule *r = o->rule;
	const char *wrong;
	unsigned which = 0;

	r->line = 1;
	for (const char *c = o->in->text; c < at; c++)
		r->line += *c == '\n';
	if (!o->has_sid)
		return fail(o, at, "a rule needs a sid");
	wrong = fos_rule_terms(r, o->part, o->nr, &which);
	if (wrong)
		return fail(o, o->part[which].at, wrong);
	for (struct fos_rule_term *t = r->term; t < r->term + r->nr_terms; t++) {
		t->line = t->column = 1;
		for (const char *c = o->in->text; c < o->part[t->part].at; c++) {
			t->column = *c == '\n' ? 1 : t->column + 1;
			t->line += *c == '\n';
		}
	}
	return true;
}

bool fos_rules_options(struct fos_rules_in *in, struct fos_rule *r, const char *at)
{
	struct options o;
	bool good = true;

	memset(&o, 0, sizeof(o));
	o.in = in;
	o.rule = r;
	while (fos_rules_blank(in), good && (in->at == in->end || *in->at != ')'))
		good = option(&o);
	in->at += good;
	good = good && finish(&o, at);
	for (unsigned i = 0; i < o.nr; i++)
		free(o.part[i].bytes);
	return good;
}
