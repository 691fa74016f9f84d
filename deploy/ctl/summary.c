/* summary.c - what an offline run did, counted */
#include <inttypes.h>
#include <stdio.h>

#include "deploy/ctl/ctl.h"

static uint64_t dropped(const struct fos_ctl_view *v)
{
	uint64_t sum = 0;

	for (uint32_t id = 0; id < FOS_NR_COUNTERS; id++)
		if (fos_counter_table[id].is_drop)
			sum += fos_ctl_counter(v, id);
	return sum;
}

/* Frames that the box joined, split or made itself are not the ones that came in. */
static bool remade(const struct fos_ctl_view *v)
{
	static const enum fos_counter_id made[] = {
		FOS_C_fragments_joined, FOS_C_segments_built, FOS_C_segments_resent,
		FOS_C_acks_made, FOS_C_rsts_made, FOS_C_arp_answered, FOS_C_bytes_deleted,
	};

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (fos_ctl_counter(v, made[i]))
			return true;
	return false;
}

void fos_ctl_summary(const struct fos_ctl_view *v)
{
	uint64_t in = fos_ctl_counter(v, FOS_C_rx_packets);
	uint64_t out = fos_ctl_counter(v, FOS_C_tx_packets);
	uint64_t drop = dropped(v);

	fprintf(stderr, "packets in %" PRIu64 ", out %" PRIu64 ", dropped %" PRIu64
		"; bytes in %" PRIu64 ", out %" PRIu64 "; flows %" PRIu64 "\n", in, out, drop,
		fos_ctl_counter(v, FOS_C_rx_bytes), fos_ctl_counter(v, FOS_C_tx_bytes),
		fos_ctl_counter(v, FOS_C_flows_opened));
	for (uint32_t id = 0; id < FOS_NR_COUNTERS; id++) {
		const struct fos_counter_info *c = &fos_counter_table[id];
		uint64_t n = fos_ctl_counter(v, id);

		if (c->is_drop && n)
			fprintf(stderr, "  %-24s %10" PRIu64 "  %s\n", c->name, n, c->help);
	}
	if (in == out + drop)
		fprintf(stderr, "frames in = frames out + drops: %" PRIu64 " = %" PRIu64
			" + %" PRIu64 "\n", in, out, drop);
	else
		fprintf(stderr, "frames in %" PRIu64 ", frames out %" PRIu64 " + drops %" PRIu64
			"%s\n", in, out, drop,
			remade(v) ? " (the box joined, split or made packets)" : ": UNBALANCED");
}
