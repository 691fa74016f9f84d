/* deploy/stages/stage.h - the stages in one process: for the simulation, and for flowosctl pm test
 *
 * The stages' own headers are private to their directories and may use the same names, so each is
 * included by one small file of its own here.
 */
#ifndef FOS_DEPLOY_STAGES_STAGE_H
#define FOS_DEPLOY_STAGES_STAGE_H

#include "shm/proc.h"

struct sim_stage {
	const struct fos_proc_hooks *hooks;
	void *(*make)(void *arg); /* arg: struct sim_nic for egress, else unused */
	void (*free)(void *state);
};

/* Where egress's packets go. */
struct sim_nic {
	void (*send)(void *arg, uint32_t port, const uint8_t *data, uint32_t len);
	void *arg;
	const struct fos_box *box;
	uint32_t done[8192]; /* frames given back by reap */
	uint32_t nr_done, nr_shown;
	uint64_t sent[FOS_MAX_PORTS];
	bool busy; /* in the middle of what a device does at one blow */
};

/* Free frames that egress keeps for segments it builds. */
uint32_t sim_egress_frames(const void *state);

/* Output TCBs and what they retain, to stderr. */
void sim_egress_report(const void *state);

/* As if `by` bytes had passed on a flow that rests and has none under way. */
void sim_egress_far(const void *state, uint32_t flow, uint64_t by);

/* The module of a PM host made by sim_pmhost, instead of the file that the directory names. */
struct fos_pm;
void sim_pmhost_module(void *state, const struct fos_pm *module);

extern const struct sim_stage sim_ingress, sim_classifier, sim_pmhost, sim_egress;

#endif
