/* shm/log.c - one line per event to stderr, which systemd sends to the journal */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/proc.h"

#define LINES_PER_SECOND 10u
#define NR_FORMATS 32u

static const char *program = "flowos";

/* How often a format was printed in the running second; private to the process, one thread. */
static struct {
	const char *fmt;
	time_t second;
	unsigned lines;
} limit[NR_FORMATS];

uint64_t fos_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

void fos_log_program(const char *name)
{
	program = name;
}

/* May a line of this format be printed now?  `last`: it is the last one of this second. */
static bool allowed(const char *fmt, bool *last)
{
	time_t now = (time_t)(fos_clock_ns() / 1000000000ull);
	unsigned at = (unsigned)((uintptr_t)fmt >> 3) % NR_FORMATS;

	if (limit[at].fmt != fmt || limit[at].second != now) {
		limit[at].fmt = fmt;
		limit[at].second = now;
		limit[at].lines = 0;
	}
	limit[at].lines++;
	*last = limit[at].lines == LINES_PER_SECOND;
	return limit[at].lines <= LINES_PER_SECOND;
}

void fos_log(enum fos_log_level level, const char *fmt, ...)
{
	static const char *const word[] = {"", "warning: ", "error: "};
	char line[1024];
	bool last = false;
	int saved = errno, n, m;
	va_list ap;

	if (level != FOS_LOG_INFO && !allowed(fmt, &last))
		return;
	n = snprintf(line, sizeof(line) - 64, "%s: %s", program, word[level]);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - 64 - (size_t)n, fmt, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if (n > (int)sizeof(line) - 65)
		n = (int)sizeof(line) - 65;
	n += snprintf(line + n, 64, "%s\n", last ? " (more of this kind in this second)" : "");
	/* one write: lines of several processes do not mix */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = saved;
	errno = saved;
}
