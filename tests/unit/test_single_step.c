/* A process killed before each instruction of what must not be torn: the classifier takes frames over
 * and appends, a module releases edits and sends messages, another hears them, egress records, sends
 * and gives frames home.
 *
 * The box of the simulation lies in shared memory.  Before a batch of interest (a forked process tries
 * what it would do) a process of its own is forked off and runs it under PTRACE_SINGLESTEP.  It
 * stops and is killed by SIGKILL; then another process, forked from the same parent, makes the stage anew
 * on what the dead one has left in its region, and runs the connection to its end: the bytes, the
 * messages, the audit and the frames must be right.
 *
 * Deaths between two stores leave the same memory.  So the first time through, the memory is compared
 * after each instruction, and deaths are tried where it has changed (EVERY=1 in the environment:
 * before every one, which takes some ten minutes of processor time; EVERY=K/N: before each Nth, from the
 * Kth on).
 * To be there quickly, a process runs freely to the last kill point before (int3 in the hook) and
 * from there to a breakpoint in the processor.
 */
#define _GNU_SOURCE
#include "shm/pmfile.h"
#include "tests/pm/relay.h"
#include "tests/tap.h"

#define LEN 700u
#define BAD_MAX 3u

#if defined(__x86_64__) && !defined(FOS_SANITIZED)

#include "tests/unit/step_victim.h"

int main(void);

static struct conn conn;
static uint8_t text[2][LEN];
static int heir; /* this process goes on after a death */
static uint32_t every, first; /* death is tried at each so manieth instruction, from which; 0 = see above */

/* ------------------------------------------------------------------ the box */

static uint32_t proc_of(const char *pm)
{
	for (uint32_t i = 0; i < sim.world.dir->nr_pms; i++)
		if (!strcmp(sim.world.dir->pm[i].name, pm))
			return fos_proc_find(sim.world.dir, FOS_ROLE_PM, 0, i);
	return FOS_NONE;
}

static void *region_of(uint32_t proc)
{
	return sim.world.box.region[sim.world.dir->proc[proc].region].base;
}

static const struct relay *relay(const char *pm)
{
	const struct fos_pm_region *r = region_of(proc_of(pm));

	return (const void *)((const uint8_t *)r + r->state_off +
			      (r->state_ver & 1u) * r->state_size + FOS_PM_HOST_STATE);
}

static void add_relay(const char *name, uint32_t stage, const char *options, size_t len)
{
	char path[512];
	struct fos_dir_pm *pm =
		&sim.world.dir->pm[world_pm(&sim.world, name, stage, FOS_STREAM_APP, true)];

	snprintf(path, sizeof(path), "%s/tests/pm/relay.so", getenv("B") ? getenv("B") : "build");
	pm->file_off = sim_string(&sim, path, strlen(path) + 1);
	pm->options_off = sim_string(&sim, options, len);
	pm->ctx_size = pm->state_size = 256;
}

static void make_box(void)
{
	struct sim_config conf = {.seed = 1, .stall_ns = 250000000000ull, .limit_ns = 900000000000ull};
	struct peer_config c[2];

	world_plan(&sim.world, false);
	sim.world.dir->nr_frames = 512;
	sim.world.dir->nr_flows = 32;
	sim.world.dir->nr_edits = 64;
	add_relay("talk", 0, "to\0hear\0", sizeof("to\0hear\0"));
	add_relay("hear", 1, "\0", 2);
	sim_init(&sim, &conf);
	share();
	for (uint32_t i = 0; i < NET_HOPS; i++)
		sim.net.hop[i] = (struct net_impairment){.delay_ns = 5000000};
	conn_plain(c, 20000);
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t k = 0; k < LEN; k++)
			text[i][k] = k % 50 == 20 ? '~' : (uint8_t)('a' + (k + i) % 26);
		c[i].data = text[i];
		c[i].len = LEN;
		c[i].mss = c[i].segment = 536;
		c[i].window = 20000;
	}
	conn_init(&conn, c, NULL, 0, sim_from_peer, &sim);
	conn.missed = true; /* this judge knows nothing of the module */
	sim_add(&sim, &conn);
}

static bool edited(const uint8_t *in, const struct peer *got)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < LEN; i++) {
		const char *want = in[i] == '~' ? "tilde" : "";
		uint32_t len = in[i] == '~' ? 5 : 1;

		if (n + len > got->rcv_nxt ||
		    memcmp(got->rcv + n, *want ? want : (const char *)&in[i], len))
			return false;
		n += len;
	}
	return n == got->rcv_nxt;
}

/* The connection's end, and what is to be true after it. */
static bool ends_well(char *why, size_t size)
{
	bool good = sim_run(&sim);

	for (uint32_t i = 0; i < 2 && good; i++)
		if (!edited(text[i], &conn.end[1 - i]))
			sim_fail(&sim, "an end has not received the edited stream", "");
	good = !sim.error[0] && sim_settle(&sim);
	if (good && (relay("hear")->wrong || relay("hear")->heard != relay("talk")->sent ||
		     relay("talk")->sent != 2 * ((LEN - 21) / 50 + 1)))
		sim_fail(&sim, "a message came twice, or never", "");
	if (good && sim_counter(&sim, FOS_C_pm_rules_broken))
		sim_fail(&sim, "a value of a module was refused", "");
	snprintf(why, size, "%s", sim.error);
	return !sim.error[0];
}

/* ------------------------------------------------------------------ batches of interest */

struct measure {
	uint64_t tail, released, sent, heard, tx, home;
};

static struct measure measure(void)
{
	struct measure m = {0};
	const struct fos_dir *dir = sim.world.dir;

	for (uint32_t f = 0; f < dir->nr_flows; f++)
		m.tail += sim.world.box.flows[f].app.tail;
	m.released = ((const struct fos_region_head *)region_of(proc_of("talk")))
			     ->counter[FOS_C_pm_released_bytes];
	m.sent = relay("talk")->sent;
	m.heard = relay("hear")->heard;
	for (uint32_t i = 0; i < sim.nr_procs; i++)
		if (sim.procs[i].stage == &sim_egress)
			m.tx = sim.procs[i].proc.counter[FOS_C_tx_packets];
	for (uint32_t i = 0; i < dir->nr_rings; i++)
		if (dir->ring[i].kind == FOS_RING_FREE)
			m.home += ((const struct fos_ring *)(const void *)(
					   (const uint8_t *)region_of(dir->ring[i].producer) +
					   dir->ring[i].off))->tail;
	return m;
}

static bool appends(const struct measure *a, const struct measure *b)
{
	return b->tail >= a->tail + 500;
}

static bool releases(const struct measure *a, const struct measure *b)
{
	return b->released >= a->released + 500 && b->sent >= a->sent + 5;
}

static bool hears(const struct measure *a, const struct measure *b)
{
	return b->heard >= a->heard + 5;
}

static bool sends(const struct measure *a, const struct measure *b)
{
	return a->sent > 0 && b->tx > a->tx;
}

static bool gives(const struct measure *a, const struct measure *b)
{
	return a->sent > 0 && b->home > a->home && b->tx == a->tx;
}

static struct batch {
	const char *what;
	bool (*is)(const struct measure *before, const struct measure *after);
	enum fos_role role;
	bool done;
} batches[] = {
	{"the classifier takes frames and appends", appends, FOS_ROLE_CLASSIFIER, false},
	{"a module releases edits and sends messages", releases, FOS_ROLE_PM, false},
	{"a module hears messages", hears, FOS_ROLE_PM, false},
	{"egress records and sends", sends, FOS_ROLE_EGRESS, false},
	{"egress gives frames home", gives, FOS_ROLE_EGRESS, false},
};

/* ------------------------------------------------------------------ the one that goes on */

/* False in the heir. */
static bool heir_lives(struct sim_proc *sp, const struct sim_nic *nic, char *why, size_t size)
{
	int status, end[2];
	ssize_t n;
	pid_t pid;

	if (pipe(end) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		heir = end[1];
		alarm(60);
		sim.before = NULL;
		unshare_memory();
		sim.nic = *nic;
		sim_box_restart(&sim, sp);
		return false;
	}
	close(end[1]);
	n = read(end[0], why, size - 1);
	why[n > 0 ? n : 0] = 0;
	close(end[0]);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status))
		snprintf(why, size, "it was killed by signal %d", WTERMSIG(status));
	return true;
}

static bool tries_well(struct batch *b, struct sim_proc *sp)
{
	static struct place place[DEATHS_MAX];
	uint32_t instructions, n, bad = 0;

	reached = 0;
	n = places(sp, every, first, place, &instructions);
	for (uint32_t i = 0; i < n && bad < BAD_MAX; i++) {
		static struct sim_nic nic;
		char why[320];

		restore();
		die_at(sp, &place[i], &nic);
		if (!heir_lives(sp, &nic, why, sizeof(why)))
			return false;
		if (!why[0])
			continue;
		bad++;
		diag("%s, killed after kill point %u at %llx (main is at %llx), time %u: %s", b->what,
		     place[i].points, (unsigned long long)place[i].rip,
		     (unsigned long long)(uintptr_t)main, place[i].times, why);
	}
	restore();
	ok(bad == 0 && (n > 20 || every), "%s: %u instructions, killed at %u of them", b->what,
	   instructions, n);
	ok(bad || reached == n, "and each of these deaths was where it was meant to be");
	return true;
}

/* What would the batch do?  Asked of a process that does it. */
static bool is_interesting(const struct batch *b, struct sim_proc *sp)
{
	struct measure before = measure(), after;
	pid_t pid;

	find_pages(false);
	pid = fork();
	if (pid == 0) {
		sim.nic.send = lose;
		sp->proc.now_ns = sim.now;
		fos_proc_work(&sp->proc);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	after = measure();
	find_pages(true);
	restore();
	return b->is(&before, &after);
}

static void before_batch(struct sim *s, struct sim_proc *sp)
{
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		struct batch *b = &batches[i];

		if (b->done || s->world.dir->proc[sp->index].role != b->role ||
		    !is_interesting(b, sp))
			continue;
		b->done = true;
		if (!tries_well(b, sp))
			return;
	}
}

int main(void)
{
	char why[320];
	bool good;

	if (getenv("EVERY") && sscanf(getenv("EVERY"), "%u/%u", &first, &every) < 2)
		every = 1;
	make_box();
	sim.before = before_batch;
	good = ends_well(why, sizeof(why));
	if (heir) {
		if (!good && write(heir, why, strlen(why)) < 0)
			return 1;
		_exit(0);
	}
	ok(good, "undisturbed, the connection ends well (%s)", why);
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		if (!batches[i].done)
			ok(false, "there is a batch in which %s", batches[i].what);
	return done();
}

#else

int main(void)
{
	skip("single-stepping is for x86-64 without sanitizers");
	return done();
}

#endif
