/* Every "needle" in an HTTP body, of requests and responses, becomes "haystack". */
#include "pmhost/pm.h"

static void on_data(struct fos_window *w)
{
	uint64_t from = fos_head(w);
	struct fos_hit hit;

	while (fos_find(w, from, "needle", 0, &hit)) {
		from = hit.end; /* in a body of fixed length it stays (FOS_EINVAL) */
		if (fos_replace(w, hit.pos, 6, "haystack", 8) != FOS_EFULL)
			continue;
		if (fos_release(w, hit.pos) != FOS_OK)
			return;
		from = hit.pos;
	}
	fos_release(w, hit.pos);
}

FOS_PM(.name = "scrub", .stream = FOS_HTTP_BODY, .flags = FOS_PM_EDITS | FOS_PM_PLAIN,
	.on_data = on_data);
