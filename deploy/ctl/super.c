/* super.c - children: start, watch, start again; see super.h */
#define _GNU_SOURCE
#include "deploy/ctl/super.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/proc.h"
#include "shm/starved.h"

#define MS 1000000ull
#define QUICK_NS (200 * MS) /* a life after READY=1 shorter than this counts as a quick death */
#define FREE_RESTARTS 3u    /* quick deaths that cost no waiting */
#define BACKOFF_NS (10 * MS)
#define BACKOFF_MAX_NS (2000 * MS)
#define PM_WATCHDOG_NS (2000 * MS)
#define STARVED 4u /* times as long has who is kept waiting by the machine */
#define AWAY_NS (1000 * MS) /* between two looks: we have not run ourselves */
#define SPARE_REST_NS (500 * MS)
#define FIRST_FD 3
#define HOPELESS 20u /* quick deaths in a row that end an offline run */

/* ------------------------------------------------------------------ starting */

/* Stages are handed the store as well, to hold and nothing else: it lives as long as one of them
 * (salvage.c).  Not PMs, which run what is not ours; nor the listening socket, which would answer for a
 * keeper that is dead. */
static bool holds(const struct fos_super *s, const struct fos_child *c)
{
	return c->keeps_fds || (!s->give_up && strncmp(c->name, "pm.", 3) != 0);
}

static void set_store(const struct fos_super *s, const struct fos_child *c)
{
	size_t room = s->nr_store * sizeof(s->store[0].name) + 1, at = 0;
	char *names = calloc(1, room), number[16];
	int *high = calloc(s->nr_store + 1, sizeof(*high)), nr = 0;

	for (uint32_t i = 0; names && high && i < s->nr_store; i++) {
		if (!c->keeps_fds && !strcmp(s->store[i].name, "listen"))
			continue;
		/* out of the way first: a descriptor may sit where another belongs */
		high[nr] = fcntl(s->store[i].fd, F_DUPFD, FIRST_FD + (int)s->nr_store);
		at += (size_t)snprintf(names + at, room - at, "%s%s", nr ? ":" : "",
				       s->store[i].name);
		nr++;
	}
	for (int i = 0; names && high && i < nr; i++) {
		dup2(high[i], FIRST_FD + i);
		close(high[i]);
	}
	snprintf(number, sizeof(number), "%d", nr);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names ? names : "", 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	/* the keeper's first argument: whose box it is */
	setenv("FLOWOS_FILE", s->child[0].argv[1], 1);
}

/* How long a child may be silent: a PM's module is not ours to vouch for, and others wait for it. */
static uint64_t watchdog_of(const struct fos_super *s, const struct fos_child *c)
{
	if (c->keeps_fds)
		return 0;
	return !s->give_up && !strncmp(c->name, "pm.", 3) && s->watchdog_ns > PM_WATCHDOG_NS ?
		       PM_WATCHDOG_NS : s->watchdog_ns;
}

/* In the child.  Its own process group: Ctrl-C is for us, we stop the others in order. */
static void become(const struct fos_super *s, const struct fos_child *c)
{
	char number[32];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	setenv("NOTIFY_SOCKET", s->notify, 1);
	unsetenv("WATCHDOG_USEC");
	if (watchdog_of(s, c)) {
		snprintf(number, sizeof(number), "%llu",
			 (unsigned long long)(watchdog_of(s, c) / 1000));
		setenv("WATCHDOG_USEC", number, 1);
	}
	/* for modules that are programs of their own (pmhost/pm_main.h) */
	if (s->keeper)
		setenv("FLOWOS_KEEPER", s->keeper, 1);
	setenv("FLOWOS_PROC", c->name, 1);
	if (c->spare_of)
		setenv("FLOWOS_SPARE", "1", 1);
	if (holds(s, c) && s->nr_store > 0)
		set_store(s, c);
	execv(c->argv[0], c->argv);
	fprintf(stderr, "flowosctl: cannot start %s: %s\n", c->argv[0], strerror(errno));
	_exit(127);
}

static void start(struct fos_super *s, struct fos_child *c)
{
	pid_t pid = fork();

	if (pid == 0)
		become(s, c);
	c->again_ns = 0;
	if (pid < 0) {
		c->again_ns = fos_clock_ns() + BACKOFF_MAX_NS;
		return;
	}
	c->pid = pid;
	c->ready = false;
}

static char *beside(const char *program)
{
	char exe[PATH_MAX], *path = NULL;
	ssize_t n = strchr(program, '/') ? 0 : readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = 0;
	if (n <= 0 || !strrchr(exe, '/'))
		return strdup(program);
	*strrchr(exe, '/') = 0;
	return asprintf(&path, "%s/%s", exe, program) < 0 ? NULL : path;
}

static struct fos_child *new_child(struct fos_super *s, const char *name, const char *program,
				   const char *const *args)
{
	struct fos_child *c;
	int n = 0;

	if (s->nr_children >= FOS_SUPER_CHILDREN)
		return NULL;
	c = &s->child[s->nr_children++];
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->argv[n++] = beside(program);
	c->foreign = strchr(program, '/') != NULL;
	for (; *args && n < FOS_SUPER_ARGS - 1; args++)
		c->argv[n++] = strdup(*args);
	c->keeps_fds = !strcmp(name, "keeper");
	c->pidfd = -1;
	return c;
}

struct fos_child *fos_super_add(struct fos_super *s, const char *name, const char *program,
				const char *const *args)
{
	struct fos_child *c = new_child(s, name, program, args);

	if (c)
		start(s, c);
	return c;
}

struct fos_child *fos_super_add_spare(struct fos_super *s, struct fos_child *of, const char *program,
				      const char *const *args)
{
	struct fos_child *c = of ? new_child(s, of->name, program, args) : NULL;

	if (!c)
		return NULL;
	c->spare_of = of;
	start(s, c);
	return c;
}

bool fos_super_adopt(struct fos_super *s, const char *name, const char *program,
		     const char *const *args, pid_t pid, bool ready)
{
	struct fos_child *c = new_child(s, name, program, args);

	if (!c)
		return false;
	c->pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (c->pidfd < 0) {
		c->was_ready = true; /* it was, once: a failure now is not to end the box */
		start(s, c);
		return false;
	}
	c->pid = pid;
	c->ready = ready;
	c->was_ready = true;
	c->ready_ns = c->alive_ns = fos_clock_ns();
	return true;
}

/* ------------------------------------------------------------------ deaths */

static void say_death(const struct fos_child *c, pid_t pid, int status, bool again)
{
	char how[64];

	if (status < 0)
		snprintf(how, sizeof(how), "is gone");
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
	fprintf(stderr, "flowos: %s%s (pid %d) %s%s\n", c->spare_of ? "spare of " : "", c->name,
		(int)pid, how, again ? "; starting it again" : "");
}

static bool has_spare(const struct fos_super *s, const struct fos_child *c)
{
	for (uint32_t i = 0; i < s->nr_children; i++)
		if (s->child[i].spare_of == c)
			return true;
	return false;
}

/* Signals are crashes, to be mended by a restart; a failure before the first READY=1 is something
 * that the child has explained in a line and that would only happen again.  But for this: its
 * predecessor died so young that a spare and it were started together, and the spare was first. */
static bool hopeless(const struct fos_super *s, const struct fos_child *c, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == FOS_PROC_TAKEN && has_spare(s, c))
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) != 0 && (!c->was_ready || s->give_up);
}

static void bury(struct fos_super *s, struct fos_child *c, int status)
{
	uint64_t now = fos_clock_ns();
	pid_t pid = c->pid;
	bool was_quick = !c->ready || now - c->ready_ns < QUICK_NS;

	c->pid = 0;
	c->status = status > 0 ? status : 0;
	if (c->stopping || s->interrupted)
		return;
	/* offline an ingress that ends well has delivered everything */
	if (s->give_up && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (status >= 0 && hopeless(s, c, status)) {
		if (c->foreign)
			say_death(c, pid, status, false);
		s->failed = c;
		return;
	}
	c->restarts++;
	c->quick = was_quick ? c->quick + 1 : 0;
	if (s->give_up && c->quick > HOPELESS) {
		fprintf(stderr, "flowos: %s dies again and again; giving up\n", c->name);
		s->failed = c;
		return;
	}
	say_death(c, pid, status, true);
	c->again_ns = now;
	if (c->quick > FREE_RESTARTS) {
		uint32_t n = c->quick - FREE_RESTARTS;
		uint64_t wait = n > 8 ? BACKOFF_MAX_NS : BACKOFF_NS << (n - 1);

		c->again_ns += wait < BACKOFF_MAX_NS ? wait : BACKOFF_MAX_NS;
	}
}

static struct fos_child *spare_of(struct fos_super *s, const struct fos_child *c)
{
	for (uint32_t i = 0; i < s->nr_children; i++)
		if (s->child[i].spare_of == c && s->child[i].pid && s->child[i].ready)
			return &s->child[i];
	return NULL;
}

/* The keeper has given the lease to the spare: the two change places. */
static void promote(struct fos_super *s, struct fos_child *c)
{
	struct fos_child *spare = c->spare_of || c->stopping || s->interrupted ? NULL :
										 spare_of(s, c);

	if (!spare || c->pid || !c->again_ns)
		return;
	c->pid = spare->pid;
	c->pidfd = spare->pidfd;
	c->ready = c->was_ready = true;
	c->ready_ns = c->alive_ns = fos_clock_ns();
	c->again_ns = 0;
	spare->pid = 0;
	spare->pidfd = -1;
	spare->ready = false;
	/* not at once: what it takes to start is what the other needs now */
	spare->again_ns = c->ready_ns + SPARE_REST_NS;
	fprintf(stderr, "flowos: its spare (pid %d) has taken over\n", (int)c->pid);
}

static void reap(struct fos_super *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t i = 0; i < s->nr_children; i++)
			if (s->child[i].pid == pid) {
				bury(s, &s->child[i], status);
				promote(s, &s->child[i]);
				break;
			}
}

/* Adopted processes: how they ended is not ours to know. */
static void reap_adopted(struct fos_super *s)
{
	for (uint32_t i = 0; i < s->nr_children; i++) {
		struct fos_child *c = &s->child[i];
		struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

		if (c->pidfd < 0 || poll(&p, 1, 0) <= 0)
			continue;
		close(c->pidfd);
		c->pidfd = -1;
		bury(s, c, -1);
		promote(s, c);
	}
}

/* An adopted process's number may be another's by now, its descriptor is not. */
static void send_signal(const struct fos_child *c, int number)
{
	if (c->pidfd >= 0)
		pidfd_send_signal(c->pidfd, number, NULL, 0);
	else if (c->pid)
		kill(c->pid, number);
}

static void read_signals(struct fos_super *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			s->interrupted = true;
}

/* ------------------------------------------------------------------ the step */

static bool hangs(const struct fos_super *s, struct fos_child *c, uint64_t now)
{
	uint64_t limit = watchdog_of(s, c);

	if (!c->pid || !c->ready || c->stopping || !limit || now <= c->alive_ns + limit / 2) {
		c->late_cpu_ns = 0;
		return false;
	}
	if (c->late_cpu_ns == 0)
		c->late_cpu_ns = fos_starved_cpu_ns(c->pid);
	if (now <= c->alive_ns + limit)
		return false;
	if (fos_starved_traced(c->pid)) {
		c->alive_ns = now; /* somebody looks at it: not ours to end */
		return false;
	}
	return now > c->alive_ns + STARVED * limit || !fos_starved(c->pid, c->late_cpu_ns);
}

static void look_after(struct fos_super *s, uint64_t now)
{
	uint64_t away = s->looked_ns && now > s->looked_ns + AWAY_NS ? now - s->looked_ns : 0;

	s->looked_ns = now;
	for (uint32_t i = 0; i < s->nr_children; i++) {
		struct fos_child *c = &s->child[i];

		if (c->pid == 0 && c->again_ns && c->again_ns <= now && !c->stopping &&
		    !s->interrupted)
			start(s, c);
		/* while we did not run, the others may not have run either */
		c->alive_ns = c->alive_ns + away < now ? c->alive_ns + away : now;
		if (hangs(s, c, now)) {
			fprintf(stderr, "flowos: %s (pid %d) hangs; killing it\n", c->name,
				(int)c->pid);
			c->alive_ns = now;
			send_signal(c, SIGKILL);
		}
	}
}

static int until_next(const struct fos_super *s, uint64_t now, int timeout_ms)
{
	for (uint32_t i = 0; i < s->nr_children; i++) {
		const struct fos_child *c = &s->child[i];
		uint64_t wait;

		if (c->pid || !c->again_ns || c->stopping)
			continue;
		wait = c->again_ns > now ? (c->again_ns - now + MS - 1) / MS : 0;
		if (wait < (uint64_t)timeout_ms)
			timeout_ms = (int)wait;
	}
	return timeout_ms;
}

void fos_super_step(struct fos_super *s, int timeout_ms)
{
	static struct pollfd p[2 + FOS_SUPER_CHILDREN];
	nfds_t n = 2;

	p[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = s->notify_fd, .events = POLLIN};
	for (uint32_t i = 0; i < s->nr_children; i++)
		if (s->child[i].pidfd >= 0)
			p[n++] = (struct pollfd){.fd = s->child[i].pidfd, .events = POLLIN};
	poll(p, n, until_next(s, fos_clock_ns(), timeout_ms));
	/* messages before deaths: a child may have said its last word */
	fos_super_hear(s);
	read_signals(s);
	reap(s);
	reap_adopted(s);
	look_after(s, fos_clock_ns());
}

void fos_super_ask(struct fos_super *s, struct fos_child *c)
{
	(void)s;
	c->stopping = true;
	send_signal(c, SIGTERM);
}

void fos_super_stop(struct fos_super *s, struct fos_child *c, int timeout_ms)
{
	uint64_t until = fos_clock_ns() + (uint64_t)timeout_ms * MS;

	fos_super_ask(s, c);
	while (c->pid && fos_clock_ns() < until)
		fos_super_step(s, 20);
	if (!c->pid)
		return;
	fprintf(stderr, "flowos: %s (pid %d) does not end; killing it\n", c->name, (int)c->pid);
	send_signal(c, SIGKILL);
	while (c->pid)
		fos_super_step(s, 20);
}

struct fos_child *fos_super_find(struct fos_super *s, const char *name)
{
	for (uint32_t i = 0; i < s->nr_children; i++)
		if (!strcmp(s->child[i].name, name) && !s->child[i].spare_of)
			return &s->child[i];
	return NULL;
}

/* ------------------------------------------------------------------ init, fini */

int fos_super_init(struct fos_super *s, const char *run_dir)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	sigset_t mask;
	int one = 1;

	memset(s, 0, sizeof(*s));
	fos_grant_raise_limit();
	snprintf(s->notify, sizeof(s->notify), "%s/notify.sock", run_dir);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.107s", s->notify);
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	s->signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unlink(s->notify); /* we hold the lock: nobody listens there */
	if (s->signal_fd >= 0 && s->notify_fd >= 0 &&
	    setsockopt(s->notify_fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0 &&
	    bind(s->notify_fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    chmod(s->notify, 0666) == 0) /* hosts give up root; who speaks is known by its pid */
		return 0;
	fos_ctl_fail("cannot make %s: %s", s->notify, strerror(errno));
	return -errno;
}

void fos_super_fini(struct fos_super *s)
{
	for (uint32_t i = 0; i < s->nr_children; i++)
		for (int n = 0; n < FOS_SUPER_ARGS; n++)
			free(s->child[i].argv[n]);
	fos_super_clear_store(s);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	if (s->notify[0])
		unlink(s->notify);
}
