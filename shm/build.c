/* shm/build.c - lays out the regions of a box from its plan, see build.h */
#include "shm/build.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shm/history.h"
#include "shm/ring.h"
#include "shm/txn.h"

#define READY_LOG2 12u
#define INPUT_LOG2 11u
#define MESSAGE_LOG2 6u /* of packets that PMs send, too */
#define EVENT_LOG2 10u

static const uint32_t slot_size[] = {
	[FOS_RING_FRAME] = sizeof(struct fos_desc),
	[FOS_RING_READY] = sizeof(struct fos_hint),
	[FOS_RING_FREE] = sizeof(struct fos_desc),
	[FOS_RING_MESSAGE] = sizeof(struct fos_msg),
	[FOS_RING_EVENT] = sizeof(struct fos_event_slot),
	[FOS_RING_PARCEL] = sizeof(struct fos_parcel),
};

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* Takes `bytes` at the cursor, cache-line aligned. */
static uint64_t take(uint64_t *at, uint64_t bytes)
{
	uint64_t off = align_up(*at, FOS_CACHE_LINE);

	*at = off + bytes;
	return off;
}

static uint32_t log2_up(uint64_t n)
{
	uint32_t l = 0;

	while ((1ull << l) < n)
		l++;
	return l;
}

static uint64_t cursors(uint64_t *at)
{
	return take(at, (uint64_t)FOS_MAX_RINGS_PER_PROC * sizeof(struct fos_cursor));
}

/* The four table layouts: fill the offsets, return the bytes used. */
static uint64_t lay_classifier(const struct fos_dir *dir, struct fos_cls *c)
{
	uint64_t at = sizeof(*c);

	c->nr_flows = dir->nr_flows;
	c->nr_pieces = dir->nr_pieces;
	c->nr_buckets = 1u << log2_up(dir->nr_flows);
	c->nr_frames = dir->nr_frames;
	at = align_up(at, FOS_REGION_HEAD_SIZE);
	c->flows_off = take(&at, (uint64_t)c->nr_flows * sizeof(struct fos_flow));
	c->pieces_off = take(&at, (uint64_t)c->nr_pieces * sizeof(struct fos_piece));
	c->nr_events = fos_history_size(c->nr_flows);
	c->events_off = take(&at, (uint64_t)c->nr_events * sizeof(struct fos_flow_events));
	c->missed_off = take(&at, (uint64_t)c->nr_flows * fos_build_event_index(dir, dir->nr_pms) * 4);
	c->buckets_off = take(&at, (uint64_t)c->nr_buckets * 4);
	c->live_off = take(&at, align_up(c->nr_flows / 2u, 64) / 8);
	c->claims_off = take(&at, (uint64_t)c->nr_frames * 4);
	c->cursors_off = cursors(&at);
	c->private_size = FOS_CLS_PRIVATE_BYTES(c->nr_flows, c->nr_frames);
	c->private_off = take(&at, c->private_size);
	c->txn_off = take(&at, sizeof(struct fos_txn_log));
	return at;
}

static uint64_t lay_egress(const struct fos_dir *dir, struct fos_egr *e)
{
	uint64_t at = sizeof(*e);

	e->nr_flows = dir->nr_flows;
	e->nr_frames = dir->nr_frames;
	at = align_up(at, FOS_REGION_HEAD_SIZE);
	e->outs_off = take(&at, (uint64_t)e->nr_flows * sizeof(struct fos_out));
	e->forced_off = take(&at, (uint64_t)e->nr_flows * sizeof(struct fos_forced));
	e->forced_edits_off = take(&at, (uint64_t)e->nr_flows * fos_build_edits_index(dir, dir->nr_pms) *
						sizeof(struct fos_forced_edits));
	if (fos_build_moves(dir))
		e->routes_off = take(&at, (uint64_t)e->nr_flows * sizeof(struct fos_route));
	e->told_off = take(&at, (uint64_t)e->nr_flows * 4);
	e->claims_off = take(&at, (uint64_t)e->nr_frames * 4);
	e->cursors_off = cursors(&at);
	e->private_size = fos_build_egress_private(dir);
	e->private_off = take(&at, e->private_size);
	e->txn_off = take(&at, sizeof(struct fos_txn_log));
	return at;
}

static uint64_t lay_pm(const struct fos_dir *dir, uint32_t pm, struct fos_pm_region *r)
{
	const struct fos_dir_pm *d = &dir->pm[pm];
	uint64_t at = sizeof(*r);

	r->nr_flows = dir->nr_flows;
	r->nr_edits = dir->nr_edits;
	r->ctx_size = d->ctx_size;
	r->state_size = d->state_size;
	at = align_up(at, FOS_REGION_HEAD_SIZE);
	r->flows_off = take(&at, (uint64_t)r->nr_flows * sizeof(struct fos_pm_flow));
	if (d->edits)
		r->edited_off = take(&at, (uint64_t)r->nr_flows * sizeof(struct fos_pm_edited));
	r->edits_off = take(&at, (uint64_t)r->nr_edits * sizeof(struct fos_edit));
	/* a PM on packets drops them by edits but inserts nothing */
	r->inserts_off = take(&at, d->edits && d->stream == FOS_STREAM_APP ?
					   (uint64_t)r->nr_edits * FOS_INSERT_MAX : 0);
	if (d->rewrites)
		r->rewrites_off = take(&at, (uint64_t)r->nr_flows * sizeof(struct fos_rewrite));
	r->contexts_off = take(&at, 2ull * r->nr_flows * d->ctx_size);
	r->state_off = take(&at, 2ull * align_up(d->state_size, FOS_CACHE_LINE));
	r->keys = d->keys;
	r->key_value = d->key_value;
	if (d->keys)
		r->keyed_off = take(&at, d->keys * FOS_KEYED_STRIDE(d->key_value));
	if (d->event_wants)
		r->inbox_off = take(&at, FOS_EVENT_INBOX * (8 + sizeof(struct fos_event_slot) +
							    (d->event_wants & FOS_PM_WANTS_PACKETS ?
								     FOS_EVENT_ROOM : 0)));
	r->cursors_off = cursors(&at);
	r->txn_off = take(&at, sizeof(struct fos_txn_log));
	return at;
}

static uint64_t lay_ingress(const struct fos_dir *dir, struct fos_ing *g)
{
	uint64_t at = sizeof(*g);

	g->nr_frames = dir->nr_frames;
	at = align_up(at, FOS_REGION_HEAD_SIZE);
	g->claims_off = take(&at, (uint64_t)g->nr_frames * 4);
	g->cursors_off = cursors(&at);
	g->private_size = FOS_ING_PRIVATE_BYTES + (uint64_t)g->nr_frames * 4;
	g->private_off = take(&at, g->private_size);
	return at;
}

static uint64_t lay_region(const struct fos_dir *dir, uint32_t i, void *head)
{
	union {
		struct fos_cls cls;
		struct fos_egr egr;
		struct fos_pm_region pm;
		struct fos_ing ing;
	} *u = head;

	switch (dir->region[i].kind) {
	case FOS_REGION_CLASSIFIER:
		return lay_classifier(dir, &u->cls);
	case FOS_REGION_EGRESS:
		return lay_egress(dir, &u->egr);
	case FOS_REGION_PM:
		return lay_pm(dir, dir->proc[dir->region[i].proc].index, &u->pm);
	case FOS_REGION_INGRESS:
		return lay_ingress(dir, &u->ing);
	case FOS_REGION_PACKETS:
		return (uint64_t)dir->nr_frames * dir->frame_size;
	default:
		return sizeof(struct fos_dir);
	}
}

uint64_t fos_build_cursors(const struct fos_dir *dir, uint32_t proc)
{
	union {
		struct fos_cls cls;
		struct fos_egr egr;
		struct fos_pm_region pm;
		struct fos_ing ing;
	} u;

	switch (dir->proc[proc].role) {
	case FOS_ROLE_CLASSIFIER:
		lay_classifier(dir, &u.cls);
		return u.cls.cursors_off;
	case FOS_ROLE_EGRESS:
		lay_egress(dir, &u.egr);
		return u.egr.cursors_off;
	case FOS_ROLE_PM:
		lay_pm(dir, dir->proc[proc].index, &u.pm);
		return u.pm.cursors_off;
	default:
		lay_ingress(dir, &u.ing);
		return u.ing.cursors_off;
	}
}

void fos_build_pm(const struct fos_dir *dir, uint32_t pm, struct fos_pm_tables *t)
{
	struct fos_pm_region r = {.rewrites_off = 0};

	lay_pm(dir, pm, &r);
	t->flows_off = r.flows_off;
	t->edited_off = r.edited_off;
	t->edits_off = r.edits_off;
	t->inserts_off = r.inserts_off;
	t->rewrites_off = r.rewrites_off;
	t->txn_off = r.txn_off;
	t->contexts_off = r.contexts_off;
	t->keyed_off = r.keyed_off;
}

/* ------------------------------------------------------------------ plan */

/* "kind.name.number"; names are cut, never the number: they stay unique per kind by number */
static void make_name(char *to, const char *kind, const char *name, uint32_t number)
{
	char buf[2 * FOS_NAME_MAX];

	snprintf(buf, sizeof(buf), "%s%.20s.%u", kind, name, number % 1000u);
	buf[FOS_NAME_MAX - 1] = 0;
	memcpy(to, buf, FOS_NAME_MAX);
}

static uint32_t add_region(struct fos_dir *dir, uint32_t kind, uint32_t proc, const char *name)
{
	uint32_t i = dir->nr_regions++;

	dir->region[i].kind = kind;
	dir->region[i].proc = proc;
	memmove(dir->region[i].name, name, FOS_NAME_MAX);
	return i;
}

static struct fos_dir_proc *add_proc(struct fos_dir *dir, enum fos_role role, uint32_t lane,
				     uint32_t index)
{
	static const uint32_t kind[] = {FOS_REGION_DIR, FOS_REGION_INGRESS, FOS_REGION_CLASSIFIER,
					FOS_REGION_PM, FOS_REGION_EGRESS};
	uint32_t i = dir->nr_procs++;
	struct fos_dir_proc *p = &dir->proc[i];

	p->role = role;
	p->lane = lane;
	p->index = index;
	if (role == FOS_ROLE_PM)
		make_name(p->name, "pm.", dir->pm[index].name, lane);
	else if (role == FOS_ROLE_CLASSIFIER)
		make_name(p->name, "", "classifier", lane);
	else if (role == FOS_ROLE_EGRESS)
		make_name(p->name, "", "egress", lane);
	else if (role == FOS_ROLE_KEEPER)
		memcpy(p->name, "keeper", sizeof("keeper"));
	else
		memcpy(p->name, "ingress", sizeof("ingress"));
	p->region = add_region(dir, kind[role], i, p->name);
	return p;
}

static void add_ingress(struct fos_dir *dir)
{
	uint32_t n = 0;

	if (dir->offline) {
		add_proc(dir, FOS_ROLE_INGRESS, 0, 0);
		return;
	}
	for (uint32_t port = 0; port < dir->nr_ports; port++) {
		dir->port[port].first_ingress = dir->nr_procs;
		for (uint32_t q = 0; q < dir->port[port].nr_queues; q++) {
			struct fos_dir_proc *p = add_proc(dir, FOS_ROLE_INGRESS, 0, n++);

			p->port = port;
			p->queue = q;
			make_name(p->name, "ingress.", dir->port[port].name, q);
			memcpy(dir->region[p->region].name, p->name, FOS_NAME_MAX);
		}
	}
}

struct planner {
	struct fos_dir *dir;
	uint64_t at[FOS_MAX_REGIONS]; /* end of each region so far */
	uint32_t cursors[FOS_MAX_PROCS];
	bool full;
};

static void add_ring(struct planner *pl, uint32_t kind, uint32_t from, uint32_t to, uint32_t log2_nr)
{
	struct fos_dir *dir = pl->dir;
	struct fos_dir_ring *r = &dir->ring[dir->nr_rings];

	if (dir->nr_rings >= FOS_MAX_RINGS || pl->cursors[to] >= FOS_MAX_RINGS_PER_PROC) {
		pl->full = true;
		return;
	}
	dir->nr_rings++;
	r->kind = kind;
	r->producer = from;
	r->consumer = to;
	r->cursor = pl->cursors[to]++;
	r->off = take(&pl->at[dir->proc[from].region], fos_ring_bytes(log2_nr, slot_size[kind]));
	if (kind == FOS_RING_EVENT &&
	    dir->pm[dir->proc[to].index].event_wants & FOS_PM_WANTS_PACKETS)
		take(&pl->at[dir->proc[from].region], (uint64_t)FOS_EVENT_ROOM << log2_nr);
}

/* Rings that a PM produces into: next watching stage, classifier, egress, messages. */
static void add_pm_rings(struct planner *pl, uint32_t from, uint32_t lane, uint32_t cls,
			 uint32_t egr)
{
	struct fos_dir *dir = pl->dir;
	const struct fos_dir_pm *me = &dir->pm[dir->proc[from].index];

	for (uint32_t to = 0; to < dir->nr_procs; to++) {
		const struct fos_dir_proc *q = &dir->proc[to];

		if (q->role != FOS_ROLE_PM || q->lane != lane || to == from)
			continue;
		if (fos_build_hints(dir, me, &dir->pm[q->index]))
			add_ring(pl, FOS_RING_READY, from, to, READY_LOG2);
		add_ring(pl, FOS_RING_MESSAGE, from, to, MESSAGE_LOG2);
	}
	add_ring(pl, FOS_RING_READY, from, cls, READY_LOG2);
	add_ring(pl, FOS_RING_READY, from, egr, READY_LOG2);
	if (me->sends)
		add_ring(pl, FOS_RING_PARCEL, from, egr, MESSAGE_LOG2);
}

static void add_lane_rings(struct planner *pl, uint32_t lane, uint32_t cls, uint32_t egr)
{
	struct fos_dir *dir = pl->dir;
	uint32_t all_frames = log2_up(dir->nr_frames) + 1;

	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &dir->proc[i];

		if (p->role == FOS_ROLE_INGRESS) {
			add_ring(pl, FOS_RING_FRAME, i, cls, INPUT_LOG2);
			add_ring(pl, FOS_RING_FREE, egr, i, all_frames);
		} else if (p->role == FOS_ROLE_PM && p->lane == lane) {
			add_ring(pl, FOS_RING_READY, cls, i, READY_LOG2);
			add_ring(pl, FOS_RING_READY, egr, i, READY_LOG2);
			if (dir->pm[p->index].event_wants & FOS_PM_WANTS_EVENTS)
				add_ring(pl, FOS_RING_EVENT, cls, i, EVENT_LOG2);
			add_pm_rings(pl, i, lane, cls, egr);
		}
	}
	add_ring(pl, FOS_RING_FRAME, cls, egr, all_frames);
	add_ring(pl, FOS_RING_READY, cls, egr, READY_LOG2);
	add_ring(pl, FOS_RING_READY, egr, cls, READY_LOG2);
}

static bool too_big(const struct fos_dir *dir)
{
	uint64_t procs = 1 + (uint64_t)dir->nr_lanes * (2 + dir->nr_pms);

	for (uint32_t i = 0; i < dir->nr_ports; i++)
		procs += dir->port[i].nr_queues;
	return procs + 1 > FOS_MAX_PROCS;
}

/* The processes, their regions' tables, and the rings. */
static void plan(struct planner *pl)
{
	static uint8_t scratch[sizeof(struct fos_dir)];
	struct fos_dir *dir = pl->dir;
	uint32_t cls[FOS_MAX_LANES], egr[FOS_MAX_LANES];

	dir->nr_regions = dir->nr_procs = dir->nr_rings = 0;
	add_proc(dir, FOS_ROLE_KEEPER, 0, 0);
	add_region(dir, FOS_REGION_PACKETS, 0, (const char[FOS_NAME_MAX]){"packets"});
	add_ingress(dir);
	for (uint32_t lane = 0; lane < dir->nr_lanes; lane++) {
		cls[lane] = dir->nr_procs;
		add_proc(dir, FOS_ROLE_CLASSIFIER, lane, lane);
		for (uint32_t i = 0; i < dir->nr_pms; i++)
			add_proc(dir, FOS_ROLE_PM, lane, i);
		egr[lane] = dir->nr_procs;
		add_proc(dir, FOS_ROLE_EGRESS, lane, lane);
	}
	for (uint32_t i = 0; i < dir->nr_regions; i++)
		pl->at[i] = lay_region(dir, i, scratch);
	for (uint32_t lane = 0; lane < dir->nr_lanes; lane++)
		add_lane_rings(pl, lane, cls[lane], egr[lane]);
}

int fos_build_plan(struct fos_dir *dir, char *err, size_t err_size)
{
	/* too large for the stack of a small process; the planner runs once, in the keeper */
	static struct planner pl;

	if (too_big(dir)) {
		snprintf(err, err_size, "more than %u processes: fewer lanes, PMs or queues",
			 FOS_MAX_PROCS);
		return -E2BIG;
	}
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		fos_build_places(dir, i);
	if (dir->nr_pieces == 0)
		dir->nr_pieces = dir->nr_frames + dir->nr_frames / 2;
	if (dir->egress_frames == 0)
		dir->egress_frames = dir->nr_frames / 8;
	/* a box of very many PMs keeps its stages as they are */
	for (int live = !dir->offline; live >= 0; live--) {
		memset(&pl, 0, sizeof(pl));
		pl.dir = dir;
		dir->live = (uint32_t)live;
		plan(&pl);
		if (!pl.full)
			break;
	}
	if (pl.full) {
		snprintf(err, err_size, "more than %u rings: fewer lanes or PMs", FOS_MAX_RINGS);
		return -E2BIG;
	}
	for (uint32_t i = 0; i < dir->nr_regions; i++)
		dir->region[i].size = align_up(pl.at[i], 4096);
	return 0;
}

/* ------------------------------------------------------------------ regions */

static void init_flows(const struct fos_dir *dir, uint8_t *base)
{
	struct fos_cls *c = (void *)base;
	uint32_t *bucket = (void *)(base + c->buckets_off);
	struct fos_flow *flow = (void *)(base + c->flows_off);

	for (uint32_t i = 0; i < c->nr_buckets; i++)
		bucket[i] = FOS_NONE;
	for (uint32_t i = 0; i < dir->nr_flows; i++) {
		flow[i].pkt.first = flow[i].pkt.last = FOS_NONE;
		flow[i].app.first = flow[i].app.last = FOS_NONE;
		flow[i].ooo_first = flow[i].hash_next = FOS_NONE;
		flow[i].lru_prev = flow[i].lru_next = FOS_NONE;
	}
}

uint32_t fos_build_ring_log2(const struct fos_dir *dir, const struct fos_dir_ring *r)
{
	if (r->kind == FOS_RING_READY)
		return READY_LOG2;
	if (r->kind == FOS_RING_MESSAGE || r->kind == FOS_RING_PARCEL)
		return MESSAGE_LOG2;
	if (r->kind == FOS_RING_EVENT)
		return EVENT_LOG2;
	return dir->proc[r->producer].role == FOS_ROLE_INGRESS ? INPUT_LOG2 : log2_up(dir->nr_frames) + 1;
}

uint64_t fos_build_event_room(const struct fos_dir *dir, const struct fos_dir_ring *r)
{
	if (!(dir->pm[dir->proc[r->consumer].index].event_wants & FOS_PM_WANTS_PACKETS))
		return 0;
	return align_up(r->off + fos_ring_bytes(EVENT_LOG2, slot_size[FOS_RING_EVENT]),
			FOS_CACHE_LINE);
}

uint32_t fos_build_slot_size(uint32_t kind)
{
	return kind < sizeof(slot_size) / sizeof(slot_size[0]) ? slot_size[kind] : 0;
}

static void init_rings(const struct fos_dir *dir, uint32_t i, uint8_t *base)
{
	for (uint32_t n = 0; n < dir->nr_rings; n++) {
		const struct fos_dir_ring *r = &dir->ring[n];

		if (dir->proc[r->producer].region == i)
			fos_ring_init((void *)(base + r->off), fos_build_ring_log2(dir, r),
				      slot_size[r->kind]);
	}
}

void fos_build_region(const struct fos_dir *dir, uint32_t i, void *base, uint64_t box_id)
{
	struct fos_region_head *h = base;

	if (dir->region[i].kind == FOS_REGION_PACKETS)
		return;
	if (dir->region[i].kind == FOS_REGION_DIR) {
		if (base != (const void *)dir)
			memcpy(base, dir, sizeof(*dir));
	} else {
		lay_region(dir, i, base);
		init_rings(dir, i, base);
	}
	if (dir->region[i].kind == FOS_REGION_CLASSIFIER)
		init_flows(dir, base);
	h->version = FOS_LAYOUT_VERSION;
	h->kind = dir->region[i].kind;
	h->size = dir->region[i].size;
	h->box_id = box_id;
	h->proc = dir->region[i].proc;
	/* pairs with the acquire (or the fd's arrival) at attachers: all of the above is there */
	fos_release64(&h->magic, FOS_LAYOUT_MAGIC);
}
