/* pmhost/http_block.c - a header block: copied, cut into fields, and changed
 *
 * The framer has found the block sound; here it is only cut up.  Names and values become strings
 * in the copy.  Changes are kept per line and become edits of the raw window in one go: a line that
 * goes, with what takes its place, and one insertion before the empty line.
 */
#include <string.h>
#include <strings.h>

#include "pmhost/http.h"

/* ---------------------------------------------------------------- cutting up */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* End of the line that begins at `at`: the offset of its LF. */
static uint32_t line_end(const struct fos_http_view *v, uint32_t at)
{
	const char *lf = memchr(v->block + at, '\n', v->block_len - at);

	return lf ? (uint32_t)(lf - v->block) : v->block_len - 1;
}

/* Takes white space and the line's end off [from, to), ends it with a NUL; returns its start. */
static uint32_t trim(struct fos_http_view *v, uint32_t from, uint32_t to)
{
	while (to > from && (blank(v->block[to - 1]) || v->block[to - 1] == '\r'))
		to--;
	v->block[to] = '\0';
	while (blank(v->block[from]))
		from++;
	return from;
}

static bool add_line(struct fos_http_view *v, uint32_t from, uint32_t lf)
{
	struct fos_http_line *l = &v->line[v->nr_lines];
	const char *colon = memchr(v->block + from, ':', lf - from);

	if (v->nr_lines == FOS_HTTP_FIELDS || !colon)
		return false;
	memset(l, 0, sizeof(*l));
	l->from = from;
	l->len = lf + 1 - from;
	l->name = from;
	l->value = (uint32_t)(colon - v->block) + 1;
	v->nr_lines++;
	return true;
}

/* A folded line belongs to the field before it. */
static void fold(struct fos_http_view *v, uint32_t from, uint32_t lf)
{
	struct fos_http_line *l = &v->line[v->nr_lines - 1];

	v->block[from - 1] = ' ';
	if (from >= 2 && v->block[from - 2] == '\r')
		v->block[from - 2] = ' ';
	l->len = lf + 1 - l->from;
}

static void start_line(struct fos_http_view *v, uint32_t from, uint32_t lf, bool response)
{
	char *p = v->block + trim(v, from, lf), *end;

	v->info.method = v->info.target = "";
	if (response)
		return;
	v->info.method = p;
	end = strchr(p, ' ');
	if (!end)
		return;
	*end = '\0';
	v->info.target = end + 1;
	end = strchr(end + 1, ' ');
	if (end)
		*end = '\0';
}

bool fos_http_block_read(struct fos_window *w, uint64_t at, uint64_t end)
{
	struct fos_http_view *v = w->http;
	uint32_t pos = 0, lf;

	v->nr_lines = v->nr_text = v->added = 0;
	v->info.method = v->info.target = v->info.host = "";
	if (end - at > FOS_HTTP_HEAD_LIMIT)
		return false;
	v->block_len = (uint32_t)fos_read(w, at, v->block, (size_t)(end - at));
	while (pos < v->block_len && (v->block[pos] == '\r' || v->block[pos] == '\n'))
		pos++;
	lf = line_end(v, pos);
	start_line(v, pos, lf, (fos_http_state(w)->frame.flags & FOS_HTTP_F_RESPONSE) != 0);
	for (pos = lf + 1; pos < v->block_len; pos = lf + 1) {
		lf = line_end(v, pos);
		v->last_line = pos;
		if (v->block[pos] == '\r' || v->block[pos] == '\n')
			break;
		if (blank(v->block[pos]) && v->nr_lines > 0)
			fold(v, pos, lf);
		else if (!add_line(v, pos, lf))
			return false;
	}
	for (uint32_t i = 0; i < v->nr_lines; i++) {
		struct fos_http_line *l = &v->line[i];

		l->value = trim(v, l->value, l->from + l->len - 1);
		*strchr(v->block + l->name, ':') = '\0';
	}
	v->info.host = fos_http_block_get(v, "Host") ? fos_http_block_get(v, "Host") : "";
	return true;
}

/* ---------------------------------------------------------------- looking up */

static bool named(const struct fos_http_view *v, uint32_t i, const char *name)
{
	return strcasecmp(v->block + v->line[i].name, name) == 0;
}

const char *fos_http_block_get(const struct fos_http_view *v, const char *name)
{
	for (uint32_t i = 0; i < v->nr_lines; i++)
		if (named(v, i, name))
			return v->block + v->line[i].value;
	return NULL;
}

static bool at_hand(const struct fos_window *w)
{
	return w->http && w->pm->in == FOS_IN_HEAD;
}

const char *fos_http_get(struct fos_window *w, const char *name)
{
	return at_hand(w) ? fos_http_block_get(w->http, name) : NULL;
}

bool fos_http_field(struct fos_window *w, unsigned i, struct fos_http_field *field)
{
	struct fos_http_view *v = w->http;

	if (!at_hand(w) || i >= v->nr_lines)
		return false;
	field->name = v->block + v->line[i].name;
	field->value = v->block + v->line[i].value;
	return true;
}

bool fos_http_is(struct fos_window *w, const char *name, const char *word)
{
	const char *value = fos_http_get(w, name);
	size_t n = strlen(word);

	return value && strncasecmp(value, word, n) == 0 && strchr("; \t", value[n]) != NULL;
}

/* ---------------------------------------------------------------- changing */

static int sound(const char *name, const char *value)
{
	if (!*name || strpbrk(value, "\r\n"))
		return FOS_EINVAL;
	for (; *name; name++)
		if (!fos_http_token_char((uint8_t)*name))
			return FOS_EINVAL;
	return FOS_OK;
}

/* "name: value CR LF" to the end of a buffer of `max` bytes. */
static int put(char *buf, uint32_t *used, uint32_t max, const char *name, const char *value)
{
	size_t n = strlen(name), m = strlen(value);

	if (*used > max || n > max || m > max || n + m + 4 > max - *used)
		return FOS_EFULL;
	memcpy(buf + *used, name, n);
	memcpy(buf + *used + n, ": ", 2);
	memcpy(buf + *used + n + 2, value, m);
	memcpy(buf + *used + n + 2 + m, "\r\n", 2);
	*used += (uint32_t)(n + m + 4);
	return FOS_OK;
}

int fos_http_block_drop(struct fos_http_view *v, const char *name)
{
	int nr = 0;

	for (uint32_t i = 0; i < v->nr_lines; i++) {
		if (!named(v, i, name))
			continue;
		v->line[i].gone = 1;
		v->line[i].text_len = 0;
		nr++;
	}
	return nr;
}

static int set(struct fos_http_view *v, uint32_t max, const char *name, const char *value)
{
	uint32_t i = 0, at = v->nr_text;
	int rc;

	while (i < v->nr_lines && !named(v, i, name))
		i++;
	if (i == v->nr_lines)
		return put(v->more_text, &v->added, max, name, value);
	rc = put(v->text, &v->nr_text, max, name, value);
	if (rc != FOS_OK)
		return rc;
	fos_http_block_drop(v, name);
	v->line[i].text = at;
	v->line[i].text_len = v->nr_text - at;
	return FOS_OK;
}

int fos_http_block_set(struct fos_http_view *v, const char *name, const char *value)
{
	return set(v, FOS_HTTP_TEXT + FOS_HTTP_TEXT_OWN, name, value);
}

static int may_change(const struct fos_window *w, const char *name, const char *value)
{
	if (!at_hand(w) || !w->pm->d->edits || strcasecmp(name, "Content-Length") == 0 ||
	    strcasecmp(name, "Transfer-Encoding") == 0)
		return FOS_EPERM;
	return sound(name, value);
}

int fos_http_add(struct fos_window *w, const char *name, const char *value)
{
	int rc = may_change(w, name, value);

	return rc ? rc : put(w->http->more_text, &w->http->added, FOS_HTTP_TEXT, name, value);
}

int fos_http_remove(struct fos_window *w, const char *name)
{
	int rc = may_change(w, name, "");

	return rc ? rc : fos_http_block_drop(w->http, name);
}

int fos_http_set(struct fos_window *w, const char *name, const char *value)
{
	int rc = may_change(w, name, value);

	return rc ? rc : set(w->http, FOS_HTTP_TEXT, name, value);
}

void fos_http_skip(struct fos_window *w)
{
	if (at_hand(w))
		w->http->skip = true;
}

/* ---------------------------------------------------------------- mending */

/* A strong entity tag becomes a weak one: the bytes may not be those that it names. */
static int weaken(struct fos_http_view *v)
{
	const char *tag = fos_http_block_get(v, "ETag");
	char weak[512];

	if (!tag || *tag != '"')
		return FOS_OK;
	if (strlen(tag) + 3 > sizeof(weak)) {
		fos_http_block_drop(v, "ETag");
		return FOS_OK;
	}
	memcpy(weak, "W/", 2);
	memcpy(weak + 2, tag, strlen(tag) + 1);
	return fos_http_block_set(v, "ETag", weak);
}

/* Fields that would not be true of a body which the module may edit. */
static int mend(struct fos_http_view *v, const struct fos_http_state *s)
{
	static const char *const sums[] = {"Content-MD5", "Digest", "Content-Digest", "Repr-Digest"};
	int rc = FOS_OK;

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		fos_http_block_drop(v, sums[i]);
	if (s->mode == FOS_HTTP_FIXED)
		return FOS_OK;
	fos_http_block_drop(v, "Accept-Ranges");
	fos_http_block_drop(v, "Content-Length");
	if (s->mode == FOS_HTTP_OWN && s->frame.body == FOS_HTTP_LENGTH)
		rc = fos_http_block_set(v, "Transfer-Encoding", "chunked");
	if (s->mode == FOS_HTTP_FREE && s->frame.body == FOS_HTTP_LENGTH &&
	    !fos_http_closes(&s->frame))
		rc = fos_http_block_set(v, "Connection", "close");
	return rc ? rc : weaken(v);
}

int fos_http_block_mend(struct fos_window *w, uint64_t at)
{
	struct fos_http_view *v = w->http;
	struct fos_staged_edit e;
	int rc = FOS_OK;

	if (fos_http_state(w)->mode != FOS_HTTP_AS_IS)
		rc = mend(v, fos_http_state(w));
	for (uint32_t i = 0; i < v->nr_lines && rc == FOS_OK; i++) {
		const struct fos_http_line *l = &v->line[i];

		if (!l->gone)
			continue;
		memset(&e, 0, sizeof(e));
		e.pos = at + l->from;
		e.del = l->len;
		e.ins = l->text_len;
		rc = fos_edits_stage(&w->edits, &e, v->text + l->text, e.ins, 0);
	}
	if (rc != FOS_OK || v->added == 0)
		return rc;
	memset(&e, 0, sizeof(e));
	e.pos = at + v->last_line;
	e.ins = v->added;
	return fos_edits_stage(&w->edits, &e, v->more_text, e.ins, 0);
}
