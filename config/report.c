/* report.c - messages with position, source line and caret. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"

enum {
	LINE_SHOWN_MAX = 110,	/* characters of a source line */
	LINE_BEFORE_CARET = 90,	/* of them before the caret when the line is longer */
	WORD_MAX = 64,		/* longer words get no suggestion */
};

/* Bytes of the line break at `p`, 0 = none.  YAML 1.1 also breaks lines at NEL, LS and PS. */
static size_t break_length(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p);

	if (left >= 2 && u[0] == '\r' && u[1] == '\n')
		return 2;
	if (left >= 1 && (u[0] == '\n' || u[0] == '\r'))
		return 1;
	if (left >= 2 && u[0] == 0xc2 && u[1] == 0x85)
		return 2;
	if (left >= 3 && u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return 3;
	return 0;
}

/* The 1-based line of the source: its start, with *stop behind its last byte; NULL if absent. */
static const char *find_line(const struct fos_config *cfg, int line, const char **stop)
{
	const char *p = cfg->text, *end, *start;
	size_t n;

	if (p == NULL || line < 1)
		return NULL;
	end = p + cfg->text_len;
	if (cfg->text_len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (start = p; p < end;) {
		n = break_length(p, end);
		if (n == 0) {
			p++;
			continue;
		}
		if (--line == 0)
			break;
		p += n;
		start = p;
	}
	if (p == end && (line != 1 || start == end))
		return NULL;
	*stop = p;
	return start;
}

static const char *next_char(const char *p, const char *stop)
{
	p++;
	while (p < stop && ((unsigned char)*p & 0xc0) == 0x80)
		p++;
	return p;
}

/* Is [p, next) one character that a terminal can show? */
static bool showable(const char *p, const char *next)
{
	unsigned char c = (unsigned char)*p;
	int n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	return n == next - p && (c >= ' ' || c == '\t') && c != 0x7f;
}

/* Print the characters of [p, stop), at most `max`; what cannot be shown becomes a dot. */
static void put_chars(FILE *out, const char *p, const char *stop, int max)
{
	const char *next;

	for (; p < stop && max > 0; p = next, max--) {
		next = next_char(p, stop);
		if (showable(p, next))
			fwrite(p, 1, (size_t)(next - p), out);
		else
			fputc('.', out);
	}
}

static void print_source(const struct fos_config *cfg, struct fos_where where)
{
	const char *stop, *p = find_line(cfg, where.line, &stop), *q;
	int column = 1;

	if (p == NULL || where.column < 1)
		return;
	/* A caret far to the right: show the part of the line around it. */
	for (; where.column - column > LINE_BEFORE_CARET && p < stop; column++)
		p = next_char(p, stop);
	fprintf(cfg->report, "%6d | ", where.line);
	put_chars(cfg->report, p, stop, LINE_SHOWN_MAX);
	fprintf(cfg->report, "\n%6s | ", "");
	for (q = p; column < where.column; column++) {
		fputc(q < stop && *q == '\t' ? '\t' : ' ', cfg->report);
		if (q < stop)
			q = next_char(q, stop);
	}
	fputs("^\n", cfg->report);
}

static void print_message(const struct fos_config *cfg, struct fos_where where, const char *kind,
			  const char *fmt, va_list args)
{
	const char *file = cfg->file != NULL ? cfg->file : "configuration";

	if (where.line > 0)
		fprintf(cfg->report, "%s:%d:%d: %s: ", file, where.line, where.column, kind);
	else
		fprintf(cfg->report, "%s: %s: ", file, kind);
	vfprintf(cfg->report, fmt, args);
	fputc('\n', cfg->report);
	print_source(cfg, where);
}

void fos_config_error(struct fos_config *cfg, struct fos_where where, const char *fmt, ...)
{
	va_list args;

	cfg->errors++;
	if (cfg->errors > FOS_CONFIG_ERRORS_MAX + 1)
		return;
	if (cfg->errors == FOS_CONFIG_ERRORS_MAX + 1) {
		fprintf(cfg->report, "%s: error: more than %d errors: the rest is not shown\n",
			cfg->file != NULL ? cfg->file : "configuration", FOS_CONFIG_ERRORS_MAX);
		return;
	}
	va_start(args, fmt);
	print_message(cfg, where, "error", fmt, args);
	va_end(args);
}

void fos_config_warn(struct fos_config *cfg, struct fos_where where, const char *fmt, ...)
{
	va_list args;

	if (++cfg->warnings > FOS_CONFIG_ERRORS_MAX)
		return;
	va_start(args, fmt);
	print_message(cfg, where, "warning", fmt, args);
	va_end(args);
}

const char *fos_show_text(char buf[FOS_SHOW_MAX], const char *text)
{
	size_t n = 0, room = FOS_SHOW_MAX - sizeof("'...'");
	const char *end = text + strlen(text), *next;

	buf[n++] = '\'';
	for (; text < end; text = next) {
		next = next_char(text, end);
		if (n + (size_t)(next - text) > room) {
			memcpy(buf + n, "...", 3);
			n += 3;
			break;
		}
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			buf[n++] = '.';
		} else {
			memcpy(buf + n, text, (size_t)(next - text));
			n += (size_t)(next - text);
		}
	}
	buf[n++] = '\'';
	buf[n] = '\0';
	return buf;
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Damerau-Levenshtein (adjacent swaps cost one), letter case ignored. */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[3][WORD_MAX + 1] = { { 0 } }, *before = row[0], *above = row[1], *cur = row[2];

	for (size_t j = 0; j <= nb; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *spare = before;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned same = lower(a[i - 1]) == lower(b[j - 1]);

			cur[j] = min2(above[j - 1] + !same, min2(above[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				cur[j] = min2(cur[j], before[j - 2] + 1);
		}
		before = above;
		above = cur;
		cur = spare;
	}
	return above[nb];
}

void fos_suggest_start(struct fos_suggest *s, const char *word)
{
	s->word = word;
	s->best = NULL;
	/* One slip for short words, one in three letters for long ones. */
	s->distance = (unsigned)(strlen(word) < 6 ? 1 : strlen(word) / 3) + 1;
}

void fos_suggest_offer(struct fos_suggest *s, const char *candidate)
{
	size_t na = strlen(s->word), nb = strlen(candidate);
	unsigned d;

	if (na == 0 || nb == 0 || na > WORD_MAX || nb > WORD_MAX)
		return;
	d = edit_distance(s->word, na, candidate, nb);
	/* Sharing no letter is not a misspelling ("pm" for "to"). */
	if (d < s->distance && d < min2((unsigned)na, (unsigned)nb)) {
		s->distance = d;
		s->best = candidate;
	}
}

void fos_words_add(struct fos_words *w, const char *word)
{
	size_t n = strlen(word);

	if (w->full)
		return;
	if (w->len + n + sizeof(", , ...") > sizeof(w->text)) {
		memcpy(w->text + w->len, ", ...", sizeof(", ..."));
		w->full = true;
		return;
	}
	if (w->len > 0) {
		memcpy(w->text + w->len, ", ", 2);
		w->len += 2;
	}
	memcpy(w->text + w->len, word, n + 1);
	w->len += n;
}

const char *fos_hint_text(char *buf, size_t size, const struct fos_suggest *s, const char *label,
			  const struct fos_words *w)
{
	if (s->best != NULL)
		snprintf(buf, size, ": did you mean '%s'?", s->best);
	else if (w->len > 0)
		snprintf(buf, size, "; %s: %s", label, w->text);
	else
		snprintf(buf, size, "%s", "");
	return buf;
}
