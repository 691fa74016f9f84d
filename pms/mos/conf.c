/* conf.c - reads mos.conf, see conf.h */
#include "pms/mos/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20)

enum block { TOP, MOS, APPLICATION, NETDEV, ARP, ROUTE, FORWARD };

struct reader {
	const char *name;
	const char *p, *end;
	const char *line; /* where it begins */
	uint32_t nr;
	char *err;
	size_t err_size;
	struct fos_mos_conf *out;
	struct fos_mos_app *app;
	bool mos_seen;
};

__attribute__((format(printf, 3, 4)))
static int wrong(struct reader *r, const char *at, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(r->err, r->err_size, "%s:%u:%u: ", r->name, r->nr,
			 (unsigned)(at - r->line) + 1);

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < r->err_size)
		vsnprintf(r->err + n, r->err_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---------------------------------------------------------------- text */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void blanks(struct reader *r)
{
	while (r->p < r->end && blank(*r->p))
		r->p++;
	if (r->p < r->end && *r->p == '#')
		while (r->p < r->end && *r->p != '\n')
			r->p++;
}

static bool line_ends(struct reader *r)
{
	blanks(r);
	return r->p == r->end || *r->p == '\n';
}

static void next_line(struct reader *r)
{
	r->line = ++r->p;
	r->nr++;
}

/* Past blank lines; false at the end of the text. */
static bool to_text(struct reader *r)
{
	while (line_ends(r)) {
		if (r->p == r->end)
			return false;
		next_line(r);
	}
	return true;
}

static size_t word(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && letter(*r->p))
		r->p++;
	return (size_t)(r->p - from);
}

static bool is(const char *at, size_t len, const char *text)
{
	return strlen(text) == len && !memcmp(at, text, len);
}

/* The rest of the line without blanks and comment, into buf. */
static int value(struct reader *r, char buf[FOS_MOS_TEXT])
{
	const char *from, *to;

	blanks(r);
	from = to = r->p;
	while (r->p < r->end && *r->p != '\n' && *r->p != '#' && *r->p != '}') {
		if ((unsigned char)*r->p < ' ' && !blank(*r->p))
			return wrong(r, r->p, "a byte that is no text");
		if (!blank(*r->p++))
			to = r->p;
	}
	if ((size_t)(to - from) >= FOS_MOS_TEXT)
		return wrong(r, from, "longer than %u bytes", FOS_MOS_TEXT - 1);
	memcpy(buf, from, (size_t)(to - from));
	buf[to - from] = '\0';
	return 0;
}

/* ---------------------------------------------------------------- keys */

enum kind { NUMBER, TEXT, FORWARDS, PROCESSES };

/* `at` is the place in struct fos_mos_conf, or NONE: checked and not used. */
#define NONE SIZE_MAX
static const struct key {
	const char *name;
	enum kind kind;
	long min, max;
	size_t at;
} mos_keys[] = {
	{"forward", FORWARDS, 0, 1, NONE},
	{"nb_mem_channels", NUMBER, 0, 64, NONE},
	{"max_concurrency", NUMBER, 1, 10000000, offsetof(struct fos_mos_conf, max_concurrency)},
	{"no_ring_buffers", NUMBER, 0, 1, offsetof(struct fos_mos_conf, no_ring_buffers)},
	{"rmem_size", NUMBER, 1024, 1 << 24, offsetof(struct fos_mos_conf, rmem_size)},
	{"wmem_size", NUMBER, 1024, 1 << 24, offsetof(struct fos_mos_conf, wmem_size)},
	{"tcp_tw_interval", NUMBER, 0, 86400, offsetof(struct fos_mos_conf, tcp_tw_interval)},
	{"tcp_timeout", NUMBER, -1, 86400, offsetof(struct fos_mos_conf, tcp_timeout)},
	{"mos_log", TEXT, 0, 0, NONE},
	{"stat_print", TEXT, 0, 0, NONE},
	{"port", TEXT, 0, 0, NONE},
	{"multiprocess", PROCESSES, 0, 0, NONE},
};

static const char mos_allowed[] =
	"forward, nb_mem_channels, max_concurrency, no_ring_buffers, rmem_size, wmem_size, "
	"tcp_tw_interval, tcp_timeout, mos_log, stat_print, port, and the blocks netdev, arp_table, "
	"route_table, nic_forward_table";

static int number(struct reader *r, const char *at, const struct key *k, const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 0);
	if (end == text || *end || errno || n < k->min || n > k->max)
		return wrong(r, at, "%s is a number from %ld to %ld, not '%.40s'", k->name, k->min,
			     k->max, text);
	if (k->kind == FORWARDS && n == 0)
		return wrong(r, at, "forward = 0 is not offered: the box forwards what no program "
				    "drops; forward = 1");
	if (k->at == offsetof(struct fos_mos_conf, no_ring_buffers))
		r->out->no_ring_buffers = n != 0;
	else if (k->at != NONE)
		*(int *)(void *)((char *)r->out + k->at) = (int)n;
	return 0;
}

static int mos_value(struct reader *r, const char *name, size_t len)
{
	char text[FOS_MOS_TEXT];
	const char *at;

	for (size_t i = 0; i < sizeof(mos_keys) / sizeof(mos_keys[0]); i++) {
		const struct key *k = &mos_keys[i];

		if (!is(name, len, k->name))
			continue;
		blanks(r);
		at = r->p;
		if (value(r, text) < 0)
			return -1;
		if (k->kind == PROCESSES)
			return wrong(r, name, "multiprocess is not offered: the box runs a process "
					      "of the program for each of its lanes");
		return k->kind == TEXT ? 0 : number(r, at, k, text);
	}
	return wrong(r, name, "no such key of mos: '%.*s'; there are %s", (int)(len < 40 ? len : 40),
		     name, mos_allowed);
}

static int mask(struct reader *r, const char *at, const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (end == text || *end || errno || *text == '-')
		return wrong(r, at, "a mask of cores is a number such as 0x0001, not '%.40s'", text);
	return 0;
}

static int app_value(struct reader *r, const char *name, size_t len)
{
	char text[FOS_MOS_TEXT], *save, *w;
	const char *at;

	blanks(r);
	at = r->p;
	if (value(r, text) < 0)
		return -1;
	if (is(name, len, "type")) {
		if (strcmp(text, "monitor"))
			return wrong(r, at, "type is monitor, not '%.40s': a program's own "
					    "connections are not offered", text);
		memcpy(r->app->type, text, sizeof(text));
	} else if (is(name, len, "run")) {
		memcpy(r->app->run, text, sizeof(text));
		r->app->argc = 0;
		for (w = strtok_r(r->app->run, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
			if (r->app->argc == FOS_MOS_ARGS)
				return wrong(r, at, "more than %d words", FOS_MOS_ARGS);
			r->app->argv[r->app->argc++] = w;
		}
	} else if (is(name, len, "core_mask") || is(name, len, "cpu_mask")) {
		return mask(r, at, text, &r->app->core_mask);
	} else if (is(name, len, "ip_forward")) {
		if (strcmp(text, "1"))
			return wrong(r, at, "ip_forward is 1: the box forwards what no program "
					    "drops");
	} else {
		return wrong(r, name, "no such key of application: '%.*s'; there are type, run, "
				      "core_mask, ip_forward", (int)(len < 40 ? len : 40), name);
	}
	return 0;
}

/* ---------------------------------------------------------------- tables */

static bool is_prefix(const char *text)
{
	unsigned a[4], bits;
	int end = 0;

	return sscanf(text, "%3u.%3u.%3u.%3u/%2u%n", &a[0], &a[1], &a[2], &a[3], &bits, &end) == 5 &&
	       !text[end] && a[0] < 256 && a[1] < 256 && a[2] < 256 && a[3] < 256 && bits <= 32;
}

static bool is_mac(const char *text)
{
	unsigned b[6];
	int end = 0;

	return sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		      &end) == 6 && !text[end];
}

static int table_line(struct reader *r, enum block block)
{
	static const char *const form[] = {
		[NETDEV] = "a line of netdev is an interface and a mask of cores: dpdk0 0x0001",
		[ARP] = "a line of arp_table is 10.0.0.1/32 02:00:00:00:00:01",
		[ROUTE] = "a line of route_table is 10.0.0.0/24 dpdk0",
		[FORWARD] = "a line of nic_forward_table is two interfaces: dpdk0 dpdk1",
	};
	char text[FOS_MOS_TEXT], *save, *a, *b, *more;
	const char *at = r->p;
	uint64_t cores;

	if (value(r, text) < 0)
		return -1;
	a = strtok_r(text, " \t\r", &save);
	b = a ? strtok_r(NULL, " \t\r", &save) : NULL;
	more = b ? strtok_r(NULL, " \t\r", &save) : NULL;
	if (!b || more || ((block == ARP || block == ROUTE) && !is_prefix(a)) ||
	    (block == ARP && !is_mac(b)))
		return wrong(r, at, "%s", form[block]);
	return block == NETDEV ? mask(r, at, b, &cores) : 0;
}

/* ---------------------------------------------------------------- blocks */

static enum block block_of(enum block in, const char *at, size_t len)
{
	static const struct {
		const char *name;
		enum block in, is;
	} blocks[] = {{"mos", TOP, MOS}, {"application", TOP, APPLICATION}, {"netdev", MOS, NETDEV},
		      {"arp_table", MOS, ARP}, {"route_table", MOS, ROUTE},
		      {"nic_forward_table", MOS, FORWARD}};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (blocks[i].in == in && is(at, len, blocks[i].name))
			return blocks[i].is;
	return TOP;
}

static int read_block(struct reader *r, enum block in);

/* After a block's name: its braces and what is in them. */
static int enter(struct reader *r, const char *name, size_t len, enum block block)
{
	if (!to_text(r) || *r->p != '{')
		return wrong(r, r->p, "'{' expected after '%.*s'", (int)len, name);
	r->p++;
	if (block == MOS && r->mos_seen)
		return wrong(r, name < r->line ? r->p : name, "there is a block mos already");
	r->mos_seen |= block == MOS;
	if (block == APPLICATION) {
		if (r->out->nr_apps == FOS_MOS_APPS)
			return wrong(r, r->p, "more than %d applications", FOS_MOS_APPS);
		r->app = &r->out->app[r->out->nr_apps++];
		r->app->core_mask = UINT64_MAX;
	}
	return read_block(r, block);
}

/* `key = value`, or a block inside. */
static int item(struct reader *r, enum block in)
{
	const char *name = r->p;
	size_t len = word(r);
	enum block block = block_of(in, name, len);

	if (len == 0)
		return wrong(r, name, "a name expected");
	if (block != TOP)
		return enter(r, name, len, block);
	if (in == TOP)
		return wrong(r, name, "no such block: '%.*s'; there are mos and application",
			     (int)(len < 40 ? len : 40), name);
	blanks(r);
	if (r->p == r->end || *r->p != '=')
		return wrong(r, r->p, "'=' expected after '%.*s'", (int)(len < 40 ? len : 40), name);
	r->p++;
	return in == MOS ? mos_value(r, name, len) : app_value(r, name, len);
}

static int read_block(struct reader *r, enum block in)
{
	while (to_text(r)) {
		if (*r->p == '}' && in != TOP) {
			r->p++;
			return 0;
		}
		if (in >= NETDEV ? table_line(r, in) : item(r, in))
			return -1;
	}
	return in == TOP ? 0 : wrong(r, r->p, "'}' expected: a block is not closed");
}

int fos_mos_conf_parse(const char *text, size_t len, const char *name, struct fos_mos_conf *out,
		       char *err, size_t err_size)
{
	struct reader r = {.name = name, .p = text, .end = text + len, .line = text, .nr = 1,
			   .err = err, .err_size = err_size, .out = out};

	memset(out, 0, sizeof(*out));
	out->max_concurrency = FOS_MOS_CONCURRENCY;
	out->rmem_size = out->wmem_size = FOS_MOS_RMEM;
	out->tcp_timeout = FOS_MOS_TIMEOUT;
	if (read_block(&r, TOP) < 0)
		return -1;
	return r.mos_seen ? 0 : wrong(&r, r.p, "there is no block mos");
}

int fos_mos_conf_read(const char *path, struct fos_mos_conf *out, char *err, size_t err_size)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(FILE_MAX + 1);
	size_t len = f && text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	int rc = -1;

	if (!f || !text || ferror(f))
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
	else if (len > FILE_MAX)
		snprintf(err, err_size, "%s: larger than %u bytes", path, FILE_MAX);
	else
		rc = fos_mos_conf_parse(text, len, path, out, err, err_size);
	if (f)
		fclose(f);
	free(text);
	return rc;
}
