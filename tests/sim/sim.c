/* tests/sim/sim.c - a whole box in one process, see sim.h */
#include "tests/sim/sim.h"

#include <setjmp.h>

#include "deploy/audit/audit.h"
#include "ingress/ingress.h"
#include "shm/killpoint.h"

#define STEP_BATCHES 100000u

static void fail(struct sim *s, const char *what, const char *detail)
{
	if (!s->error[0])
		snprintf(s->error, sizeof(s->error), "%s%s%s", what, detail[0] ? ": " : "", detail);
}

/* SIM_TRACE=1: every packet as it is handed over, for reading a failing seed. */
static void trace(const struct sim *s, const char *where, const uint8_t *b, uint32_t len)
{
	const uint8_t *tcp = b + 34;

	if (!getenv("SIM_TRACE") || len < 54)
		return;
	fprintf(stderr, "%10.6f %-12s %5u>%-5u seq %08x ack %08x fl %02x wnd %5u len %u\n",
		(double)s->now / 1e9, where, tcp[0] << 8 | tcp[1], tcp[2] << 8 | tcp[3],
		(uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7],
		(uint32_t)tcp[8] << 24 | (uint32_t)tcp[9] << 16 | (uint32_t)tcp[10] << 8 | tcp[11],
		tcp[13], tcp[14] << 8 | tcp[15],
		((uint32_t)b[16] << 8 | b[17]) - 20 - (uint32_t)(tcp[12] >> 4) * 4);
}

/* ------------------------------------------------------------------ processes */

/* What egress sends comes out of the simulated NICs. */
static void from_box(void *arg, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct sim *s = arg;

	trace(s, port == 0 ? "box>client" : "box>server", data, len);
	net_send(&s->net, port == 0 ? &s->conf.before : &s->conf.after,
		 port == 0 ? NET_CLIENT : NET_SERVER, data, len, s->now);
}

static void proc_start(struct sim *s, struct sim_proc *sp)
{
	const struct sim_stage *st = sp->stage;
	char err[256] = "";

	memset(&sp->proc, 0, sizeof(sp->proc));
	memcpy(sp->proc.box.region, s->world.box.region, sizeof(sp->proc.box.region));
	sp->proc.box.dir = s->world.dir;
	sp->proc.box.self = sp->index;
	sp->proc.now_ns = s->now;
	sp->proc.state = st->make(&s->nic);
	if (fos_proc_bind(&sp->proc, st->hooks, err, sizeof(err)) < 0 ||
	    st->hooks->init(&sp->proc) < 0)
		fail(s, "a stage does not start", err);
	sp->alive = true;
}

static void proc_stop(struct sim_proc *sp)
{
	if (!sp->alive)
		return;
	fos_proc_unbind(&sp->proc);
	sp->stage->free(sp->proc.state);
	sp->alive = false;
}

/* ------------------------------------------------------------------ the simulated ingress */

static struct fos_ing *ingress(const struct sim *s, uint32_t port)
{
	uint32_t p = fos_proc_find(s->world.dir, FOS_ROLE_INGRESS, 0, port);

	return (void *)s->world.box.region[s->world.dir->proc[p].region].base;
}

/* Who has a frame: the claims of the ingress that it is with. */
static uint32_t *claim_of(const struct sim *s, uint32_t port, uint32_t frame)
{
	struct fos_ing *ing = ingress(s, port);

	return (uint32_t *)(void *)((uint8_t *)ing + ing->claims_off) + frame;
}

static void tell_free(struct sim *s, uint32_t port)
{
	fos_relaxed_store32(&ingress(s, port)->nr_free, s->nr_frames[port]);
}

static void ingress_attach(struct sim *s)
{
	const struct fos_dir *dir = s->world.dir;

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		const struct fos_dir_proc *from = &dir->proc[r->producer];
		const struct fos_dir_proc *to = &dir->proc[r->consumer];
		uint8_t *src = s->world.box.region[from->region].base;
		uint8_t *dst = s->world.box.region[to->region].base;

		if (from->role == FOS_ROLE_INGRESS) {
			struct fos_cls *cls = (void *)dst;
			struct fos_cursor *c = (void *)(dst + cls->cursors_off);

			fos_ring_attach_prod(&s->to_classifier[from->index], (void *)(src + r->off),
					     &c[r->cursor].head, sizeof(struct fos_desc));
		}
		if (to->role == FOS_ROLE_INGRESS) {
			struct fos_ing *ing = (void *)dst;
			struct fos_cursor *c = (void *)(dst + ing->cursors_off);

			fos_ring_attach_cons(&s->from_egress[to->index], (void *)(src + r->off),
					     &c[r->cursor], sizeof(struct fos_desc));
		}
	}
	for (uint32_t n = 0; n < 2; n++) {
		uint32_t first, count;

		s->frames[n] = calloc(dir->nr_frames, sizeof(*s->frames[n]));
		fos_build_ingress_frames(dir, n, &first, &count);
		for (uint32_t f = first; f < first + count; f++) {
			s->frames[n][s->nr_frames[n]++] = f;
			*claim_of(s, n, f) = FOS_ING_HELD;
		}
		tell_free(s, n);
	}
}

static void ingress_collect(struct sim *s)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct fos_ring_cons *r = &s->from_egress[n];
		uint64_t nr = fos_ring_peek(r);

		for (uint64_t i = 0; i < nr; i++) {
			const struct fos_desc *d = fos_ring_at(r, i);

			*claim_of(s, n, d->frame) = d->gen << 2 | FOS_ING_HELD;
			s->frames[n][s->nr_frames[n]++] = d->frame;
		}
		tell_free(s, n);
		fos_ring_take(r, nr);
		fos_ring_release(r);
	}
}

static void ingress_packet(struct sim *s, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct fos_ring_prod *r = &s->to_classifier[port];
	struct fos_frame_meta *m;
	struct fos_desc *d;
	uint32_t frame;

	ingress_collect(s);
	if (s->nr_frames[port] == 0 || fos_ring_room(r, 1) == 0) {
		fail(s, "no frame is free", "");
		return;
	}
	frame = s->frames[port][--s->nr_frames[port]];
	tell_free(s, port);
	m = fos_box_meta(&s->world.box, frame);
	memset(m, 0, FOS_FRAME_DATA_OFF);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)port;
	m->time_ns = s->now;
	m->next_frame = FOS_NONE;
	memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, data, len);
	fos_parse((const uint8_t *)m, m, s->world.dir->hash_key);
	d = fos_ring_slot(r, 0);
	memset(d, 0, sizeof(*d));
	d->frame = frame;
	d->gen = (*claim_of(s, port, frame) >> 2) + 1;
	*claim_of(s, port, frame) = d->gen << 2 | FOS_ING_AWAY;
	d->flow = FOS_NONE;
	d->kind = FOS_DESC_FRAME;
	fos_ring_advance(r, 1);
	fos_ring_commit(r);
}

/* ------------------------------------------------------------------ kills */

/* the one run under way: the hook has no argument to find it by */
static struct sim *killing;
static jmp_buf killed;

static void maybe_kill(const char *name)
{
	if (world_below(&killing->seed, 1000000) < killing->conf.kill_inside_ppm) {
		fos_killpoint_hook = NULL;
		if (getenv("SIM_TRACE"))
			fprintf(stderr, "%10.6f killed at %s\n", (double)killing->now / 1e9, name);
		longjmp(killed, 1);
	}
}

/* One batch of a stage, perhaps killed inside it or after it; what it said it did. */
static uint32_t batch(struct sim *s, struct sim_proc *sp)
{
	volatile uint32_t did = 1;

	sp->proc.now_ns = s->now;
	killing = s;
	if (setjmp(killed) == 0) {
		fos_killpoint_hook = s->conf.kill_inside_ppm ? maybe_kill : NULL;
		did = fos_proc_work(&sp->proc);
		fos_killpoint_hook = NULL;
		if (!did || world_below(&s->seed, 1000) >= s->conf.kill_per_mille)
			return did;
	} else {
		s->nr_kills_inside++;
	}
	s->nr_kills++;
	if (getenv("SIM_TRACE"))
		fprintf(stderr, "%10.6f %s is made anew\n", (double)s->now / 1e9,
			s->world.dir->proc[sp->index].name);
	proc_stop(sp);
	proc_start(s, sp);
	return 1;
}

/* ------------------------------------------------------------------ time */

/* Runs stages in random order until none has anything to do. */
static void run_stages(struct sim *s)
{
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < STEP_BATCHES && quiet < s->nr_procs; i++) {
		struct sim_proc *sp = &s->procs[world_below(&s->seed, s->nr_procs)];
		uint32_t did;

		did = batch(s, sp);
		quiet = did ? 0 : quiet + 1;
		if (quiet == s->nr_procs) {
			/* each once more, so that chance has passed nobody by */
			for (uint32_t k = 0; k < s->nr_procs; k++)
				if (batch(s, &s->procs[k]))
					quiet = 0;
		}
	}
	if (quiet < s->nr_procs)
		fail(s, "the stages do not come to rest", "");
}

static uint64_t next_event(struct sim *s)
{
	uint64_t at = net_next(&s->net);

	for (uint32_t i = 0; i < s->nr_procs; i++) {
		struct sim_proc *sp = &s->procs[i];
		uint64_t t = sp->proc.hooks->idle ? sp->proc.hooks->idle(&sp->proc) : UINT64_MAX;

		at = t < at ? t : at;
	}
	if (peer_next_timer(&s->client) < at)
		at = peer_next_timer(&s->client);
	if (peer_next_timer(&s->server) < at)
		at = peer_next_timer(&s->server);
	return at;
}

static void from_peer(void *arg, const struct peer *p, const uint8_t *data, uint32_t len)
{
	struct sim *s = arg;

	net_send(&s->net, p->c.server ? &s->conf.after : &s->conf.before,
		 p->c.server ? NET_BOX_WAN : NET_BOX_LAN, data, len, s->now);
}

static void deliver(struct sim *s)
{
	while (net_next(&s->net) <= s->now) {
		struct net_packet *p = net_take(&s->net);

		trace(s, p->to == NET_CLIENT ? "client gets" : p->to == NET_SERVER ? "server gets" :
			 p->to == NET_BOX_LAN ? "client>box" : "server>box", p->data, p->len);
		if (p->to == NET_CLIENT && !p->corrupted)
			peer_input(&s->client, p->data, p->len, s->now);
		else if (p->to == NET_SERVER && !p->corrupted)
			peer_input(&s->server, p->data, p->len, s->now);
		else if (p->to == NET_BOX_LAN || p->to == NET_BOX_WAN)
			ingress_packet(s, p->to == NET_BOX_WAN, p->data, p->len);
		free(p);
	}
}

static void start_peers(struct sim *s, const uint8_t *up, uint32_t nr_up, const uint8_t *down,
			uint32_t nr_down)
{
	struct peer_config c = {
		.addr = {10, 77, 0, 2}, .remote_addr = {10, 77, 0, 1},
		.port = (uint16_t)(20000 + world_below(&s->seed, 40000)), .remote_port = 80,
		.mac = {2, 0, 0, 0, 0, 2}, .remote_mac = {2, 0, 0, 0, 0, 1},
		.isn = (uint32_t)world_rand(&s->seed), .mss = s->conf.mss,
		.timestamps = s->conf.timestamps, .window_scale = s->conf.window_scale,
		.window = s->conf.window, .data = up, .len = nr_up,
	};
	struct peer_config d = c;

	memcpy(d.addr, c.remote_addr, 4);
	memcpy(d.remote_addr, c.addr, 4);
	memcpy(d.mac, c.remote_mac, 6);
	memcpy(d.remote_mac, c.mac, 6);
	d.port = c.remote_port;
	d.remote_port = c.port;
	d.isn = (uint32_t)world_rand(&s->seed);
	d.server = true;
	d.data = down;
	d.len = nr_down;
	peer_init(&s->client, &c, from_peer, s);
	peer_init(&s->server, &d, from_peer, s);
	peer_connect(&s->client, s->now);
}

bool sim_run(struct sim *s, const uint8_t *up, uint32_t nr_up, const uint8_t *down,
	     uint32_t nr_down)
{
	uint64_t end = s->now + s->conf.limit_ns;

	start_peers(s, up, nr_up, down, nr_down);
	while (!s->error[0] && !(peer_done(&s->client) && peer_done(&s->server))) {
		uint64_t at = next_event(s);

		if (at > s->now)
			s->now = at;
		if (s->now > end) {
			fail(s, "stalled", "");
			break;
		}
		deliver(s);
		peer_timer(&s->client, s->now);
		peer_timer(&s->server, s->now);
		run_stages(s);
		if (s->conf.audit_per_mille &&
		    world_below(&s->seed, 1000) < s->conf.audit_per_mille && !s->error[0])
			sim_audit(s);
		/* timers that stages have run must not stand still */
		s->now += 1000;
		if (s->client.error[0] || s->server.error[0])
			fail(s, s->client.error[0] ? s->client.error : s->server.error, "");
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

bool sim_settle(struct sim *s)
{
	uint32_t live = 0, frames = 0;

	for (uint32_t i = 0; i < 60 && !s->error[0]; i++) {
		s->now += s->world.dir->idle_ns / 30;
		deliver(s);
		run_stages(s);
	}
	ingress_collect(s);
	for (uint32_t i = 0; i < s->nr_procs; i++)
		if (s->procs[i].stage == &sim_egress)
			frames = s->nr_frames[0] + s->nr_frames[1] +
				 sim_egress_frames(s->procs[i].proc.state);
	for (uint32_t i = 0; i < s->world.dir->nr_flows / 128u; i++)
		live += ((const uint64_t *)(const void *)((const uint8_t *)s->world.box.cls +
							  s->world.box.cls->live_off))[i] != 0;
	if (live)
		fail(s, "a flow is still live long after its end", "");
	if (frames != s->world.dir->nr_frames && !s->error[0])
		snprintf(s->error, sizeof(s->error), "%u frames are free, %u were", frames,
			 s->world.dir->nr_frames);
	return !s->error[0] && sim_audit(s);
}

void sim_report(struct sim *s)
{
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
	}
}

uint32_t sim_string(struct sim *s, const char *bytes, size_t len_with_nul)
{
	return fos_build_string(s->world.dir, bytes, len_with_nul, &s->world.strings);
}

void sim_init(struct sim *s, const struct sim_config *conf)
{
	const struct fos_dir *dir;

	s->conf = *conf;
	s->seed = conf->seed;
	s->now = 1000000000ull;
	s->nic.send = from_box;
	s->nic.arg = s;
	net_init(&s->net, conf->seed ^ 0x5eed);
	world_make(&s->world);
	dir = s->world.dir;
	ingress_attach(s);
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		uint32_t role = dir->proc[i].role;

		if (role == FOS_ROLE_KEEPER || role == FOS_ROLE_INGRESS)
			continue;
		s->procs[s->nr_procs].index = i;
		s->procs[s->nr_procs].stage = role == FOS_ROLE_CLASSIFIER ? &sim_classifier :
					      role == FOS_ROLE_PM ? &sim_pmhost : &sim_egress;
		proc_start(s, &s->procs[s->nr_procs++]);
	}
}

void sim_fini(struct sim *s)
{
	for (uint32_t i = 0; i < s->nr_procs; i++)
		proc_stop(&s->procs[i]);
	net_fini(&s->net);
	free(s->frames[0]);
	free(s->frames[1]);
	world_free(&s->world);
}
