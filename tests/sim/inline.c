/* tests/sim/inline.c - a whole box between a scripted client and a receiver, see inline.h */
#include "tests/sim/inline.h"

#include <stdarg.h>

#include "ingress/parse.h"
#include "pmhost/host.h"
#include "tests/sim/keep.h"

#define ROUNDS 10000u
#define STEP_NS 1000000ull
#define ISS 0x51000000u

/* ------------------------------------------------------------------ what leaves, as text */

static void say(char *to, const char *fmt, ...)
{
	size_t n = strlen(to);
	va_list ap;

	va_start(ap, fmt);
	if (n + 2 < INLINE_TEXT)
		vsnprintf(to + n, INLINE_TEXT - n, fmt, ap);
	va_end(ap);
}

static void note_sent(struct inline_box *b, const struct script_view *v)
{
	int32_t pos = (int32_t)(v->seq - b->client.isn - 1);

	if (!v->len && !(v->flags & (SG_FIN | SG_RST)))
		return; /* handshake, acknowledgements */
	say(b->sent, "%s%d:", b->sent[0] ? " " : "", pos);
	if (v->len > 24)
		say(b->sent, "~%u", v->len);
	else
		say(b->sent, "%.*s", (int)v->len, (const char *)v->data);
	if (v->flags & (SG_FIN | SG_RST | SG_URG))
		say(b->sent, "/%s%s%s", v->flags & SG_FIN ? "F" : "", v->flags & SG_RST ? "R" : "",
		    v->flags & SG_URG ? "U" : "");
}

static void note_answer(struct inline_box *b, const struct script_view *v)
{
	say(b->answers, "%s%s%s%s%s%d", b->answers[0] ? " " : "", v->flags & SG_SYN ? "S" : "",
	    v->flags & SG_FIN ? "F" : "", v->flags & SG_RST ? "R" : "",
	    v->flags & SG_ACK ? "A" : "", (int32_t)(v->ack - b->client.isn - 1));
}

static void left(void *arg, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct inline_box *b = arg;
	struct script_view v;
	bool tcp = script_view(data, len, &v);

	if (getenv("INLINE_TRACE")) {
		fprintf(stderr, "# port %u:", port);
		for (uint32_t i = 14; i < len; i++)
			fprintf(stderr, " %02x", data[i]);
		fprintf(stderr, "\n");
	}
	if (port == 1) {
		if (b->offline && tcp && v.dport != SCRIPT_PORT)
			return; /* the other direction of the capture */
		if (tcp)
			note_sent(b, &v);
		b->server->input(b->server, data, len);
		return;
	}
	if (b->offline)
		return;
	if (tcp)
		note_answer(b, &v);
	script_learn(&b->client, data, len);
}

static void hold_frame(struct inline_box *b, uint8_t port, const uint8_t *data, uint32_t len)
{
	struct inline_frame *f = &b->pending[b->nr_pending];

	if (b->nr_pending == INLINE_PENDING || len > sizeof(f->data)) {
		snprintf(b->error, sizeof(b->error), "too many packets are under way");
		return;
	}
	f->port = port;
	f->len = (uint16_t)len;
	memcpy(f->data, data, len);
	b->nr_pending++;
}

static void from_server(void *arg, const uint8_t *frame, uint32_t len)
{
	struct inline_box *b = arg;

	if (!b->offline)
		hold_frame(b, 1, frame, len);
}

static void from_client(void *arg, const uint8_t *frame, uint32_t len)
{
	hold_frame(arg, 0, frame, len);
}

/* ------------------------------------------------------------------ the box */

static void start_proc(struct inline_box *b, uint32_t n, uint32_t index,
		       const struct sim_stage *stage)
{
	struct fos_proc *p = &b->procs[n].proc;
	char err[256] = "";

	memcpy(p->box.region, b->world.box.region, sizeof(p->box.region));
	p->box.dir = b->world.dir;
	p->box.self = index;
	p->now_ns = b->now;
	p->state = stage->make(&b->nic);
	b->procs[n].stage = stage;
	if (fos_proc_bind(p, stage->hooks, err, sizeof(err)) < 0 || stage->hooks->init(p) < 0) {
		fprintf(stderr, "inline: a stage does not start: %s\n", err);
		abort();
	}
}

static void attach_ring(struct inline_box *b, const struct fos_dir_ring *r)
{
	const struct fos_dir *dir = b->world.dir;
	const struct fos_dir_proc *from = &dir->proc[r->producer], *to = &dir->proc[r->consumer];
	uint8_t *src = b->world.box.region[from->region].base;
	uint8_t *dst = b->world.box.region[to->region].base;
	struct fos_cursor *c = (void *)(dst + fos_build_cursors(dir, r->consumer));

	if (from->role == FOS_ROLE_INGRESS)
		fos_ring_attach_prod(&b->to_classifier[from->index], (void *)(src + r->off),
				     &c[r->cursor].head, sizeof(struct fos_desc));
	if (to->role == FOS_ROLE_INGRESS)
		fos_ring_attach_cons(&b->from_egress[to->index], (void *)(src + r->off),
				     &c[r->cursor], sizeof(struct fos_desc));
}

void inline_plan(struct inline_box *b, struct receiver *server, bool offline)
{
	memset(b, 0, sizeof(*b));
	b->offline = offline;
	b->server = server;
	server->emit = from_server;
	server->emit_arg = b;
	world_plan(&b->world, offline);
	b->world.dir->nr_frames = 2048;
	b->world.dir->nr_flows = 64;
	world_pm(&b->world, "keep", 0, FOS_STREAM_APP, true);
	b->world.dir->pm[0].ctx_size = FOS_PM_HOST_CTX;
	b->world.dir->pm[0].state_size = FOS_PM_HOST_STATE;
	script_client_init(&b->client, 20001, 0x10000000);
}

void inline_start(struct inline_box *b)
{
	struct fos_dir *dir = b->world.dir;
	uint32_t n = 0;

	keep_for(b);
	b->now = 1000000000ull;
	b->nic.send = left;
	b->nic.arg = b;
	world_make(&b->world);
	b->frames = calloc(dir->nr_frames, sizeof(*b->frames));
	for (uint32_t i = 0; i < dir->nr_rings; i++)
		attach_ring(b, &dir->ring[i]);
	for (uint32_t port = 0; port < (b->offline ? 1 : 2); port++) {
		uint32_t first, count;

		fos_build_ingress_frames(dir, port, &first, &count);
		for (uint32_t f = first; f < first + count; f++)
			b->frames[b->nr_frames++] = f;
	}
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		uint32_t role = dir->proc[i].role;

		if (role == FOS_ROLE_CLASSIFIER || role == FOS_ROLE_PM || role == FOS_ROLE_EGRESS)
			start_proc(b, n++, i, role == FOS_ROLE_CLASSIFIER ? &sim_classifier :
					      role == FOS_ROLE_PM ? &keep_stage : &sim_egress);
	}
}

void inline_stop(struct inline_box *b)
{
	for (uint32_t i = 0; i < 3; i++) {
		fos_proc_unbind(&b->procs[i].proc);
		b->procs[i].stage->free(b->procs[i].proc.state);
	}
	free(b->frames);
	world_free(&b->world);
	keep_for(NULL);
}

/* ------------------------------------------------------------------ moving */

static void enter(struct inline_box *b, uint8_t port, const uint8_t *data, uint32_t len)
{
	uint32_t n = b->offline ? 0 : port;
	struct fos_ring_prod *r = &b->to_classifier[n];
	struct fos_frame_meta *m;
	struct fos_desc *d;
	uint32_t frame;

	if (b->nr_frames == 0 || fos_ring_room(r, 1) == 0) {
		snprintf(b->error, sizeof(b->error), "no frame is free");
		return;
	}
	frame = b->frames[--b->nr_frames];
	m = fos_box_meta(&b->world.box, frame);
	memset(m, 0, FOS_FRAME_DATA_OFF);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = n ? 1 : 0;
	m->time_ns = b->now;
	m->number = b->offline ? ++b->number : 0;
	memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, data, len);
	fos_parse((const uint8_t *)m, m, b->world.dir->hash_key);
	d = fos_ring_slot(r, 0);
	memset(d, 0, sizeof(*d));
	d->frame = frame;
	d->gen = (uint32_t)(b->now / STEP_NS) * 4 + 1;
	d->flow = FOS_NONE;
	d->kind = FOS_DESC_FRAME;
	fos_ring_advance(r, 1);
	fos_ring_commit(r);
}

static void collect(struct inline_box *b)
{
	for (uint32_t n = 0; n < (b->offline ? 1 : 2); n++) {
		struct fos_ring_cons *r = &b->from_egress[n];
		uint64_t nr = fos_ring_peek(r);

		for (uint64_t i = 0; i < nr; i++)
			b->frames[b->nr_frames++] =
				((const struct fos_desc *)fos_ring_at(r, i))->frame;
		fos_ring_take(r, nr);
		fos_ring_release(r);
	}
}

/* Is what the application got a prefix of what the module saw, connection by connection?  One of which
 * nothing is to arrive (all of it was deleted) looks to the application like one without data, as
 * those do that never became one: neither side's are counted. */
static bool consistent(struct inline_box *b, bool equal)
{
	uint32_t h = 0, m = 0;

	for (;; h++, m++) {
		static uint8_t want[KEEP_GROWTH * HOST_STREAM_MAX];
		const struct host_conn *got;
		const struct inline_stream *saw;
		uint32_t n = 0;

		while (h < b->server->nr_conns && b->server->conn[h].len == 0)
			h++;
		while (m < b->nr_streams && (n = keep_edited(b, &b->stream[m], want)) == 0)
			m++;
		got = h < b->server->nr_conns ? &b->server->conn[h] : NULL;
		saw = m < b->nr_streams ? &b->stream[m] : NULL;
		if (!got && (!saw || !equal))
			return true;
		if (got && saw && got->len <= n && (!equal || got->len == n) &&
		    memcmp(got->bytes, want, got->len) == 0)
			continue;
		snprintf(b->error, sizeof(b->error),
			 "connection %u: the module saw %u '%.60s', of %u to arrive the application "
			 "got %u '%.60s'", h,
			 saw ? saw->len : 0, saw ? (const char *)saw->bytes : "", saw ? n : 0,
			 got ? got->len : 0, got ? (const char *)got->bytes : "");
		return false;
	}
}

static void work(struct inline_box *b)
{
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < ROUNDS && quiet < 3; i++) {
		struct fos_proc *p = &b->procs[i % 3].proc;

		p->now_ns = b->now;
		quiet = fos_proc_work(p) ? 0 : quiet + 1;
		collect(b);
	}
}

/* Everything that is under way arrives, and what it causes. */
static void settle(struct inline_box *b)
{
	do {
		for (uint32_t i = 0; i < b->nr_pending; i++)
			enter(b, b->pending[i].port, b->pending[i].data, b->pending[i].len);
		b->nr_pending = 0;
		b->now += STEP_NS;
		work(b);
		if (!b->error[0])
			consistent(b, false);
	} while (b->nr_pending && !b->error[0]);
}

static bool server_word(const char *w, uint32_t n)
{
	return (n > 3 && strncmp(w, "srv", 3) == 0) || (n == 4 && strncmp(w, "hold", 4) == 0) ||
	       (n == 4 && strncmp(w, "read", 4) == 0);
}

/* One word to the client or the server; packets go to `emit`. */
static bool speak(struct inline_box *b, struct receiver *server, const char *w, uint32_t n)
{
	if (server_word(w, n))
		server->app(server, w, n);
	else if (!script_word(&b->client, w, n, from_client, b))
		return snprintf(b->error, sizeof(b->error), "no word: %.*s", (int)n, w) < 0;
	return true;
}

static const char *next_word(const char **script, uint32_t *n)
{
	const char *w = *script + strspn(*script, " ");

	*n = (uint32_t)strcspn(w, " ");
	*script = w + *n;
	return *n ? w : NULL;
}

bool inline_run(struct inline_box *b, const char *script)
{
	const char *w;
	uint32_t n;

	while (!b->error[0] && (w = next_word(&script, &n))) {
		bool hs = n == 2 && strncmp(w, "hs", 2) == 0;

		if (speak(b, b->server, hs ? "syn" : w, hs ? 3 : n))
			settle(b);
		if (hs && !b->error[0] && speak(b, b->server, "0:", 2))
			settle(b);
	}
	for (uint32_t i = 0; i < 5; i++)
		settle(b);
	return !b->error[0] && consistent(b, true);
}

/* ------------------------------------------------------------------ offline */

static void record_answer(void *arg, const uint8_t *frame, uint32_t len)
{
	struct inline_box *b = arg;

	hold_frame(b, 1, frame, len);
	script_learn(&b->client, frame, len);
}

/* A batch of the capture: clock, packets, rest, flush. */
static void batch(struct inline_box *b)
{
	struct fos_region_head *ing = NULL;

	for (uint32_t i = 0; i < b->world.dir->nr_procs; i++)
		if (b->world.dir->proc[i].role == FOS_ROLE_INGRESS)
			ing = (void *)b->world.box.region[b->world.dir->proc[i].region].base;
	for (uint32_t i = 0; i < b->nr_pending; i++)
		enter(b, b->pending[i].port, b->pending[i].data, b->pending[i].len);
	b->nr_pending = 0;
	b->now += STEP_NS;
	ing->clock_ns = b->now;
	work(b);
	ing->flush++;
	work(b);
	if (!b->error[0])
		consistent(b, false);
}

/* One word, and what the recorder answers. */
static void record(struct inline_box *b, struct receiver *recorder, const char *w, uint32_t n)
{
	uint32_t first = b->nr_pending;

	if (!speak(b, recorder, w, n))
		return;
	for (uint32_t i = first, last = b->nr_pending; i < last; i++)
		if (b->pending[i].port == 0)
			recorder->input(recorder, b->pending[i].data, b->pending[i].len);
}

bool inline_replay(struct inline_box *b, const char *script, struct receiver *recorder)
{
	const char *w;
	uint32_t n;

	recorder->emit = record_answer;
	recorder->emit_arg = b;
	while (!b->error[0] && (w = next_word(&script, &n))) {
		bool hs = n == 2 && strncmp(w, "hs", 2) == 0;

		record(b, recorder, hs ? "syn" : w, hs ? 3 : n);
		if (hs)
			record(b, recorder, "0:", 2);
		if (b->nr_pending > INLINE_PENDING / 4)
			batch(b);
	}
	batch(b);
	return !b->error[0] && consistent(b, true);
}

/* Did it begin a connection by a SYN that the other never took?  From there on they speak of two. */
static bool took_another(const struct host *behind, const struct host *recorder)
{
	for (uint32_t i = 0; i < behind->nr_taken && i < HOST_TAKEN; i++) {
		bool both = false;

		for (uint32_t k = 0; k < recorder->nr_taken && k < HOST_TAKEN; k++)
			both |= recorder->taken[k] == behind->taken[i];
		if (!both)
			return true;
	}
	return false;
}

bool inline_once(struct inline_box *b, struct host *behind, const struct script_client *client,
		 const char *script, unsigned int how)
{
	static struct host recorder;
	bool good, offline = how & INLINE_OFFLINE;

	host_init(behind, ISS);
	behind->far = how & INLINE_FAR;
	host_init(&recorder, ISS);
	inline_plan(b, &behind->r, offline);
	b->client = *client;
	b->edit = how & INLINE_EDITED;
	inline_start(b);
	good = offline ? inline_replay(b, script, &recorder.r) : inline_run(b, script);
	b->moot = recorder.aborts > 0 ||
		  (offline && (!b->client.sisn_known || took_another(behind, &recorder)));
	inline_stop(b);
	return good || b->moot;
}

uint64_t inline_counter(const struct inline_box *b, enum fos_counter_id id)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < 3; i++)
		n += b->procs[i].proc.counter[id];
	return n;
}
