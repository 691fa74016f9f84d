/* pms/match.c and pms/lib/patterns.c: edits and alerts are those of a naive model and the same for
 * every way of cutting a stream into segments and of killing the module; actions, datagrams, ends,
 * limits; patterns that are refused.  A failing seed runs again by `test_mod_match SEED`. */
#include <fcntl.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;
static char path[] = "/tmp/fos_test_match_XXXXXX";

#define CARD "[0-9]{4}(-[0-9]{4}){1,3}"
#define BOLD "<b>[^<]{0,8}</b>"

/* Positions of a stream count on from its start: 0 for TCP. */
static void begin(struct play *p, const char *options, uint8_t proto)
{
	char all[4096];

	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	p->w.dir->nr_edits = 8192;
	snprintf(all, sizeof(all), "%sfile=%s\n", options, path);
	conn_pm(p, self, "match", 0, all);
	play_make(p);
	conn_make(p, 0, proto, (struct conn_end){"10.0.0.1", 1}, (struct conn_end){"10.0.0.2", 2}, 0);
}

/* The alerts, as "action signature_id from-to;" (from: - where there is none). */
static const char *alerts(void)
{
	static char file[1 << 20], is[1 << 18];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, file, sizeof(file) - 1);
	size_t len = 0;

	close(fd);
	file[n > 0 ? n : 0] = 0;
	is[0] = 0;
	for (char *line = strtok(file, "\n"); line; line = strtok(NULL, "\n")) {
		char *action = strstr(line, "\"action\":\""), *id = strstr(line, "\"signature_id\":");
		char *from = strstr(line, "\"from\":"), *to = strstr(line, "\"to\":");

		if (!action || !to || len + 80 > sizeof(is))
			continue;
		len += (size_t)sprintf(is + len, "%.*s %d %ld-%ld;", (int)strcspn(action + 10, "\""),
				       action + 10, atoi(id + 15), from ? atol(from + 7) : -1l,
				       atol(to + 5));
	}
	return is;
}

/* ---------------------------------------------------------------- the model */

static uint32_t make_text(uint64_t *seed, char *to, uint32_t max)
{
	static const char *const words[] = {"1234", "-", "5678-", "<b>", "</b>", "x", "needle", "nee",
					    "<", "12", "9", "a", "z", "\n", "fox", "--", "b>y"};
	uint32_t n = 0;

	while (n + 8 < max) {
		const char *word = words[world_below(seed, sizeof(words) / sizeof(words[0]))];

		n += (uint32_t)sprintf(to + n, "%s", word);
	}
	return n;
}

/* POSIX expressions are leftmost and longest, as find is. */
static void model(const char *in, char *out, char *said)
{
	regmatch_t m[2];
	const char *at = in;
	regex_t re;

	if (regcomp(&re, "(" CARD ")|" BOLD, REG_EXTENDED) != 0)
		abort();
	while (regexec(&re, at, 2, m, 0) == 0) {
		long from = at - in + m[0].rm_so, to = at - in + m[0].rm_eo;
		bool card = m[1].rm_so >= 0;

		memcpy(out, at, (size_t)m[0].rm_so);
		out += m[0].rm_so;
		if (card) {
			memset(out, '*', (size_t)(to - from));
			out += to - from;
		}
		said += sprintf(said, "%s %d %ld-%ld;", card ? "mask" : "cut", card ? 1 : 2, from, to);
		at = in + to;
	}
	strcpy(out, at);
	regfree(&re);
}

static void watch_model(const char *in, char *said)
{
	bool once = false;

	for (const char *c = in; *c; c++) {
		if (!strncmp(c, "needle", 6))
			said += sprintf(said, "alert 1 -1-%ld;", (long)(c - in + 6));
		if (*c == 'z' && !once && memchr(in, 'a', (size_t)(c - in))) {
			once = true;
			said += sprintf(said, "alert 2 -1-%ld;", (long)(c - in + 1));
		}
		if (!strcmp(c, "fox") || !strcmp(c, "fox\n")) /* as Perl's $ */
			said += sprintf(said, "alert 3 -1-%ld;", (long)(c - in + 3));
	}
}

static bool one(uint64_t seed, bool edits)
{
	static char in[4096], want[4096], said[1 << 16];
	static struct play p;
	uint64_t s = seed;
	uint32_t n = make_text(&s, in, 200 + (uint32_t)world_below(&s, 2000)), at = 0;
	uint32_t most = 1 + (uint32_t)world_below(&s, 60);
	bool good;

	if (world_below(&s, 3) == 0)
		n += (uint32_t)sprintf(in + n, "fox");
	said[0] = 0;
	if (edits)
		model(in, want, said);
	else
		watch_model(in, said), strcpy(want, in);
	begin(&p, edits ? "patterns=mask /" CARD "/ card\npatterns=cut /<b>[^<]{0,8}<\\/b>/\nlimit=256\n" :
			  "patterns=alert /needle/\npatterns=alert /a.*z/s1\npatterns=alert /fox$/\n"
			  "limit=256\n", 6);
	while (at < n) {
		uint32_t cut = 1 + (uint32_t)world_below(&s, most);

		cut = cut < n - at ? cut : n - at;
		play_append(&p, 0, in + at, cut);
		at += cut;
		if (world_below(&s, 2))
			conn_turn(&p);
		if (world_below(&s, 6) == 0)
			play_restart(&p, 0);
	}
	conn_finish(&p);
	play_egress(&p, 0);
	good = p.out[0].len == strlen(want) && memcmp(p.out[0].data, want, p.out[0].len) == 0 &&
	       !strcmp(alerts(), said);
	if (!good)
		diag("seed %llu: out %.*s\n# want %s\n# said %s\n# want %s", (unsigned long long)seed,
		     (int)p.out[0].len, p.out[0].data, want, alerts(), said);
	play_free(&p);
	return good;
}

static void sweep(bool edits, const char *what)
{
	uint64_t count = getenv("FULL") && !strcmp(getenv("FULL"), "1") ? 300 : 40;

#ifdef FOS_SANITIZED
	count /= 4;
#endif
	for (uint64_t seed = 1; seed <= count; seed++)
		if (!one(seed, edits)) {
			ok(false, "%s (seed %llu)", what, (unsigned long long)seed);
			return;
		}
	ok(true, "%s", what);
}

/* ---------------------------------------------------------------- one by one */

static void out_is(struct play *p, const char *want, const char *what)
{
	char got[256];

	snprintf(got, sizeof(got), "%.*s", (int)p->out[0].len, (char *)p->out[0].data);
	is_str(got, want, "%s", what);
}

static void test_waiting(void)
{
	static struct play p;

	begin(&p, "patterns=mask /secret=[a-z]{1,20};/i\nmask=#\n", 6);
	play_append(&p, 0, "hello secrets, SECret", 21);
	conn_turn(&p);
	out_is(&p, "hello secrets, ", "only what may be the beginning of a match waits");
	play_append(&p, 0, "=abc", 4);
	conn_turn(&p);
	play_append(&p, 0, ";def", 4);
	conn_turn(&p);
	out_is(&p, "hello secrets, ###########def", "and is masked when the rest comes");
	play_append(&p, 0, "secret=", 7);
	conn_turn(&p);
	p.now += 99000000;
	conn_turn(&p);
	is_u64(p.out[0].len, 29, "it waits");
	p.now += 2000000;
	conn_turn(&p);
	is_u64(p.out[0].len, 36, "no longer than `wait`");
	is_u64(p.host[0].counter[FOS_C_pm_hold_expired], 0, "without the platform's having to step in");
	play_append(&p, 0, "abc;", 4);
	conn_turn(&p);
	out_is(&p, "hello secrets, ###########defsecret=abc;", "what has gone cannot be masked");
	play_append(&p, 0, "secret=xyz", 10);
	conn_turn(&p);
	p.now += 500000000;
	play_append(&p, 0, "w;secret=", 9);
	play_restart(&p, 0);
	conn_turn(&p);
	is_u64(p.out[0].len, 40 + 12, "what has come while it was dead is looked at before it lets go");
	conn_finish(&p);
	is_str(alerts(), "mask 1 15-26;mask 1 40-52;", "one alert each");
	play_free(&p);
}

/* A pattern that can grow, in segments of any size. */
static void test_grows(void)
{
	static struct play p;
	bool good = true;

	for (uint32_t cut = 1; cut <= 40 && good; cut++) {
		static const char text[] = "aaaaaaaaxxneedlexxxxxxxxxxxxxxneedneedlexxxxxxxxxxxxneed.";
		static const char want[] = "aaaaaaaaxx***************xxxxx*************xxxxxxxxx****.";

		begin(&p, "patterns=mask /need(le)?[a-z ]{0,9}/\n", 6);
		for (uint32_t at = 0; at < sizeof(text) - 1; at += cut) {
			uint32_t left = (uint32_t)sizeof(text) - 1 - at;

			play_append(&p, 0, text + at, cut < left ? cut : left);
			conn_turn(&p);
		}
		conn_finish(&p);
		play_egress(&p, 0);
		good = p.out[0].len == sizeof(want) - 1 && !memcmp(p.out[0].data, want, p.out[0].len);
		if (!good)
			diag("segments of %u: %.*s", cut, (int)p.out[0].len, p.out[0].data);
		play_free(&p);
	}
	ok(good, "the longest match, however it is cut");
}

static void test_reset(void)
{
	static struct play p;

	begin(&p, "patterns=alert /GET/\npatterns=reset /virus/\npatterns=alert /us/\n", 6);
	play_append(&p, 0, "GET a vir", 9);
	conn_turn(&p);
	play_append(&p, 0, "us GET", 6);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict == FOS_VERDICT_RESET && p.out[0].len == 9,
	   "reset before the byte that completes the match goes on");
	is_str(alerts(), "alert 1 -1-3;reset 2 -1-11;", "what comes after is not spoken of");
	play_free(&p);
	begin(&p, "patterns=reset /virus/\n", 17);
	play_append(&p, 0, "vir", 3);
	play_append(&p, 0, "us", 2);
	play_append(&p, 0, "a virus", 7);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict == FOS_VERDICT_DROP && p.out[0].len == 5,
	   "UDP: datagram by datagram, and dropped");
	play_free(&p);
}

static void test_datagrams(void)
{
	static struct play p;

	begin(&p, "patterns=mask /abc/\npatterns=alert /^x/\npatterns=alert /y$/\n", 17);
	play_append(&p, 0, "xab", 3);
	play_append(&p, 0, "cxy", 3);
	play_append(&p, 0, "xabcy", 5);
	conn_turn(&p);
	out_is(&p, "xabcxyx***y", "each datagram by itself");
	is_str(alerts(), "alert 2 -1-1;alert 3 -1-6;alert 2 -1-7;mask 1 7-10;alert 3 -1-11;",
	       "so are their beginnings and ends");
	play_free(&p);
}

static void test_limits(void)
{
	static struct play p;
	static char many[4000];
	char want[64] = "";

	memset(many, 'a', sizeof(many));
	begin(&p, "patterns=cut /a/\npatterns=alert /aa/\nlimit=3\n", 6);
	for (int i = 0; i < 3; i++)
		play_append(&p, 0, many, 1200);
	conn_turn(&p);
	conn_finish(&p);
	ok(p.out[0].len == 0 && conn_pub(&p, 0, 0)->head == 3600, "thousands of edits at once");
	sprintf(want, "cut 1 0-1;cut 1 1-2;alert 2 -1-2;");
	is_str(alerts(), want, "and as many alerts as allowed");
	play_free(&p);
}

/* The state of other patterns is not used. */
static void test_reload(void)
{
	static struct play p;
	const char *more = "patterns\0alert /new/\0patterns\0alert /zzz/\0file\0";
	char options[256];
	size_t n = 47;

	begin(&p, "patterns=alert /o.*l.*d/s\n", 6);
	play_append(&p, 0, "old ne", 6);
	conn_turn(&p);
	memcpy(options, more, n);
	n += (size_t)sprintf(options + n, "%s", path) + 1;
	options[n++] = 0;
	play_kill(&p, 0);
	p.w.dir->pm[0].options_off = play_options(&p, options, n);
	ok(play_start(&p, 0) == 0, "other patterns, the same context");
	play_append(&p, 0, "w new l d", 9);
	conn_turn(&p);
	conn_finish(&p);
	is_str(alerts(), "alert 1 -1-3;alert 1 -1-11;", "are looked for from there on");
	play_free(&p);
}

static void test_wrong(void)
{
	static const char *const wrong[] = {
		"mask /a+/", "cut /a.*b/", "mask /^a/", "mask /a$/", "cut /a\\b/", "alert /a(/", "alert a",
		"find /a/", "alert /a/q", "alert /a/ na\"me", "alert /(a)\\1/", "mask /a{1,5000}/",
		"mask /a?/", "alert //"};
	char options[128];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(options, sizeof(options), "patterns=%s\n", wrong[i]);
		ok(conn_refused(self, "match", options), "refused: %s", wrong[i]);
	}
	ok(conn_refused(self, "match", "mask=x\n"), "no pattern at all");
	ok(conn_refused(self, "match", "patterns=alert /a/\nlimit=0\n"), "a limit of 0");
}

int main(int argc, char **argv)
{
	int fd;

	self = argv[0];
	if (!conn_built(self, "match")) {
		skip("the module match is not built: libhs or libpcre2-8 is not installed");
		return done();
	}
	fd = mkstemp(path);
	if (argc > 1) {
		ok(one(strtoull(argv[1], NULL, 10), true), "edits");
		ok(one(strtoull(argv[1], NULL, 10), false), "alerts");
		unlink(path);
		return done();
	}
	sweep(true, "mask and cut: as the model says, however it is cut and killed");
	sweep(false, "alerts: as the model says, each once");
	test_waiting();
	test_grows();
	test_reset();
	test_datagrams();
	test_limits();
	test_reload();
	test_wrong();
	close(fd);
	unlink(path);
	return done();
}
