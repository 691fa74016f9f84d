/* Sides that no module reads any more, in the simulation: whole connections through a whole box, the
 * network at its worst, stages killed at random, and editors that let most sides go at a random place.
 * Both ends receive exactly the bytes, edited up to there; nothing is acknowledged too early; every frame
 * comes home; and segments ahead of a hole have not waited.
 *
 *	test_unread_sim [SEED [COUNT]]
 */
#include "tests/sim/scenario.h"
#include "tests/tap.h"

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t most = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 1500;
	struct scenario_sum o = {0};
	uint64_t seed = first, bad = 0;

	scenario_leave = true;
	while (o.connections < most && bad < 5)
		bad += !scenario_run(seed++, &o);
	ok(bad == 0, "seeds %llu to %llu: both ends receive the stream, edited as far as it was read",
	   (unsigned long long)first, (unsigned long long)seed - 1);
	diag("%llu connections, %llu kills (%llu inside a batch), %llu segments ahead of a hole passed",
	     (unsigned long long)o.connections, (unsigned long long)o.kills,
	     (unsigned long long)o.kills_inside, (unsigned long long)o.early);
	if (argc < 2)
		ok(o.early > 100, "segments ahead of a hole have passed at once");
	return done();
}
