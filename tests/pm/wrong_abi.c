/* A module of an ABI that does not exist: it must be refused with both numbers, and none of its
 * code may run. */
#include "pmhost/pm.h"

#include <stdlib.h>

__attribute__((constructor)) static void loaded(void)
{
	abort();
}

static void on_data(struct fos_window *w)
{
	fos_release_all(w);
}

#undef FOS_PM_ABI
#define FOS_PM_ABI 4711u
FOS_PM(.name = "wrong_abi", .stream = FOS_APP, .on_data = on_data);
