/* deploy/pmtest/fuzz.c - recordings out of a seed: any bytes, any end, any packets */
#include <stdlib.h>
#include <string.h>

#include "deploy/pmtest/test.h"
#include "shm/csum.h"

#define CONNS 6u
#define MS 1000000u

static const char *const word[] = {
	"GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "HEAD /", "CONNECT a:443 HTTP/1.1\r\n",
	"HTTP/1.1 200 OK\r\n", "HTTP/1.0 200\r\n", "HTTP/1.1 304 Not Modified\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n", "Host: a.example\r\n",
	"Content-Length: 12\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
	"content-length:\t5\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: gzip, CHUNKED\r\n",
	"Connection: close\r\n", "Connection: keep-alive\r\nUpgrade: x\r\n", "Content-Encoding: gzip\r\n",
	"Content-Type: text/html\r\n", "\r\n", "\n\n", "\r", "\n", ": ", ":", " ", "5\r\nhello\r\n",
	"5;a=\"b\"\r\nhello\r\n", "0\r\n\r\n", "0\r\nTrailer: x\r\n\r\n", "ffffffffffffffff\r\n", "-5\r\n",
	"<html><body>", "<script src=\"https://x.ads.example/a.js\">", "<script", "</script>", "<",
	"src='", "<iframe src=//ads.example>", "</iframe", "colour", "colou", "http://old.example/",
	"\x16\x03\x01\x02", "\x1f\x8b\x08", "%PDF-1.4", "PK\x03\x04", "MZ",
	"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "\xff\xfe", "../../etc/passwd", "SELECT 1 --",
};
#define NR_WORDS (sizeof(word) / sizeof(word[0]))

/* ------------------------------------------------------------------ bytes */

static void words(struct recording *r, uint64_t *s, uint32_t conn, uint32_t dir, uint64_t at)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nHost: a\r\nContent-Length: 40\r\n\r\n";
	uint64_t n = pmtest_below(s, 30);

	if (pmtest_below(s, 3) == 0)
		recording_bytes(r, conn, dir, dir ? head : "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
				dir ? sizeof(head) - 1 : 27, at);
	for (; n > 0; n--) {
		const char *w = word[pmtest_below(s, NR_WORDS)];

		recording_bytes(r, conn, dir, w, strlen(w), at);
	}
}

static void noise(struct recording *r, uint64_t *s, uint32_t conn, uint32_t dir, uint64_t at)
{
	uint8_t buf[3000];
	uint64_t n = pmtest_below(s, pmtest_below(s, 2) ? sizeof(buf) : 40);
	bool one = pmtest_below(s, 4) == 0;

	for (uint64_t i = 0; i < n; i++)
		buf[i] = one ? 'x' : (uint8_t)pmtest_rand(s);
	recording_bytes(r, conn, dir, buf, n, at);
}

/* A piece of a stream of the recording given, a few bytes of it changed. */
static void torn(struct recording *r, uint64_t *s, uint32_t conn, uint32_t dir, uint64_t at,
		 const struct recording *from)
{
	const struct recorded_dir *d;
	uint8_t buf[4096];
	uint64_t off, n;

	if (!from || from->nr_conns == 0) {
		words(r, s, conn, dir, at);
		return;
	}
	d = &from->conn[pmtest_below(s, from->nr_conns)].dir[dir];
	if (d->len == 0)
		return;
	off = pmtest_below(s, 2) ? 0 : pmtest_below(s, d->len);
	n = 1 + pmtest_below(s, d->len - off);
	n = n < sizeof(buf) ? n : sizeof(buf);
	memcpy(buf, d->data + off, n);
	for (uint64_t k = pmtest_below(s, 5); k > 0; k--)
		buf[pmtest_below(s, n)] = (uint8_t)pmtest_rand(s);
	recording_bytes(r, conn, dir, buf, n, at);
}

/* ------------------------------------------------------------------ connections */

static void make_head(struct recorded_dir *d, bool ip6, uint8_t src, uint8_t dst)
{
	uint8_t *p = d->head + 14;

	memcpy(d->head, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	d->head[5] = src;
	d->head[11] = dst;
	d->l3_off = 14;
	d->head[12] = ip6 ? 0x86 : 0x08;
	d->head[13] = ip6 ? 0xdd : 0x00;
	d->head_len = ip6 ? 54 : 34;
	p[0] = ip6 ? 0x60 : 0x45;
	p[ip6 ? 7 : 8] = 64;
	if (ip6) {
		memcpy(p + 8, "\x20\x01\x0d\xb8", 4);
		memcpy(p + 24, "\x20\x01\x0d\xb8", 4);
		p[23] = src;
		p[39] = dst;
	} else {
		p[9] = 6;
		memcpy(p + 12, "\x0a\0\0", 3);
		memcpy(p + 16, "\x0a\0\0", 3);
		p[15] = src;
		p[19] = dst;
	}
}

static void begin(struct recording *r, uint64_t *s, uint32_t i)
{
	static const uint16_t port[] = {80, 80, 80, 8080, 443, 25, 21, 4242};
	uint32_t c = recording_conn(r);
	struct recorded_conn *conn = &r->conn[c];
	struct step *st;

	conn->ip6 = pmtest_below(s, 5) == 0;
	for (uint32_t d = 0; d < 2; d++) {
		make_head(&conn->dir[d], conn->ip6, (uint8_t)(1 + d), (uint8_t)(2 - d));
		conn->dir[d].isn = (uint32_t)pmtest_rand(s);
	}
	conn->dir[0].sport = conn->dir[1].dport = (uint16_t)(40000 + i);
	conn->dir[0].dport = conn->dir[1].sport = port[pmtest_below(s, 8)];
	st = recording_step(r, STEP_OPEN, (i + 1) * MS);
	st->conn = c;
}

static void end(struct recording *r, uint64_t *s, uint32_t conn, uint64_t at)
{
	static const uint8_t how[][2] = {{1, 1}, {1, 1}, {1, 0}, {0, 1}, {2, 0}, {0, 2}, {0, 0}};
	const uint8_t *h = how[pmtest_below(s, 7)];

	for (uint32_t d = 0; d < 2; d++)
		if (h[d]) {
			struct step *st = recording_step(r, h[d] == 1 ? STEP_FIN : STEP_RST, at);

			st->conn = conn;
			st->dir = d;
		}
}

/* ------------------------------------------------------------------ packets of any kind */

static void datagram(struct recording *r, uint64_t *s, uint64_t at)
{
	uint8_t p[400], *ip = p + 14;
	uint32_t n = (uint32_t)pmtest_below(s, 300), sum = 0;
	struct recorded_dir d = {.l3_off = 0};

	make_head(&d, false, 1, 2);
	memcpy(p, d.head, 34);
	for (uint32_t i = 34; i < 42 + n; i++)
		p[i] = (uint8_t)pmtest_rand(s);
	ip[9] = pmtest_below(s, 4) ? 17 : (uint8_t)pmtest_rand(s);
	ip[2] = (uint8_t)((28 + n) >> 8);
	ip[3] = (uint8_t)(28 + n);
	p[34] = 0x9c;
	p[36] = 0;
	p[37] = 53;
	p[38] = (uint8_t)((8 + n) >> 8);
	p[39] = (uint8_t)(8 + n);
	p[40] = p[41] = 0;
	for (uint32_t i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
	/* damaged, now and then: anywhere, or cut */
	for (uint64_t k = pmtest_below(s, 3) ? 0 : pmtest_below(s, 6); k > 0; k--)
		p[pmtest_below(s, 42 + n)] = (uint8_t)pmtest_rand(s);
	recording_packet(r, p, pmtest_below(s, 8) ? 42 + n : (uint32_t)pmtest_below(s, 43 + n), at);
}

void fuzz_make(struct recording *r, uint64_t seed, const struct recording *from)
{
	uint64_t s = seed ^ 0xf00d5eedull, at;
	uint32_t nr = 1 + (uint32_t)pmtest_below(&s, CONNS);

	recording_init(r);
	for (uint32_t i = 0; i < nr; i++)
		begin(r, &s, i);
	at = 10 * MS;
	for (uint64_t n = pmtest_below(&s, 12 * nr); n > 0; n--) {
		uint32_t c = (uint32_t)pmtest_below(&s, nr), d = (uint32_t)pmtest_below(&s, 2);

		at += pmtest_below(&s, 20 * MS);
		switch (pmtest_below(&s, 8)) {
		case 0:
			noise(r, &s, c, d, at);
			break;
		case 1:
			datagram(r, &s, at);
			break;
		case 2:
		case 3:
			torn(r, &s, c, d, at, from);
			break;
		default:
			words(r, &s, c, d, at);
		}
	}
	for (uint32_t i = 0; i < nr; i++)
		end(r, &s, i, at + (i + 1) * MS);
}
