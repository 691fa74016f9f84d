/* test_proc.c - a process's rings and hints, its doorbells, and the records of a grant */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shm/build.h"
#include "shm/grant.h"
#include "shm/loop.h"
#include "shm/notify.h"
#include "shm/proc.h"
#include "tests/tap.h"

#define BOX_ID 7

/* A box of one lane with one PM, in private memory. */
struct world {
	struct fos_dir *dir;
	void *base[FOS_MAX_REGIONS];
};

static void build(struct world *w)
{
	struct fos_dir *draft = calloc(1, sizeof(*draft));
	char err[256];

	draft->nr_lanes = draft->nr_ports = draft->nr_pipelines = draft->nr_pms = 1;
	draft->nr_frames = 1024;
	draft->frame_size = 2048;
	draft->nr_flows = 256;
	draft->nr_edits = 256;
	draft->offline = 1;
	draft->pipeline[0].nr_stages = 1;
	draft->pipeline[0].stage[0].nr_pms = 1;
	strcpy(draft->pm[0].name, "count");
	draft->pm[0].stream = FOS_STREAM_APP;
	ok(fos_build_plan(draft, err, sizeof(err)) == 0, "a box is planned");
	for (uint32_t i = 0; i < draft->nr_regions; i++) {
		w->base[i] = calloc(1, draft->region[i].size);
		fos_build_region(draft, i, w->base[i], BOX_ID);
	}
	w->dir = w->base[0];
	free(draft);
}

static uint32_t no_work(struct fos_proc *p)
{
	(void)p;
	return 0;
}

static const struct fos_proc_hooks hooks = {.program = "test", .work = no_work};

static struct fos_proc *bind_proc(struct world *w, uint32_t self)
{
	struct fos_proc *p = calloc(1, sizeof(*p));
	char err[256] = "";

	p->box.dir = w->dir;
	p->box.self = self;
	for (uint32_t i = 0; i < w->dir->nr_regions; i++)
		p->box.region[i] = (struct fos_map){w->base[i], w->dir->region[i].size};
	ok(fos_proc_bind(p, &hooks, err, sizeof(err)) == 0, "%s binds %s",
	   w->dir->proc[self].name, err);
	return p;
}

static void unbind(struct fos_proc *p)
{
	fos_proc_unbind(p);
	free(p);
}

static void test_find(const struct world *w)
{
	uint32_t cls = fos_proc_find(w->dir, FOS_ROLE_CLASSIFIER, 0, 0);
	uint32_t pm = fos_proc_find(w->dir, FOS_ROLE_PM, 0, 0);

	is_str(cls == FOS_NONE ? "" : w->dir->proc[cls].name, "classifier.0",
	       "the lane's classifier is found");
	is_str(pm == FOS_NONE ? "" : w->dir->proc[pm].name, "pm.count.0", "and its PM");
	ok(fos_proc_find(w->dir, FOS_ROLE_PM, 1, 0) == FOS_NONE, "no PM in a lane there is not");
	ok(fos_proc_find(w->dir, FOS_ROLE_PM, 0, 1) == FOS_NONE, "nor one beyond the last");
}

static void test_hints(struct world *w)
{
	uint32_t pm = fos_proc_find(w->dir, FOS_ROLE_PM, 0, 0);
	uint32_t cls = fos_proc_find(w->dir, FOS_ROLE_CLASSIFIER, 0, 0);
	struct fos_proc *from = bind_proc(w, cls), *to = bind_proc(w, pm);
	struct fos_ring_prod *out = fos_proc_prod(from, FOS_RING_READY, pm);
	struct fos_ring_cons *in = fos_proc_cons(to, FOS_RING_READY, cls);
	const struct fos_hint *h;
	uint64_t room;

	ok(out && in, "both ends of the ring are there");
	ok(!fos_proc_prod(from, FOS_RING_MESSAGE, pm), "and none that was not planned");
	room = fos_ring_room(out, UINT64_MAX);
	for (uint64_t i = 0; i < room; i++)
		fos_hint(from, out, (uint32_t)i, 1);
	is_u64(from->counter[FOS_C_hints_missed], 0, "as many hints as slots all fit");
	fos_hint(from, out, 5000, 1);
	fos_hint(from, out, 5001, 1);
	is_u64(from->counter[FOS_C_hints_missed], 2, "further ones are counted as missed");
	fos_proc_work(from);
	is_u64(fos_ring_peek(in), room, "nothing is written over");
	fos_ring_take(in, 1);
	fos_ring_release(in);
	fos_proc_work(from);
	is_u64(fos_ring_peek(in), room, "room brings one more");
	h = fos_ring_at(in, room - 1);
	is_u64(h->flow, FOS_NONE, "which says: walk all flows");
	fos_ring_take(in, room);
	fos_ring_release(in);
	fos_proc_work(from);
	is_u64(fos_ring_peek(in), 0, "it is said once");
	unbind(from);
	unbind(to);
}

static void test_damage(struct world *w)
{
	uint32_t cls = fos_proc_find(w->dir, FOS_ROLE_CLASSIFIER, 0, 0);
	uint32_t egr = fos_proc_find(w->dir, FOS_ROLE_EGRESS, 0, 0);
	struct fos_proc *p = bind_proc(w, cls), *q = calloc(1, sizeof(*q));
	struct fos_ring *ring = fos_proc_prod(p, FOS_RING_FRAME, egr)->ring;
	char err[256] = "";

	ring->tail += 1u << 20;
	memcpy(&q->box, &p->box, sizeof(q->box));
	ok(fos_proc_bind(q, &hooks, err, sizeof(err)) < 0, "a ring beyond its size is refused");
	ok(strstr(err, "classifier.0"), "and named: %s", err);
	ring->tail -= 1u << 20;
	free(q);
	unbind(p);
}

/* A PM may write anything anywhere in its own region: no other process may mind. */
static void test_wild_pm(struct world *w)
{
	static const uint8_t junk[] = {0xff, 0x00, 0x41};
	uint32_t pm = fos_proc_find(w->dir, FOS_ROLE_PM, 0, 0);
	uint32_t others[] = {fos_proc_find(w->dir, FOS_ROLE_CLASSIFIER, 0, 0),
			     fos_proc_find(w->dir, FOS_ROLE_EGRESS, 0, 0)};
	uint32_t region = w->dir->proc[pm].region;
	uint64_t size = w->dir->region[region].size;
	void *kept = malloc(size);

	memcpy(kept, w->base[region], size);
	for (uint32_t i = 0; i < sizeof(junk); i++) {
		memset(w->base[region], junk[i], size);
		for (uint32_t k = 0; k < 2; k++) {
			struct fos_proc *p = bind_proc(w, others[k]);
			struct fos_ring_cons *in = fos_proc_cons(p, FOS_RING_READY, pm);
			struct fos_pm_pub pub;
			const uint8_t *base = w->base[region], *at;

			fos_hint(p, fos_proc_prod(p, FOS_RING_READY, pm), 1, 1);
			ok(in && fos_ring_peek(in) <= in->mask + 1, "its ring is within bounds");
			fos_box_pub(&p->box, 0, 255, 1, &pub);
			at = (const uint8_t *)&p->box.pm_edits[0][w->dir->nr_edits];
			ok(at > base && at <= base + size, "its tables lie where they were laid");
			unbind(p);
		}
	}
	memcpy(w->base[region], kept, size);
	free(kept);
}

/* ------------------------------------------------------------------ loop */

static bool wakes(struct fos_loop *l)
{
	uint64_t before = fos_clock_ns();

	fos_loop_wait(l, 20000000000ull);
	return fos_clock_ns() - before < 10000000000ull;
}

static void test_loop(void)
{
	struct fos_loop *l = fos_loop_create(true);
	int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), pair[2];
	uint64_t one = 1;

	ok(l && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a loop is made");
	ok(fos_loop_watch(l, bell, true) == 0 && fos_loop_watch(l, pair[0], false) == 0,
	   "it watches a doorbell and a socket");
	ok(write(bell, &one, 8) == 8 && wakes(l), "a bell rung before the wait wakes it");
	fos_loop_wait(l, 0);
	for (int i = 0; i < 3; i++)
		ok(write(bell, &one, 8) == 8 && wakes(l), "so does ring %d, the count unread", i);
	ok(write(pair[1], "x", 1) == 1 && wakes(l), "so does input on the socket");
	fos_loop_unwatch(l, pair[0]);
	close(pair[0]);
	fos_loop_wait(l, 0);
	ok(write(pair[1], "x", 1) < 0 && errno == EPIPE,
	   "a socket that is no longer watched is really closed");
	fos_loop_destroy(l);
	close(pair[1]);
	close(bell);
}

/* ------------------------------------------------------------------ grant */

static void on_alarm(int number)
{
	(void)number;
}

static void test_grant(void)
{
	struct fos_grant_msg m = {.magic = FOS_GRANT_MAGIC, .kind = FOS_GRANT_REGION, .nr_fds = 2,
				  .index = {3, 5 | FOS_GRANT_WRITABLE}};
	struct fos_grant *g = NULL;
	int pair[2], fds[2] = {open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY)};
	char err[256] = "";
	struct sigaction quiet = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_value.tv_usec = 100000, .it_interval.tv_usec = 100000};
	struct itimerval never = {.it_value.tv_sec = 0};

	sigaction(SIGALRM, &quiet, NULL);
	ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "two ends of a connection");
	ok(fos_grant_send(pair[0], &m, fds) == 0, "descriptors are sent");
	m.kind = FOS_GRANT_WELCOME;
	m.nr_fds = 0;
	m.index[0] = 4;
	m.index[1] = 9;
	fos_grant_send(pair[0], &m, NULL);
	m.kind = FOS_GRANT_END;
	fos_grant_send(pair[0], &m, NULL);
	ok(fos_grant_receive(pair[1], 1000, &g, err, sizeof(err)) == 0, "a grant arrives %s", err);
	ok(g->proc == 4 && g->generation == 9, "with slot and generation");
	ok(g->region[3] >= 0 && g->region[5] >= 0 && g->region[4] == -1, "and its regions");
	ok(g->writable[5] && !g->writable[3], "one of them writable");
	ok(fcntl(g->region[3], F_GETFD) & FD_CLOEXEC, "descriptors do not outlive exec");
	fos_grant_close(g);
	ok(g->region[3] == -1, "closing closes them");
	free(g);
	m.kind = FOS_GRANT_REFUSED;
	strcpy(m.text, "no such process");
	fos_grant_send(pair[0], &m, NULL);
	ok(fos_grant_receive(pair[1], 1000, &g, err, sizeof(err)) == -EPERM && !g,
	   "a refusal is an error");
	ok(strstr(err, "no such process"), "that says why: %s", err);
	m.index[0] = EBUSY;
	fos_grant_send(pair[0], &m, NULL);
	ok(fos_grant_receive(pair[1], 1000, &g, err, sizeof(err)) == -EBUSY && strstr(err, m.text),
	   "another one, that the lease is taken");
	setitimer(ITIMER_REAL, &soon, NULL);
	ok(fos_grant_receive(pair[1], 60000, &g, err, sizeof(err)) == -EINTR,
	   "a signal ends the waiting for an answer");
	setitimer(ITIMER_REAL, &never, NULL);
	m.magic = 1;
	fos_grant_send(pair[0], &m, NULL);
	ok(fos_grant_receive(pair[1], 1000, &g, err, sizeof(err)) == -EPROTO,
	   "what is no record is refused");
	close(pair[0]);
	ok(fos_grant_receive(pair[1], 1000, &g, err, sizeof(err)) == -EPIPE,
	   "so is a connection that ends");
	close(pair[1]);
}

static void test_notify(void)
{
	struct fos_notify_fd *kept;
	char pid[16];

	unsetenv("NOTIFY_SOCKET");
	is_u64((uint64_t)fos_notify("READY=1"), 0, "without a manager nothing is sent");
	setenv("NOTIFY_SOCKET", "relative", 1);
	ok(fos_notify("READY=1") == -EINVAL, "an address that is none is refused");
	unsetenv("NOTIFY_SOCKET");
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "2", 1);
	is_u64((uint64_t)fos_notify_kept(&kept), 0, "descriptors for another process are not ours");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "region.0:bell.12", 1);
	is_u64((uint64_t)fos_notify_kept(&kept), 2, "ours are counted");
	is_str(kept[0].name, "region.0", "and named");
	is_str(kept[1].name, "bell.12", "in their order");
	ok(!getenv("LISTEN_FDS"), "a child does not inherit the claim");
	free(kept);
}

int main(void)
{
	struct world w;

	tap_plan(0);
	signal(SIGPIPE, SIG_IGN);
	build(&w);
	test_find(&w);
	test_hints(&w);
	test_damage(&w);
	test_wild_pm(&w);
	test_loop();
	test_grant();
	test_notify();
	for (uint32_t i = 0; i < w.dir->nr_regions && i < FOS_MAX_REGIONS; i++)
		if (i > 0)
			free(w.base[i]);
	free(w.base[0]);
	return done();
}
