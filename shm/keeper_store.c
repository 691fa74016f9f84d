/* shm/keeper_store.c - the keeper's descriptors in the service manager's store
 *
 * Everything that must outlive the keeper is a descriptor with a name; the directory region says
 * how many of each there are.  A keeper that was restarted either finds all of them and goes on
 * where its predecessor was killed, or (killed while creating them) starts anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/keeper.h"
#include "shm/notify.h"
#include "shm/proc.h"
#include "shm/region.h"

typedef void (*visit_fn)(void *arg, const char *name, int *fd);

static void visit(visit_fn fn, void *arg, int *fd, const char *fmt, uint32_t a, uint32_t b)
{
	char name[FOS_NOTIFY_NAME_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), fmt, a, b);
#pragma GCC diagnostic pop
	fn(arg, name, fd);
}

static void visit_port(struct fos_keeper *k, uint32_t i, visit_fn fn, void *arg)
{
	struct fos_keeper_port *p = &k->port[i];

	/* with a number they are the stages' as long as they live; a new keeper makes new ones */
	for (uint32_t q = 0; q < k->dir->port[i].nr_queues && !k->dir->sockets; q++) {
		visit(fn, arg, &p->rx[q], "rx.%u.%u", i, q);
		visit(fn, arg, &p->tx[q], "tx.%u.%u", i, q);
	}
	visit(fn, arg, &p->steer.prog_fd, "prog.%u", i, 0);
	visit(fn, arg, &p->steer.link_fd, "link.%u", i, 0);
	visit(fn, arg, &p->steer.xsks_fd, "xsks.%u", i, 0);
	visit(fn, arg, &p->steer.counters_fd, "counters.%u", i, 0);
	/* all ports share the first one's; the manager would keep only one of them anyway */
	if (i > 0)
		return;
	visit(fn, arg, &p->steer.edited_fd, "edited", 0, 0);
	visit(fn, arg, &p->steer.owned_fd, "owned", 0, 0);
}

/* Every descriptor of the box in turn; k->dir is there. */
static void visit_all(struct fos_keeper *k, visit_fn fn, void *arg)
{
	for (uint32_t i = 0; i < k->dir->nr_regions; i++)
		visit(fn, arg, &k->region[i], "region.%u", i, 0);
	for (uint32_t i = 0; i < k->dir->nr_rings; i++)
		visit(fn, arg, &k->bell[i], "bell.%u", i, 0);
	for (uint32_t i = 0; i < k->dir->nr_ports && !k->dir->offline; i++)
		visit_port(k, i, fn, arg);
}

/* There or not: promiscuous mode is not every port's, and a keeper listens anew if need be. */
static void visit_more(struct fos_keeper *k, visit_fn fn, void *arg)
{
	for (uint32_t i = 0; i < k->dir->nr_ports; i++)
		visit(fn, arg, &k->port[i].promisc, "promisc.%u", i, 0);
	visit(fn, arg, &k->listen_fd, "listen", 0, 0);
}

/* ------------------------------------------------------------------ storing */

static void keep(void *arg, const char *name, int *fd)
{
	int rc = *fd >= 0 ? fos_notify_keep(name, *fd) : 0;

	(void)arg;
	if (rc < 0)
		fos_log(FOS_LOG_WARN, "the service manager does not keep descriptor %s: %s; "
			"a crash of the keeper will not be survived", name, strerror(-rc));
}

void fos_keeper_store(const struct fos_keeper *k)
{
	struct fos_keeper copy = *k;

	if (!getenv("NOTIFY_SOCKET"))
		return;
	visit_all(&copy, keep, NULL);
	visit_more(&copy, keep, NULL);
}

/* ------------------------------------------------------------------ adopting */

struct shelf {
	struct fos_notify_fd *fd;
	int nr;
	uint32_t missing;
};

/* The newest of that name, -1 = none: a name is there twice when an old box was replaced. */
static int find(const struct shelf *s, const char *name)
{
	for (int i = s->nr; i-- > 0;)
		if (s->fd[i].fd >= 0 && strcmp(s->fd[i].name, name) == 0)
			return i;
	return -1;
}

static void take(void *arg, const char *name, int *fd)
{
	struct shelf *s = arg;
	int i = find(s, name);

	*fd = i < 0 ? -1 : s->fd[i].fd;
	if (i < 0)
		s->missing++;
	else
		s->fd[i].fd = -1;
}

static bool map_directory(struct fos_keeper *k)
{
	struct fos_map m;

	if (k->region[0] < 0 ||
	    fos_region_map(k->region[0], sizeof(struct fos_dir), true, false, &m) < 0)
		return false;
	k->dir = (void *)m.base;
	if (k->dir->head.magic == FOS_LAYOUT_MAGIC &&
	    k->dir->head.version == FOS_LAYOUT_VERSION &&
	    k->dir->head.kind == FOS_REGION_DIR)
		return true;
	fos_region_unmap(&m);
	k->dir = NULL;
	return false;
}

/* Whatever was not taken is closed, and the manager told to forget it. */
static void clear(struct shelf *s, bool forget)
{
	for (int i = 0; i < s->nr; i++) {
		if (s->fd[i].fd < 0)
			continue;
		close(s->fd[i].fd);
		if (forget)
			fos_notify_forget(s->fd[i].name);
	}
	free(s->fd);
}

static void give_up(void *arg, const char *name, int *fd)
{
	(void)arg;
	if (*fd >= 0) {
		close(*fd);
		fos_notify_forget(name);
	}
	*fd = -1;
}

static int reopen_regions(struct fos_keeper *k)
{
	int rc = 0;

	for (uint32_t i = 0; i < k->dir->nr_regions && rc == 0; i++) {
		k->region_ro[i] = fos_region_reopen(k->region[i]);
		if (k->region_ro[i] < 0)
			rc = k->region_ro[i];
		else if (k->dir->region[i].kind == FOS_REGION_PACKETS)
			rc = fos_region_map(k->region[i], k->dir->region[i].size, true, false,
					    &k->packets);
	}
	return rc;
}

static void share_maps(struct fos_keeper *k)
{
	for (uint32_t i = 1; i < k->dir->nr_ports && !k->dir->offline; i++) {
		k->port[i].steer.edited_fd = fcntl(k->port[0].steer.edited_fd, F_DUPFD_CLOEXEC, 3);
		k->port[i].steer.owned_fd = fcntl(k->port[0].steer.owned_fd, F_DUPFD_CLOEXEC, 3);
	}
}

static void learn_socket(struct fos_keeper *k)
{
	struct sockaddr_un sa;
	socklen_t len = sizeof(sa);

	memset(&sa, 0, sizeof(sa));
	if (getsockname(k->listen_fd, (struct sockaddr *)&sa, &len) == 0)
		snprintf(k->socket, sizeof(k->socket), "%.*s", (int)sizeof(sa.sun_path) - 1,
			 sa.sun_path);
}

int fos_keeper_adopt(struct fos_keeper *k)
{
	struct shelf s = {0};
	uint32_t missing;
	bool over;
	int dir;

	s.nr = fos_notify_kept(&s.fd);
	dir = find(&s, "region.0");
	k->region[0] = dir < 0 ? -1 : s.fd[dir].fd;
	if (s.nr == 0)
		return 0;
	if (!map_directory(k)) {
		k->region[0] = -1;
		clear(&s, true);
		return 0;
	}
	visit_all(k, take, &s);
	missing = s.missing;
	visit_more(k, take, &s);
	s.missing = missing;
	/* one that was told to stop is over: the manager restarts the whole box */
	over = fos_relaxed32(&k->dir->stopping) != 0;
	if (!over && s.missing == 0 && reopen_regions(k) == 0) {
		clear(&s, false);
		share_maps(k);
		learn_socket(k);
		return 1;
	}
	if (!over)
		fos_log(FOS_LOG_WARN, "%u descriptors of the last box are missing: starting anew",
			s.missing);
	visit_more(k, give_up, NULL);
	visit_all(k, give_up, NULL);
	clear(&s, true);
	fos_notify_barrier(); /* the last of the old program and sockets are the manager's */
	k->dir = NULL;
	return 0;
}
