/* Modules on FOS_HTTP_BODY: what they see, what becomes of header blocks, bodies and lengths; at
 * every cut, with hosts killed between turns and at kill points */
#include "tests/pm/http_ed.h"
#include "tests/pm/http_play.h"
#include "tests/tap.h"

/* ---------------------------------------------------------------- a module that only reads */

/* A reader: what it released of each direction, and where bodies ended. */
static char saw[2][65536];
static size_t nr_saw[2];

static void note(int r, const void *p, size_t n)
{
	memcpy(saw[r] + nr_saw[r], p, n);
	nr_saw[r] += n;
}

static void reader_data(struct fos_window *w)
{
	const struct fos_http *h = fos_http(w);
	uint64_t head = fos_head(w), n = fos_tail(w) - head;
	/* at the first call of a body half of it, to have something left */
	uint64_t pos = n > 1 && !fos_fin(w) && n % 3 == 0 ? head + n / 2 : head + n;
	char buf[4096];

	n = fos_read(w, head, buf, (size_t)(pos - head));
	if (fos_release(w, pos) != FOS_OK)
		return;
	note(h->response, buf, n);
	if (fos_fin(w))
		note(h->response, h->cut ? "%" : ".", 1);
}

static const struct fos_pm reader = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				     .stream = FOS_HTTP_BODY, .name = "reader",
				     .on_data = reader_data};

/* ---------------------------------------------------------------- a table of exchanges */

struct exchange {
	const char *what;
	const char *requests;
	const char *responses;
	const char *answers;
	const char *want_requests; /* of `ed` */
	const char *want_responses;
	const char *saw; /* of `reader`: bodies of requests '|' bodies of responses */
};

#define GET "GET / HTTP/1.1\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static const struct exchange table[] = {
	{"a Content-Length becomes chunked", GET,
	 "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 6\r\nC: d\r\n\r\nxADyAD", "G", GET,
	 "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n" CHUNKED "\r\n{[xy]}", "|xADyAD."},
	{"chunks are rewritten, trailers stay", GET,
	 "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n3;e=f\r\nxAD\r\n1\r\nA\r\n2\r\nDz\r\n0\r\nT: u\r\n\r\n",
	 "G", GET, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n{[xz]}T: u\r\n\r\n", "|xADADz."},
	/* nothing can be put behind it: when the end is known the last byte is gone */
	{"a body until the close needs no mending", GET, "HTTP/1.1 200 OK\r\n\r\nxADy", "G", GET,
	 "HTTP/1.1 200 OK\r\n\r\n{[xy}", "|xADy."},
	{"two at a time, and a request with a body",
	 "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nADq" GET,
	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nAD"
	 "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nz",
	 "GG", "POST /a HTTP/1.1\r\n" CHUNKED "\r\n{[q]}" GET,
	 "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n{[]}HTTP/1.1 404 No\r\n" CHUNKED "\r\n{[z]}",
	 "ADq.|AD.z."},
	{"an HTTP/1.0 client: until the close", "GET / HTTP/1.0\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nxADy", "G",
	 "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{[xy]}", "|xADy."},
	{"an HTTP/1.0 client that stays: blanks", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	 "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nxADy", "G",
	 "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	 "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n{x  y}", "|xADy."},
	{"an HTTP/1.0 server that closes", GET, "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nxADy", "G",
	 GET, "HTTP/1.0 200 OK\r\n\r\n{[xy]}", "|xADy."},
	{"a request of HTTP/1.0 keeps its length",
	 "POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nxADy", "HTTP/1.0 204 No\r\n\r\n", "G",
	 "POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n{x  y}", "HTTP/1.0 204 No\r\n\r\n", "xADy.|"},
	{"a range keeps its length", GET,
	 "HTTP/1.1 206 Part\r\nContent-Range: bytes 1-4/9\r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\nxADy",
	 "G", GET,
	 "HTTP/1.1 206 Part\r\nContent-Range: bytes 1-4/9\r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\n"
	 "{x  y}",
	 "|xADy."},
	{"HEAD, 304, 100 and 204 have no body to mend",
	 "HEAD / HTTP/1.1\r\n\r\n" GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n"
	 "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
	 "HGG", "HEAD / HTTP/1.1\r\n\r\n" GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n"
	 "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
	 "|"},
	{"a body of no bytes", GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n" CHUNKED "\r\n0\r\n\r\n", "GG",
	 GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n" CHUNKED "\r\n{[]}", "|.."},
	{"fields: removed, set, added, known of the request",
	 "GET /x?y HTTP/1.1\r\nhost: a.example\r\nx-old: 1\r\nAccept-Encoding: gzip, br\r\n"
	 "X-Mark:\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nX-Old: 1\r\nX-Old: 2\r\nX-SET: 3\r\nx-set: 4\r\nX-Mark: \r\n\r\nq", "G",
	 "GET /x?y HTTP/1.1\r\nhost: a.example\r\nAccept-Encoding: identity\r\nX-Mark:\r\n"
	 "X-New: 0 GET a.example/x?y\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nX-Set: set\r\nX-Mark: \r\nX-New: 0 GET a.example/x?y\r\n\r\n{[q}", "|q."},
	{"what names the bytes goes, or becomes weak", GET,
	 "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-MD5: x\r\nDigest: y\r\nAccept-Ranges: bytes\r\n"
	 "Content-Length: 1\r\n\r\nz",
	 "G", GET, "HTTP/1.1 200 OK\r\nETag: W/\"a\"\r\n" CHUNKED "\r\n{[z]}", "|z."},
	{"a body that is skipped stays as it is", GET,
	 "HTTP/1.1 200 OK\r\nContent-Type: Image/PNG; q\r\nETag: \"a\"\r\nContent-Length: 3\r\n\r\nADx",
	 "G", GET,
	 "HTTP/1.1 200 OK\r\nContent-Type: Image/PNG; q\r\nETag: \"a\"\r\nContent-Length: 3\r\n\r\n{ADx}",
	 "|ADx."},
	{"an upgrade turns both directions opaque", "GET / HTTP/1.1\r\nUpgrade: w\r\n\r\n",
	 "HTTP/1.1 101 S\r\nUpgrade: w\r\n\r\nADAD\r\n", "G", "GET / HTTP/1.1\r\nUpgrade: w\r\n\r\n",
	 "HTTP/1.1 101 S\r\nUpgrade: w\r\n\r\n!ADAD\r\n", "|"},
	{"so does CONNECT", "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nADAD", "C",
	 "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n!ADAD", "|"},
	{"malformed responses pass", GET, "HTTP/1.1 OK 200\r\nContent-Length: 2\r\n\r\nAD", "G", GET,
	 "HTTP/1.1 O!K 200\r\nContent-Length: 2\r\n\r\nAD", "|"},
	{"a malformed chunk ends the body", GET,
	 "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n4\r\nxADy\r\n2!\r\nAD", "G", GET,
	 "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n{[xy2!!\r\nAD", "|xADy%"},
	{"a malformed response right behind a body that is skipped", GET GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\nHTTP/1.1 304 N\r\n\r\n"
	 "HTTP/1.1 204 N\r\nX-Old: 1\r\n\r\n",
	 "GGG", GET GET GET,
	 "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\n{HTTP/1.}1! 304 N\r\n\r\n"
	 "HTTP/1.1 204 N\r\nX-Old: 1\r\n\r\n",
	 "|HTTP/1.."},
	{"an end in the middle", GET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxAD", "G", GET,
	 "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n{[x%", "|xAD%"},
};

/* The connection: requests cut in two, responses cut in two. */
static void talk(struct http_play *h, const struct exchange *x, size_t a, size_t b, int kill)
{
	size_t n = strlen(x->requests), m = strlen(x->responses);

	if (a > n)
		a = n;
	http_send(h, 0, x->requests, a);
	http_turn(h);
	if (kill & 1)
		play_restart(&h->p, 0);
	http_send(h, 0, x->requests + a, n - a);
	http_turn(h);
	http_send(h, 1, x->responses, b);
	http_turn(h);
	if (kill & 2)
		play_restart(&h->p, 0);
	http_send(h, 1, x->responses + b, m - b);
	http_turn(h);
	play_fin(&h->p, 0);
	play_fin(&h->p, 1);
	http_turn(h);
}

static bool is(const char *got, const char *want, const char *what, size_t cut)
{
	if (strcmp(got, want) == 0)
		return true;
	diag("%s, cut at %zu: got\n# %s\n# want\n# %s", what, cut, got, want);
	return false;
}

static bool edited(const struct exchange *x, size_t a, size_t b, int kill, uint64_t seed)
{
	static struct http_play h;
	bool good;

	http_begin(&h, &ed, NULL, 0);
	h.seed = seed;
	talk(&h, x, a, b, kill);
	good = is(http_text(&h, 0, ""), x->want_requests, "requests", a) &&
	       is(http_text(&h, 1, x->answers), x->want_responses, "responses", b) &&
	       h.p.host[0].counter[FOS_C_pm_hold_expired] == 0;
	play_free(&h.p);
	return good;
}

static void test_table(const struct exchange *x)
{
	size_t m = strlen(x->responses);
	bool good = true;

	for (size_t b = 0; good && b <= m; b++)
		good = edited(x, b % (strlen(x->requests) + 1), b, (int)(b % 4), b % 5 ? 0 : b + 1);
	ok(good, "%s", x->what);
}

/* ---------------------------------------------------------------- reading */

static bool same_bytes(const struct http_play *h, uint32_t flow, const char *bytes)
{
	return h->p.out[flow].len == strlen(bytes) &&
	       memcmp(h->p.out[flow].data, bytes, strlen(bytes)) == 0;
}

static bool read_once(const struct exchange *x, size_t a, size_t b, int kill, size_t step)
{
	static struct http_play h;
	char both[1024];
	bool good;

	nr_saw[0] = nr_saw[1] = 0;
	http_begin(&h, &reader, NULL, 0);
	if (step) {
		size_t n = strlen(x->requests), m = strlen(x->responses);

		for (size_t i = 0; i < n; i++) {
			http_send(&h, 0, x->requests + i, 1);
			http_turn(&h);
		}
		for (size_t i = 0; i < m; i += step) {
			http_send(&h, 1, x->responses + i, i + step > m ? m - i : step);
			http_turn(&h);
		}
		play_fin(&h.p, 0);
		play_fin(&h.p, 1);
		http_turn(&h);
	} else {
		talk(&h, x, a, b, kill);
	}
	snprintf(both, sizeof(both), "%.*s|%.*s", (int)nr_saw[0], saw[0], (int)nr_saw[1], saw[1]);
	good = is(both, x->saw, "seen", b) && same_bytes(&h, 0, x->requests) &&
	       same_bytes(&h, 1, x->responses);
	play_free(&h.p);
	return good;
}

static void test_reader(const struct exchange *x)
{
	size_t m = strlen(x->responses);
	bool good = true;

	for (size_t b = 0; good && b <= m; b++)
		good = read_once(x, b % (strlen(x->requests) + 1), b, (int)(b % 4), 0);
	good = good && read_once(x, 0, 0, 0, 1) && read_once(x, 0, 0, 0, 3);
	ok(good, "read only: %s", x->what);
}

/* ---------------------------------------------------------------- an operator takes the module out */

#define FIRST "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nxADyADz"
#define SECOND "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nAD"

/* The letters that no edit touches. */
static const char *letters(const char *text)
{
	static char some[64];
	size_t n = 0;

	for (bool body = false; *text && n < sizeof(some) - 1; text++) {
		body = *text == '{' || (body && *text != '}');
		if (strchr(body ? "xyz{" : "}%!", *text))
			some[n++] = *text;
	}
	some[n] = '\0';
	return some;
}

static bool taken_out(size_t cut, int kill)
{
	static const char bytes[] = FIRST SECOND;
	static struct http_play h;
	const char *text, *untouched = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{AD}";
	bool good;

	http_begin(&h, &ed, NULL, 0);
	http_send(&h, 0, GET GET, 2 * strlen(GET));
	http_turn(&h);
	http_send(&h, 1, bytes, cut);
	http_turn(&h);
	h.p.w.dir->pm[0].leaves = 1;
	if (kill)
		play_restart(&h.p, 0);
	http_turn(&h);
	http_send(&h, 1, bytes + cut, strlen(bytes) - cut);
	http_turn(&h);
	play_fin(&h.p, 0);
	play_fin(&h.p, 1);
	http_turn(&h);
	text = http_text(&h, 1, "GG");
	good = is(letters(text), "{xyz}{}", "letters", cut);
	if (good && cut <= strlen(FIRST))
		good = strlen(text) > strlen(untouched) &&
		       is(text + strlen(text) - strlen(untouched), untouched, "the next", cut);
	play_free(&h.p);
	return good;
}

static void test_taken_out(void)
{
	bool good = true;

	for (size_t cut = 0; good && cut < strlen(FIRST SECOND); cut++)
		good = taken_out(cut, (int)(cut % 2));
	ok(good, "taken out in the middle of a message: it ends well-formed, the next is not touched");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		test_table(&table[i]);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		test_reader(&table[i]);
	test_taken_out();
	return done();
}
