/* json.c - see json.h */
#include "deploy/ctl/json.h"

#include <inttypes.h>
#include <stdio.h>

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin(struct fos_json *j, const char *key)
{
	if (j->comma)
		putchar(',');
	j->comma = true;
	if (!key)
		return;
	quoted(key);
	putchar(':');
}

void fos_json_open(struct fos_json *j, const char *key, char bracket)
{
	begin(j, key);
	putchar(bracket);
	j->comma = false;
}

void fos_json_close(struct fos_json *j, char bracket)
{
	putchar(bracket);
	j->comma = true;
}

void fos_json_text(struct fos_json *j, const char *key, const char *value)
{
	begin(j, key);
	quoted(value);
}

void fos_json_u64(struct fos_json *j, const char *key, uint64_t value)
{
	begin(j, key);
	printf("%" PRIu64, value);
}

void fos_json_bool(struct fos_json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", stdout);
}
