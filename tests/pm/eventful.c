/* eventful - user-defined events, of which four happen for each new data (benchmarks)
 *
 *   options:
 *     registered: 64   a flow's pairs of event and handler, a multiple of four up to 64
 *     add: setup       when it takes them up: `setup` (handshake complete) or `data` (its first data)
 *     call: events     how the four handlers are called: `events`, or `direct`: by on_event itself,
 *                      without user-defined events
 *     file: out.txt    how often a handler was called, at an orderly stop
 *
 * 256 definitions on FOS_ON_NEW_DATA, each with a filter, which is asked at every new data and says
 * true for each sixteenth definition.  A flow takes those that happen, and fills up with others; which
 * 64 of the 256 depends on the flow: there are 13 different sets.
 */
#include "pmhost/pm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS 256u
#define FIRES 4u
#define SETS 13u

struct context {
	uint64_t called;
	uint32_t added;
	uint32_t pad;
};

static uint32_t event[PAIRS], registered = 64;
static bool on_data, direct;
static uint64_t called;
static int out;

static bool sixteenth(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	uint32_t n;

	(void)w;
	(void)ev;
	memcpy(&n, arg, sizeof(n));
	return n % 16 == 0;
}

static void handler(struct fos_window *w, const struct fos_event *ev)
{
	struct context *c = fos_ctx(w);

	c->called += ev->len;
	called++;
}

/* Not known to the compiler, like a pair's. */
static void (*volatile handle)(struct fos_window *w, const struct fos_event *ev) = handler;

static int init(struct fos_instance *pm)
{
	const char *n = fos_option(pm, "registered", 0), *add = fos_option(pm, "add", 0);
	const char *call = fos_option(pm, "call", 0);

	registered = n ? (uint32_t)atoi(n) : registered;
	on_data = add && strcmp(add, "data") == 0;
	direct = call && strcmp(call, "direct") == 0;
	for (uint32_t i = 0; i < PAIRS && !direct; i++) {
		int id = fos_event_define(pm, FOS_ON_NEW_DATA, sixteenth, &i, sizeof(i));

		event[i] = (uint32_t)id;
		if (id < 0 || fos_event_handle(pm, event[i], handler, false) < 0)
			return -1;
	}
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void take_up(struct fos_window *w)
{
	uint32_t first = (uint32_t)(fos_flow(w)->sport % SETS * 16), step = 64 / registered;

	for (uint32_t i = 0; i < 64; i += step)
		fos_event_add(w, event[first + i], handler);
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct context *c;

	if (direct && ev->id == FOS_ON_NEW_DATA)
		for (uint32_t i = 0; i < FIRES; i++)
			handle(w, ev);
	if (direct || on_data != (ev->id == FOS_ON_NEW_DATA))
		return;
	c = fos_ctx(w);
	if (!c->added)
		take_up(w);
	c->added = 1;
}

static void fini(struct fos_instance *pm)
{
	fos_printf(pm, out, "%" PRIu64 "\n", called);
}

FOS_PM(.name = "eventful", .stream = FOS_APP, .ctx_size = sizeof(struct context), .init = init,
	.events = FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_SETUP), .on_event = on_event, .fini = fini);
