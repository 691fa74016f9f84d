/* shm/proc_main.c - the main() of every stage: arguments, the keeper's grant, and the end
 *
 * The loop itself is in shm/proc_run.c.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/confine.h"
#include "shm/killpoint.h"
#include "shm/node.h"
#include "shm/notify.h"
#include "shm/proc_run.h"
#include "shm/region.h"

#define PATIENCE_MS 20000 /* for the keeper to be there, to answer, and for the old lease to end */
#define RETRY_NS 10000000

static int usage(const struct fos_proc_hooks *hooks, FILE *to, int status)
{
	fprintf(to, "usage: %s --keeper SOCKET --proc NAME [--spare|--or-spare]\n"
		    "A stage of FlowOS; `flowosctl run` starts it.\n", hooks->program);
	return status;
}

static int parse(struct fos_run *r, int argc, char **argv)
{
	static const struct option option[] = {
		{"keeper", required_argument, NULL, 'k'},
		{"proc", required_argument, NULL, 'p'},
		{"spare", no_argument, NULL, 's'},
		{"or-spare", no_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", option, NULL)) != -1) {
		if (c == 'k')
			r->keeper = optarg;
		else if (c == 'p')
			r->name = optarg;
		else if (c == 's')
			r->spare = true;
		else if (c == 'o')
			r->or_spare = true;
		else
			return usage(r->p->hooks, c == 'h' ? stdout : stderr, c == 'h' ? 0 : 2);
	}
	/* a program with a main() of its own, and with arguments of its own, is told by these */
	if (!r->keeper && !r->name) {
		r->keeper = getenv("FLOWOS_KEEPER");
		r->name = getenv("FLOWOS_PROC");
		r->spare = getenv("FLOWOS_SPARE") != NULL;
	}
	if (!r->keeper || !r->name || optind < argc)
		return usage(r->p->hooks, stderr, 2);
	return -1;
}

/* ------------------------------------------------------------------ the grant */

/* Asks for the lease until the keeper is there and the predecessor certainly gone. */
static int take_grant(struct fos_run *r, char *err, size_t err_size)
{
	uint64_t give_up = fos_clock_ns() + PATIENCE_MS * 1000000ull;
	struct timespec pause = {.tv_nsec = RETRY_NS};
	int rc;

	for (;;) {
		rc = r->control = fos_grant_connect(r->keeper);
		if (rc >= 0) {
			rc = fos_grant_say(r->control, "{\"cmd\":\"hello\",\"proc\":\"%s\"%s}",
					   r->name, r->spare ? ",\"spare\":true" :
					   r->or_spare ? ",\"or_spare\":true" : "");
			if (rc == 0)
				rc = fos_grant_receive(r->control, PATIENCE_MS, &r->grant, err, err_size);
			if (rc == 0) {
				/* no lease begins with 0: another process has it, we are to wait */
				r->spare |= r->or_spare && r->grant->generation == 0;
				return 0;
			}
			close(r->control);
			r->control = -1;
		} else {
			snprintf(err, err_size, "cannot reach the keeper at %s: %s; is it running?",
				 r->keeper, strerror(-rc));
		}
		if (rc == -EPERM || rc == -EBUSY || *r->stop || fos_clock_ns() > give_up)
			return rc;
		nanosleep(&pause, NULL);
	}
}

/* Regions that this process looks at: its lane's, those of every ingress, and all for ingress. */
static bool concerns(const struct fos_dir *dir, uint32_t self, uint32_t proc)
{
	const struct fos_dir_proc *me = &dir->proc[self], *q = &dir->proc[proc];

	return q->role == FOS_ROLE_KEEPER || q->role == FOS_ROLE_INGRESS ||
	       me->role == FOS_ROLE_INGRESS || q->lane == me->lane;
}

static int map_directory(struct fos_run *r, char *err, size_t err_size)
{
	struct fos_map *m = &r->p->box.region[0];
	const struct fos_region_head *h;
	int rc = fos_region_map(r->grant->region[0], FOS_REGION_HEAD_SIZE, false, false, m);

	if (rc < 0) {
		snprintf(err, err_size, "cannot map the directory: %s", strerror(-rc));
		return rc;
	}
	h = (const void *)m->base;
	if (h->magic != FOS_LAYOUT_MAGIC || h->version != FOS_LAYOUT_VERSION ||
	    m->size < sizeof(struct fos_dir)) {
		snprintf(err, err_size,
			 "the keeper's layout version is %u, this program's is %u: "
			 "use binaries of one build", h->version, FOS_LAYOUT_VERSION);
		return -EPROTO;
	}
	r->p->box.dir = (const void *)m->base;
	r->p->box.self = r->grant->proc;
	if (r->grant->proc >= r->p->box.dir->nr_procs ||
	    strcmp(r->p->box.dir->proc[r->grant->proc].name, r->name) != 0) {
		snprintf(err, err_size, "the keeper granted another process's lease");
		return -EPROTO;
	}
	return 0;
}

static int map_regions(struct fos_run *r, char *err, size_t err_size)
{
	struct fos_box *box = &r->p->box;
	int rc = map_directory(r, err, err_size);

	for (uint32_t i = 1; rc == 0 && i < box->dir->nr_regions; i++) {
		const struct fos_dir_region *d = &box->dir->region[i];
		bool own = i == box->dir->proc[box->self].region;

		if (!concerns(box->dir, box->self, d->proc))
			continue;
		rc = fos_region_map(r->grant->region[i], d->size, r->grant->writable[i],
				    own && !r->spare && !box->dir->offline, &box->region[i]);
		if (rc < 0)
			snprintf(err, err_size, "cannot map region %s: %s", d->name,
				 strerror(-rc));
	}
	/* what is mapped needs no descriptor, and a descriptor left open could be reopened */
	for (uint32_t i = 0; i < FOS_MAX_REGIONS; i++) {
		if (r->grant->region[i] >= 0)
			close(r->grant->region[i]);
		r->grant->region[i] = -1;
	}
	return rc;
}

/* A capture's stages end with it, and nobody but their user started them. */
static bool confined(const struct fos_run *r)
{
	return r->p->hooks->prepare && !r->p->offline;
}

/* Offline ingress waits for all to rest, and all for its clock: without these bells each of them would
 * sleep its longest, every batch. */
static bool can_wake(const struct fos_run *r)
{
	for (uint32_t i = 0; i < FOS_MAX_PROCS; i++)
		if (r->grant->wake[i] >= 0)
			return true;
	return !r->p->offline;
}

static int attach(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	char err[512] = "";
	int rc = take_grant(r, err, sizeof(err));

	r->taken = rc == -EBUSY;
	if (rc == 0)
		rc = map_regions(r, err, sizeof(err));
	if (rc == 0)
		rc = fos_proc_bind(p, p->hooks, err, sizeof(err));
	if (rc == 0 && !can_wake(r)) {
		snprintf(err, sizeof(err), "the keeper has granted no doorbell to wake the others by");
		rc = -EPROTO;
	}
	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "%s: %s", r->name ? r->name : "?", err);
		return rc;
	}
	fos_node_run_at(p->box.region[p->dir->proc[p->box.self].region].base);
	p->fds = r->grant->fds;
	/* what a ring is asked for, no filter of system calls sees */
	p->loop = fos_loop_create(!confined(r));
	rc = p->loop ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < p->nr_cons && rc == 0; i++)
		if (r->grant->bell[p->cons[i].id] >= 0)
			rc = fos_loop_watch(p->loop, r->grant->bell[p->cons[i].id], true);
	if (rc == 0)
		rc = fos_loop_watch(p->loop, r->control, false);
	if (rc < 0)
		fos_log(FOS_LOG_ERROR, "%s: cannot watch its doorbells: %s", r->name, strerror(-rc));
	return rc;
}

/* ------------------------------------------------------------------ main */

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
	(void)number;
	asked_to_stop = 1;
}

static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void release(struct fos_run *r)
{
	struct fos_proc *p = r->p;

	fos_loop_destroy(p->loop);
	p->loop = NULL;
	fos_proc_unbind(p);
	for (uint32_t i = 0; i < FOS_MAX_REGIONS; i++)
		fos_region_unmap(&p->box.region[i]);
	if (r->grant)
		fos_grant_close(r->grant);
	free(r->grant);
	if (r->control >= 0)
		close(r->control);
	free(p);
}

int fos_proc_main(int argc, char **argv, const struct fos_proc_hooks *hooks, void *state)
{
	struct fos_run r = {.control = -1, .stop = &asked_to_stop};
	bool failed;
	int rc;

	fos_log_program(hooks->program);
	r.p = calloc(1, sizeof(*r.p));
	if (!r.p || !state) {
		fos_log(FOS_LOG_ERROR, "no memory to start with");
		free(r.p);
		return 1;
	}
	r.p->hooks = hooks;
	r.p->state = state;
	rc = parse(&r, argc, argv);
	if (rc >= 0) {
		free(r.p);
		return rc;
	}
	catch_signals();
	rc = attach(&r);
	if (rc == 0)
		fos_killpoint_arm(r.p->me->name, r.p->offline, r.grant->generation);
	if (rc == 0 && confined(&r)) {
		r.p->hooks->prepare(r.p);
		rc = fos_confine(r.p->box.self, &r.keeper, r.control);
	}
	if (rc == 0 && r.spare)
		rc = fos_proc_spare(&r);
	if (rc == 0)
		rc = fos_proc_run(&r);
	failed = (rc < 0 && rc != -ECANCELED) || r.p->failed;
	release(&r);
	return r.taken ? FOS_PROC_TAKEN : failed;
}
