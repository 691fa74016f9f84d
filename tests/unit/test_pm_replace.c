/* pms/replace.c against a naive model: any cut of the stream, two editors in sequence, hosts killed
 * between turns and inside handlers; what leaves is the same, byte for byte. */
#include <setjmp.h>

#include <string.h>

#include "tests/pm/play.h"
#include "tests/tap.h"

#define fos_pm_module replace_module
#define fos_pm_constants replace_constants
#include "pms/replace.c"
#undef fos_pm_module
#undef fos_pm_constants

#define TEXT_MAX 3000u

struct pair {
	const char *find, *with;
};

static const struct pair SETS[][3] = {
	{{"needle", "pin"}},
	{{"needle", "a needle and a length of thread"}},
	{{"needle", "NEEDLE"}},
	{{"needle", ""}},
	{{"e", "12345678901234567890"}},
	{{"ed", "x"}, {"nee", "yyyy"}, {"needle", "z"}},
	{{"aaa", "b"}, {"aa", "cc"}},
	{{"needleneedle", "twice"}, {"needle", "once"}},
};
#define NR_SETS (sizeof(SETS) / sizeof(SETS[0]))

/* Dying inside a handler: at the n-th call, before it or after it. */
static jmp_buf killed;
static int countdown, where;

static void on_data_or_die(struct fos_window *w)
{
	bool now = countdown > 0 && --countdown == 0;

	if (now && where == 0)
		longjmp(killed, 1);
	on_data(w);
	if (now)
		longjmp(killed, 1);
}

static struct fos_pm mortal;

static uint32_t make_text(uint8_t *to, uint64_t *seed)
{
	uint32_t n = 0, len = (uint32_t)world_below(seed, TEXT_MAX - 20);

	while (n < len) {
		if (world_below(seed, 20) == 0) {
			memcpy(to + n, "needle", 6);
			n += 6;
		} else {
			to[n++] = (uint8_t) "aednl\n"[world_below(seed, 6)];
		}
	}
	return n;
}

static uint32_t model(const uint8_t *in, uint32_t n, const struct pair *set, uint8_t *to)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < n;) {
		const struct pair *hit = NULL;

		for (int k = 0; k < 3 && set[k].find && !hit; k++)
			if (i + strlen(set[k].find) <= n &&
			    memcmp(in + i, set[k].find, strlen(set[k].find)) == 0)
				hit = &set[k];
		if (hit) {
			memcpy(to + len, hit->with, strlen(hit->with));
			len += (uint32_t)strlen(hit->with);
			i += (uint32_t)strlen(hit->find);
		} else {
			to[len++] = in[i++];
		}
	}
	return len;
}

static uint32_t options(struct play *p, const struct pair *set)
{
	char buf[1024];
	size_t n = 0;

	for (int k = 0; k < 3 && set[k].find; k++)
		n += (size_t)sprintf(buf + n, "find%c%s", 0, set[k].find) + 1;
	for (int k = 0; k < 3 && set[k].find; k++)
		n += (size_t)sprintf(buf + n, "with%c%s", 0, set[k].with) + 1;
	buf[n++] = 0;
	return play_options(p, buf, n);
}

static void work_or_die(struct play *p, uint32_t pm, uint64_t *seed)
{
	countdown = world_below(seed, 5) == 0 ? 1 + (int)world_below(seed, 2) : 0;
	where = (int)world_below(seed, 2);
	if (setjmp(killed) == 0)
		play_work(p, pm);
	else
		play_restart(p, pm);
	countdown = 0;
	if (world_below(seed, 10) == 0)
		play_restart(p, pm);
}

/* One stream through one or two stages; two stages use the same table (it is the module's). */
static bool one(uint64_t seed, const struct pair *set, uint32_t stages, bool deaths)
{
	static uint8_t in[TEXT_MAX], mid[21 * TEXT_MAX], want[441 * TEXT_MAX];
	static struct play p;
	uint64_t s = seed;
	uint32_t n = make_text(in, &s), at = 0, len, max_cut = 1 + (uint32_t)world_below(&s, 200);
	bool good;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	p.w.dir->nr_edits = 8192;
	for (uint32_t i = 0; i < stages; i++)
		p.w.dir->pm[play_pm(&p, i, &mortal, NULL, 0)].options_off = options(&p, set);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	len = model(in, n, set, want);
	if (stages == 2) {
		memcpy(mid, want, len);
		len = model(mid, len, set, want);
	}
	while (at < n) {
		uint32_t cut = 1 + (uint32_t)world_below(&s, max_cut);

		cut = cut < n - at ? cut : n - at;
		play_append(&p, 0, in + at, cut);
		at += cut;
		if (world_below(&s, 3))
			play_hint(&p, 0);
		for (uint32_t i = 0; i < stages; i++)
			if (deaths)
				work_or_die(&p, i, &s);
			else
				play_work(&p, i);
		if (world_below(&s, 2))
			play_egress(&p, 0);
	}
	play_fin(&p, 0);
	play_hint(&p, 0);
	play_run(&p);
	play_egress(&p, 0);
	good = p.out[0].len == len && memcmp(p.out[0].data, want, len) == 0;
	if (!good)
		diag("seed %llu: %llu bytes out, %u wanted", (unsigned long long)seed,
		     (unsigned long long)p.out[0].len, len);
	play_close(&p, 0, FOS_CLOSE_FIN);
	play_hint(&p, 0);
	play_hint(&p, 1);
	play_run(&p);
	for (uint32_t i = 0; i < stages; i++) {
		good = good && play_edits_free(&p, i) == p.w.dir->nr_edits;
		good = good && world_pub(&p.w, i, 0).flags & FOS_PM_CLOSED;
	}
	play_free(&p);
	return good;
}

static void sweep(uint32_t stages, bool deaths, const char *what)
{
	uint64_t count = getenv("FULL") && !strcmp(getenv("FULL"), "1") ? 100 : 12;

	for (uint64_t seed = 1; seed <= count; seed++)
		for (size_t i = 0; i < NR_SETS; i++)
			if (!one(seed, SETS[i], stages, deaths)) {
				ok(false, "%s (seed %llu, set %zu)", what,
				   (unsigned long long)seed, i);
				return;
			}
	ok(true, "%s", what);
}

static void test_escapes(void)
{
	struct fos_text t;

	ok(unescape("a\\n\\x00\\xfFb\\\\\\q", &t) && t.len == 8 &&
		   memcmp(t.data, "a\n\0\xff" "b\\\\q", 8) == 0,
	   "escapes: \\n, \\xHH, \\\\; an unknown one keeps its backslash");
	ok(unescape("", &t) && t.len == 0, "an empty string is empty");
}

int main(void)
{
	mortal = replace_module;
	mortal.on_data = on_data_or_die;
	test_escapes();
	sweep(1, false, "one stage, any cut: as the model says, and all edit records come back");
	sweep(2, false, "two stages in sequence: as the model applied twice");
	sweep(1, true, "one stage killed again and again: the same bytes");
	sweep(2, true, "two stages killed again and again: the same bytes");
	return done();
}
