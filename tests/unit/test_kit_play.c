/* What `flowosctl pm test` plays and judges by: however a recording is cut, disordered and repeated, each
 * byte is sent, and put together again it is the same stream; what differs is told.
 *
 *	test_kit_play [SEED]     default: from 1
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deploy/pmtest/streams.h"
#include "deploy/pmtest/test.h"
#include "shm/capture.h"
#include "tests/tap.h"

#define SEEDS 300u

static int pcap;

/* Plays a recording; the streams that its packets carry. */
static struct streams played(const struct recording *r, const struct variant *v)
{
	struct streams all = {.link = r->link};
	struct fos_capture_packet p;
	struct fos_capture *c;
	char path[64], err[256];
	uint64_t last = 0;

	variant_play(v, r, pcap);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pcap);
	c = fos_capture_open(path, err, sizeof(err));
	if (!c) {
		diag("%s", err);
		abort();
	}
	while (fos_capture_next(c, &p) == 1) {
		if (p.time_ns < last)
			diag("time steps back at %llu", (unsigned long long)p.time_ns);
		last = p.time_ns;
		streams_packet(&all, p.data, p.caplen);
	}
	fos_capture_close(c);
	return all;
}

/* Is each direction of each connection there, whole? */
static bool whole(const struct recording *r, const struct streams *all, const struct variant *v)
{
	uint64_t bytes = 0, got = 0;

	for (uint32_t i = 0; i < r->nr_conns; i++)
		bytes += r->conn[i].dir[0].len + r->conn[i].dir[1].len;
	for (uint64_t i = 0; i < all->nr; i++) {
		const struct stream *s = &all->s[i];

		if (!s->tcp)
			continue;
		got += s->next;
		if (s->next == s->len)
			continue;
		diag("seed %llu: %s has a hole at %llu", (unsigned long long)v->seed, s->name,
		     (unsigned long long)s->next);
		return false;
	}
	if (got != bytes)
		diag("seed %llu: %llu bytes of %llu", (unsigned long long)v->seed,
		     (unsigned long long)got, (unsigned long long)bytes);
	return got == bytes;
}

/* Packets of any kind would be streams of any kind. */
static void without_packets(struct recording *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->nr_steps; i++)
		if (r->step[i].kind != STEP_PACKET)
			r->step[n++] = r->step[i];
	r->nr_steps = n;
}

static void test_any_way(uint64_t first)
{
	const struct variant_rules rules = {.cuts = true, .order = true};
	bool good = true;
	uint64_t seed;

	for (seed = first; seed < first + SEEDS && good; seed++) {
		static struct variant v;
		struct variant plain = {.seed = seed};
		struct streams want, got;
		struct recording r;
		char why[TEST_WHY] = "";

		fuzz_make(&r, seed, NULL);
		without_packets(&r);
		variant_draw(&v, seed, &r, &rules);
		want = played(&r, &plain);
		got = played(&r, &v);
		good = whole(&r, &want, &plain) && whole(&r, &got, &v) &&
		       streams_equal(&want, &got, why, sizeof(why));
		if (why[0])
			diag("seed %llu: %s", (unsigned long long)seed, why);
		streams_free(&want);
		streams_free(&got);
		recording_free(&r);
	}
	ok(good, "%u recordings from seed %llu, played in any way, have the bytes that they had", SEEDS,
	   (unsigned long long)first);
}

/* The last kill point that some of SEEDS ways of playing asks for. */
static uint32_t last_kill(uint32_t segment)
{
	const struct variant_rules rules = {
		.segment = segment, .kills = true, .nr_pms = 1, .kill_points = {100}};
	static struct variant v;
	struct recording r;
	uint32_t last = 0;

	fuzz_make(&r, 1, NULL);
	recording_bytes(&r, 0, 0, (char[10000]){0}, 10000, 1000000);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		variant_draw(&v, seed, &r, &rules);
		for (uint32_t i = 0; i < v.nr; i++)
			last = v.disturb[i].n > last ? v.disturb[i].n : last;
	}
	recording_free(&r);
	return last;
}

static void test_kills_reach(void)
{
	ok(last_kill(0) <= 208, "whole, a module is killed within twice the life it has undisturbed");
	/* some ten points a packet */
	ok(last_kill(1) > 100000, "a byte in each segment, up to the end of a life so much longer");
}

/* A recording of one connection, each end's bytes as given; `how` ends it: 'f' FIN, 'r' RST, '-' not. */
static struct streams conversation(const char *client, const char *server, const char *how)
{
	struct variant plain = {.seed = 0};
	struct recording r;
	struct streams all;
	uint64_t seed = 1;

	/* any of one connection that the fuzzer makes gives addresses */
	for (fuzz_make(&r, seed, NULL); r.nr_conns != 1; fuzz_make(&r, ++seed, NULL))
		recording_free(&r);
	r.nr_steps = 1;
	for (uint32_t d = 0; d < 2; d++)
		r.conn[0].dir[d].len = 0;
	recording_bytes(&r, 0, 0, client, strlen(client), 1000000);
	recording_bytes(&r, 0, 1, server, strlen(server), 2000000);
	for (uint32_t d = 0; d < 2; d++)
		if (how[d] != '-') {
			struct step *s = recording_step(&r, how[d] == 'f' ? STEP_FIN : STEP_RST, 3000000);

			s->conn = 0;
			s->dir = d;
		}
	all = played(&r, &plain);
	recording_free(&r);
	return all;
}

static bool differ(const char *a, const char *how_a, const char *b, const char *how_b, char *why)
{
	struct streams x = conversation("ask", a, how_a), y = conversation("ask", b, how_b);
	bool same = streams_equal(&x, &y, why, TEST_WHY);

	streams_free(&x);
	streams_free(&y);
	return !same;
}

static void test_judge(void)
{
	char why[TEST_WHY] = "";

	ok(!differ("answer", "ff", "answer", "ff", why), "equal streams are equal");
	ok(differ("answer", "ff", "answes", "ff", why) && strstr(why, "at byte 5"),
	   "another byte is told with its place");
	ok(differ("answer", "ff", "answ", "ff", why) && strstr(why, "4 bytes fin instead of 6 fin"),
	   "and so are bytes that are missing");
	ok(differ("answer", "ff", "answer", "f-", why) && strstr(why, "ends open instead of fin"),
	   "and an end that is missing");
	ok(!differ("answer", "fr", "answ", "fr", why), "a stream that was cut off may be shorter");
	ok(differ("answer", "fr", "bnsw", "fr", why), "but not another one");
	ok(differ("", "ff", "answer", "ff", why), "bytes where there should be none are told");
}

static void test_text(void)
{
	struct streams all = conversation("GET /\r\n\t\"\\\x01", "", "ff");
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	streams_text(&all, f);
	fclose(f);
	ok(strstr(text, " tcp: 11 bytes fin\n\tGET /\\r\\n\n\t\\t\"\\\\\\x01\n"),
	   "the text of --expect can be read and written by hand");
	free(text);
	streams_free(&all);
}

int main(int argc, char **argv)
{
	pcap = memfd_create("pcap", MFD_CLOEXEC);
	test_any_way(argc > 1 ? strtoull(argv[1], NULL, 0) : 1);
	test_kills_reach();
	test_judge();
	test_text();
	return done();
}
