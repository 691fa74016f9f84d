/* Events in the simulation against an independent model: whole connections through a whole box, the
 * network at its worst, stages killed at random.  What two modules were told of each connection is what the
 * model (tests/sim/event_model.h) says of the packets that the box received, event by event, each once.
 *
 *	test_event_model                 fixed seeds, with FULL=1 fresh ones, too
 *	test_event_model SEED [COUNT]    from this seed on
 */
#include <stdlib.h>

#include "tests/sim/event_told.h"
#include "tests/sim/scenario.h"
#include "tests/tap.h"

static void run(const char *what, uint64_t first, uint64_t connections)
{
	struct scenario_sum o = {0};
	uint64_t seed = first, bad = 0;

	while (o.connections < connections && bad < 3)
		bad += !scenario_run(seed++, &o);
	ok(bad == 0, "%s %llu to %llu: modules are told what the model says", what,
	   (unsigned long long)first, (unsigned long long)seed - 1);
	diag("%llu connections, %llu packets lost, %llu kills (%llu inside a batch)",
	     (unsigned long long)o.connections, (unsigned long long)o.lost,
	     (unsigned long long)o.kills, (unsigned long long)o.kills_inside);
}

int main(int argc, char **argv)
{
	static const char *const why[NR_LEFT] = {
		"with a hostile end", "in runs without room", "with a hold cut short",
		"on ports of one that was not over", "unknown to the model"};
	static const uint32_t must[] = {FOS_ON_PACKET, FOS_ON_START, FOS_ON_SETUP, FOS_ON_RETRANSMISSION,
					FOS_ON_OUT_OF_ORDER, FOS_ON_GAP, FOS_ON_GAP_FILLED,
					FOS_ON_WINDOW_OVERRUN, FOS_ON_ZERO_WINDOW, FOS_ON_INVALID_RST,
					FOS_ON_INVALID_SYN, FOS_ON_NEW_DATA, FOS_ON_STATE, FOS_ON_END};
	/* invalid SYN; window overruns; RST; timestamps that are too old; packets long after
	 * the end; event rings that overflow; RST while modules have bytes before them */
	static const uint64_t rare[] = {1000000357, 1000000303, 1000001171, 1000000492, 1000000011,
					932086937559, 125295337261, 5000182, 5000788,
					77000004788};
	const struct event_told_sum *t = &event_told_sum;
	const char *full = getenv("FULL");
	uint32_t never = 0;

	scenario_events = true;
	if (argc > 1) {
		run("seeds", strtoull(argv[1], NULL, 0), argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
	} else {
		for (uint32_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
			run("seeds", rare[i], 1);
		run("seeds", 1, 1500);
		if (full && full[0] == '1')
			run("fresh seeds", scenario_fresh_seed(), 1500);
	}
	diag("compared: %llu connections, %llu events, each with two modules; %llu told again after a kill",
	     (unsigned long long)t->connections, (unsigned long long)t->events,
	     (unsigned long long)t->again);
	diag("reset: %llu sequences", (unsigned long long)t->reset);
	for (uint32_t i = 0; i < NR_LEFT; i++)
		diag("left out: %llu %s", (unsigned long long)t->left[i], why[i]);
	for (uint32_t i = 0; i < sizeof(must) / sizeof(must[0]); i++) {
		diag("event %u: %llu", must[i], (unsigned long long)t->kind[must[i]]);
		never += t->kind[must[i]] == 0;
	}
	if (argc < 2) {
		ok(t->reset > 100, "some end by a reset");
		is_u64(never, 0, "of each kind that can be there were some");
		ok(t->connections > 900, "most connections are compared");
	}
	return done();
}
