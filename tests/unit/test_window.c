/* The window of pm.h: reading, searching and editing across the borders of pieces, against plain
 * memory; and what the calls refuse. */
#include "tests/pm/play.h"
#include "tests/tap.h"

#define N 600u

static uint8_t text[N];
static void (*body)(struct fos_window *w);
static uint32_t calls;

static void on_data(struct fos_window *w)
{
	calls++;
	body(w);
}

static const struct fos_pm editor = {.size = sizeof(editor), .abi = FOS_PM_ABI, .name = "editor",
				     .stream = FOS_APP, .flags = FOS_PM_EDITS, .ctx_size = 8,
				     .on_data = on_data};
static const struct fos_pm reader = {.size = sizeof(reader), .abi = FOS_PM_ABI, .name = "reader",
				     .stream = FOS_APP, .on_data = on_data};

static void begin(struct play *p, const struct fos_pm *m)
{
	play_one(p, m);
	calls = 0;
}

static void turn(struct play *p, void (*f)(struct fos_window *))
{
	body = f;
	play_hint(p, 0);
	play_run(p);
	play_egress(p, 0);
}

static void append_cut(struct play *p, uint64_t *s, uint32_t max)
{
	for (uint32_t at = 0; at < N;) {
		uint32_t n = 1 + (uint32_t)world_below(s, max);

		n = n < N - at ? n : N - at;
		play_append(p, 0, text + at, n);
		at += n;
	}
}

/* ---------------------------------------------------------------- reading */

static uint64_t seed;
static bool right;

static void read_all_ways(struct fos_window *w)
{
	uint8_t buf[N];
	struct fos_iov v[N];
	uint64_t pos = world_below(&seed, N), at;
	size_t len = (size_t)world_below(&seed, N);
	const uint8_t *p;
	int n;

	right = fos_head(w) == 0 && fos_tail(w) == N && !fos_fin(w);
	if (pos + len > N) {
		right = right && fos_peek(w, pos, len) == NULL &&
			fos_read(w, pos, buf, len) == N - pos && memcmp(buf, text + pos, N - pos) == 0;
		return;
	}
	p = fos_peek(w, pos, len);
	right = right && p && memcmp(p, text + pos, len) == 0;
	right = right && fos_read(w, pos, buf, len) == len && memcmp(buf, text + pos, len) == 0;
	n = fos_iov(w, pos, len, v, N);
	at = pos;
	for (int i = 0; i < n; i++) {
		right = right && v[i].pos == at && memcmp(v[i].data, text + at, v[i].len) == 0;
		at += v[i].len;
	}
	right = right && at == pos + len;
}

static bool fold_equal(const uint8_t *a, const uint8_t *b, size_t n, bool icase)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && !(icase && (a[i] ^ b[i]) == 0x20 && (a[i] | 0x20) >= 'a' &&
				      (a[i] | 0x20) <= 'z'))
			return false;
	return true;
}

static void find_like_model(struct fos_window *w)
{
	uint8_t pat[8];
	size_t len = 1 + (size_t)world_below(&seed, sizeof(pat));
	uint64_t from = world_below(&seed, N), want = N;
	bool icase = world_below(&seed, 2), found = false;
	struct fos_hit hit;

	for (size_t i = 0; i < len; i++)
		pat[i] = (uint8_t) "abAB"[world_below(&seed, 4)];
	for (uint64_t i = from; i < N && want == N; i++) {
		size_t n = len < N - i ? len : (size_t)(N - i);

		if (fold_equal(text + i, pat, n, icase)) {
			want = i;
			found = n == len;
		}
	}
	right = fos_find_bytes(w, from, pat, len, icase ? FOS_ICASE : 0, &hit) == found &&
		hit.pos == want && (!found || hit.end == want + len);
}

static void random_reads(void (*f)(struct fos_window *), const char *what)
{
	bool good = true;

	for (uint64_t i = 1; i <= 400 && good; i++) {
		struct play p;

		seed = i;
		begin(&p, &reader);
		append_cut(&p, &seed, 1 + (uint32_t)world_below(&seed, 100));
		right = false;
		turn(&p, f);
		good = right;
		if (!good)
			diag("seed %llu", (unsigned long long)i);
		play_free(&p);
	}
	ok(good, "%s", what);
}

static void find_several(struct fos_window *w)
{
	static const struct fos_text t[] = {FOS_TEXT("bc"), FOS_TEXT("abcd"), FOS_TEXT("ab")};
	struct fos_hit hit;

	right = !fos_find_any(w, fos_head(w), t, 3, 0, &hit) && hit.pos == 1;
	right = right && fos_find_any(w, fos_head(w), t, 1, 0, &hit) && hit.pos == 2;
}

static void find_several_more(struct fos_window *w)
{
	static const struct fos_text t[] = {FOS_TEXT("bc"), FOS_TEXT("abcd"), FOS_TEXT("ab")};
	struct fos_hit hit;

	right = fos_find_any(w, fos_head(w), t, 3, 0, &hit) && hit.pos == 1 && hit.which == 1;
}

static void test_several(void)
{
	struct play p;

	begin(&p, &reader);
	play_append(&p, 0, "xabc", 4);
	turn(&p, find_several);
	ok(right, "of several patterns a longer one that may yet begin first is waited for");
	play_append(&p, 0, "d", 1);
	turn(&p, find_several_more);
	ok(right, "and wins when it is there");
	play_free(&p);
}

/* ---------------------------------------------------------------- editing */

static void edits(struct fos_window *w)
{
	fos_overwrite(w, 4, "UICK", 4);
	fos_delete(w, 10, 3);
	fos_delete(w, 13, 3);
	fos_insert(w, 10, "1", 1);
	fos_insert(w, 10, "2", 1);
	fos_insert(w, 0, "<", 1);
	fos_replace(w, 20, 5, "XX", 2);
	fos_fill(w, 40, '.', 3);
	fos_insert(w, 43, ">", 1);
	fos_release_all(w);
}

static void test_edits(void)
{
	static const char in[] = "the quick brown fox jumps over the lazy dog";
	struct play p;

	begin(&p, &editor);
	for (size_t i = 0; i < sizeof(in) - 1; i++)
		play_append(&p, 0, in + i, 1);
	turn(&p, edits);
	p.out[0].data = realloc(p.out[0].data, p.out[0].len + 1);
	p.out[0].data[p.out[0].len] = 0;
	is_str((char *)p.out[0].data, "<the UICKk 12fox XX over the lazy ...>",
	       "delete, insert, replace, overwrite and fill in one release");
	play_free(&p);
}

static void cut_edits(struct fos_window *w)
{
	fos_delete(w, 2, 6);
	fos_overwrite(w, 10, "abcdef", 6);
	fos_replace(w, 20, 4, "!", 1);
	if (fos_release(w, 5) != FOS_OK || fos_release(w, 13) != FOS_OK ||
	    fos_release(w, 22) != FOS_OK)
		return;
	fos_release_all(w);
}

static void test_cut(void)
{
	struct play p;

	begin(&p, &editor);
	play_append(&p, 0, "0123456789..........0123xy", 26);
	turn(&p, cut_edits);
	ok(p.out[0].len == 17 && memcmp(p.out[0].data, "0189abcdef....!xy", 17) == 0,
	   "releases in the middle of edits commit them in part");
	play_free(&p);
}

static int results[12];

static void refused(struct fos_window *w)
{
	static uint8_t big[FOS_STAGED_BYTES + 1];

	results[0] = fos_delete(w, 3, 30);
	results[1] = fos_delete(w, 3, 4);
	results[2] = fos_delete(w, 5, 1);
	results[3] = fos_insert(w, 5, "x", 1);
	results[4] = fos_insert(w, 31, "x", 1);
	results[5] = fos_release(w, 31);
	results[6] = fos_insert(w, 3, big, sizeof(big));
	results[7] = fos_drop_packet(w, 0);
	results[8] = fos_release(w, 2);
	results[9] = fos_release(w, 1);
	results[10] = fos_delete(w, 1, 1);
	results[11] = fos_send(fos_pm_of(w), "nobody", 1, "x", 1);
}

static void edit_as_reader(struct fos_window *w)
{
	results[0] = fos_delete(w, 0, 1);
	fos_release_all(w);
}

static void test_refusals(void)
{
	static const int want[12] = {FOS_EINVAL, FOS_OK, FOS_EINVAL, FOS_EINVAL, FOS_EINVAL,
				     FOS_EINVAL, FOS_EFULL, FOS_EPERM, FOS_OK, FOS_EINVAL,
				     FOS_EINVAL, FOS_ENOENT};
	bool good = true;
	struct play p;

	begin(&p, &editor);
	play_append(&p, 0, "012345678901234567890123456789", 30);
	turn(&p, refused);
	for (int i = 0; i < 12; i++) {
		if (results[i] != want[i])
			diag("call %d: %d, not %d", i, results[i], want[i]);
		good = good && results[i] == want[i];
	}
	ok(good, "what lies outside the window, overlaps or is too much is refused");
	play_free(&p);
	begin(&p, &reader);
	play_append(&p, 0, "0123", 4);
	turn(&p, edit_as_reader);
	is_u64((uint64_t)-results[0], (uint64_t)-FOS_EPERM, "a module without FOS_PM_EDITS may not");
	play_free(&p);
}

/* ---------------------------------------------------------------- what is not released */

static void stage_only(struct fos_window *w)
{
	uint64_t *n = fos_ctx(w);

	++*n;
	fos_delete(w, fos_head(w), 1);
}

static uint64_t seen_ctx;

static void look(struct fos_window *w)
{
	seen_ctx = *(uint64_t *)fos_ctx(w);
	fos_release_all(w);
}

static void test_unreleased(void)
{
	struct play p;

	begin(&p, &editor);
	play_append(&p, 0, "ab", 2);
	turn(&p, stage_only);
	play_append(&p, 0, "c", 1);
	seen_ctx = 99;
	turn(&p, look);
	is_u64(seen_ctx, 0, "a context that was not released has not changed");
	ok(p.out[0].len == 3 && memcmp(p.out[0].data, "abc", 3) == 0,
	   "an edit that was not released has not happened");
	is_u64(calls, 2, "no news, no call");
	play_free(&p);
}

int main(void)
{
	uint64_t s = 5;

	for (uint32_t i = 0; i < N; i++)
		text[i] = (uint8_t) "abAB"[world_below(&s, 4)];
	random_reads(read_all_ways, "peek, read and iov equal plain memory, however it is cut");
	random_reads(find_like_model, "find equals a plain search, with and without case");
	test_several();
	test_edits();
	test_cut();
	test_refusals();
	test_unreleased();
	return done();
}
