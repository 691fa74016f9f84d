/* shm/proc_run.h - a stage's main loop, between shm/proc_main.c and shm/proc_run.c only
 *
 * Its protocols are checked by shm/models: doorbell.pml (sleeping), lease.pml (a spare's waiting).
 */
#ifndef FOS_SHM_PROC_RUN_H
#define FOS_SHM_PROC_RUN_H

#include <signal.h>

#include "shm/grant.h"
#include "shm/loop.h"
#include "shm/patience.h"
#include "shm/proc.h"

struct fos_run {
	struct fos_proc *p;
	const char *keeper; /* path of its socket */
	const char *name;
	struct fos_grant *grant; /* doorbells; region descriptors are closed */
	int control;             /* connection to the keeper; -1 = lost */
	const volatile sig_atomic_t *stop;
	uint64_t real_ns;      /* CLOCK_MONOTONIC of this pass, also offline */
	uint64_t look_ns;      /* when signals and the keeper are looked at next */
	struct fos_patience patience; /* how long to look before sleeping */
	uint64_t idle_ns;      /* spinning: when hooks->idle() is called next */
	uint64_t reconnect_ns; /* when the lost keeper is tried again */
	uint64_t watchdog_ns;  /* interval, 0 = none */
	uint64_t watched_ns;   /* last WATCHDOG=1 */
	const struct fos_region_head *ingress; /* offline: whose clock counts */
	uint64_t told[3];      /* offline ingress: clock, flush, eof that all have been woken for */
	bool spare;            /* started to wait for the lease */
	bool or_spare;         /* to be the process, or its spare while another is the process */
	bool refused;          /* the keeper gave the lease to someone else */
	bool taken; /* another process held the lease when it was asked for */
};

/* Of a process started with --spare: warms up and waits for the lease.  0 = it has it; -ECANCELED = it
 * is to end; -errno after one line. */
int fos_proc_spare(struct fos_run *r);

/* init, READY=1, the loop, fini.  0 or -errno, after one line. */
int fos_proc_run(struct fos_run *r);

#endif
