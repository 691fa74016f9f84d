/* match - alerts when patterns appear in a stream, hides them, cuts them out, or resets the connection
 *
 * Lesson: a scanner in a stream.  Hyperscan remembers what is underway at the end of a segment; that
 * memory, compressed to some dozen bytes, is part of the context.  It is committed with the head and with
 * the alerts, so a match across segments is found, and found once, whatever is killed between them.
 *
 * Lesson: what is to be changed must still be here.  Of patterns to be masked or cut, the bytes that
 * may be the beginning of a match wait in the window; all others go on at once (pms/lib/patterns.h).
 *
 *   options:
 *     patterns:                                      one each: ACTION /REGEX/FLAGS NAME
 *       - "alert /select.{1,40}from/is SQL in a form"
 *       - "mask /[0-9]{4}(-[0-9]{4}){3}/ card number"
 *     list: /etc/flowos/patterns.txt                 more of them, one a line; '#' begins a comment
 *     file: alerts.json                              where alerts go (default: standard output)
 *     mask: "*"                                      the character that hides
 *     limit: 64                                      alerts of one direction of a connection (1 to 256)
 *     wait: 100                                      milliseconds for the rest of a match; less than
 *                                                    hold.time (default: half of it)
 *
 * Actions: `alert` says so; `mask` puts the character in the place of each byte and says so; `cut` takes
 * them out; `reset` ends the connection at both ends (UDP: drops it), before the bytes that made
 * the match complete have gone on.  Flags: i letters in both cases, s . matches line ends, m ^ and $
 * match at lines, 1 only the first match of a stream.  Expressions are those of Hyperscan.  What is
 * masked or cut is the leftmost match, there the longest; it has a greatest length (say {0,100}, not *),
 * 4096 bytes at most and less than `hold.bytes`, and is matched by its own bytes (no ^ $ \b).  Of
 * alerts and resets every end of a match counts: /ab+/ ends three times in abbb.
 *
 * Who cuts must know that nobody has announced the length (an HTTP Content-Length): mask there.
 *
 * TCP is searched across segments, UDP datagram by datagram.  Because it may edit, this module does not
 * watch connections that are never edited (README: unusual TCP).
 *
 * An alert is a line of JSON with the names that Suricata's EVE gives them; `from` is there for mask and
 * cut; positions count the bytes of the direction.  At an orderly stop one line with the number of matches
 * of each pattern that had some.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pms/lib/eve.h"
#include "pms/lib/patterns.h"

#define MAX_PATTERNS 1024u
#define STATE_MAX 448u
#define NAME_MAX_BYTES 80u
#define MOST_AT_ONCE 512u /* edits between two releases */

enum { UDP = 17 };
enum action { ALERT, MASK, CUT, RESET, NR_ACTIONS };
static const char *const action_name[NR_ACTIONS] = {"alert", "mask", "cut", "reset"};

struct flow { /* context */
	uint64_t tag;  /* of the set of patterns that `state` is of */
	uint64_t base; /* position where that began, */
	uint64_t seen; /* and where it stands */
	uint64_t held; /* position of the first byte that waits; 0 = none does */
	uint32_t alerts;
	uint16_t len;
	uint8_t ended; /* matches at the end have been noted */
	uint8_t mid;   /* in the middle of a datagram */
	uint8_t state[STATE_MAX];
};

struct totals { /* PM-wide state */
	uint64_t tag;
	uint64_t matches[MAX_PATTERNS];
	uint64_t unsaid; /* beyond the limit */
};

static struct pattern {
	enum action action;
	char name[NAME_MAX_BYTES];
} pattern[MAX_PATTERNS];
static unsigned nr;
static struct fos_patterns *set;
static struct fos_pattern_hits found, seen;
static uint64_t limit, wait_ns;
static int mask, out;

/* ---------------------------------------------------------------- options */

static bool parse_flags(const char **text, unsigned *flags)
{
	static const char letters[] = "ism1";

	for (*flags = 0; **text && !isspace((unsigned char)**text); ++*text) {
		const char *at = strchr(letters, **text);

		if (!at)
			return false;
		*flags |= 1u << (at - letters);
	}
	return true;
}

/* The slash that ends the expression: the last one with only flags and a blank, or nothing, behind it
 * would do for most, but names may have slashes; so the first that is not escaped and fits. */
static char *closing(char *text, unsigned *flags, const char **rest)
{
	for (char *c = text; *c; c++) {
		if (*c == '\\' && c[1])
			c++;
		else if (*c == '/' && (*rest = c + 1, parse_flags(rest, flags)))
			return c;
	}
	return NULL;
}

static bool parse_name(const char *text, struct pattern *p)
{
	while (isspace((unsigned char)*text))
		text++;
	if (!*text) {
		snprintf(p->name, sizeof(p->name), "pattern %u", nr + 1);
		return true;
	}
	snprintf(p->name, sizeof(p->name), "%s", text);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
			return false;
	return strlen(text) < sizeof(p->name);
}

static const char *add_pattern(struct fos_instance *pm, char *text, void *arg)
{
	static const char form[] = "a pattern is ACTION /REGEX/FLAGS NAME; actions: alert, mask, cut, "
				   "reset; flags: i, s, m, 1";
	char *word = fos_word(&text), *end;
	struct pattern *p = &pattern[nr];
	const char *rest, *is;
	unsigned a = 0, flags;

	(void)pm;
	(void)arg;
	if (nr == MAX_PATTERNS)
		return "that is one pattern more than 1024";
	while (a < NR_ACTIONS && word && strcmp(word, action_name[a]) != 0)
		a++;
	while (isspace((unsigned char)*text))
		text++;
	if (!word || a == NR_ACTIONS || *text != '/')
		return form;
	end = closing(text + 1, &flags, &rest);
	if (!end)
		return form;
	if (!parse_name(rest, p))
		return "a name has less than 80 characters, none of them \" or \\";
	p->action = (enum action)a;
	if (a == RESET)
		flags |= FOS_PATTERN_ONCE;
	if (a == MASK || a == CUT)
		flags |= FOS_PATTERN_FIND;
	*end = '\0';
	is = fos_patterns_add(set, text + 1, flags);
	nr += !is;
	return is;
}

static int init(struct fos_instance *pm)
{
	const char *character = fos_option(pm, "mask", 0), *most = fos_option(pm, "limit", 0);
	const char *wait = fos_option(pm, "wait", 0);

	nr = 0;
	wait_ns = fos_hold_ns(pm) / 2 / 1000000;
	mask = character ? (unsigned char)*character : '*';
	limit = 64;
	if (character && strlen(character) != 1) {
		fos_say(pm, "options: mask: \"%s\" is not one character", character);
		return -1;
	}
	if (most && (!fos_size_parse(most, &limit) || limit < 1 || limit > 256)) {
		fos_say(pm, "options: limit: \"%s\" is not from 1 to 256", most);
		return -1;
	}
	if (wait && (!fos_size_parse(wait, &wait_ns) || wait_ns < 1 || wait_ns > 1000000)) {
		fos_say(pm, "options: wait: \"%s\" is not from 1 to 1000000 milliseconds", wait);
		return -1;
	}
	wait_ns *= 1000000;
	fos_patterns_free(set);
	set = fos_patterns_new();
	if (fos_entries(pm, "patterns", "list", add_pattern, NULL))
		return -1;
	if (nr == 0) {
		fos_say(pm, "options: there is nothing to search for: give `patterns` or `list`");
		return -1;
	}
	if (fos_patterns_compile(set, pm, STATE_MAX))
		return -1;
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- alerts */

static void say(struct fos_window *w, const struct fos_pattern_hit *h, bool with_from)
{
	struct fos_instance *pm = fos_pm_of(w);
	const struct fos_flow_info *f = fos_flow(w);
	const struct pattern *p = &pattern[h->id];
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT], when[FOS_EVE_TIME], from[40] = "";

	if (with_from)
		snprintf(from, sizeof(from), "\"from\":%" PRIu64 ",", h->from);
	fos_printf(pm, out,
		   "{\"timestamp\":\"%s\",\"event_type\":\"alert\",\"flow_id\":%" PRIu64 ",\"in_iface\":"
		   "\"%s\",\"src_ip\":\"%s\",\"src_port\":%u,\"dest_ip\":\"%s\",\"dest_port\":%u,"
		   "\"proto\":\"%s\",\"direction\":\"%s\",\"alert\":{\"action\":\"%s\",\"signature_id\":%u,"
		   "\"signature\":\"%s\"},\"stream\":{%s\"to\":%" PRIu64 "}}\n",
		   fos_eve_time(pm, when), f->id, f->in_name, fos_address_text(f->src, src), f->sport,
		   fos_address_text(f->dst, dst), f->dport, f->proto == UDP ? "UDP" : "TCP",
		   f->reverse ? "to_client" : "to_server", action_name[p->action], h->id + 1, p->name,
		   from, h->to);
}

static void note(struct fos_window *w, const struct fos_pattern_hit *h, bool with_from)
{
	struct flow *f = fos_ctx(w);
	struct totals *t = fos_state(fos_pm_of(w));

	if (t->tag != fos_patterns_tag(set)) /* of other patterns, before a reload */
		*t = (struct totals){.tag = fos_patterns_tag(set)};
	t->matches[h->id]++;
	if (f->alerts >= limit) {
		t->unsaid++;
		return;
	}
	f->alerts++;
	say(w, h, with_from);
}

/* ---------------------------------------------------------------- bytes */

/* Notes what was found and what was seen, by the places where they end.  False: the connection is to be
 * reset, and nothing after that counts. */
static bool note_all(struct fos_window *w)
{
	uint32_t i = 0, k = 0;

	while (i < found.nr || k < seen.nr) {
		bool first = k == seen.nr || (i < found.nr && found.hit[i].to <= seen.hit[k].to);
		const struct fos_pattern_hit *h = first ? &found.hit[i++] : &seen.hit[k++];

		note(w, h, first);
		if (pattern[h->id].action == RESET) {
			if (fos_flow(w)->proto == UDP)
				fos_drop(w);
			else
				fos_reset(w);
			return false;
		}
	}
	return true;
}

static bool edit(struct fos_window *w)
{
	for (uint32_t i = 0; i < found.nr; i++) {
		const struct fos_pattern_hit *h = &found.hit[i];
		int rc = pattern[h->id].action == CUT ?
				 fos_delete(w, h->from, h->to - h->from) :
				 fos_fill(w, h->from, mask, h->to - h->from);

		if (rc != FOS_OK)
			return false;
	}
	return true;
}

static void watch(struct fos_window *w, uint64_t from, uint64_t to, bool end)
{
	struct flow *f = fos_ctx(w);

	/* of other patterns, before a reload; or the platform let bytes go that we held */
	if (f->tag != fos_patterns_tag(set) || f->seen != from) {
		f->tag = fos_patterns_tag(set);
		f->len = 0;
	}
	if (f->len == 0)
		f->base = from;
	if (!fos_patterns_watch(set, w, from, to, f->base, f->state, &f->len, &seen)) {
		f->base = from;
		fos_patterns_watch(set, w, from, to, from, f->state, &f->len, &seen);
	}
	f->seen = to;
	if (end && !f->ended) {
		fos_patterns_end(set, f->base, f->state, f->len, &seen);
		f->ended = 1;
	}
}

/* The rest of a match is awaited for so long, counted from when its first byte began to wait. */
static void wait_for_rest(struct fos_window *w, uint64_t to, uint64_t tail)
{
	struct flow *f = fos_ctx(w);

	if (to == tail)
		fos_timer(w, 0);
	else if (f->held != to + 1)
		fos_timer(w, wait_ns);
	f->held = to == tail ? 0 : to + 1;
}

/* One step over [head, tail): the stream ends there; or it goes on but nothing waits for it (`now`).
 * False: it is done, or cannot go on. */
static bool step(struct fos_window *w, uint64_t tail, bool end, bool now)
{
	uint64_t head = fos_head(w), to;

	found.nr = seen.nr = 0;
	to = fos_patterns_find(set, w, head, tail, end || now, MOST_AT_ONCE, &found);
	watch(w, head, to, end && to == tail);
	if (!note_all(w) || !edit(w))
		return false;
	((struct flow *)fos_ctx(w))->mid = to < tail;
	wait_for_rest(w, to, tail);
	return fos_release(w, to) == FOS_OK && found.nr == MOST_AT_ONCE;
}

/* Each datagram is a stream of its own. */
static void datagrams(struct fos_window *w)
{
	struct fos_packet p;
	bool more = true;

	while (more && fos_packet(w, fos_head(w), &p) == FOS_OK) {
		struct flow *f = fos_ctx(w);

		if (!f->mid)
			f->len = f->ended = 0;
		more = step(w, p.end, true, true) || fos_head(w) == p.end;
	}
}

static void on_data(struct fos_window *w)
{
	if (fos_flow(w)->proto == UDP)
		datagrams(w);
	else
		while (step(w, fos_tail(w), fos_fin(w), false))
			;
}

/* The rest has not come: what waits goes on as it is.  But it may have come just now: after a kill the
 * timer is the first to run. */
static void on_timer(struct fos_window *w)
{
	uint64_t head = fos_head(w);

	on_data(w);
	while (fos_head(w) == head && head < fos_tail(w) && step(w, fos_tail(w), fos_fin(w), true))
		head = fos_head(w);
}

static void fini(struct fos_instance *pm)
{
	const struct totals *t = fos_state(pm);

	for (unsigned i = 0; t->tag == fos_patterns_tag(set) && i < nr; i++)
		if (t->matches[i])
			fos_printf(pm, out, "{\"event_type\":\"stats\",\"signature_id\":%u,\"signature\":"
				   "\"%s\",\"matches\":%" PRIu64 "}\n", i + 1, pattern[i].name,
				   t->matches[i]);
	if (t->unsaid)
		fos_printf(pm, out, "{\"event_type\":\"stats\",\"alerts_beyond_limit\":%" PRIu64 "}\n",
			   t->unsaid);
}

FOS_PM(.name = "match", .stream = FOS_APP, .flags = FOS_PM_EDITS, .ctx_size = sizeof(struct flow),
	.state_size = sizeof(struct totals), .init = init, .on_data = on_data,
	.on_timer = on_timer, .fini = fini);
