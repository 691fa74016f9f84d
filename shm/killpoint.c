/* shm/killpoint.c - deaths of real processes at named points, see killpoint.h */
#define _GNU_SOURCE
#include "shm/killpoint.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/hash.h"
#include "shm/proc.h"

#define POINTS_MAX 128u
#define GRACE_NS 250000000ull
#define LIVES 8u
#define TURNS 6u /* a point kills at the first to sixth time that it is passed */

void (*fos_killpoint_hook)(const char *name);

static struct {
	const char *process;
	int directory;
	uint64_t seed;
	uint64_t grace_ns;
	uint64_t quiet_until; /* 0 = not ready yet */
	struct {
		const char *name;
		uint32_t left;
	} point[POINTS_MAX];
	uint32_t nr;
} arms;

static uint32_t turn(const char *name)
{
	uint64_t key[2] = {arms.seed, 0};

	key[1] = fos_hash_sip13(key, arms.process, strlen(arms.process));
	return (uint32_t)(fos_hash_sip13(key, name, strlen(name)) % TURNS) + 1;
}

/* How often it is still to be passed, this time included; NULL = the table is full. */
static uint32_t *left(const char *name)
{
	for (uint32_t i = 0; i < arms.nr; i++)
		if (!strcmp(arms.point[i].name, name))
			return &arms.point[i].left;
	if (arms.nr == POINTS_MAX)
		return NULL;
	arms.point[arms.nr].name = name;
	/* what a start passes it may pass only once */
	arms.point[arms.nr].left = arms.quiet_until ? turn(name) : 1;
	return &arms.point[arms.nr++].left;
}

static void pass(const char *name)
{
	char file[PATH_MAX];
	uint32_t *n;

	if (arms.quiet_until && fos_clock_ns() < arms.quiet_until)
		return;
	n = left(name);
	if (!n || *n == 0 || --*n > 0)
		return;
	snprintf(file, sizeof(file), "%s:%s", arms.process, name);
	/* it is there: a predecessor died here */
	if (openat(arms.directory, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) < 0)
		return;
	raise(SIGKILL);
}

void fos_killpoint_arm(const char *process, bool offline, uint32_t life)
{
	const char *how = getenv("FLOWOS_KILL_AT");
	char *rest = NULL;

	if (!how || (offline && life > LIVES))
		return;
	arms.seed = strtoull(how, &rest, 0);
	/* before privileges are given up */
	arms.directory = *rest ? open(rest + 1, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (arms.directory < 0) {
		fos_log(FOS_LOG_WARN, "FLOWOS_KILL_AT is \"SEED DIRECTORY\"; it is ignored");
		return;
	}
	arms.process = process;
	arms.grace_ns = offline ? 0 : GRACE_NS;
	fos_killpoint_hook = pass;
}

void fos_killpoint_ready(void)
{
	if (fos_killpoint_hook == pass)
		arms.quiet_until = fos_clock_ns() + arms.grace_ns;
}
