/* tests/sim/scenario.c - what one seed of the simulation stands for, see scenario.h */
#include "tests/sim/scenario.h"

#include <time.h>
#include <unistd.h>

#include "pmhost/host.h"
#include "tests/sim/event_told.h"
#include "tests/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define TEXT_MAX 40000u

bool scenario_witness, scenario_events, scenario_leave;

struct draw {
	uint64_t seed, r;
	struct sim *sim;
	struct conn conns[SIM_MAX_CONNS];
	uint32_t nr;
	struct conn_stage stages[CONN_EDITORS];
	uint32_t nr_stages;
	uint8_t text[2][TEXT_MAX];
};

static uint32_t below(struct draw *d, uint32_t n)
{
	return (uint32_t)world_below(&d->r, n);
}

static bool one_in(struct draw *d, uint32_t n)
{
	return below(d, n) == 0;
}

/* ------------------------------------------------------------------ the pipeline */

static void add_pm(struct draw *d, const char *file, uint32_t stage, uint32_t stream, bool edits,
		   const char *options, size_t options_len)
{
	char path[512], name[FOS_NAME_MAX];
	const char *build = getenv("B");
	struct fos_dir *dir = d->sim->world.dir;
	struct fos_dir_pm *pm;

	snprintf(name, sizeof(name), "%.16s%u", strrchr(file, '/') + 1, dir->nr_pms);
	pm = &dir->pm[world_pm(&d->sim->world, name, stage, stream, edits)];
	snprintf(path, sizeof(path), "%s/%s.so", build ? build : "build", file);
	pm->file_off = sim_string(d->sim, path, strlen(path) + 1);
	pm->options_off = sim_string(d->sim, options, options_len);
	pm->hold_ns = 30 * SECOND;
	pm->ctx_size = 512;
	pm->state_size = 512;
}

static void add_reader(struct draw *d, const char *file, uint32_t stage, uint32_t stream)
{
	static const char options[] = "file\0/dev/null\0";

	add_pm(d, file, stage, stream, false, options, sizeof(options));
}

/* A module that is told everything; it draws nothing, so seeds mean the same with it. */
static void add_told(struct draw *d, const char *file, uint32_t stage, const char *options, size_t len)
{
	struct fos_dir_pm *pm = &d->sim->world.dir->pm[d->sim->world.dir->nr_pms];

	add_pm(d, file, stage, FOS_STREAM_APP, false, options, len);
	pm->events = FOS_EVENT_BIT(FOS_NR_EVENTS) - 1 - FOS_EVENT_BIT(FOS_EVENT_ORPHAN);
	pm->event_wants = FOS_PM_WANTS_EVENTS;
}

static void add_witness(struct draw *d, uint32_t stage, bool first)
{
	static const char options[] = "first\0yes\0", recorder[2][10] = {"number\0001", "number\0000"};

	if (scenario_witness)
		add_told(d, "tests/pm/witness", stage, first ? options : "", first ? sizeof(options) : 1);
	if (scenario_events)
		add_told(d, "tests/pm/recorder", stage, recorder[first], sizeof(recorder[first]));
}

/* One that has tails sent ahead.  It draws nothing either: seeds without it mean what they did. */
static void add_halfback(struct draw *d, uint32_t stage)
{
	struct fos_dir_pm *pm = &d->sim->world.dir->pm[d->sim->world.dir->nr_pms];

	add_pm(d, "pms/halfback", stage, FOS_STREAM_APP, false, "", 1);
	pm->resends = 1;
}

static void add_script(struct draw *d, uint32_t stage)
{
	struct conn_stage *st = &d->stages[d->nr_stages];
	char options[256];
	size_t n = 0;

	st->seed = world_rand(&d->r) >> 1;
	st->profile = SCRIPT_PROFILES;
	/* the second one is modest: streams would grow without bounds */
	if (d->nr_stages)
		st->profile = one_in(d, 3) ? SCRIPT_CUT : SCRIPT_LIGHT;
	if (scenario_events && d->seed % 2)
		st->profile = SCRIPT_NOTHING;
	n += (size_t)sprintf(options + n, "seed%c%llu%c", 0, (unsigned long long)st->seed, 0);
	n += (size_t)sprintf(options + n, "profile%c%u%c", 0, st->profile, 0);
	n += (size_t)sprintf(options + n, "stage%c%u%c", 0, d->nr_stages, 0);
	if (scenario_leave)
		n += (size_t)sprintf(options + n, "leave%c%u%c", 0, 6000, 0);
	d->nr_stages++;
	add_pm(d, "tests/pm/script", stage, FOS_STREAM_APP, true, options, n + 1);
}

static void draw_pipeline(struct draw *d)
{
	uint32_t stage = 0;

	world_plan(&d->sim->world, false);
	d->sim->world.dir->nr_frames = 2048u << below(d, 2);
	if (one_in(d, 3))
		add_reader(d, "pms/count", stage++, FOS_STREAM_IP);
	add_script(d, stage);
	add_witness(d, stage, true);
	if (one_in(d, 4) && !scenario_leave)
		add_reader(d, "pms/digest", stage, FOS_STREAM_APP);
	stage++;
	if (one_in(d, 4))
		add_script(d, stage++);
	if (one_in(d, 4) && !scenario_leave)
		add_reader(d, "pms/digest", stage, FOS_STREAM_APP);
	if (d->seed % 8 >= 5 && !scenario_leave)
		add_halfback(d, stage);
	add_witness(d, stage, false);
}

/* ------------------------------------------------------------------ the network */

static void draw_network(struct draw *d)
{
	struct net *n = &d->sim->net;
	uint64_t delay[2] = {MS + below(d, 10000000), MS + below(d, 30000000)};
	bool clean = one_in(d, 4);

	n->quantum_ns = (const uint64_t[]){1, 100000, MS}[below(d, 3)];
	for (uint32_t i = 0; i < NET_HOPS; i++) {
		struct net_impairment *h = &n->hop[i];

		h->delay_ns = delay[i == NET_SERVER_BOX || i == NET_BOX_SERVER];
		if (clean || one_in(d, 4))
			continue;
		h->loss = below(d, 2) ? below(d, 50) : 0;
		h->reorder = below(d, 2) ? below(d, 120) : 0;
		h->duplicate = below(d, 2) ? below(d, 40) : 0;
		h->corrupt = below(d, 2) ? below(d, 10) : 0;
	}
}

static bool keeps_order(const struct net *n, enum net_hop hop)
{
	return n->hop[hop].reorder == 0;
}

/* ------------------------------------------------------------------ endpoints */

static void draw_reader(struct draw *d, struct peer_config *c)
{
	if (!one_in(d, 4))
		return;
	c->read_max = 1 + below(d, 4000);
	c->read_ns = MS + below(d, 50000000);
	/* a slow reader must come to an end */
	if (c->read_max < 400)
		c->read_ns /= 20;
}

static void draw_simple(struct draw *d, struct peer_config *c)
{
	c->simple = c->go_back = true;
	c->mss = one_in(d, 2) ? 0 : (uint16_t)(100 + below(d, 437));
	c->segment = c->mss ? c->mss : 536;
	c->scale = 0xff;
	c->byte_probe = one_in(d, 2);
	c->window = 300 + below(d, 3000);
	c->keepalive_byte = one_in(d, 2);
}

static void draw_full(struct draw *d, struct peer_config *c)
{
	c->mss = c->segment = (uint16_t)(536 + below(d, 925));
	c->timestamps = below(d, 3);
	c->sack = below(d, 3);
	c->scale = one_in(d, 3) ? 0xff : (uint8_t)below(d, 8);
	c->window = 4000 + below(d, 60000);
	if (c->scale >= 2 && c->scale != 0xff && one_in(d, 2))
		c->window = 200000;
	c->delayed_ack = below(d, 3);
	c->tlp = below(d, 3);
	c->undo = below(d, 3);
	c->recut = one_in(d, 3);
	c->go_back = !c->sack && one_in(d, 4);
}

static void draw_end(struct draw *d, struct peer_config *c)
{
	c->seed = world_rand(&d->r);
	c->isn = (uint32_t)world_rand(&d->r);
	if (one_in(d, 3))
		c->isn = 0u - below(d, 30000);
	c->ts_base = one_in(d, 4) ? 0u - below(d, 3000) : (uint32_t)world_rand(&d->r);
	if (one_in(d, 5))
		draw_simple(d, c);
	else
		draw_full(d, c);
	draw_reader(d, c);
	c->cut = below(d, 3) ? PEER_CUT_FULL : (enum peer_cut)below(d, 4);
	if (one_in(d, 4))
		c->keepalive_ns = 3 * SECOND + below(d, 1000) * 10 * MS;
	if (one_in(d, 5)) {
		c->pause_at = below(d, c->len + 1);
		c->pause_ns = (1 + below(d, 15)) * SECOND;
	}
}

/* Who speaks and who closes first. */
static void draw_manners(struct draw *d, struct peer_config c[2])
{
	uint32_t first = below(d, 2);

	if (one_in(d, 10)) /* both send a SYN */
		c[1].active = true;
	c[0].ack_with_data = one_in(d, 3);
	switch (below(d, 5)) {
	case 0:
		c[first].close_after = true;
		break;
	case 1: /* an answer to what has been closed */
		c[first].close_after = true;
		c[first].talk_after = UINT32_MAX;
		break;
	default:
		break;
	}
	if (one_in(d, 12)) {
		struct peer_config *a = &c[below(d, 2)];

		a->abort_at = below(d, a->len + 1);
		for (uint32_t i = 0; i < 2; i++)
			c[i].keepalive_ns = 2 * SECOND;
	}
}

static uint32_t draw_text(struct draw *d, uint8_t *to)
{
	static const uint32_t max[] = {1, 300, 3000, 3000, 12000, TEXT_MAX};
	uint32_t len = below(d, max[below(d, 6)]);
	uint64_t r = world_rand(&d->r);

	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)(world_rand(&r) >> 8);
	return len;
}

/* IPv4 or IPv6, with or without a tag: drawn apart, so that a seed stands for what it did before. */
static void draw_kind(struct draw *d, uint32_t i, struct peer_config c[2])
{
	uint64_t r = d->seed * 0x9e3779b97f4a7c15ull + i;
	bool v6 = world_below(&r, 3) == 0;
	uint16_t vlan = world_below(&r, 5) == 0 ? (uint16_t)(1 + world_below(&r, 4000)) : 0;

	for (uint32_t k = 0; k < 2; k++) {
		c[k].v6 = v6;
		c[k].vlan = vlan;
		if (v6 && c[k].mss > 1440)
			c[k].mss = c[k].segment = 1440;
	}
}

static void draw_connection(struct draw *d, uint32_t i)
{
	struct peer_config c[2];
	struct conn *conn = &d->conns[i];
	const struct net *n = &d->sim->net;

	conn_plain(c, (uint16_t)(20000 + i));
	for (uint32_t k = 0; k < 2; k++) {
		c[k].data = d->text[k];
		c[k].len = draw_text(d, d->text[k]);
		c[k].fifo = keeps_order(n, k ? NET_BOX_SERVER : NET_BOX_CLIENT);
		draw_end(d, &c[k]);
	}
	draw_kind(d, i, c);
	draw_manners(d, c);
	if (one_in(d, 8)) { /* an end is hostile */
		struct peer_config *r = &c[below(d, 2)];

		r->rogue = true;
		c[r == &c[0]].exposed = scenario_leave;
		c[r == &c[0]].may_time_out = true;
		c[0].active = true;
		c[1].active = false;
	}
	if (i && one_in(d, 4) && !d->conns[i - 1].aborts && !d->conns[i - 1].rogue) {
		c[0].port = c[1].remote_port = d->conns[i - 1].end[0].c.port;
		for (uint32_t k = 0; k < 2; k++) {
			c[k].isn = below(d, 1u << 24);
			c[k].v6 = d->conns[i - 1].end[0].c.v6;
			c[k].vlan = d->conns[i - 1].end[0].c.vlan;
			c[k].mss = c[k].mss > 1440 ? 1440 : c[k].mss;
			c[k].segment = c[k].segment > 1440 ? 1440 : c[k].segment;
		}
	}
	conn_init(conn, c, d->stages, d->nr_stages, sim_from_peer, d->sim);
	if (c[0].port != 20000 + i)
		conn->after = &d->conns[i - 1];
	conn->fifo = keeps_order(n, NET_CLIENT_BOX) && keeps_order(n, NET_SERVER_BOX);
	conn->start_ns = below(d, 500) * MS;
	sim_add(d->sim, conn);
}

/* ------------------------------------------------------------------ one run */

static void add_up(struct scenario_sum *sum, const struct draw *d)
{
	const struct sim *s = d->sim;

	sum->lost += s->net.nr_lost;
	sum->kills += s->nr_kills;
	sum->kills_inside += s->nr_kills_inside;
	sum->ahead += sim_counter(s, FOS_C_resent_ahead);
	sum->early += sim_counter(s, FOS_C_tcp_passed_early);
	sum->no_frame += s->nr_no_frame;
	for (uint32_t i = 0; i < d->nr; i++) {
		const struct conn *c = &d->conns[i];

		sum->connections++;
		sum->missed += c->missed;
		sum->aborted += c->aborts;
		sum->reused += c->after != NULL;
		sum->rogue += c->rogue;
		sum->v6 += c->end[0].c.v6;
		sum->tagged += c->end[0].c.vlan != 0;
		sum->simultaneous += c->end[0].c.active && c->end[1].c.active;
		sum->sack += c->end[0].sack_on;
		sum->timestamps += c->end[0].ts_on;
		sum->bare += c->end[0].c.simple || c->end[1].c.simple;
		for (uint32_t k = 0; k < 2; k++) {
			const struct peer *p = &c->end[k];

			sum->bytes += p->rcv_nxt;
			sum->timeouts += p->timeouts;
			sum->fast_retransmits += p->fast_retransmits;
			sum->undone += p->undone;
			sum->probes += p->probes;
			sum->keepalives += p->keepalives;
		}
	}
}

static bool verify(struct draw *d)
{
	if (sim_counter(d->sim, FOS_C_pm_rules_broken)) {
		sim_fail(d->sim, "a value that a module published was refused", "");
		return false;
	}
	for (uint32_t i = 0; i < d->nr; i++)
		if (!conn_verify(&d->conns[i])) {
			char what[300];

			snprintf(what, sizeof(what), "port %u: %s", d->conns[i].end[0].c.port,
				 d->conns[i].error);
			sim_fail(d->sim, what, "");
			return false;
		}
	return true;
}

uint64_t scenario_fresh_seed(void)
{
	struct timespec t;
	uint64_t s;

	clock_gettime(CLOCK_REALTIME, &t);
	s = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec ^ (uint64_t)getpid() << 20;
	return world_rand(&s) >> 24;
}

bool scenario_run(uint64_t seed, struct scenario_sum *sum)
{
	static struct sim s;
	static struct draw d;
	struct sim_config conf = {.seed = seed, .stall_ns = 130 * SECOND, .limit_ns = 7200 * SECOND};
	bool good;

	memset(&s, 0, sizeof(s));
	memset(&d, 0, sizeof(d));
	d.seed = seed;
	d.r = seed * 0x2545f4914f6cdd1dull;
	d.sim = &s;
	draw_pipeline(&d);
	/* much happens while a successor looks at its flows, or little */
	fos_pmhost_step = seed % 2 ? 1 : 256;
	conf.kill_per_mille = below(&d, 2) ? below(&d, 60) : 0;
	/* (ten processes hardly come to rest with more: each new one looks at its flows) */
	if (scenario_events && conf.kill_per_mille > 25)
		conf.kill_per_mille = 25;
	conf.audit_per_mille = 2;
	conf.kill_inside_ppm = below(&d, 2) ? below(&d, 2000) : 0;
	sim_init(&s, &conf);
	draw_network(&d);
	d.nr = 1 + below(&d, 9);
	for (uint32_t i = 0; i < d.nr; i++)
		draw_connection(&d, i);
	if (scenario_events)
		event_told_begin(&s, seed % 2 == 0);
	good = sim_run(&s) && verify(&d) && sim_settle(&s) &&
	       (!scenario_events || event_told_compare(&s));
	if (!good) {
		diag("seed %llu: %s", (unsigned long long)seed, s.error);
		sim_report(&s);
	}
	add_up(sum, &d);
	if (scenario_events)
		event_told_end(&s);
	for (uint32_t i = 0; i < d.nr; i++)
		conn_fini(&d.conns[i]);
	sim_fini(&s);
	return good;
}
