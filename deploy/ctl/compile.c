/* compile.c - see compile.h */
#define _GNU_SOURCE
#include "deploy/ctl/compile.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 24

bool fos_ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

void fos_beside(char path[PATH_MAX], const char *program)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	slash = slash ? slash + 1 : path;
	snprintf(slash, (size_t)(PATH_MAX - (slash - path)), "%s", program);
}

int fos_spawn(const char *const *argv)
{
	extern char **environ;
	char *copy[WORDS] = {NULL};
	int status = 0, rc;
	pid_t pid;

	for (int i = 0; argv[i] && i < WORDS - 1; i++)
		memcpy(&copy[i], &argv[i], sizeof(argv[i])); /* not written through */
	rc = posix_spawnp(&pid, copy[0], NULL, NULL, copy, environ);
	if (rc != 0) {
		fprintf(stderr, "flowosctl: cannot run %s: %s\n", argv[0], strerror(rc));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The directory that `#include "pmhost/pm.h"` counts from. */
static bool include_dir(char dir[PATH_MAX])
{
	static const char *const place[] = {"../include/flowos", "../.."};
	char path[PATH_MAX], header[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		fos_beside(path, place[i]);
		snprintf(header, sizeof(header), "%s/pmhost/pm.h", path);
		if (access(header, R_OK) == 0 && realpath(path, dir))
			return true;
	}
	return false;
}

int fos_compile(const char *source, const char *to, bool asan)
{
	const char *cc = getenv("CC"), *argv[WORDS] = {NULL};
	char include[PATH_MAX + 4] = "-I", command[2 * PATH_MAX + 64];
	int n = 0;

	if (!include_dir(include + 2))
		include[0] = 0; /* the compiler's own places, then */
	/* $CC may be of several words: the shell takes it apart */
	snprintf(command, sizeof(command), "exec %s \"$@\"", cc && *cc ? cc : "cc");
	argv[n++] = "sh";
	argv[n++] = "-c";
	argv[n++] = command;
	argv[n++] = "cc";
	argv[n++] = "-std=gnu11";
	argv[n++] = "-O2";
	argv[n++] = "-g";
	argv[n++] = "-Wall";
	argv[n++] = "-fPIC";
	argv[n++] = "-shared";
	if (include[0])
		argv[n++] = include;
	if (asan) {
		argv[n++] = "-fsanitize=address";
		argv[n++] = "-fno-omit-frame-pointer";
	}
	argv[n++] = "-o";
	argv[n++] = to;
	argv[n++] = source;
	return fos_spawn(argv) == 0 ? 0 : -1;
}
