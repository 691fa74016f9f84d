/* pmhost/http_frame.c: a table of messages, each cut at every place and fed byte by byte; random
 * bytes and random damage against the same bytes in one go */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/http_frame.h"
#include "tests/tap.h"

/* What a stream is, as text: per message "H" with status, kind of body and marks, "D" with the
 * number of body bytes, "B" for the body's end, "E" for the message's; "!" malformed, "@" switched
 * with the place from which bytes pass; "$" an orderly end, "%" one in the middle. */
struct trace {
	char text[4096];
	size_t n;
	uint64_t data; /* bytes of body since the last event */
	char body[256];
	size_t nr_body;
};

static void say(struct trace *t, const char *fmt, long long n)
{
	if (t->n + 64 < sizeof(t->text))
		t->n += (size_t)snprintf(t->text + t->n, sizeof(t->text) - t->n, fmt, n);
}

static void flush(struct trace *t)
{
	if (t->data)
		say(t, "D%lld ", (long long)t->data);
	t->data = 0;
}

static void say_head(struct trace *t, const struct fos_http_frame *f)
{
	static const char *const body[] = {"", "L", "C", "U"};

	say(t, "H%lld", f->status);
	say(t, body[f->body], 0);
	say(t, fos_http_closes(f) ? "-" : "", 0);
	say(t, " ", 0);
}

/* Requests to be answered, by letter: G, H(EAD), C(ONNECT). */
struct feed {
	struct fos_http_frame f;
	const char *answers;
	struct trace t;
	uint64_t at;
	bool opaque;
};

static void feed_event(struct feed *d, enum fos_http_event ev, const uint8_t *p, size_t took)
{
	if (ev == FOS_HTTP_DATA) {
		d->t.data += took;
		for (size_t i = 0; i < took && d->t.nr_body < sizeof(d->t.body) - 1; i++)
			d->t.body[d->t.nr_body++] = (char)p[i];
		return;
	}
	if (ev == FOS_HTTP_MORE)
		return;
	flush(&d->t);
	if (ev == FOS_HTTP_HEAD)
		say_head(&d->t, &d->f);
	if (ev == FOS_HTTP_BODY_END)
		say(&d->t, "B ", 0);
	if (ev == FOS_HTTP_END)
		say(&d->t, "E ", 0);
	if (ev == FOS_HTTP_OPAQUE) {
		say(&d->t, d->f.why == FOS_HTTP_SWITCHED ? "@" : "!", 0);
		d->opaque = true;
	}
}

static void feed(struct feed *d, const uint8_t *p, size_t n)
{
	enum fos_http_event ev = FOS_HTTP_MORE;
	bool interim = false;

	while (!d->opaque) {
		size_t took;

		if (fos_http_idle(&d->f) && d->answers && *d->answers) {
			fos_http_answers(&d->f, *d->answers == 'H'   ? FOS_HTTP_HEAD_METHOD :
						*d->answers == 'C' ? FOS_HTTP_CONNECT :
								     FOS_HTTP_ANY);
		}
		if (fos_http_idle(&d->f) && n == 0)
			break;
		took = fos_http_step(&d->f, p, n, &ev);
		if (took > n)
			abort();
		if (ev == FOS_HTTP_HEAD)
			interim = d->f.status / 100 == 1;
		feed_event(d, ev, p, took);
		if (ev == FOS_HTTP_END && d->answers && *d->answers && !interim)
			d->answers++;
		d->at += took;
		p += took;
		n -= took;
		if (n == 0 && (ev == FOS_HTTP_MORE || ev == FOS_HTTP_DATA))
			break;
	}
}

static void feed_end(struct feed *d)
{
	if (!d->opaque) {
		bool good = fos_http_eof(&d->f);

		flush(&d->t);
		while (!d->opaque && !fos_http_idle(&d->f)) {
			enum fos_http_event ev;

			fos_http_step(&d->f, NULL, 0, &ev);
			if (ev == FOS_HTTP_MORE)
				break;
			feed_event(d, ev, NULL, 0);
		}
		say(&d->t, good ? "$" : "%%", 0);
	}
	d->t.body[d->t.nr_body] = '\0';
}

static void feed_begin(struct feed *d, const char *answers)
{
	memset(d, 0, sizeof(*d));
	d->answers = answers;
	fos_http_begin(&d->f, answers != NULL);
}

struct one {
	const char *what;
	const char *answers; /* NULL: requests */
	const char *bytes;
	const char *want;
	const char *body; /* of all messages together */
};

#define OK11 "HTTP/1.1 200 OK\r\n"

static const struct one table[] = {
	{"a request without a body", NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "H0 B E $", ""},
	{"pipelined requests", NULL,
	 "GET / HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\ncontent-length:3\r\n\r\nabcHEAD / HTTP/1.0\r\n\r\n",
	 "H0 B E H0L D3 B E H0- B E $", "abc"},
	{"empty lines before a request, bare line feeds", NULL, "\r\n\nGET / HTTP/1.1\nA: b\n\n",
	 "H0 B E $", ""},
	{"a chunked request with extension and trailer", NULL,
	 "PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n00a \r\n0123456789"
	 "\r\n0;last\r\nT: 1\r\nU: 2\r\n\r\nGET / HTTP/1.1\r\n\r\n",
	 "H0C D13 B E H0 B E $", "abc0123456789"},
	{"a length of zero", NULL, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "H0L B E $", ""},
	{"a response that lasts until the close", "G", "HTTP/1.0 200 OK\r\n\r\nbody", "H200U- D4 B E $",
	 "body"},
	{"keep-alive and lengths", "GG",
	 OK11 "Content-Length: 2\r\n\r\nab" OK11 "Content-Length: 1\r\nConnection: x, Close\r\n\r\nc",
	 "H200L D2 B E H200L- D1 B E $", "abc"},
	{"a keep-alive of HTTP/1.0", "G",
	 "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", "H200L D1 B E $",
	 "x"},
	{"responses to HEAD have no body", "HG",
	 OK11 "Content-Length: 20\r\n\r\n" OK11 "Content-Length: 1\r\n\r\nx", "H200 B E H200L D1 B E $",
	 "x"},
	{"interim responses, 204 and 304", "HGGG",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK11
	 "Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 "
	 "NM\r\nContent-Length: 5\r\n\r\n" OK11 "Content-Length: 1\r\n\r\nx",
	 "H100 B E H103 B E H200 B E H204 B E H304 B E H200L D1 B E $", "x"},
	{"no reason phrase, higher minor version", "G", "HTTP/1.7 200\r\nContent-Length: 0\r\n\r\n",
	 "H200L B E $", ""},
	{"a chunked response", "GG",
	 OK11 "transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" OK11
	      "content-length: 0\r\n\r\n",
	 "H200C D5 B E H200L B E $", "hello"},
	{"a coding after chunked: until the close", "G",
	 OK11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n5\r\n", "H200U D3 B E $",
	 "5\r\n"},
	{"chunked twice: until the close", "G", OK11 "Transfer-Encoding: chunked, chunked\r\n\r\nx",
	 "H200U D1 B E $", "x"},
	{"identity is no coding in a response", "G",
	 OK11 "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", "H200L D1 B E $", "x"},
	{"a length besides a coding: the coding wins in a response", "G",
	 OK11 "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	 "H200C D1 B E $", "x"},
	{"the same length twice", "G", OK11 "Content-Length: 1, 1\r\nContent-Length:\t1 \r\n\r\nx",
	 "H200L D1 B E $", "x"},
	{"a folded field that says nothing of lengths", "G",
	 OK11 "X-Note: a\r\n  Content-Length: 9\r\nContent-Length: 1\r\n\r\nx", "H200L D1 B E $", "x"},
	{"an end in the middle of a length", "G", OK11 "Content-Length: 9\r\n\r\nxyz", "H200L D3 %",
	 "xyz"},
	{"an end in the middle of a chunk", "G",
	 OK11 "Transfer-Encoding: chunked\r\n\r\n9\r\nabc", "H200C D3 %", "abc"},
	{"an end in the middle of a header block", "G", OK11 "Cont", "%", ""},
	{"an end in the trailers", "G", OK11 "Transfer-Encoding: chunked\r\n\r\n0\r\n", "H200C B %", ""},
	{"101 switches", "G", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x81\x05HELLO", "H101 @", ""},
	{"CONNECT that succeeds switches", "C", "HTTP/1.1 200 OK\r\n\r\n\x16\x03", "H200 @", ""},
	{"CONNECT that fails does not", "C", "HTTP/1.1 407 P\r\nContent-Length: 1\r\n\r\nx",
	 "H407L D1 B E $", "x"},
	{"the HTTP/2 preface", NULL, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "@", ""},
	{"a CONNECT request", NULL, "CONNECT a:443 HTTP/1.1\r\n\r\n", "H0 B E $", ""},
};

static const struct one bad[] = {
	{"TLS", NULL, "\x16\x03\x01\x02", "!", ""},
	{"HTTP/0.9", NULL, "GET /\r\n", "!", ""},
	{"two spaces", NULL, "GET  / HTTP/1.1\r\n\r\n", "!", ""},
	{"a method that never ends", NULL, "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n\r\n", "!", ""},
	{"a control character in the target", NULL, "GET /\x01 HTTP/1.1\r\n\r\n", "!", ""},
	{"white space before the colon", NULL, "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "!", ""},
	{"an empty name", NULL, "GET / HTTP/1.1\r\n: a\r\n\r\n", "!", ""},
	{"a line without a colon", NULL, "GET / HTTP/1.1\r\nHost\r\n\r\n", "!", ""},
	{"a folded first line", NULL, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "!", ""},
	{"a folded length", NULL, "GET / HTTP/1.1\r\nContent-Length: 1\r\n 0\r\n\r\n", "!", ""},
	{"a bare CR in a value", NULL, "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "!", ""},
	{"two lengths", NULL, "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "!", ""},
	{"a list of lengths that differ", "G", OK11 "Content-Length: 1,2\r\n\r\n", "!", ""},
	{"a length with a sign", "G", OK11 "Content-Length: +1\r\n\r\n", "!", ""},
	{"an empty length", "G", OK11 "Content-Length:\r\n\r\n", "!", ""},
	{"a length of words", "G", OK11 "Content-Length: 1 2\r\n\r\n", "!", ""},
	{"a length beyond all bounds", "G", OK11 "Content-Length: 99999999999999999999\r\n\r\n", "!", ""},
	{"length and coding in a request", NULL,
	 "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "!", ""},
	{"a request whose last coding is not chunked", NULL,
	 "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n", "!", ""},
	{"a coding in HTTP/1.0", "G", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "!", ""},
	{"no chunk size", "G", OK11 "Transfer-Encoding: chunked\r\n\r\n\r\n", "H200C !", ""},
	{"a chunk size that is none", "G", OK11 "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", "H200C !", ""},
	{"a chunk size beyond all bounds", "G",
	 OK11 "Transfer-Encoding: chunked\r\n\r\n1234567890abcdef0\r\n", "H200C !", ""},
	{"a bare line feed behind a chunk size", "G", OK11 "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n",
	 "H200C !", ""},
	{"a chunk longer than said", "G", OK11 "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
	 "H200C D1 !", "x"},
	{"a status of two digits", "G", "HTTP/1.1 20 OK\r\n\r\n", "!", ""},
	{"a status of four digits", "G", "HTTP/1.1 2000 OK\r\n\r\n", "!", ""},
	{"a response that is none", "G", "<html>", "!", ""},
	{"a response of HTTP/2", "G", "HTTP/2.0 200 OK\r\n\r\n", "!", ""},
};

static bool same(const struct one *c, const struct feed *d)
{
	if (strcmp(d->t.text, c->want) == 0 && strcmp(d->t.body, c->body) == 0)
		return true;
	diag("got '%s' body '%s', want '%s' '%s'", d->t.text, d->t.body, c->want, c->body);
	return false;
}

static bool cut(const struct one *c, size_t a, size_t b)
{
	const uint8_t *p = (const uint8_t *)c->bytes;
	size_t n = strlen(c->bytes);
	struct feed d;

	feed_begin(&d, c->answers);
	feed(&d, p, a);
	feed(&d, p + a, b - a);
	feed(&d, p + b, n - b);
	feed_end(&d);
	return same(c, &d);
}

static void try(const struct one *c, const char *kind)
{
	size_t n = strlen(c->bytes);
	bool good = true;
	struct feed d;

	for (size_t a = 0; good && a <= n; a++)
		for (size_t b = a; good && b <= n; b += b - a < 4 ? 1 : 7)
			good = cut(c, a, b);
	feed_begin(&d, c->answers);
	for (size_t i = 0; i < n; i++)
		feed(&d, (const uint8_t *)c->bytes + i, 1);
	feed_end(&d);
	ok(good && same(c, &d), "%s%s", kind, c->what);
}

/* Damaged messages, and messages one after another: one go against random pieces, with the framer
 * copied between them as a commit would. */
static void test_random(uint64_t seed)
{
	size_t nr = sizeof(table) / sizeof(table[0]);

	srand48((long)seed);
	for (int round = 0; round < 20000; round++) {
		const struct one *c = &table[(size_t)lrand48() % nr];
		struct feed whole, parts;
		uint8_t bytes[2048];
		size_t n = strlen(c->bytes), at = 0;

		memcpy(bytes, c->bytes, n);
		for (long i = lrand48() % 4; i > 0; i--)
			bytes[(size_t)lrand48() % n] =
				(uint8_t)(lrand48() % 3 ? ":\r\n ,;019aH"[lrand48() % 11] : lrand48());
		feed_begin(&whole, c->answers);
		feed(&whole, bytes, n);
		feed_end(&whole);
		feed_begin(&parts, c->answers);
		while (at < n) {
			size_t len = 1 + (size_t)lrand48() % 40;
			struct fos_http_frame copy = parts.f;

			memset(&parts.f, 0xa5, sizeof(parts.f));
			parts.f = copy;
			feed(&parts, bytes + at, len < n - at ? len : n - at);
			at += len;
		}
		feed_end(&parts);
		if (strcmp(whole.t.text, parts.t.text) != 0 || strcmp(whole.t.body, parts.t.body)) {
			diag("round %d: '%s' and '%s'", round, whole.t.text, parts.t.text);
			ok(false, "20,000 damaged streams are the same in pieces (seed %llu)",
			   (unsigned long long)seed);
			return;
		}
	}
	ok(true, "20,000 damaged streams are the same in pieces (seed %llu)",
	   (unsigned long long)seed);
}

static bool endless(const char *begin, const char *more, size_t rounds)
{
	struct feed d;

	feed_begin(&d, "G");
	feed(&d, (const uint8_t *)begin, strlen(begin));
	for (size_t i = 0; i < rounds && !d.opaque; i++)
		feed(&d, (const uint8_t *)more, strlen(more));
	return d.opaque;
}

static void test_limits(void)
{
	ok(endless(OK11, "X: 0123456789012345678901234567\r\n", 3000),
	   "a header block beyond its limit is malformed");
	ok(!endless(OK11, "X: 0123456789012345678901234567\r\n", 1500), "one within it is not");
	ok(endless(OK11 "Transfer-Encoding: chunked\r\n\r\n1;", "extension", 1000),
	   "nor is there a chunk line without end");
	ok(endless(OK11 "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: 0123456789\r\n", 10000),
	   "nor trailers without end");
	ok(!endless(OK11 "Transfer-Encoding: chunked\r\n\r\n", "1;0123456789\r\nx\r\n", 10000),
	   "of chunks there may be any number");
	is_u64(sizeof(struct fos_http_frame) % 8, 0, "the framer can be stored as it is");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		try(&table[i], "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		try(&bad[i], "refused: ");
	test_random(argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121);
	test_limits();
	return done();
}
