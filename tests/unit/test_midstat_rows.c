/* What flowosctl midstat makes of two looks: rates of each direction, order of the rows by every key. */
#include "deploy/ctl/midstat_look.c"
#include "tests/tap.h"

/* No box is looked at here. */
int fos_ctl_lane(const struct fos_ctl_view *v, uint32_t lane, struct fos_box *box)
{
	(void)v;
	(void)lane;
	(void)box;
	return -1;
}

#define SECOND 1000000000ull

static void test_order(void)
{
	/* flow 0 is first in no order, the others each in some */
	struct fos_midstat_row row[] = {
		{.flow = 0, .f = {{.bytes = 10}, {.bytes = 10}}, .rate = {5, 5}, .age_ns = 10},
		{.flow = 2, .f = {{.bytes = 10}, {.bytes = 12}}, .rate = {1, 2}, .age_ns = 9},
		{.flow = 4, .m = {{.again = 2}, {.again = 3}}, .rate = {0, 11}, .age_ns = 12},
		{.flow = 6, .m = {{.again = 4, .rtt_ns = 70}, {.rtt_ns = 7}}, .age_ns = 11},
		{.flow = 8, .m = {{.rtt_ns = 7}, {.rtt_ns = 60}}, .age_ns = 8},
	};
	static const struct {
		const char *by;
		uint32_t flow[5];
	} want[FOS_MIDSTAT_NR_SORTS] = {
		[FOS_MIDSTAT_RATE] = {"rate", {4, 0, 2, 6, 8}},
		[FOS_MIDSTAT_RTT] = {"rtt", {6, 8, 0, 2, 4}},
		[FOS_MIDSTAT_RETRANS] = {"retransmissions", {4, 6, 0, 2, 8}},
		[FOS_MIDSTAT_BYTES] = {"bytes", {2, 0, 4, 6, 8}},
		[FOS_MIDSTAT_AGE] = {"age", {4, 6, 0, 2, 8}},
	};
	struct fos_midstat_rows rows = {.row = row, .nr = 5};

	for (int by = 0; by < FOS_MIDSTAT_NR_SORTS; by++) {
		uint32_t wrong = 0;

		fos_midstat_order(&rows, (enum fos_midstat_sort)by);
		for (uint32_t i = 0; i < 5; i++)
			wrong += row[i].flow != want[by].flow[i];
		is_u64(wrong, 0, "by %s, both directions together; equal ones by their place", want[by].by);
	}
}

static void test_rates(void)
{
	struct fos_midstat_row then[] = {{.flow = 0, .gen = 1, .f = {{.bytes = 1000}, {.bytes = 50}}},
					 {.flow = 2, .gen = 1, .f = {{.bytes = 9000}}}};
	struct fos_midstat_row now[] = {
		{.flow = 0, .gen = 1, .f = {{.bytes = 3000}, {.bytes = 50}}, .age_ns = 100 * SECOND},
		{.flow = 2, .gen = 2, .f = {{.bytes = 500}}, .age_ns = SECOND / 2},
		{.flow = 4, .gen = 1, .f = {{.bytes = 500}}}};
	struct fos_midstat_rows a = {.row = then, .nr = 2, .time_ns = 10 * SECOND};
	struct fos_midstat_rows b = {.row = now, .nr = 3, .time_ns = 12 * SECOND};

	fos_midstat_rates(&a, &b);
	ok(now[0].rate[0] == 8000 && now[0].rate[1] == 0, "2000 bytes in 2 seconds; none the other way");
	is_u64(now[1].rate[0], 8000, "another connection in the same slot: since it began");
	is_u64(now[2].rate[0], 0, "one that has only begun has no rate");
}

int main(void)
{
	test_order();
	test_rates();
	return done();
}
