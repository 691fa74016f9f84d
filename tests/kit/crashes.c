/* tests/kit/crashes.c - a module with a fault: it dies when a segment ends after three bytes */
#include "pmhost/pm.h"

#include <stdlib.h>

static void on_data(struct fos_window *w)
{
	if (fos_tail(w) == 3)
		abort();
	fos_release_all(w);
}

FOS_PM(.name = "crashes", .stream = FOS_APP, .on_data = on_data);
