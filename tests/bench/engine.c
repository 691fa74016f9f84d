/* engine.c - all stages of an offline box in one process, one after the other
 *
 *	engine CONFIG CAPTURE
 *	engine --write OUTPUT CONFIG CAPTURE
 *	engine --memory CONFIG CAPTURE
 *	engine --time SKIP CONFIG CAPTURE
 *
 * The same hooks over the same regions as `flowosctl run CONFIG --read CAPTURE`, without keeper,
 * scheduler, doorbells and sleep: what it executes depends on its arguments alone, so that
 * instructions can be counted (tests/offline/45_budget.sh).  Prints the packets read; --memory: the bytes
 * of all regions, as configured, and of what stages have of their own besides.  --time: the packets after
 * the first SKIP (handshakes, say), nanoseconds of processor that all stages took for them and those that
 * the PMs took of these, and the events that PMs missed, which spoil the figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "config/check.h"
#include "config/plan.h"
#include "deploy/stages/stage.h"
#include "egress/egress.h"
#include "ingress/ingress.h"
#include "shm/build.h"
#include "shm/keeper_pms.h"

struct stage {
	struct fos_proc proc;
	struct fos_region_head *head;
};

static struct fos_dir *dir;
static struct fos_box box;
static struct stage stage[FOS_MAX_PROCS];
static uint32_t nr_stages;
static const char *output; /* NULL: what leaves is counted only */

/* --time: what was read of the clock when the last packet to skip was in */
static uint64_t skip, began, pm_ns;
static bool timed, sized;

static int fail(const char *why)
{
	fprintf(stderr, "engine: %s\n", why);
	return 1;
}

/* ------------------------------------------------------------------ the box */

static int configure(const char *file, const char *capture)
{
	static struct fos_config cfg;
	static struct fos_keeper_pms pms;
	struct fos_plan plan = {.input = capture, .output = output};
	char err[256];

	fos_config_init(&cfg, NULL);
	if (fos_config_load(&cfg, file) < 0 || fos_config_check(&cfg) < 0)
		return 1;
	fos_keeper_pms_init(&pms, &cfg);
	if (fos_config_check_pms(&cfg, &pms.catalogue, NULL) < 0)
		return 1;
	plan.pm = pms.file;
	plan.pm_path = (const char *const *)pms.path;
	dir = calloc(1, sizeof(*dir));
	if (!dir || fos_plan_compile(&cfg, &plan, dir, err, sizeof(err)) < 0)
		return fail(dir ? err : "no memory");
	/* else ingress draws it: which bucket a flow is in must not depend on luck */
	dir->hash_key[0] = 1;
	dir->hash_key[1] = 2;
	fos_keeper_pms_free(&pms);
	fos_config_free(&cfg);
	return 0;
}

static int make_regions(void)
{
	char err[256];

	if (fos_build_plan(dir, err, sizeof(err)) < 0)
		return fail(err);
	for (uint32_t i = 0; i < dir->nr_regions; i++) {
		uint64_t size = dir->region[i].size;
		void *base = dir;

		if (dir->region[i].kind != FOS_REGION_DIR)
			base = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    (sized ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE,
				    -1, 0);
		if (base == MAP_FAILED)
			return fail("no memory for the regions");
		/* as a box has them */
		if (timed && base != (void *)dir)
			madvise(base, size, MADV_HUGEPAGE);
		fos_build_region(dir, i, base, 1);
		box.region[i].base = base;
		box.region[i].size = size;
	}
	box.dir = dir;
	return 0;
}

static int start(uint32_t proc)
{
	struct stage *s = &stage[nr_stages];
	const struct fos_proc_hooks *hooks;
	char err[256] = "a stage does not start";

	s->proc.box = box;
	s->proc.box.self = proc;
	s->head = (void *)box.region[dir->proc[proc].region].base;
	memset(&s->proc.fds, 0xff, sizeof(s->proc.fds));
	s->proc.fds.sockets = 0;
	switch (dir->proc[proc].role) {
	case FOS_ROLE_INGRESS:
		hooks = &fos_ingress_hooks;
		s->proc.state = fos_ingress_new();
		break;
	case FOS_ROLE_CLASSIFIER:
		hooks = sim_classifier.hooks;
		s->proc.state = sim_classifier.make(NULL);
		break;
	case FOS_ROLE_PM:
		hooks = sim_pmhost.hooks;
		s->proc.state = sim_pmhost.make(NULL);
		break;
	case FOS_ROLE_EGRESS:
		hooks = &fos_egress_hooks;
		s->proc.state = fos_egress_new(NULL, NULL);
		break;
	default:
		return 0;
	}
	if (fos_proc_bind(&s->proc, hooks, err, sizeof(err)) < 0 || hooks->init(&s->proc) < 0)
		return fail(err);
	nr_stages++;
	return 0;
}

/* ------------------------------------------------------------------ running */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t counted(enum fos_role role, uint32_t which)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < nr_stages; i++)
		if (stage[i].proc.me->role == role)
			n += stage[i].proc.counter[which];
	return n;
}

/* All that the stage has to do now. */
static void work(struct stage *s)
{
	bool pm = s->proc.me->role == FOS_ROLE_PM;
	uint64_t from;

	if (timed && !began && counted(FOS_ROLE_INGRESS, FOS_C_rx_packets) >= skip) {
		skip = counted(FOS_ROLE_INGRESS, FOS_C_rx_packets);
		began = cpu_ns();
	}
	from = pm && began ? cpu_ns() : 0;
	while (fos_proc_work(&s->proc) > 0)
		;
	if (from)
		pm_ns += cpu_ns() - from;
}

/* One after the other until the capture is through and all is delivered (shm/proc_run.c). */
static void run(void)
{
	const struct fos_region_head *clock = NULL;

	for (uint32_t i = 0; i < nr_stages; i++)
		if (stage[i].proc.me->role == FOS_ROLE_INGRESS)
			clock = stage[i].head;
	while (clock && clock->eof != 2) {
		for (uint32_t i = 0; i < nr_stages; i++) {
			struct stage *s = &stage[i];

			s->proc.now_ns = clock->clock_ns;
			work(s);
			if (s->head != clock)
				s->head->clock_seen_ns = s->proc.now_ns;
		}
	}
}

/* Regions, and the private memory that is in use (the regions are shared here). */
static int print_memory(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long bytes = 0, own = 0;
	char line[128];

	for (uint32_t i = 0; i < dir->nr_regions; i++)
		bytes += dir->region[i].size;
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %llu kB", &own) != 1)
		;
	if (f)
		fclose(f);
	if (own == 0)
		return fail("/proc/self/status does not say RssAnon");
	printf("%llu\n", bytes + own * 1024);
	return 0;
}

/* Orderly stop of all; returns the packets read, or -1. */
static int64_t stop(void)
{
	int64_t packets = 0;

	for (uint32_t i = 0; i < nr_stages; i++) {
		struct fos_proc *p = &stage[i].proc;

		if (p->me->role == FOS_ROLE_INGRESS)
			packets += (int64_t)p->counter[FOS_C_rx_packets];
		if (p->hooks->fini)
			p->hooks->fini(p);
		if (p->failed)
			return -1;
	}
	return packets;
}

static void print_times(int64_t packets, uint64_t ns)
{
	uint64_t missed = counted(FOS_ROLE_CLASSIFIER, FOS_C_events_missed) +
			  counted(FOS_ROLE_PM, FOS_C_events_missed);

	printf("%lld %llu %llu %llu\n", (long long)packets - (long long)skip,
	       (unsigned long long)ns, (unsigned long long)pm_ns, (unsigned long long)missed);
}

int main(int argc, char **argv)
{
	int64_t packets;
	uint64_t ns;

	sized = argc == 4 && !strcmp(argv[1], "--memory");
	timed = argc == 5 && !strcmp(argv[1], "--time");
	if (argc == 5 && !strcmp(argv[1], "--write"))
		output = argv[2];
	if (argc != 3 && !timed && !output && !sized)
		return 2;
	if (timed)
		skip = strtoull(argv[2], NULL, 10);
	if (configure(argv[argc - 2], argv[argc - 1]) || make_regions())
		return 1;
	for (uint32_t i = 0; i < dir->nr_procs; i++)
		if (start(i))
			return 1;
	run();
	if (sized)
		return print_memory();
	ns = timed ? cpu_ns() - began : 0;
	packets = stop();
	if (packets < 0)
		return fail("a stage failed");
	if (timed)
		print_times(packets, ns);
	else
		printf("%lld\n", (long long)packets);
	return 0;
}
