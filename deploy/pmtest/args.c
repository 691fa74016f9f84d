/* deploy/pmtest/args.c - see args.h */
#define _GNU_SOURCE
#include "deploy/pmtest/args.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/ctl/compile.h"
#include "shm/pmfile.h"

#define RUNS 200u
#define PATIENCE_S 30u
#define PATIENCE_TOOL_S 600u

enum {
	O_EXPECT = 256, O_WRITE, O_SEGMENTS, O_RUNS, O_SEED, O_ONLY, O_NO_KILL, O_NO_REORDER,
	O_FUZZ,
	O_GDB, O_VALGRIND, O_ASAN, O_IN_PLACE, O_NO_COMPARE
};

static const struct option option[] = {
	{"read", required_argument, NULL, 'r'},
	{"config", required_argument, NULL, 'c'},
	{"option", required_argument, NULL, 'o'},
	{"expect", required_argument, NULL, O_EXPECT},
	{"write-expect", required_argument, NULL, O_WRITE},
	{"segments", required_argument, NULL, O_SEGMENTS},
	{"runs", required_argument, NULL, O_RUNS},
	{"seed", required_argument, NULL, O_SEED},
	{"only", required_argument, NULL, O_ONLY},
	{"no-kill", no_argument, NULL, O_NO_KILL},
	{"no-reorder", no_argument, NULL, O_NO_REORDER},
	{"no-compare", no_argument, NULL, O_NO_COMPARE},
	{"fuzz", required_argument, NULL, O_FUZZ},
	{"gdb", no_argument, NULL, O_GDB},
	{"valgrind", no_argument, NULL, O_VALGRIND},
	{"asan", no_argument, NULL, O_ASAN},
	{"in-place", no_argument, NULL, O_IN_PLACE}, /* as --gdb calls us */
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int usage(FILE *to, int status)
{
	fputs("usage: flowosctl pm test PM -r CAPTURE [--expect FILE | --write-expect FILE]\n"
	      "         [-c CONFIG] [-o KEY=VALUE]... [--segments N|random|whole] [--runs N] [--seed S]\n"
	      "         [--only I,J,...] [--no-kill] [--no-reorder] [--gdb|--valgrind|--asan] [-v]\n"
	      "       flowosctl pm test PM --fuzz N [-r CAPTURE] [--seed S] [--no-compare] ...\n"
	      "`man flowos-pmtest` has the words\n", to);
	return status;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && *n >= least && *n <= most)
		return true;
	fprintf(stderr, "flowosctl: '%s' is no number between %llu and %llu\n", text,
		(unsigned long long)least, (unsigned long long)most);
	return false;
}

static bool segments(struct args *a, const char *text)
{
	uint64_t n;

	a->random = !strcmp(text, "random");
	a->segment = 0;
	if (a->random || !strcmp(text, "whole"))
		return true;
	if (!number(text, 1, VARIANT_MSS, &n)) {
		fputs("flowosctl: --segments is a number of bytes, random, or whole\n", stderr);
		return false;
	}
	a->segment = (uint32_t)n;
	return true;
}

static bool take_flag(struct args *a, int c)
{
	switch (c) {
	case O_NO_KILL:
		return a->no_kill = true;
	case O_NO_REORDER:
		return a->no_reorder = true;
	case O_NO_COMPARE:
		a->compare = false;
		return true;
	case O_IN_PLACE:
		return a->in_place = true;
	case O_GDB:
	case O_VALGRIND:
	case O_ASAN:
		a->tool = c == O_GDB ? "gdb" : c == O_VALGRIND ? "valgrind" : "asan";
		return true;
	case 'v':
		return a->verbose = true;
	default:
		return false;
	}
}

static bool take(struct args *a, struct pmtest_setup *s, int c)
{
	switch (c) {
	case 'r':
		return (a->read = optarg) != NULL;
	case 'c':
		return (s->config = optarg) != NULL;
	case 'o':
		if (s->nr_options == PMTEST_OPTIONS)
			fprintf(stderr, "flowosctl: at most %u times -o\n", PMTEST_OPTIONS);
		else
			s->option[s->nr_options++] = optarg;
		return s->option[s->nr_options - 1] == optarg;
	case O_EXPECT:
		return (a->expect = optarg) != NULL;
	case O_WRITE:
		return (a->write_expect = optarg) != NULL;
	case O_ONLY:
		return (a->only = optarg) != NULL;
	case O_SEGMENTS:
		return segments(a, optarg);
	case O_RUNS:
		return number(optarg, 0, 10000000, &a->runs);
	case O_SEED:
		return number(optarg, 0, UINT64_MAX / 2, &a->seed);
	case O_FUZZ:
		return number(optarg, 1, 100000000, &a->fuzz);
	default:
		return take_flag(a, c);
	}
}

/* The command again, without the options that name a single run. */
static void remember(int argc, char **argv, char *to, size_t size)
{
	static const char *const drop[] = {"--seed", "--only", "--runs", "--fuzz", "--gdb", "--valgrind",
					   "--write-expect"};
	size_t at = (size_t)snprintf(to, size, "flowosctl pm test");

	for (int i = 1; i < argc && at < size; i++) {
		bool dropped = false;

		for (size_t k = 0; k < sizeof(drop) / sizeof(drop[0]) && !dropped; k++) {
			size_t n = strlen(drop[k]);

			dropped = !strncmp(argv[i], drop[k], n) && (!argv[i][n] || argv[i][n] == '=');
			if (dropped && !argv[i][n] && k != 4 && k != 5)
				i++;
		}
		if (!dropped && i < argc)
			at += (size_t)snprintf(to + at, size - at, strpbrk(argv[i], " '\"$&;|<>*?") ?
					       " '%s'" : " %s", argv[i]);
	}
}

int args_parse(struct args *a, struct pmtest_setup *s, int argc, char **argv, char *again, size_t size)
{
	static char program[] = "flowosctl"; /* who speaks of an option that it does not know */
	int c;

	*a = (struct args){.runs = RUNS, .seed = 1, .random = true, .compare = true,
			   .patience_s = PATIENCE_S};
	remember(argc, argv, again, size);
	argv[0] = program;
	while ((c = getopt_long(argc, argv, "r:c:o:vh", option, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0);
		if (!take(a, s, c))
			return usage(stderr, 2);
	}
	if (a->only)
		a->runs = 1;
	if (optind + 1 != argc || (!a->read && !a->fuzz) ||
	    (a->fuzz && (a->expect || a->write_expect)))
		return usage(stderr, 2);
	a->pm = argv[optind];
	if (a->read && access(a->read, R_OK) < 0) {
		fprintf(stderr, "flowosctl: cannot read the capture %s: %s\n", a->read,
			strerror(errno));
		return 1;
	}
	if (getenv("LD_PRELOAD") || getenv("FLOWOS_PATIENT"))
		a->patience_s = PATIENCE_TOOL_S;
	return -1;
}

/* ------------------------------------------------------------------ the module */

static bool make_dir(struct pmtest_setup *s)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(s->dir, sizeof(s->dir), "%s/flowos-pmtest-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(s->dir))
		return true;
	fprintf(stderr, "flowosctl: cannot make a temporary directory %s: %s; set TMPDIR to one that "
		"is writable\n", s->dir, strerror(errno));
	s->dir[0] = 0;
	return false;
}

static void name_after(struct pmtest_setup *s, const char *file)
{
	const char *slash = strrchr(file, '/');

	snprintf(s->name, sizeof(s->name), "%.31s", slash ? slash + 1 : file);
	s->name[strcspn(s->name, ".")] = 0;
}

int args_module(struct args *a, struct pmtest_setup *s)
{
	bool source = fos_ends_with(a->pm, ".c"), asan = a->tool && !strcmp(a->tool, "asan");
	char *real;

	if (!make_dir(s))
		return 1;
	name_after(s, a->pm);
	if (asan && !source) {
		fprintf(stderr, "flowosctl: --asan compiles the module: give its source, %s.c\n",
			s->name);
		return 2;
	}
	if (!source && !strchr(a->pm, '/') && !fos_ends_with(a->pm, ".so"))
		return 0; /* a name on the PM path */
	real = realpath(a->pm, NULL);
	if (!real) {
		fprintf(stderr, "flowosctl: cannot open %s: %s\n", a->pm, strerror(errno));
		return 1;
	}
	snprintf(s->module, sizeof(s->module), "%s", real);
	if (source)
		snprintf(s->module, sizeof(s->module), "%.3900s/%s.so", s->dir, s->name);
	if (source && fos_compile(real, s->module, asan) < 0) {
		free(real);
		return 1;
	}
	free(real);
	return 0;
}

/* ------------------------------------------------------------------ tools */

/* LD_PRELOAD=libasan: the module's sanitizer must be the process's first library. */
static void preload_asan(void)
{
	const char *cc = getenv("CC");
	char command[512], path[PATH_MAX] = "";
	FILE *f;

	snprintf(command, sizeof(command), "%.400s -print-file-name=libasan.so", cc && *cc ? cc : "cc");
	f = popen(command, "re");
	if (f && fgets(path, sizeof(path), f))
		path[strcspn(path, "\n")] = 0;
	if (f)
		pclose(f);
	setenv("LD_PRELOAD", path, 1);
	setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0", 0);
}

int args_under_tool(const struct args *a, const struct pmtest_setup *s, int argc, char **argv)
{
	static const char *const valgrind[] = {"valgrind", "-q", "--trace-children=no",
					       "--error-exitcode=99", "--leak-check=no", NULL};
	static const char *const gdb[] = {"gdb", "-q", "--args", NULL};
	bool asan = !strcmp(a->tool, "asan");
	const char *words[20 + 128];
	char self[PATH_MAX], copy[16];
	int n = 0;

	fos_beside(self, "flowos-pmtest");
	setenv("FLOWOS_PATIENT", "1", 1);
	setenv("TMPDIR", s->dir, 1); /* what it leaves behind when a debugger kills it goes with ours */
	for (const char *const *t = !strcmp(a->tool, "gdb") ? gdb : valgrind; *t && !asan; t++)
		words[n++] = *t;
	words[n++] = self;
	for (int i = 1; i < argc && i < 128; i++) {
		if (!strcmp(argv[i], "--gdb") || !strcmp(argv[i], "--valgrind") ||
		    !strcmp(argv[i], "--asan"))
			continue;
		words[n++] = !strcmp(argv[i], a->pm) && s->module[0] ? s->module : argv[i];
	}
	if (!strcmp(a->tool, "gdb"))
		words[n++] = "--in-place";
	words[n] = NULL;
	snprintf(copy, sizeof(copy), "%s", a->tool);
	if (asan)
		preload_asan();
	n = fos_spawn(words);
	if (n < 0)
		fprintf(stderr, "flowosctl: %s did not run to its end; is it installed? "
				"(apt-get install %s)\n", copy, copy);
	return n == 0 || n == 2 ? n : 1;
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st;
	(void)what;
	(void)at;
	remove(path); /* what cannot be removed stays, and so does its folder */
	return 0;
}

void args_clean(const struct pmtest_setup *s)
{
	if (s->dir[0])
		nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
