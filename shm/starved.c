/* shm/starved.c - see starved.h */
#include "shm/starved.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOPS_NS 50000000u /* who has used that much meanwhile is not waiting */

uint64_t fos_starved_cpu_ns(pid_t pid)
{
	struct timespec t = {0};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The beginning of a file of the process in /proc, as text; empty: it is not there. */
static void read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[40];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
}

/* As proc(5) has it: R = ready to run, D = the kernel is at work for it; 0 = it is not there. */
static char state_of(pid_t pid)
{
	char text[256], *at;

	read_file(pid, "stat", text, sizeof(text));
	/* the name before it may have brackets of its own */
	at = strrchr(text, ')');
	return at && at[1] == ' ' ? at[2] : 0;
}

bool fos_starved_lives(pid_t pid)
{
	char state = state_of(pid);

	return state && state != 'Z' && state != 'X';
}

bool fos_starved(pid_t pid, uint64_t cpu_ns)
{
	uint64_t now = fos_starved_cpu_ns(pid);
	char state = state_of(pid);

	return (state == 'R' || state == 'D') && (now < cpu_ns || now - cpu_ns < LOOPS_NS);
}

bool fos_starved_traced(pid_t pid)
{
	static const char key[] = "\nTracerPid:\t";
	char text[2048], *at;
	long tracer;

	read_file(pid, "status", text, sizeof(text));
	at = strstr(text, key);
	tracer = at ? strtol(at + sizeof(key) - 1, NULL, 10) : 0;
	return tracer > 0 && tracer != getpid();
}
