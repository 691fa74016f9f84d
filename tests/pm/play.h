/* tests/pm/play.h - PM hosts in one process, with the test as classifier and egress
 *
 * A test plans a box with PMs, appends bytes to streams as the classifier would, gives the hosts
 * their turns, kills and restarts them on the same memory, and takes what leaves the last stage as
 * egress would: piece by piece, never going back.
 */
#ifndef TESTS_PM_PLAY_H
#define TESTS_PM_PLAY_H

#include "pmhost/host.h"
#include "tests/world.h"

#define PLAY_GEN 7u

struct play_out {
	uint8_t *data;
	uint64_t len, cap;
	uint64_t at; /* position in the output of the last stage */
};

struct play {
	struct world w;
	struct fos_proc cls;
	struct fos_proc host[FOS_MAX_PMS];
	const struct fos_pm *module[FOS_MAX_PMS];
	uint64_t now;
	uint32_t frame, frame_at, piece; /* next free ones */
	struct play_out out[8]; /* by flow */
};

static inline uint32_t play_options(struct play *p, const char *bytes, size_t len)
{
	return fos_build_string(p->w.dir, bytes, len, &p->w.strings);
}

/* Adds a PM; options as "key\0value\0" with the literal's own NUL as the end. */
static inline uint32_t play_pm(struct play *p, uint32_t stage, const struct fos_pm *m,
			       const char *options, size_t options_len)
{
	bool edits = (m->flags & FOS_PM_EDITS) != 0;
	bool http = m->stream == FOS_HTTP_BODY;
	uint32_t i = world_pm(&p->w, m->name, stage, http ? FOS_STREAM_APP : m->stream, edits);
	struct fos_dir_pm *d = &p->w.dir->pm[i];

	snprintf(d->name, FOS_NAME_MAX, "%.20s%u", m->name, i & 31u);
	d->http = http;
	d->events = m->events;
	d->event_wants = (m->events || m->on_event ? FOS_PM_WANTS_EVENTS : 0) |
			 (m->flags & FOS_PM_PACKETS ? FOS_PM_WANTS_PACKETS : 0);
	d->ctx_size = (m->ctx_size + FOS_PM_HOST_CTX + (http ? FOS_PM_HTTP_CTX : 0) +
		       (d->event_wants ? FOS_PM_EVENT_CTX : 0) + 15u) & ~15u;
	d->state_size = (m->state_size + FOS_PM_HOST_STATE + 63u) & ~63u;
	d->keys = m->keys; /* a power of two, in tests */
	d->key_value = (m->key_value + 15u) & ~15u;
	d->gates = m->on_open != NULL;
	d->rewrites = (m->flags & FOS_PM_REWRITES) != 0;
	d->resends = (m->flags & FOS_PM_RESENDS) != 0;
	d->sends = (m->flags & FOS_PM_SENDS) != 0;
	if (options_len)
		d->options_off = play_options(p, options, options_len);
	p->module[i] = m;
	return i;
}

/* PM `from` publishes the topic and PM `to` takes it. */
static inline void play_link_topic(struct play *p, uint32_t from, uint32_t to, const char *topic,
				   uint16_t version, uint16_t bytes)
{
	struct fos_dir_link *l = &p->w.dir->link[p->w.dir->nr_links++];

	snprintf(l->topic, FOS_NAME_MAX, "%s", topic);
	l->id = fos_word_id(topic);
	l->version = version;
	l->bytes = bytes;
	l->from = (uint8_t)from;
	l->to = (uint8_t)to;
}

/* Adds a PM from its shared object. */
static inline uint32_t play_pm_file(struct play *p, uint32_t stage, const char *path,
				    const char *options, size_t options_len)
{
	struct fos_pm like = {.size = 0};
	struct fos_pmfile f;
	char err[512];
	uint32_t i;

	if (fos_pmfile_read(path, &f, err, sizeof(err)) < 0) {
		fprintf(stderr, "play: %s\n", err);
		abort();
	}
	memcpy(like.name, f.name, sizeof(like.name));
	like.stream = f.stream;
	like.flags = (f.edits ? FOS_PM_EDITS : 0) | (f.rewrites ? FOS_PM_REWRITES : 0) |
		     (f.resends ? FOS_PM_RESENDS : 0) | (f.sends ? FOS_PM_SENDS : 0);
	i = play_pm(p, stage, &like, options, options_len);
	p->module[i] = NULL;
	p->w.dir->pm[i].http = f.http;
	p->w.dir->pm[i].keys = f.keys;
	p->w.dir->pm[i].key_value = f.key_value;
	p->w.dir->pm[i].gates = f.gates;
	p->w.dir->pm[i].events = f.events;
	p->w.dir->pm[i].event_wants = f.event_wants;
	p->w.dir->pm[i].ctx_size = f.ctx_size;
	p->w.dir->pm[i].state_size = f.state_size;
	p->w.dir->pm[i].file_off = play_options(p, path, strlen(path) + 1);
	return i;
}

static inline void play_bind(struct play *p, struct fos_proc *proc, uint32_t self)
{
	static const struct fos_proc_hooks none;
	char err[256];

	memset(proc, 0, sizeof(*proc));
	proc->box = p->w.box;
	proc->box.self = self;
	proc->now_ns = p->now;
	if (fos_proc_bind(proc, &none, err, sizeof(err)) < 0) {
		fprintf(stderr, "play: %s\n", err);
		abort();
	}
}

static inline int play_start(struct play *p, uint32_t pm)
{
	struct fos_proc *proc = &p->host[pm];

	play_bind(p, proc, fos_proc_find(p->w.dir, FOS_ROLE_PM, 0, pm));
	proc->hooks = &fos_pmhost_hooks;
	proc->state = fos_pmhost_new();
	if (p->module[pm])
		fos_pmhost_module(proc->state, p->module[pm]);
	return proc->hooks->init(proc);
}

/* SIGKILL: nothing runs, only the region stays. */
static inline void play_kill(struct play *p, uint32_t pm)
{
	fos_pmhost_free(p->host[pm].state);
	fos_proc_unbind(&p->host[pm]);
}

static inline void play_restart(struct play *p, uint32_t pm)
{
	play_kill(p, pm);
	if (play_start(p, pm) != 0)
		abort();
}

static inline void play_make(struct play *p)
{
	p->now = 1000000000;
	world_make(&p->w);
	play_bind(p, &p->cls, fos_proc_find(p->w.dir, FOS_ROLE_CLASSIFIER, 0, 0));
	for (uint32_t i = 0; i < p->w.dir->nr_pms; i++)
		if (play_start(p, i) != 0) {
			fprintf(stderr, "play: init of PM %u failed\n", i);
			abort();
		}
}

static inline void play_free(struct play *p)
{
	for (uint32_t i = 0; i < p->w.dir->nr_pms; i++)
		play_kill(p, i);
	fos_proc_unbind(&p->cls);
	for (size_t i = 0; i < sizeof(p->out) / sizeof(p->out[0]); i++)
		free(p->out[i].data);
	world_free(&p->w);
}

/* A TCP connection: flows 2c and 2c+1. */
static inline void play_connection(struct play *p, uint32_t c, uint32_t gen)
{
	uint64_t *live = (void *)((uint8_t *)(uintptr_t)p->w.box.cls + p->w.box.cls->live_off);

	for (uint32_t f = 2 * c; f < 2 * c + 2; f++) {
		struct fos_flow *w = world_flow(&p->w, f);

		memset(w, 0, sizeof(*w));
		w->flags = FOS_FLOW_TCP | FOS_FLOW_APP | FOS_FLOW_PKT;
		if (f & 1)
			w->flags |= FOS_FLOW_REVERSE;
		w->ip_version = 4;
		w->proto = 6;
		w->src[10] = w->src[11] = w->dst[10] = w->dst[11] = 0xff;
		w->src[12] = w->dst[12] = 10;
		w->src[15] = (uint8_t)(1 + (f & 1));
		w->dst[15] = (uint8_t)(2 - (f & 1));
		w->sport = f & 1 ? 80 : (uint16_t)(40000 + c);
		w->dport = f & 1 ? (uint16_t)(40000 + c) : 80;
		w->port = f & 1;
		w->app.first = w->app.last = w->pkt.first = w->pkt.last = FOS_NONE;
		w->state = FOS_FLOW_ST_SYN;
		fos_release32(&w->gen, gen);
		p->out[f % 8].len = p->out[f % 8].at = 0;
	}
	live[c / 64] |= 1ull << (c % 64);
}

/* One module and one connection. */
static inline void play_one(struct play *p, const struct fos_pm *m)
{
	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	play_pm(p, 0, m, NULL, 0);
	play_make(p);
	play_connection(p, 0, PLAY_GEN);
}

static inline void play_hint(struct play *p, uint32_t flow)
{
	for (uint32_t i = 0; i < p->w.dir->nr_pms; i++) {
		uint32_t proc = fos_proc_find(p->w.dir, FOS_ROLE_PM, 0, i);

		fos_hint(&p->cls, fos_proc_prod(&p->cls, FOS_RING_READY, proc), flow,
			 world_flow(&p->w, flow)->gen);
	}
}

/* Room for n bytes in a frame; its index, and *off of the bytes. */
static inline uint32_t play_frame(struct play *p, uint32_t n, uint16_t *off)
{
	if (p->frame_at < FOS_FRAME_DATA_OFF || p->frame_at + n > p->w.dir->frame_size) {
		p->frame = (p->frame + 1) % p->w.dir->nr_frames;
		p->frame_at = FOS_FRAME_DATA_OFF;
	}
	*off = (uint16_t)p->frame_at;
	p->frame_at += n;
	return p->frame;
}

static inline void play_link(struct play *p, struct fos_stream *s, uint32_t piece)
{
	if (s->last == FOS_NONE)
		s->first = piece;
	else
		world_piece(&p->w, s->last)->next = piece;
	s->last = piece;
}

/* Appends n bytes (at most a frame's) to the app stream as one piece. */
static inline void play_append(struct play *p, uint32_t flow, const void *data, uint32_t n)
{
	struct fos_flow *f = world_flow(&p->w, flow);
	uint32_t idx = p->piece++ % p->w.dir->nr_pieces;
	struct fos_piece *piece = world_piece(&p->w, idx);
	uint16_t off;

	memset(piece, 0, sizeof(*piece));
	piece->frame = play_frame(p, n, &off);
	memcpy(fos_box_frame(&p->w.box, piece->frame) + off, data, n);
	piece->off = off;
	piece->len = (uint16_t)n;
	piece->pos = f->app.tail;
	piece->flow = flow;
	piece->flow_gen = f->gen;
	piece->next = FOS_NONE;
	piece->flags = FOS_PIECE_FIRST | FOS_PIECE_LAST | FOS_PIECE_WHOLE;
	play_link(p, &f->app, idx);
	fos_release64(&f->app.tail, f->app.tail + n);
}

static inline void play_fin(struct play *p, uint32_t flow)
{
	struct fos_flow *f = world_flow(&p->w, flow);

	f->fin_pos = f->app.tail;
	fos_release32(&f->state, f->state | FOS_FLOW_ST_FIN);
}

static inline void play_close(struct play *p, uint32_t c, uint32_t why)
{
	for (uint32_t f = 2 * c; f < 2 * c + 2; f++) {
		world_flow(&p->w, f)->close = why;
		fos_release32(&world_flow(&p->w, f)->state,
			      world_flow(&p->w, f)->state | FOS_FLOW_ST_CLOSED);
	}
}

static inline void play_work(struct play *p, uint32_t pm)
{
	p->host[pm].now_ns = p->now;
	p->host[pm].hooks->work(&p->host[pm]);
}

/* Every host until none has anything to do. */
static inline void play_run(struct play *p)
{
	for (uint32_t quiet = 0, i = 0; quiet < p->w.dir->nr_pms; i = (i + 1) % p->w.dir->nr_pms) {
		p->host[i].now_ns = p->now;
		quiet = p->host[i].hooks->work(&p->host[i]) ? 0 : quiet + 1;
	}
}

static inline void play_take(struct play_out *o, const struct fos_span *s)
{
	if (o->len + s->len > o->cap) {
		o->cap = 2 * (o->len + s->len);
		o->data = realloc(o->data, o->cap);
		if (!o->data)
			abort();
	}
	memcpy(o->data + o->len, s->data, s->len);
	o->len += s->len;
	o->at += s->len;
}

/* Egress: takes what there is behind the last stage, and publishes how far it is. */
static inline bool play_egress(struct play *p, uint32_t flow)
{
	struct fos_out *o = (struct fos_out *)(uintptr_t)&p->w.box.outs[flow];
	struct fos_flow *f = world_flow(&p->w, flow);
	struct play_out *out = &p->out[flow % 8];
	struct fos_view v;
	struct fos_span s;

	if (o->gen != f->gen) {
		memset(o, 0, sizeof(*o));
		fos_release32(&o->gen, f->gen);
	}
	if (!fos_view_open(&v, &p->w.box, flow, f->gen, p->w.dir->pipeline[0].nr_stages, out->at))
		return false;
	while (fos_view_next(&v, UINT32_MAX, &s))
		play_take(out, &s);
	fos_view_settle(&v);
	fos_release64(&o->pos[0], fos_view_base(&v));
	for (uint32_t i = 0; i < v.nr_layers; i++)
		if (v.layer[i].editor != FOS_NONE)
			fos_release64(&o->pos[p->w.dir->pm[v.layer[i].editor].editor],
				      v.layer[i].out);
	return v.broken == FOS_NONE;
}

/* Flow 0 has something new: everyone looks, what comes out is taken. */
static inline void play_turn(struct play *p)
{
	play_hint(p, 0);
	play_run(p);
	play_egress(p, 0);
}

/* Edit records that PM `pm` has free. */
static inline uint32_t play_edits_free(const struct play *p, uint32_t pm)
{
	const struct fos_instance *host = p->host[pm].state;

	return fos_edit_pool_room(&host->edits);
}

#endif
