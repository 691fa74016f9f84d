/* shm/keeper_serve.c - the control socket: requests are JSON lines, see grant.h
 *
 *   hello     a lease and everything that belongs to it; text of a refusal says why
 *   ready     the stage works; when all have been ready once, packets are taken
 *   attach    read-only view for status and the like
 *   status    {"ok":true,"pid":N,"active":B,"ready":N,"stages":N,"file":"..."}
 *   stopping  the box is about to be stopped: packets go past it from now on
 *   stop      tells every stage to end and ends when they have
 *   store     hands every descriptor to the service manager once more: it is a new one
 *   restart   the keeper ends, to be started again with its descriptors; the box stays
 *   module    {"pm":"web","path":"/x.so"}: from its next start on, the PM is that file
 *   options   {"pm":"web"}: from its next start on, the PM has the options that the configuration file
 *             names now; with "undo":true those before
 *
 * Nothing here waits for a client: one that does not read its answers is disconnected.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/confine.h"
#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/killpoint.h"
#include "shm/notify.h"
#include "shm/proc.h"

#define TICK_NS 20000000L /* offline nobody is to be slowed down: */
#define LONG_TICK_NS 500000000L

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
	(void)number;
	asked_to_stop = 1;
}

/* ------------------------------------------------------------------ answers */

static void drop(struct fos_keeper *k, uint32_t i)
{
	close(k->conn[i]->fd);
	if (k->conn[i]->passed >= 0)
		close(k->conn[i]->passed);
	if (k->conn[i]->death >= 0)
		close(k->conn[i]->death);
	free(k->conn[i]);
	k->conn[i] = k->conn[--k->nr_conns];
}

void fos_keeper_tell(struct fos_keeper *k, uint32_t proc, uint16_t kind, uint32_t index)
{
	for (uint32_t i = 0; i < k->nr_conns; i++)
		if (k->conn[i]->proc == proc)
			fos_keeper_send_word(k->conn[i]->fd, kind, index, "");
}

static int answer(int fd, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	int rc = text ? fos_grant_say(fd, "%s", text) : -ENOMEM;

	free(text);
	json_decref(object);
	return rc;
}

static uint32_t stages(const struct fos_keeper *k, uint32_t *ready)
{
	uint32_t all = 0;

	*ready = 0;
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		all += k->dir->proc[i].role != FOS_ROLE_KEEPER;
		*ready += k->ready[i];
	}
	return all;
}

static int say_status(struct fos_keeper *k, int fd)
{
	uint32_t ready, all = stages(k, &ready);

	return answer(fd, json_pack("{s:b,s:i,s:b,s:i,s:i,s:s}", "ok", 1, "pid", (int)getpid(),
				    "active", k->active, "ready", (int)ready, "stages", (int)all,
				    "file", k->file));
}

/* ------------------------------------------------------------------ requests */

static uint32_t find_proc(const struct fos_dir *dir, const char *name)
{
	for (uint32_t i = 0; name && i < dir->nr_procs; i++)
		if (strcmp(dir->proc[i].name, name) == 0)
			return i;
	return FOS_NONE;
}

static int refuse(int fd, int rc, const char *fmt, const char *name, uint32_t pid)
{
	char text[FOS_GRANT_TEXT];

	snprintf(text, sizeof(text), fmt, name, pid);
	return fos_keeper_send_word(fd, FOS_GRANT_REFUSED, (uint32_t)-rc, text);
}

static bool same_box(const struct fos_keeper *k, const char *box)
{
	char mine[20];

	snprintf(mine, sizeof(mine), "%016llx", (unsigned long long)k->dir->head.box_id);
	return box && strcmp(mine, box) == 0;
}

/* Whoever has been a PM's process runs somebody else's code: it may ask for what is its own, nothing
 * else. */
static bool is_pm(const struct fos_keeper *k, const struct fos_keeper_conn *c)
{
	for (uint32_t i = 0; i < k->nr_conns; i++)
		if (k->conn[i]->pid == c->pid && k->conn[i]->spare != FOS_NONE)
			return true;
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &k->dir->proc[i];

		if (p->role == FOS_ROLE_PM && p->lease.state == FOS_LEASE_GRANTED &&
		    p->lease.pid == c->pid)
			return true;
	}
	return c->pm;
}

static bool may_be(const struct fos_keeper *k, const struct fos_keeper_conn *c, uint32_t proc)
{
	const struct fos_lease *l = &k->dir->proc[proc].lease;

	return l->state == FOS_LEASE_GRANTED && l->pid == c->pid;
}

static int hello(struct fos_keeper *k, struct fos_keeper_conn *c, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "proc"));
	bool resume = json_is_true(json_object_get(request, "resume"));
	uint32_t proc = find_proc(k->dir, name);
	int rc;

	if (proc == FOS_NONE)
		return refuse(c->fd, -EINVAL, "there is no process '%.64s' in this box",
			      name ? name : "", 0);
	if (resume && !same_box(k, json_string_value(json_object_get(request, "box"))))
		return refuse(c->fd, -EPERM, "%s belongs to an earlier box", name, 0);
	if (is_pm(k, c) && !may_be(k, c, proc))
		return refuse(c->fd, -EPERM, "%s is not to be had by a module (pid %u)", name, c->pid);
	if (json_is_true(json_object_get(request, "spare")))
		return fos_keeper_spare(k, c, proc);
	if (!resume && fos_clock_ns() < k->not_before[proc])
		return refuse(c->fd, -EAGAIN, "%s dies again and again: a while before pid %u is it",
			      name, c->pid);
	rc = fos_keeper_lease(k, proc, c->pid, resume);
	if (rc == -EBUSY && json_is_true(json_object_get(request, "or_spare")) &&
	    k->dir->proc[proc].role == FOS_ROLE_PM && k->dir->pm[k->dir->proc[proc].index].spare)
		return fos_keeper_spare(k, c, proc);
	if (rc == -EBUSY && !resume)
		return refuse(c->fd, rc, "%s is running already (pid %u)", name,
			      k->dir->proc[proc].lease.pid);
	if (rc < 0)
		return refuse(c->fd, -EPERM, "%s: no lease for pid %u", name, c->pid);
	c->proc = proc;
	c->pm = k->dir->proc[proc].role == FOS_ROLE_PM;
	/* what a keeper before us has begun */
	c->haste_ns = resume && c->pm;
	fos_killpoint("lease.before_grant");
	if (!resume)
		return fos_keeper_send_stage(k, c->fd, proc);
	rc = fos_keeper_send_word(c->fd, FOS_GRANT_WELCOME, proc, "");
	if (rc == 0)
		rc = fos_keeper_send_word(c->fd, FOS_GRANT_END, 0, "");
	return rc == 0 && k->dir->sockets ? fos_keeper_send_sockets(k, c->fd, proc) : rc;
}

static void set_ready(struct fos_keeper *k, uint32_t proc, uint32_t sockets)
{
	uint32_t ready, all;

	if (proc == FOS_NONE)
		return;
	k->ready[proc] = true;
	k->ready_ns[proc] = fos_clock_ns();
	k->mapped[proc] = sockets;
	if (fos_keeper_bind_sockets(k) < 0)
		return;
	all = stages(k, &ready);
	if (ready < all || k->active || fos_relaxed32(&k->dir->stopping))
		return;
	k->active = true;
	fos_keeper_activate(k);
	fos_notify("STATUS=processing");
}

static void set_stopping(struct fos_keeper *k)
{
	fos_keeper_deactivate(k);
	fos_release32(&k->dir->stopping, 1);
}

static int stop(struct fos_keeper *k, int fd)
{
	set_stopping(k);
	for (uint32_t i = 0; i < k->dir->nr_procs; i++)
		fos_keeper_tell(k, i, FOS_GRANT_STOP, 0);
	k->stop = true;
	return answer(fd, json_pack("{s:b}", "ok", 1));
}

static int set_module(struct fos_keeper *k, int fd, json_t *request)
{
	const char *pm = json_string_value(json_object_get(request, "pm"));
	const char *path = json_string_value(json_object_get(request, "path"));
	char err[512] = "a request for a module names `pm` and `path`";
	int rc = pm && path ? fos_keeper_module(k, pm, path, err, sizeof(err)) : -EINVAL;

	if (rc == 0)
		fos_keeper_dismiss(k, pm); /* they have loaded the old one */
	return answer(fd, rc == 0 ? json_pack("{s:b}", "ok", 1) :
				    json_pack("{s:b,s:s}", "ok", 0, "error", err));
}

static int set_pipeline(struct fos_keeper *k, int fd, json_t *request)
{
	char err[400] = "a request for a pipeline names `name` and `stages`", *name, *st, *out = NULL;
	bool ok = !json_unpack(request, "{s:s,s:s,s?s}", "name", &name, "stages", &st, "leaves", &out) &&
		  fos_keeper_pipeline(k, name, st, out, err, sizeof(err)) == 0;

	return answer(fd, json_pack("{s:b,s:s}", "ok", ok, ok ? "name" : "error", ok ? name : err));
}

static int set_options(struct fos_keeper *k, int fd, json_t *request)
{
	const char *pm = json_string_value(json_object_get(request, "pm"));
	bool undo = json_is_true(json_object_get(request, "undo"));
	char err[400] = "a request for options names `pm`";
	int rc = pm ? fos_keeper_reload(k, pm, undo, err, sizeof(err)) : -EINVAL;

	if (rc == 0)
		fos_keeper_dismiss(k, pm); /* they have opened what the old ones name */
	return answer(fd, rc == 0 ? json_pack("{s:b,s:s}", "ok", 1, "file", k->file) :
				    json_pack("{s:b,s:s}", "ok", 0, "error", err));
}

static int handle(struct fos_keeper *k, struct fos_keeper_conn *c, const char *line)
{
	json_t *request = json_loads(line, 0, NULL);
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	int rc = 0;

	if (cmd && is_pm(k, c) && strcmp(cmd, "hello") != 0 && strcmp(cmd, "ready") != 0 &&
	    strcmp(cmd, "watch") != 0) {
		fos_log(FOS_LOG_WARN, "a module's process (pid %u) asks for '%.16s': refused", c->pid,
			cmd);
		rc = -EPERM;
	} else if (!cmd) {
		rc = answer(c->fd, json_pack("{s:b,s:s}", "ok", 0, "error",
					     "a request is {\"cmd\":...} on one line"));
	} else if (!strcmp(cmd, "hello")) {
		rc = hello(k, c, request);
	} else if (!strcmp(cmd, "ready") && c->spare != FOS_NONE) {
		fos_keeper_spare_ready(k, c);
	} else if (!strcmp(cmd, "ready")) {
		set_ready(k, c->proc, (uint32_t)json_integer_value(
						 json_object_get(request, "sockets")));
		if (c->haste_ns)
			c->haste_ns = fos_clock_ns() + FOS_KEEPER_HASTE_NS;
	} else if (!strcmp(cmd, "watch")) {
		rc = fos_keeper_watch(k, c);
	} else if (!strcmp(cmd, "attach")) {
		rc = fos_keeper_send_observer(k, c->fd);
	} else if (!strcmp(cmd, "status")) {
		rc = say_status(k, c->fd);
	} else if (!strcmp(cmd, "stopping")) {
		set_stopping(k);
		rc = answer(c->fd, json_pack("{s:b}", "ok", 1));
	} else if (!strcmp(cmd, "stop")) {
		rc = stop(k, c->fd);
	} else if (!strcmp(cmd, "store")) {
		fos_keeper_dismiss(k, NULL); /* the new manager starts its own */
		fos_keeper_store(k);
		rc = answer(c->fd, json_pack("{s:b}", "ok", 1));
	} else if (!strcmp(cmd, "restart")) {
		k->again = true;
		rc = answer(c->fd, json_pack("{s:b}", "ok", 1));
	} else if (!strcmp(cmd, "module")) {
		rc = set_module(k, c->fd, request);
	} else if (!strcmp(cmd, "pipeline")) {
		rc = set_pipeline(k, c->fd, request);
	} else if (!strcmp(cmd, "options")) {
		rc = set_options(k, c->fd, request);
	} else {
		rc = answer(c->fd, json_pack("{s:b,s:s}", "ok", 0, "error",
					     "cmd is one of hello, ready, attach, status, "
					     "stopping, stop, store, restart, module, "
					     "pipeline, options"));
	}
	json_decref(request);
	return rc;
}

/* Reads what there is and handles whole lines; false = the connection is over. */
static bool hear(struct fos_keeper *k, struct fos_keeper_conn *c)
{
	int passed;
	ssize_t n = fos_grant_hear(c->fd, c->line + c->len, sizeof(c->line) - 1 - c->len, &passed);
	char *end;

	if (passed >= 0) {
		if (c->passed >= 0)
			close(c->passed);
		c->passed = passed;
	}

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	c->len += (size_t)n;
	c->line[c->len] = 0;
	while ((end = memchr(c->line, '\n', c->len)) != NULL) {
		*end = 0;
		if (handle(k, c, c->line) < 0)
			return false;
		c->len -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->len + 1);
	}
	return c->len < sizeof(c->line) - 1;
}

/* ------------------------------------------------------------------ connections */

/* Root, our own user, and (where we are not in root's group) our group: stages that run as users of
 * their own. */
static bool trusted(const struct fos_keeper *k, const struct ucred *peer)
{
	if (peer->uid == 0 || peer->uid == geteuid() ||
	    (getegid() != 0 && peer->gid == getegid()))
		return true;
	/* a PM host that gave up its user after it had its lease, and lost its connection */
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &k->dir->proc[i];

		if (p->role == FOS_ROLE_PM && p->lease.state == FOS_LEASE_GRANTED &&
		    p->lease.pid == (uint32_t)peer->pid &&
		    peer->uid == FOS_CONFINE_UID + i)
			return true;
	}
	return false;
}

static void welcome(struct fos_keeper *k)
{
	int fd = accept4(k->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	struct fos_keeper_conn *c;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    !trusted(k, &peer) || k->nr_conns >= FOS_KEEPER_CONNS) {
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->pid = (uint32_t)peer.pid;
	c->proc = c->spare = FOS_NONE;
	c->passed = c->death = -1;
	k->conn[k->nr_conns++] = c;
}

/* ------------------------------------------------------------------ the loop */

static uint32_t collect(const struct fos_keeper *k, struct pollfd *p)
{
	uint32_t n = 0;

	p[n++] = (struct pollfd){.fd = k->listen_fd, .events = POLLIN};
	for (uint32_t i = 0; i < k->dir->nr_procs; i++)
		p[n++] = (struct pollfd){.fd = k->pidfd[i], .events = POLLIN};
	for (uint32_t i = 0; i < k->nr_conns; i++)
		p[n++] = (struct pollfd){.fd = k->conn[i]->fd, .events = POLLIN};
	/* a stopped box has gone when its processes have, memory and all */
	for (uint32_t i = 0; i < k->nr_conns; i++)
		p[n++] = (struct pollfd){.fd = k->stop ? -1 : k->conn[i]->death};
	return n;
}

static void look(struct fos_keeper *k, const struct pollfd *p)
{
	uint32_t nr_procs = k->dir->nr_procs, nr_conns = k->nr_conns;

	for (uint32_t i = 0; i < nr_procs; i++)
		if (p[1 + i].revents && p[1 + i].fd == k->pidfd[i])
			fos_keeper_dead(k, i);
	/* not before: a pidfd that is opened may have the number of one that was looked at */
	for (uint32_t i = 0; i < nr_conns; i++)
		if (p[1 + nr_procs + nr_conns + i].revents)
			fos_keeper_over(k, k->conn[i]);
	/* backwards: dropping one moves the last into its place, which has been looked at */
	for (uint32_t i = nr_conns; i-- > 0;)
		if (p[1 + nr_procs + i].revents && !hear(k, k->conn[i]))
			drop(k, i);
	if (p[0].revents)
		welcome(k);
}

static bool anyone_left(const struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_procs; i++)
		if (k->pidfd[i] >= 0)
			return true;
	return false;
}

int fos_keeper_serve(struct fos_keeper *k)
{
	static struct pollfd p[1 + FOS_MAX_PROCS + 2 * FOS_KEEPER_CONNS];
	struct sigaction stop_action = {.sa_handler = on_signal};
	const struct timespec tick = {.tv_nsec = k->dir->offline ? LONG_TICK_NS : TICK_NS};
	uint64_t give_up = 0, told = 0;
	int rc = 0;
	sigset_t block, before;

	/* signals arrive inside ppoll() only, so none slips in between look and wait */
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &before);
	sigdelset(&before, SIGTERM);
	sigdelset(&before, SIGINT);
	sigaction(SIGTERM, &stop_action, NULL);
	sigaction(SIGINT, &stop_action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!k->dir->offline)
		fos_keeper_first();
	while (!asked_to_stop) {
		uint32_t n = collect(k, p);
		uint64_t now = fos_clock_ns();

		fos_relaxed_store64(&k->dir->head.heartbeat_ns, now);
		if (fos_notify_watchdog_ns() && now > told + LONG_TICK_NS) {
			fos_notify("WATCHDOG=1");
			told = now;
		}
		if (ppoll(p, n, &tick, &before) > 0)
			look(k, p);
		if (!k->dir->offline) {
			fos_keeper_look_slow(k);
			fos_keeper_look_hasty(k);
			fos_keeper_look_spares(k);
		}
		/* the first time it is a matter of the configuration or the machine */
		if (k->bind_failed && (!k->active || fos_keeper_renew_sockets(k) < 0)) {
			rc = -EIO;
			break;
		}
		if (k->stop && give_up == 0)
			give_up = fos_clock_ns() + 5000000000ull;
		if (k->again || (k->stop && (!anyone_left(k) || fos_clock_ns() > give_up)))
			break;
	}
	if (k->again)
		return 0;
	fos_notify("STOPPING=1");
	while (k->nr_conns > 0)
		drop(k, k->nr_conns - 1);
	return rc;
}
