/* tests/kit/naive.c - a module with a fault: it does not see a match that two segments share */
#include "pmhost/pm.h"

#include <string.h>

static void on_data(struct fos_window *w)
{
	uint64_t len = fos_tail(w) - fos_head(w);
	const char *p = fos_peek(w, fos_head(w), len);

	for (uint64_t i = 0; p && i + 6 <= len; i++)
		if (!memcmp(p + i, "needle", 6))
			fos_delete(w, fos_head(w) + i, 6);
	fos_release_all(w);
}

FOS_PM(.name = "naive", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
