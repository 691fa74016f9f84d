/* Whole connections through a whole box in one process: an impaired network on both sides, PMs that
 * edit both directions, PMs killed at random.  Oracle: each end receives exactly the other's bytes
 * with the edits carried out, both ends close, no packet is malformed, every frame comes home.
 *
 *	test_sim [SEED [COUNT]]      (default: 1, and as many as FULL or not asks for)
 */
#include <unistd.h>

#include "tests/sim/sim.h"
#include "tests/tap.h"

#define TEXT_MAX 60000u

struct edits {
	const char *find, *with;
};

static const struct edits EDITS[] = {
	{"needle", "pin"},	       /* shorter */
	{"needle", "needle and thread"}, /* longer */
	{"needle", "NEEDLE"},	       /* equal */
	{"needle", ""},		       /* gone */
	{"n", "12345678901234567890"}, /* many, growing */
};

static uint32_t make_text(uint8_t *to, uint32_t len, uint64_t *seed)
{
	uint32_t n = 0;

	while (n < len) {
		if (world_below(seed, 40) == 0 && n + 6 <= len) {
			memcpy(to + n, "needle", 6);
			n += 6;
		} else {
			to[n++] = (uint8_t)"abdelen \n"[world_below(seed, 9)];
		}
	}
	return n;
}

static uint32_t replaced(const uint8_t *in, uint32_t len, const struct edits *e, uint8_t *out)
{
	uint32_t n = 0, f = (uint32_t)strlen(e->find), w = (uint32_t)strlen(e->with);

	for (uint32_t i = 0; i < len;) {
		if (i + f <= len && memcmp(in + i, e->find, f) == 0) {
			memcpy(out + n, e->with, w);
			n += w;
			i += f;
		} else {
			out[n++] = in[i++];
		}
	}
	return n;
}

static void add_pm(struct sim *s, const char *name, uint32_t stage, const struct edits *e)
{
	char path[512], options[256] = "";
	const char *build = getenv("B");
	uint32_t pm = world_pm(&s->world, name, stage, e ? FOS_STREAM_APP : FOS_STREAM_IP,
			       e != NULL);
	struct fos_dir_pm *d = &s->world.dir->pm[pm];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/pms/%s.so", build ? build : "build",
		 e ? "replace" : "count");
	d->file_off = sim_string(s, path, strlen(path) + 1);
	if (e) {
		n += (size_t)sprintf(options + n, "find%c%s%c", 0, e->find, 0);
		n += (size_t)sprintf(options + n, "with%c%s%c", 0, e->with, 0);
	}
	d->options_off = sim_string(s, options, n + 1);
	d->hold_ns = 20ull * 1000000000ull;
	d->ctx_size = 512;
	d->state_size = 512;
}

struct outcome {
	uint64_t kills, inside, lost, expired;
};

/* Is `out` the input with each occurrence either replaced or left?  A module that waits for the
 * rest of a pattern while the packet behind is lost is cut short by its hold limit. */
static bool partly(const uint8_t *in, uint32_t len, const struct edits *e, const uint8_t *out,
		   uint64_t n)
{
	uint32_t f = (uint32_t)strlen(e->find), w = (uint32_t)strlen(e->with);

	while (len > 0) {
		if (len >= f && memcmp(in, e->find, f) == 0) {
			if (n >= w && memcmp(out, e->with, w) == 0 &&
			    partly(in + f, len - f, e, out + w, n - w))
				return true;
			return n >= f && memcmp(out, e->find, f) == 0 &&
			       partly(in + f, len - f, e, out + f, n - f);
		}
		if (n == 0 || *in != *out)
			return false;
		in++;
		out++;
		len--;
		n--;
	}
	return n == 0;
}

static uint64_t holds_expired(const struct sim *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->nr_procs; i++)
		n += s->procs[i].proc.counter[FOS_C_pm_hold_expired];
	return n;
}

static bool received(struct sim *s, const struct peer *p, const uint8_t *in, uint32_t len,
		     const struct edits *e, const char *who)
{
	static uint8_t want[24 * TEXT_MAX];
	uint32_t n = replaced(in, len, e, want);

	if (p->rcv_nxt == n && memcmp(p->rcv, want, n) == 0)
		return true;
	if (holds_expired(s) && partly(in, len, e, p->rcv, p->rcv_nxt))
		return true;
	snprintf(s->error, sizeof(s->error), "%s received %llu bytes, %u wanted, or others", who,
		 (unsigned long long)p->rcv_nxt, n);
	return false;
}

static void random_config(struct sim_config *c, uint64_t seed)
{
	uint64_t r = seed * 77;

	memset(c, 0, sizeof(*c));
	c->seed = seed;
	c->before.delay_ns = c->after.delay_ns = 1000000 + world_below(&r, 10000000);
	if (world_below(&r, 4)) {
		c->before.loss = (uint32_t)world_below(&r, 50);
		c->after.loss = (uint32_t)world_below(&r, 50);
		c->before.reorder = (uint32_t)world_below(&r, 100);
		c->after.reorder = (uint32_t)world_below(&r, 100);
		c->before.duplicate = (uint32_t)world_below(&r, 30);
		c->after.duplicate = (uint32_t)world_below(&r, 30);
		c->before.corrupt = (uint32_t)world_below(&r, 10);
	}
	c->kill_per_mille = world_below(&r, 2) ? (uint32_t)world_below(&r, 100) : 0;
	c->kill_inside_ppm = world_below(&r, 2) ? (uint32_t)world_below(&r, 3000) : 0;
	c->audit_per_mille = 20;
	c->timestamps = world_below(&r, 2);
	c->window_scale = world_below(&r, 2);
	c->window = 8000 + (uint32_t)world_below(&r, 50000);
	if (c->window_scale && world_below(&r, 2))
		c->window = 200000;
	c->mss = (uint16_t)(536 + world_below(&r, 925));
	c->limit_ns = 600ull * 1000000000ull;
}

static bool one(uint64_t seed, struct outcome *o)
{
	static uint8_t up[TEXT_MAX], down[TEXT_MAX];
	static struct sim s;
	struct sim_config conf;
	uint64_t r = seed;
	const struct edits *e = &EDITS[world_below(&r, 5)];
	uint32_t nr_up = make_text(up, (uint32_t)world_below(&r, TEXT_MAX / 2), &r);
	uint32_t nr_down = make_text(down, (uint32_t)world_below(&r, TEXT_MAX), &r);
	bool good;

	memset(&s, 0, sizeof(s));
	random_config(&conf, seed);
	world_plan(&s.world, false);
	if (world_below(&r, 2))
		add_pm(&s, "count", 0, NULL);
	add_pm(&s, "replace", s.world.dir->nr_pms, e);
	sim_init(&s, &conf);
	good = sim_run(&s, up, nr_up, down, nr_down) &&
	       received(&s, &s.client, down, nr_down, e, "client") &&
	       received(&s, &s.server, up, nr_up, e, "server") && sim_settle(&s);
	if (!good) {
		diag("seed %llu: %s (find %s with %s, %u up %u down)", (unsigned long long)seed,
		     s.error, e->find, e->with, nr_up, nr_down);
		sim_report(&s);
	}
	o->kills += s.nr_kills;
	o->inside += s.nr_kills_inside;
	o->lost += s.net.nr_lost;
	o->expired += holds_expired(&s);
	peer_fini(&s.client);
	peer_fini(&s.server);
	sim_fini(&s);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 300;
	struct outcome o = {0};
	uint64_t bad = 0;

	for (uint64_t seed = first; seed < first + count && bad < 5; seed++)
		bad += !one(seed, &o);
	ok(bad == 0, "%llu connections: both ends receive the edited stream and close",
	   (unsigned long long)count);
	diag("%llu packets lost, %llu kills (%llu inside a batch), %llu holds cut short",
	     (unsigned long long)o.lost, (unsigned long long)o.kills,
	     (unsigned long long)o.inside, (unsigned long long)o.expired);
	return done();
}
