/* pms/lib/patterns.c - see patterns.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pms/lib/patterns.h"

#include <hs.h>
#include <limits.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_HITS 65536u
#define WORKSPACE 4096 /* ints; of PCRE2's automaton */

struct set { /* watch or find */
	const char **regex;
	unsigned *flags, *id;
	unsigned nr;
	hs_database_t *db;
	hs_stream_t *stream;
};

struct fos_patterns {
	unsigned nr;
	char *regex[FOS_PATTERNS_MAX];
	unsigned flags[FOS_PATTERNS_MAX];
	uint32_t width[FOS_PATTERNS_MAX]; /* longest match; find only */
	bool fixed[FOS_PATTERNS_MAX];     /* and no other length */
	struct set watch, find;
	uint32_t widest; /* of those to be found */
	hs_scratch_t *scratch;
	pcre2_code *begun; /* all to be found, as alternatives */
	pcre2_match_data *data;
	int workspace[WORKSPACE];
	uint8_t suffix[FOS_PATTERN_WIDTH];
	uint64_t tag;
	char wrong[512];
	/* while Hyperscan calls back */
	struct fos_pattern_hits *hits;
	uint64_t base;
};

struct fos_patterns *fos_patterns_new(void)
{
	struct fos_patterns *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->tag = 0xcbf29ce484222325ull;
	return p;
}

static void free_set(struct set *s, hs_scratch_t *scratch)
{
	if (s->stream)
		hs_close_stream(s->stream, scratch, NULL, NULL);
	hs_free_database(s->db);
	free(s->regex);
	free(s->flags);
	free(s->id);
}

void fos_patterns_free(struct fos_patterns *p)
{
	if (!p)
		return;
	free_set(&p->watch, p->scratch);
	free_set(&p->find, p->scratch);
	hs_free_scratch(p->scratch);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->begun);
	for (unsigned i = 0; i < p->nr; i++)
		free(p->regex[i]);
	free(p);
}

/* ---------------------------------------------------------------- adding */

/* Does it ask about bytes that are not its own?  (^ $ \b and the like, outside of [].) */
static bool looks_around(const char *r)
{
	bool in_class = false;

	for (; *r; r++) {
		if (*r == '\\' && r[1]) {
			r++;
			if (!in_class && strchr("bBAGzZ", *r))
				return true;
		} else if (in_class) {
			in_class = *r != ']';
		} else if (*r == '[') {
			in_class = true;
			/* a ] at the very beginning is one of the class */
			r += r[1] == '^';
			r += r[1] == ']';
		} else if (*r == '^' || *r == '$' || (*r == '(' && r[1] == '?' && strchr("<=!", r[2]))) {
			return true;
		}
	}
	return false;
}

static unsigned hs_flags(const struct fos_patterns *p, unsigned i)
{
	unsigned f = p->flags[i];

	return (f & FOS_PATTERN_ICASE ? HS_FLAG_CASELESS : 0) |
	       (f & FOS_PATTERN_DOTALL ? HS_FLAG_DOTALL : 0) |
	       (f & FOS_PATTERN_LINES ? HS_FLAG_MULTILINE : 0) |
	       (f & FOS_PATTERN_ONCE && !(f & FOS_PATTERN_FIND) ? HS_FLAG_SINGLEMATCH : 0) |
	       (f & FOS_PATTERN_FIND && !p->fixed[i] ? HS_FLAG_SOM_LEFTMOST : 0);
}

static const char *wrong(struct fos_patterns *p, const char *what, const char *why)
{
	snprintf(p->wrong, sizeof(p->wrong), "%s%s%s", what, *why ? ": " : "", why);
	return p->wrong;
}

/* PCRE2 must know it too: it says where one may have begun. */
static const char *check_find(struct fos_patterns *p, unsigned i, const hs_expr_info_t *info)
{
	PCRE2_UCHAR text[256];
	pcre2_code *code;
	PCRE2_SIZE at;
	int err;

	if (looks_around(p->regex[i]) || info->matches_at_eod)
		return wrong(p, "what is masked or cut is matched by its own bytes: no ^ $ \\b and "
				"the like", "");
	if (info->max_width > FOS_PATTERN_WIDTH)
		return wrong(p, "what is masked or cut has to wait until it is complete, so a match may "
				"have 4096 bytes at most: say {0,N} instead of * and +", "");
	code = pcre2_compile((PCRE2_SPTR)p->regex[i], PCRE2_ZERO_TERMINATED, 0, &err, &at, NULL);
	if (!code) {
		pcre2_get_error_message(err, text, sizeof(text));
		return wrong(p, "not a regular expression", (const char *)text);
	}
	pcre2_code_free(code);
	p->width[i] = info->max_width;
	p->fixed[i] = info->max_width == info->min_width;
	return NULL;
}

static const char *check(struct fos_patterns *p, unsigned i)
{
	hs_compile_error_t *err = NULL;
	hs_expr_info_t *info = NULL;
	hs_database_t *db = NULL;
	const char *is = NULL;

	if (hs_expression_info(p->regex[i], hs_flags(p, i), &info, &err) != HS_SUCCESS)
		is = wrong(p, "not a regular expression", err->message);
	else if (p->flags[i] & FOS_PATTERN_FIND)
		is = check_find(p, i, info);
	free(info);
	hs_free_compile_error(err);
	err = NULL;
	/* alone, so that the line can be named */
	if (!is && hs_compile(p->regex[i], hs_flags(p, i), HS_MODE_STREAM | HS_MODE_SOM_HORIZON_LARGE,
			      NULL, &db, &err) != HS_SUCCESS)
		is = wrong(p, "Hyperscan cannot search for it", err->message);
	hs_free_compile_error(err);
	hs_free_database(db);
	return is;
}

const char *fos_patterns_add(struct fos_patterns *p, const char *regex, unsigned flags)
{
	unsigned i = p->nr;
	const char *is;

	if (i == FOS_PATTERNS_MAX)
		return wrong(p, "that is one pattern more than 4096", "");
	p->regex[i] = strdup(regex);
	if (!p->regex[i])
		abort();
	p->flags[i] = flags;
	p->fixed[i] = false;
	is = check(p, i);
	if (is) {
		free(p->regex[i]);
		return is;
	}
	for (const char *c = regex; *c; c++)
		p->tag = (p->tag ^ (uint8_t)*c) * 0x100000001b3ull;
	p->tag = (p->tag ^ (256 + flags)) * 0x100000001b3ull;
	p->nr++;
	return NULL;
}

uint64_t fos_patterns_tag(const struct fos_patterns *p)
{
	return p->tag;
}

/* ---------------------------------------------------------------- compiling */

static bool compile_set(struct fos_patterns *p, struct fos_instance *pm, struct set *s, bool find)
{
	hs_compile_error_t *err = NULL;
	bool good;

	s->regex = calloc(p->nr + 1, sizeof(*s->regex));
	s->flags = calloc(p->nr + 1, sizeof(*s->flags));
	s->id = calloc(p->nr + 1, sizeof(*s->id));
	if (!s->regex || !s->flags || !s->id)
		abort();
	for (unsigned i = 0; i < p->nr; i++) {
		if (find != !!(p->flags[i] & FOS_PATTERN_FIND))
			continue;
		s->regex[s->nr] = p->regex[i];
		s->flags[s->nr] = hs_flags(p, i);
		s->id[s->nr++] = i;
		if (find && p->width[i] > p->widest)
			p->widest = p->width[i];
	}
	if (s->nr == 0)
		return true;
	good = hs_compile_multi(s->regex, s->flags, s->id, s->nr,
				HS_MODE_STREAM | (find ? HS_MODE_SOM_HORIZON_LARGE : 0), NULL, &s->db,
				&err) == HS_SUCCESS &&
	       hs_alloc_scratch(s->db, &p->scratch) == HS_SUCCESS &&
	       hs_open_stream(s->db, 0, &s->stream) == HS_SUCCESS;
	if (!good)
		fos_say(pm, "the patterns cannot be compiled together: %s",
			err ? err->message : "no memory");
	hs_free_compile_error(err);
	return good;
}

/* All to be found as alternatives of one expression, each with its flags. */
static bool compile_begun(struct fos_patterns *p, struct fos_instance *pm)
{
	size_t size = 1, n = 0;
	PCRE2_SIZE at;
	char *all;
	int err;

	for (unsigned i = 0; i < p->nr; i++)
		size += strlen(p->regex[i]) + 16;
	all = calloc(1, size);
	if (!all)
		abort();
	for (unsigned i = 0; i < p->nr; i++)
		if (p->flags[i] & FOS_PATTERN_FIND)
			n += (size_t)snprintf(all + n, size - n, "%s(?%s%s:%s)", n ? "|" : "",
					      p->flags[i] & FOS_PATTERN_ICASE ? "i" : "",
					      p->flags[i] & FOS_PATTERN_DOTALL ? "s" : "", p->regex[i]);
	p->begun = pcre2_compile((PCRE2_SPTR)all, n, 0, &err, &at, NULL);
	free(all);
	p->data = pcre2_match_data_create(8, NULL);
	if (p->begun && p->data)
		return true;
	fos_say(pm, "the patterns to be masked and cut cannot be compiled together by PCRE2 (error %d)",
		err);
	return false;
}

int fos_patterns_compile(struct fos_patterns *p, struct fos_instance *pm, size_t state_max)
{
	size_t size = 0;

	if (!compile_set(p, pm, &p->watch, false) || !compile_set(p, pm, &p->find, true))
		return -1;
	if (p->find.nr && !compile_begun(p, pm))
		return -1;
	if (p->watch.nr == 0)
		return 0;
	if (hs_stream_size(p->watch.db, &size) == HS_SUCCESS && size <= state_max)
		return 0;
	fos_say(pm, "the patterns need %zu bytes of memory for each flow, and %zu is the most: use fewer, "
		    "or fewer with * + {} in their middle", size, state_max);
	return -1;
}

/* ---------------------------------------------------------------- watching */

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		  void *arg)
{
	struct fos_patterns *p = arg;
	struct fos_pattern_hits *h = p->hits;
	bool find = p->flags[id] & FOS_PATTERN_FIND;

	(void)flags;
	if (h->nr >= MOST_HITS && !(p->flags[id] & FOS_PATTERN_ONCE && !find)) {
		h->lost++;
		return find; /* what was found so far is decided first */
	}
	if (h->nr == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->hit = realloc(h->hit, h->cap * sizeof(*h->hit));
		if (!h->hit)
			abort();
	}
	if (find && p->fixed[id])
		from = to - p->width[id];
	h->hit[h->nr++] = (struct fos_pattern_hit){
		.from = p->base + from, .to = p->base + to, .id = id};
	return 0;
}

static int by_end(const void *a, const void *b)
{
	const struct fos_pattern_hit *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Gives Hyperscan the bytes [from, to) where they lie.  False: it has stopped. */
static bool scan(struct fos_patterns *p, struct set *s, struct fos_window *w, uint64_t from,
		 uint64_t to)
{
	struct fos_iov v[16];
	int n;

	while (from < to && (n = fos_iov(w, from, (size_t)(to - from), v, 16)) > 0) {
		for (int i = 0; i < n; i++) {
			if (hs_scan_stream(s->stream, (const char *)v[i].data, (unsigned)v[i].len, 0,
					   p->scratch, on_hit, p) != HS_SUCCESS)
				return false;
			from += v[i].len;
		}
	}
	return true;
}

static bool resume(struct fos_patterns *p, const uint8_t *state, uint16_t len)
{
	hs_stream_t *s = p->watch.stream;

	if (len && hs_reset_and_expand_stream(s, (const char *)state, len, p->scratch, NULL, NULL) ==
			   HS_SUCCESS)
		return true;
	hs_reset_stream(s, 0, p->scratch, NULL, NULL);
	return len == 0;
}

bool fos_patterns_watch(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to,
			uint64_t base, uint8_t *state, uint16_t *len, struct fos_pattern_hits *hits)
{
	uint32_t old = hits->nr;
	size_t size;
	bool good;

	if (p->watch.nr == 0)
		return true;
	p->hits = hits;
	p->base = base;
	if (!resume(p, state, *len)) {
		*len = 0;
		return false;
	}
	good = scan(p, &p->watch, w, from, to);
	hs_stream_size(p->watch.db, &size); /* the room that the caller has, at least */
	good = good && hs_compress_stream(p->watch.stream, (char *)state, size, &size) == HS_SUCCESS;
	*len = good ? (uint16_t)size : 0;
	if (hits->nr > old)
		qsort(hits->hit + old, hits->nr - old, sizeof(*hits->hit), by_end);
	return true;
}

void fos_patterns_end(struct fos_patterns *p, uint64_t base, const uint8_t *state, uint16_t len,
		      struct fos_pattern_hits *hits)
{
	uint32_t old = hits->nr;

	if (p->watch.nr == 0 || len == 0)
		return;
	p->hits = hits;
	p->base = base;
	if (!resume(p, state, len))
		return;
	hs_reset_stream(p->watch.stream, 0, p->scratch, on_hit, p);
	if (hits->nr > old)
		qsort(hits->hit + old, hits->nr - old, sizeof(*hits->hit), by_end);
}

/* ---------------------------------------------------------------- finding */

/* Leftmost first, there the longest, then the one that was added first. */
static int by_begin(const void *a, const void *b)
{
	const struct fos_pattern_hit *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to > y->to ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* First position at or after `from` where a match may be underway at `to`; `to` when nowhere. */
static uint64_t underway(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to)
{
	uint64_t begin = to - from >= p->widest ? to - p->widest + 1 : from;
	size_t len = fos_read(w, begin, p->suffix, (size_t)(to - begin)), at = 0;

	while (at < len) {
		PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->data);
		int rc = pcre2_dfa_match(p->begun, p->suffix, len, at,
					 PCRE2_PARTIAL_HARD | PCRE2_NO_UTF_CHECK, p->data, NULL,
					 p->workspace, WORKSPACE);

		if (rc == PCRE2_ERROR_NOMATCH)
			return to;
		if (rc < 0)
			return begin + (rc == PCRE2_ERROR_PARTIAL ? v[0] : at); /* else: to be safe */
		at = v[0] + 1; /* complete there, and cannot grow */
	}
	return to;
}

/* Collects what Hyperscan sees in [from, to), sorted.  Returns how far it got. */
static uint64_t collect(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to,
			struct fos_pattern_hits *seen)
{
	uint64_t far = from;

	seen->nr = seen->lost = 0;
	p->hits = seen;
	p->base = from;
	hs_reset_stream(p->find.stream, 0, p->scratch, NULL, NULL);
	if (scan(p, &p->find, w, from, to))
		far = to;
	for (uint32_t i = 0; far < to && i < seen->nr; i++)
		if (seen->hit[i].to > far)
			far = seen->hit[i].to;
	if (seen->nr)
		qsort(seen->hit, seen->nr, sizeof(*seen->hit), by_begin);
	return far;
}

static void keep(struct fos_pattern_hits *hits, const struct fos_pattern_hit *h)
{
	if (hits->nr == hits->cap) {
		hits->cap = hits->cap ? 2 * hits->cap : 64;
		hits->hit = realloc(hits->hit, hits->cap * sizeof(*hits->hit));
		if (!hits->hit)
			abort();
	}
	hits->hit[hits->nr++] = *h;
}

/* Takes what is decided, from the sorted list.  Hyperscan tells the leftmost beginning of each end only;
 * when that lies in what was taken, another may be hidden behind it: then *again. */
static uint64_t take(struct fos_patterns *p, const struct fos_pattern_hits *seen, uint64_t from,
		     uint64_t decided, uint32_t *most, struct fos_pattern_hits *hits, bool *again)
{
	*again = false;
	for (uint32_t i = 0; i < seen->nr && *most > 0; i++) {
		const struct fos_pattern_hit *h = &seen->hit[i];

		if (h->from < from) {
			if (h->to <= from || p->fixed[h->id])
				continue;
			*again = true;
			break;
		}
		if (h->from >= decided)
			break;
		keep(hits, h);
		--*most;
		from = h->to;
	}
	return from;
}

uint64_t fos_patterns_find(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to,
			   bool end, uint32_t most, struct fos_pattern_hits *hits)
{
	static struct fos_pattern_hits seen;
	bool again = true;
	uint64_t decided = to;

	if (p->find.nr == 0)
		return to;
	while (again && from < to && most > 0) {
		uint64_t far = collect(p, w, from, to, &seen);

		if (far < to) /* too many at once: what lies further back than any can reach */
			decided = far - from > p->widest ? far - p->widest : far;
		else
			decided = end ? to : underway(p, w, from, to);
		from = take(p, &seen, from, decided, &most, hits, &again);
		/* what was taken may cover a place where one seemed to be underway */
		if (!again && from > decided && far == to && !end)
			again = true;
	}
	return most == 0 || from > decided ? from : decided;
}
