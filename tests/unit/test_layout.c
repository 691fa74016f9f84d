/* Golden offsets of the shared-memory contract: a change here needs a new FOS_LAYOUT_VERSION. */
#include "egress/state.h"
#include "shm/build.h"
#include "shm/counter.h"
#include "shm/layout.h"
#include "tests/tap.h"

#define OFFSET(type, field, want) \
	is_u64(offsetof(struct type, field), want, #type "." #field)
#define SIZE(type, want) is_u64(sizeof(struct type), want, "sizeof " #type)

static void test_heads(void)
{
	is_u64(FOS_LAYOUT_VERSION, 6, "these are the offsets of layout version 6");
	OFFSET(fos_region_head, magic, 0);
	OFFSET(fos_region_head, version, 8);
	OFFSET(fos_region_head, size, 16);
	OFFSET(fos_region_head, box_id, 24);
	OFFSET(fos_region_head, heartbeat_ns, 64);
	OFFSET(fos_region_head, pid, 72);
	OFFSET(fos_region_head, sleeping, 128);
	OFFSET(fos_region_head, clock_ns, 192);
	OFFSET(fos_region_head, flush, 200);
	OFFSET(fos_region_head, clock_seen_ns, 208);
	OFFSET(fos_region_head, flush_seen, 216);
	OFFSET(fos_region_head, eof, 224);
	OFFSET(fos_region_head, counter, 256);
	OFFSET(fos_cls, flows_off, 4096);
	OFFSET(fos_pm_region, flows_off, 4096);
	OFFSET(fos_egr, outs_off, 4096);
	OFFSET(fos_ing, claims_off, 4096);
	OFFSET(fos_dir, nr_regions, 4096);
}

static void test_rings(void)
{
	SIZE(fos_ring, 128);
	OFFSET(fos_ring, tail, 64);
	SIZE(fos_cursor, 64);
	SIZE(fos_desc, 32);
	OFFSET(fos_desc, pos, 16);
	OFFSET(fos_desc, len, 24);
	OFFSET(fos_desc, kind, 28);
	SIZE(fos_hint, 8);
	SIZE(fos_msg, 256);
	SIZE(fos_parcel, 1536);
	OFFSET(fos_parcel, ip, 16);
	OFFSET(fos_txn_log, committed, 0);
	OFFSET(fos_txn_log, applied, 8);
	OFFSET(fos_txn_log, redo, 64);
}

static void test_flows(void)
{
	SIZE(fos_flow, 256);
	OFFSET(fos_flow, gen, 0);
	OFFSET(fos_flow, src, 8);
	OFFSET(fos_flow, sport, 40);
	OFFSET(fos_flow, isn, 64);
	OFFSET(fos_flow, pkt, 128);
	OFFSET(fos_flow, app, 152);
	OFFSET(fos_flow, fin_pos, 192);
	OFFSET(fos_flow, state, 200);
	SIZE(fos_stream, 24);
	SIZE(fos_piece, 64);
	OFFSET(fos_piece, frame, 24);
	OFFSET(fos_piece, flow, 40);
	OFFSET(fos_piece, next, 48);
	OFFSET(fos_piece, flags, 52);
}

static void test_pms(void)
{
	SIZE(fos_pm_slot, 24);
	SIZE(fos_pm_flow, 64);
	OFFSET(fos_pm_flow, hold_since_ns, 8);
	OFFSET(fos_pm_flow, slot, 16);
	OFFSET(fos_pm_slot, head, 8);
	OFFSET(fos_pm_slot, events, 16);
	SIZE(fos_pm_edited_slot, 24);
	SIZE(fos_pm_edited, 64);
	OFFSET(fos_pm_edited_slot, edits, 12);
	SIZE(fos_event_slot, 64);
	OFFSET(fos_event_slot, kind, 36);
	OFFSET(fos_event_slot, old_off, 48);
	SIZE(fos_flow_events, 64);
	OFFSET(fos_flow_events, flow, 24);
	OFFSET(fos_flow_events, last_pos, 32);
	OFFSET(fos_flow_events, last_kind, 52);
	OFFSET(fos_flow_events, challenge_ns, 56);
	SIZE(fos_edit, 64);
	OFFSET(fos_edit, out_pos, 8);
	OFFSET(fos_edit, next, 28);
	OFFSET(fos_edit, nr, 40);
	SIZE(fos_rewrite, 64);
	SIZE(fos_out, 64);
	OFFSET(fos_out, pos, 8);
	OFFSET(fos_out, done, 48);
	OFFSET(fos_out, retained, 52);
	OFFSET(fos_egr, retained, 4168);
	OFFSET(fos_egr, told_off, 4176);
	OFFSET(fos_out, opened_ns, 56);
	SIZE(fos_forced, 16);
	OFFSET(fos_forced, reset, 8);
	SIZE(fos_forced_edits, 16);
	OFFSET(fos_forced_edits, edits, 8);
	SIZE(fos_frame_meta, 64);
	OFFSET(fos_frame_meta, flags, 16);
	OFFSET(fos_frame_meta, l3_off, 28);
	OFFSET(fos_frame_meta, payload_len, 34);
	OFFSET(fos_frame_meta, frag_id, 52);
	OFFSET(fos_frame_meta, next_frame, 60);
}

static void test_counters(void)
{
	uint32_t documented = 0;

	for (uint32_t i = 0; i < FOS_NR_COUNTERS; i++)
		documented += fos_counter_table[i].help[0] != 0 && fos_counter_table[i].unit[0] != 0;
	is_u64(documented, FOS_NR_COUNTERS, "every counter has a unit and a sentence");
}

/* What egress keeps of a flow for itself fits what the region has for it, and is there only where it can
 * be needed. */
static void test_egress_records(void)
{
	static struct fos_dir dir;
	struct fos_egr_places at;

	for (uint32_t i = 0; i < 4; i++) {
		dir.nr_flows = 1000;
		dir.nr_frames = 64;
		dir.nr_pms = 2;
		dir.pm[1].stream = FOS_STREAM_APP;
		dir.pm[1].edits = i & 1;
		dir.offline = i >> 1;
		fos_egr_places(&dir, &at);
		is_u64(at.edits != 0, i & 1, "records of edits: %s", i & 1 ? "a PM edits" : "no PM edits");
		is_u64(at.files != 0, i >> 1, "records of frame numbers: %s",
		       i >> 1 ? "input is a capture" : "input is no capture");
		is_u64(at.tcbs % FOS_CACHE_LINE, 0, "a flow's first record begins a line");
		ok(at.end <= fos_build_egress_private(&dir), "all of them fit");
	}
	dir.pm[1].stream = FOS_STREAM_IP;
	dir.pm[1].edits = 1;
	ok(!fos_build_edits(&dir), "a PM that drops packets edits no stream");
	dir.nr_pipelines = 2;
	ok(fos_build_moves(&dir), "two pipelines: flows may be moved");
	dir.pipeline[1].first = 1;
	ok(!fos_build_moves(&dir), "two versions of one: they may not");
}

int main(void)
{
	test_heads();
	test_rings();
	test_flows();
	test_pms();
	test_egress_records();
	test_counters();
	return done();
}
