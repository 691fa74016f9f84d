/* tests/sim/event_told.h - what modules of a simulated box were told, compared with what they ought to be
 *
 * Two modules (tests/pm/recorder.c), beside the first editor and last in the pipeline, hand over each
 * event with the number under which they commit it.  The model (event_model.h) is given each packet that
 * the box's ingress receives.  After the run both are the same, event by event, for each direction of each
 * connection, whichever processes were killed: kind, position, length, reason, states before and after.
 *
 * The box has no order between packets that wait for it on two interfaces; the simulation gives it those of
 * one interface together, and those of the other when it rests (sim.h, in_order).
 *
 * A packet for which the ingress has no frame does not reach the box, nor the model.
 *
 * Not compared (and counted, where they are whole connections):
 * - connections with a hostile end: what an end is to make of garbage is another test's (test_consistency);
 * - all connections of a run in which the box refused packets for want of room (frames, pieces) or its
 *   event rings overflowed: when that happens depends on how far its stages have got;
 * - connections of which a module missed bytes because it held them too long: no length is known then
 *   that a FIN's acknowledgement could name;
 * - ports used again while, by the packets, the connection before is not over: there the box goes by time;
 * - what the model says it does not know;
 * - what comes of packets after the connection's end, when the box has forgotten it;
 * - window overruns behind editing modules: where the edge is only egress knows.
 */
#ifndef TESTS_SIM_EVENT_TOLD_H
#define TESTS_SIM_EVENT_TOLD_H

#include "tests/sim/event_model.h"
#include "tests/sim/sim.h"

enum event_left_out { LEFT_HOSTILE, LEFT_NO_ROOM, LEFT_HELD, LEFT_REUSED, LEFT_UNKNOWN, NR_LEFT };

struct event_told_sum {
	uint64_t connections, events, again, reset; /* again: told once more, after a kill */
	uint64_t left[NR_LEFT];
	uint64_t kind[FOS_NR_ON];
};

/* Over all runs. */
extern struct event_told_sum event_told_sum;

/* Before a run, its connections added; edits: some module may change bytes. */
void event_told_begin(struct sim *s, bool edits);

/* After it has settled.  False with s->error and a diagnosis. */
bool event_told_compare(struct sim *s);

void event_told_end(struct sim *s);

#endif
