/* assets - what is in the network, by listening: hosts, their operating systems, services and clients
 *
 * Lesson: remembering across connections.  Whether something is new is asked of a table of the module's
 * own flows, keyed by what was found (pm_link.h): it survives a kill, so that each asset is one
 * line, and its bound is a number in FOS_PM(), not the machine's memory.
 *
 * Lesson: looking at the beginning.  A SYN and its answer tell the system (initial TTL, window, order of
 * the TCP options), the first bytes of each side the program.  They are copied into the context,
 * at most 512, and no byte waits; then the module lets the flow go and costs nothing more.
 *
 *   options:
 *     signatures:                            entries beside those of pms/lib/signatures.h, and before them
 *       - "os syn 64 20*mss mss,nop,ws our appliance"
 *       - "service /HELLO ([0-9.]+)\n/ our daemon"
 *     list: /etc/flowos/signatures.txt       more of them, one a line; '#' begins a comment
 *     file: assets.tsv                       where the lines go (default: standard output)
 *
 * Lines, tab-separated, once for each asset (in each lane; of 32768 the longest unseen go first):
 *	host     ADDRESS                            has completed a handshake, or sent bytes
 *	os       ADDRESS  NAME  syn|synack FINGERPRINT  hops
 *	service  ADDRESS  PORT  NAME  VERSION       what a server has said first
 *	client   ADDRESS  NAME  VERSION             and what a client has
 * "unknown" stands for a name that no entry gives: the fingerprint ("64 64240 mss,sok,ts,nop,ws mss 1460")
 * is what an entry is made from.  VERSION is "-" when nothing is told of it.  TCP over IPv4 and IPv6.
 */
#include <ctype.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/pm.h"
#include "pms/lib/signatures.h"

#define HEAD 512u
#define MAX_SIGNATURES 1024
#define TEXT 64

enum { TCP = 6, SYN = 2, ACK = 16 };
enum kind { OS_SYN, OS_SYNACK, SERVICE, CLIENT, NR_KINDS };

struct print { /* of a SYN or its answer */
	uint8_t ttl, first; /* as seen, and as sent */
	uint8_t answer, is;
	uint16_t window, mss;
	char options[TEXT];
};

struct flow { /* context */
	struct print print;
	uint16_t len;
	uint8_t told, decided;
	uint8_t head[HEAD]; /* the first bytes */
};

static struct signature {
	enum kind kind;
	uint8_t ttl;
	bool any, of_mss; /* window: any; a multiple of the MSS */
	uint32_t window;
	char options[TEXT], name[TEXT];
	regex_t regex;
} *signature;
static unsigned nr;
static int out;

/* ---------------------------------------------------------------- signatures */

static const char *parse_os(struct signature *s, char *text)
{
	char *which = fos_word(&text), *ttl = fos_word(&text), *window = fos_word(&text);
	char *options = fos_word(&text), *end;

	if (!which || !options || (strcmp(which, "syn") != 0 && strcmp(which, "synack") != 0))
		return "an os entry is: os syn|synack TTL WINDOW OPTIONS NAME";
	s->kind = which[3] ? OS_SYNACK : OS_SYN;
	s->ttl = (uint8_t)strtoul(ttl, &end, 10);
	if (*end || !(s->ttl == 32 || s->ttl == 64 || s->ttl == 128 || s->ttl == 255))
		return "TTL is 32, 64, 128 or 255";
	s->any = strcmp(window, "*") == 0;
	s->window = s->any ? 0 : (uint32_t)strtoul(window, &end, 10);
	s->of_mss = !s->any && strcmp(end, "*mss") == 0;
	if (!s->any && (end == window || s->window > 65535 || (*end && !s->of_mss)))
		return "WINDOW is a number up to 65535, N*mss or *";
	if (strlen(options) >= sizeof(s->options))
		return "OPTIONS has at most 63 characters";
	snprintf(s->options, sizeof(s->options), "%s", options);
	while (*text == ' ' || *text == '\t')
		text++;
	snprintf(s->name, sizeof(s->name), "%s", text);
	return *text && strlen(text) < sizeof(s->name) ? NULL : "NAME has 1 to 63 characters";
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* \xNN, \r, \n and \t to their bytes, in place. */
static void bytes_of(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] == 'x' && digit(text[2]) >= 0 && digit(text[3]) >= 0) {
			int byte = digit(text[2]) << 4 | digit(text[3]);

			*to++ = (char)(byte ? byte : 0xff);
			text += 3;
		} else if (text[0] == '\\' && text[1] && strchr("rnt", text[1])) {
			*to++ = *++text == 'r' ? '\r' : *text == 'n' ? '\n' : '\t';
		} else {
			if (*text == '\\' && text[1])
				*to++ = *text++;
			*to++ = *text;
		}
	}
	*to = 0;
}

static const char *parse_banner(struct signature *s, char *text)
{
	static char wrong[256];
	char *end;
	int rc;

	while (*text == ' ' || *text == '\t')
		text++;
	for (end = *text == '/' ? text + 1 : text; *end && *end != '/'; end++)
		end += *end == '\\' && end[1];
	if (*text != '/' || *end != '/' || end == text + 1)
		return "an entry is: service|client /REGEX/ NAME";
	*end++ = 0;
	while (*end == ' ' || *end == '\t')
		end++;
	if (!*end || strlen(end) >= sizeof(s->name))
		return "NAME has 1 to 63 characters";
	snprintf(s->name, sizeof(s->name), "%s", end);
	bytes_of(text + 1);
	rc = regcomp(&s->regex, text + 1, REG_EXTENDED);
	if (rc == 0)
		return NULL;
	snprintf(wrong, sizeof(wrong), "not a regular expression: ");
	regerror(rc, &s->regex, wrong + strlen(wrong), sizeof(wrong) - strlen(wrong));
	return wrong;
}

static const char *add(struct fos_instance *pm, char *text, void *arg)
{
	struct signature *s = &signature[nr];
	char *what = fos_word(&text);
	const char *wrong;

	(void)pm, (void)arg;
	if (nr == MAX_SIGNATURES)
		return "that is one signature more than 1024";
	memset(s, 0, sizeof(*s));
	if (what && strcmp(what, "os") == 0) {
		wrong = parse_os(s, text);
	} else if (what && (strcmp(what, "service") == 0 || strcmp(what, "client") == 0)) {
		s->kind = *what == 's' ? SERVICE : CLIENT;
		wrong = parse_banner(s, text);
	} else {
		wrong = "an entry begins with os, service or client";
	}
	nr += !wrong;
	return wrong;
}

static int init(struct fos_instance *pm)
{
	char text[512];

	for (unsigned i = 0; i < nr; i++)
		if (signature[i].kind >= SERVICE)
			regfree(&signature[i].regex);
	nr = 0;
	if (!signature)
		signature = calloc(MAX_SIGNATURES, sizeof(*signature));
	if (!signature)
		abort();
	if (fos_entries(pm, "signatures", "list", add, NULL))
		return -1;
	for (size_t i = 0; i < sizeof(fos_signatures) / sizeof(fos_signatures[0]); i++) {
		snprintf(text, sizeof(text), "%s", fos_signatures[i]);
		if (nr < MAX_SIGNATURES && add(pm, text, NULL))
			abort(); /* our own table */
	}
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- what is new */

/* Has this been told already?  The key: kind, address, and a number for the rest of the line. */
static bool is_new(struct fos_instance *pm, uint8_t kind, const uint8_t addr[16], const char *rest)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	uint8_t key[25];
	uint64_t *known;

	for (const char *c = rest; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3ull;
	key[0] = kind;
	memcpy(key + 1, addr, 16);
	memcpy(key + 17, &hash, 8);
	known = fos_key_open(pm, key, sizeof(key));
	if (!known)
		return false; /* no room in this commit: another connection will tell */
	return (*known)++ == 0;
}

static void tell(struct fos_window *w, uint8_t kind, const char *word, const char *rest)
{
	const struct fos_flow_info *f = fos_flow(w);
	char addr[FOS_ADDRESS_TEXT];

	if (is_new(fos_pm_of(w), kind, f->src, rest))
		fos_printf(fos_pm_of(w), out, "%s\t%s%s\n", word, fos_address_text(f->src, addr), rest);
}

/* ---------------------------------------------------------------- systems */

static void option_names(const uint8_t *o, uint32_t len, struct print *p)
{
	static const char *const names[] = {"eol", "nop", "mss", "ws", "sok", NULL, NULL, NULL, "ts"};
	size_t n = 0;

	for (uint32_t i = 0; i < len && n + 8 < sizeof(p->options);) {
		uint32_t size = o[i] < 2 ? 1 : i + 1 < len ? o[i + 1] : 0;

		if (size == 0 || size > len - i || (o[i] >= 2 && size < 2))
			break;
		if (o[i] < 9 && names[o[i]])
			n += (size_t)snprintf(p->options + n, sizeof(p->options) - n, "%s%s", n ? "," : "",
					      names[o[i]]);
		else
			n += (size_t)snprintf(p->options + n, sizeof(p->options) - n, "%s?%u", n ? "," : "",
					      o[i]);
		if (o[i] == 2 && size == 4)
			p->mss = (uint16_t)(o[i + 2] << 8 | o[i + 3]);
		if (o[i] == 0)
			break;
		i += size;
	}
	if (n == 0)
		snprintf(p->options, sizeof(p->options), "-");
}

static void take_print(struct fos_window *w, struct flow *c)
{
	struct fos_packet k;
	const uint8_t *t;
	uint32_t size;

	if (fos_event_packet(w, &k) != FOS_OK || k.proto != TCP || !k.l4_off || k.l4_off + 20 > k.len)
		return;
	t = k.data + k.l4_off;
	size = (uint32_t)(t[12] >> 4) * 4;
	if (!(t[13] & SYN) || size < 20 || k.l4_off + size > k.len || k.l3_off + 9 > k.len)
		return;
	memset(&c->print, 0, sizeof(c->print));
	c->print.ttl = k.data[k.l3_off + (k.flags & FOS_IS_IPV6 ? 7 : 8)];
	c->print.first = c->print.ttl <= 32 ? 32 : c->print.ttl <= 64 ? 64 :
			 c->print.ttl <= 128 ? 128 : 255;
	c->print.answer = (t[13] & ACK) != 0;
	c->print.window = (uint16_t)(t[14] << 8 | t[15]);
	option_names(t + 20, size - 20, &c->print);
	c->print.is = 1;
}

static const char *system_of(const struct print *p)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct signature *s = &signature[i];

		if (s->kind == (p->answer ? OS_SYNACK : OS_SYN) && s->ttl == p->first &&
		    (s->any || p->window == (s->of_mss ? s->window * p->mss : s->window)) &&
		    strcmp(s->options, p->options) == 0)
			return s->name;
	}
	return "unknown";
}

/* The end that sends this direction is there. */
static void tell_host(struct fos_window *w, struct flow *c)
{
	const struct print *p = &c->print;
	char rest[256];

	if (c->told)
		return;
	c->told = 1;
	tell(w, 0, "host", "");
	if (!p->is)
		return;
	snprintf(rest, sizeof(rest), "\t%s\t%s %u %u %s mss %u\t%u", system_of(p),
		 p->answer ? "synack" : "syn", p->first, p->window, p->options, p->mss,
		 p->first - p->ttl);
	tell(w, 1, "os", rest);
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct flow *c = fos_ctx(w);

	if (ev->id == FOS_ON_PACKET) {
		take_print(w, c);
		fos_subscribe(w, FOS_BIT(FOS_ON_SETUP));
	} else if (ev->id == FOS_ON_SETUP) {
		tell_host(w, c);
	}
}

/* ---------------------------------------------------------------- programs */

/* The entry whose match of the first bytes ends first; its last group in *version. */
static const struct signature *program_of(const struct flow *c, enum kind kind, regmatch_t *version)
{
	const struct signature *best = NULL;
	char text[HEAD + 1];
	regmatch_t m[10];
	regoff_t end = 0;

	for (uint32_t i = 0; i < c->len; i++)
		text[i] = (char)(c->head[i] ? c->head[i] : 0xff);
	text[c->len] = 0;
	for (unsigned i = 0; i < nr; i++) {
		const struct signature *s = &signature[i];

		if (s->kind != kind || regexec(&s->regex, text, 10, m, 0) != 0 || m[0].rm_so != 0 ||
		    (best && m[0].rm_eo >= end))
			continue;
		best = s;
		end = m[0].rm_eo;
		version->rm_so = version->rm_eo = 0;
		if (s->regex.re_nsub > 0 && s->regex.re_nsub < 10 && m[s->regex.re_nsub].rm_so >= 0)
			*version = m[s->regex.re_nsub];
	}
	return best;
}

static void tell_program(struct fos_window *w, const struct flow *c, enum kind kind,
			 const struct signature *s, const regmatch_t *v)
{
	char rest[256], version[TEXT] = "-";
	size_t n = 0;

	for (regoff_t i = v->rm_so; s && i < v->rm_eo && n + 1 < sizeof(version); i++)
		version[n++] = (char)(isprint(c->head[i]) ? c->head[i] : '.');
	if (n)
		version[n] = 0;
	if (kind == SERVICE)
		snprintf(rest, sizeof(rest), "\t%u\t%s\t%s", fos_flow(w)->sport,
			 s ? s->name : "unknown", version);
	else
		snprintf(rest, sizeof(rest), "\t%s\t%s", s ? s->name : "unknown", version);
	tell(w, (uint8_t)(2 + kind), kind == SERVICE ? "service" : "client", rest);
}

static void look(struct fos_window *w, struct flow *c)
{
	enum kind kind = fos_flow(w)->reverse ? SERVICE : CLIENT;
	regmatch_t version = {0, 0};
	const struct signature *s;

	c->len += (uint16_t)fos_read(w, fos_head(w), c->head + c->len, HEAD - c->len);
	if (c->len == 0)
		return;
	tell_host(w, c);
	s = program_of(c, kind, &version);
	if (!s && c->len < HEAD && !fos_fin(w))
		return;
	c->decided = 1;
	/* a client that says nothing known is no news */
	if (s || kind == SERVICE)
		tell_program(w, c, kind, s, &version);
}

static void on_data(struct fos_window *w)
{
	struct flow *c = fos_ctx(w);

	if (!c->decided && fos_flow(w)->proto == TCP)
		look(w, c);
	if (c->decided || fos_flow(w)->proto != TCP)
		fos_bypass(w);
	fos_release_all(w);
}

FOS_PM(.name = "assets", .stream = FOS_APP, .flags = FOS_PM_PACKETS, .ctx_size = sizeof(struct flow),
	.keys = 32768, .key_value = sizeof(uint64_t), .init = init,
	.events = FOS_BIT(FOS_ON_PACKET) | FOS_BIT(FOS_ON_SETUP), .on_event = on_event,
	.on_data = on_data);
