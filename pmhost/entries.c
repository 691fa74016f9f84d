/* pmhost/entries.c - lists from options and files, prefixes, sizes: see pm_text.h */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pmhost/host.h"
#include "pmhost/preopen.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *fos_word(char **text)
{
	char *word = *text, *end;

	while (is_blank(*word))
		word++;
	for (end = word; *end && !is_blank(*end); end++)
		;
	*text = *end ? end + 1 : end;
	*end = '\0';
	return end == word ? NULL : word;
}

static char *trim(char *text)
{
	char *end;

	while (is_blank(*text))
		text++;
	for (end = text + strlen(text); end > text && is_blank(end[-1]); end--)
		;
	*end = '\0';
	return text;
}

/* ---------------------------------------------------------------- entries */

static bool entry(struct fos_instance *pm, const char *where, char *text, fos_entry_fn fn,
		  void *arg)
{
	char shown[160];
	const char *wrong;

	snprintf(shown, sizeof(shown), "%s", text);
	wrong = fn(pm, text, arg);
	if (wrong)
		fos_log(FOS_LOG_ERROR, "%s: %s: %s: \"%s\"", pm->d->name, where, wrong, shown);
	return !wrong;
}

static bool from_file(struct fos_instance *pm, FILE *f, const char *path, fos_entry_fn fn,
		      void *arg)
{
	char line[FOS_ENTRY_MAX + 2], where[512];

	for (unsigned nr = 1; fgets(line, sizeof(line), f); nr++) {
		char *text = trim(line);
		bool whole = strlen(line) < sizeof(line) - 1;

		snprintf(where, sizeof(where), "%.480s:%u", path, nr);
		if (!whole && strlen(text) > FOS_ENTRY_MAX) {
			fos_log(FOS_LOG_ERROR, "%s: %s: the line has more than %u bytes",
				pm->d->name, where, FOS_ENTRY_MAX);
			return false;
		}
		if (*text && *text != '#' && !entry(pm, where, text, fn, arg))
			return false;
	}
	return true;
}

int fos_input(struct fos_instance *pm, const char *path)
{
	int fd = fos_preopened(path, false);

	(void)pm;
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET); /* it was opened before, and its place is shared */
	return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC);
}

static bool add_file(struct fos_instance *pm, const char *path, fos_entry_fn fn, void *arg)
{
	int fd = fos_input(pm, path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool good;

	if (!f) {
		fos_log(FOS_LOG_ERROR, "%s: cannot read %s: %s", pm->d->name, path, strerror(errno));
		return false;
	}
	good = from_file(pm, f, path, fn, arg);
	if (good && ferror(f)) {
		fos_log(FOS_LOG_ERROR, "%s: cannot read %s: %s", pm->d->name, path, strerror(errno));
		good = false;
	}
	fclose(f);
	return good;
}

int fos_entries(struct fos_instance *pm, const char *option, const char *file_option,
		fos_entry_fn fn, void *arg)
{
	char line[FOS_ENTRY_MAX + 1], where[128];
	const char *v;

	for (unsigned i = 0; option && (v = fos_option(pm, option, i)) != NULL; i++) {
		snprintf(where, sizeof(where), "options: %.80s, value %u", option, i + 1);
		if (strlen(v) > FOS_ENTRY_MAX) {
			fos_log(FOS_LOG_ERROR, "%s: %s: it has more than %u bytes", pm->d->name,
				where, FOS_ENTRY_MAX);
			return -1;
		}
		snprintf(line, sizeof(line), "%s", v);
		if (!entry(pm, where, trim(line), fn, arg))
			return -1;
	}
	for (unsigned i = 0; file_option && (v = fos_option(pm, file_option, i)) != NULL; i++)
		if (!add_file(pm, v, fn, arg))
			return -1;
	return 0;
}

/* ---------------------------------------------------------------- numbers, prefixes */

/* Decimal digits only, as many as there are; NULL when none or more than `most`. */
static const char *number(const char *text, uint64_t most, uint64_t *n)
{
	const char *p = text;

	for (*n = 0; isdigit((unsigned char)*p); p++) {
		*n = *n * 10 + (uint64_t)(*p - '0');
		if (*n > most)
			return NULL;
	}
	return p == text ? NULL : p;
}

bool fos_size_parse(const char *text, uint64_t *size)
{
	static const char units[] = "KMG";
	const char *p = number(text, 1ull << 62, size), *unit;

	if (!p)
		return false;
	unit = *p ? strchr(units, *p) : NULL;
	if (unit) {
		unsigned shift = 10u * (unsigned)(unit - units + 1);

		if (*size > (1ull << 62) >> shift)
			return false;
		*size <<= shift;
		p++;
	}
	return *p == '\0';
}

bool fos_ports_parse(const char *text, uint16_t *first, uint16_t *last)
{
	uint64_t a, b;
	const char *p = number(text, 65535, &a);

	b = a;
	if (p && *p == '-')
		p = number(p + 1, 65535, &b);
	if (!p || *p || b < a)
		return false;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return true;
}

/* Bit i of an address, from the left. */
static bool bit(const uint8_t addr[16], unsigned i)
{
	return addr[i / 8] >> (7 - i % 8) & 1;
}

bool fos_prefix_parse(const char *text, struct fos_prefix *p)
{
	char addr[FOS_ADDRESS_TEXT];
	const char *slash = strchr(text, '/'), *end;
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	bool v4 = !memchr(text, ':', n);
	uint64_t bits = v4 ? 32 : 128;

	memset(p, 0, sizeof(*p));
	if (!strcmp(text, "any"))
		return true;
	if (n >= sizeof(addr))
		return false;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (!fos_address_parse(addr, p->addr))
		return false;
	if (slash) {
		end = number(slash + 1, v4 ? 32 : 128, &bits);
		if (!end || *end)
			return false;
	}
	p->bits = (uint8_t)(v4 ? bits + 96 : bits);
	for (unsigned i = p->bits; i < 128; i++)
		if (bit(p->addr, i))
			return false;
	return true;
}

bool fos_prefix_has(const struct fos_prefix *p, const uint8_t addr[16])
{
	unsigned bytes = p->bits / 8, rest = p->bits % 8;

	if (memcmp(p->addr, addr, bytes) != 0)
		return false;
	return rest == 0 || (p->addr[bytes] ^ addr[bytes]) >> (8 - rest) == 0;
}
