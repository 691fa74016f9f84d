/* deploy/pmtest/test.c - each run is a child: whatever a module does ends there, see test.h */
#define _GNU_SOURCE
#include "deploy/pmtest/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE 1600u /* bytes of a packet for which the usual frame may be too small */

volatile sig_atomic_t test_stopped;

static void stop(int number)
{
	(void)number;
	test_stopped = 1;
}

int test_open(struct test *t)
{
	const struct sigaction sa = {.sa_handler = stop}; /* no SA_RESTART: a wait is to end */
	size_t size = sizeof(*t->result) + TEST_WHY;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);

	t->result = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t->pcap = memfd_create("pcap", MFD_CLOEXEC);
	t->saved = memfd_create("streams", MFD_CLOEXEC);
	if (t->result == MAP_FAILED || t->pcap < 0 || t->saved < 0) {
		fprintf(stderr, "flowosctl: no memory: %s\n", strerror(errno));
		return -1;
	}
	t->why = (char *)(t->result + 1);
	snprintf(t->log, sizeof(t->log), "%s/log", t->setup.dir);
	return 0;
}

void test_close(struct test *t)
{
	streams_free(&t->want);
	recording_free(&t->rec);
	unlink(t->log);
}

static void play(struct test *t, const char *path, const struct variant *v, bool save)
{
	struct streams out = {.link = t->rec.link};
	FILE *f;

	pmtest_box_run(&t->setup, path, v, t->rec.longest > LARGE || !v, &out, t->result);
	t->result->played = true;
	for (uint32_t i = 0; i < t->setup.draft->nr_pms; i++)
		if (t->setup.draft->pm[i].http && t->setup.draft->pm[i].edits) {
			streams_unchunk(&out);
			break;
		}
	if (t->result->error[0])
		snprintf(t->why, TEST_WHY, "%s", t->result->error);
	else if (t->result->rules_broken)
		snprintf(t->why, TEST_WHY, "the module broke %llu rules of its shared memory",
			 (unsigned long long)t->result->rules_broken);
	else if (!save && t->compare)
		streams_equal(&t->want, &out, t->why, TEST_WHY);
	if (save && !t->why[0]) {
		f = fdopen(dup(t->saved), "w");
		if (!f)
			abort();
		streams_save(&out, f);
		fclose(f);
	}
	if (t->no_fork)
		streams_free(&out);
}

static void child(struct test *t, const char *path, const struct variant *v, bool save)
{
	int log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	dup2(log, STDOUT_FILENO);
	if (!t->verbose)
		dup2(log, STDERR_FILENO);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	alarm(t->patience_s);
	play(t, path, v, save);
	fflush(NULL);
	_exit(0);
}

static enum test_verdict end_of(struct test *t, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(t->why, TEST_WHY, "the module hangs: no end after %u s", t->patience_s);
	else if (WIFSIGNALED(status))
		snprintf(t->why, TEST_WHY, "the module died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		snprintf(t->why, TEST_WHY, "the process ended with status %d%s",
			 WEXITSTATUS(status), t->setup.in_place ? "" : ": see its last lines");
	else if (!t->result->played)
		snprintf(t->why, TEST_WHY, "the module ended its process (exit)");
	else
		return t->why[0] ? TEST_DIFFERS : TEST_SAME;
	return TEST_DIED;
}

static enum test_verdict run(struct test *t, const char *path, const struct variant *v, bool save)
{
	int status = 0;
	pid_t pid;

	memset(t->result, 0, sizeof(*t->result));
	t->why[0] = 0;
	if (save && (ftruncate(t->saved, 0) < 0 || lseek(t->saved, 0, SEEK_SET) < 0))
		return TEST_DIED;
	if (t->no_fork) {
		play(t, path, v, save);
		return end_of(t, 0);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(t, path, v, save);
	if (pid < 0) {
		snprintf(t->why, TEST_WHY, "cannot fork: %s", strerror(errno));
		return TEST_DIED;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (test_stopped)
			kill(pid, SIGKILL);
	return test_stopped ? TEST_SAME : end_of(t, status);
}

enum test_verdict test_reference(struct test *t, const char *path)
{
	struct variant whole = {.seed = 0};
	enum test_verdict v;
	char played[64];
	FILE *f;

	if (!path) {
		variant_play(&whole, &t->rec, t->pcap);
		snprintf(played, sizeof(played), "/proc/self/fd/%d", t->pcap);
	}
	v = run(t, path ? path : played, path ? NULL : &whole, true);
	if (v != TEST_SAME || test_stopped)
		return v;
	streams_free(&t->want);
	f = fdopen(dup(t->saved), "r");
	if (!f)
		abort();
	rewind(f);
	if (!streams_load(&t->want, f)) {
		snprintf(t->why, TEST_WHY, "the run has left nothing to compare with");
		v = TEST_DIED;
	}
	fclose(f);
	memcpy(t->rules.kill_points, t->result->kill_points, sizeof(t->rules.kill_points));
	return v;
}

enum test_verdict test_play(struct test *t, const struct variant *v)
{
	char path[64];
	enum test_verdict verdict;

	variant_play(v, &t->rec, t->pcap);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->pcap);
	verdict = run(t, path, v, false);
	for (uint32_t i = 0; i < v->nr; i++)
		t->played[v->disturb[i].kind] += !v->off[i];
	t->kills += t->result->kills;
	t->hold_expired += t->result->hold_expired;
	return verdict;
}

/* ------------------------------------------------------------------ failures */

static uint32_t left_in(const struct variant *v, uint32_t at[VARIANT_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->nr; i++)
		if (!v->off[i])
			at[n++] = i;
	return n;
}

/* Half of them, a quarter, ... one: what it fails without is left out for good. */
void test_shrink(struct test *t, struct variant *v)
{
	uint32_t at[VARIANT_MAX], n = left_in(v, at);

	for (uint32_t size = n; size > 0; size = size > 1 ? (size + 1) / 2 : 0) {
		for (uint32_t from = 0; from < (n = left_in(v, at));) {
			uint32_t end = from + size < n ? from + size : n;

			for (uint32_t i = from; i < end; i++)
				v->off[at[i]] = true;
			if (test_play(t, v) != TEST_SAME)
				continue;
			for (uint32_t i = from; i < end; i++)
				v->off[at[i]] = false;
			from = end;
		}
		if (size == 1)
			break;
	}
	test_play(t, v);
}

void test_unknown_options(const struct test *t)
{
	FILE *f = t->verbose ? NULL : fopen(t->log, "re");
	char line[300];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "does not know the option"))
			fputs(line, stderr);
	if (f)
		fclose(f);
}

static void show_log(const struct test *t)
{
	FILE *f = fopen(t->log, "re");
	char line[300];
	long size;

	if (!f)
		return;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fseek(f, size > 2000 ? size - 2000 : 0, SEEK_SET);
	while (fgets(line, sizeof(line), f))
		fprintf(stderr, "  | %s%s", line, strchr(line, '\n') ? "" : "\n");
	fclose(f);
}

void test_tell(struct test *t, struct variant *v, const char *option)
{
	uint32_t at[VARIANT_MAX], n = left_in(v, at);
	char text[256];

	fprintf(stderr, "FAILED with seed %llu%s\n", (unsigned long long)v->seed,
		n && !t->no_fork ? "; looking for the disturbances that matter" : "");
	if (n && !t->no_fork)
		test_shrink(t, v);
	n = left_in(v, at);
	for (uint32_t i = 0; i < n; i++) {
		variant_tell(&v->disturb[at[i]], &t->rec, text, sizeof(text));
		fprintf(stderr, "  %2u: %s\n", at[i], text);
	}
	if (n == 0)
		fprintf(stderr, "  none of them\n");
	if (t->result->where[0])
		fprintf(stderr, "  (the last kill was at %s)\n", t->result->where);
	fprintf(stderr, "%s\n", t->why);
	show_log(t);
	fprintf(stderr, "again: %s%s --seed %llu", t->command, option, (unsigned long long)v->seed);
	for (uint32_t i = 0; i < n; i++)
		fprintf(stderr, "%s%u", i ? "," : " --only ", at[i]);
	fprintf(stderr, n ? "\n" : " --only none\n");
}
