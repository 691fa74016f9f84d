/* transfer - the requests and the files that HTTP carries, as messages for others
 *
 * Lesson: give what you know a type.  This module knows HTTP; who scans, counts or keeps files needs
 * not.  It publishes on "file.transfer/1" and "http.request/1" (pm_http.h), the platform connects whoever
 * imports one of them,
 * and a release commits the bytes' way on together with the messages about them: each byte is told
 * of once, whatever is killed.  When the takers are slow the release finds no room (FOS_AGAIN): the
 * stream waits with them.
 *
 *   options:
 *     types: [application/pdf, "image/"]   only content types that begin so; default: all
 *     uploads: no                          bodies of requests too? yes | no; default: yes
 *
 * A file's name is the `filename` of Content-Disposition, else the last part of the request's
 * target.  Encoded bodies are published as they are.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strcasestr() */
#endif
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pmhost/pm.h"

#define MAX_TYPES 32u
#define MOST 15 /* messages staged at a time: the end fits, too, and four modules may take them */

struct ctx {
	uint8_t id[16];
};

static const char *types[MAX_TYPES];
static unsigned nr_types;
static bool uploads;

static int init(struct fos_instance *pm)
{
	const char *up = fos_option(pm, "uploads", 0);

	for (nr_types = 0; nr_types < MAX_TYPES; nr_types++)
		if ((types[nr_types] = fos_option(pm, "types", nr_types)) == NULL)
			break;
	uploads = !up || strcmp(up, "no") != 0;
	if (!up || strcmp(up, "yes") == 0 || strcmp(up, "no") == 0)
		return 0;
	fos_say(pm, "option uploads: '%s' is neither yes nor no", up);
	return -1;
}

static bool wanted(const char *type)
{
	for (unsigned i = 0; i < nr_types; i++)
		if (strncasecmp(type, types[i], strlen(types[i])) == 0)
			return true;
	return nr_types == 0;
}

/* "attachment; filename=\"x y\"" or "/a/b.txt?q": at most size - 1 bytes of the name. */
static void name_of(struct fos_window *w, char *name, size_t size)
{
	const char *said = fos_http_get(w, "Content-Disposition");
	const char *from = said ? strcasestr(said, "filename=") : NULL;
	size_t n;

	if (from) {
		from += strlen("filename=");
		n = *from == '"' ? strcspn(++from, "\"") : strcspn(from, "; ");
	} else {
		const char *end;

		from = fos_http(w)->target;
		end = from + strcspn(from, "?#");
		for (const char *p = from; p < end; p++)
			if (*p == '/')
				from = p + 1;
		n = (size_t)(end - from);
	}
	snprintf(name, size, "%.*s", (int)(n < size ? n : size - 1), from);
}

static int publish(struct fos_window *w, struct fos_transfer *t, enum fos_transfer_kind kind,
		   uint64_t length)
{
	const struct ctx *c = fos_ctx(w);

	memcpy(t->id, c->id, sizeof(t->id));
	t->kind = (uint8_t)kind;
	t->upload = !fos_http(w)->response;
	t->length = length;
	return fos_publish(fos_pm_of(w), "file.transfer", t, FOS_TRANSFER_SIZE(t->len));
}

/* Appends a string with its NUL, cut at `most` bytes in all. */
static void put_text(struct fos_request *r, const char *s, size_t most)
{
	size_t n = strlen(s), room = most - 1 - r->len;

	if (n > room)
		r->flags |= FOS_REQUEST_CUT;
	n = n < room ? n : room;
	memcpy(r->text + r->len, s, n);
	r->text[r->len + n] = '\0';
	r->len = (uint16_t)(r->len + n + 1);
}

static void publish_request(struct fos_window *w)
{
	const struct fos_http *h = fos_http(w);
	struct fos_request r = {
		.flow = fos_flow(w)->id,
		.start_ns = fos_flow(w)->start_ns,
		.length = h->length,
		.number = (uint32_t)h->number,
		.minor = h->minor,
		.flags = h->body ? FOS_REQUEST_BODY : 0,
	};

	put_text(&r, h->method, 32);
	put_text(&r, h->host, 112); /* the target has what is left */
	put_text(&r, h->target, FOS_REQUEST_TEXT);
	fos_publish(fos_pm_of(w), "http.request", &r, FOS_REQUEST_SIZE(r.len));
}

static void on_head(struct fos_window *w)
{
	const char *type = fos_http_get(w, "Content-Type");
	const struct fos_http *h = fos_http(w);
	struct fos_transfer t = {.len = 0};
	char *text = (char *)t.data;
	struct ctx *c = fos_ctx(w);
	uint64_t id = fos_flow(w)->id, born = fos_flow(w)->start_ns;
	uint32_t flow = (uint32_t)id, number = (uint32_t)h->number;

	type = type ? type : "";
	if (!h->response)
		publish_request(w);
	if (!h->body || !wanted(type) || (h->response ? h->status != 200 : !uploads)) {
		fos_http_skip(w);
		return;
	}
	memcpy(c->id, &flow, 4);
	memcpy(c->id + 4, &number, 4);
	memcpy(c->id + 8, &born, 8);
	name_of(w, text, 120);
	t.len = (uint16_t)(strlen(text) + 1);
	snprintf(text + t.len, 80, "%s", type);
	t.len = (uint16_t)(t.len + strlen(text + t.len) + 1);
	publish(w, &t, FOS_TRANSFER_BEGIN, h->length); /* next to nothing is staged: there is room */
}

static void on_data(struct fos_window *w)
{
	uint64_t start = fos_http(w)->start, tail = fos_tail(w), pos = fos_head(w);
	enum fos_transfer_kind last = fos_http(w)->cut ? FOS_TRANSFER_CUT : FOS_TRANSFER_END;
	bool more = pos < tail || fos_fin(w), fin = fos_fin(w);
	struct fos_transfer t;
	int staged = 0;

	while (more) {
		memset(&t, 0, offsetof(struct fos_transfer, data));
		t.offset = pos - start;
		t.len = (uint16_t)fos_read(w, pos, t.data, sizeof(t.data));
		/* a file's last bytes and its end are one commit */
		if ((t.len && staged == MOST) ||
		    publish(w, &t, t.len ? FOS_TRANSFER_DATA_OF : last, t.offset) != FOS_OK) {
			if (staged == 0 || fos_release(w, pos) != FOS_OK)
				return;
			staged = 0;
			continue;
		}
		staged++;
		more = t.len && (pos + t.len < tail || fin);
		pos += t.len;
	}
	fos_release(w, pos);
}

FOS_PM(.name = "transfer", .stream = FOS_HTTP_BODY, .ctx_size = sizeof(struct ctx),
	.exports = "file.transfer/1, http.request/1", .init = init, .on_head = on_head, .on_data = on_data);
