/* tests/sim/sim.c - time, connections and the judge of a simulated box, see sim.h */
#include "deploy/audit/audit.h"
#include "pmhost/pm.h"
#include "tests/sim/sim.h"

#define ROGUE_NS 40000000000ull

/* Loaded modules find these by name. */
void sim_pm_saw(uint32_t stage, const struct fos_flow_info *f, uint64_t pos, const uint8_t *data,
		size_t len);
void sim_pm_jumped(uint32_t stage, const struct fos_flow_info *f, uint64_t from, uint64_t to);
void sim_pm_wrong(const struct fos_flow_info *f, const char *what);
void sim_pm_ended(uint32_t stage, const struct fos_flow_info *f, uint32_t why);

/* the one run under way: modules know no argument to find it by */
static struct sim *current;

void sim_trace(const struct sim *s, const char *where, const uint8_t *b, uint32_t len)
{
	struct wire w;

	if (!s->trace || !wire_parse(&w, b, len, false))
		return;
	fprintf(stderr, "%10.6f %-12s %5u>%-5u seq %08x ack %08x fl %02x wnd %5u len %u",
		(double)s->now / 1e9, where, w.sport, w.dport, w.seq, w.ack, w.flags, w.wnd, w.len);
	if (w.has_ts)
		fprintf(stderr, " ts %08x/%08x", w.tsval, w.tsecr);
	for (uint32_t i = 0; i < w.nr_sack; i++)
		fprintf(stderr, " sack %08x-%08x", w.sack[i][0], w.sack[i][1]);
	fprintf(stderr, "\n");
}

static void trace_bytes(const struct sim *s, const uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i < len && s->trace; i++)
		fprintf(stderr, "%02x%s", b[i], i % 32 == 31 || i + 1 == len ? "\n" : " ");
}

/* ------------------------------------------------------------------ connections */

static struct conn *find(struct sim *s, uint16_t a, uint16_t b, uint32_t *from)
{
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		struct conn *c = s->conns[i];

		if (!c->started || c->gone)
			continue;
		for (uint32_t k = 0; k < 2; k++)
			if (c->end[k].c.port == a && c->end[k].c.remote_port == b) {
				*from = k;
				return c;
			}
	}
	return NULL;
}

/* By the ports of a packet: whose it is. */
static struct conn *owner(struct sim *s, const uint8_t *data, uint32_t len, uint32_t *from)
{
	struct wire w;

	return wire_parse(&w, data, len, false) && w.tcp ? find(s, w.sport, w.dport, from) : NULL;
}

static void judged(struct sim *s, struct conn *c)
{
	char what[300];

	if (!c->error[0] && c->end[0].error[0])
		snprintf(c->error, sizeof(c->error), "%s", c->end[0].error);
	if (!c->error[0] && c->end[1].error[0])
		snprintf(c->error, sizeof(c->error), "%s", c->end[1].error);
	if (!c->error[0])
		return;
	snprintf(what, sizeof(what), "port %u: %s", c->end[0].c.port, c->error);
	sim_fail(s, what, "");
}

void sim_from_box(void *arg, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct sim *s = arg;
	struct conn *c;
	uint32_t from;

	sim_trace(s, port == 0 ? "box>client" : "box>server", data, len);
	c = owner(s, data, len, &from);
	/* whose hold it was will be heard when the module is called next */
	if (sim_counter(s, FOS_C_pm_hold_expired) != s->nr_expired) {
		s->nr_expired = sim_counter(s, FOS_C_pm_hold_expired);
		for (uint32_t i = 0; i < s->nr_conns; i++)
			s->conns[i]->missed |= s->conns[i]->started;
	}
	if (c && from != (port == 0)) {
		trace_bytes(s, data, len);
		sim_fail(s, "the box sends a packet to where it came from", "");
	} else if (c) {
		conn_judge(c, 1 - from, data, len);
		if (c->error[0])
			trace_bytes(s, data, len);
		judged(s, c);
	}
	net_send(&s->net, port == 0 ? NET_BOX_CLIENT : NET_BOX_SERVER, data, len, s->now);
}

void sim_from_peer(void *arg, struct peer *p, const uint8_t *data, uint32_t len)
{
	struct sim *s = arg;

	net_send(&s->net, p->c.addr[3] == 1 ? NET_SERVER_BOX : NET_CLIENT_BOX, data, len, s->now);
}

void sim_pm_saw(uint32_t stage, const struct fos_flow_info *f, uint64_t pos, const uint8_t *data,
		size_t len)
{
	uint32_t dir;
	struct conn *c = find(current, f->sport, f->dport, &dir);

	if (!c || f->start_ns < c->start_ns)
		return;
	if (stage == 1 && c->moves && pos < c->dir[dir].second_at)
		c->dir[dir].second_at = pos;
	if (stage != 0)
		return;
	conn_saw(c, dir, pos, data, len);
	judged(current, c);
}

void sim_pm_ended(uint32_t stage, const struct fos_flow_info *f, uint32_t why)
{
	uint32_t dir;
	struct conn *c = find(current, f->sport, f->dport, &dir);

	if (c && f->start_ns >= c->start_ns && stage == 0 && why == FOS_END_MOVED)
		c->dir[dir].told_moved = true;
}

void sim_pm_jumped(uint32_t stage, const struct fos_flow_info *f, uint64_t from, uint64_t to)
{
	uint32_t dir;
	struct conn *c = find(current, f->sport, f->dport, &dir);

	if (!c || f->start_ns < c->start_ns || c->done_ns)
		return;
	if (current->trace)
		fprintf(stderr, "%10.6f module %u of port %u missed %llu..%llu\n",
			(double)current->now / 1e9, stage, f->sport, (unsigned long long)from,
			(unsigned long long)to);
	conn_jumped(c, dir, stage, from, to);
	judged(current, c);
}

void sim_pm_wrong(const struct fos_flow_info *f, const char *what)
{
	char port[32];

	snprintf(port, sizeof(port), "port %u", f->sport);
	sim_fail(current, port, what);
}

void sim_add(struct sim *s, struct conn *c)
{
	if (s->nr_conns == SIM_MAX_CONNS)
		abort();
	c->start_ns += s->now;
	s->conns[s->nr_conns++] = c;
}

/* Long enough for everything old to have left the network. */
static uint64_t drained(const struct sim *s)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < NET_HOPS; i++)
		most = s->net.hop[i].delay_ns > most ? s->net.hop[i].delay_ns : most;
	return 12 * most + 2 * s->net.quantum_ns;
}

static uint64_t starts_at(const struct sim *s, const struct conn *c)
{
	if (c->started)
		return UINT64_MAX;
	if (!c->after)
		return c->start_ns;
	return c->after->done_ns ? c->after->done_ns + drained(s) : UINT64_MAX;
}

/* A sequence number that comes after all that the one before has used. */
static void follow(struct peer *p, const struct peer *old)
{
	p->c.isn += old->c.isn + 2 + (uint32_t)old->max_sent;
	p->c.ts_base = old->c.ts_base;
}

static void start(struct sim *s, struct conn *c)
{
	if (c->after) {
		for (uint32_t i = 0; i < 2; i++)
			follow(&c->end[i], &c->after->end[i]);
		c->after->gone = true;
	}
	c->started = true;
	c->start_ns = s->now;
	peer_open(&c->end[1], s->now);
	peer_open(&c->end[0], s->now);
}

/* Ends what is over, says what has stalled. */
static bool all_done(struct sim *s)
{
	bool all = true;

	for (uint32_t i = 0; i < s->nr_conns; i++) {
		struct conn *c = s->conns[i];
		uint64_t moved = c->end[0].progress_ns > c->end[1].progress_ns
					 ? c->end[0].progress_ns
					 : c->end[1].progress_ns;

		if (conn_done(c) || c->gone) {
			if (!c->done_ns)
				c->done_ns = s->now;
			continue;
		}
		/* with a hostile end there may be no other end than leaving it */
		if (c->started && c->rogue &&
		    (s->now > moved + ROGUE_NS || s->now > c->start_ns + 5 * ROGUE_NS)) {
			c->gone = true;
			c->done_ns = s->now;
			continue;
		}
		all = false;
		if (c->started && s->now > moved + s->conf.stall_ns) {
			snprintf(c->error, sizeof(c->error), "stalled since %.3f s",
				 (double)moved / 1e9);
			judged(s, c);
		}
	}
	return all;
}

/* ------------------------------------------------------------------ time */

static uint64_t next_event(struct sim *s)
{
	uint64_t at = net_next(&s->net), t = sim_box_next(s);

	at = t < at ? t : at;
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		const struct conn *c = s->conns[i];

		t = starts_at(s, c);
		at = t < at ? t : at;
		for (uint32_t k = 0; k < 2 && c->started && !c->gone; k++)
			if (peer_next_timer(&c->end[k]) < at)
				at = peer_next_timer(&c->end[k]);
	}
	return at;
}

static void to_peer(struct sim *s, const struct net_packet *p)
{
	uint32_t from;
	struct conn *c = owner(s, p->data, p->len, &from);

	/* an end that is done keeps no state by which it would know another connection's SYN */
	if (c && c->rogue && (c->replaced || peer_done(&c->end[1 - from])))
		return;
	if (c && from == (p->hop == NET_BOX_CLIENT)) {
		peer_input(&c->end[1 - from], p->data, p->len, s->now);
		judged(s, c);
	}
}

static void deliver(struct sim *s)
{
	static const char *const where[NET_HOPS] = {"client>box", "server>box", "client gets",
						    "server gets"};

	while (net_next(&s->net) <= s->now) {
		struct net_packet *p = net_take(&s->net);

		sim_trace(s, where[p->hop], p->data, p->len);
		if (p->hop == NET_CLIENT_BOX || p->hop == NET_SERVER_BOX)
			sim_box_packet(s, p->hop == NET_SERVER_BOX, p->data, p->len);
		else
			to_peer(s, p);
		free(p);
	}
}

static void run_peers(struct sim *s)
{
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		struct conn *c = s->conns[i];

		if (starts_at(s, c) <= s->now)
			start(s, c);
		for (uint32_t k = 0; k < 2 && c->started && !c->gone; k++)
			peer_timer(&c->end[k], s->now);
		judged(s, c);
	}
}

bool sim_run(struct sim *s)
{
	uint64_t end = s->now + s->conf.limit_ns;

	while (!s->error[0] && !all_done(s)) {
		uint64_t at = next_event(s);

		if (at > s->now)
			s->now = at;
		if (s->now > end) {
			sim_fail(s, "the run does not end", "");
			break;
		}
		deliver(s);
		run_peers(s);
		sim_box_run(s);
		if (s->conf.audit_per_mille && !s->error[0] &&
		    world_below(&s->seed, 1000) < s->conf.audit_per_mille)
			sim_audit(s);
		/* timers that stages have run must not stand still */
		s->now += 1000;
	}
	return !s->error[0];
}

/* Everything rests: one look is exact. */
bool sim_audit(struct sim *s)
{
	struct fos_audit a;

	if (fos_audit_init(&a, s->world.dir, s->world.box.region) < 0)
		abort();
	fos_audit_look(&a);
	for (uint32_t i = 0; i < a.nr_found && !s->error[0]; i++)
		snprintf(s->error, sizeof(s->error), "audit: %s %u (%s): %s",
			 fos_audit_info[a.found[i].kind].what, a.found[i].id,
			 fos_audit_proc(&a, &a.found[i]), fos_audit_info[a.found[i].kind].text);
	fos_audit_fini(&a);
	return !s->error[0];
}

static uint32_t live_flows(const struct sim *s)
{
	const uint64_t *bits = (const void *)((const uint8_t *)s->world.box.cls +
					      s->world.box.cls->live_off);
	uint32_t live = 0;

	for (uint32_t i = 0; i < s->world.dir->nr_flows / 128u; i++)
		live += bits[i] != 0;
	return live;
}

/* What is still under way arrives at its time: the steps below are so long that the box, resting in the
 * middle of what comes at once (in_order), would have forgotten the connections by then. */
static void drain(struct sim *s)
{
	uint64_t until = s->now + s->world.dir->closing_ns / 2;

	while (!s->error[0] && net_next(&s->net) < until) {
		if (net_next(&s->net) > s->now)
			s->now = net_next(&s->net);
		deliver(s);
		sim_box_run(s);
		s->now += 1000;
	}
}

bool sim_settle(struct sim *s)
{
	uint32_t frames = 0;

	if (s->in_order)
		drain(s);
	/* egress gives up on an end that is gone after some ten minutes */
	for (uint32_t i = 0; i < 200 && !s->error[0] && (i < 30 || live_flows(s)); i++) {
		s->now += s->world.dir->idle_ns / 30;
		deliver(s);
		sim_box_run(s);
	}
	sim_box_collect(s);
	for (uint32_t i = 0; i < s->nr_procs; i++)
		if (s->procs[i].stage == &sim_egress)
			frames = s->nr_frames[0] + s->nr_frames[1] +
				 sim_egress_frames(s->procs[i].proc.state);
	if (live_flows(s))
		sim_fail(s, "a flow is still live long after its end", "");
	if (frames != s->world.dir->nr_frames && !s->error[0])
		snprintf(s->error, sizeof(s->error), "%u frames are free, %u were", frames,
			 s->world.dir->nr_frames);
	return !s->error[0] && sim_audit(s);
}

uint64_t sim_counter(const struct sim *s, uint32_t counter)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->nr_procs; i++)
		n += s->procs[i].proc.counter[counter];
	return n;
}

static void report_heads(const struct sim *s, uint32_t flow, uint32_t gen)
{
	for (uint32_t i = 0; i < s->world.dir->nr_pms; i++) {
		struct fos_pm_pub pub;

		if (fos_box_pub(&s->world.box, i, flow, gen, &pub))
			fprintf(stderr, "#   %s head %llu out %llu edits %u freed %u\n",
				s->world.dir->pm[i].name, (unsigned long long)pub.head,
				(unsigned long long)pub.out_head, pub.edits, pub.edits_freed);
	}
}

void sim_report(struct sim *s)
{
	for (uint32_t i = 0; i < s->nr_conns; i++)
		for (uint32_t k = 0; k < 2; k++)
			if (s->conns[i]->error[0] || !conn_done(s->conns[i]))
				peer_report(&s->conns[i]->end[k]);
	for (uint32_t i = 0; i < s->nr_procs; i++)
		if (s->procs[i].stage == &sim_egress)
			sim_egress_report(s->procs[i].proc.state);
	for (uint32_t i = 0; i < s->nr_procs; i++)
		for (uint32_t c = 0; c < FOS_NR_COUNTERS; c++)
			if (s->procs[i].proc.counter[c])
				fprintf(stderr, "# %-14s %-24s %llu\n",
					s->world.dir->proc[s->procs[i].index].name,
					fos_counter_table[c].name,
					(unsigned long long)s->procs[i].proc.counter[c]);
	for (uint32_t f = 0; f < s->world.dir->nr_flows; f++) {
		const struct fos_flow *flow = &s->world.box.flows[f];
		const struct fos_out *out = &s->world.box.outs[f];

		if (flow->gen)
			fprintf(stderr, "# flow %u gen %u flags %x state %x close %u tcp %u tail %llu "
				"fin %llu ooo %u | out gen %u flags %x pos %llu done %u\n",
				f, flow->gen, flow->flags, flow->state, flow->close, flow->tcp_state,
				(unsigned long long)flow->app.tail,
				(unsigned long long)flow->fin_pos, flow->nr_ooo, out->gen,
				out->flags, (unsigned long long)out->pos[0], out->done);
		if (flow->gen)
			report_heads(s, f, flow->gen);
	}
}

uint32_t sim_string(struct sim *s, const char *bytes, size_t len_with_nul)
{
	return fos_build_string(s->world.dir, bytes, len_with_nul, &s->world.strings);
}

void sim_init(struct sim *s, const struct sim_config *conf)
{
	s->conf = *conf;
	s->seed = conf->seed;
	s->now = 1000000000ull;
	s->trace = getenv("SIM_TRACE") != NULL;
	s->nic.send = sim_from_box;
	s->nic.arg = s;
	current = s;
	net_init(&s->net, conf->seed ^ 0x5eed);
	world_make(&s->world);
	sim_box_start(s);
}

void sim_fini(struct sim *s)
{
	sim_box_stop(s);
	net_fini(&s->net);
	free(s->frames[0]);
	free(s->frames[1]);
	world_free(&s->world);
	current = NULL;
}
