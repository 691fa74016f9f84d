/* @NAME@: "colour" becomes "color", wherever segments are cut.  Every call: man 3 fos_pm */
#include "pmhost/pm.h"

static void on_data(struct fos_window *w)
{
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), "colour", 0, &hit)) {
		fos_delete(w, hit.pos + 4, 1);  /* the u */
		fos_release(w, hit.end);        /* up to here all goes on, edited */
	}
	fos_release(w, hit.pos);                /* all but what may be the start of "colour" */
}

FOS_PM(.name = "@NAME@", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
