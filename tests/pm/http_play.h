/* tests/pm/http_play.h - an HTTP connection through a PM host: flow 0 carries requests, 1 responses
 *
 * What comes out is turned into a canonical text by the framer, so that it does not matter how a
 * body was cut into chunks: header block as it is, '{' body '}', trailers; "!" where it is not HTTP,
 * "%" where it ends in the middle.
 */
#ifndef TESTS_PM_HTTP_PLAY_H
#define TESTS_PM_HTTP_PLAY_H

#include "pmhost/http_frame.h"
#include "tests/pm/play.h"
#include "tests/unit/mortal.h"

struct http_play {
	struct play p;
	uint64_t seed; /* of kills at kill points; 0 = none */
	int kills;
	char text[2][65536];
};

static inline void http_begin(struct http_play *h, const struct fos_pm *m, const char *options,
			      size_t options_len)
{
	memset(h, 0, sizeof(*h));
	world_plan(&h->p.w, false);
	h->p.w.dir->nr_pieces = 65536; /* none is used twice */
	play_pm(&h->p, 0, m, options, options_len);
	play_make(&h->p);
	play_connection(&h->p, 0, PLAY_GEN);
}

static inline void http_work(void *arg)
{
	struct http_play *h = arg;

	play_work(&h->p, 0);
}

/* Both flows may have something new. */
static inline void http_turn(struct http_play *h)
{
	play_hint(&h->p, 0);
	play_hint(&h->p, 1);
	if (h->seed && mortal(http_work, h, 1 + (int)world_below(&h->seed, 40))) {
		h->kills++;
		play_restart(&h->p, 0);
	}
	play_run(&h->p);
	play_egress(&h->p, 0);
	play_egress(&h->p, 1);
}

static inline void http_send(struct http_play *h, uint32_t flow, const char *bytes, size_t n)
{
	while (n > 0) {
		uint32_t part = n > 1400 ? 1400 : (uint32_t)n;

		play_append(&h->p, flow, bytes, part);
		bytes += part;
		n -= part;
	}
}

/* Canonical text of what has come out of a flow.  `answers`: G, H(EAD), C(ONNECT) per response. */
static inline const char *http_text(struct http_play *h, uint32_t flow, const char *answers)
{
	const struct play_out *o = &h->p.out[flow];
	struct fos_http_frame f;
	enum fos_http_event ev = FOS_HTTP_MORE;
	char *to = h->text[flow];
	bool body = false, chunks = false;
	uint64_t at = 0;

	fos_http_begin(&f, flow == 1);
	while (ev != FOS_HTTP_OPAQUE) {
		bool head, eof = at == o->len;
		size_t took;

		if (fos_http_idle(&f)) {
			if (eof)
				break;
			fos_http_answers(&f, *answers == 'H'   ? FOS_HTTP_HEAD_METHOD :
					     *answers == 'C' ? FOS_HTTP_CONNECT :
							       FOS_HTTP_ANY);
		}
		head = fos_http_in_head(&f);
		if (eof && !fos_http_eof(&f))
			break;
		took = fos_http_step(&f, eof ? NULL : o->data + at, (size_t)(o->len - at), &ev);
		if (ev == FOS_HTTP_HEAD)
			chunks = f.body == FOS_HTTP_CHUNKED;
		if (ev == FOS_HTTP_DATA && !body)
			*to++ = '{';
		body |= ev == FOS_HTTP_DATA;
		if (head || ev == FOS_HTTP_DATA || (ev == FOS_HTTP_END && took > 2) ||
		    ev == FOS_HTTP_OPAQUE) {
			memcpy(to, o->data + at, took);
			to += took;
		}
		at += took;
		if (ev == FOS_HTTP_BODY_END && (body || chunks))
			to += sprintf(to, "%s}", body ? "" : "{");
		if (ev == FOS_HTTP_BODY_END)
			body = false;
		if (ev == FOS_HTTP_END && f.status / 100 != 1 && *answers)
			answers++;
	}
	if (ev == FOS_HTTP_OPAQUE) {
		*to++ = '!';
		memcpy(to, o->data + at, (size_t)(o->len - at));
		to += o->len - at;
	} else if (!fos_http_idle(&f)) {
		*to++ = '%';
	}
	*to = '\0';
	return h->text[flow];
}

#endif
