/* NAME
 *	flowos-pmtest - show that a module's output depends on the stream alone
 * SYNOPSIS
 *	flowosctl pm test PM -r CAPTURE [--expect FILE | --write-expect FILE] [OPTION...]
 *	flowosctl pm test PM --fuzz N [-r CAPTURE] [OPTION...]
 * DESCRIPTION
 *	Runs a whole box in one process, unprivileged: first over the capture as it is, then over the
 *	same connections cut into other segments, disordered, repeated and overlapping, while the
 *	module is killed at its kill points (every step of a commit).  What leaves, put together by
 *	direction, must be the same every time, and the audit (flowosctl audit) of what is left in
 *	memory finds nothing wrong.  A failure is shrunk to the disturbances that matter,
 *	and the command that repeats it is printed.
 *
 *	PM is a module's file (NAME.so), its source (NAME.c: compiled), or a name on the PM path.
 *	Without -c it is the only stage of a pipeline for all traffic.
 *
 *	-r, --read CAPTURE      pcap or pcapng, at most 64 MB
 *	-c, --config FILE       take pipeline and options from there; PM stands for its instance
 *	-o, --option [PM.]KEY=VALUE    option of the module; may be repeated
 *	--expect FILE           what must leave, as --write-expect writes it ("-": standard input)
 *	--write-expect FILE     write down what leaves ("-": standard output)
 *	--segments N|random|whole      bytes of each segment; default: all, 1, and random ones
 *	--runs N                random ways of playing (200)
 *	--seed S                the first one's number (1)
 *	--only I,J,...|none     of that seed, these disturbances only
 *	--no-kill               leave out kills
 *	--no-reorder            leave out reordering, repeats and overlaps
 *	--fuzz N                N recordings of random bytes, ends and packets; with -r torn from that one
 *	--gdb, --valgrind       run under it
 *	--asan                  compile with AddressSanitizer (PM must be a .c file)
 *	--no-compare            fuzz: only whether the module survives
 *	-v                      print what the module says
 *
 *	The text of --expect has a line for each direction that left ("SRC > DST tcp: N bytes fin"),
 *	and below it the bytes as in a C string, or a SHA-256 when they are more than 4096.
 *	Connections whose beginning is not in the capture, or of which bytes are missing, and all that
 *	is not TCP, are played packet by packet as recorded.  Of the bound on waiting (`hold`) only the
 *	bytes count.  Files that the option `file` of the configuration names are written into a
 *	directory that is removed; one given by -o gets what the last run wrote.
 * READS
 *	the capture, the module, the configuration
 * WRITES
 *	--write-expect; what a failing --fuzz has played, to NAME-SEED.pcap
 * ON CRASH
 *	of the module: it is the result of the test
 * SIGNALS
 *	INT, TERM: ends, and removes what it has made
 * DIAGNOSTICS
 *	exit status 0 the same every time, 1 not, 2 wrong usage
 * CONFIGURATION
 *	pipelines
 * BUGS
 *	what a module says by the clock (fos_timer, rates) depends on more than the stream
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/pmtest/args.h"

#define SMALLEST_UP_TO (64u << 10) /* bytes of a recording that are also played one by one */

static char wanted[2048];

/* ------------------------------------------------------------------ what must leave */

static FILE *open_text(const char *path, const char *mode, FILE *standard)
{
	FILE *f = strcmp(path, "-") ? fopen(path, mode) : standard;

	if (!f)
		fprintf(stderr, "flowosctl: cannot open %s: %s\n", path, strerror(errno));
	return f;
}

static bool next_line(FILE *f, char **line, size_t *room)
{
	ssize_t n;

	do
		n = getline(line, room, f);
	while (n > 0 && (**line == '#' || **line == '\n'));
	if (n > 0)
		(*line)[strcspn(*line, "\n")] = 0;
	return n > 0;
}

/* Line by line; says which differs first. */
static int compare_text(FILE *want, FILE *got)
{
	char *w = NULL, *g = NULL;
	size_t wr = 0, gr = 0;
	int rc = 0;

	for (;;) {
		bool is = next_line(want, &w, &wr), has = next_line(got, &g, &gr);

		if (!is && !has)
			break;
		if (is && has && !strcmp(w, g))
			continue;
		fprintf(stderr, "FAILED: not as expected\n  wanted: %s\n  got:    %s\n",
			is ? w : "(nothing more)", has ? g : "(nothing more)");
		rc = -1;
		break;
	}
	free(w);
	free(g);
	return rc;
}

static int check_expected(struct test *t, const struct args *a)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len), *f;
	int rc = 0;

	if (!to)
		abort();
	streams_text(&t->want, to);
	fclose(to);
	if (a->write_expect) {
		f = open_text(a->write_expect, "we", stdout);
		rc = f && fputs(text, f) >= 0 && (f == stdout ? fflush(f) : fclose(f)) == 0 ? 0 : -1;
	}
	if (a->expect && rc == 0) {
		f = open_text(a->expect, "re", stdin);
		to = len ? fmemopen(text, len, "r") : fopen("/dev/null", "re");
		rc = f && to ? compare_text(f, to) : -1;
		if (to)
			fclose(to);
		if (f && f != stdin)
			fclose(f);
	}
	free(text);
	return rc;
}

/* ------------------------------------------------------------------ the runs */

static int bad(struct test *t, struct variant *v, const char *option)
{
	test_tell(t, v, option);
	return 1;
}

static void summary(const struct test *t, const char *what, uint64_t runs)
{
	const uint64_t *p = t->played;

	if (test_stopped)
		return;
	printf("%s: %llu runs over %s, %s: %llu cuts, %llu segments late, %llu repeated, %llu "
	       "overlapping, %llu kills\n", t->setup.name, (unsigned long long)runs, what,
	       t->compare ? "the same bytes left each time" : "no crash",
	       (unsigned long long)p[DISTURB_CUT], (unsigned long long)p[DISTURB_LATE],
	       (unsigned long long)p[DISTURB_AGAIN], (unsigned long long)p[DISTURB_OVERLAP],
	       (unsigned long long)t->kills);
	if (t->hold_expired)
		printf("%s: waited for more bytes than `hold` allows %llu times: these passed as "
		       "they were\n", t->setup.name, (unsigned long long)t->hold_expired);
}

static void only(const struct args *a, struct variant *v)
{
	const char *at = a->only;

	if (!at)
		return;
	memset(v->off, true, sizeof(v->off));
	while (*at >= '0' && *at <= '9') {
		char *end;
		unsigned long i = strtoul(at, &end, 10);

		if (i < VARIANT_MAX)
			v->off[i] = false;
		at = end + (*end == ',');
	}
}

/* The whole, the smallest, then what the seeds draw. */
static int over_capture(struct test *t, const struct args *a)
{
	struct variant v = {.seed = 0};
	uint64_t runs = 1;
	char what[160], option[64] = "";

	if (test_reference(t, a->read) != TEST_SAME) {
		fprintf(stderr, "as recorded: ");
		test_tell(t, &v, "");
		return 1;
	}
	test_unknown_options(t);
	if (test_stopped || check_expected(t, a) < 0)
		return 1;
	if (!a->only) {
		runs++;
		if (test_play(t, &v) != TEST_SAME)
			return bad(t, &v, " --segments whole");
		v.slow = true;
		v.segment = a->segment ? a->segment : t->rec.bytes <= SMALLEST_UP_TO ? 1 : 0;
		if (v.segment && ++runs && test_play(t, &v) != TEST_SAME) {
			snprintf(option, sizeof(option), " --segments %u", v.segment);
			return bad(t, &v, option);
		}
	}
	for (uint64_t i = 0; i < a->runs && !test_stopped; i++, runs++) {
		variant_draw(&v, a->seed + i, &t->rec, &t->rules);
		only(a, &v);
		if (test_play(t, &v) != TEST_SAME)
			return bad(t, &v, "");
	}
	snprintf(what, sizeof(what), "%.80s (%u connections, %llu bytes%s)", a->read,
		 t->rec.nr_conns, (unsigned long long)t->rec.bytes,
		 t->rec.nr_plain ? ", some as recorded only" : "");
	summary(t, what, runs);
	if (t->rec.nr_conns == t->rec.nr_plain && runs > 1 && !test_stopped)
		printf("%s: nothing was played in another way: in %.80s no TCP connection is whole, "
		       "from its first packet on\n", t->setup.name, a->read);
	return 0;
}

static void save_played(struct test *t, uint64_t seed)
{
	char path[128], buf[65536];
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%.60s-%llu.pcap", t->setup.name, (unsigned long long)seed);
	f = fopen(path, "we");
	lseek(t->pcap, 0, SEEK_SET);
	while (f && (n = read(t->pcap, buf, sizeof(buf))) > 0)
		fwrite(buf, (size_t)n, 1, f);
	if (f && fclose(f) == 0)
		fprintf(stderr, "what was played: %s\n", path);
}

static int fuzz(struct test *t, const struct args *a)
{
	struct recording words = {.nr_conns = 0};
	char err[256];

	if (a->read && recording_read(&words, a->read, err, sizeof(err)) < 0) {
		fprintf(stderr, "flowosctl: %s\n", err);
		return 1;
	}
	for (uint64_t i = 0; i < a->fuzz && !test_stopped; i++) {
		struct variant v = {.seed = a->seed + i};
		enum test_verdict verdict;

		recording_free(&t->rec);
		fuzz_make(&t->rec, a->seed + i, a->read ? &words : NULL);
		verdict = test_reference(t, NULL);
		if (verdict == TEST_SAME) {
			variant_draw(&v, a->seed + i, &t->rec, &t->rules);
			only(a, &v);
			verdict = test_play(t, &v);
		}
		if (verdict != TEST_SAME) {
			test_tell(t, &v, " --fuzz 1");
			save_played(t, v.seed);
			recording_free(&words);
			return 1;
		}
	}
	summary(t, "random recordings", 2 * a->fuzz);
	recording_free(&words);
	return 0;
}

/* Where a packet passes or falls, it is by packets, of which there are more and less. */
static bool by_stream(const struct pmtest_setup *s)
{
	for (uint32_t i = 0; i < s->draft->nr_pms; i++)
		if (s->draft->pm[i].stream < FOS_STREAM_APP &&
		    (s->draft->pm[i].edits || s->draft->pm[i].rewrites))
			return false;
	return true;
}

static int test(struct test *t, const struct args *a)
{
	char err[256];

	t->command = wanted;
	t->no_fork = a->in_place;
	t->setup.in_place = a->in_place;
	t->verbose = a->verbose;
	t->patience_s = a->patience_s;
	if (pmtest_setup_make(&t->setup) < 0 || test_open(t) < 0)
		return 1;
	t->compare = a->compare && by_stream(&t->setup);
	t->rules = (struct variant_rules){.segment = a->segment, .cuts = a->random,
					  .order = !a->no_reorder, .kills = !a->no_kill,
					  .nr_pms = t->setup.draft->nr_pms};
	if (a->fuzz)
		return fuzz(t, a);
	if (recording_read(&t->rec, a->read, err, sizeof(err)) < 0) {
		fprintf(stderr, "flowosctl: %s\n", err);
		return 1;
	}
	return over_capture(t, a);
}

int main(int argc, char **argv)
{
	static struct test t;
	static struct args a;
	int rc = args_parse(&a, &t.setup, argc, argv, wanted, sizeof(wanted));

	if (rc >= 0)
		return rc;
	rc = args_module(&a, &t.setup);
	if (rc == 0 && a.tool)
		rc = args_under_tool(&a, &t.setup, argc, argv);
	else if (rc == 0)
		rc = test(&t, &a);
	test_close(&t);
	pmtest_setup_free(&t.setup);
	args_clean(&t.setup);
	return test_stopped ? 130 : rc;
}
