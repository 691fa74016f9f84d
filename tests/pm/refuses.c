/* A module that loads and then does not want to work. */
#include "pmhost/pm.h"

static int init(struct fos_instance *pm)
{
	(void)pm;
	return -1;
}

static void on_data(struct fos_window *w)
{
	fos_release_all(w);
}

FOS_PM(.name = "refuses", .stream = FOS_APP, .flags = FOS_PM_EDITS, .init = init, .on_data = on_data);
