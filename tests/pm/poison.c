/* A module with a weakness: byte 1 makes it crash, byte 2 makes it hang.  It edits, too: each ~
 * becomes a word.  Option `absent`: while a file of that name is there, init() refuses. */
#include "pmhost/pm.h"

#include <unistd.h>

static int init(struct fos_instance *pm)
{
	const char *absent = fos_option(pm, "absent", 0);

	return absent && access(absent, F_OK) == 0 ? -1 : 0;
}

static void on_data(struct fos_window *w)
{
	uint64_t pos = fos_head(w), end = fos_tail(w);

	for (; pos < end; pos++) {
		char c;

		fos_read(w, pos, &c, 1);
		if (c == 1)
			*(volatile char *)0 = 0;
		while (c == 2)
			*(volatile char *)&c = 2;
		if (c != '~')
			continue;
		if (fos_replace(w, pos, 1, "tilde", 5) != FOS_OK || fos_release(w, pos + 1) != FOS_OK)
			return;
	}
	fos_release_all(w);
}

FOS_PM(.name = "poison", .stream = FOS_APP, .flags = FOS_PM_EDITS, .init = init, .on_data = on_data);
