/* Whole connections through a whole box in one process: an impaired network on both sides, modules
 * that edit both directions, stages killed at random.  Oracle: each end receives exactly the
 * other's bytes with the edits carried out, both ends close, no packet is malformed, nothing is
 * acknowledged too early, every frame comes home.
 *
 *	test_sim                   a fixed and a fresh seed, as many connections as FULL asks for
 *	test_sim SEED [COUNT]      from this seed on, at least so many connections (1)
 *	test_sim --soak SECONDS    fresh seeds for that long
 *
 * SIM_TRACE=1 prints every packet.  A failing seed is printed and replays by itself.
 */
#include <time.h>

#include "tests/sim/scenario.h"
#include "tests/tap.h"

#define BAD_MAX 5u

/* with a sanitizer each connection takes many times as long */
#ifdef FOS_SANITIZED
#define SLOW 1
#else
#define SLOW 0
#endif

static uint64_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* From a seed on, until there were so many connections or it is so late. */
static void run(const char *what, uint64_t first, uint64_t connections, uint64_t until)
{
	struct scenario_sum o = {0};
	uint64_t bad = 0, seed = first;

	while (o.connections < connections && bad < BAD_MAX && seconds() < until)
		bad += !scenario_run(seed++, &o);
	ok(bad == 0, "%s %llu to %llu: both ends receive the edited stream and close", what,
	   (unsigned long long)first, (unsigned long long)seed - 1);
	diag("%llu connections (%llu SACK, %llu timestamps, %llu bare, %llu aborted, %llu on used "
	     "ports, %llu opened by both, %llu with a hostile end, %llu over IPv6, %llu tagged), "
	     "%llu kB",
	     (unsigned long long)o.connections, (unsigned long long)o.sack,
	     (unsigned long long)o.timestamps, (unsigned long long)o.bare,
	     (unsigned long long)o.aborted, (unsigned long long)o.reused,
	     (unsigned long long)o.simultaneous, (unsigned long long)o.rogue,
	     (unsigned long long)o.v6, (unsigned long long)o.tagged,
	     (unsigned long long)o.bytes / 1000);
	diag("%llu packets lost, %llu without a frame, %llu kills (%llu inside a batch), "
	     "%llu connections with holds cut short",
	     (unsigned long long)o.lost, (unsigned long long)o.no_frame,
	     (unsigned long long)o.kills, (unsigned long long)o.kills_inside,
	     (unsigned long long)o.missed);
	diag("%llu timeouts, %llu fast retransmits, %llu of both undone, %llu window probes, "
	     "%llu keep-alives, %llu segments that the box sent ahead",
	     (unsigned long long)o.timeouts, (unsigned long long)o.fast_retransmits,
	     (unsigned long long)o.undone, (unsigned long long)o.probes,
	     (unsigned long long)o.keepalives, (unsigned long long)o.ahead);
}

/* Seeds that failed once. */
static const uint64_t FOUND[] = {
	58305693115, /* a half-open end's answer to a hostile SYN */
	9000128212,  /* a hostile SYN while the box's reset is under way */
	138779267730, /* the same, the reset gone with a killed egress */
	9100018465,  /* a bare end goes back to the middle of a segment */
	973370465055, /* an acknowledgement kept back, its window rounded beyond the receiver's */
};

int main(int argc, char **argv)
{
	const char *full = getenv("FULL");
	bool all = full && full[0] == '1';
	uint64_t fixed = SLOW ? 1500 : all ? 50000 : 16000, fresh = SLOW ? 1500 : all ? 50000 : 4000;

	if (argc > 2 && strcmp(argv[1], "--soak") == 0) {
		run("fresh seeds", scenario_fresh_seed(), UINT64_MAX,
		    seconds() + strtoull(argv[2], NULL, 0));
	} else if (argc > 1) {
		run("seeds", strtoull(argv[1], NULL, 0),
		    argc > 2 ? strtoull(argv[2], NULL, 0) : 1, UINT64_MAX);
	} else {
		for (uint32_t i = 0; i < sizeof(FOUND) / sizeof(FOUND[0]); i++)
			run("once failed,", FOUND[i], 1, UINT64_MAX);
		run("seeds", 1, fixed, UINT64_MAX);
		run("fresh seeds", scenario_fresh_seed(), fresh, UINT64_MAX);
	}
	return done();
}
