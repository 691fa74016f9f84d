/* leave - the first words "needle" of each direction become "haystack", then it lets the direction go
 *
 *   options:
 *     only: 100        how many
 */
#include "pmhost/pm.h"

#include <stdlib.h>

struct context {
	uint64_t done;
};

static uint64_t only;

static int init(struct fos_instance *pm)
{
	const char *n = fos_option(pm, "only", 0);

	only = n ? strtoull(n, NULL, 10) : 100;
	return 0;
}

static void on_data(struct fos_window *w)
{
	struct context *c = fos_ctx(w);
	uint64_t pos = fos_head(w);
	struct fos_hit hit;

	while (c->done < only && fos_find(w, pos, "needle", 0, &hit)) {
		pos = hit.end;
		if (fos_replace(w, hit.pos, 6, "haystack", 8) == FOS_OK) {
			c->done++;
			continue;
		}
		if (fos_release(w, hit.pos) != FOS_OK)
			return;
		c = fos_ctx(w);
		pos = hit.pos;
	}
	if (c->done < only) {
		fos_release(w, hit.pos);
		return;
	}
	fos_bypass(w);
	fos_release(w, pos);
}

FOS_PM(.name = "leave", .stream = FOS_APP, .flags = FOS_PM_EDITS, .ctx_size = sizeof(struct context),
	.init = init, .on_data = on_data);
