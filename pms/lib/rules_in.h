/* pms/lib/rules_in.h - between the files of the rule parser */
#ifndef FLOWOS_PMS_LIB_RULES_IN_H
#define FLOWOS_PMS_LIB_RULES_IN_H

#include "pms/lib/rules.h"

struct fos_rules_in {
	const char *text, *at, *end;
	const char *outer; /* where the variable stands whose value is read; NULL: none is */
	struct fos_rules *rules;
	struct fos_rules_fault *fault;
};

/* Notes what is wrong at `at`; returns false. */
bool fos_rules_fail(struct fos_rules_in *in, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Skips blanks and continued line ends. */
void fos_rules_blank(struct fos_rules_in *in);

/* Reads letters, digits and those of `more`; what does not fit is left out.  Returns how many. */
size_t fos_rules_word(struct fos_rules_in *in, const char *more, char *to, size_t size);

/* rules_option.c: from behind the ( to behind the ); `at`: the rule's beginning. */
bool fos_rules_options(struct fos_rules_in *in, struct fos_rule *r, const char *at);

#endif
