/* pms/lib/rules.c - the parser, see rules.h: headers here, options in rules_option.c */
#include "pms/lib/rules_in.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the text */

bool fos_rules_fail(struct fos_rules_in *in, const char *at, const char *fmt, ...)
{
	unsigned line = 1, column = 1;
	va_list ap;

	if (in->outer) /* in a variable's value: the fault stands where it is used */
		at = in->outer;
	for (const char *c = in->text; c < at; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	in->fault->line = line;
	in->fault->column = column;
	va_start(ap, fmt);
	vsnprintf(in->fault->what, sizeof(in->fault->what), fmt, ap);
	va_end(ap);
	return false;
}

void fos_rules_blank(struct fos_rules_in *in)
{
	for (; in->at < in->end; in->at++) {
		if (*in->at == '\\' && in->end - in->at > 1 && in->at[1] == '\n')
			in->at++;
		else if (*in->at == '\\' && in->end - in->at > 2 && in->at[1] == '\r' && in->at[2] == '\n')
			in->at += 2;
		else if (*in->at != ' ' && *in->at != '\t' && *in->at != '\r')
			return;
	}
}

size_t fos_rules_word(struct fos_rules_in *in, const char *more, char *to, size_t size)
{
	size_t n = 0;

	for (; in->at < in->end && *in->at && (isalnum((unsigned char)*in->at) || strchr(more, *in->at));
	     in->at++)
		if (n + 1 < size)
			to[n++] = *in->at;
	to[n] = 0;
	return n;
}

/* ---------------------------------------------------------------- addresses and ports */

static void *grow(void *list, unsigned nr, size_t size)
{
	void *more = nr & (nr - 1) ? list : realloc(list, (nr ? 2 * nr : 1) * size);

	if (!more)
		abort();
	return more;
}

static bool add_addr(struct fos_rules_in *in, struct fos_rule_side *side, const char *text, bool not,
		     const char *at)
{
	struct fos_rule_addr a = {.not = not};

	if (!fos_prefix_parse(text, &a.of))
		return fos_rules_fail(in, at, "'%.64s' is no address: 10.0.0.0/8, 2001:db8::/32, any, a "
				      "list in [] or a $NAME", text);
	side->addr = grow(side->addr, side->nr_addrs, sizeof(a));
	side->addr[side->nr_addrs++] = a;
	return true;
}

static bool port(const char *text, size_t len, uint16_t *out)
{
	unsigned long n = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || i > 5)
			return false;
		n = 10 * n + (unsigned)(text[i] - '0');
	}
	*out = (uint16_t)n;
	return len > 0 && n <= 65535;
}

static bool add_ports(struct fos_rules_in *in, struct fos_rule_side *side, const char *text, bool not,
		      const char *at)
{
	struct fos_rule_ports p = {.first = 0, .last = 65535, .not = not};
	const char *colon = strchr(text, ':');
	bool good = strcmp(text, "any") == 0;

	if (colon)
		good = (colon == text || port(text, (size_t)(colon - text), &p.first)) &&
		       (!colon[1] || port(colon + 1, strlen(colon + 1), &p.last)) && text[1] &&
		       p.first <= p.last;
	else if (!good)
		good = port(text, strlen(text), &p.first), p.last = p.first;
	if (!good)
		return fos_rules_fail(in, at, "'%.64s' is no port: 80, 1024:65535, :1023, any, a list "
				      "in [] or a $NAME", text);
	side->ports = grow(side->ports, side->nr_ports, sizeof(p));
	side->ports[side->nr_ports++] = p;
	return true;
}

static bool items(struct fos_rules_in *in, struct fos_rule_side *side, bool ports, bool not,
		  unsigned depth);

/* The value of a variable in the place of its name. */
static bool expand(struct fos_rules_in *in, struct fos_rule_side *side, bool ports, bool not,
		   unsigned depth)
{
	const char *at = in->at++;
	struct fos_rules_in sub = *in;
	char name[32];

	fos_rules_word(in, "_", name, sizeof(name));
	for (unsigned i = 0; i < in->rules->nr_vars; i++) {
		if (strcmp(in->rules->var[i].name, name) != 0)
			continue;
		sub.at = in->rules->var[i].value;
		sub.end = sub.at + strlen(sub.at);
		if (!sub.outer)
			sub.outer = at;
		return items(&sub, side, ports, not, depth + 1);
	}
	return fos_rules_fail(in, at, "$%s is not among the variables", name);
}

static bool list(struct fos_rules_in *in, struct fos_rule_side *side, bool ports, bool not, unsigned depth)
{
	const char *at = in->at++;

	for (;;) {
		if (!items(in, side, ports, not, depth + 1))
			return false;
		fos_rules_blank(in);
		if (in->at < in->end && *in->at == ']')
			break;
		if (in->at == in->end || *in->at != ',')
			return fos_rules_fail(in, at, "this [ has no ]");
		in->at++;
	}
	in->at++;
	return true;
}

/* One item: an address or ports, !, a list, or a variable. */
static bool items(struct fos_rules_in *in, struct fos_rule_side *side, bool ports, bool not,
		  unsigned depth)
{
	char text[64];
	const char *at;

	fos_rules_blank(in);
	at = in->at;
	if (depth > 8)
		return fos_rules_fail(in, at, "lists and variables within each other more than 8 deep");
	if (in->at < in->end && *in->at == '!') {
		if (not)
			return fos_rules_fail(in, at, "a ! within what a ! stands before");
		in->at++;
		fos_rules_blank(in);
		not = true;
	}
	if (in->at < in->end && *in->at == '[')
		return list(in, side, ports, not, depth);
	if (in->at < in->end && *in->at == '$')
		return expand(in, side, ports, not, depth);
	at = in->at;
	if (fos_rules_word(in, ports ? ":" : ":./", text, sizeof(text)) == 0)
		return fos_rules_fail(in, at, "%s should stand here", ports ? "a port" : "an address");
	if (not && strcmp(text, "any") == 0)
		return fos_rules_fail(in, at, "!any is nothing");
	if ((ports ? side->nr_ports : side->nr_addrs) == 1024)
		return fos_rules_fail(in, at, "more than 1024 in a list");
	return ports ? add_ports(in, side, text, not, at) : add_addr(in, side, text, not, at);
}

/* ---------------------------------------------------------------- headers */

static bool header_words(struct fos_rules_in *in, struct fos_rule *r)
{
	static const char *const actions[] = {"alert", "drop", "reject"};
	static const char *const protos[] = {"tcp", "udp", "ip"};
	static const uint8_t numbers[] = {6, 17, 0};
	const char *at = in->at;
	unsigned i = 0;
	char word[32];

	fos_rules_word(in, "_", word, sizeof(word));
	while (i < FOS_RULE_NR_ACTIONS && strcmp(word, actions[i]) != 0)
		i++;
	if (i == FOS_RULE_NR_ACTIONS)
		return fos_rules_fail(in, at, "action '%s' is not supported: alert, drop or reject", word);
	r->action = (enum fos_rule_action)i;
	fos_rules_blank(in);
	at = in->at;
	fos_rules_word(in, "_-", word, sizeof(word));
	for (i = 0; i < 3 && strcmp(word, protos[i]) != 0;)
		i++;
	if (i == 3)
		return fos_rules_fail(in, at, "protocol '%s' is not supported: tcp, udp or ip", word);
	r->proto = numbers[i];
	return true;
}

static bool direction(struct fos_rules_in *in, struct fos_rule *r)
{
	fos_rules_blank(in);
	if (in->end - in->at >= 2 && (memcmp(in->at, "->", 2) == 0 || memcmp(in->at, "<>", 2) == 0)) {
		r->both_ways = *in->at == '<';
		in->at += 2;
		return true;
	}
	return fos_rules_fail(in, in->at, "-> or <> should stand here");
}

static bool header(struct fos_rules_in *in, struct fos_rule *r)
{
	if (!header_words(in, r) || !items(in, &r->side[0], false, false, 0) ||
	    !items(in, &r->side[0], true, false, 0) || !direction(in, r) ||
	    !items(in, &r->side[1], false, false, 0) || !items(in, &r->side[1], true, false, 0))
		return false;
	fos_rules_blank(in);
	if (in->at == in->end || *in->at != '(')
		return fos_rules_fail(in, in->at, "( should stand here");
	in->at++;
	return true;
}

/* ---------------------------------------------------------------- rules */

static void free_rule(struct fos_rule *r)
{
	for (int i = 0; i < 2; i++) {
		free(r->side[i].addr);
		free(r->side[i].ports);
	}
	for (unsigned i = 0; i < r->nr_terms; i++) {
		free(r->term[i].regex);
		free(r->term[i].not_regex);
	}
}

void fos_rules_free(struct fos_rules *rules)
{
	for (unsigned i = 0; i < rules->nr; i++)
		free_rule(&rules->rule[i]);
	free(rules->rule);
	memset(rules, 0, sizeof(*rules));
}

static bool rule(struct fos_rules_in *in, struct fos_rule *r)
{
	const char *at = in->at;

	if (!header(in, r) || !fos_rules_options(in, r, at))
		return false;
	fos_rules_blank(in);
	if (in->at < in->end && *in->at != '\n')
		return fos_rules_fail(in, in->at, "nothing should stand behind the rule");
	for (unsigned i = 0; i < in->rules->nr; i++)
		if (in->rules->rule[i].sid == r->sid && in->rules->rule[i].gid == r->gid)
			return fos_rules_fail(in, at, "there is a rule of sid %u already", r->sid);
	if (in->rules->nr == FOS_RULES_MAX)
		return fos_rules_fail(in, at, "that is one rule more than %u", FOS_RULES_MAX);
	return true;
}

bool fos_rules_parse(struct fos_rules *rules, const char *text, size_t len,
		     struct fos_rules_fault *fault)
{
	struct fos_rules_in in = {
		.text = text, .at = text, .end = text + len, .rules = rules, .fault = fault};

	for (;;) {
		struct fos_rule r;

		fos_rules_blank(&in);
		if (in.at == in.end)
			return true;
		if (*in.at == '\n') {
			in.at++;
			continue;
		}
		if (*in.at == '#') {
			while (in.at < in.end && *in.at != '\n')
				in.at++;
			continue;
		}
		memset(&r, 0, sizeof(r));
		r.gid = 1;
		r.priority = 3;
		if (!rule(&in, &r)) {
			free_rule(&r);
			return false;
		}
		rules->rule = grow(rules->rule, rules->nr, sizeof(r));
		rules->rule[rules->nr++] = r;
	}
}

bool fos_rules_var(struct fos_rules *rules, const char *name, const char *value)
{
	if (rules->nr_vars == FOS_RULE_VARS || !*name || strlen(name) >= sizeof(rules->var[0].name) ||
	    strlen(value) >= sizeof(rules->var[0].value) || !*value)
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	snprintf(rules->var[rules->nr_vars].name, sizeof(rules->var[0].name), "%s", name);
	snprintf(rules->var[rules->nr_vars].value, sizeof(rules->var[0].value), "%s", value);
	rules->nr_vars++;
	return true;
}

/* ---------------------------------------------------------------- does a header fit? */

static bool addr_fits(const struct fos_rule_side *s, const uint8_t addr[16])
{
	bool is = false, only_not = true;

	for (unsigned i = 0; i < s->nr_addrs; i++) {
		bool has = fos_prefix_has(&s->addr[i].of, addr);

		if (s->addr[i].not && has)
			return false;
		is |= has;
		only_not &= s->addr[i].not;
	}
	return is || only_not;
}

static bool port_fits(const struct fos_rule_side *s, uint16_t n)
{
	bool is = false, only_not = true;

	for (unsigned i = 0; i < s->nr_ports; i++) {
		bool has = n >= s->ports[i].first && n <= s->ports[i].last;

		if (s->ports[i].not && has)
			return false;
		is |= has;
		only_not &= s->ports[i].not;
	}
	return is || only_not;
}

static bool ends_fit(const struct fos_rule *r, const struct fos_flow_info *f, bool turned)
{
	const struct fos_rule_side *src = &r->side[turned], *dst = &r->side[!turned];

	return addr_fits(src, f->src) && port_fits(src, f->sport) && addr_fits(dst, f->dst) &&
	       port_fits(dst, f->dport);
}

bool fos_rule_fits(const struct fos_rule *r, const struct fos_flow_info *f)
{
	if ((f->proto != 6 && f->proto != 17) || (r->proto && r->proto != f->proto) ||
	    (r->to_server && f->reverse) || (r->to_client && !f->reverse))
		return false;
	return ends_fit(r, f, false) || (r->both_ways && ends_fit(r, f, true));
}
