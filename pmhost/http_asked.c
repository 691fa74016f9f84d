/* pmhost/http_asked.c - the requests of a connection that are not answered yet, and fos_http()
 *
 * The requests' direction writes, the responses' direction reads what is committed there: a
 * request's header block is committed before its last byte is released, so before its server can
 * have answered.  `asked` holds what framing needs of each request, `names` what modules like to
 * know of the latest ones: records of {low byte of the number, lengths of method, host, target}
 * and the three texts; the oldest make room.
 */
#include <string.h>

#include "pmhost/http.h"

#define RECORD 4u

const struct fos_http_state *fos_http_peer(const struct fos_window *w)
{
	const struct fos_instance *pm = w->pm;
	const struct fos_http_state *s;
	struct fos_pm_pub pub;

	if (!fos_host_pub(pm, FOS_PEER(w->flow), w->gen, &pub))
		return NULL;
	s = (const void *)(fos_host_ctx_slot(pm, FOS_PEER(w->flow), pub.ctx & 1u) +
			   FOS_PM_HOST_CTX);
	return s->marks & FOS_HTTP_BEGUN ? s : NULL;
}

static uint32_t record_len(const uint8_t *p)
{
	return RECORD + (uint32_t)p[1] + p[2] + p[3];
}

static uint8_t add(uint8_t *to, const char *text, size_t max)
{
	size_t n = strnlen(text, max);

	memcpy(to, text, n);
	return (uint8_t)n;
}

static void remember(struct fos_http_state *s, const struct fos_http *r)
{
	uint8_t rec[RECORD + FOS_HTTP_METHOD_MAX + FOS_HTTP_HOST_MAX + FOS_HTTP_TARGET_MAX];
	uint32_t len;

	rec[0] = (uint8_t)s->number;
	rec[1] = add(rec + RECORD, r->method, FOS_HTTP_METHOD_MAX);
	rec[2] = add(rec + RECORD + rec[1], r->host, FOS_HTTP_HOST_MAX);
	rec[3] = add(rec + RECORD + rec[1] + rec[2], r->target, FOS_HTTP_TARGET_MAX);
	len = record_len(rec);
	while (s->nr_names + len > FOS_HTTP_NAMES) {
		uint32_t old = record_len(s->names);

		s->nr_names = (uint16_t)(s->nr_names - old);
		memmove(s->names, s->names + old, s->nr_names);
	}
	memcpy(s->names + s->nr_names, rec, len);
	s->nr_names = (uint16_t)(s->nr_names + len);
}

bool fos_http_asked_add(struct fos_window *w, uint8_t asked)
{
	const struct fos_http_state *peer = fos_http_peer(w);
	struct fos_http_state *s = fos_http_state(w);

	if (s->number - (peer ? peer->number : 0) >= FOS_HTTP_PENDING)
		return false;
	s->asked[s->number % FOS_HTTP_PENDING] = asked;
	if (!(s->marks & FOS_HTTP_MISSED))
		remember(s, &w->http->info);
	s->number++;
	return true;
}

static const uint8_t *copy(char *to, const uint8_t *from, uint8_t n)
{
	memcpy(to, from, n);
	to[n] = '\0';
	return from + n;
}

void fos_http_asked_names(const struct fos_http_state *s, uint32_t number, struct fos_http_view *v)
{
	uint32_t at = 0;

	v->method[0] = v->host[0] = v->target[0] = '\0';
	v->info.method = v->method;
	v->info.host = v->host;
	v->info.target = v->target;
	if (!s || s->number - number > FOS_HTTP_PENDING)
		return;
	while (at < s->nr_names && s->names[at] != (uint8_t)number)
		at += record_len(s->names + at);
	if (at >= s->nr_names)
		return;
	copy(v->target,
	     copy(v->host, copy(v->method, s->names + at + RECORD, s->names[at + 1]),
		  s->names[at + 2]),
	     s->names[at + 3]);
}

const struct fos_http *fos_http(struct fos_window *w)
{
	struct fos_http_view *v = w->http;
	const struct fos_http_state *s;

	if (!v)
		return NULL;
	if (w->pm->in == FOS_IN_HEAD)
		return &v->info;
	s = fos_http_state(w);
	if ((w->pm->in != FOS_IN_DATA && w->pm->in != FOS_IN_TIMER) || !(s->marks & FOS_HTTP_WATCHED))
		return NULL;
	v->info.response = (s->frame.flags & FOS_HTTP_F_RESPONSE) != 0;
	v->info.body = true;
	v->info.fixed = s->mode == FOS_HTTP_FIXED;
	v->info.cut = v->cut;
	v->info.minor = s->frame.minor;
	v->info.status = s->frame.status;
	v->info.length = s->frame.length;
	v->info.start = s->body_start;
	v->info.number = s->number - 1; /* counted when its header block was complete */
	fos_http_asked_names(v->info.response ? fos_http_peer(w) : s, s->number - 1, v);
	return &v->info;
}
