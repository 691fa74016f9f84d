/* tests/sim/sim.h - a whole box in one process between model endpoints
 *
 *   clients --link--> [port 0] box: classifier, PM hosts, egress [port 1] --link--> servers
 *
 * The stages' own hooks run over one memory; the simulation plays ingress and the NICs.  One seed
 * decides everything: the connections, the network's faults, the order in which stages run, when a
 * stage is killed (after a batch or at a kill point inside it: its process state is dropped, its
 * region stays, and a successor attaches).
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "shm/proc.h"
#include "tests/sim/conn.h"
#include "tests/sim/net.h"
#include "deploy/stages/stage.h"
#include "tests/world.h"

#define SIM_MAX_PROCS 12u
#define SIM_MAX_CONNS 32u

struct sim_config {
	uint64_t seed;
	uint32_t kill_per_mille; /* chance that a stage is killed after a batch of its */
	uint32_t kill_inside_ppm; /* chance, per kill point passed, that it happens there */
	uint32_t audit_per_mille; /* chance, per step after which all stages rest, of an audit */
	uint64_t stall_ns; /* a connection on which nothing moves for so long has stalled */
	uint64_t limit_ns; /* the whole run ends at the latest then */
};

struct sim_proc {
	struct fos_proc proc;
	uint32_t index; /* in dir->proc[] */
	const struct sim_stage *stage;
	bool alive;
};

struct sim {
	struct world world;
	struct sim_config conf;
	struct sim_proc procs[SIM_MAX_PROCS];
	uint32_t nr_procs;
	struct net net;
	struct sim_nic nic;
	struct conn *conns[SIM_MAX_CONNS];
	uint32_t nr_conns;
	uint64_t now, seed;
	uint32_t in_a_row; /* kills inside batches, without one that was left alone */
	uint64_t nr_kills, nr_kills_inside, nr_no_frame, nr_expired;
	/* the simulated ingress of each port */
	struct fos_ring_prod to_classifier[2];
	struct fos_ring_cons from_egress[2];
	uint32_t *frames[2]; /* free frames, by port */
	uint32_t nr_frames[2];
	/* before each batch of a stage, when set; it may make the stage anew (sim_box_restart) */
	void (*before)(struct sim *s, struct sim_proc *sp);
	/* told of each packet that the box's ingress takes in, when set */
	void (*entered)(struct sim *s, uint32_t port, const uint8_t *data, uint32_t len);
	bool in_order; /* the box rests before a packet comes in by the other port */
	uint32_t last_port;
	bool trace; /* SIM_TRACE=1: every packet and kill, to stderr */
	char error[320];
};

/* world: planned by the caller (world_plan, world_pm, PM files and options), not yet made; so are
 * net's hops, after this. */
void sim_init(struct sim *s, const struct sim_config *conf);
void sim_fini(struct sim *s);

/* Adds a string to the directory's blob (before sim_init): PM file paths, options. */
uint32_t sim_string(struct sim *s, const char *bytes, size_t len_with_nul);

/* Adds a connection, made by conn_init() with emit = sim_from_peer and arg = s; it begins at its
 * start_ns after now, or after the one whose ports it uses again.  The caller frees it. */
void sim_add(struct sim *s, struct conn *c);
void sim_from_peer(void *arg, struct peer *p, const uint8_t *data, uint32_t len);

/* Every open connection, which must rest without a byte under way, looks as if `by` bytes had passed
 * in each direction; the numbers on the wire stay as they are. */
void sim_far(struct sim *s, uint64_t by);

/* Runs all connections to their ends.  False with s->error when a judge found a fault, or
 * nothing moved for too long. */
bool sim_run(struct sim *s);

/* Lets time pass after the connections' end, until no flow is live or much too long, then checks
 * that the box is as it was: no flow is live, every frame is free, the audit is clean.  False
 * with s->error. */
bool sim_settle(struct sim *s);

/* Audits the box, whose stages rest (deploy/audit/).  False with s->error. */
bool sim_audit(struct sim *s);

/* Counters and live flows, to stderr: what a failing run looked like in the end. */
void sim_report(struct sim *s);

/* The sum of a counter over all processes. */
uint64_t sim_counter(const struct sim *s, uint32_t counter);

/* ---- box.c: processes and the simulated ingress ---- */

void sim_fail(struct sim *s, const char *what, const char *detail);
void sim_trace(const struct sim *s, const char *where, const uint8_t *b, uint32_t len);
void sim_box_start(struct sim *s);
void sim_box_stop(struct sim *s);
void sim_box_packet(struct sim *s, uint32_t port, const uint8_t *data, uint32_t len);
void sim_box_collect(struct sim *s);
/* Runs stages in random order until none has anything to do. */
void sim_box_run(struct sim *s);
uint64_t sim_box_next(struct sim *s);
/* Drops a stage's private state; a successor attaches to what is in its region. */
void sim_box_restart(struct sim *s, struct sim_proc *sp);
/* What egress sends (sim.c). */
void sim_from_box(void *arg, uint32_t port, const uint8_t *data, uint32_t len);

#endif
