/* count - packets and bytes of every flow
 *
 * Lesson: the context.  Each flow has ctx_size bytes that start as zeros, belong to the module and
 * are kept by each release: a packet that was counted and released is counted once, whatever is
 * killed in between.  The totals of all flows are in the PM-wide state, kept by the same commit.
 *
 *   options:
 *     file: count.tsv      default: standard output
 *
 * One line per flow when it ends, tab-separated: src sport dst dport protocol packets bytes; the
 * protocol is tcp, udp, icmp, icmp6 or a number.
 * "total" lines at an orderly stop: flows, packets and bytes.
 */
#include "pmhost/pm.h"

#include <inttypes.h>
#include <stdio.h>

struct count {
	uint64_t packets;
	uint64_t bytes;
};

struct totals {
	uint64_t flows;
	uint64_t packets;
	uint64_t bytes;
};

static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void on_data(struct fos_window *w)
{
	struct count *c = fos_ctx(w);
	struct fos_packet p;

	for (uint64_t pos = fos_head(w); fos_packet(w, pos, &p) == FOS_OK; pos = p.end) {
		c->packets++;
		c->bytes += p.end - p.pos;
	}
	fos_release_all(w);
}

static const char *proto_text(uint8_t proto, char number[4])
{
	switch (proto) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "icmp6";
	default:
		snprintf(number, 4, "%u", proto);
		return number;
	}
}

static void on_close(struct fos_window *w, uint32_t why)
{
	struct fos_instance *pm = fos_pm_of(w);
	const struct fos_flow_info *f = fos_flow(w);
	const struct count *c = fos_ctx(w);
	struct totals *t;
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT], number[4];

	(void)why;
	if (c->packets == 0)
		return;
	t = fos_state(pm);
	t->flows++;
	t->packets += c->packets;
	t->bytes += c->bytes;
	fos_printf(pm, out, "%s\t%u\t%s\t%u\t%s\t%" PRIu64 "\t%" PRIu64 "\n",
		   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst), f->dport,
		   proto_text(f->proto, number), c->packets, c->bytes);
}

static void fini(struct fos_instance *pm)
{
	const struct totals *t = fos_state(pm);

	fos_printf(pm, out, "total\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", t->flows, t->packets,
		   t->bytes);
}

FOS_PM(.name = "count", .stream = FOS_IP, .ctx_size = sizeof(struct count),
	.state_size = sizeof(struct totals), .init = init, .on_data = on_data,
	.on_close = on_close, .fini = fini);
