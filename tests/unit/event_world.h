/* tests/unit/event_world.h - a real classifier and real PM hosts in one process; the test is ingress and
 * egress
 *
 * Segments come from the table of cls_script.h; the modules are the test's own and write what they are
 * told into one log.  Egress takes what the last stage lets go, as test code, so that every position
 * is known.  Any of the processes can be killed and started again on the same memory.
 */
#ifndef TESTS_UNIT_EVENT_WORLD_H
#define TESTS_UNIT_EVENT_WORLD_H

#include <stdarg.h>

/* the classifier's own struct of that name is another than pm.h's */
#define fos_packet cls_packet
#include "tests/unit/cls_script.h"
#undef fos_packet
#include "pmhost/host.h"

#define EW_FLOWS 64u

struct event_world {
	struct cls_world t;
	struct fos_proc host[FOS_MAX_PMS];
	const struct fos_pm *module[FOS_MAX_PMS];
	struct {
		uint32_t gen;
		uint64_t at; /* position in the output */
		uint64_t len;
		char bytes[8192];
	} out[EW_FLOWS];
};

/* What modules have been told, in order; handlers write, tests read and clear. */
static char ew_log[65536];
static size_t ew_len;

__attribute__((format(printf, 1, 2))) static inline void ew_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ew_len += (size_t)vsnprintf(ew_log + ew_len, sizeof(ew_log) - ew_len, fmt, ap);
	va_end(ap);
	if (ew_len >= sizeof(ew_log))
		abort();
}

static inline void ew_clear(void)
{
	ew_len = 0;
	ew_log[0] = 0;
}

static const char *const ew_kind[FOS_NR_ON] = {
	"packet", "start", "setup", "again", "differs", "ooo", "gap", "filled", "overrun", "zero",
	"badrst", "badsyn", "data", "state", "end", "orphan", "missed", "timer", "replay"};

static inline void ew_plan(struct event_world *e)
{
	memset(e, 0, sizeof(*e));
	world_plan(&e->t.w, false);
	e->t.lazy = true;
	ew_clear();
}

static inline uint32_t ew_pm(struct event_world *e, uint32_t stage, const struct fos_pm *m)
{
	uint32_t i = world_pm(&e->t.w, m->name, stage, m->stream, (m->flags & FOS_PM_EDITS) != 0);
	struct fos_dir_pm *d = &e->t.w.dir->pm[i];

	d->events = m->events;
	d->event_wants = (m->events || m->on_event ? FOS_PM_WANTS_EVENTS : 0) |
			 (m->flags & FOS_PM_PACKETS || m->events & FOS_BIT(FOS_ON_ORPHAN) ?
				  FOS_PM_WANTS_PACKETS : 0);
	d->ctx_size = (m->ctx_size + FOS_PM_HOST_CTX + (d->event_wants ? FOS_PM_EVENT_CTX : 0) +
		       15u) & ~15u;
	d->state_size = (m->state_size + FOS_PM_HOST_STATE + 63u) & ~63u;
	d->gates = m->on_open != NULL;
	e->module[i] = m;
	return i;
}

static inline void ew_start(struct event_world *e, uint32_t pm)
{
	struct fos_proc *p = &e->host[pm];
	char err[256];

	memset(p, 0, sizeof(*p));
	p->box = e->t.w.box;
	p->box.self = fos_proc_find(e->t.w.dir, FOS_ROLE_PM, 0, pm);
	p->now_ns = e->t.now;
	p->state = fos_pmhost_new();
	fos_pmhost_module(p->state, e->module[pm]);
	if (fos_proc_bind(p, &fos_pmhost_hooks, err, sizeof(err)) < 0 || fos_pmhost_hooks.init(p) < 0) {
		fprintf(stderr, "PM %u cannot start\n", pm);
		abort();
	}
}

static inline void ew_stop(struct event_world *e, uint32_t pm)
{
	fos_pmhost_free(e->host[pm].state);
	fos_proc_unbind(&e->host[pm]);
}

static inline void ew_restart(struct event_world *e, uint32_t pm)
{
	ew_stop(e, pm);
	ew_start(e, pm);
}

static inline void ew_make(struct event_world *e)
{
	cw_make(&e->t);
	for (uint32_t i = 0; i < e->t.w.dir->nr_pms; i++)
		ew_start(e, i);
}

static inline void ew_free(struct event_world *e)
{
	for (uint32_t i = 0; i < e->t.w.dir->nr_pms; i++)
		ew_stop(e, i);
	cw_free(&e->t);
}

/* Egress's look at one flow: true when something moved. */
static inline bool ew_egress(struct event_world *e, uint32_t flow)
{
	struct fos_flow *f = world_flow(&e->t.w, flow);
	struct fos_out *o = (struct fos_out *)(uintptr_t)&e->t.w.box.outs[flow];
	struct fos_view v;
	struct fos_span s;
	uint64_t before, done;

	if (f->gen == 0)
		return false;
	if (e->out[flow].gen != f->gen) {
		memset(&e->out[flow], 0, sizeof(e->out[flow]));
		memset(o, 0, sizeof(*o));
		e->out[flow].gen = f->gen;
		fos_release32(&o->gen, f->gen);
	}
	before = o->pos[0] + o->done;
	if (!fos_view_open(&v, &e->t.w.box, flow, f->gen, e->t.w.dir->pipeline[0].nr_stages,
			   e->out[flow].at))
		return false;
	while (fos_view_next(&v, UINT32_MAX, &s)) {
		if (e->out[flow].len + s.len < sizeof(e->out[flow].bytes))
			memcpy(e->out[flow].bytes + e->out[flow].len, s.data, s.len);
		e->out[flow].len += s.len;
		e->out[flow].at += s.len;
	}
	fos_view_settle(&v);
	fos_release64(&o->pos[0], fos_view_base(&v));
	for (uint32_t i = 0; i < v.nr_layers; i++)
		if (v.layer[i].editor != FOS_NONE)
			fos_release64(&o->pos[e->t.w.dir->pm[v.layer[i].editor].editor], v.layer[i].out);
	if (f->state & FOS_FLOW_ST_CLOSED && fos_view_ended(&v))
		o->done = FOS_OUT_DONE;
	done = o->pos[0] + o->done;
	if (done != before)
		cw_post(&e->t.egress_hint, flow, f->gen);
	return done != before;
}

/* One turn of everybody but those who have had theirs; returns what was done. */
static inline uint32_t ew_turn_but(struct event_world *e, bool host0, bool classifier)
{
	uint32_t n = 0;

	e->t.p.now_ns = e->t.now;
	if (!classifier)
		n += fos_proc_work(&e->t.p);
	n += cw_descs(&e->t);
	for (uint32_t i = host0; i < e->t.w.dir->nr_pms; i++) {
		e->host[i].now_ns = e->t.now;
		n += fos_proc_work(&e->host[i]);
	}
	for (uint32_t f = 0; f < EW_FLOWS; f++)
		n += ew_egress(e, f);
	return n;
}

static inline uint32_t ew_turn(struct event_world *e)
{
	return ew_turn_but(e, false, false);
}

static inline void ew_run(struct event_world *e)
{
	for (uint32_t quiet = 0; quiet < 2;)
		quiet = ew_turn(e) ? 0 : quiet + 1;
}

static inline void ew_send(struct event_world *e, const struct line *l)
{
	if (l->who == '+')
		e->t.now += (uint64_t)l->pos * 1000000u;
	else
		cw_tcp(&e->t, l->who == 'A', l->flags, l->pos, l->ack, l->data,
		       l->data ? (uint32_t)strlen(l->data) : 0);
}

static inline void ew_play(struct event_world *e, const struct line *lines, uint32_t nr)
{
	for (uint32_t i = 0; i < nr && lines[i].who; i++) {
		e->t.now += 1000;
		ew_send(e, &lines[i]);
		ew_run(e);
	}
}

static inline void ew_handshake(struct event_world *e)
{
	static const struct line lines[] = {
		{ 'A', CW_SYN, -1, -1, NULL, 0, "" },
		{ 'B', CW_SYN | CW_ACK, -1, 0, NULL, 0, "" },
		{ 'A', CW_ACK, 0, 0, NULL, 0, "" } };

	ew_play(e, lines, 3);
}

/* What has left in direction `flow`, as a string. */
static inline const char *ew_text(struct event_world *e, uint32_t flow)
{
	e->out[flow].bytes[e->out[flow].len % sizeof(e->out[flow].bytes)] = 0;
	return e->out[flow].bytes;
}

static inline char ew_side(struct fos_window *w)
{
	return fos_flow(w)->reverse ? 'B' : 'A';
}

/* A box with one module or two, and a connection that stands; the log is empty. */
static inline struct event_world *ew_new(const struct fos_pm *first, const struct fos_pm *second)
{
	static struct event_world e;

	ew_plan(&e);
	ew_pm(&e, 0, first);
	if (second)
		ew_pm(&e, 1, second);
	ew_make(&e);
	ew_handshake(&e);
	ew_clear();
	return &e;
}

/* Data from one end, with an acknowledgement of nothing. */
static inline void ew_data(struct event_world *e, char who, int64_t pos, const char *data)
{
	const struct line l = { who, CW_ACK, pos, 0, data, 0, "" };

	ew_play(e, &l, 1);
}

/* A module's on_data: bytes up to an 'X' go on, the others wait. */
static inline void ew_hold_until_x(struct fos_window *w)
{
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), "X", 0, &hit))
		fos_release(w, hit.end);
}

#endif
