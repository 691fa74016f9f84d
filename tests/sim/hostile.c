/* tests/sim/hostile.c - seeded random hostile sequences, see hostile.h */
#include "tests/sim/hostile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/world.h"

struct maker {
	struct hostile *h;
	uint64_t seed;
	size_t n;
	uint32_t length;
	uint32_t front; /* first byte that noise may touch: 1 = everything waits for the first */
	uint32_t letter;
	bool ends; /* may RST and FIN be in the noise? */
};

static uint32_t below(struct maker *m, uint32_t n)
{
	return (uint32_t)world_below(&m->seed, n);
}

static void word(struct maker *m, const char *fmt, ...)
{
	va_list ap;

	if (m->n + 200 > HOSTILE_SCRIPT)
		return;
	if (m->n)
		m->h->script[m->n++] = ' ';
	va_start(ap, fmt);
	m->n += (size_t)vsnprintf(m->h->script + m->n, HOSTILE_SCRIPT - m->n, fmt, ap);
	va_end(ap);
}

static char letter(struct maker *m)
{
	static const char all[] = "BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz0123456789";

	return all[m->letter++ % (sizeof(all) - 1)];
}

/* ------------------------------------------------------------------ single words */

/* What a host must ignore (or take): appended to a segment. */
static const char *const MODS[] = {
	",sum", "/P-", "/-", "/FPU-,urg=1", ",ack+500000", ",ack-1000000", ",md5",
	",doff=4", ",doff=15", ",ipsum", ",lsrr", ",pad=8", ",len+56", ",rsv=7",
	",opt=08000101", ",opt=05280101", ",ttl=1", ",cut=12", ",ihl=4", ",other",
	",opt=1c04ffff", ",opt=0103030e", "/P", "/U,urg=2", "/U,urg=0", ",urg=3",
	"/U,urg=60000", "/EC", ",ts-90000", ",ts-1", ",ts+2147483647", ",ts+1500000000",
	",nots", ",wnd=0", ",opt=0101050a00000001000000ff", ",opt=1d04aaaa", ",ext", "/S",
	"/SP", "/S-", ",wnd=100",
};

static bool fits(const struct maker *m, const char *mod)
{
	bool v4 = strstr(mod, "ipsum") || strstr(mod, "lsrr") || strstr(mod, "ihl");

	if (strcmp(mod, ",ext") == 0)
		return m->h->client.v6;
	return !(v4 && m->h->client.v6);
}

static void range(struct maker *m, uint32_t *from, uint32_t *to)
{
	*from = m->front + below(m, m->length - 1 - m->front);
	*to = *from + 1 + below(m, m->length / 3 > 2 ? m->length / 3 : 2);
	if (*to > m->length)
		*to = m->length;
	if (*to - *from > 1400)
		*to = *from + 1400;
}

static void fragments(struct maker *m, uint32_t from, uint32_t to)
{
	uint32_t all = (m->h->client.ts ? 32 : 20) + to - from, a = 8 * (1 + below(m, 4)), b;
	char c = letter(m);

	if (a < (m->h->client.v6 ? 20u : 8u))
		a = 24;
	b = a + 8 * (1 + below(m, 4));
	if (b >= all) {
		word(m, "%u:%c*%u,frag=0-", from, c, to - from);
		return;
	}
	switch (below(m, 8)) {
	case 0:
		word(m, "%u:%c*%u,frag=0-%u.%u-%u.%u-", from, c, to - from, a, a, b, b);
		break;
	case 1:
		word(m, "%u:%c*%u,frag=%u-.%u-%u.0-%u", from, c, to - from, b, a, b, a);
		break;
	case 2:
		word(m, "%u:%c*%u,frag=0-%u.%u-%ue.%u-", from, c, to - from, b, a, b, b);
		break;
	case 3:
		word(m, "%u:%c*%u,frag=0-%u.%u-%u.%u-%ue.%u-", from, c, to - from, a, a, b, a, b, b);
		break;
	case 4:
		word(m, "%u:%c*%u,frag=0-%u.%u-%u", from, c, to - from, a, a, b);
		break;
	case 5:
		word(m, "%u:%c*%u,frag=0-%u.0-%u.%u-%u.%u-.%u-", from, c, to - from, a, a, a, b, b, b);
		break;
	case 6:
		word(m, "%u:%c*%u,frag=0-8.8-%u.%u-", from, c, to - from, b, b);
		break;
	default:
		word(m, "%u:%c*%u,frag=%u-.%u-%ue.0-%u", from, c, to - from, b, a, b, b);
	}
}

static void reset(struct maker *m, uint32_t at)
{
	static const uint32_t far[] = {1, 4, 100, 1460, 70000, 1000000000};
	const char *how = below(m, 2) ? "/R-" : "/R";

	switch (below(m, 5)) {
	case 0:
		word(m, "%u:%s,sum", at, how);
		break;
	case 1:
		word(m, "%u:%s,md5", at, how);
		break;
	case 2:
		word(m, "%u:EVIL%s", at + m->length + 1000, how);
		break;
	default:
		/* never what is next: that would end it */
		word(m, "%u:%s", m->length + far[below(m, 6)] + 1, how);
	}
}

/* FIN and RST wherever they may stand. */
static void ending(struct maker *m, uint32_t from, uint32_t to)
{
	switch (below(m, 5)) {
	case 0:
		word(m, "%u:/F", from);
		break;
	case 1:
		word(m, "%u:%c*%u/F", from, letter(m), to - from);
		break;
	case 2:
		word(m, "%u:/R-", from);
		break;
	case 3:
		word(m, "%u:%c*%u/R", from, letter(m), to - from);
		break;
	default:
		word(m, "%u:/F,%s", to, below(m, 2) ? "sum" : "ack+500000");
	}
}

static void noise(struct maker *m)
{
	uint32_t from, to, kind = below(m, 100), k;

	range(m, &from, &to);
	if (kind < 45) {
		word(m, "%u:%c*%u", from, letter(m), to - from);
	} else if (kind < 75) {
		k = below(m, sizeof(MODS) / sizeof(MODS[0]));
		if (fits(m, MODS[k]))
			word(m, "%u:%c*%u%s", from, letter(m), to - from, MODS[k]);
	} else if (kind < 83) {
		fragments(m, from, to);
	} else if (kind < 87) {
		reset(m, from);
	} else if (kind < 89) {
		word(m, "syn,seq+%u", below(m, 2) ? 500000 : 0);
	} else if (kind < 91) {
		word(m, "%d:%c", below(m, 2) ? -1 : (int)from - 1, letter(m));
	} else if (kind < 93) {
		word(m, "%u:%c*%u", 70000 + below(m, 20000000), letter(m), to - from);
	} else if (kind < 95) {
		word(m, "%u:,wnd=%u", from, below(m, 65536));
	} else if (m->ends) {
		ending(m, from, to);
	}
}

/* ------------------------------------------------------------------ whole connections */

static void handshake(struct maker *m)
{
	switch (below(m, 8)) {
	case 0:
		word(m, "syn,seq+77777,sum");
		word(m, "hs");
		break;
	case 1:
		word(m, "syn");
		word(m, "0:EVIL,ack+1000");
		word(m, "0:EVIL/P-");
		word(m, "0:");
		break;
	case 2:
		word(m, "syn");
		word(m, "syn");
		word(m, "5000:/R-");
		word(m, "0:");
		break;
	case 3:
		word(m, "syn");
		word(m, "syn,seq+100000");
		word(m, "0:");
		break;
	case 4:
		word(m, "-1:ZZZZ/S-,opt=020405b4");
		word(m, "0:");
		break;
	case 5:
		word(m, "syn"); /* what comes next completes it */
		break;
	default:
		word(m, "hs");
	}
}

static void connection(struct maker *m)
{
	static const uint32_t lengths[] = {16, 24, 40, 64, 120, 200, 1500, 9000};
	uint32_t nr = 4 + below(m, 22), pos = 0;

	m->length = lengths[below(m, 8)];
	m->front = below(m, 4) ? 1 : 0;
	handshake(m);
	for (uint32_t i = 0; i < nr; i++)
		noise(m);
	while (pos < m->length) {
		uint32_t n = 1 + below(m, m->length);

		n = n > 1400 ? 1400 : n;
		n = n > m->length - pos ? m->length - pos : n;
		word(m, "%u:.*%u", pos, n);
		pos += n;
		if (below(m, 6) == 0)
			noise(m);
	}
	m->h->length = m->length;
}

void hostile_make(struct hostile *h, uint64_t seed, uint16_t port)
{
	struct maker m = {.h = h, .seed = seed * 2654435761u + 1};

	memset(h, 0, sizeof(*h));
	script_client_init(&h->client, port,
			   below(&m, 4) ? (uint32_t)world_rand(&m.seed) & 0x3fffffff :
					  0xffffffff - below(&m, 60));
	h->client.v6 = below(&m, 5) == 0;
	h->client.ts = below(&m, 3) == 0;
	h->client.wscale = below(&m, 2) ? 0xff : 7;
	m.ends = below(&m, 3) == 0;
	connection(&m);
	if (below(&m, 6) == 0) {
		word(&m, "%u:/R-", m.length);
		word(&m, "new");
		connection(&m);
	}
	if (below(&m, 4)) {
		word(&m, "%u:/F", m.length);
	} else {
		word(&m, "%u:/F", m.length);
		for (uint32_t i = below(&m, 5); i > 0; i--)
			noise(&m);
	}
	h->whole = !m.ends;
}
