/* recorder - hands every event of every flow to the test program that it is loaded into, for the simulation
 *
 * With each goes its number, which is committed with it: an event that is told again, because the process
 * died before the commit, has the number that it had; one that were told twice would have another.
 */
#include <stdlib.h>

#include "pmhost/pm.h"

struct ctx {
	uint64_t told;
};

extern void sim_pm_event(uint32_t recorder, const struct fos_flow_info *f, uint64_t number,
			 const struct fos_event *ev) __attribute__((weak));
extern void sim_pm_events(uint32_t recorder, const struct fos_flow_info *f, uint64_t told)
	__attribute__((weak));

static uint32_t which(struct fos_window *w)
{
	const char *s = fos_option(fos_pm_of(w), "number", 0);

	return s ? (uint32_t)strtoul(s, NULL, 0) : 0;
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct ctx *c = fos_ctx(w);

	if (ev->id == FOS_ON_REPLAY) /* no packet's doing */
		return;
	if (sim_pm_event)
		sim_pm_event(which(w), fos_flow(w), c->told, ev);
	c->told++;
}

static void on_data(struct fos_window *w)
{
	fos_release_all(w);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct ctx *c = fos_ctx(w);

	(void)why;
	if (sim_pm_events)
		sim_pm_events(which(w), fos_flow(w), c->told);
}

#define ALL (((1u << FOS_NR_ON) - 1) & ~FOS_BIT(FOS_ON_ORPHAN))

FOS_PM(.name = "recorder", .stream = FOS_APP, .ctx_size = sizeof(struct ctx), .on_data = on_data,
	.on_close = on_close, .events = ALL, .on_event = on_event);
