/* pms/lib/patterns.h - sets of regular expressions over streams, for modules that search
 *
 * Two ways to look, by what is wanted:
 *
 *  watch  Does a pattern match, and where does the match end?  Hyperscan (or Vectorscan) in streaming mode:
 *         every byte is seen once, nothing waits, patterns may be of any length.  What is underway
 *         at the end of the bytes seen is kept as a few bytes that belong into the flow's context, so
 *         that it is committed with the head: after a kill each match is found exactly once.
 *
 *  find   Where does it begin?  For modules that change what matched, so bytes that may yet turn out
 *         to belong to a match must wait in the window.  Patterns have a greatest length and look
 *         at their own bytes only.  Matches are those of sed: the leftmost, there the longest, of
 *         equal ones the one added first; then on from its end.  Nothing is remembered.
 *
 * How long must bytes wait?  Hyperscan does not tell where a match may be underway, so all but the
 * last length-1 bytes would have to: every request would stand still until the next.  PCRE2's automaton
 * (pcre2_dfa_match, PCRE2_PARTIAL_HARD) is asked about those few bytes instead.
 *
 * One set per process, made in init(); all calls by the PM's thread.
 */
#ifndef FLOWOS_PMS_LIB_PATTERNS_H
#define FLOWOS_PMS_LIB_PATTERNS_H

#include "pmhost/pm.h"

#define FOS_PATTERNS_MAX 4096u
#define FOS_PATTERN_WIDTH 4096u /* bytes that a match to be found may have */

enum fos_pattern_flags {
	FOS_PATTERN_ICASE = 1u << 0,
	FOS_PATTERN_DOTALL = 1u << 1, /* . matches a line's end too */
	FOS_PATTERN_LINES = 1u << 2,  /* ^ and $ match at lines */
	FOS_PATTERN_ONCE = 1u << 3,   /* watch: only the first match of a stream */
	FOS_PATTERN_FIND = 1u << 4    /* to be found, not only watched for */
};

struct fos_pattern_hit {
	uint64_t from; /* find only */
	uint64_t to;   /* the byte after it */
	uint32_t id;   /* number of the pattern in the order of adding, from 0 */
};

struct fos_pattern_hits { /* zeros at first; grows; ascending `to`, then id (watch), or `from` (find) */
	struct fos_pattern_hit *hit;
	uint32_t nr, cap;
	uint32_t lost; /* matches beyond the bound of 64K */
};

struct fos_patterns;

struct fos_patterns *fos_patterns_new(void);
void fos_patterns_free(struct fos_patterns *p);

/* Adds a regular expression (the syntax that Hyperscan and PCRE2 share).  NULL, or what is wrong with
 * it, valid until the next call. */
const char *fos_patterns_add(struct fos_patterns *p, const char *regex, unsigned flags);

/* Compiles the set.  `state_max`: bytes of context that the caller has for watching.  0 or -1 after
 * one line in the log. */
int fos_patterns_compile(struct fos_patterns *p, struct fos_instance *pm, size_t state_max);

/* A number for this very set: state that another one has written must not be used. */
uint64_t fos_patterns_tag(const struct fos_patterns *p);

/* Watches [from, to) of the window.  state, *len: what the last call has left for the byte before
 * `from`; *len 0 (also after a call) begins anew, and `base` is then the position of its first byte,
 * which is given again as long as *len is not 0.  Matches are added to hits.  False: the state is none of
 * this set's; *len is 0 and nothing was done. */
bool fos_patterns_watch(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to,
			uint64_t base, uint8_t *state, uint16_t *len, struct fos_pattern_hits *hits);

/* The stream has ended: matches of $ and the like. */
void fos_patterns_end(struct fos_patterns *p, uint64_t base, const uint8_t *state, uint16_t len,
		      struct fos_pattern_hits *hits);

/* Finds matches in [from, to) of the window; `end`: no more bytes follow `to`.  Those whose extent no
 * later byte can change are added to hits, at most `most`; returns the position up to which all is
 * decided: where a match may yet begin, or `to`, or behind the last of `most`. */
uint64_t fos_patterns_find(struct fos_patterns *p, struct fos_window *w, uint64_t from, uint64_t to,
			   bool end, uint32_t most, struct fos_pattern_hits *hits);

#endif
