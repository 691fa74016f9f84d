/* deploy/pmtest/http.c - HTTP bodies without their chunks, so that they can be compared
 *
 * Where a module edits bodies the box puts a chunk around whatever a release lets go, and where
 * releases end depends on how segments came.  Receivers do not see that, so it is taken out: of a
 * chunked body the bytes stay, the line of the last chunk, and the trailers.
 */
#include <stdlib.h>
#include <string.h>

#include "deploy/pmtest/streams.h"
#include "pmhost/http_frame.h"

static bool begins(const struct stream *s, const char *with)
{
	return s->next >= strlen(with) && memcmp(s->data, with, strlen(with)) == 0;
}

/* "a > b tcp" of a stream "b > a tcp" */
static const struct stream *opposite(const struct streams *all, const struct stream *s)
{
	const char *to = strstr(s->name, " > "), *end = to ? strstr(to, " tcp") : NULL;
	char name[2 * STREAM_NAME_MAX];

	if (!end)
		return NULL;
	snprintf(name, sizeof(name), "%.*s > %.*s%s", (int)(end - to - 3), to + 3,
		 (int)(to - s->name), s->name, end);
	for (uint64_t i = 0; i < all->nr; i++)
		if (strcmp(all->s[i].name, name) == 0)
			return &all->s[i];
	return NULL;
}

/* A walk over the messages of one direction. */
struct walk {
	struct fos_http_frame f;
	const struct stream *s;
	uint64_t at;
};

/* The next event and the bytes it took; false: nothing more. */
static bool next(struct walk *w, enum fos_http_event *ev, uint64_t *took)
{
	if (w->at == w->s->next && (fos_http_idle(&w->f) || !fos_http_eof(&w->f)))
		return false;
	*took = fos_http_step(&w->f, w->s->data + w->at, (size_t)(w->s->next - w->at), ev);
	w->at += *took;
	return *ev != FOS_HTTP_OPAQUE;
}

/* The method of the next request. */
static enum fos_http_method asked(struct walk *requests)
{
	enum fos_http_event ev = FOS_HTTP_MORE;
	enum fos_http_method method = FOS_HTTP_ANY;
	uint64_t took;

	while (requests->s && ev != FOS_HTTP_END && next(requests, &ev, &took))
		if (ev == FOS_HTTP_HEAD)
			method = (enum fos_http_method)requests->f.method;
	return method;
}

static void unchunk(struct stream *s, const struct stream *requests)
{
	struct walk w = {.s = s}, asks = {.s = requests};
	enum fos_http_method method = FOS_HTTP_ANY;
	bool response = begins(s, "HTTP/1."), final = true;
	enum fos_http_event ev;
	uint64_t took, to = 0;

	fos_http_begin(&w.f, response);
	fos_http_begin(&asks.f, false);
	for (;;) {
		uint64_t from = w.at;
		bool chunked, more;

		if (response && fos_http_idle(&w.f)) {
			if (final)
				method = asked(&asks);
			fos_http_answers(&w.f, method);
		}
		chunked = w.f.body == FOS_HTTP_CHUNKED && !fos_http_in_head(&w.f);
		more = next(&w, &ev, &took);
		if (ev == FOS_HTTP_HEAD)
			final = w.f.status / 100 != 1;
		if (!more)
			w.at = from;
		if (!more)
			break;
		/* sizes of chunks, and line ends behind them */
		if (chunked && ev == FOS_HTTP_MORE && !fos_http_in_trailers(&w.f))
			continue;
		memmove(s->data + to, s->data + from, took);
		to += took;
	}
	memmove(s->data + to, s->data + w.at, s->next - w.at);
	to += s->next - w.at;
	s->len -= s->next - to;
	s->next = to;
}

void streams_unchunk(struct streams *all)
{
	/* responses first: their requests are still as they were */
	for (int requests = 0; requests < 2; requests++)
		for (uint64_t i = 0; i < all->nr; i++) {
			struct stream *s = &all->s[i];

			if (s->tcp && s->next && begins(s, "HTTP/1.") == !requests)
				unchunk(s, requests ? NULL : opposite(all, s));
		}
}
