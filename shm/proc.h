/* shm/proc.h - skeleton of every stage process
 *
 * A stage is a table of hooks over its regions.  The skeleton owns arguments, the keeper's
 * handshake, mapping, pinning, readiness, the io_uring loop, doorbells, the heartbeat and
 * signals.  Time is passed in (`now_ns`): CLOCK_MONOTONIC inline, the capture's offline.  The
 * simulation runs the same hooks in one process: it fills struct fos_proc with fos_proc_bind()
 * and calls work() itself, so hooks keep all state behind `state` and use no globals.
 *
 * Loop: work() until it returns 0, ring the doorbells of consumers that sleep, then announce
 * sleep, look once more, and wait (io_uring) for a doorbell, a watched fd, or the timer.
 */
#ifndef FOS_SHM_PROC_H
#define FOS_SHM_PROC_H

#include "shm/box.h"
#include "shm/counter.h"
#include "shm/ring.h"
#include "shm/txn.h"

struct fos_proc;

struct fos_proc_hooks {
	const char *program; /* "flowos-classifier" */
	/* The process is about to give up its privileges (shm/confine.h): last chance to open what it will
	 * need.  A stage that has this hook runs code that is not ours, and is confined. */
	void (*prepare)(struct fos_proc *p);
	/* A spare, before it has the lease, every region mapped read-only: whatever can be made ready
	 * without writing.  NULL = nothing.  Returns like init. */
	int (*warm)(struct fos_proc *p);
	/* Attach to the own region (first start or after a crash: the region says which).
	 * Returns 0 or -errno after one fos_log line. */
	int (*init)(struct fos_proc *p);
	/* Does one bounded batch; returns how much was done, 0 = nothing to do. */
	uint32_t (*work)(struct fos_proc *p);
	/* About to sleep: returns the time (p->now_ns scale) of the next timer or UINT64_MAX. */
	uint64_t (*idle)(struct fos_proc *p);
	/* Orderly stop: flush what must not be lost. */
	void (*fini)(struct fos_proc *p);
	/* The sockets in p->fds are others now, never used (Linux before 6.4, when a neighbour was
	 * restarted); the old ones are closed: unmap them, take back what they had.  -errno after one
	 * fos_log line. */
	int (*renew)(struct fos_proc *p);
};

/* fds handed out by the keeper beside regions and doorbells */
struct fos_proc_fds {
	/* Their number, where the rings must be mapped before bind; what a predecessor gave to sockets
	 * of another number is nobody's.  0 = the rings of the same sockets go on for ever. */
	uint32_t sockets;
	int xsk;     /* RX socket (ingress); -1 = none */
	int xsk_tx[FOS_MAX_PORTS]; /* TX sockets (egress), by port, queue = lane */
	int edited_map; /* BPF map of edited tuples (egress) */
	int owned_map;  /* BPF map of owned addresses (classifier) */
};

struct fos_proc {
	struct fos_box box;
	const struct fos_dir *dir;  /* = box.dir */
	const struct fos_dir_proc *me;
	const struct fos_proc_hooks *hooks;
	void *state;                /* the hooks' own */
	uint64_t *counter;          /* own counters: fos_count(p->counter, FOS_C_..., n) */
	uint64_t now_ns;
	bool offline;
	bool stopping;
	bool failed;                /* said in a line; an orderly stop exits with it */
	/* every ring this process produces into / consumes from, in directory order */
	struct fos_ring_prod *prod;
	struct fos_ring_cons *cons;
	uint32_t nr_prod, nr_cons;
	struct fos_proc_fds fds;
	struct fos_loop *loop; /* io_uring, doorbells; NULL in the simulation */
};

/* Ring by kind and the other side's proc index; NULL = there is none. */
struct fos_ring_prod *fos_proc_prod(struct fos_proc *p, enum fos_ring_kind kind, uint32_t consumer);
struct fos_ring_cons *fos_proc_cons(struct fos_proc *p, enum fos_ring_kind kind, uint32_t producer);

/* Proc index by role in this lane (ingress: index = number; PM: index in dir->pm[]). */
uint32_t fos_proc_find(const struct fos_dir *dir, enum fos_role role, uint32_t lane,
		       uint32_t index);

/* Binds hooks to mapped memory without keeper, loop or fds: rings attached, counters set.  For the
 * skeleton itself and the simulation.  box.region[], box.dir and box.self are set by the caller.
 * Returns 0 or -errno with one line in err. */
int fos_proc_bind(struct fos_proc *p, const struct fos_proc_hooks *hooks, char *err,
		  size_t err_size);
void fos_proc_unbind(struct fos_proc *p);

/* Posts a hint (at once visible).  When the ring is full the consumer will find a FOS_NONE hint
 * later (fos_proc_work does the retry), which means: walk all live flows. */
void fos_hint(struct fos_proc *p, struct fos_ring_prod *r, uint32_t flow, uint32_t gen);

/* One batch: hooks->work(), then hints that did not fit before.  Returns what work() returned.
 * Caller: the skeleton, the simulation. */
uint32_t fos_proc_work(struct fos_proc *p);

/* Watch an fd for input while asleep (AF_XDP RX socket). */
int fos_proc_watch(struct fos_proc *p, int fd);

/* The exit status of one whose lease another process holds: EX_TEMPFAIL of sysexits.h. */
#define FOS_PROC_TAKEN 75

/* The main() of a stage: parses arguments (--keeper PATH --proc NAME, -h), runs, returns the exit
 * status.  state NULL = there was no memory for it; said here. */
int fos_proc_main(int argc, char **argv, const struct fos_proc_hooks *hooks, void *state);

/* Current time on the scale of p->now_ns (refreshed before every work()). */
uint64_t fos_clock_ns(void);

/* One line to stderr (and the journal): level, program, text.  warn and error never flood: the
 * same format is printed at most 10 times a second. */
enum fos_log_level { FOS_LOG_INFO, FOS_LOG_WARN, FOS_LOG_ERROR };
void fos_log(enum fos_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fos_log_program(const char *name);

#endif
