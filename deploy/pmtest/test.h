/* deploy/pmtest/test.h - one test of a module: reference, ways of playing, verdicts */
#ifndef FOS_DEPLOY_PMTEST_TEST_H
#define FOS_DEPLOY_PMTEST_TEST_H

#include <signal.h>

#include "deploy/pmtest/box.h"

struct test {
	struct pmtest_setup setup;
	struct recording rec;
	struct variant_rules rules;
	struct streams want; /* what left undisturbed */
	bool compare;	     /* what leaves must be what left undisturbed */
	bool no_fork;	     /* under a debugger */
	bool verbose;
	uint32_t patience_s;
	struct pmtest_result *result; /* shared with the child */
	char *why;		      /* the same; TEST_WHY bytes */
	int pcap, saved;	      /* memory files: packets to play; streams that left */
	char log[4200];		      /* what the modules say */
	uint64_t played[DISTURB_KINDS];
	uint64_t kills, hold_expired;
	const char *command; /* how this was called, for the line that repeats it */
};

#define TEST_WHY 2048u

enum test_verdict { TEST_SAME, TEST_DIFFERS, TEST_DIED };

/* Set by SIGINT and SIGTERM: runs end at once, and say nothing. */
extern volatile sig_atomic_t test_stopped;

int test_open(struct test *t);
void test_close(struct test *t);

/* Runs the capture at `path` undisturbed; t->want is what left. */
enum test_verdict test_reference(struct test *t, const char *path);

/* Plays the recording; a verdict, and why in t->why. */
enum test_verdict test_play(struct test *t, const struct variant *v);

/* What a run that failed nothing has said of options that no module asked for. */
void test_unknown_options(const struct test *t);

/* Leaves out of `v` whatever is not needed for it to fail. */
void test_shrink(struct test *t, struct variant *v);

/* Tells of a failure, shrunk, with the command that repeats it (`option`: what it needs besides). */
void test_tell(struct test *t, struct variant *v, const char *option);

/* fuzz.c: a recording out of a seed: connections of any bytes and any end, damaged packets.  `words`:
 * a recording whose streams are torn to pieces for it, or NULL. */
void fuzz_make(struct recording *r, uint64_t seed, const struct recording *words);

#endif
