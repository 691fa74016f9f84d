/* Whatever a client sends, the application behind the box gets what the module saw: random hostile
 * sequences through a whole box, live and offline, to a model of a Linux receiver.
 *
 *	test_consistency [SEED [COUNT]]     default: from 1, and from a fresh seed
 */
#include <time.h>

#include "tests/sim/hostile.h"
#include "tests/sim/inline.h"
#include "tests/sim/tun.h"
#include "tests/tap.h"

#define PORT 20001u

/* Did all arrive, where nothing in the sequence may end it early? */
static bool complete(const struct inline_box *b, const struct hostile *h,
		     const struct receiver *behind)
{
	const struct host_conn *c = &behind->conn[behind->nr_conns - 1];

	/* edited: how much that is the comparison with the module knows */
	return !h->whole || b->edit ||
	       (behind->nr_conns > 0 && c->len == h->length && c->end == HOST_EOF);
}

static const char *const WAYS[] = {"live", "offline", "live, edited", "offline, edited"};

static uint64_t nr_moot;

static bool one(uint64_t seed, unsigned int how)
{
	static struct inline_box b;
	static struct host behind;
	static struct hostile h;

	hostile_make(&h, seed, PORT);
	if (inline_once(&b, &behind, &h.client, h.script, how) && !behind.urgent_seen &&
	    !behind.early && (b.moot || complete(&b, &h, &behind.r))) {
		nr_moot += b.moot;
		return true;
	}
	diag("seed %llu %s%s%s: %s", (unsigned long long)seed, WAYS[how],
	     h.client.v6 ? ", IPv6" : "", h.client.ts ? ", timestamps" : "",
	     b.error[0] ? b.error : "consistent, but not whole, or with URG, or with holes");
	diag("%u connections, the last got %u of %u, end %d; URG %u, early %u", behind.r.nr_conns,
	     behind.r.nr_conns ? behind.conns[behind.r.nr_conns - 1].len : 0, h.length,
	     behind.r.nr_conns ? behind.conns[behind.r.nr_conns - 1].end : 0, behind.urgent_seen,
	     behind.early);
	diag("script: %.3000s", h.script);
	diag("sent: %.2000s", b.sent);
	return false;
}

/* A recorded server that resets a connection does so on its own view of it: few may be like that. */
static void at_most_moot(uint64_t count)
{
	if (nr_moot && count >= 50)
		ok(nr_moot * 10 <= count, "few of them are moot: the recorded server resets");
	nr_moot = 0;
}

static void run(uint64_t first, uint64_t count, unsigned int how, const char *what)
{
	uint64_t bad = 0;

	for (uint64_t seed = first; seed < first + count && bad < 3; seed++)
		bad += !one(seed, how);
	at_most_moot(count);
	ok(bad == 0, "%llu hostile sequences from seed %llu (%s), %s",
	   (unsigned long long)count, (unsigned long long)first, what, WAYS[how]);
}

/* Seeds that failed once. */
static const uint64_t FOUND[] = {
	179528005300101, /* all bytes of a connection are deleted */
	179527874503051, /* all bytes of a connection's first packets are replaced */
	8600037720, 8600053523, /* a SYN once more after a reset, which the recorded server took */
	179530679603551, /* the same, and another SYN between, which it did not take */
	/* a kernel: a keep-alive before the handshake's last acknowledgement */
	179532949700033, 179532947400036,
};
#define NR_FOUND (sizeof(FOUND) / sizeof(FOUND[0]))

/* The same, live, with the running kernel behind the box. */
static bool one_kernel(struct tun *t, uint64_t seed)
{
	static struct inline_box b;
	static struct hostile h;
	bool good;

	hostile_make(&h, seed, (uint16_t)(PORT + seed % 30000));
	tun_reset(t);
	inline_plan(&b, &t->r, false);
	b.client = h.client;
	inline_start(&b);
	good = inline_run(&b, h.script) && complete(&b, &h, &t->r);
	inline_stop(&b);
	if (good)
		return true;
	diag("seed %llu, kernel%s%s: %s", (unsigned long long)seed, h.client.v6 ? ", IPv6" : "",
	     h.client.ts ? ", timestamps" : "", b.error);
	diag("script: %.3000s", h.script);
	diag("sent: %.2000s", b.sent);
	diag("answers: %.2000s", b.answers);
	return false;
}

static void with_kernel(uint64_t first, uint64_t count, bool found)
{
	static struct tun t;
	const char *why;
	uint64_t bad = 0;

	if (tun_open(&t, &why) < 0) {
		skip("%s: the running kernel behind the box", why);
		return;
	}
	for (size_t i = 0; found && i < NR_FOUND; i++)
		ok(one_kernel(&t, FOUND[i]), "seed %llu (once failed), live, a kernel behind the box",
		   (unsigned long long)FOUND[i]);
	for (uint64_t seed = first; seed < first + count && bad < 3; seed++)
		bad += !one_kernel(&t, seed);
	tun_reset(&t);
	ok(bad == 0, "%llu hostile sequences from seed %llu, live, a kernel behind the box",
	   (unsigned long long)count, (unsigned long long)first);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 300;
	uint64_t fresh = (uint64_t)time(NULL) * 100000;

	if (argc == 1 && getenv("FULL") && strcmp(getenv("FULL"), "1") == 0)
		count *= 20;
	for (unsigned int how = 0; how < 4; how++) {
		for (uint32_t i = 0; argc == 1 && i < NR_FOUND; i++)
			run(FOUND[i], 1, how, "once failed");
		run(first, count, how, "fixed");
		if (argc == 1)
			run(fresh, count, how, "fresh");
	}
	with_kernel(argc > 1 ? first : fresh, argc > 1 ? count : count / 5, argc == 1);
	return done();
}
