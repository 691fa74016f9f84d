/* shm/loop.c - see loop.h
 *
 * Multishot polls fire once per arrival, so doorbells (eventfds) need not be read: their counters
 * only ever grow, by one per ring.  With ppoll they are read, or it would return at once.
 */
#define _GNU_SOURCE
#include "shm/loop.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/proc.h"

#define NR_ENTRIES 256u
#define GONE UINT64_MAX /* user_data of requests whose completion means nothing */

struct watch {
	int fd; /* -1 = free */
	uint32_t use; /* tells completions of this use of the entry from those of earlier ones */
	bool armed;
	bool bell;
};

struct fos_loop {
	bool have_ring;
	struct io_uring ring;
	struct watch *watch;
	uint32_t nr_watch;
	struct pollfd *pollfd; /* without io_uring */
};

static uint64_t user_data(const struct fos_loop *l, uint32_t i)
{
	return (uint64_t)l->watch[i].use << 32 | i;
}

static int setup_ring(struct io_uring *ring)
{
	/* the newest flags the kernel takes; each set is right on its own */
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE,
		IORING_SETUP_CQSIZE,
	};
	int rc = -EINVAL;

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct io_uring_params p;

		memset(&p, 0, sizeof(p));
		p.flags = flags[i];
		p.cq_entries = 4 * NR_ENTRIES;
		rc = io_uring_queue_init_params(NR_ENTRIES, ring, &p);
		if (rc == 0 && (p.features & IORING_FEAT_EXT_ARG))
			return 0;
		if (rc == 0) {
			io_uring_queue_exit(ring);
			rc = -ENOSYS;
		}
		if (rc != -EINVAL)
			break;
	}
	return rc;
}

struct fos_loop *fos_loop_create(bool ring)
{
	struct fos_loop *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return NULL;
	rc = ring ? setup_ring(&l->ring) : 0;
	l->have_ring = ring && rc == 0;
	if (rc < 0)
		fos_log(FOS_LOG_WARN, "io_uring is not available (%s); using poll, which is slower",
			strerror(-rc));
	return l;
}

void fos_loop_destroy(struct fos_loop *l)
{
	if (!l)
		return;
	if (l->have_ring)
		io_uring_queue_exit(&l->ring);
	free(l->watch);
	free(l->pollfd);
	free(l);
}

int fos_loop_watch(struct fos_loop *l, int fd, bool bell)
{
	struct watch *w = NULL;

	for (uint32_t i = 0; i < l->nr_watch && !w; i++)
		if (l->watch[i].fd < 0)
			w = &l->watch[i];
	if (!w) {
		struct pollfd *p = realloc(l->pollfd, (l->nr_watch + 1) * sizeof(*p));

		if (p)
			l->pollfd = p;
		w = realloc(l->watch, (l->nr_watch + 1) * sizeof(*w));
		if (w)
			l->watch = w;
		if (!w || !p)
			return -ENOMEM;
		w = &l->watch[l->nr_watch++];
		memset(w, 0, sizeof(*w));
	}
	w->fd = fd;
	w->bell = bell;
	return 0;
}

void fos_loop_unwatch(struct fos_loop *l, int fd)
{
	for (uint32_t i = 0; i < l->nr_watch; i++) {
		struct watch *w = &l->watch[i];
		uint64_t request = user_data(l, i);
		struct io_uring_sqe *sqe;

		if (w->fd != fd)
			continue;
		w->fd = -1;
		w->use++;
		if (!w->armed)
			continue;
		w->armed = false;
		/* A poll request keeps the file open: take it back before the caller closes.  By
		 * cancelling: removing it fails (EALREADY) while an event of it is pending. */
		sqe = io_uring_get_sqe(&l->ring);
		if (sqe) {
			io_uring_prep_cancel64(sqe, request, 0);
			io_uring_sqe_set_data64(sqe, GONE);
			io_uring_submit(&l->ring);
			/* deferred task work runs only when asked to */
			io_uring_get_events(&l->ring);
		}
	}
}

static void arm(struct fos_loop *l)
{
	for (uint32_t i = 0; i < l->nr_watch; i++) {
		struct io_uring_sqe *sqe;

		if (l->watch[i].armed || l->watch[i].fd < 0)
			continue;
		sqe = io_uring_get_sqe(&l->ring);
		if (!sqe) {
			io_uring_submit(&l->ring);
			sqe = io_uring_get_sqe(&l->ring);
		}
		if (!sqe)
			return; /* the rest at the next wait; a wait is never long */
		io_uring_prep_poll_multishot(sqe, l->watch[i].fd, POLLIN);
		io_uring_sqe_set_data64(sqe, user_data(l, i));
		l->watch[i].armed = true;
	}
}

static void wait_ring(struct fos_loop *l, uint64_t timeout_ns)
{
	struct __kernel_timespec ts = {
		.tv_sec = (long long)(timeout_ns / 1000000000ull),
		.tv_nsec = (long long)(timeout_ns % 1000000000ull),
	};
	struct io_uring_cqe *cqe;
	unsigned head, nr = 0;

	arm(l);
	io_uring_submit_and_wait_timeout(&l->ring, &cqe, 1, &ts, NULL);
	io_uring_for_each_cqe(&l->ring, head, cqe) {
		uint64_t data = io_uring_cqe_get_data64(cqe);
		uint32_t i = (uint32_t)data;

		nr++;
		if (i < l->nr_watch && data == user_data(l, i) &&
		    !(cqe->flags & IORING_CQE_F_MORE))
			l->watch[i].armed = false;
	}
	io_uring_cq_advance(&l->ring, nr);
}

static void wait_poll(struct fos_loop *l, uint64_t timeout_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_ns / 1000000000ull),
		.tv_nsec = (long)(timeout_ns % 1000000000ull),
	};

	for (uint32_t i = 0; i < l->nr_watch; i++)
		l->pollfd[i] = (struct pollfd){.fd = l->watch[i].fd, .events = POLLIN};
	if (ppoll(l->pollfd, l->nr_watch, &ts, NULL) <= 0)
		return;
	for (uint32_t i = 0; i < l->nr_watch; i++) {
		uint64_t rung;

		if (l->watch[i].bell && l->pollfd[i].revents & POLLIN &&
		    read(l->pollfd[i].fd, &rung, sizeof(rung)) < 0)
			continue;
	}
}

void fos_loop_wait(struct fos_loop *l, uint64_t timeout_ns)
{
	if (l->have_ring)
		wait_ring(l, timeout_ns);
	else
		wait_poll(l, timeout_ns);
}
