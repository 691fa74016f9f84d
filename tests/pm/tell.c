/* tell - writes down every event of every flow, for tests: options file */
#include "pmhost/pm.h"

static const char *const words[FOS_NR_ON] = {
	"packet", "start", "setup", "again", "differs", "ooo", "gap", "filled", "overrun", "zero",
	"badrst", "badsyn", "data", "state", "end", "orphan", "missed", "timer", "replay"};

static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	const struct fos_flow_info *f = fos_flow(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];
	struct fos_instance *pm = fos_pm_of(w);

	fos_printf(pm, out, "%s %u %s %u %llu\t%s ", fos_address_text(f->src, src), f->sport,
		   fos_address_text(f->dst, dst), f->dport, (unsigned long long)f->number, words[ev->id]);
	if (ev->id == FOS_ON_STATE)
		fos_printf(pm, out, "%s>%s\n", fos_tcp_state_name(ev->was[0]),
			   fos_tcp_state_name(ev->state));
	else if (ev->id == FOS_ON_END)
		fos_printf(pm, out, "%u\n", ev->why);
	else
		fos_printf(pm, out, "%llu+%llu\n", (unsigned long long)ev->pos,
			   (unsigned long long)ev->len);
}

FOS_PM(.name = "tell", .stream = FOS_APP, .init = init, .on_event = on_event,
	.events = ((1u << FOS_NR_ON) - 1) & ~FOS_BIT(FOS_ON_PACKET) & ~FOS_BIT(FOS_ON_ORPHAN));
