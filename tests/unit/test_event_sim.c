/* Events in the simulation: whole connections through a whole box, the network at its worst, stages killed
 * at random.  A module beside the first editor and one behind it remember with each event what must come
 * next (tests/pm/witness.c): each event is told once, in its place among the bytes, wherever who was
 * killed.
 *
 *	test_event_sim [SEED [COUNT]]
 */
#include "pmhost/pm.h"
#include "tests/sim/scenario.h"
#include "tests/tap.h"

void sim_pm_told(uint32_t event);

static uint64_t told[FOS_NR_ON];

void sim_pm_told(uint32_t event)
{
	if (event < FOS_NR_ON)
		told[event]++;
}

int main(int argc, char **argv)
{
	static const uint32_t must[] = {FOS_ON_PACKET, FOS_ON_START, FOS_ON_SETUP, FOS_ON_RETRANSMISSION,
					FOS_ON_OUT_OF_ORDER, FOS_ON_GAP, FOS_ON_GAP_FILLED,
					FOS_ON_ZERO_WINDOW, FOS_ON_NEW_DATA, FOS_ON_STATE, FOS_ON_END,
					FOS_ON_TIMER, FOS_ON_REPLAY};
	static const uint64_t found[] = {9000010182}; /* a timer after the end */
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t most = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 500;
	struct scenario_sum o = {0};
	uint64_t seed = first, bad = 0;
	uint32_t never = 0;

	scenario_witness = true;
	while (o.connections < most && bad < 3)
		bad += !scenario_run(seed++, &o);
	for (uint32_t i = 0; argc < 2 && i < sizeof(found) / sizeof(found[0]); i++)
		bad += !scenario_run(found[i], &o);
	ok(bad == 0, "seeds %llu to %llu: each event once, in its place", (unsigned long long)first,
	   (unsigned long long)seed - 1);
	diag("%llu connections, %llu kills (%llu inside a batch)", (unsigned long long)o.connections,
	     (unsigned long long)o.kills, (unsigned long long)o.kills_inside);
	for (uint32_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		never += told[must[i]] == 0;
	for (uint32_t i = 0; i < FOS_NR_ON; i++)
		diag("event %u: %llu", i, (unsigned long long)told[i]);
	if (argc < 2)
		is_u64(never, 0, "of each kind that can be there were some");
	return done();
}
