/* pmhost/text.c - the text helpers of pm.h: attributes of a tag, lists of host names */
#define _GNU_SOURCE /* memmem */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pmhost/host.h"
#include "pmhost/preopen.h"

/* what separates attributes */
static const bool separates[256] = {
	[' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, ['\f'] = true, ['/'] = true,
};

/* what a host's name ends at */
static const bool ends_host[256] = {
	['\0'] = true, ['/'] = true, ['?'] = true, ['#'] = true,  [':'] = true,  ['"'] = true,
	['\''] = true, ['<'] = true, ['>'] = true, [' '] = true,  ['\t'] = true, ['\r'] = true,
	['\n'] = true,
};

static bool blank(char c)
{
	return separates[(unsigned char)c];
}

/* Where a value ends that begins at tag[i], behind the quote if it has one. */
static size_t value_end(const char *tag, size_t len, size_t i, char quote)
{
	const char *end;

	if (quote) {
		end = memchr(tag + i, quote, len - i);
		return end ? (size_t)(end - tag) : len;
	}
	while (i < len && tag[i] != '>' && (tag[i] == '/' || !blank(tag[i])))
		i++;
	return i;
}

/* Steps over one attribute at tag[i]; fills name and value spans; returns the place after it. */
static size_t attribute(const char *tag, size_t len, size_t i, size_t *name_len, size_t *val,
			size_t *val_len)
{
	size_t start = i;
	char quote = 0;

	while (i < len && !blank(tag[i]) && tag[i] != '=' && tag[i] != '>')
		i++;
	*name_len = i - start;
	*val = i;
	*val_len = 0;
	while (i < len && blank(tag[i]) && tag[i] != '/')
		i++;
	if (i >= len || tag[i] != '=')
		return i;
	i++;
	while (i < len && blank(tag[i]) && tag[i] != '/')
		i++;
	if (i < len && (tag[i] == '"' || tag[i] == '\''))
		quote = tag[i++];
	*val = i;
	i = value_end(tag, len, i, quote);
	*val_len = i - *val;
	return quote && i < len ? i + 1 : i;
}

const char *fos_attribute(const char *tag, size_t len, const char *name, size_t *value_len)
{
	size_t i = 0;

	if (!tag)
		len = 0;
	while (i < len && !blank(tag[i]) && tag[i] != '>')
		i++;
	while (i < len && tag[i] != '>') {
		size_t start, name_len, val, val_len;

		if (blank(tag[i])) {
			i++;
			continue;
		}
		start = i;
		i = attribute(tag, len, i, &name_len, &val, &val_len);
		if (i == start)
			i++; /* a lone '=' */
		if (name_len == strlen(name) && strncasecmp(tag + start, name, name_len) == 0) {
			*value_len = val_len;
			return tag + val;
		}
	}
	*value_len = 0;
	return NULL;
}

/* ---------------------------------------------------------------- host lists */

struct fos_hosts {
	char **name; /* lower case, sorted */
	size_t nr, cap;
	struct fos_hosts *next; /* of the same instance */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct fos_hosts *h, const char *name, size_t len)
{
	if (len == 0)
		return;
	if (h->nr == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 16;
		h->name = realloc(h->name, h->cap * sizeof(*h->name));
		if (!h->name)
			abort();
	}
	h->name[h->nr] = strndup(name, len);
	if (!h->name[h->nr])
		abort();
	for (char *c = h->name[h->nr]; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	h->nr++;
}

static void add_words(struct fos_hosts *h, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ", \t\r\n#");

		add(h, text, n);
		text += n;
		if (*text == '#')
			return;
		text += strspn(text, ", \t\r\n");
	}
}

static bool add_file(struct fos_instance *pm, struct fos_hosts *h, const char *path)
{
	int fd = fos_preopened(path, false);
	FILE *f = fd < 0 ? fopen(path, "re") : fdopen(fd, "r");
	char line[512];

	if (!f) {
		fos_log(FOS_LOG_ERROR, "%s: cannot read the list %s: %s", pm->d->name, path,
			strerror(errno));
		return false;
	}
	rewind(f); /* the descriptor was opened before, and its place is shared */
	while (fgets(line, sizeof(line), f))
		add_words(h, line);
	fclose(f);
	return true;
}

static void free_list(struct fos_hosts *h)
{
	for (size_t k = 0; k < h->nr; k++)
		free(h->name[k]);
	free(h->name);
	free(h);
}

void fos_hosts_free(struct fos_instance *pm)
{
	while (pm->hosts) {
		struct fos_hosts *next = pm->hosts->next;

		free_list(pm->hosts);
		pm->hosts = next;
	}
}

struct fos_hosts *fos_hosts(struct fos_instance *pm, const char *option, const char *file_option)
{
	struct fos_hosts *h = calloc(1, sizeof(*h));
	const char *v;

	if (!h)
		abort();
	for (unsigned i = 0; option && (v = fos_option(pm, option, i)) != NULL; i++)
		add_words(h, v);
	for (unsigned i = 0; file_option && (v = fos_option(pm, file_option, i)) != NULL; i++) {
		if (!add_file(pm, h, v)) {
			free_list(h);
			return NULL;
		}
	}
	if (h->nr)
		qsort(h->name, h->nr, sizeof(*h->name), by_name);
	h->next = pm->hosts;
	pm->hosts = h;
	return h;
}

/* The host in "scheme://user@host:port/path" or "//host/path"; false when there is none. */
static bool host_of(const char *url, size_t len, char *host, size_t size)
{
	const char *p = memmem(url, len, "//", 2);
	size_t n = 0;

	if (!p)
		return false;
	for (p += 2; p < url + len && !ends_host[(unsigned char)*p] && n + 1 < size; p++) {
		if (*p == '@')
			n = 0;
		else
			host[n++] = (char)tolower((unsigned char)*p);
	}
	host[n] = '\0';
	return n > 0;
}

bool fos_hosts_match(const struct fos_hosts *hosts, const char *url, size_t len)
{
	char host[256];
	const char *p = host;

	if (hosts->nr == 0 || !url || !host_of(url, len, host, sizeof(host)))
		return false;
	do {
		if (bsearch(&p, hosts->name, hosts->nr, sizeof(*hosts->name), by_name))
			return true;
		p = strchr(p, '.');
	} while (p && *++p);
	return false;
}
