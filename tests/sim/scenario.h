/* tests/sim/scenario.h - what one seed of the simulation stands for
 *
 * Drawn from the seed: the pipeline and its edit scripts, the network, the kills, and a handful of
 * connections with their endpoints.
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include "tests/sim/sim.h"

struct scenario_sum { /* over all runs */
	uint64_t connections, lost, kills, kills_inside, missed, bytes;
	uint64_t timeouts, fast_retransmits, undone, probes, keepalives, no_frame, ahead, early;
	uint64_t sack, timestamps, bare, aborted, reused, simultaneous, rogue, v6, tagged;
};

/* Set: modules that hold the platform to its word about events stand beside the first editor and last. */
extern bool scenario_witness;

/* Set: modules that record what they are told stand there, and it is compared with a model of what they
 * ought to be told (event_told.h).  Half of the seeds edit nothing. */
extern bool scenario_events;

/* Set: the modules, editors alone, let most sides go at a random place. */
extern bool scenario_leave;

/* A seed that hardly anybody has tried before. */
uint64_t scenario_fresh_seed(void);

/* Runs one seed.  False: it failed; a diagnosis with the seed has been printed. */
bool scenario_run(uint64_t seed, struct scenario_sum *sum);

#endif
