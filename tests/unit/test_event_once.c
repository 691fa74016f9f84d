/* Each event takes effect once and in its place among the bytes, wherever the module's process, or the
 * classifier, is killed: a conversation with losses, repeats and two closings is played once for every
 * kill point there is, and once without. */
#include "tests/unit/event_world.h"
#include "tests/unit/mortal.h"

#define A_ CW_ACK
#define F_ (CW_ACK | CW_FIN)

/* What a direction has lived through: order and content count, segmentation does not. */
struct life {
	uint64_t hash;
	uint32_t events;
	uint32_t ticks;
	uint32_t own, deep, raised; /* user-defined events */
	uint32_t pad;
};

static struct life end[2]; /* as on_close found it */
static bool last; /* the last copy of bytes ahead of a hole is to stand */
static uint32_t closes[2];

static void mix(struct life *l, uint64_t v)
{
	l->hash = (l->hash ^ v) * 0x9e3779b97f4a7c15ull;
	l->hash ^= l->hash >> 29;
}

static void bytes(struct fos_window *w, struct life *l, uint64_t to)
{
	for (uint64_t p = fos_head(w); p < to; p++)
		mix(l, *(const uint8_t *)fos_peek(w, p, 1));
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct life *l = fos_ctx(w);

	if (ev->id == FOS_ON_REPLAY)
		return;
	mix(l, 0x10000 + ev->id);
	mix(l, ev->at);
	mix(l, ev->pos);
	mix(l, ev->len);
	mix(l, ev->state * 16u + ev->peer_state);
	l->events++;
	l->ticks += ev->id == FOS_ON_TIMER;
	if (ev->id == FOS_ON_START)
		fos_event_timer(w, 3, 4000000, 2000000);
	if (ev->id == FOS_ON_START && last)
		fos_overlap(w, FOS_OVERLAP_LAST);
	if (ev->id == FOS_ON_END)
		fos_event_timer(w, 3, 0, 0);
}

static void on_data(struct fos_window *w)
{
	struct life *l = fos_ctx(w);

	bytes(w, l, fos_tail(w));
	fos_release_all(w);
}

/* The same without on_data: bytes are read in the event, and one is changed. */
static void on_event_reads(struct fos_window *w, const struct fos_event *ev)
{
	struct life *l = fos_ctx(w);

	if (ev->id == FOS_ON_NEW_DATA) {
		bytes(w, l, fos_tail(w));
		if (fos_tail(w) > fos_head(w) + 1)
			fos_overwrite(w, fos_head(w), "#", 1);
	}
	on_event(w, ev);
}

/* User-defined events: one for every flow, which takes itself out and raises another; one upon it, which
 * a flow takes up. */
static int own, deep, raised;

static bool has_payload(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	(void)w;
	(void)arg;
	return ev->len > 20;
}

static void on_deep(struct fos_window *w, const struct fos_event *ev)
{
	struct life *l = fos_ctx(w);

	mix(l, 0x30000 + ev->pos);
	l->deep++;
}

static void on_raised(struct fos_window *w, const struct fos_event *ev)
{
	struct life *l = fos_ctx(w);

	mix(l, 0x40000 + ev->data_len);
	l->raised++;
}

static void on_own(struct fos_window *w, const struct fos_event *ev)
{
	struct life *l = fos_ctx(w);

	mix(l, 0x20000 + ev->pos);
	l->own++;
	if (l->own == 1)
		fos_event_add(w, (uint32_t)deep, on_deep);
	if (l->own != 3)
		return;
	fos_event_remove(w, ev->id, on_own);
	fos_event_raise(w, (uint32_t)raised, "again", 5);
}

static int define(struct fos_instance *pm)
{
	own = fos_event_define(pm, FOS_ON_PACKET, has_payload, NULL, 0);
	deep = fos_event_define(pm, (uint32_t)own, NULL, NULL, 0);
	raised = fos_event_define(pm, FOS_EVENT_NONE, NULL, NULL, 0);
	return fos_event_handle(pm, (uint32_t)own, on_own, true) ||
	       fos_event_handle(pm, (uint32_t)deep, on_deep, false) ||
	       fos_event_handle(pm, (uint32_t)raised, on_raised, true);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	uint32_t side = fos_flow(w)->reverse;

	(void)why;
	end[side] = *(struct life *)fos_ctx(w);
	closes[side]++;
}

static const struct line talk[] = {
	{ 'A', A_, 0, 0, "GET /", 0, "" },
	{ '+', 0, 5, 0, NULL, 0, "" },
	{ 'A', A_, 8, 0, "tail", 0, "" },
	{ 'A', A_, 8, 0, "tAil", 0, "" },
	{ 'A', A_, 3, 0, "T x", 0, "" },
	{ 'B', A_, 0, 5, "answer", 0, "" },
	{ 'A', A_, 5, 6, "abc", 0, "" },
	{ '+', 0, 3, 0, NULL, 0, "" },
	{ 'B', CW_RST, 900, 0, NULL, 0, "" },
	{ 'B', F_, 6, 12, "end", 0, "" },
	{ 'A', F_, 12, 10, NULL, 0, "" },
	{ 'B', A_, 10, 13, NULL, 0, "" },
};

/* ------------------------------------------------------------------ dying */

enum victim { NOBODY, MODULE, CLASSIFIER };

static int left; /* kill points until death; < 0 = nobody dies any more */

static void work_host(void *arg)
{
	struct event_world *e = arg;

	fos_proc_work(&e->host[0]);
}

static void work_classifier(void *arg)
{
	struct event_world *e = arg;

	fos_classifier_hooks.work(&e->t.p);
}

static bool survives(struct event_world *e, void (*work)(void *))
{
	bool dies = mortal(work, e, left);

	left = dies ? -1 : mortal_left;
	return !dies;
}

/* One turn of everybody; a death counts as something done. */
static uint32_t turn(struct event_world *e, enum victim v)
{
	bool dies = false;
	uint32_t n = 0;

	e->t.p.now_ns = e->host[0].now_ns = e->t.now;
	if (v == CLASSIFIER && left > 0) {
		dies = !survives(e, work_classifier);
		if (dies) {
			cw_kill(&e->t);
			cw_start(&e->t);
		}
	}
	n += cw_descs(&e->t);
	if (v == MODULE && left > 0 && !survives(e, work_host)) {
		ew_restart(e, 0);
		dies = true;
	}
	return n + dies + ew_turn_but(e, v == MODULE && left > 0, v == CLASSIFIER && left > 0);
}

static void play(struct event_world *e, enum victim v)
{
	static const struct line open[] = { { 'A', CW_SYN, -1, -1, NULL, 0, "" },
					    { 'B', CW_SYN | A_, -1, 0, NULL, 0, "" },
					    { 'A', A_, 0, 0, NULL, 0, "" } };

	for (uint32_t i = 0; i < 3 + sizeof(talk) / sizeof(talk[0]); i++) {
		e->t.now += 1000;
		ew_send(e, i < 3 ? &open[i] : &talk[i - 3]);
		for (uint32_t quiet = 0; quiet < 4;)
			quiet = turn(e, v) ? 0 : quiet + 1;
	}
}

struct result {
	struct life life[2];
	uint32_t closes[2];
	char out[2][64];
	bool died;
};

static struct result once(const struct fos_pm *m, enum victim v, int n)
{
	struct event_world e;
	struct result r;

	memset(&r, 0, sizeof(r));
	memset(end, 0, sizeof(end));
	memset(closes, 0, sizeof(closes));
	left = n;
	ew_plan(&e);
	ew_pm(&e, 0, m);
	ew_make(&e);
	play(&e, v);
	memcpy(r.life, end, sizeof(end));
	memcpy(r.closes, closes, sizeof(closes));
	snprintf(r.out[0], sizeof(r.out[0]), "%.60s", ew_text(&e, 0));
	snprintf(r.out[1], sizeof(r.out[1]), "%.60s", ew_text(&e, 1));
	r.died = left < 0;
	ew_free(&e);
	return r;
}

static void everywhere(const struct fos_pm *m, enum victim v, const char *what)
{
	struct result want = once(m, NOBODY, 0), got;
	uint32_t wrong = 0;
	int n = 1;

	ok(want.closes[0] == 1 && want.closes[1] == 1 && want.life[0].events > 12 &&
		   want.life[0].ticks == 2 && want.life[1].ticks == 2,
	   "%s: %u and %u events, 2 ticks of a timer each, without a death", what,
	   want.life[0].events, want.life[1].events);
	for (;; n++) {
		got = once(m, v, n);
		if (!got.died)
			break;
		/* on_close may run twice: its commit is what counts, and it has none to compare */
		memcpy(got.closes, want.closes, sizeof(got.closes));
		if (memcmp(got.life, want.life, sizeof(want.life)) == 0 &&
		    strcmp(got.out[0], want.out[0]) == 0 && strcmp(got.out[1], want.out[1]) == 0)
			continue;
		if (wrong++ < 3)
			diag("killed at point %d: %u and %u events, '%s' '%s', want '%s' '%s'", n,
			     got.life[0].events, got.life[1].events, got.out[0], got.out[1],
			     want.out[0], want.out[1]);
	}
	is_u64(wrong, 0, "%s: each of %d deaths leaves every event once, in its place", what, n - 1);
	ok(n > 100, "%s: there was enough to die at", what);
}

int main(void)
{
	const uint32_t all = ((1u << FOS_NR_ON) - 1) & ~FOS_BIT(FOS_ON_ORPHAN);
	const struct fos_pm by_data = {.name = "life", .stream = FOS_APP, .on_data = on_data,
				       .on_event = on_event, .on_close = on_close,
				       .ctx_size = sizeof(struct life), .events = all};
	const struct fos_pm by_event = {.name = "reads", .stream = FOS_APP, .flags = FOS_PM_EDITS,
					.on_event = on_event_reads, .on_close = on_close,
					.ctx_size = sizeof(struct life), .events = all};
	const struct fos_pm by_own = {.name = "own", .stream = FOS_APP, .on_data = on_data,
				      .init = define, .on_event = on_event, .on_close = on_close,
				      .ctx_size = sizeof(struct life), .events = all};

	everywhere(&by_data, MODULE, "module with on_data");
	everywhere(&by_event, MODULE, "module that edits in events");
	everywhere(&by_data, CLASSIFIER, "classifier");
	everywhere(&by_own, MODULE, "module with events of its own");
	ok(end[0].own == 3 && end[0].deep == 4 && end[0].raised == 1 && end[1].own == 2 &&
		   end[1].deep == 1 && end[1].raised == 0, "added, taken out and raised, each once");
	last = true;
	is_str(once(&by_data, NOBODY, 0).out[0], "GET /xbctAil", "the last copy stands");
	everywhere(&by_data, CLASSIFIER, "classifier, the last copy standing");
	everywhere(&by_data, MODULE, "module, the last copy standing");
	return done();
}
