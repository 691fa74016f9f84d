/* replace - byte string for byte string, of any lengths, in any stream
 *
 * Lesson: searching across packet borders.  fos_find_any() sees the window as one run of bytes.
 * When it finds nothing it says where a match may yet begin; everything before that place can go
 * on at once, and only those few bytes wait for more.  Nothing is remembered between calls: what
 * waits is in the window, so a kill loses nothing and this module needs no context.
 *
 *   options:
 *     find: ["colour", "\x00\x01"]     the n-th of `find` becomes the n-th of `with`
 *     with: ["color", "\n"]            escapes: \n \r \t \0 \\ \xHH
 *
 * The leftmost match wins; at the same place the string listed first.
 */
#include "pmhost/pm.h"

#include <string.h>

#define MAX_PAIRS 32
#define MAX_BYTES 65536

static struct fos_text find[MAX_PAIRS], with[MAX_PAIRS];
static int nr;
static char bytes[MAX_BYTES]; /* of all of them */
static size_t used;

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape sequence behind the backslash; returns the characters it takes. */
static size_t escape(const char *s, char *to)
{
	static const char from[] = "nrt0\\", byte[] = "\n\r\t\0\\";
	const char *at = *s ? strchr(from, *s) : NULL;

	if (*s == 'x' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
		*to = (char)(hex(s[1]) << 4 | hex(s[2]));
		return 3;
	}
	*to = at ? byte[at - from] : '\\';
	return at ? 1 : 0;
}

static bool unescape(const char *s, struct fos_text *t)
{
	char *to = bytes + used;

	if (strlen(s) > MAX_BYTES - used)
		return false;
	t->data = to;
	t->len = 0;
	while (*s) {
		if (*s == '\\')
			s += 1 + escape(s + 1, &to[t->len++]);
		else
			to[t->len++] = *s++;
	}
	used += t->len;
	return true;
}

static int init(struct fos_instance *pm)
{
	const char *f, *w;

	used = 0;
	for (nr = 0; (f = fos_option(pm, "find", (unsigned)nr)) != NULL; nr++) {
		w = fos_option(pm, "with", (unsigned)nr);
		if (nr == MAX_PAIRS || !w || !unescape(f, &find[nr]) || !unescape(w, &with[nr]) ||
		    find[nr].len == 0) {
			fos_say(pm, "options: `find` and `with` must be lists of the same length, at "
				    "most %d strings and %d bytes, and `find` not empty",
				MAX_PAIRS, MAX_BYTES);
			return -1;
		}
	}
	if (nr == 0 || fos_option(pm, "with", (unsigned)nr)) {
		fos_say(pm, "options: give as many strings in `with` as in `find`, at least one");
		return -1;
	}
	return 0;
}

static void on_data(struct fos_window *w)
{
	uint64_t from = fos_head(w);
	struct fos_hit hit;

	while (fos_find_any(w, from, find, nr, 0, &hit)) {
		const struct fos_text *new = &with[hit.which];

		from = hit.end;
		if (fos_replace(w, hit.pos, hit.end - hit.pos, new->data, new->len) == FOS_OK)
			continue;
		/* much is staged: let it take effect, and look again from there */
		if (fos_release(w, hit.pos) != FOS_OK)
			return;
		from = hit.pos;
	}
	fos_release(w, hit.pos);
}

FOS_PM(.name = "replace", .stream = FOS_APP, .flags = FOS_PM_EDITS, .init = init,
	.on_data = on_data);
