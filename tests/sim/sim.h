/* tests/sim/sim.h - a whole box in one process between two model endpoints
 *
 *   client --link--> [port 0] box: classifier, PM hosts, egress [port 1] --link--> server
 *
 * The stages' own hooks run over one memory; the simulation plays ingress and the NICs.  One seed
 * decides everything: the network's faults, the order in which stages run, when a stage is
 * killed (after a batch or at a kill point inside it: its process state is dropped, its region
 * stays, and a successor attaches).
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "shm/proc.h"
#include "tests/sim/net.h"
#include "tests/sim/stage.h"
#include "tests/world.h"

#define SIM_MAX_PROCS 12u

struct sim_config {
	uint64_t seed;
	struct net_impairment before, after; /* client..box, box..server; both ways */
	uint32_t kill_per_mille; /* chance that a stage is killed after a batch of its */
	uint32_t kill_inside_ppm; /* chance, per kill point passed, that it happens there */
	uint32_t audit_per_mille; /* chance, per step after which all stages rest, of an audit */
	uint32_t window;
	uint16_t mss;
	bool timestamps, window_scale;
	uint64_t limit_ns; /* simulated time after which a run is a stall */
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
	struct peer client, server;
	uint64_t now, seed;
	uint64_t nr_kills, nr_kills_inside;
	/* the simulated ingress of each port */
	struct fos_ring_prod to_classifier[2];
	struct fos_ring_cons from_egress[2];
	uint32_t *frames[2]; /* free frames, by port */
	uint32_t nr_frames[2];
	char error[256];
};

/* world: planned by the caller (world_plan, world_pm, PM files and options), not yet made. */
void sim_init(struct sim *s, const struct sim_config *conf);
void sim_fini(struct sim *s);

/* Adds a string to the directory's blob (before sim_init): PM file paths, options. */
uint32_t sim_string(struct sim *s, const char *bytes, size_t len_with_nul);

/* Runs one connection to its end: the client sends `up`, the server sends `down`.  False with
 * s->error when a peer found a fault, or nothing moved for limit_ns.  The caller looks at the peers
 * and frees them (peer_fini). */
bool sim_run(struct sim *s, const uint8_t *up, uint32_t nr_up, const uint8_t *down,
	     uint32_t nr_down);

/* Lets twice the idle limit pass after the connection's end, then checks that the box is as it
 * was: no flow is live, every frame is free, the audit is clean.  False with s->error. */
bool sim_settle(struct sim *s);

/* Audits the box, whose stages rest (deploy/audit/).  False with s->error. */
bool sim_audit(struct sim *s);

/* Counters and live flows, to stderr: what a failing run looked like in the end. */
void sim_report(struct sim *s);

#endif
