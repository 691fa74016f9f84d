/* pms/retrans.c - how often bytes come again, and whether they are the same: a line for each direction
 *
 * An example of a module that reads no bytes, only events: it is never in the data's way.
 * Options: file (default: standard output).  Columns: source, destination, segments with bytes that had
 * come before, those bytes, repetitions that differed, segments out of order, how the connection ended.
 */
#include "pmhost/pm.h"

struct counts {
	uint64_t bytes;
	uint32_t segments;
	uint32_t differing;
	uint32_t out_of_order;
	uint32_t missed;
};

static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void line(struct fos_window *w, const struct counts *c, uint32_t why)
{
	static const char *const words[] = {"?", "fin", "rst", "timeout", "evicted", "eof", "pm", "moved"};
	const struct fos_flow_info *f = fos_flow(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];
	uint64_t *lines = fos_state(fos_pm_of(w));

	/* not in init: that runs again after each kill */
	if ((*lines)++ == 0)
		fos_printf(fos_pm_of(w), out, "src\tdst\tsegments\tbytes\tdiffering\tout_of_order\tend\n");
	fos_printf(fos_pm_of(w), out, "%s:%u\t%s:%u\t%u\t%llu\t%u\t%u\t%s%s\n",
		   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst), f->dport,
		   c->segments, (unsigned long long)c->bytes, c->differing, c->out_of_order,
		   words[why < 8 ? why : 0], c->missed ? " (events were missed)" : "");
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct counts *c = fos_ctx(w);

	switch (ev->id) {
	case FOS_ON_RETRANSMISSION:
		c->segments++;
		c->bytes += ev->len;
		break;
	case FOS_ON_DIFFERING_COPY:
		c->differing++;
		break;
	case FOS_ON_OUT_OF_ORDER:
		c->out_of_order++;
		break;
	case FOS_ON_MISSED:
		c->missed += (uint32_t)ev->len;
		break;
	case FOS_ON_END:
		line(w, c, ev->why);
		break;
	}
}

#define WANTED                                                                                    \
	(FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_DIFFERING_COPY) |                        \
	 FOS_BIT(FOS_ON_OUT_OF_ORDER) | FOS_BIT(FOS_ON_MISSED) | FOS_BIT(FOS_ON_END))

FOS_PM(.name = "retrans", .stream = FOS_APP, .ctx_size = sizeof(struct counts),
	.state_size = sizeof(uint64_t), .init = init, .events = WANTED, .on_event = on_event);
