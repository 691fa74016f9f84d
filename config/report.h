/* report.h - what the messages of config/ are made of: quoting, suggestions, lists of words. */
#ifndef FOS_CONFIG_REPORT_H
#define FOS_CONFIG_REPORT_H

#include "config/config.h"

enum { FOS_SHOW_MAX = 80 };

/* `text` in single quotes, control characters as '.', shortened when long.  Returns `buf`. */
const char *fos_show_text(char buf[FOS_SHOW_MAX], const char *text);

/* The same in place, valid until the end of the enclosing block. */
#define FOS_SHOW(text) fos_show_text((char[FOS_SHOW_MAX]){ "" }, (text))

/* The candidate nearest to a misspelt word.  Start with the word, offer candidates, read `best`:
 * NULL when none is near enough.  `best` points to the candidate offered. */
struct fos_suggest {
	const char *word;
	const char *best;
	unsigned distance;
};

void fos_suggest_start(struct fos_suggest *s, const char *word);
void fos_suggest_offer(struct fos_suggest *s, const char *candidate);

/* A growing list "a, b, c" in a fixed buffer; what does not fit ends it with "...". */
struct fos_words {
	char text[480];
	size_t len;
	bool full;
};

void fos_words_add(struct fos_words *w, const char *word);

/* ": did you mean 'best'?", or "; LABEL: words" when nothing is near, or "" without words. */
const char *fos_hint_text(char *buf, size_t size, const struct fos_suggest *s, const char *label,
			  const struct fos_words *w);

#endif
