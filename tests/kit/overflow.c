/* tests/kit/overflow.c - a module with a fault that only tools see: it reads a byte beyond its memory */
#include "pmhost/pm.h"

#include <stdlib.h>
#include <string.h>

static void on_data(struct fos_window *w)
{
	char *copy = malloc(16);
	volatile char c = copy[fos_read(w, fos_head(w), copy, 16)];

	(void)c;
	free(copy);
	fos_release_all(w);
}

FOS_PM(.name = "overflow", .stream = FOS_APP, .on_data = on_data);
