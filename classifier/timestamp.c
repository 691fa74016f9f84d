/* classifier/timestamp.c - timestamps of a TCP direction, see timestamp.h */
#include "classifier/timestamp.h"

/* An idle sender's timestamp leaps too, but not by 2^30 ticks before its flow has timed out: ticks
 * of 1 us, the shortest in use, make 1073 s of that. */
#define LEAP_IDLE_NS 1000000000000ull

static bool agreed(const struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	return seg->has_ts && c->flows[flow].ts_ok && c->flows[FOS_PEER(flow)].ts_ok;
}

bool fos_timestamp_ok(const struct fos_classifier *c, uint32_t flow,
		      const struct fos_tcp_segment *seg, bool bytes)
{
	uint32_t recent = c->flows[flow].ts_recent;

	if (!agreed(c, flow, seg))
		return true;
	if (bytes && fos_tcp_paws_old(recent, seg->tsval))
		return false;
	return c->dir->idle_ns > LEAP_IDLE_NS || !fos_tcp_ts_leaps(recent, seg->tsval);
}

void fos_timestamp_take(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	struct fos_flow *f = &c->flows[flow];

	if (agreed(c, flow, seg) && (int32_t)(seg->tsval - f->ts_recent) > 0)
		f->ts_recent = seg->tsval;
}
