/* pms/ids.c and pms/lib/rules*.c: on random rules and streams, cut and killed anywhere, the rules that fire
 * are those that a naive matcher finds on the whole stream, at the same positions for every cut; what drop
 * and reject do; datagrams; faults with their places.  A failing seed runs again by `test_mod_ids SEED`. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;
static char path[] = "/tmp/fos_test_ids_XXXXXX";

static void begin(struct play *p, const char *options, uint8_t proto)
{
	static char all[16384];

	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	snprintf(all, sizeof(all), "%sfile=%s\n", options, path);
	conn_pm(p, self, "ids", 0, all);
	play_make(p);
	conn_make(p, 0, proto, (struct conn_end){"10.0.0.1", 1000}, (struct conn_end){"192.0.2.1", 80}, 0);
}

/* The alerts, as "sid@position ". */
static const char *alerts(void)
{
	static char file[1 << 18], is[1 << 14];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, file, sizeof(file) - 1);
	size_t len = 0;

	close(fd);
	file[n > 0 ? n : 0] = 0;
	is[0] = 0;
	for (char *line = strtok(file, "\n"); line; line = strtok(NULL, "\n")) {
		char *id = strstr(line, "\"signature_id\":"), *to = strstr(line, "\"to\":");

		if (strstr(line, "negations_lost") && !strstr(line, "negations_lost\":0"))
			len += (size_t)sprintf(is + len, "lost ");
		if (id && to && len + 40 < sizeof(is))
			len += (size_t)sprintf(is + len, "%d@%d ", atoi(id + 15), atoi(to + 5));
	}
	return is;
}

/* ---------------------------------------------------------------- the model */

struct part {
	char text[8];
	long offset, depth, distance, within; /* -1: none */
	bool not, nocase, relative;
};
struct model {
	struct part part[4];
	int nr;
};

static bool same(const struct part *p, const char *at)
{
	size_t n = strlen(p->text);

	return p->nocase ? strncasecmp(p->text, at, n) == 0 : strncmp(p->text, at, n) == 0;
}

/* Is there a place for part i, and for all behind it?  `end`: where the content before it ended. */
static bool fits(const struct model *m, int i, const char *in, long len, long end)
{
	const struct part *p = &m->part[i];
	long n = (long)strlen(p->text), least, most;

	if (i == m->nr)
		return true;
	least = p->relative ? end + (p->distance > 0 ? p->distance : 0) : p->offset > 0 ? p->offset : 0;
	most = len;
	if (p->relative && p->within >= 0)
		most = least + p->within;
	if (!p->relative && p->depth >= 0)
		most = least + p->depth;
	most = most < len ? most : len;
	for (long at = least; at + n <= most; at++) {
		if (!same(p, in + at))
			continue;
		if (p->not)
			return false;
		if (fits(m, i + 1, in, len, at + n))
			return true;
	}
	return p->not && fits(m, i + 1, in, len, end);
}

static size_t make_rule(uint64_t *seed, struct model *m, unsigned sid, char *to)
{
	static const char letters[] = "abAc";
	size_t n = (size_t)sprintf(to, "rules=alert tcp any any -> any any (sid:%u;", sid);
	bool chain = false, closed = false; /* something to be relative to; a negated one behind it */

	m->nr = 1 + (int)world_below(seed, 4);
	for (int i = 0; i < m->nr; i++) {
		struct part *p = &m->part[i];
		long len = 1 + (long)world_below(seed, 4);

		memset(p, 0, sizeof(*p));
		for (long k = 0; k < len; k++)
			p->text[k] = letters[world_below(seed, 4)];
		p->offset = p->depth = p->distance = p->within = -1;
		p->nocase = world_below(seed, 3) == 0;
		p->not = world_below(seed, 3) == 0;
		p->relative = chain && !closed && world_below(seed, 2);
		if (p->relative) {
			p->distance = (long)world_below(seed, 6);
			p->within = world_below(seed, 3) ? len + (long)world_below(seed, 12) : -1;
			closed = p->not;
		} else {
			p->offset = world_below(seed, 2) ? (long)world_below(seed, 30) : -1;
			p->depth = world_below(seed, 2) ? len + (long)world_below(seed, 60) : -1;
			if (!p->not)
				closed = false;
		}
		chain |= !p->not;
		n += (size_t)sprintf(to + n, "content:%s\"%s\";%s", p->not ? "!" : "", p->text,
				     p->nocase ? "nocase;" : "");
		if (p->offset >= 0)
			n += (size_t)sprintf(to + n, "offset:%ld;", p->offset);
		if (p->depth >= 0)
			n += (size_t)sprintf(to + n, "depth:%ld;", p->depth);
		if (p->distance >= 0)
			n += (size_t)sprintf(to + n, "distance:%ld;", p->distance);
		if (p->within >= 0)
			n += (size_t)sprintf(to + n, "within:%ld;", p->within);
	}
	return n + (size_t)sprintf(to + n, ")\n");
}

static void run(const char *options, const char *in, long len, uint64_t *seed, char *said)
{
	static struct play p;
	long at = 0;

	begin(&p, options, 6);
	while (at < len) {
		long cut = seed ? 1 + (long)world_below(seed, 40) : 1000;

		cut = cut < len - at ? cut : len - at;
		play_append(&p, 0, in + at, (uint32_t)cut);
		at += cut;
		if (!seed || world_below(seed, 2))
			conn_turn(&p);
		if (seed && world_below(seed, 20) == 0)
			play_restart(&p, 0);
	}
	conn_finish(&p);
	strcpy(said, alerts());
	play_free(&p);
}

static bool one(uint64_t seed)
{
	static char options[8192], in[512], whole[1 << 14], cut[1 << 14];
	static struct model m[12];
	uint64_t s = seed;
	size_t n = 0;
	long len = 20 + (long)world_below(&s, 300);
	bool good = true, lost = false;

	for (unsigned i = 0; i < 12; i++)
		n += make_rule(&s, &m[i], i + 1, options + n);
	for (long i = 0; i < len; i++)
		in[i] = "abcABx"[world_below(&s, 6)];
	in[len] = 0;
	run(options, in, len, NULL, whole);
	run(options, in, len, &s, cut);
	lost = strstr(whole, "lost") || strstr(cut, "lost"); /* more at once than there is room for */
	for (unsigned i = 0; i < 12 && !lost; i++) {
		char id[16];

		snprintf(id, sizeof(id), " %u@", i + 1);
		memmove(whole + 1, whole, strlen(whole) + 1);
		whole[0] = ' ';
		if ((strstr(whole, id) != NULL) != fits(&m[i], 0, in, len, 0))
			good = false, diag("rule %u: the model says otherwise", i + 1);
		memmove(whole, whole + 1, strlen(whole));
	}
	good &= lost || strcmp(whole, cut) == 0;
	if (!good)
		diag("seed %llu: %s\n# %s\n# whole: %s\n# cut: %s", (unsigned long long)seed, in, options,
		     whole, cut);
	return good;
}

static void sweep(void)
{
	uint64_t count = getenv("FULL") && !strcmp(getenv("FULL"), "1") ? 400 : 12;

#ifdef FOS_SANITIZED
	count /= 3;
#endif
	for (uint64_t seed = 1; seed <= count; seed++)
		if (!one(seed)) {
			ok(false, "as the model says (seed %llu)", (unsigned long long)seed);
			return;
		}
	ok(true, "random rules on random streams fire as the model says, the same for every cut and kill");
}

/* ---------------------------------------------------------------- one by one */

#define RULE(header, options) "rules=" header " (" options ")\n"

static void test_actions(void)
{
	static struct play p;

	begin(&p, RULE("drop tcp any any -> any 80", "content:\"virus\"; sid:1;"), 6);
	play_append(&p, 0, "a vir", 5);
	conn_turn(&p);
	play_append(&p, 0, "us more", 7);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict == FOS_VERDICT_DROP && p.out[0].len == 5,
	   "drop, before the byte that completes the match goes on");
	is_str(alerts(), "1@7 ", "and told");
	play_free(&p);
	begin(&p, RULE("reject tcp any any -> any 80", "pcre:\"/VI.us/i\"; sid:2;"), 6);
	play_append(&p, 0, "a virus", 7);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict == FOS_VERDICT_RESET && p.out[0].len == 0, "reject");
	play_free(&p);
	begin(&p, RULE("reject udp any any -> any 80", "content:\"virus\"; sid:3;")
	      RULE("alert udp any any -> any 80", "content:\"v\"; depth:1; content:!\"x\"; sid:4;"), 17);
	play_append(&p, 0, "vi", 2);
	play_append(&p, 0, "vrusx", 5);
	play_append(&p, 0, "vy", 2);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict != FOS_VERDICT_DROP && p.out[0].len == 9,
	   "datagrams are searched one by one");
	play_append(&p, 0, "virus", 5);
	conn_turn(&p);
	ok(conn_pub(&p, 0, 0)->verdict == FOS_VERDICT_DROP, "reject of UDP drops");
	is_str(alerts(), "4@2 4@9 3@14 ", "a negated content is decided at the datagram's end");
	play_free(&p);
}

/* Headers, which of ten rules fire on 10.0.0.1:1000 -> 192.0.2.1:80. */
static void test_headers(void)
{
	static struct play p;

	begin(&p, "vars=HOME_NET 10.0.0.0/8\nvars=WEB [80,443]\n"
	      RULE("alert tcp [$HOME_NET,!10.9.0.0/16] any -> any $WEB", "sid:1;")
	      RULE("alert tcp !$HOME_NET any -> any any", "sid:2;")
	      RULE("alert ip any 1:1000 -> [192.0.2.0/24,2001:db8::/32] !443", "sid:3;")
	      RULE("alert tcp any any -> any ![70:90,443]", "sid:4;")
	      RULE("alert tcp any 80 -> any any", "sid:5;") RULE("alert tcp any 80 <> any any", "sid:6;")
	      RULE("alert udp any any -> any any", "sid:7;")
	      RULE("alert tcp any any -> any any", "flow:to_client; sid:8;")
	      RULE("alert tcp any any -> any any", "flow:established,to_server; sid:9;")
	      RULE("alert tcp any any -> any any", "content:\"|67 65|t\"; sid:10;"), 6);
	play_append(&p, 0, "get", 3);
	conn_turn(&p);
	is_str(alerts(), "1@0 3@0 6@0 9@0 10@3 ", "addresses, ports, variables, directions");
	play_free(&p);
}

static void test_relative_pcre(void)
{
	static struct play p;

	begin(&p, RULE("alert tcp any any -> any any", "content:\"user=\"; pcre:\"/^[a-z]{3}&/R\"; sid:1;")
	      RULE("alert tcp any any -> any any", "content:\"user=\"; pcre:\"/id\\d+;/R\"; sid:2;")
	      RULE("alert tcp any any -> any any", "pcre:\"/abc&/A\"; sid:3;")
	      RULE("alert tcp any any -> any any", "content:\"id\",offset 4,fast_pattern,nocase; sid:4;"),
	      6);
	play_append(&p, 0, "user=", 5);
	conn_turn(&p);
	play_append(&p, 0, "abc&ID id", 9);
	play_restart(&p, 0);
	play_append(&p, 0, "12;", 3);
	conn_turn(&p);
	is_str(alerts(), "1@9 4@11 2@17 ", "relative expressions, across segments and a kill");
	play_free(&p);
}

static void test_faults(void)
{
	static const char *const wrong[] = {
		"rules=alert tcp any any -> any any (content:\"a\";)\n",
		"rules=alert http any any -> any any (sid:1;)\n",
		"rules=pass tcp any any -> any any (sid:1;)\n",
		"rules=alert tcp any any -> any any (byte_test:1,>,2,3; sid:1;)\n",
		"rules=alert tcp $NO any -> any any (sid:1;)\n",
		"rules=alert tcp any any -> any any (pcre:\"/(a)\\1/\"; sid:1;)\n",
		"rules=alert tcp any any -> any any (sid:1;)\nlimit=0\n",
		"limit=3\n", "list=/nonexistent\n", "vars=A\n"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(conn_refused(self, "ids", wrong[i]), "refused: %.*s", (int)strcspn(wrong[i], "\n"),
		   wrong[i]);
}

int main(int argc, char **argv)
{
	int fd;

	self = argv[0];
	if (!conn_built(self, "ids")) {
		skip("the module ids is not built: libhs or libpcre2-8 is not installed");
		return done();
	}
	fd = mkstemp(path);
	if (argc > 1) {
		ok(one(strtoull(argv[1], NULL, 10)), "the seed");
	} else {
		sweep();
		test_actions();
		test_headers();
		test_relative_pcre();
		test_faults();
	}
	close(fd);
	unlink(path);
	return done();
}
