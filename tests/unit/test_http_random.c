/* Random conversations through a module that edits bodies: random messages, segments, chunks and
 * kills against a naive model.  A failing one prints its seed: test_http_random SEED */
#include "tests/pm/http_ed.h"
#include "tests/pm/http_play.h"
#include "tests/tap.h"

#define ROUNDS 300u /* FULL: ten times as many */

struct text {
	char s[60000];
	size_t n;
};

struct talk {
	struct text in[2], want[2];
	char answers[64];
};

static uint64_t seed;

static void put(struct text *t, const char *fmt, const char *s, int n)
{
	t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, fmt, n, s);
	if (t->n >= sizeof(t->s))
		abort();
}

static void put_s(struct text *t, const char *s)
{
	put(t, "%.*s", s, (int)strlen(s));
}

static void put_chunks(struct text *t, const char *body, int n)
{
	uint64_t most = world_below(&seed, 4) ? 1 + world_below(&seed, 600) : 1;
	char line[32];

	while (n > 0) {
		int part = 1 + (int)world_below(&seed, most);

		part = part < n ? part : n;
		snprintf(line, sizeof(line), world_below(&seed, 2) ? "%x\r\n" : "0%X;e\r\n",
			 (unsigned)part);
		put_s(t, line);
		put(t, "%.*s\r\n", body, part);
		body += part;
		n -= part;
	}
	put_s(t, "0\r\n\r\n");
}

/* What the module makes of a body. */
static void put_edited(struct text *t, const char *body, int n, bool fixed, bool until_close)
{
	put_s(t, fixed ? "" : "[");
	for (int i = 0; i < n; i++) {
		bool ad = i + 1 < n && body[i] == 'A' && body[i + 1] == 'D';

		if (!ad)
			put(t, "%.*s", body + i, 1);
		else if (fixed)
			put_s(t, "  ");
		i += ad;
	}
	/* until the close: only when the end finds something held, the beginning of an AD */
	put_s(t, fixed || (until_close && body[n - 1] != 'A') ? "" : "]");
}

/* kind 0: no body, 1: length, 2: chunked, 3: until the close */
static void message(struct talk *k, int side, const char *start, int kind, bool fixed)
{
	struct text *in = &k->in[side], *want = &k->want[side];
	char body[3000], line[64];
	int n = kind ? (int)world_below(&seed, world_below(&seed, 3) ? 40 : sizeof(body)) : 0;

	for (int i = 0; i < n; i++)
		body[i] = "ADADx\n"[world_below(&seed, 6)];
	n = n == 0 && kind == 1 ? 1 : n; /* a length of zero is fixed */
	body[0] = n == 1 ? 'x' : body[0];
	put_s(in, start);
	put_s(want, start);
	snprintf(line, sizeof(line), "Content-Length: %d\r\n", n);
	put_s(in, kind == 1 ? line : kind == 2 ? "Transfer-Encoding: chunked\r\n" : "");
	put_s(want, kind == 1 && fixed ? line : "");
	put_s(want, kind == 2 || (kind == 1 && !fixed) ? "Transfer-Encoding: chunked\r\n" : "");
	put_s(in, "\r\n");
	put_s(want, "\r\n");
	if (kind == 2)
		put_chunks(in, body, n);
	else
		put(in, "%.*s", body, n);
	if (kind == 0 || (kind == 3 && n == 0))
		return;
	put_s(want, "{");
	put_edited(want, body, n, fixed, kind == 3);
	put_s(want, "}");
}

static void make(struct talk *k)
{
	int nr = 1 + (int)world_below(&seed, 6);

	memset(k, 0, sizeof(*k));
	for (int i = 0; i < nr; i++) {
		bool last = i == nr - 1, old = world_below(&seed, 4) == 0;
		bool head = world_below(&seed, 6) == 0;
		int kind = last && world_below(&seed, 3) == 0 ? 3 : (int)world_below(&seed, 3);

		k->answers[i] = head ? 'H' : 'G';
		if (old) {
			put_s(&k->in[0], "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
			put_s(&k->want[0], "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
			k->answers[i] = 'G';
			kind = kind == 2 || kind == 0 ? 1 : kind;
		} else if (head) {
			message(k, 0, "HEAD / HTTP/1.1\r\n", 0, false);
			put_s(&k->in[1], "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
			put_s(&k->want[1], "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
			continue;
		} else {
			message(k, 0, "POST / HTTP/1.1\r\n", (int)world_below(&seed, 3), false);
		}
		message(k, 1, kind == 0 ? "HTTP/1.1 204 N\r\n" : "HTTP/1.1 200 OK\r\n", kind,
			old && kind == 1);
	}
}

/* Requests first, as far as their answers go: all of them; then the responses.  Or, one time in
 * three, both at once: then responses may come to the module before their requests. */
static void converse(struct http_play *h, const struct talk *k)
{
	uint64_t most = 1 + world_below(&seed, world_below(&seed, 2) ? 20 : 1400);
	bool mixed = world_below(&seed, 3) == 0;
	size_t at[2] = {0, 0};

	while (at[0] < k->in[0].n || at[1] < k->in[1].n) {
		int side = mixed ? (int)world_below(&seed, 2) : at[0] == k->in[0].n;
		size_t left = k->in[side].n - at[side], n = 1 + (size_t)world_below(&seed, most);

		n = n < left ? n : left;
		http_send(h, (uint32_t)side, k->in[side].s + at[side], n);
		at[side] += n;
		if (world_below(&seed, 4))
			http_turn(h);
	}
	/* when edit records run out they come back only after egress has had its turn */
	for (int i = 0; i < 20; i++)
		http_turn(h);
	play_fin(&h->p, 0);
	play_fin(&h->p, 1);
	http_turn(h);
}

static bool one_round(uint64_t s)
{
	static struct http_play h;
	static struct talk k;
	bool good = true;

	seed = s;
	make(&k);
	http_begin(&h, &ed, NULL, 0);
	h.p.w.dir->pm[0].hold_ns = 1000000000000ull;
	h.seed = world_below(&seed, 2) ? s + 1 : 0;
	converse(&h, &k);
	for (uint32_t side = 0; side < 2 && good; side++) {
		const char *got = http_text(&h, side, side ? k.answers : "");
		size_t i = 0;

		if (strcmp(got, k.want[side].s) == 0)
			continue;
		good = false;
		while (got[i] == k.want[side].s[i])
			i++;
		diag("seed %llu, flow %u, from %zu on: got '%.100s' want '%.100s'",
		     (unsigned long long)s, side, i, got + i, k.want[side].s + i);
	}
	good = good && h.p.host[0].counter[FOS_C_http_malformed] == 0;
	play_free(&h.p);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 5000;
	uint32_t n = 0, rounds = argc > 1 ? 1 : ROUNDS;
	const char *full = getenv("FULL");

	if (argc == 1 && full && *full == '1')
		rounds *= 10;
	while (n < rounds && one_round(first + n))
		n++;
	ok(n == rounds, "%u conversations from seed %llu on", rounds, (unsigned long long)first);
	return done();
}
