/* tests/kit/forgetful.c - a module with a fault: what it must remember is in a global, which a kill
 * takes away; undisturbed, and cut in any way, it does as it should */
#include "pmhost/pm.h"

static int seen;

static void on_data(struct fos_window *w)
{
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), "needle", 0, &hit)) {
		if (seen++ > 0)
			fos_delete(w, hit.pos, 6);
		fos_release(w, hit.end);
	}
	fos_release(w, hit.pos);
}

FOS_PM(.name = "forgetful", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
