/* deploy/pmtest/box.c - see box.h */
#define _GNU_SOURCE
#include "deploy/pmtest/box.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deploy/audit/audit.h"
#include "deploy/stages/stage.h"
#include "pmhost/pm.h"
#include "shm/build.h"
#include "shm/killpoint.h"

#define FRAMES 16384u
#define FRAME_SIZE 2048u
#define FRAMES_LARGE 4096u
#define FRAME_SIZE_LARGE 65536u
#define QUIET_ROUNDS 1000u
#define EOF_DONE 2u

struct stage {
	struct fos_proc proc;
	const struct sim_stage *kind;
	uint32_t index;
	uint32_t pm; /* index in dir->pm[], FOS_NONE = no PM */
	uint64_t kill_points;
};

struct box {
	const struct pmtest_setup *setup;
	const struct variant *v;
	struct pmtest_result *result;
	struct fos_dir *dir;
	struct fos_map region[FOS_MAX_REGIONS];
	struct fos_region_head *ingress;
	struct sim_nic nic;
	struct streams *out;
	struct stage stage[FOS_MAX_PROCS];
	uint32_t nr_stages, copies;
};

static void fail(struct box *b, const char *what, const char *detail)
{
	if (!b->result->error[0])
		snprintf(b->result->error, sizeof(b->result->error), "%s%s%.180s", what,
			 detail[0] ? ": " : "", detail);
}

static void left(void *arg, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct box *b = arg;

	(void)port;
	streams_packet(b->out, data, len);
}

/* ------------------------------------------------------------------ memory */

static int map_regions(struct box *b, const struct fos_dir *plan)
{
	for (uint32_t i = 0; i < plan->nr_regions; i++) {
		uint64_t size = plan->region[i].size;
		void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (base == MAP_FAILED) {
			fail(b, "no memory for the box", strerror(errno));
			return -1;
		}
		fos_build_region(plan, i, base, 77);
		b->region[i].base = base;
		b->region[i].size = size;
		if (plan->region[i].kind == FOS_REGION_DIR)
			b->dir = base;
	}
	for (uint32_t i = 0; i < plan->nr_procs; i++)
		if (plan->proc[i].role == FOS_ROLE_INGRESS)
			b->ingress = (void *)b->region[plan->proc[i].region].base;
	return 0;
}

static int lay_out(struct box *b, const char *path, bool large)
{
	struct fos_dir *plan = calloc(1, sizeof(*plan));
	uint32_t used = FOS_DIR_STRINGS;
	char err[256] = "";
	int rc;

	if (!plan)
		abort();
	*plan = *b->setup->draft;
	plan->nr_frames = large ? FRAMES_LARGE : FRAMES;
	plan->frame_size = large ? FRAME_SIZE_LARGE : FRAME_SIZE;
	while (used > 0 && plan->strings[used - 1] == 0)
		used--;
	used += 2;
	plan->input_off = fos_build_string(plan, path, strlen(path) + 1, &used);
	rc = fos_build_plan(plan, err, sizeof(err));
	if (rc < 0)
		fail(b, "the box cannot be laid out", err);
	if (rc == 0)
		rc = map_regions(b, plan);
	free(plan);
	return rc;
}

/* ------------------------------------------------------------------ modules */

/* Its own copy for each life: globals begin anew, as in a new process. */
static const char *copy_module(struct box *b, const char *path, char to[4200])
{
	char buf[65536];
	int in, out;
	ssize_t n;

	snprintf(to, 4200, "%s/%u.%u.so", b->setup->dir, (unsigned)getpid(), b->copies++);
	in = open(path, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			break;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return to;
}

static const struct fos_pm *load(struct box *b, uint32_t pm)
{
	const char *path = fos_dir_string(b->dir, b->dir->pm[pm].file_off);
	const struct fos_pm *module;
	char copy[4200];
	void *library;

	if (!b->setup->in_place)
		path = copy_module(b, path, copy);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	module = library ? dlsym(library, "fos_pm_module") : NULL;
	if (!module)
		fail(b, "the module cannot be loaded", library ? "no FOS_PM()" : dlerror());
	if (!b->setup->in_place)
		unlink(path);
	return module;
}

/* ------------------------------------------------------------------ stages, and their deaths */

/* the one stage that runs: the hook has no argument to find it by */
static struct box *box;
static struct stage *running;
static jmp_buf killed;

static void kill_point(const char *name)
{
	struct pmtest_result *r = box->result;

	running->kill_points++;
	r->kill_points[running->pm]++;
	for (uint32_t i = 0; box->v && i < box->v->nr; i++) {
		const struct disturb *d = &box->v->disturb[i];

		if (d->kind != DISTURB_KILL || box->v->off[i] || d->conn != running->pm ||
		    d->n != running->kill_points)
			continue;
		r->kills++;
		snprintf(r->where, sizeof(r->where), "%s", name);
		fos_killpoint_hook = NULL;
		longjmp(killed, 1);
	}
}

static bool start(struct box *b, struct stage *s)
{
	const struct fos_pm *module = NULL;
	char err[256] = "";

	memset(&s->proc, 0, sizeof(s->proc));
	memcpy(s->proc.box.region, b->region, sizeof(s->proc.box.region));
	s->proc.box.dir = b->dir;
	s->proc.box.self = s->index;
	s->proc.offline = true;
	s->proc.now_ns = b->ingress->clock_ns;
	s->proc.state = s->kind->make(&b->nic);
	if (s->pm != FOS_NONE) {
		module = load(b, s->pm);
		if (!module)
			return false;
		sim_pmhost_module(s->proc.state, module);
	}
	if (fos_proc_bind(&s->proc, s->kind->hooks, err, sizeof(err)) < 0) {
		fail(b, "a stage does not start", err);
		return false;
	}
	return true;
}

/* Everything that the process had is gone but for its region. */
static void drop(struct stage *s)
{
	fos_proc_unbind(&s->proc);
	s->kind->free(s->proc.state);
}

/* Timers have run up to the capture's time: ingress waits for that. */
static void clock_seen(struct box *b, struct stage *s)
{
	struct fos_region_head *head = (void *)b->region[s->proc.me->region].base;

	fos_release64(&head->clock_seen_ns, s->proc.now_ns);
}

/* One turn of a stage; a module that is killed in it starts anew, with its next turn. */
static uint32_t turn(struct box *b, struct stage *s, bool init)
{
	volatile uint32_t did = 1;
	volatile bool begin = init;

	box = b;
	running = s;
	for (;;) {
		if (setjmp(killed) == 0) {
			fos_killpoint_hook = s->pm != FOS_NONE ? kill_point : NULL;
			s->proc.now_ns = fos_acquire64(&b->ingress->clock_ns);
			if (!begin)
				did = fos_proc_work(&s->proc);
			else if (s->kind->hooks->init(&s->proc) != 0)
				fail(b, "init() refused, see the lines above", "");
			fos_killpoint_hook = NULL;
			if (!begin && did == 0)
				clock_seen(b, s);
			return did;
		}
		drop(s);
		if (!start(b, s))
			return 0;
		begin = true;
	}
}

static void start_all(struct box *b)
{
	const struct sim_stage *kind[] = {
		[FOS_ROLE_INGRESS] = &sim_ingress, [FOS_ROLE_CLASSIFIER] = &sim_classifier,
		[FOS_ROLE_PM] = &sim_pmhost, [FOS_ROLE_EGRESS] = &sim_egress};

	for (uint32_t i = 0; i < b->dir->nr_procs && !b->result->error[0]; i++) {
		const struct fos_dir_proc *p = &b->dir->proc[i];
		struct stage *s = &b->stage[b->nr_stages];

		if (p->role == FOS_ROLE_KEEPER)
			continue;
		s->kind = kind[p->role];
		s->index = i;
		s->pm = p->role == FOS_ROLE_PM ? p->index : FOS_NONE;
		b->nr_stages++;
		if (start(b, s))
			turn(b, s, true);
	}
}

static uint64_t counter(const struct box *b, enum fos_counter_id id)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->nr_stages; i++)
		n += b->stage[i].proc.counter[id];
	return n;
}

static void run(struct box *b)
{
	uint32_t quiet = 0;

	while (fos_acquire32(&b->ingress->eof) != EOF_DONE && !b->result->error[0]) {
		uint32_t did = 0;

		for (uint32_t i = 0; i < b->nr_stages; i++)
			did += turn(b, &b->stage[i], false);
		quiet = did ? 0 : quiet + 1;
		if (quiet > QUIET_ROUNDS)
			fail(b, "the box stands still: a module keeps more bytes waiting than there "
				"are packet buffers", "");
	}
}

/* Whatever came and whoever was killed: each frame has one owner, each list and position is in order. */
static void audit(struct box *b)
{
	struct fos_audit a;
	char what[160];

	if (fos_audit_init(&a, b->dir, b->region) < 0)
		abort();
	fos_audit_look(&a);
	if (a.nr_found) {
		const struct fos_audit_finding *f = &a.found[0];

		snprintf(what, sizeof(what), "%s %u (%s): %s", fos_audit_info[f->kind].what, f->id,
			 fos_audit_proc(&a, f), fos_audit_info[f->kind].text);
		fail(b, "the audit finds what is wrong", what);
	}
	fos_audit_fini(&a);
}

void pmtest_box_run(const struct pmtest_setup *s, const char *path, const struct variant *v,
		    bool large, struct streams *out, struct pmtest_result *result)
{
	struct box *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->setup = s;
	b->v = v;
	b->result = result;
	b->out = out;
	b->nic.send = left;
	b->nic.arg = b;
	if (lay_out(b, path, large) == 0)
		start_all(b);
	if (!result->error[0])
		run(b);
	if (!result->error[0])
		audit(b);
	if (!result->error[0])
		for (uint32_t i = 0; i < b->nr_stages; i++)
			if (b->stage[i].pm != FOS_NONE)
				b->stage[i].kind->hooks->fini(&b->stage[i].proc);
	if (!result->error[0]) {
		result->rules_broken = counter(b, FOS_C_pm_rules_broken);
		result->hold_expired = counter(b, FOS_C_pm_hold_expired);
	}
	/* the process ends: what it has goes with it */
}
