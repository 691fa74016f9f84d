/* marks - every kind of edit, where a byte of the stream asks for it; tests/net/marks.py knows what
 * has to come out
 *
 *	0xf0  is deleted, with the 20 bytes behind it
 *	0xf1  stays, with 50 bytes inserted before it
 *	0xf2  is overwritten, and so are the 20 bytes behind it
 *	0xf3  is replaced by a longer text
 *	0xf4  stays, with 4000 bytes inserted before it: more than a segment holds
 *	0xf5  is deleted, with the 3000 bytes behind it: whole segments
 *
 * Each byte is decided upon when it comes (what is left to delete or overwrite is context), so
 * nothing is ever held, and what comes out does not depend on where segments end or when.
 */
#include "pmhost/pm.h"

#include <string.h>

static const struct fos_text marks[] = {FOS_TEXT("\xf0"), FOS_TEXT("\xf1"), FOS_TEXT("\xf2"),
	FOS_TEXT("\xf3"), FOS_TEXT("\xf4"), FOS_TEXT("\xf5")};
enum mark { DEL, INS, OVR, REP, BIG, CUT, NR_MARKS };

static char text[4000];

struct ctx {
	uint64_t left; /* bytes still to delete or to overwrite */
	uint64_t overwrite;
};

static int init(struct fos_instance *pm)
{
	(void)pm;
	memset(text, '+', sizeof(text));
	return 0;
}

static int edit(struct fos_window *w, const struct fos_hit *hit)
{
	switch (hit->which) {
	case INS:
		return fos_insert(w, hit->pos, text, 50);
	case OVR:
		return fos_overwrite(w, hit->pos, "!", 1);
	case REP:
		return fos_replace(w, hit->pos, 1, "<a longer replacement>", 22);
	case BIG:
		return fos_insert(w, hit->pos, text, sizeof(text));
	default:
		return fos_delete(w, hit->pos, 1);
	}
}

/* Go on with what a mark has begun; false when the window ends before it does. */
static bool go_on(struct fos_window *w)
{
	uint64_t pos = fos_head(w), len = fos_tail(w) - pos;
	struct ctx *c = fos_ctx(w);

	if (!c->left)
		return true;
	if (len > c->left)
		len = c->left;
	if (!len || (c->overwrite ? fos_fill(w, pos, '!', len) : fos_delete(w, pos, len)) != FOS_OK)
		return false;
	c->left -= len;
	return fos_release(w, pos + len) == FOS_OK && !((struct ctx *)fos_ctx(w))->left;
}

static void on_data(struct fos_window *w)
{
	struct fos_hit hit;
	struct ctx *c;

	while (go_on(w)) {
		if (!fos_find_any(w, fos_head(w), marks, NR_MARKS, 0, &hit)) {
			fos_release_all(w);
			return;
		}
		if (edit(w, &hit) != FOS_OK)
			return;
		c = fos_ctx(w);
		c->overwrite = hit.which == OVR;
		c->left = hit.which == CUT ? 3000 : hit.which == DEL || hit.which == OVR ? 20 : 0;
		if (fos_release(w, hit.end) != FOS_OK)
			return;
	}
}

FOS_PM(.name = "marks", .stream = FOS_APP, .flags = FOS_PM_EDITS, .ctx_size = sizeof(struct ctx),
	.init = init, .on_data = on_data);
