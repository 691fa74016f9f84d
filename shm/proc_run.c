/* shm/proc_run.c - the main loop of every stage
 *
 * A pass: heartbeat, time, one batch of work, doorbells of consumers that sleep.  After a pass
 * without work the loop looks again for a moment (patience.h), then sleeps: at most 10 ms, less when
 * a timer is due.
 */
#include "shm/proc_run.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "shm/killpoint.h"
#include "shm/notify.h"

#define SLEEP_NS 10000000ull
#define LOOK_NS 2000000ull
#define IDLE_NS 1000000ull
#define RECONNECT_NS 100000000ull
#define DRAIN_PASSES 10000

/* ------------------------------------------------------------------ doorbells */

static const struct fos_region_head *head_of(const struct fos_proc *p, uint32_t proc)
{
	return (const void *)p->box.region[p->dir->proc[proc].region].base;
}

static void ring_bell(struct fos_run *r, int bell)
{
	static const uint64_t one = 1;

	if (bell >= 0 && write(bell, &one, sizeof(one)) == sizeof(one))
		fos_count(r->p->counter, FOS_C_bells, 1);
}

static void ring_bells(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	uint64_t rung[(FOS_MAX_PROCS + 63) / 64];
	bool fenced = false;

	for (uint32_t i = 0; i < p->nr_prod; i++) {
		struct fos_ring_prod *ring = &p->prod[i];
		uint64_t *word = &rung[ring->consumer / 64], bit = 1ull << ring->consumer % 64;

		if (!ring->dirty)
			continue;
		if (!fenced) {
			memset(rung, 0, sizeof(rung));
			/* our tails before our look at `sleeping`; pairs with the fence in sleep_once()
			 * of the consumer: one of the two sees the other's store */
			fos_fence_seq();
			fenced = true;
		}
		ring->dirty = false;
		if ((*word & bit) || !fos_relaxed32(&head_of(p, ring->consumer)->sleeping))
			continue;
		*word |= bit;
		fos_killpoint("bell.before");
		ring_bell(r, r->grant->bell[ring->id]);
		fos_killpoint("bell.rung");
	}
}

/* Offline: wakes every sleeper that the grant gave a doorbell of, whether or not a ring changed
 * (ingress: the clock, flush or eof did; others: ingress waits for the pipeline to be quiet). */
static void wake_sleepers(struct fos_run *r)
{
	const struct fos_dir *dir = r->p->dir;

	/* our published words before our look at `sleeping`, as in ring_bells() */
	fos_fence_seq();
	for (uint32_t i = 0; i < dir->nr_procs; i++)
		if (r->grant->wake[i] >= 0 && r->p->box.region[dir->proc[i].region].base &&
		    fos_relaxed32(&head_of(r->p, i)->sleeping))
			ring_bell(r, r->grant->wake[i]);
}

/* ------------------------------------------------------------------ one pass */

static void set_time(struct fos_run *r)
{
	struct fos_region_head *head = fos_box_head(&r->p->box);

	r->real_ns = fos_clock_ns();
	fos_relaxed_store64(&head->heartbeat_ns, r->real_ns);
	/* acquire: pairs with ingress's release; the batch it belongs to is in the rings */
	r->p->now_ns = r->p->offline ? fos_acquire64(&r->ingress->clock_ns) : r->real_ns;
}

static void after_offline(struct fos_run *r, uint32_t done)
{
	struct fos_region_head *head = fos_box_head(&r->p->box);

	if (r->ingress != head) {
		/* release: all that the timers up to this time caused is visible */
		if (done == 0 && head->clock_seen_ns != r->p->now_ns)
			fos_release64(&head->clock_seen_ns, r->p->now_ns);
		return;
	}
	if (r->told[0] == head->clock_ns && r->told[1] == head->flush && r->told[2] == head->eof)
		return;
	r->told[0] = head->clock_ns;
	r->told[1] = head->flush;
	r->told[2] = head->eof;
	wake_sleepers(r);
}

static uint32_t pass(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	uint32_t done;

	set_time(r);
	done = fos_proc_work(p);
	if (done) {
		fos_count(p->counter, FOS_C_work_batches, 1);
		fos_patience_worked(&r->patience, r->real_ns);
	}
	ring_bells(r);
	if (p->offline)
		after_offline(r, done);
	return done;
}

/* ------------------------------------------------------------------ keeper and manager */

static void lose_keeper(struct fos_run *r)
{
	fos_loop_unwatch(r->p->loop, r->control);
	close(r->control);
	r->control = -1;
	r->reconnect_ns = r->real_ns + RECONNECT_NS;
}

static int say_ready(const struct fos_run *r, int fd)
{
	return fos_grant_say(fd, "{\"cmd\":\"ready\",\"sockets\":%u}", r->p->fds.sockets);
}

/* The stage goes on without the keeper and tells its successor that it is still there. */
static void find_keeper(struct fos_run *r)
{
	int fd = fos_grant_connect(r->keeper);

	r->reconnect_ns = r->real_ns + RECONNECT_NS;
	if (fd < 0)
		return;
	if (fos_grant_say(fd,
			  "{\"cmd\":\"hello\",\"proc\":\"%s\",\"resume\":true,\"box\":\"%016llx\"}",
			  r->name, (unsigned long long)r->p->dir->head.box_id) < 0 ||
	    say_ready(r, fd) < 0 || fos_loop_watch(r->p->loop, fd, false) < 0) {
		close(fd);
		return;
	}
	r->control = fd;
}

/* The old descriptors are closed before the hook unmaps their rings: a mapping keeps its socket. */
static void renew_sockets(struct fos_run *r, const struct fos_grant_msg *m, const int *fds)
{
	struct fos_proc *p = r->p;

	if (p->fds.xsk >= 0)
		fos_loop_unwatch(p->loop, p->fds.xsk);
	fos_grant_renew_sockets(r->grant, m, fds);
	p->fds = r->grant->fds;
	if (p->hooks->renew(p) < 0)
		p->failed = p->stopping = true;
	else
		say_ready(r, r->control);
}

static void hear_keeper(struct fos_run *r)
{
	struct fos_grant_msg m;
	int fds[FOS_GRANT_FDS], rc;

	while ((rc = fos_grant_poll(r->control, &m, fds)) > 0) {
		if (m.nr_fds > 0 && r->p->hooks->renew &&
		    (m.kind == FOS_GRANT_RX_SOCKET || m.kind == FOS_GRANT_TX_SOCKET)) {
			renew_sockets(r, &m, fds);
			continue;
		}
		while (m.nr_fds > 0)
			close(fds[--m.nr_fds]);
		if (m.kind == FOS_GRANT_STOP)
			r->p->stopping = true;
		if (m.kind == FOS_GRANT_REFUSED) {
			fos_log(FOS_LOG_ERROR, "%s: the keeper refuses: %s", r->name, m.text);
			r->refused = r->p->stopping = true;
		}
		/* FOS_GRANT_PEER: having been woken is all it takes */
	}
	if (rc < 0)
		lose_keeper(r);
}

/* Signals, the keeper and the watchdog, now and then. */
static void look_around(struct fos_run *r)
{
	r->look_ns = r->real_ns + LOOK_NS;
	if (*r->stop)
		r->p->stopping = true;
	if (r->control >= 0)
		hear_keeper(r);
	else if (r->real_ns >= r->reconnect_ns)
		find_keeper(r);
	if (r->watchdog_ns && r->real_ns - r->watched_ns > r->watchdog_ns / 4) {
		fos_notify("WATCHDOG=1");
		r->watched_ns = r->real_ns;
	}
}

/* ------------------------------------------------------------------ sleeping */

static uint64_t time_to_sleep(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	uint64_t due = p->hooks->idle ? p->hooks->idle(p) : UINT64_MAX;

	/* offline a timer is due when ingress moves the clock, and ingress wakes everyone then */
	if (p->offline || due > p->now_ns + SLEEP_NS)
		return SLEEP_NS;
	return due > p->now_ns ? due - p->now_ns : 0;
}

static void sleep_once(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	struct fos_region_head *head = fos_box_head(&p->box);

	fos_relaxed_store32(&head->sleeping, 1);
	/* `sleeping` before our last look; pairs with the fence in ring_bells() and
	 * wake_sleepers() of the others */
	fos_fence_seq();
	fos_killpoint("sleep.announced");
	if (pass(r) == 0) {
		uint64_t ns = time_to_sleep(r), from = r->real_ns;

		if (p->offline && r->ingress != head)
			wake_sleepers(r);
		if (ns > 0 && !*r->stop && !p->stopping) {
			fos_count(p->counter, FOS_C_sleeps, 1);
			fos_loop_wait(p->loop, ns);
		}
		r->real_ns = fos_clock_ns();
		if (!p->offline) /* a capture has no pauses, only processes that wait for others */
			fos_patience_slept(&r->patience, r->real_ns - from);
		look_around(r);
	}
	fos_killpoint("sleep.over");
	fos_relaxed_store32(&head->sleeping, 0);
}

/* `wait: spin`: nobody rings, for nobody sleeps.  Timers are looked at by work(); idle() is where a
 * stage notes what it has left for later. */
static void spin(struct fos_run *r)
{
	if (r->real_ns >= r->idle_ns) {
		r->idle_ns = r->real_ns + IDLE_NS;
		if (r->p->hooks->idle)
			r->p->hooks->idle(r->p);
	}
	sched_yield(); /* nothing where each has a core */
}

/* Nothing to do: look again for a moment, letting others run, before sleeping. */
static void rest(struct fos_run *r)
{
	uint64_t until = fos_patience_until(&r->patience, r->real_ns);

	/* offline ingress waits for all to sleep: they wake it */
	if (r->p->dir->wait == FOS_WAIT_SPIN && !r->p->offline) {
		spin(r);
		return;
	}
	while (r->real_ns < until && r->p->dir->wait != FOS_WAIT_SLEEP) {
		sched_yield();
		if (pass(r) > 0 || r->p->stopping)
			return;
	}
	sleep_once(r);
}

/* ------------------------------------------------------------------ run */

static void end(struct fos_run *r)
{
	struct fos_proc *p = r->p;

	fos_notify("STOPPING=1");
	for (int i = 0; i < DRAIN_PASSES && pass(r) > 0; i++)
		continue;
	if (p->hooks->fini)
		p->hooks->fini(p);
	ring_bells(r);
	if (p->offline)
		wake_sleepers(r);
	fos_relaxed_store32(&fos_box_head(&p->box)->pid, 0);
}

int fos_proc_run(struct fos_run *r)
{
	struct fos_proc *p = r->p;
	struct fos_region_head *head = fos_box_head(&p->box);
	int rc;

	if (p->offline)
		r->ingress = head_of(p, fos_proc_find(p->dir, FOS_ROLE_INGRESS, 0, 0));
	set_time(r);
	fos_relaxed_store32(&head->sleeping, 0);
	fos_relaxed_store32(&head->lease_gen, r->grant->generation);
	rc = p->hooks->init ? p->hooks->init(p) : 0;
	if (rc < 0)
		return rc;
	fos_relaxed_store32(&head->pid, (uint32_t)getpid());
	/* others have waited long enough for a spare: the manager may hear of it after them */
	if (r->spare)
		pass(r);
	r->watchdog_ns = fos_notify_watchdog_ns();
	rc = fos_notify_ready("");
	if (rc < 0)
		return rc;
	say_ready(r, r->control);
	fos_killpoint_ready();
	while (!p->stopping) {
		if (pass(r) == 0)
			rest(r);
		if (r->real_ns >= r->look_ns)
			look_around(r);
	}
	/* someone else holds the lease: not one more store into the region */
	if (r->refused)
		return -EPERM;
	end(r);
	return 0;
}
