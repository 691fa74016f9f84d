/* mover - passes bytes and moves the connection to another pipeline at a byte
 *
 *   options:
 *     to: NAME      the pipeline
 *     at: N         the position of the first byte that belongs to it
 *     spread: N     plus up to N, by the connection's ports and direction
 *     find: TEXT    instead of `at`: the first byte of TEXT
 *
 * Waits with a byte before it moves at the very place, so that each direction's place is exact: the
 * direction that has come so far first takes the other one along wherever that is.
 */
#include "pmhost/pm.h"

#include <stdlib.h>

static uint64_t number(struct fos_instance *pm, const char *key)
{
	const char *s = fos_option(pm, key, 0);

	return s ? strtoull(s, NULL, 0) : 0;
}

static uint64_t place(struct fos_window *w)
{
	const struct fos_flow_info *f = fos_flow(w);
	uint64_t spread = number(fos_pm_of(w), "spread");
	uint64_t mix = (f->sport * 2654435761u) ^ (f->dport * 40503u);

	return number(fos_pm_of(w), "at") + (spread ? mix % spread : 0);
}

static void on_data(struct fos_window *w)
{
	const char *to = fos_option(fos_pm_of(w), "to", 0), *text;
	uint64_t at = place(w);
	struct fos_hit hit;

	text = fos_option(fos_pm_of(w), "find", 0);
	if (text)
		at = fos_find(w, fos_head(w), text, 0, &hit) ? hit.pos : UINT64_MAX;
	if (at > fos_tail(w) || (at == fos_tail(w) && fos_fin(w))) {
		fos_release(w, text ? hit.pos : fos_tail(w));
		return;
	}
	fos_move(w, to);
	fos_release(w, at > fos_head(w) ? at : fos_head(w));
}

FOS_PM(.name = "mover", .stream = FOS_APP, .on_data = on_data);
