/* ids - intrusion detection with rules as Snort and Suricata have them (a subset: pms/lib/rules.h)
 *
 * Lesson: a decision of many parts on a stream that goes on.  A rule's contents are regular expressions
 * that Hyperscan looks for, all at once, in every byte, once (pms/lib/patterns.h); nothing waits in the
 * window.  What has been true so far are bits of the context; a negated content is a bit that becomes
 * true where its range ends.  Bits, Hyperscan's memory, alerts and the head commit together: a match
 * is found wherever segments end, and told once, whatever is killed.
 *
 *   options:
 *     list: /etc/flowos/local.rules        files of rules; faults are told with file, line, column
 *     rules:                               more rules, one each
 *       - 'alert tcp any any -> any 80 (msg:"x"; content:"abc"; sid:1;)'
 *     vars:                                what $NAME stands for in headers
 *       - "HOME_NET [10.0.0.0/8,192.168.0.0/16]"
 *     file: eve.json                       where alerts go (default: standard output)
 *     limit: 64                            alerts of one direction of a connection (1 to 1024)
 *
 * `drop` discards the connection's packets from then on, `reject` resets it at both ends (UDP: drops):
 * before the bytes that made the rule true have gone on, unless it became true by what has not come.
 * A rule is told once for each direction of a TCP connection and for each datagram; one without content
 * when the first byte comes.  On a capture the box is ahead of the module: there both only say so.
 *
 * An alert is a line of Suricata's EVE JSON: source and destination are those of the direction that
 * matched; "stream":{"to"} is the position at which the rule became true, counted in bytes of the
 * direction.  At an orderly stop one line with the number of matches of each rule that had some.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pms/lib/eve.h"
#include "pms/lib/patterns.h"
#include "pms/lib/rules.h"

#define STATE_MAX 1024u
#define MAX_BITS 2048u /* terms of all rules that have more than one, or a negated one */
#define MAX_OPEN 32u   /* ranges in which a negated content must not begin, at once */
#define FILE_MAX (16u << 20)

enum { TCP = 6, UDP = 17 };
enum { NO_BIT = UINT32_MAX };

struct open_range {
	uint64_t from;
	uint32_t span; /* bytes; UINT32_MAX: to the end of the stream */
	uint32_t term; /* index in term_of[] */
};

struct flow { /* context */
	uint64_t tag;  /* of the set of rules that all this is of */
	uint64_t base; /* position where the stream (datagram) began, */
	uint64_t seen; /* and up to where it was searched */
	uint32_t alerts;
	uint16_t len;
	uint16_t nowhere; /* so many of nowhere[] are decided */
	uint8_t begun, ended, mid, nr_open;
	uint8_t bits[MAX_BITS / 8];
	struct open_range open[MAX_OPEN];
	uint8_t state[STATE_MAX];
};

struct totals { /* PM-wide state */
	uint64_t tag, unsaid, lost;
	uint64_t matches[FOS_RULES_MAX];
};

/* A term of a rule that is not decided by one expression alone has a bit. */
struct term {
	const struct fos_rule_term *is;
	uint32_t rule, bit;
};

static struct fos_rules rules;
static const char *file_of[FOS_RULES_MAX];
static struct fos_patterns *set;
static struct fos_pattern_hits hits;
static struct term term_of[FOS_PATTERNS_MAX];
static uint32_t nr_terms, nr_bits, nr_patterns;
static struct {
	uint32_t term;
	bool not; /* it is the expression that must not be there */
} pattern[FOS_PATTERNS_MAX];
static uint32_t nowhere[FOS_PATTERNS_MAX], nr_nowhere; /* terms, by where they are decided */
static uint64_t limit, tag;
static int out;

/* ---------------------------------------------------------------- rules */

static int load_file(struct fos_instance *pm, const char *path)
{
	struct fos_rules_fault fault;
	unsigned before = rules.nr;
	size_t n = 0, cap = 1 << 16;
	char *text = malloc(cap);
	int fd = fos_input(pm, path), rc = -1;
	ssize_t got = 0;

	if (!text)
		abort();
	while (fd >= 0 && (got = read(fd, text + n, cap - n)) > 0 && n < FILE_MAX) {
		n += (size_t)got;
		if (n == cap && !(text = realloc(text, cap *= 2)))
			abort();
	}
	if (fd < 0 || got != 0)
		fos_say(pm, "options: list: %s cannot be read, or is too large", path);
	else if (!fos_rules_parse(&rules, text, n, &fault))
		fos_say(pm, "%s:%u:%u: %s", path, fault.line, fault.column, fault.what);
	else
		rc = 0;
	while (before < rules.nr)
		file_of[before++] = path;
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

static const char *add_rule(struct fos_instance *pm, char *text, void *arg)
{
	static char what[320];
	struct fos_rules_fault fault;

	(void)pm, (void)arg;
	file_of[rules.nr % FOS_RULES_MAX] = "options: rules";
	if (fos_rules_parse(&rules, text, strlen(text), &fault))
		return NULL;
	snprintf(what, sizeof(what), "column %u: %s", fault.column, fault.what);
	return what;
}

static const char *add_var(struct fos_instance *pm, char *text, void *arg)
{
	char *name = fos_word(&text);

	(void)pm, (void)arg;
	text += strspn(text, " \t");
	return name && fos_rules_var(&rules, name, text) ? NULL : "a variable is NAME VALUE; at most 32";
}

static bool watch_for(struct fos_instance *pm, uint32_t term, const char *regex, bool once, bool not)
{
	const struct fos_rule_term *t = term_of[term].is;
	const char *wrong = fos_patterns_add(set, regex, once ? FOS_PATTERN_ONCE : 0);

	if (wrong) {
		fos_say(pm, "%s:%u:%u: rule of sid %u: %s", file_of[term_of[term].rule], t->line, t->column,
			rules.rule[term_of[term].rule].sid, wrong);
		return false;
	}
	pattern[nr_patterns].term = term;
	pattern[nr_patterns++].not = not;
	return true;
}

static bool add_terms(struct fos_instance *pm, uint32_t rule)
{
	const struct fos_rule *r = &rules.rule[rule];
	bool alone = r->nr_terms == 1 && r->term[0].kind == FOS_TERM_IS;

	for (unsigned i = 0; i < r->nr_terms; i++) {
		const struct fos_rule_term *t = &r->term[i];
		uint32_t n = nr_terms;

		if (nr_patterns + 2 > FOS_PATTERNS_MAX || (!alone && nr_bits + 2 > MAX_BITS)) {
			fos_say(pm, "there are too many rules with several contents at sid %u", r->sid);
			return false;
		}
		term_of[nr_terms++] = (struct term){t, rule, alone ? NO_BIT : nr_bits};
		/* NOWHERE has a second one: it was found */
		nr_bits += alone ? 0 : t->kind == FOS_TERM_NOWHERE ? 2 : 1;
		if (!watch_for(pm, n, t->regex, t->kind != FOS_TERM_NOT_AFTER, false) ||
		    (t->not_regex && !watch_for(pm, n, t->not_regex, false, true)))
			return false;
		if (t->kind == FOS_TERM_NOWHERE)
			nowhere[nr_nowhere++] = n;
	}
	return true;
}

static int by_until(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint64_t m = term_of[x].is->until, n = term_of[y].is->until;

	return m != n ? (m < n ? -1 : 1) : x < y ? -1 : x > y;
}

/* A number for these very rules: what a context says of others must not be used. */
static uint64_t tag_of(void)
{
	uint64_t n = fos_patterns_tag(set);

	for (uint32_t i = 0; i < rules.nr; i++)
		n = (n ^ rules.rule[i].sid) * 0x100000001b3ull;
	for (uint32_t i = 0; i < nr_terms; i++) {
		const struct fos_rule_term *t = term_of[i].is;

		n = (n ^ (t->kind + 4ull * term_of[i].rule)) * 0x100000001b3ull;
		n = (n ^ (t->until + t->from * 65537)) * 0x100000001b3ull;
	}
	return n;
}

static int init(struct fos_instance *pm)
{
	const char *most = fos_option(pm, "limit", 0), *path;

	limit = 64;
	nr_terms = nr_bits = nr_patterns = nr_nowhere = 0;
	fos_rules_free(&rules);
	if (most && (!fos_size_parse(most, &limit) || limit < 1 || limit > 1024)) {
		fos_say(pm, "options: limit: \"%s\" is not from 1 to 1024", most);
		return -1;
	}
	if (fos_entries(pm, "vars", NULL, add_var, NULL))
		return -1;
	for (unsigned i = 0; (path = fos_option(pm, "list", i)) != NULL; i++)
		if (load_file(pm, path))
			return -1;
	if (fos_entries(pm, "rules", NULL, add_rule, NULL))
		return -1;
	if (rules.nr == 0) {
		fos_say(pm, "options: there are no rules: give a `list`, or `rules`");
		return -1;
	}
	fos_patterns_free(set);
	set = fos_patterns_new();
	for (uint32_t i = 0; i < rules.nr; i++)
		if (!add_terms(pm, i))
			return -1;
	qsort(nowhere, nr_nowhere, sizeof(nowhere[0]), by_until);
	if (fos_patterns_compile(set, pm, STATE_MAX))
		return -1;
	tag = tag_of();
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- alerts */

static void say(struct fos_window *w, const struct fos_rule *r, uint64_t to)
{
	struct fos_instance *pm = fos_pm_of(w);
	const struct fos_flow_info *f = fos_flow(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT], when[FOS_EVE_TIME], msg[2 * FOS_RULE_MSG];

	fos_printf(pm, out, "{\"timestamp\":\"%s\",\"flow_id\":%" PRIu64 ",\"in_iface\":\"%s\","
		   "\"event_type\":\"alert\",\"src_ip\":\"%s\",\"src_port\":%u,\"dest_ip\":\"%s\","
		   "\"dest_port\":%u,\"proto\":\"%s\",\"direction\":\"%s\",\"alert\":{\"action\":\"%s\","
		   "\"gid\":%u,\"signature_id\":%u,\"rev\":%u,\"signature\":\"%s\",\"category\":\"%s\","
		   "\"severity\":%u},\"stream\":{\"to\":%" PRIu64 "}}\n",
		   fos_eve_time(pm, when), f->id, f->in_name, fos_address_text(f->src, src), f->sport,
		   fos_address_text(f->dst, dst), f->dport, f->proto == UDP ? "UDP" : "TCP",
		   f->reverse ? "to_client" : "to_server",
		   r->action == FOS_RULE_ALERT ? "allowed" : "blocked", r->gid, r->sid, r->rev,
		   fos_eve_text(r->msg, msg), r->classtype, r->priority, to);
}

static struct totals *totals_of(struct fos_instance *pm)
{
	struct totals *t = fos_state(pm);

	if (t->tag != tag) /* of other rules, before a reload */
		*t = (struct totals){.tag = tag};
	return t;
}

/* The rule is true at `to`.  False: the connection ends here. */
static bool fire(struct fos_window *w, uint32_t rule, uint64_t to)
{
	const struct fos_rule *r = &rules.rule[rule];
	struct flow *f = fos_ctx(w);
	struct totals *t;

	if (!fos_rule_fits(r, fos_flow(w)))
		return true;
	t = totals_of(fos_pm_of(w));
	t->matches[rule]++;
	if (f->alerts++ < limit)
		say(w, r, to);
	else
		t->unsaid++;
	if (r->action == FOS_RULE_ALERT)
		return true;
	if (r->action == FOS_RULE_REJECT && fos_flow(w)->proto == TCP)
		fos_reset(w);
	else
		fos_drop(w);
	return false;
}

/* ---------------------------------------------------------------- terms */

static bool bit(const struct flow *f, uint32_t n)
{
	return f->bits[n / 8] >> n % 8 & 1;
}

/* A term has become true; is its rule?  False: the connection ends here. */
static bool set_true(struct fos_window *w, uint64_t term, uint64_t to)
{
	struct flow *f = fos_ctx(w);
	const struct term *t = &term_of[term], *first = t;

	if (t->bit == NO_BIT)
		return fire(w, t->rule, to);
	if (bit(f, t->bit))
		return true;
	f->bits[t->bit / 8] |= (uint8_t)(1u << t->bit % 8);
	while (first > term_of && first[-1].rule == t->rule)
		first--;
	for (; first < term_of + nr_terms && first->rule == t->rule; first++)
		if (!bit(f, first->bit))
			return true;
	return fire(w, t->rule, to);
}

/* Where the next undecided range ends, FOS_TERM_END included; *open: which of open[], or -1: nowhere[]. */
static bool next_end(const struct flow *f, uint64_t *until, int *open)
{
	bool any = f->nowhere < nr_nowhere;

	*open = -1;
	*until = any ? term_of[nowhere[f->nowhere]].is->until : FOS_TERM_END;
	*until += *until == FOS_TERM_END ? 0 : f->base;
	for (int i = 0; i < f->nr_open; i++) {
		const struct open_range *r = &f->open[i];
		uint64_t end = r->span == UINT32_MAX ? FOS_TERM_END : r->from + r->span;

		if (!any || end < *until)
			*until = end, *open = i;
		any = true;
	}
	return any;
}

static void close_range(struct flow *f, int i)
{
	memmove(&f->open[i], &f->open[i + 1], (size_t)(--f->nr_open - i) * sizeof(f->open[0]));
}

/* Decides the negated contents whose ranges end at or before `to`; `end`: all. */
static bool settle(struct fos_window *w, uint64_t to, bool end)
{
	struct flow *f = fos_ctx(w);
	uint64_t until;
	int open;

	while (next_end(f, &until, &open) && (until <= to || end)) {
		uint64_t term = open < 0 ? nowhere[f->nowhere] : f->open[open].term;
		bool holds = open >= 0 || !bit(f, term_of[term].bit + 1);

		if (open < 0)
			f->nowhere++;
		else
			close_range(f, open);
		if (holds && !set_true(w, term, until < to ? until : to))
			return false;
	}
	return true;
}

static void open_range(struct fos_window *w, uint32_t term, uint64_t at)
{
	const struct fos_rule_term *t = term_of[term].is;
	uint32_t span = t->until == FOS_TERM_END ? UINT32_MAX : (uint32_t)(t->until - t->from);
	struct flow *f = fos_ctx(w);

	if (bit(f, term_of[term].bit))
		return;
	/* nothing behind the last match makes it true: earlier ones ask for more */
	for (int i = 0; i < f->nr_open && t->until == FOS_TERM_END; i++)
		if (f->open[i].term == term)
			close_range(f, i--);
	if (f->nr_open == MAX_OPEN)
		totals_of(fos_pm_of(w))->lost++;
	else
		f->open[f->nr_open++] = (struct open_range){at + t->from, span, term};
}

/* An expression matches, ending at h->to. */
static bool hit(struct fos_window *w, const struct fos_pattern_hit *h)
{
	uint32_t term = pattern[h->id].term;
	const struct fos_rule_term *t = term_of[term].is;
	struct flow *f = fos_ctx(w);

	if (pattern[h->id].not) {
		for (int i = f->nr_open - 1; i >= 0; i--)
			if (f->open[i].term == term && h->to - t->len >= f->open[i].from)
				close_range(f, i);
		return true;
	}
	if (t->kind == FOS_TERM_IS)
		return set_true(w, term, h->to);
	if (t->kind == FOS_TERM_NOT_AFTER)
		open_range(w, term, h->to);
	else
		f->bits[(term_of[term].bit + 1) / 8] |= (uint8_t)(1u << (term_of[term].bit + 1) % 8);
	return true;
}

/* ---------------------------------------------------------------- bytes */

static void begin(struct flow *f, uint64_t at)
{
	uint32_t alerts = f->alerts;

	memset(f, 0, sizeof(*f));
	f->tag = tag;
	f->base = f->seen = at;
	f->alerts = alerts;
}

/* Rules without content. */
static bool first_byte(struct fos_window *w, uint64_t at)
{
	struct flow *f = fos_ctx(w);

	f->begun = 1;
	for (uint32_t i = 0; i < rules.nr; i++)
		if (rules.rule[i].nr_terms == 0 && !fire(w, i, at))
			return false;
	return true;
}

/* Searches [f->seen, to); `end`: the stream or datagram ends there.  False: the connection ends. */
static bool search(struct fos_window *w, uint64_t to, bool end)
{
	struct flow *f = fos_ctx(w);
	uint64_t from = fos_head(w);

	/* of other rules, before a reload; or bytes have passed unseen */
	if (f->tag != tag || f->seen != from)
		begin(f, from);
	if (to > from && !f->begun && !first_byte(w, from))
		return false;
	hits.nr = 0;
	if (!fos_patterns_watch(set, w, from, to, f->base, f->state, &f->len, &hits)) {
		begin(f, from);
		fos_patterns_watch(set, w, from, to, from, f->state, &f->len, &hits);
	}
	f->seen = to;
	if (end && !f->ended)
		fos_patterns_end(set, f->base, f->state, f->len, &hits);
	for (uint32_t i = 0; i < hits.nr; i++)
		if (!settle(w, hits.hit[i].to - 1, false) || !hit(w, &hits.hit[i]))
			return false;
	if (!settle(w, to, end && !f->ended && to > f->base))
		return false;
	f->ended |= end;
	return true;
}

static void datagrams(struct fos_window *w)
{
	struct fos_packet p;

	while (fos_packet(w, fos_head(w), &p) == FOS_OK) {
		struct flow *f = fos_ctx(w);
		uint64_t end = p.end < fos_tail(w) ? p.end : fos_tail(w);

		if (!f->mid)
			begin(f, fos_head(w));
		if (!search(w, end, end == p.end))
			return;
		f->mid = end < p.end;
		if (fos_release(w, end) != FOS_OK)
			return;
	}
}

static void on_data(struct fos_window *w)
{
	if (fos_flow(w)->proto == UDP)
		datagrams(w);
	else if (search(w, fos_tail(w), fos_fin(w)))
		fos_release_all(w);
}

static void fini(struct fos_instance *pm)
{
	const struct totals *t = totals_of(pm);
	char msg[2 * FOS_RULE_MSG];

	for (uint32_t i = 0; i < rules.nr; i++)
		if (t->matches[i])
			fos_printf(pm, out, "{\"event_type\":\"stats\",\"signature_id\":%u,"
				   "\"signature\":\"%s\",\"matches\":%" PRIu64 "}\n", rules.rule[i].sid,
				   fos_eve_text(rules.rule[i].msg, msg), t->matches[i]);
	if (t->unsaid || t->lost)
		fos_printf(pm, out, "{\"event_type\":\"stats\",\"alerts_beyond_limit\":%" PRIu64
			   ",\"negations_lost\":%" PRIu64 "}\n", t->unsaid, t->lost);
}

FOS_PM(.name = "ids", .stream = FOS_APP, .ctx_size = sizeof(struct flow),
	.state_size = sizeof(struct totals), .init = init, .on_data = on_data, .fini = fini);
