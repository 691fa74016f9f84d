/* recovery.c - from the kill of a process to the first work by its successor
 *
 *	recovery SOCKET PROCESS TIMES PAUSE_MS [row]
 *
 * Kills the process TIMES times with SIGKILL, PAUSE_MS apart, and watches the box's memory: the
 * lease's generation changes when the keeper grants it anew, at which moment the old process is
 * certainly dead; the first growth of what it counts after that (a PM: bytes released; ingress: packets
 * received; classifier: pieces appended; egress: packets sent; keeper: rounds of its loop) is its
 * successor's.  Prints the times from before kill() to either.  It looks every 100 us, asleep between: on
 * a machine of two cores, one that spins takes half of what is measured.  It has a real-time priority, or
 * it would measure how long it waits for a core itself.
 */
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "deploy/ctl/ctl.h"
#include "shm/proc.h"

#define GIVE_UP_NS 10000000000ull

int fos_ctl_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sentences, or the columns of recovery_table.sh: median, 99th percentile and least, in ms. */
static void print(bool row, const char *what, uint64_t *ns, uint32_t n)
{
	qsort(ns, n, sizeof(*ns), by_size);
	if (!row)
		printf("%-24s median %8.3f ms   p99 %8.3f ms   least %8.3f   most %8.3f   (%u kills)\n",
		       what, (double)ns[n / 2] / 1e6, (double)ns[(n * 99 + 99) / 100 - 1] / 1e6,
		       (double)ns[0] / 1e6, (double)ns[n - 1] / 1e6, n);
	else
		printf(" %10.2f %8.2f %8.2f", (double)ns[n / 2] / 1e6,
		       (double)ns[(n * 99 + 99) / 100 - 1] / 1e6, (double)ns[0] / 1e6);
}

static uint32_t work_of(uint32_t role)
{
	return role == FOS_ROLE_INGRESS	     ? FOS_C_rx_packets :
	       role == FOS_ROLE_CLASSIFIER ? FOS_C_pieces_appended :
	       role == FOS_ROLE_EGRESS	     ? FOS_C_tx_packets :
						     FOS_C_pm_released_bytes;
}

/* What moves when a process works. */
static const uint64_t *sign_of_work(const struct fos_ctl_view *v, uint32_t proc)
{
	uint32_t role = v->dir->proc[proc].role;

	if (role == FOS_ROLE_KEEPER)
		return &v->dir->head.heartbeat_ns;
	return &fos_ctl_head(v, proc)->counter[work_of(role)];
}

static bool once(const struct fos_ctl_view *v, uint32_t proc, uint64_t *lease, uint64_t *release)
{
	const struct fos_lease *l = &v->dir->proc[proc].lease;
	const uint64_t *released = sign_of_work(v, proc);
	uint32_t gen = fos_acquire32(&l->generation), pid;
	const struct timespec look = {.tv_nsec = 100000};
	uint64_t start, before;

	fos_ctl_state(v, proc, &pid);
	start = fos_clock_ns();
	if (pid == 0 || kill((pid_t)pid, SIGKILL) < 0)
		return false;
	for (; fos_acquire32(&l->generation) == gen; nanosleep(&look, NULL))
		if (fos_clock_ns() - start > GIVE_UP_NS)
			return false;
	*lease = fos_clock_ns() - start;
	before = fos_relaxed64(released);
	for (; fos_relaxed64(released) == before; nanosleep(&look, NULL))
		if (fos_clock_ns() - start > GIVE_UP_NS)
			return false;
	*release = fos_clock_ns() - start;
	return true;
}

int main(int argc, char **argv)
{
	struct fos_ctl_view v;
	uint32_t proc = FOS_NONE, times, n = 0;
	uint64_t *lease, *release;
	struct timespec pause;
	char err[512];

	if (argc != 5 && argc != 6)
		return 2;
	prctl(PR_SET_TIMERSLACK, 1ul);
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}) < 0)
		fprintf(stderr, "recovery: no real-time priority: its own waits are counted\n");
	times = (uint32_t)atoi(argv[3]);
	pause = (struct timespec){.tv_sec = atoi(argv[4]) / 1000,
				  .tv_nsec = atoi(argv[4]) % 1000 * 1000000L};
	lease = calloc(times + 1, sizeof(*lease));
	release = calloc(times + 1, sizeof(*release));
	if (!lease || !release || fos_ctl_attach(&v, argv[1], err, sizeof(err)) < 0) {
		fprintf(stderr, "recovery: %s\n", err);
		return 1;
	}
	for (uint32_t i = 0; i < v.dir->nr_procs; i++)
		if (!strcmp(v.dir->proc[i].name, argv[2]) || !strcmp(fos_ctl_name(&v, i), argv[2]))
			proc = i;
	for (uint32_t i = 0; proc != FOS_NONE && i < times; i++) {
		nanosleep(&pause, NULL);
		n += once(&v, proc, &lease[n], &release[n]);
	}
	if (n == 0)
		return 1;
	print(argc == 6, "kill to lease", lease, n);
	print(argc == 6, "kill to first release", release, n);
	if (argc == 6)
		printf(" %8u\n", n);
	return n < times;
}
