/* Views through several stages' edits, compared with the edits carried out on plain strings. */
#include "shm/view.h"
#include "tests/tap.h"
#include "tests/world.h"

#define FLOW 6u
#define GEN 3u
#define MAX 4096u

/* The stream as one stage puts it out: bytes, and how far its trailing head is. */
struct model {
	uint8_t in[MAX];
	uint32_t nr_in;
	uint64_t head; /* of the stage, in its input */
	uint8_t out[MAX];
	uint32_t nr_out; /* bytes visible downstream */
};

struct editor {
	struct world *w;
	uint32_t pm;
	uint32_t next_edit;
	struct fos_pm_pub pub;
};

static void append_pieces(struct world *w, uint64_t *seed, const uint8_t *data, uint32_t len)
{
	struct fos_flow *f = world_flow(w, FLOW);
	uint32_t at = 0, idx = 0;

	f->gen = GEN;
	f->pipeline = 0;
	while (at < len) {
		uint32_t n = 1 + (uint32_t)world_below(seed, 60);
		struct fos_piece *p = world_piece(w, idx);

		if (n > len - at)
			n = len - at;
		memset(p, 0, sizeof(*p));
		p->pos = at;
		p->frame = idx % w->dir->nr_frames;
		p->off = 400;
		p->len = (uint16_t)n;
		p->flow = FLOW;
		p->flow_gen = GEN;
		p->next = FOS_NONE;
		memcpy(fos_box_frame(&w->box, p->frame) + p->off, data + at, n);
		if (f->app.last == FOS_NONE)
			f->app.first = idx;
		else
			world_piece(w, f->app.last)->next = idx;
		f->app.last = idx++;
		at += n;
	}
	f->app.tail = len;
}

static void publish(struct editor *e)
{
	e->pub.gen = GEN;
	world_publish(e->w, e->pm, FLOW, &e->pub);
}

/* Commits one edit at input position pos. */
static void edit(struct editor *e, uint64_t pos, uint32_t del, const uint8_t *ins, uint32_t nr_ins)
{
	struct fos_edit *r = world_edit(e->w, e->pm, e->next_edit);

	memset(r, 0, sizeof(*r));
	r->pos = pos;
	r->out_pos = e->pub.out_head + (pos - e->pub.head);
	r->del = del;
	r->ins = nr_ins;
	r->next = FOS_NONE;
	r->flow = FLOW;
	r->flow_gen = GEN;
	r->nr = e->pub.edits + 1;
	if (nr_ins)
		memcpy(world_insert(e->w, e->pm, e->next_edit), ins, nr_ins);
	if (e->pub.edits == e->pub.edits_freed)
		e->pub.edit_first = e->next_edit;
	else
		world_edit(e->w, e->pm, e->pub.edit_last)->next = e->next_edit;
	e->pub.edit_last = e->next_edit++;
	e->pub.edits++;
	e->pub.head = pos + del;
	e->pub.out_head = r->out_pos + nr_ins;
}

static void release(struct editor *e, uint64_t pos)
{
	e->pub.out_head += pos - e->pub.head;
	e->pub.head = pos;
}

/* Random edits of one stage: model and shared memory alike.  `limit` = the reader beside it. */
static void run_stage(struct editor *e, struct model *m, uint64_t *seed, uint64_t limit)
{
	uint64_t pos = 0;
	uint32_t out = 0, visible = 0;

	while (pos < m->nr_in && e->pub.edits < 40) {
		uint64_t keep = world_below(seed, 50), del = world_below(seed, 3) ? 0 : 40;
		uint32_t nr_ins = world_below(seed, 2) ? 0 : (uint32_t)world_below(seed, 30);
		uint8_t ins[32];

		if (keep > m->nr_in - pos)
			keep = m->nr_in - pos;
		if (del > m->nr_in - pos - keep)
			del = m->nr_in - pos - keep;
		for (uint32_t i = 0; i < nr_ins; i++)
			ins[i] = (uint8_t)('A' + world_below(seed, 26));
		for (uint64_t i = 0; i < keep; i++) {
			m->out[out++] = m->in[pos + i];
			if (pos + i + 1 <= limit)
				visible = out;
		}
		edit(e, pos + keep, (uint32_t)del, ins, nr_ins);
		pos += keep;
		memcpy(m->out + out, ins, nr_ins);
		out += nr_ins;
		pos += del;
		if (pos <= limit)
			visible = out;
	}
	release(e, pos);
	m->head = pos < limit ? pos : limit;
	m->nr_out = visible;
	publish(e);
}

static bool compare(struct world *w, uint32_t stage, const struct model *m, uint64_t *seed)
{
	for (int round = 0; round < 20; round++) {
		uint64_t start = world_below(seed, (uint64_t)m->nr_out + 1), at = start;
		struct fos_span s;
		struct fos_view v;

		if (!fos_view_open(&v, &w->box, FLOW, GEN, stage, start))
			return false;
		if (fos_view_tail(&v) != m->nr_out) {
			diag("tail %llu, wanted %u", (unsigned long long)fos_view_tail(&v),
			     m->nr_out);
			return false;
		}
		while (fos_view_next(&v, 1 + (uint32_t)world_below(seed, 100), &s)) {
			if (s.pos != at || at + s.len > m->nr_out ||
			    memcmp(s.data, m->out + at, s.len) != 0)
				return false;
			at += s.len;
			if (world_below(seed, 3) == 0) {
				uint32_t back = (uint32_t)world_below(seed, s.len + 1);

				fos_view_back(&v, &s, back);
				at -= back;
			}
		}
		if (at != m->nr_out || v.broken != FOS_NONE)
			return false;
	}
	return true;
}

static bool one_world(uint64_t seed)
{
	struct model a = {0}, b = {0};
	struct editor e1 = {0}, e2 = {0}, reader = {0};
	uint64_t s = seed, limit;
	struct world w;
	bool good;

	world_plan(&w, false);
	e1.pm = world_pm(&w, "one", 0, FOS_STREAM_APP, true);
	reader.pm = world_pm(&w, "reader", 0, FOS_STREAM_APP, false);
	e2.pm = world_pm(&w, "two", 1, FOS_STREAM_APP, true);
	world_make(&w);
	e1.w = e2.w = reader.w = &w;
	a.nr_in = 200 + (uint32_t)world_below(&s, 800);
	for (uint32_t i = 0; i < a.nr_in; i++)
		a.in[i] = (uint8_t)('a' + i % 26);
	append_pieces(&w, &s, a.in, a.nr_in);
	limit = world_below(&s, 2) ? a.nr_in : world_below(&s, a.nr_in);
	reader.pub.head = reader.pub.out_head = limit;
	publish(&reader);
	run_stage(&e1, &a, &s, limit);
	memcpy(b.in, a.out, a.nr_out);
	b.nr_in = a.nr_out;
	run_stage(&e2, &b, &s, b.nr_in);
	good = compare(&w, 1, &a, &s) && compare(&w, 2, &b, &s);
	world_free(&w);
	return good;
}

static void test_random(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++)
		if (!one_world(seed)) {
			ok(false, "views equal edited strings (seed %llu)",
			   (unsigned long long)seed);
			return;
		}
	ok(true, "300 random worlds: views through two editors and a slow reader equal the model, "
		 "bytes that are given back come again");
}

static void test_damage(void)
{
	struct editor e = {0};
	uint8_t data[100] = {0};
	uint64_t seed = 9;
	struct fos_view v;
	struct fos_span s;
	struct world w;

	world_plan(&w, false);
	e.pm = world_pm(&w, "one", 0, FOS_STREAM_APP, true);
	world_make(&w);
	e.w = &w;
	append_pieces(&w, &seed, data, sizeof(data));
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == 0 &&
		   !fos_view_next(&v, 10, &s),
	   "a PM that has published nothing lets nothing pass");
	edit(&e, 10, 5, data, 3);
	release(&e, 50);
	publish(&e);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == 48,
	   "an edit counts once it is published");
	ok(!fos_view_open(&v, &w.box, FLOW, GEN + 1, 1, 0), "another generation is refused");
	world_edit(&w, e.pm, 0)->ins = FOS_INSERT_MAX + 1;
	ok(!fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && v.broken == e.pm,
	   "an insert longer than its block names the PM");
	world_edit(&w, e.pm, 0)->ins = 3;
	world_edit(&w, e.pm, 0)->del = 500;
	ok(!fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && v.broken == e.pm,
	   "a deletion beyond the head names the PM");
	world_edit(&w, e.pm, 0)->del = 5;
	e.pub.head = e.pub.out_head = FOS_POS_MAX;
	e.pub.out_head -= 2;
	publish(&e);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == 98,
	   "a bypassing PM's head stands beyond every tail, its edits stay");
	world_free(&w);
}

static void force(struct world *w, uint32_t pm, uint32_t edits, uint64_t delta, bool reset)
{
	struct fos_egr *r = (void *)(uintptr_t)w->box.egr;
	struct fos_forced *f = (void *)((uint8_t *)r + r->forced_off);
	struct fos_forced_edits *d = (void *)((uint8_t *)r + r->forced_edits_off);

	f[FLOW] = (struct fos_forced){.pms = (uint64_t)GEN << 32 | 1u << pm,
				      .reset = (uint32_t)reset << pm};
	d[fos_build_edits_index(w->dir, pm) * w->dir->nr_flows + FLOW] =
		(struct fos_forced_edits){.edits = edits, .delta = delta};
	r->nr_forced++;
}

/* A head that egress forced counts instead of the PM's own, and edits only up to its number. */
static void test_forced(void)
{
	static uint8_t text[100];
	uint64_t seed = 1;
	struct editor e;
	struct fos_pm_pub pub;
	struct fos_view v;
	struct world w;

	memset(text, 'x', sizeof(text));
	memset(&e, 0, sizeof(e));
	world_plan(&w, false);
	e.w = &w;
	e.pm = world_pm(&w, "first", 0, FOS_STREAM_APP, true);
	world_make(&w);
	append_pieces(&w, &seed, text, sizeof(text));
	ok(!fos_box_pub(&w.box, e.pm, FLOW, GEN, &pub) && pub.verdict == FOS_VERDICT_PASS,
	   "a PM that has not seen the flow has published nothing");
	edit(&e, 10, 5, (const uint8_t *)"abc", 3);
	publish(&e);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == e.pub.out_head,
	   "the view ends at the PM's head");
	force(&w, e.pm, 1, (uint64_t)-2, false);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == 98,
	   "with a forced head it goes on to the end, the edit stands");
	edit(&e, 40, 20, NULL, 0);
	publish(&e);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 1, 0) && fos_view_tail(&v) == 98 &&
		   fos_box_pub(&w.box, e.pm, FLOW, GEN, &pub) && pub.edits == 1,
	   "an edit that the PM commits after that is as if it had never been");
	ok(fos_box_pub_own(&w.box, e.pm, FLOW, GEN, &pub) && pub.edits == 2,
	   "it is there for those who ask for the PM's own word");
	ok(pub.verdict == FOS_VERDICT_PASS && fos_box_pub(&w.box, e.pm, FLOW, GEN, &pub) &&
		   pub.verdict == FOS_VERDICT_BYPASS && pub.flags & FOS_PM_CLOSED,
	   "nobody waits for the PM");
	force(&w, e.pm, 1, 0, true);
	ok(fos_box_pub(&w.box, e.pm, FLOW, GEN, &pub) && pub.verdict == FOS_VERDICT_RESET,
	   "or the connection is to be reset");
	ok(!fos_box_pub(&w.box, e.pm, FLOW, GEN + 1, &pub) && pub.verdict == FOS_VERDICT_PASS,
	   "another generation of the flow has nothing to do with it");
	world_free(&w);
}

static void behind(struct world *w, uint32_t pm, uint64_t head, uint64_t out_head, uint32_t edits,
		   uint32_t freed)
{
	struct fos_pm_pub pub = {
		.gen = GEN, .head = head, .out_head = out_head, .edits = edits, .edits_freed = freed};

	pub.edit_first = pub.edit_last = edits > freed ? 0 : FOS_NONE;
	world_publish(w, pm, FLOW, &pub);
}

/* The first stage inserted 5 bytes at 10 and has forgotten it; the second deleted [50, 70) of what
 * it read, and has not.  Egress stands at 50 of the output, behind the deletion. */
static void test_passed_deletion(void)
{
	struct world w;
	struct fos_view v;
	struct fos_out *o;
	uint8_t text[100] = {0};
	uint64_t seed = 1;

	world_plan(&w, false);
	world_pm(&w, "first", 0, FOS_STREAM_APP, true);
	world_pm(&w, "second", 1, FOS_STREAM_APP, true);
	world_make(&w);
	append_pieces(&w, &seed, text, sizeof(text));
	behind(&w, 0, 100, 105, 1, 1);
	behind(&w, 1, 105, 85, 1, 0);
	*world_edit(&w, 1, 0) = (struct fos_edit){.pos = 50, .out_pos = 50, .del = 20, .next = FOS_NONE,
						  .flow = FLOW, .flow_gen = GEN, .nr = 1};
	o = (struct fos_out *)(uintptr_t)&w.box.outs[FLOW];
	o->gen = GEN;
	o->pos[0] = 65;
	o->pos[1] = 70;
	o->pos[2] = 50;
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 2, 50) && fos_view_base(&v) == 65,
	   "behind a deletion that egress has passed a view begins behind it");
	ok(!fos_view_ended(&v), "bytes are still to come");
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 2, 85) && fos_view_ended(&v),
	   "at the end of what every stage has released it has ended");
	behind(&w, 1, 104, 84, 1, 0);
	ok(fos_view_open(&v, &w.box, FLOW, GEN, 2, 84) && !fos_view_ended(&v),
	   "not while a stage still holds the last byte");
	o->pos[1] = o->pos[2] = FOS_POS_MAX;
	behind(&w, 0, 100, 105, 1, 1);
	ok(!fos_view_open(&v, &w.box, FLOW, GEN, 1, 7),
	   "nothing is read behind edits that were forgotten with a stream given up");
	world_free(&w);
}

int main(void)
{
	test_passed_deletion();
	test_forced();
	test_damage();
	test_random();
	return done();
}
