/* NAME
 *	flowos-keeper - create what the processes of a box share, and hold it
 * SYNOPSIS
 *	flowos-keeper FILE [--read CAPTURE [--write CAPTURE]] [--socket PATH]
 * DESCRIPTION
 *	Reads and checks the configuration FILE, reads what the PM files say of themselves, lays out
 *	and creates all regions and doorbells, opens the AF_XDP sockets, attaches the XDP program, and
 *	hands descriptors out to the stages over RUN_DIR/control.sock (or PATH).  It grants each
 *	process slot to one process at a time and wakes the neighbours of one that died.  No packet
 *	passes through it.  With --read no network is touched and no privilege is needed.
 * READS
 *	FILE; PM files; leases of its predecessor
 * WRITES
 *	the directory region: everything at the start, later leases and `stopping`
 * ON CRASH
 *	the stages go on.  Its descriptors are in the service manager's store; restarted with them
 *	($LISTEN_FDS) it goes on where it was, otherwise the box starts anew.
 * SIGNALS
 *	TERM, INT: ends; closing the last descriptor detaches the XDP program
 * DIAGNOSTICS
 *	one line each: no such device, a privilege that lacks, another XDP program, not enough
 *	hugepages where they are required, a PM of another ABI, a keeper that runs already
 * CONFIGURATION
 *	all of it
 * BUGS
 *	the configuration is read once, but for the options of PMs (flowosctl reload); any other change
 *	needs a restart of the box
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/build.h"
#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/killpoint.h"
#include "shm/notify.h"
#include "shm/proc.h"

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: flowos-keeper FILE [--read CAPTURE [--write CAPTURE]] "
		    "[--socket PATH]\n");
	return status;
}

/* -1 = go on */
static int parse(struct fos_keeper *k, int argc, char **argv)
{
	static const struct option option[] = {
		{"read", required_argument, NULL, 'r'},
		{"write", required_argument, NULL, 'w'},
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", option, NULL)) != -1) {
		if (c == 'r')
			k->input = optarg;
		else if (c == 'w')
			k->output = optarg;
		else if (c == 's' && strlen(optarg) < sizeof(k->socket))
			snprintf(k->socket, sizeof(k->socket), "%s", optarg);
		else
			return usage(c == 'h' ? stdout : stderr, c == 'h' ? 0 : 2);
	}
	if (optind + 1 != argc || (k->output && !k->input))
		return usage(stderr, 2);
	k->file = argv[optind];
	return -1;
}

static void fill(int *fd, size_t nr)
{
	while (nr > 0)
		fd[--nr] = -1;
}

static void set_empty(struct fos_keeper *k)
{
	static const struct fos_steer none = {-1, -1, -1, -1, -1, -1};

	fill(k->region, FOS_MAX_REGIONS);
	fill(k->region_ro, FOS_MAX_REGIONS);
	fill(k->bell, FOS_MAX_RINGS);
	fill(k->pidfd, FOS_MAX_PROCS);
	for (uint32_t i = 0; i < FOS_MAX_PORTS; i++) {
		k->port[i].steer = none;
		k->port[i].promisc = -1;
		fill(k->port[i].rx, FOS_MAX_QUEUES);
		fill(k->port[i].tx, FOS_MAX_QUEUES);
	}
	k->listen_fd = -1;
}

/* The directory in which the socket lies; made if it is not there. */
static int make_run_dir(const struct fos_keeper *k)
{
	char dir[sizeof(k->socket)], *slash;

	snprintf(dir, sizeof(dir), "%s", k->socket);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	if (mkdir(dir, 0755) == 0 || errno == EEXIST)
		return 0;
	fos_log(FOS_LOG_ERROR, "cannot create the run directory %s: %s; `mkdir -p %s`, or name "
		"another as box.run_dir", dir, strerror(errno), dir);
	return -errno;
}

static int create(struct fos_keeper *k)
{
	struct fos_dir *draft = calloc(1, sizeof(*draft));
	char err[256];
	int rc = draft ? fos_keeper_configure(k, draft) : -ENOMEM;

	if (!draft)
		fos_log(FOS_LOG_ERROR, "%s: out of memory", k->file);
	if (rc == 0)
		rc = fos_keeper_inspect(k, draft);
	if (rc == 0) {
		rc = fos_build_plan(draft, err, sizeof(err));
		if (rc < 0)
			fos_log(FOS_LOG_ERROR, "%s: %s", k->file, err);
	}
	if (rc == 0)
		rc = make_run_dir(k);
	if (rc == 0)
		rc = fos_keeper_listen(k);
	if (rc == 0)
		rc = fos_keeper_create(k, draft);
	if (rc == 0)
		rc = fos_keeper_open_net(k);
	/* not before: what fails is to be the only line */
	if (rc == 0 && k->pages_warning[0])
		fos_log(FOS_LOG_WARN, "%s", k->pages_warning);
	free(draft);
	return rc;
}

/* A keeper that was asked to end took its socket away, but the manager kept the listening end. */
static int listen_again(struct fos_keeper *k)
{
	int rc;

	if (k->listen_fd >= 0 && (!k->socket[0] || access(k->socket, F_OK) == 0))
		return 0;
	if (k->listen_fd >= 0)
		close(k->listen_fd);
	k->listen_fd = -1;
	rc = make_run_dir(k);
	if (rc == 0)
		rc = fos_keeper_listen(k);
	if (rc == 0) {
		fos_notify_forget("listen");
		fos_notify_keep("listen", k->listen_fd);
	}
	return rc;
}

static void take_own_lease(struct fos_keeper *k)
{
	struct fos_lease *l = &k->dir->proc[0].lease;

	l->restarts += l->generation > 0;
	l->generation++;
	l->pid = (uint32_t)getpid();
	k->dir->head.pid = l->pid;
	/* pairs with the acquire of observers */
	fos_release32(&l->state, FOS_LEASE_GRANTED);
}

int main(int argc, char **argv)
{
	struct fos_keeper *k = calloc(1, sizeof(*k));
	int rc;

	fos_log_program("flowos-keeper");
	if (!k) {
		fos_log(FOS_LOG_ERROR, "no memory to start with");
		return EXIT_FAILURE;
	}
	set_empty(k);
	rc = parse(k, argc, argv);
	if (rc >= 0) {
		free(k);
		return rc;
	}
	fos_grant_raise_limit();
	/* the variable is for tests: as if the kernel were an old one */
	k->sg = !getenv("FLOWOS_ONE_BUFFER") && fos_xsk_has_sg();
	if (fos_keeper_adopt(k)) {
		fos_keeper_recheck_leases(k);
		rc = listen_again(k);
		if (rc == 0 && k->dir->sockets)
			rc = fos_keeper_renew_sockets(k);
	} else {
		rc = create(k);
		if (rc == 0)
			fos_keeper_store(k);
	}
	if (rc == 0) {
		take_own_lease(k);
		rc = fos_notify_ready("\nSTATUS=waiting for the stages");
	}
	if (rc == 0) {
		fos_killpoint_arm("keeper", k->dir->offline != 0, k->dir->proc[0].lease.generation);
		fos_killpoint_ready();
		rc = fos_keeper_serve(k);
	}
	if (k->listen_fd >= 0 && k->socket[0] && !k->again)
		unlink(k->socket);
	free(k);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
