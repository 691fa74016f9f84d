/* shm/words.c - see words.h */
#include "shm/words.h"

#include <errno.h>
#include <string.h>

/* 32 letters at most, then what follows it in the word. */
static const char *take_name(const char *p, struct fos_word *out)
{
	size_t n = 0;

	if (*p == '*') {
		memcpy(out->name, "*", 2);
		return p + 1;
	}
	if (*p < 'a' || *p > 'z')
		return NULL;
	while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || (*p && strchr("._-", *p))) {
		if (n + 1 >= sizeof(out->name))
			return NULL;
		out->name[n++] = *p++;
	}
	out->name[n] = '\0';
	return p;
}

static const char *take_number(const char *p, char mark, uint32_t max, uint32_t *out)
{
	if (*p != mark)
		return p;
	for (p++; *p >= '0' && *p <= '9'; p++) {
		*out = *out * 10 + (uint32_t)(*p - '0');
		if (*out > max)
			return NULL;
	}
	return *out ? p : NULL;
}

int fos_word_next(const char **list, struct fos_word *out)
{
	const char *p = *list + strspn(*list, ", ");

	memset(out, 0, sizeof(*out));
	if (!*p)
		return 0;
	p = take_name(p, out);
	if (p)
		p = take_number(p, '/', INT16_MAX, &out->version);
	if (p)
		p = take_number(p, ':', sizeof(((struct fos_msg *)0)->data), &out->bytes);
	if (!p)
		return -EINVAL;
	for (; *p == '?' || *p == '+'; p++) {
		out->optional |= *p == '?';
		out->many |= *p == '+';
	}
	*list = p;
	return *p && !strchr(", ", *p) ? -EINVAL : 1;
}

uint32_t fos_word_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

uint32_t fos_word_id(const char *name)
{
	return fos_word_hash(name, strlen(name));
}
