/* The reassembler beside a model of one slot per byte: overlaps that differ (the first copy
 * standing, or the last), FINs anywhere, the bound of the queue, kills.  What is read is what the model
 * says, byte by byte, after every step.
 *
 *	test_reassembly_model [SEED [COUNT]]     default: fixed ones, and as many from a fresh seed
 */
#include <time.h>

#include "tests/tap.h"
#include "tests/unit/cls_world.h"
#include "tests/unit/reasm_model.h"

#define NEAR 400u
#define LIMIT 600u
#define STEPS 400u

struct run {
	struct cls_world t;
	struct reasm_model m;
	uint64_t seed;
	bool fins, last;
	char why[160];
};

/* As a module's fos_overlap() has it: asked for in words of this process alone. */
static void ask(struct run *r)
{
	r->t.c->local[0].unwanted = ~(uint32_t)(r->last ? FOS_EVENTS_LAST_COPY : 0);
}

static uint32_t below(struct run *r, uint32_t n)
{
	return (uint32_t)world_below(&r->seed, n);
}

/* Some segment near the first missing byte. */
static void segment(struct run *r)
{
	uint32_t lo = r->m.tail > 60 ? r->m.tail - 60 : 0;
	uint32_t pos = below(r, 4) ? lo + below(r, NEAR) : r->m.tail, len = below(r, 100);
	uint8_t fill = (uint8_t)('a' + below(r, 26)), data[128];
	bool fin = r->fins && below(r, 12) == 0;

	if (pos + len > r->m.tail && below(r, 20) == 0)
		pos = r->m.tail + LIMIT - below(r, 120);
	memset(data, fill, sizeof(data));
	if (len == 0 && !fin)
		return;
	cw_tcp(&r->t, true, CW_ACK | (fin ? CW_FIN : 0), pos, 0, (const char *)data, len);
	reasm_model_take(&r->m, pos, data, len, fin);
}

static bool same(struct run *r, const char *when)
{
	const struct cw_stream *s = &r->t.stream[0];
	const struct fos_flow *f = &r->t.w.box.flows[0];
	bool ended = f->state & FOS_FLOW_ST_FIN;

	if (s->len == r->m.tail && (s->len == 0 || memcmp(s->bytes, r->m.byte, s->len) == 0) &&
	    ended == r->m.ended && (!ended || f->fin_pos == r->m.fin))
		return true;
	snprintf(r->why, sizeof(r->why), "%s: %llu bytes read, the model has %u; ended %d, model %d",
		 when, (unsigned long long)s->len, r->m.tail, ended, r->m.ended);
	return false;
}

static bool settle(struct run *r, const char *when)
{
	bool lazy = r->t.lazy;

	r->t.lazy = false;
	cw_run(&r->t);
	r->t.lazy = lazy;
	return same(r, when);
}

/* Everything that is missing, once; then nothing may be held. */
static bool finish(struct run *r)
{
	for (uint32_t i = 0; i < 200 && !r->m.ended; i++) {
		uint8_t data[60];
		bool fin = i > 100 || r->m.fin != UINT32_MAX;

		memset(data, '.', sizeof(data));
		cw_tcp(&r->t, true, CW_ACK | (fin ? CW_FIN : 0), r->m.tail, 0, (char *)data, 60);
		reasm_model_take(&r->m, r->m.tail, data, 60, fin);
		if (!settle(r, "at the end"))
			return false;
	}
	/* a FIN that came alone stays in the list until the connection is closed */
	if (r->m.ended && !r->t.nr_away && !r->t.twice && !r->t.c->priv->ooo_total &&
	    r->t.c->priv->fifo_tail - r->t.c->priv->fifo_head + 1 >= r->t.w.dir->nr_pieces)
		return true;
	snprintf(r->why, sizeof(r->why), "ended %d, %u frames away, %u twice, %llu bytes queued",
		 r->m.ended, r->t.nr_away, r->t.twice,
		 (unsigned long long)r->t.c->priv->ooo_total);
	return false;
}

struct seen {
	uint64_t differing, refused, fins;
};

static bool one(uint64_t seed, struct seen *seen)
{
	static struct run r;
	bool good = true;

	memset(&r, 0, sizeof(r));
	r.seed = seed;
	r.fins = below(&r, 2);
	world_plan(&r.t.w, false);
	r.t.w.dir->nr_frames = 1024;
	r.t.w.dir->nr_flows = 16;
	r.t.w.dir->ooo_per_flow = LIMIT;
	world_pm(&r.t.w, "reader", 0, FOS_STREAM_APP, false);
	reasm_model_init(&r.m, LIMIT);
	r.m.last = r.last = below(&r, 2);
	cw_make(&r.t);
	cw_handshake(&r.t);
	ask(&r);
	for (uint32_t i = 0; i < STEPS && good && !r.m.ended; i++) {
		segment(&r);
		r.t.lazy = below(&r, 4) == 0;
		if (below(&r, 60) == 0) {
			cw_run(&r.t);
			cw_kill(&r.t);
			cw_start(&r.t);
			ask(&r);
		}
		if (below(&r, 3) == 0 || r.t.nr_away > 300)
			good = settle(&r, "under way");
	}
	good = good && settle(&r, "under way") && finish(&r);
	if (!good)
		diag("seed %llu: %s", (unsigned long long)seed, r.why);
	seen->differing += r.m.differing;
	seen->refused += r.m.refused;
	seen->fins += r.m.fin != UINT32_MAX;
	cw_free(&r.t);
	return good;
}

static void run(uint64_t first, uint64_t count)
{
	struct seen seen = {0};
	uint64_t bad = 0;

	for (uint64_t seed = first; seed < first + count && bad < 3; seed++)
		bad += !one(seed, &seen);
	ok(bad == 0, "%llu streams from seed %llu are as the model says", (unsigned long long)count,
	   (unsigned long long)first);
	if (count >= 50)
		ok(seen.differing > count && seen.refused > 0 && seen.fins > count / 4,
		   "with copies that differ, refused segments, and FINs");
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 150;

	run(first, count);
	if (argc == 1)
		run((uint64_t)time(NULL) * 100000, count);
	return done();
}
