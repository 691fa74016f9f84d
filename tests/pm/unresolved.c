/* A module that cannot be loaded: it wants a function that nobody has. */
#include "pmhost/pm.h"

void no_host_has_this(void);

static void on_data(struct fos_window *w)
{
	no_host_has_this();
	fos_release_all(w);
}

FOS_PM(.name = "unresolved", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
