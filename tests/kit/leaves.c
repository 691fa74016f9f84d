/* tests/kit/leaves.c - a module with a fault: it ends its process, as if all were well, when a segment ends
 * after three bytes */
#include "pmhost/pm.h"

#include <stdlib.h>

static void on_data(struct fos_window *w)
{
	if (fos_tail(w) == 3)
		exit(0);
	fos_release_all(w);
}

FOS_PM(.name = "leaves", .stream = FOS_APP, .on_data = on_data);
