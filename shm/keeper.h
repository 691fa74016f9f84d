/* shm/keeper.h - the keeper: creates what the stages share, holds the descriptors, grants leases
 *
 * One process, one thread, one poll loop; no packet passes through it.  Internal to
 * flowos-keeper: shm/keeper_*.c.  Functions that can fail for reasons outside return -errno after
 * one fos_log line.  The lease, its takeover and the keeper's own restart are checked by
 * shm/models/lease.pml.
 */
#ifndef FOS_SHM_KEEPER_H
#define FOS_SHM_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/box.h"
#include "shm/steer.h"
#include "shm/xsk.h"

#define FOS_KEEPER_LINE 1024u /* bytes of a request */
#define FOS_KEEPER_CONNS 1024u

enum fos_keeper_pages { FOS_PAGES_AUTO, FOS_PAGES_REQUIRE, FOS_PAGES_NEVER };

struct fos_keeper_port {
	enum fos_steer_mode mode;
	struct fos_steer steer;
	int rx[FOS_MAX_QUEUES]; /* AF_XDP sockets, -1 = none */
	int tx[FOS_MAX_QUEUES];
	int promisc; /* packet socket that holds the device in promiscuous mode, -1 = none */
};

struct fos_keeper_conn {
	int fd;
	uint32_t proc; /* FOS_NONE: not a stage */
	uint32_t spare; /* process whose lease it waits for, else FOS_NONE */
	uint32_t pid;   /* who connected */
	bool warm;      /* a spare can take over at once */
	uint64_t haste_ns; /* until when it has short turns; UINT64_MAX = it waits, 0 = it has none */
	bool pm;        /* it has been a PM's */
	int passed;     /* descriptor that came with the last bytes, -1 = none */
	int death;      /* hangs up when that process is dead, -1 = none (shm/death.h) */
	size_t len;
	char line[FOS_KEEPER_LINE];
};

/* Where a PM's options lie in dir->strings: those in use, and those before, whose room the next take. */
struct fos_keeper_options {
	uint32_t off[2], size[2];
	uint32_t generation[FOS_MAX_LANES]; /* of its processes when they were changed */
	bool changed;
};

/* A PM's process since its heartbeat last moved. */
struct fos_keeper_slow {
	uint32_t generation; /* of its lease */
	uint64_t beat;
	uint64_t since_ns; /* when it was first seen to stand there */
	uint64_t cpu; /* processor time then; 0 = it moved */
	bool low;     /* it has a low priority; before it had `nice` */
	bool starved; /* it stands because it gets no processor */
	int nice;
};

struct fos_keeper {
	const char *program;
	const char *file; /* configuration */
	const char *input; /* capture, or NULL */
	const char *output;
	char socket[108]; /* path */
	enum fos_keeper_pages pages;
	char pages_warning[256]; /* to be said once the box stands; "" = none */
	struct fos_dir *dir; /* the directory region, writable */
	struct fos_map packets; /* stays mapped: the kernel's sockets refer to it */
	int region[FOS_MAX_REGIONS]; /* writable */
	int region_ro[FOS_MAX_REGIONS];
	int bell[FOS_MAX_RINGS];
	struct fos_keeper_port port[FOS_MAX_PORTS];
	int pidfd[FOS_MAX_PROCS]; /* of the lease's holder, -1 = none */
	bool ready[FOS_MAX_PROCS];
	uint64_t ready_ns[FOS_MAX_PROCS];
	uint32_t quick[FOS_MAX_PROCS]; /* deaths in a row before, or soon after, it was ready */
	uint64_t not_before[FOS_MAX_PROCS]; /* when its successor is granted the lease, earliest */
	struct fos_keeper_slow slow[FOS_MAX_PROCS];
	struct fos_map pm_head[FOS_MAX_PROCS]; /* PM regions, read-only; mapped when first needed */
	bool sg; /* the kernel gives and takes packets in several buffers */
	bool active; /* all stages were ready once: packets are taken */
	/* with dir->sockets: which of them a stage has mapped; whether they are bound; whether that
	 * failed and is to be tried with new ones */
	uint32_t mapped[FOS_MAX_PROCS];
	bool bound;
	bool bind_failed;
	int listen_fd;
	struct fos_keeper_conn *conn[FOS_KEEPER_CONNS];
	uint32_t nr_conns;
	struct fos_keeper_options options[FOS_MAX_PMS];
	uint32_t strings_used; /* bytes of dir->strings that are nobody else's */
	bool stop;
	bool again; /* ends, but the box does not */
};

/* keeper_conf.c: configuration and PM files into a draft of the directory (caller's memory). */
int fos_keeper_configure(struct fos_keeper *k, struct fos_dir *draft);

/* keeper_nic.c: asks the NICs for what the draft needs of them; warns about what looks wrong. */
int fos_keeper_inspect(struct fos_keeper *k, struct fos_dir *draft);

/* keeper_regions.c: regions and doorbells of a planned draft; sets k->dir. */
int fos_keeper_create(struct fos_keeper *k, const struct fos_dir *draft);

/* keeper_net.c: AF_XDP sockets and XDP programs; activate = from now on packets come to us. */
int fos_keeper_open_net(struct fos_keeper *k);
void fos_keeper_activate(struct fos_keeper *k);
void fos_keeper_deactivate(struct fos_keeper *k);

/* Linux before 6.4.  renew: new sockets for all, handed to the stages that there are; called when
 * one that used the old ones is gone.  bind: once every ingress and egress has mapped the newest;
 * 0 = bound or not yet. */
int fos_keeper_renew_sockets(struct fos_keeper *k);
int fos_keeper_bind_sockets(struct fos_keeper *k);

/* keeper_match.c: what the XDP program must take so that every pipeline sees all it matches. */
void fos_keeper_superset(const struct fos_dir *dir, struct fos_steer_conf *conf);

/* keeper_store.c: gives every descriptor to the service manager, or takes them over from it.
 * adopt: 1 = everything is there, 0 = start anew (what was there is closed). */
void fos_keeper_store(const struct fos_keeper *k);
int fos_keeper_adopt(struct fos_keeper *k);

/* keeper_lease.c.  grant: 0, -EBUSY = its holder lives, -errno.  resume: the holder came back after
 * the keeper was restarted; who holds the lease and was not ready yet may ask again.  dead: its pidfd
 * said so. */
int fos_keeper_lease(struct fos_keeper *k, uint32_t proc, uint32_t pid, bool resume);
void fos_keeper_dead(struct fos_keeper *k, uint32_t proc);
void fos_keeper_recheck_leases(struct fos_keeper *k);

/* keeper_grant.c: the records of a grant.  -EAGAIN: the receiver does not read. */
int fos_keeper_send_stage(const struct fos_keeper *k, int fd, uint32_t proc);
int fos_keeper_send_sockets(const struct fos_keeper *k, int fd, uint32_t proc);
int fos_keeper_send_observer(const struct fos_keeper *k, int fd);
int fos_keeper_send_word(int fd, uint16_t kind, uint32_t index, const char *text);

/* keeper_spare.c.  spare: a connection offers a process that waits; ready: it is warm; takeover: the
 * lease's holder is dead, a warm spare gets it if it need not wait; look_spares: those that had to, called
 * every 20 ms; dismiss: spares of one PM (NULL: all) are to end. */
int fos_keeper_spare(struct fos_keeper *k, struct fos_keeper_conn *c, uint32_t proc);
void fos_keeper_spare_ready(struct fos_keeper *k, struct fos_keeper_conn *c);
void fos_keeper_takeover(struct fos_keeper *k, uint32_t proc);
void fos_keeper_look_spares(struct fos_keeper *k);
bool fos_keeper_has_spare(const struct fos_keeper *k, uint32_t proc);
void fos_keeper_dismiss(struct fos_keeper *k, const char *pm);
int fos_keeper_send_spare(const struct fos_keeper *k, int fd, uint32_t proc);
int fos_keeper_send_lease(const struct fos_keeper *k, int fd, uint32_t proc);

/* keeper_death.c.  watch: a connection has brought a descriptor that tells of its end; over: it has. */
int fos_keeper_watch(struct fos_keeper *k, struct fos_keeper_conn *c);
void fos_keeper_over(struct fos_keeper *k, struct fos_keeper_conn *c);

/* keeper_failure.c: a PM's process is dead; deaths on one flow are counted (struct fos_death). */
void fos_keeper_failed(struct fos_keeper *k, uint32_t proc);

/* keeper_slow.c: whose handlers do not return gets a low priority; called every 20 ms. */
void fos_keeper_look_slow(struct fos_keeper *k);

/* keeper_haste.c: processors for those who are in a hurry.  first: the keeper; haste: a process has short
 * turns on a processor, or again those of others; look_hasty: ends that, called every 20 ms; no_haste: the
 * holder of a lease is dead, and if a spare has its place it may unmap its memory when there is time. */
#define FOS_KEEPER_HASTE_NS 100000000u
void fos_keeper_first(void);
void fos_keeper_haste(uint32_t pid, bool soon);
void fos_keeper_look_hasty(struct fos_keeper *k);
void fos_keeper_no_haste(const struct fos_keeper *k, uint32_t proc);

/* keeper_pipeline.c: other stages ("a|b,c") of a pipeline for the flows that begin from now on; `leaves`,
 * a PM that is no more among them, lets go of those that live (NULL: none does).  -errno with one line
 * in err. */
int fos_keeper_pipeline(struct fos_keeper *k, const char *name, const char *stages, const char *leaves,
			char *err, size_t err_size);

/* keeper_module.c: another file for a PM (all its lanes), from its next start on.  Checks that it fits
 * the region; -errno with one line in err. */
int fos_keeper_module(struct fos_keeper *k, const char *pm, const char *path, char *err,
		      size_t err_size);

/* keeper_options.c: a PM's options (all its lanes) as the configuration file has them now, from its next
 * start on; with `undo` those before.  -errno with lines in err. */
int fos_keeper_reload(struct fos_keeper *k, const char *pm, bool undo, char *err, size_t err_size);

/* Bytes in the directory's blob, for good; their offset, 0 = no room. */
uint32_t fos_keeper_string(struct fos_keeper *k, const void *bytes, size_t len, size_t room);

/* keeper_listen.c: the control socket.  keeper_serve.c: the loop, until SIGTERM, SIGINT or "stop". */
int fos_keeper_listen(struct fos_keeper *k);
int fos_keeper_serve(struct fos_keeper *k);
void fos_keeper_tell(struct fos_keeper *k, uint32_t proc, uint16_t kind, uint32_t index);

#endif
