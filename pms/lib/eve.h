/* pms/lib/eve.h - pieces of the JSON lines that Suricata calls EVE, for modules that write alerts */
#ifndef FLOWOS_PMS_LIB_EVE_H
#define FLOWOS_PMS_LIB_EVE_H

#include <stdio.h>
#include <time.h>

#include "pmhost/pm.h"

#define FOS_EVE_TIME 48

/* Now, as "2026-01-31T12:00:00.000001+0000"; returns buf. */
static inline const char *fos_eve_time(struct fos_instance *pm, char buf[FOS_EVE_TIME])
{
	uint64_t ns = fos_wall_ns(pm, fos_now_ns(pm));
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(buf, FOS_EVE_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, FOS_EVE_TIME - n, ".%06u+0000", (unsigned)(ns % 1000000000u / 1000));
	return buf;
}

/* Text without control characters as the inside of a JSON string; `to` has room for twice of it and
 * one more.  Returns to. */
static inline const char *fos_eve_text(const char *from, char *to)
{
	char *at = to;

	for (; *from; from++) {
		if (*from == '"' || *from == '\\')
			*at++ = '\\';
		*at++ = *from;
	}
	*at = 0;
	return to;
}

#endif
