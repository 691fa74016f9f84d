/* eventless - calls four handlers for new data, without events: what eventful.c is compared with
 *
 *   options:
 *     file: out.txt    how often a handler was called, at an orderly stop
 */
#include "pmhost/pm.h"

#include <inttypes.h>

#define FIRES 4u

struct context {
	uint64_t called;
	uint64_t pad;
};

static uint64_t called;
static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void handler(struct fos_window *w, uint64_t len)
{
	struct context *c = fos_ctx(w);

	c->called += len;
	called++;
}

/* Not known to the compiler, like eventful.c's. */
static void (*volatile handle)(struct fos_window *w, uint64_t len) = handler;

static void on_data(struct fos_window *w)
{
	for (uint32_t i = 0; i < FIRES && fos_tail(w) > fos_head(w); i++)
		handle(w, fos_tail(w) - fos_head(w));
	fos_release_all(w);
}

static void fini(struct fos_instance *pm)
{
	fos_printf(pm, out, "%" PRIu64 "\n", called);
}

FOS_PM(.name = "eventless", .stream = FOS_APP, .ctx_size = sizeof(struct context), .init = init,
	.on_data = on_data, .fini = fini);
