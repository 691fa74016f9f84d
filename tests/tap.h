/* tap.h - Test Anything Protocol output for the C tests.
 *
 * A test program calls tap_plan() once, then one of the checks per assertion, and returns
 * done() from main().  Every check prints one line, `ok N - sentence` or `not ok N - sentence`,
 * and a failed comparison adds `# got / # want` lines.  Each line is flushed at once, so that a
 * test that crashes has told how far it came.  Single-threaded; a forked child must not print.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>
#include <stdint.h>

#define TAP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Announce the number of checks to come.  0 = not known: done() then prints the plan. */
void tap_plan(int nr_checks);

/* One assertion.  The sentence says what holds.  Returns `holds`. */
bool ok(bool holds, const char *fmt, ...) TAP_PRINTF(2, 3);

/* Compare, and print both values when they differ.  Return whether they were equal. */
bool is_u64(uint64_t got, uint64_t want, const char *fmt, ...) TAP_PRINTF(3, 4);
bool is_str(const char *got, const char *want, const char *fmt, ...) TAP_PRINTF(3, 4);

/* Count one check as skipped; the text is the reason. */
void skip(const char *fmt, ...) TAP_PRINTF(1, 2);

/* A comment line. */
void diag(const char *fmt, ...) TAP_PRINTF(1, 2);

/* The exit status of main(): 0 when every check held and the plan, if given, was met. */
int done(void);

#endif
