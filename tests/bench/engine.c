/* engine.c - all stages of an offline box in one process, one after the other
 *
 *	engine CONFIG CAPTURE
 *	engine --memory CONFIG
 *
 * The same hooks over the same regions as `flowosctl run CONFIG --read CAPTURE`, without keeper,
 * scheduler, doorbells and sleep: what it executes depends on its arguments alone, so that
 * instructions can be counted (tests/offline/45_budget.sh).  Prints the packets read; --memory: the
 * bytes of all regions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
	struct fos_plan plan = {.input = capture};
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
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			return fail("no memory for the regions");
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
			while (fos_proc_work(&s->proc) > 0)
				;
			if (s->head != clock)
				s->head->clock_seen_ns = s->proc.now_ns;
		}
	}
}

static int memory(const char *file)
{
	uint64_t bytes = 0;
	char err[256];

	if (configure(file, "none"))
		return 1;
	if (fos_build_plan(dir, err, sizeof(err)) < 0)
		return fail(err);
	for (uint32_t i = 0; i < dir->nr_regions; i++)
		bytes += dir->region[i].size;
	printf("%llu\n", (unsigned long long)bytes);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t packets = 0;

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "--memory"))
		return memory(argv[2]);
	if (configure(argv[1], argv[2]) || make_regions())
		return 1;
	for (uint32_t i = 0; i < dir->nr_procs; i++)
		if (start(i))
			return 1;
	run();
	for (uint32_t i = 0; i < nr_stages; i++) {
		struct fos_proc *p = &stage[i].proc;

		if (p->me->role == FOS_ROLE_INGRESS)
			packets += p->counter[FOS_C_rx_packets];
		if (p->hooks->fini)
			p->hooks->fini(p);
		if (p->failed)
			return fail("a stage failed");
	}
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}
