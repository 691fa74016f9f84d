/* Flows that modules move to another pipeline in the simulation: lossy networks, stages killed after
 * batches and inside them.  Each byte must have passed the one pipeline's editor or the other's, once,
 * as they would have edited it, whichever direction took the other one along.
 *
 *	test_link_sim [FIRST [COUNT]]	replays a seed
 */
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define TEXT_MAX 20000u

struct draw {
	uint64_t r;
	struct sim *sim;
	struct conn conns[6];
	uint32_t nr;
	struct conn_stage stages[2];
	uint32_t at, spread;
	uint8_t text[2][TEXT_MAX];
};

static struct {
	uint64_t connections, moved, halfway, kills, kills_inside, edits;
} sum;

static uint32_t below(struct draw *d, uint32_t n)
{
	return (uint32_t)world_below(&d->r, n);
}

/* A PM of pipeline `pipeline` at stage `stage`, beside those that are there. */
static void add_pm(struct draw *d, const char *file, uint32_t pipeline, uint32_t stage, bool edits,
		   const char *options, size_t options_len)
{
	struct fos_dir *dir = d->sim->world.dir;
	struct fos_dir_pipeline *pl = &dir->pipeline[pipeline];
	uint32_t i = dir->nr_pms++;
	struct fos_dir_pm *pm = &dir->pm[i];
	const char *build = getenv("B");
	char path[512];

	snprintf(pm->name, FOS_NAME_MAX, "%.16s%u", strrchr(file, '/') + 1, i);
	snprintf(path, sizeof(path), "%s/%s.so", build ? build : "build", file);
	pm->file_off = sim_string(d->sim, path, strlen(path) + 1);
	pm->options_off = sim_string(d->sim, options, options_len);
	pm->pipeline = (uint8_t)pipeline;
	pm->stage = (uint8_t)stage;
	pm->stream = FOS_STREAM_APP;
	pm->edits = edits;
	pm->editor = edits ? (uint8_t)++pl->nr_editors : 0;
	pm->hold_bytes = 65536;
	pm->hold_ns = 30 * SECOND;
	pm->ctx_size = pm->state_size = 512;
	pl->stage[stage].pm[pl->stage[stage].nr_pms++] = i;
	if (stage + 1 > pl->nr_stages)
		pl->nr_stages = stage + 1;
}

static void add_script(struct draw *d, uint32_t pipeline, uint32_t stage)
{
	struct conn_stage *st = &d->stages[pipeline];
	char o[256];
	size_t n = 0;

	st->seed = world_rand(&d->r) >> 1;
	st->profile = (const uint32_t[]){SCRIPT_NOTHING, SCRIPT_LIGHT, SCRIPT_DENSE, SCRIPT_BIG,
					 SCRIPT_GROW}[below(d, 5)];
	n += (size_t)sprintf(o + n, "seed%c%llu%c", 0, (unsigned long long)st->seed, 0);
	n += (size_t)sprintf(o + n, "profile%c%u%c", 0, st->profile, 0);
	n += (size_t)sprintf(o + n, "stage%c%u%c", 0, pipeline, 0);
	add_pm(d, "tests/pm/script", pipeline, stage, true, o, n + 1);
}

static void draw_pipelines(struct draw *d)
{
	static const char null[] = "file\0/dev/null\0";
	struct fos_dir *dir;
	char o[256];
	size_t n = 0;
	uint32_t stage = 0;

	world_plan(&d->sim->world, false);
	dir = d->sim->world.dir;
	dir->nr_pipelines = 2;
	snprintf(dir->pipeline[0].name, FOS_NAME_MAX, "first");
	snprintf(dir->pipeline[1].name, FOS_NAME_MAX, "second");
	dir->pipeline[1].match.fields = FOS_MATCH_PROTO; /* nothing that comes */
	d->at = below(d, 3) ? below(d, 6000) : 0;
	d->spread = 1 + below(d, 4000);
	n += (size_t)sprintf(o + n, "to%csecond%c", 0, 0);
	n += (size_t)sprintf(o + n, "at%c%u%c", 0, d->at, 0);
	n += (size_t)sprintf(o + n, "spread%c%u%c", 0, d->spread, 0);
	if (below(d, 3) == 0) /* an earlier reader, and one beside */
		add_pm(d, "pms/digest", 0, stage++, false, null, sizeof(null));
	add_pm(d, "tests/pm/mover", 0, stage, false, o, n + 1);
	if (below(d, 3) == 0)
		add_pm(d, "pms/digest", 0, stage, false, null, sizeof(null));
	add_script(d, 0, ++stage);
	if (below(d, 3) == 0)
		add_pm(d, "pms/digest", 0, ++stage, false, null, sizeof(null));
	stage = 0;
	if (below(d, 3) == 0)
		add_pm(d, "pms/digest", 1, stage++, false, null, sizeof(null));
	add_script(d, 1, stage);
	if (below(d, 3) == 0)
		add_pm(d, "pms/digest", 1, stage, false, null, sizeof(null));
}

static void draw_network(struct draw *d)
{
	struct net *n = &d->sim->net;
	bool clean = below(d, 3) == 0;

	n->quantum_ns = (const uint64_t[]){1, 100000, MS}[below(d, 3)];
	for (uint32_t i = 0; i < NET_HOPS; i++) {
		struct net_impairment *h = &n->hop[i];

		h->delay_ns = MS + below(d, 10000000);
		if (clean)
			continue;
		h->loss = below(d, 40);
		h->reorder = below(d, 2) ? below(d, 80) : 0;
		h->duplicate = below(d, 2) ? below(d, 30) : 0;
	}
}

static void draw_connection(struct draw *d, uint32_t i)
{
	struct peer_config c[2];
	struct conn *conn = &d->conns[i];

	conn_plain(c, (uint16_t)(20000 + i));
	for (uint32_t k = 0; k < 2; k++) {
		c[k].data = d->text[k];
		c[k].len = below(d, (const uint32_t[]){1, 3000, TEXT_MAX}[below(d, 3)]);
		for (uint32_t b = 0; b < c[k].len; b++)
			d->text[k][b] = (uint8_t)(world_rand(&d->r) >> 8);
		c[k].seed = world_rand(&d->r);
		c[k].isn = (uint32_t)world_rand(&d->r);
		c[k].mss = c[k].segment = (uint16_t)(536 + below(d, 925));
		c[k].timestamps = below(d, 2);
		c[k].sack = below(d, 2);
		c[k].window = 4000 + below(d, 60000);
		c[k].delayed_ack = below(d, 2);
		c[k].keepalive_ns = 5 * SECOND;
	}
	conn_init(conn, c, d->stages, 2, sim_from_peer, d->sim);
	conn->moves = conn->missed = true;
	conn->start_ns = below(d, 500) * MS;
	sim_add(d->sim, conn);
}

/* As the module computes it. */
static uint64_t place(const struct draw *d, const struct conn *c, uint32_t dir)
{
	uint16_t sport = c->end[dir].c.port, dport = c->end[dir].c.remote_port;

	return d->at + ((sport * 2654435761u) ^ (dport * 40503u)) % (uint64_t)d->spread;
}

static bool verify(struct draw *d)
{
	for (uint32_t i = 0; i < d->nr; i++) {
		struct conn *c = &d->conns[i];
		uint32_t on_time = 0, moved = 0;

		for (uint32_t k = 0; k < 2; k++) {
			uint32_t at = conn_moved_at(c, k);

			moved += at < c->dir[k].len;
			on_time += at == place(d, c, k);
			sum.halfway += at > 0 && at < c->dir[k].len;
			if (at < c->dir[k].len && !c->dir[k].told_moved && !c->error[0])
				snprintf(c->error, sizeof(c->error), "nobody told the first module");
			if (at > place(d, c, k) && place(d, c, k) < c->dir[k].len && !c->error[0])
				snprintf(c->error, sizeof(c->error), "moved at %u, not at %llu", at,
					 (unsigned long long)place(d, c, k));
		}
		sum.moved += moved > 0;
		if (!conn_verify(c) || (moved && !on_time && c->dir[0].len && c->dir[1].len &&
					place(d, c, 0) > c->dir[0].len && place(d, c, 1) > c->dir[1].len)) {
			sim_fail(d->sim, c->error, "");
			return false;
		}
	}
	return true;
}

static bool run(uint64_t seed)
{
	static struct sim s;
	static struct draw d;
	struct sim_config conf = {.seed = seed, .stall_ns = 250 * SECOND, .limit_ns = 7200 * SECOND,
				  .audit_per_mille = 5};
	bool good;

	memset(&s, 0, sizeof(s));
	memset(&d, 0, sizeof(d));
	d.r = seed * 0x2545f4914f6cdd1dull;
	d.sim = &s;
	draw_pipelines(&d);
	conf.kill_per_mille = below(&d, 2) ? below(&d, 80) : 0;
	conf.kill_inside_ppm = below(&d, 2) ? below(&d, 4000) : 0;
	sim_init(&s, &conf);
	draw_network(&d);
	d.nr = 1 + below(&d, 5);
	for (uint32_t i = 0; i < d.nr; i++)
		draw_connection(&d, i);
	good = sim_run(&s) && verify(&d) && sim_settle(&s);
	if (!good) {
		diag("seed %llu: %s", (unsigned long long)seed, s.error);
		sim_report(&s);
	}
	sum.connections += d.nr;
	sum.kills += s.nr_kills;
	sum.kills_inside += s.nr_kills_inside;
	sum.edits += sim_counter(&s, FOS_C_edits_applied);
	for (uint32_t i = 0; i < d.nr; i++)
		conn_fini(&d.conns[i]);
	sim_fini(&s);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 250;
	uint64_t good = 0;

	if (argc == 1 && getenv("FULL") && !strcmp(getenv("FULL"), "1"))
		count = 4000;
	for (uint64_t seed = first; seed < first + count; seed++)
		good += run(seed);
	is_u64(good, count, "each byte passed one pipeline or the other, once");
	diag("%llu connections, %llu moved, %llu directions in their middle; %llu kills after batches, "
	     "%llu inside; %llu edits", (unsigned long long)sum.connections,
	     (unsigned long long)sum.moved, (unsigned long long)sum.halfway,
	     (unsigned long long)sum.kills, (unsigned long long)sum.kills_inside,
	     (unsigned long long)sum.edits);
	if (count >= 100)
		ok(sum.moved > sum.connections / 3 && sum.halfway > sum.moved / 2,
		   "most connections are moved, many in their middle");
	return done();
}
