/* super.h - the service manager inside `flowosctl run`: children, readiness, fd store, restarts
 *
 * Speaks the manager's side of sd_notify over RUN_DIR/notify.sock, so stages and keeper have one
 * code path here and under systemd.  One thread; every call may handle events.
 */
#ifndef FOS_DEPLOY_CTL_SUPER_H
#define FOS_DEPLOY_CTL_SUPER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "deploy/ctl/ctl.h"

#define FOS_SUPER_CHILDREN FOS_MAX_PROCS
#define FOS_SUPER_ARGS 10

struct fos_child {
	char name[FOS_NAME_MAX]; /* as the directory has it; "keeper" */
	char *argv[FOS_SUPER_ARGS]; /* owned; argv[0] is the program's path */
	struct fos_child *spare_of; /* it waits for that one's lease; NULL = it is no spare */
	bool foreign;   /* not one of FlowOS's programs: it may have said nothing at its end */
	bool keeps_fds; /* is handed the store when it starts again */
	pid_t pid;      /* 0 = not running */
	int pidfd;      /* of an adopted process, which is no child of ours; -1 = it is one */
	bool ready;     /* said READY=1 in this life */
	bool was_ready; /* in some life */
	bool stopping;  /* its end is wanted */
	int status;     /* of the last exit, as waitpid() gives it */
	uint64_t ready_ns;
	uint64_t alive_ns; /* last WATCHDOG=1 */
	uint64_t late_cpu_ns; /* processor time that it had used when it began to be late; 0 = it is not */
	uint64_t again_ns; /* when it is started again */
	uint32_t quick;    /* deaths in a row soon after being ready */
	uint32_t restarts;
};

struct fos_super {
	struct fos_child child[FOS_SUPER_CHILDREN];
	uint32_t nr_children;
	char notify[PATH_MAX];
	int notify_fd;
	int signal_fd;
	const char *keeper;   /* its socket */
	uint64_t watchdog_ns; /* 0 = none */
	uint64_t looked_ns;   /* when the watchdogs were looked at last */
	bool interrupted;     /* SIGINT or SIGTERM came, or the keeper was told to stop */
	bool keeper_active;   /* STATUS=processing */
	bool give_up;         /* offline: a stage that fails is not started again */
	struct fos_child *failed; /* failed before it was ever ready, or may not be restarted */
	struct {
		char name[32];
		int fd;
	} *store;
	uint32_t nr_store;
};

/* Opens the notify socket in run_dir and takes SIGINT, SIGTERM, SIGCHLD.  0 or -errno, reported. */
int fos_super_init(struct fos_super *s, const char *run_dir);
void fos_super_fini(struct fos_super *s);

/* Adds a child and starts it.
 * A program without '/' is looked for beside flowosctl.  args end with NULL. */
struct fos_child *fos_super_add(struct fos_super *s, const char *name, const char *program,
				const char *const *args);

/* Adds a warm spare of a child and starts it (--spare).  When the child dies and the spare is ready, the
 * keeper has given it the lease: it becomes the child, and another spare is started. */
struct fos_child *fos_super_add_spare(struct fos_super *s, struct fos_child *of, const char *program,
				      const char *const *args);

/* The same for a process that runs already: a supervisor before us started it and was killed.  When
 * it ends it is started anew, as our own.  False: it is not there any more; then it has been started. */
bool fos_super_adopt(struct fos_super *s, const char *name, const char *program,
		     const char *const *args, pid_t pid, bool ready);

/* Handles what happens within timeout_ms: messages, deaths, restarts that are due, watchdogs. */
void fos_super_step(struct fos_super *s, int timeout_ms);

/* Asks a child to end; it is not started again. */
void fos_super_ask(struct fos_super *s, struct fos_child *c);

/* The same, and waits for it; kills it after timeout_ms. */
void fos_super_stop(struct fos_super *s, struct fos_child *c, int timeout_ms);

struct fos_child *fos_super_find(struct fos_super *s, const char *name);

/* super_notify.c: reads every message there is. */
void fos_super_hear(struct fos_super *s);
/* Takes a descriptor into the store (it is the store's then); false: no memory. */
bool fos_super_keep(struct fos_super *s, const char *name, int fd);
void fos_super_clear_store(struct fos_super *s);

#endif
