/* tests/sim/script.c - segment sequences as text, see script.h */
#include "tests/sim/script.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/bytes.h"
#include "shm/csum.h"

#define DATA_MAX 1460u

/* one word, taken apart */
struct word {
	int64_t pos;
	uint8_t data[DATA_MAX];
	uint32_t len;
	uint8_t flags;
	bool no_ack, sum, ipsum, other, nots, ext, syn_options;
	int64_t ack_off, seq_off, ts_off;
	uint32_t urg, wnd, ttl, doff, rsv, ihl, len_add, cut, pad, id;
	uint8_t opt[40];
	uint32_t nr_opt;
	uint8_t ip_opt[8];
	uint32_t nr_ip_opt;
	const char *frag;
};

uint8_t script_byte(uint32_t pos)
{
	return (uint8_t)("abcdefghijklmnopqrstuvwxyz0123456789"[(pos * 7 + pos / 36) % 36]);
}

/* ------------------------------------------------------------------ reading a word */

static bool parse_data(struct word *w, const char **s, const char *end)
{
	const char *p = *s;
	char *after;

	if (p < end && *p == '~') {
		w->len = (uint32_t)strtoul(p + 1, &after, 10);
		if (w->len > DATA_MAX)
			return false;
		for (uint32_t i = 0; i < w->len; i++)
			w->data[i] = script_byte((uint32_t)w->pos + i);
		*s = after;
		return true;
	}
	if (p + 1 < end && p[1] == '*') {
		w->len = (uint32_t)strtoul(p + 2, &after, 10);
		if (w->len > DATA_MAX)
			return false;
		memset(w->data, *p, w->len);
		*s = after;
		return true;
	}
	while (p < end && *p != '/' && *p != ',' && w->len < DATA_MAX)
		w->data[w->len++] = (uint8_t)*p++;
	*s = p;
	return true;
}

static bool parse_flags(struct word *w, const char **s, const char *end)
{
	static const char names[] = "FSRPAUEC";

	for (; *s < end && **s != ','; (*s)++) {
		const char *at = strchr(names, **s);

		if (**s == '-')
			w->no_ack = true;
		else if (at)
			w->flags |= (uint8_t)(1u << (at - names));
		else
			return false;
	}
	return true;
}

static void parse_hex(struct word *w, const char *s)
{
	unsigned int byte;

	while (w->nr_opt < sizeof(w->opt) && isxdigit((unsigned char)s[0]) &&
	       isxdigit((unsigned char)s[1]) && sscanf(s, "%2x", &byte) == 1) {
		w->opt[w->nr_opt++] = (uint8_t)byte;
		s += 2;
	}
}

static bool parse_number(struct word *w, const char *m, size_t n)
{
	const struct {
		const char *name;
		int64_t *to;
		uint32_t *to32;
	} numbers[] = {
		{"ack", &w->ack_off, NULL}, {"seq", &w->seq_off, NULL}, {"ts", &w->ts_off, NULL},
		{"urg=", NULL, &w->urg},    {"wnd=", NULL, &w->wnd},	{"ttl=", NULL, &w->ttl},
		{"doff=", NULL, &w->doff},  {"rsv=", NULL, &w->rsv},	{"ihl=", NULL, &w->ihl},
		{"len+", NULL, &w->len_add}, {"cut=", NULL, &w->cut},	{"pad=", NULL, &w->pad},
		{"id=", NULL, &w->id},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t k = strlen(numbers[i].name);

		if (n <= k || strncmp(m, numbers[i].name, k) != 0)
			continue;
		if (numbers[i].to)
			*numbers[i].to = strtoll(m + k, NULL, 10);
		else
			*numbers[i].to32 = (uint32_t)strtoul(m + k, NULL, 10);
		return true;
	}
	return false;
}

static bool parse_mod(struct word *w, const char *m, size_t n)
{
	static const char *const names[] = {"sum", "ipsum", "other", "nots", "ext"};
	bool *const flags[] = {&w->sum, &w->ipsum, &w->other, &w->nots, &w->ext};

	for (size_t i = 0; i < 5; i++) {
		if (n == strlen(names[i]) && strncmp(m, names[i], n) == 0) {
			*flags[i] = true;
			return true;
		}
	}
	if (n == 3 && strncmp(m, "md5", 3) == 0) {
		w->opt[0] = 19;
		w->opt[1] = 18;
		memset(w->opt + 2, 'M', 16);
		w->nr_opt = 18;
	} else if (n == 4 && strncmp(m, "lsrr", 4) == 0) {
		memcpy(w->ip_opt, "\x83\x07\x08\x0a\x09\x00\x02", 8);
		w->nr_ip_opt = 8;
	} else if (strncmp(m, "opt=", 4) == 0) {
		parse_hex(w, m + 4);
	} else if (strncmp(m, "frag=", 5) == 0) {
		w->frag = m + 5;
	} else {
		return parse_number(w, m, n);
	}
	return true;
}

static bool parse(struct word *w, const char *s, size_t n)
{
	const char *end = s + n;
	char *after;

	memset(w, 0, sizeof(*w));
	w->wnd = 65535;
	w->ttl = 64;
	w->ihl = 5;
	if (n >= 3 && strncmp(s, "syn", 3) == 0) {
		w->pos = -1;
		w->syn_options = true;
		w->flags = SG_SYN;
		w->no_ack = true;
		s += 3;
	} else {
		w->pos = strtoll(s, &after, 10);
		if (after == s || *after != ':')
			return false;
		s = after + 1;
		if (!parse_data(w, &s, end))
			return false;
	}
	if (s < end && *s == '/') {
		s++;
		if (!parse_flags(w, &s, end))
			return false;
	}
	while (s < end && *s == ',') {
		const char *m = s + 1;

		for (s = m; s < end && *s != ','; s++)
			;
		if (!parse_mod(w, m, (size_t)(s - m)))
			return false;
	}
	if (!w->no_ack)
		w->flags |= SG_ACK;
	return s == end;
}

/* ------------------------------------------------------------------ crafting */

static uint32_t options(struct script_client *c, const struct word *w, uint8_t *o)
{
	uint32_t n = 0;

	if (w->syn_options) {
		memcpy(o, "\x02\x04\x05\xb4", 4);
		n = 4;
		if (c->wscale != 0xff) {
			memcpy(o + n, "\x01\x03\x03", 3);
			o[n + 3] = c->wscale;
			n += 4;
		}
	}
	if (c->ts && !w->nots && !(w->flags & SG_RST)) {
		memcpy(o + n, "\x01\x01\x08\x0a", 4);
		if (w->ts_off) {
			fos_put32(o + n + 4, c->tsval + (uint32_t)w->ts_off);
		} else {
			c->tsval += 10;
			fos_put32(o + n + 4, c->tsval);
		}
		fos_put32(o + n + 8, c->tsecr);
		n += 12;
	}
	if (n + w->nr_opt > 40)
		return n;
	memcpy(o + n, w->opt, w->nr_opt);
	n += w->nr_opt;
	while (n % 4)
		o[n++] = 1;
	return n;
}

static void addresses(const struct script_client *c, const struct word *w, uint8_t a[32])
{
	inet_pton(c->v6 ? AF_INET6 : AF_INET, c->v6 ? SCRIPT_CLIENT6 : SCRIPT_CLIENT4, a);
	inet_pton(c->v6 ? AF_INET6 : AF_INET, c->v6 ? SCRIPT_SERVER6 : SCRIPT_SERVER4, a + 16);
	if (w->other)
		a[c->v6 ? 31 : 19] ^= 0x40;
}

static uint32_t craft_tcp(struct script_client *c, const struct word *w, uint8_t *t)
{
	uint32_t n = 20 + options(c, w, t + 20), len;
	uint8_t a[32];

	fos_put16(t, c->sport);
	fos_put16(t + 2, SCRIPT_PORT);
	fos_put32(t + 4, c->isn + 1 + (uint32_t)w->pos + (uint32_t)w->seq_off);
	fos_put32(t + 8, w->flags & SG_ACK ?
			    (c->sisn_known ? c->sisn : 0) + 1 + c->received + (uint32_t)w->ack_off :
			    (uint32_t)w->ack_off);
	t[12] = (uint8_t)((w->doff ? w->doff : n / 4) << 4 | w->rsv << 1);
	t[13] = w->flags;
	fos_put16(t + 14, w->wnd);
	fos_put16(t + 16, 0);
	fos_put16(t + 18, w->urg);
	memcpy(t + n, w->data, w->len);
	len = n + w->len;
	addresses(c, w, a);
	fos_csum_transport_set(c->v6 ? fos_csum_pseudo6(a, a + 16, IPPROTO_TCP, len) :
				       fos_csum_pseudo4(a, a + 16, IPPROTO_TCP, (uint16_t)len),
			       IPPROTO_TCP, t, len);
	if (w->sum)
		fos_put16(t + 16, fos_get16(t + 16) ^ 0x1234);
	return len;
}

/* The packet around [from, to) of the IP payload; frag_off < 0: no fragment. */
static void craft_ip(struct script_client *c, const struct word *w, const uint8_t *l4,
		     uint32_t len, int32_t frag_off, bool more, script_emit *emit, void *arg)
{
	static const uint8_t ext[16] = {60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0};
	uint8_t f[SCRIPT_FRAME_MAX] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, *p = f + 14, a[32];
	uint32_t head = 20 + w->nr_ip_opt, id = w->id ? w->id : c->ident;

	addresses(c, w, a);
	fos_put16(f + 12, c->v6 ? 0x86dd : 0x0800);
	if (c->v6) {
		uint32_t more_head = frag_off >= 0 ? 8 : w->ext ? 16 : 0;

		p[0] = 0x60;
		fos_put16(p + 4, len + more_head + w->len_add);
		p[6] = frag_off >= 0 ? IPPROTO_FRAGMENT : w->ext ? IPPROTO_HOPOPTS : IPPROTO_TCP;
		p[7] = (uint8_t)w->ttl;
		memcpy(p + 8, a, 32);
		head = 40 + more_head;
		if (frag_off >= 0) {
			p[40] = IPPROTO_TCP;
			fos_put16(p + 42, (uint32_t)frag_off | more);
			fos_put32(p + 44, id);
		} else if (w->ext) {
			memcpy(p + 40, ext, 16);
		}
	} else {
		p[0] = (uint8_t)(0x40 | (w->ihl != 5 ? w->ihl : head / 4));
		fos_put16(p + 2, head + len + w->len_add);
		fos_put16(p + 4, id);
		fos_put16(p + 6, frag_off >= 0 ? (uint32_t)frag_off / 8 | (more ? 0x2000 : 0) : 0x4000);
		p[8] = (uint8_t)w->ttl;
		p[9] = IPPROTO_TCP;
		memcpy(p + 12, a, 4);
		memcpy(p + 16, a + 16, 4);
		memcpy(p + 20, w->ip_opt, w->nr_ip_opt);
		fos_csum_ipv4_set(p, head);
		if (w->ipsum)
			p[10] ^= 0x55;
	}
	memcpy(p + head, l4, len);
	memset(p + head + len, 'E', w->pad);
	emit(arg, f, 14 + head + len + w->pad);
}

static bool craft_fragments(struct script_client *c, const struct word *w, const uint8_t *l4,
			    uint32_t len, script_emit *emit, void *arg)
{
	const char *s = w->frag;

	for (;;) {
		uint8_t other[SCRIPT_FRAME_MAX];
		char *after;
		uint32_t from = (uint32_t)strtoul(s, &after, 10), to = len;
		const uint8_t *bytes = l4;
		bool more;

		if (after == s || *after != '-' || from > len)
			return false;
		s = after + 1;
		more = *s >= '0' && *s <= '9';
		if (more)
			to = (uint32_t)strtoul(s, &after, 10);
		s = more ? after : s;
		if (to > len || to < from)
			return false;
		if (*s == 'e') {
			memset(other, 'E', sizeof(other));
			bytes = other;
			s++;
		}
		craft_ip(c, w, bytes + from, to - from, (int32_t)from, more, emit, arg);
		if (*s != '.')
			return true;
		s++;
	}
}

bool script_word(struct script_client *c, const char *word, size_t n, script_emit *emit, void *arg)
{
	uint8_t l4[SCRIPT_FRAME_MAX];
	struct word w;
	uint32_t len;

	if (n == 3 && strncmp(word, "new", 3) == 0) {
		c->isn += 0x2000000;
		c->sisn_known = false;
		c->received = 0;
		return true;
	}
	if (!parse(&w, word, n)) {
		c->error = word;
		return false;
	}
	len = craft_tcp(c, &w, l4);
	c->ident++;
	if (w.frag)
		return craft_fragments(c, &w, l4, len, emit, arg);
	craft_ip(c, &w, l4, w.cut ? w.cut : len, -1, false, emit, arg);
	return true;
}

void script_client_init(struct script_client *c, uint16_t sport, uint32_t isn)
{
	memset(c, 0, sizeof(*c));
	c->sport = sport;
	c->isn = isn;
	c->wscale = 0xff;
	c->tsval = 100000;
	c->ident = 100;
}

/* ------------------------------------------------------------------ reading packets */

static void view_options(struct script_view *v)
{
	uint32_t at = 20, end = v->doff;

	while (at < end && v->tcp[at] != 0) {
		uint32_t n = v->tcp[at] == 1 ? 1 : at + 1 < end ? v->tcp[at + 1] : 0;

		if (n == 0 || n > end - at)
			return;
		if (v->tcp[at] == 8 && n == 10) {
			v->has_ts = true;
			v->tsval = fos_get32(v->tcp + at + 2);
			v->tsecr = fos_get32(v->tcp + at + 6);
		}
		at += n;
	}
}

bool script_view(const uint8_t *f, uint32_t len, struct script_view *v)
{
	uint32_t head, total;

	memset(v, 0, sizeof(*v));
	if (len < 54)
		return false;
	v->v6 = fos_get16(f + 12) == 0x86dd;
	head = v->v6 ? 40 : (f[14] & 15u) * 4;
	total = v->v6 ? 40 + fos_get16(f + 18) : fos_get16(f + 16);
	if (f[v->v6 ? 20 : 23] != IPPROTO_TCP || total > len - 14 || total < head + 20)
		return false;
	v->tcp = f + 14 + head;
	v->sport = (uint16_t)fos_get16(v->tcp);
	v->dport = (uint16_t)fos_get16(v->tcp + 2);
	v->seq = fos_get32(v->tcp + 4);
	v->ack = fos_get32(v->tcp + 8);
	v->doff = (uint8_t)((v->tcp[12] >> 4) * 4);
	v->flags = v->tcp[13];
	v->wnd = (uint16_t)fos_get16(v->tcp + 14);
	v->urg = (uint16_t)fos_get16(v->tcp + 18);
	if (v->doff < 20 || head + v->doff > total)
		return false;
	v->data = v->tcp + v->doff;
	v->len = total - head - v->doff;
	view_options(v);
	return true;
}

void script_learn(struct script_client *c, const uint8_t *frame, uint32_t len)
{
	struct script_view v;
	uint32_t end;

	if (!script_view(frame, len, &v) || v.dport != c->sport || v.flags & SG_RST)
		return;
	if (v.flags & SG_SYN && v.flags & SG_ACK && v.ack == c->isn + 1) {
		c->sisn = v.seq;
		c->sisn_known = true;
	}
	if (v.has_ts)
		c->tsecr = v.tsval;
	if (!c->sisn_known || v.flags & SG_SYN)
		return;
	end = v.seq - c->sisn - 1 + v.len + (v.flags & SG_FIN ? 1 : 0);
	if ((v.len || v.flags & SG_FIN) && end < 1u << 24 && end > c->received)
		c->received = end;
}
