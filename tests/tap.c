#include "tests/tap.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int nr_planned, nr_run, nr_failed;

static void report(bool holds, const char *fmt, va_list ap)
{
	printf("%sok %d - ", holds ? "" : "not ", ++nr_run);
	vprintf(fmt, ap);
	putchar('\n');
	if (!holds)
		nr_failed++;
	fflush(stdout);
}

void tap_plan(int nr_checks)
{
	nr_planned = nr_checks;
	if (nr_planned > 0)
		printf("1..%d\n", nr_planned);
	fflush(stdout);
}

bool ok(bool holds, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(holds, fmt, ap);
	va_end(ap);
	return holds;
}

bool is_u64(uint64_t got, uint64_t want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		diag("got %" PRIu64 " (0x%" PRIx64 "), want %" PRIu64 " (0x%" PRIx64 ")", got, got,
		     want, want);
	return got == want;
}

bool is_str(const char *got, const char *want, const char *fmt, ...)
{
	bool equal = got && want ? !strcmp(got, want) : got == want;
	va_list ap;

	va_start(ap, fmt);
	report(equal, fmt, ap);
	va_end(ap);
	if (!equal) {
		diag("got  '%s'", got ? got : "(null)");
		diag("want '%s'", want ? want : "(null)");
	}
	return equal;
}

void skip(const char *fmt, ...)
{
	va_list ap;

	printf("ok %d # SKIP ", ++nr_run);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void diag(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

int done(void)
{
	if (nr_planned <= 0)
		printf("1..%d\n", nr_run);
	else if (nr_planned != nr_run)
		diag("planned %d checks, ran %d", nr_planned, nr_run);
	if (nr_failed)
		diag("%d of %d failed", nr_failed, nr_run);
	fflush(stdout);
	return nr_failed || nr_run == 0 || (nr_planned > 0 && nr_planned != nr_run);
}
