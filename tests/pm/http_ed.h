/* tests/pm/http_ed.h - the module of the tests that edits HTTP bodies and header blocks */
#ifndef TESTS_PM_HTTP_ED_H
#define TESTS_PM_HTTP_ED_H

#include <stdio.h>
#include <stdlib.h>

#include "pmhost/pm.h"

struct ed {
	uint64_t opened; /* number of the message whose body has been opened, plus 1 */
};

/* "[" before each body, "]" behind it, and no "AD" in it. */
static void ed_data(struct fos_window *w)
{
	const struct fos_http *h = fos_http(w);
	struct ed *e = fos_ctx(w);
	uint64_t from = fos_head(w);
	struct fos_hit hit;

	if (e->opened != h->number + 1) {
		fos_insert(w, h->start, "[", 1);
		e->opened = h->number + 1;
	}
	while (fos_find(w, from, "AD", 0, &hit)) {
		fos_delete(w, hit.pos, 2);
		from = hit.end;
	}
	if (fos_fin(w) && !h->cut)
		fos_insert(w, fos_tail(w), "]", 1);
	fos_release(w, fos_fin(w) ? fos_tail(w) : hit.pos);
}

/* Marks header blocks: removes X-Old, sets X-Set, adds X-New with what it knows of the request. */
static void ed_head(struct fos_window *w)
{
	const struct fos_http *h = fos_http(w);
	char text[128];

	snprintf(text, sizeof(text), "%llu %s %s%s", (unsigned long long)h->number, h->method,
		 h->host, h->target);
	fos_http_remove(w, "x-OLD");
	if (fos_http_get(w, "X-Set"))
		fos_http_set(w, "X-Set", "set");
	if (fos_http_get(w, "X-Mark"))
		fos_http_add(w, "X-New", text);
	if (fos_http_is(w, "Content-Type", "image/png"))
		fos_http_skip(w);
	if (fos_http_add(w, "Content-Length", "1") != FOS_EPERM ||
	    fos_http_add(w, "A", "b\r\nc") != FOS_EINVAL || fos_http_add(w, "a b", "c") != FOS_EINVAL ||
	    fos_release(w, fos_head(w)) != FOS_EPERM || fos_insert(w, fos_head(w), "x", 1) == FOS_OK)
		abort();
}

static const struct fos_pm ed = {
	.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .name = "ed", .stream = FOS_HTTP_BODY,
	.flags = FOS_PM_EDITS | FOS_PM_PLAIN, .ctx_size = sizeof(struct ed), .on_head = ed_head,
	.on_data = ed_data};

#endif
