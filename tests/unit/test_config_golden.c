/* test_config_golden.c - every broken file in tests/config/bad gives exactly its message file,
 * every good one loads, survives a dump and loads back to the same.
 *
 * Run from the top of the tree.  FOS_TEST_UPDATE=1 rewrites the message files: read the diff.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/check.h"
#include "config/dump.h"
#include "tests/tap.h"

enum { FILES_MAX = 200, TEXT_MAX = 1 << 17, MIN_BROKEN = 30 };

/* ---- a catalogue of PMs that exist only here ------------------------------------------------- */

static const struct {
	const char *name;
	struct fos_pm_info info;
} pms[] = {
	{ "adblock", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "replace", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "digest", { .stream = FOS_PM_STREAM_APP } },
	{ "count", { .stream = FOS_PM_STREAM_IP } },
	{ "checksum", { .stream = FOS_PM_STREAM_IP } },
	{ "nat", { .stream = FOS_PM_STREAM_IP, .gates = true, .rewrites = true } },
	{ "firewall", { .stream = FOS_PM_STREAM_IP, .gates = true } },
	{ "ratelimit", { .stream = FOS_PM_STREAM_IP, .edits = true } },
	{ "balance", { .stream = FOS_PM_STREAM_IP, .gates = true, .rewrites = true } },
	{ "pcapng", { .stream = FOS_PM_STREAM_IP } },
	{ "ndpi", { .stream = FOS_PM_STREAM_IP } },
	{ "match", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "gate", { .stream = FOS_PM_STREAM_TCP, .gates = true } },
	{ "ipedit", { .stream = FOS_PM_STREAM_IP, .edits = true } },
	{ "header", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "transfer", { .stream = FOS_PM_STREAM_APP, .exports = "file.transfer/1, http.request/1" } },
	{ "requests", { .stream = FOS_PM_STREAM_APP, .imports = "http.request/1" } },
	{ "filescan", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer/1" } },
	{ "midstat", { .stream = FOS_PM_STREAM_APP } },
	{ "ids", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "assets", { .stream = FOS_PM_STREAM_APP } },
	{ "halfback", { .stream = FOS_PM_STREAM_APP } },
	{ "web", { .stream = FOS_PM_STREAM_APP, .module = "web", .exports = "file.transfer/2:64" } },
	{ "web2", { .stream = FOS_PM_STREAM_APP, .exports = "file.transfer/2:64" } },
	{ "scan", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer/2" } },
	{ "scan1", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer/1" } },
	{ "scan99", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer:99" } },
	{ "ping", { .stream = FOS_PM_STREAM_APP, .imports = "pong", .exports = "ping" } },
	{ "pong", { .stream = FOS_PM_STREAM_APP, .imports = "ping", .exports = "pong" } },
	{ "early", { .stream = FOS_PM_STREAM_APP, .before = "*" } },
	{ "earlier", { .stream = FOS_PM_STREAM_APP, .before = "*" } },
	{ "late", { .stream = FOS_PM_STREAM_APP, .before = "count, late3" } },
	{ "late3", { .stream = FOS_PM_STREAM_APP, .after = "late" } },
	{ "oldabi", { .error = "it was built for PM interface 0, this FlowOS has 1: rebuild it" } },
};

enum { NR_PMS = sizeof(pms) / sizeof(pms[0]) };

static int lookup(void *arg, const struct fos_config_pm *pm, struct fos_pm_info *info)
{
	const char *name = pm->file != NULL ? pm->file : pm->name;

	(void)arg;
	for (int i = 0; i < NR_PMS; i++) {
		if (strcmp(pms[i].name, name) == 0) {
			*info = pms[i].info;
			return 0;
		}
	}
	if (pm->file == NULL)
		snprintf(info->error, sizeof(info->error), "searched /usr/lib/flowos/pm");
	return -ENOENT;
}

static const char *name_at(void *arg, uint32_t i)
{
	(void)arg;
	return i < NR_PMS ? pms[i].name : NULL;
}

static const struct fos_pm_catalogue catalogue = { .lookup = lookup, .name = name_at };

/* ---- helpers --------------------------------------------------------------------------------- */

/* All three steps over `path`; their messages in `text`.  Returns the result. */
static int check_file(const char *path, char *text, bool with_pms)
{
	struct fos_config cfg;
	FILE *report = fmemopen(text, TEXT_MAX, "w");
	int ret;

	text[0] = '\0';
	fos_config_init(&cfg, report);
	ret = fos_config_load(&cfg, path);
	if (ret == 0)
		ret = fos_config_check(&cfg);
	if (ret == 0 && with_pms)
		ret = fos_config_check_pms(&cfg, &catalogue, NULL);
	fos_config_free(&cfg);
	fclose(report);
	return ret;
}

static void read_file(const char *path, char *text)
{
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, TEXT_MAX - 1, f) : 0;

	text[n] = '\0';
	if (f != NULL)
		fclose(f);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		diag("cannot write %s", path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The .yaml files of `dir`, sorted. */
static int list_files(const char *dir, char *names[FILES_MAX])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d != NULL && n < FILES_MAX && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0)
			names[n++] = strdup(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	return n;
}

static void free_names(char *names[FILES_MAX], int n)
{
	while (n > 0)
		free(names[--n]);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_broken(char *got, char *want)
{
	bool update = getenv("FOS_TEST_UPDATE") != NULL;
	char *names[FILES_MAX], ref[300];
	int n = list_files(".", names);

	ok(n >= MIN_BROKEN, "there are at least %d broken files", MIN_BROKEN);
	for (int i = 0; i < n; i++) {
		int ret = check_file(names[i], got, true);

		snprintf(ref, sizeof(ref), "%.*s.ref", (int)strlen(names[i]) - 5, names[i]);
		if (update)
			write_file(ref, got);
		read_file(ref, want);
		ok(ret == -EINVAL && strstr(got, "error: ") != NULL, "%s is refused", names[i]);
		is_str(got, want, "%s gives the messages of %s", names[i], ref);
	}
	free_names(names, n);
}

/* Load, dump, load the dump, dump again: both dumps must agree. */
static void test_round_trip(const char *path, const char *label)
{
	static char first[TEXT_MAX], second[TEXT_MAX], report_text[TEXT_MAX];
	FILE *report = fmemopen(report_text, sizeof(report_text), "w"), *out;
	struct fos_config cfg, again;

	memset(first, 0, sizeof(first));
	memset(second, 0, sizeof(second));
	fos_config_init(&cfg, report);
	fos_config_init(&again, report);
	ok(fos_config_load(&cfg, path) == 0 && fos_config_check(&cfg) == 0, "%s is right", label);
	out = fmemopen(first, sizeof(first) - 1, "w");
	ok(fos_config_dump(&cfg, out) == 0, "%s can be dumped", label);
	fclose(out);
	ok(fos_config_load_memory(&again, "dump", first, strlen(first)) == 0 &&
	   fos_config_check(&again) == 0, "the dump of %s loads back", label);
	out = fmemopen(second, sizeof(second) - 1, "w");
	fos_config_dump(&again, out);
	fclose(out);
	is_str(second, first, "the dump of %s means the same", label);
	fos_config_free(&cfg);
	fos_config_free(&again);
	fclose(report);
}

static void test_good(const char *dir)
{
	char *names[FILES_MAX], path[600];
	int n = list_files(dir, names);

	ok(n > 0, "there are files in %s", dir);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		test_round_trip(path, names[i]);
	}
	free_names(names, n);
}

static void test_examples_fit_their_pms(char *got)
{
	char *names[FILES_MAX], path[600];
	int n = list_files("config/examples", names);

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "config/examples/%s", names[i]);
		check_file(path, got, true);
		is_str(got, "", "the example %s passes without a warning", names[i]);
	}
	free_names(names, n);
}

int main(void)
{
	static char got[TEXT_MAX], want[TEXT_MAX];

	tap_plan(0);
	if (access("tests/config/bad", R_OK) != 0) {
		ok(false, "this test runs from the top of the source tree");
		return done();
	}
	test_good("tests/config/good");
	test_good("config/examples");
	test_round_trip("config/flowos.yaml", "config/flowos.yaml");
	check_file("config/flowos.yaml", got, true);
	is_str(got, "", "config/flowos.yaml passes without a warning");
	test_examples_fit_their_pms(got);
	check_file("tests/config/good/warnings.yaml", got, true);
	if (getenv("FOS_TEST_UPDATE") != NULL)
		write_file("tests/config/good/warnings.ref", got);
	read_file("tests/config/good/warnings.ref", want);
	is_str(got, want, "warnings are printed and do not refuse the file");
	if (chdir("tests/config/bad") == 0)
		test_broken(got, want);
	return done();
}
