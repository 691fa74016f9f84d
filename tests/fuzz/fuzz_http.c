/* The HTTP framer over any bytes: never out of bounds, always an end, and the same events whether
 * the bytes come at once or in pieces.
 *
 * The first byte says which side it is and which methods were asked; the second where to cut. */
#include <stdlib.h>
#include <string.h>

#include "pmhost/http_frame.h"

struct seen {
	struct fos_http_frame f;
	uint64_t events, body, at;
	uint8_t methods;
	bool opaque;
};

static void mix(uint64_t *sum, uint64_t value)
{
	*sum = (*sum ^ value) * 0x100000001b3ull;
}

static void event(struct seen *s, enum fos_http_event ev, const uint8_t *p, size_t took)
{
	if (ev == FOS_HTTP_DATA)
		for (size_t i = 0; i < took; i++)
			mix(&s->body, p[i]);
	if (ev == FOS_HTTP_DATA || ev == FOS_HTTP_MORE)
		return;
	mix(&s->events, (uint64_t)ev + 16);
	mix(&s->events, s->at + took);
	if (ev == FOS_HTTP_HEAD)
		mix(&s->events, s->f.body + 8u * s->f.status + (s->f.length << 16));
	s->opaque = ev == FOS_HTTP_OPAQUE;
}

static void run(struct seen *s, const uint8_t *p, size_t n)
{
	size_t idle = 0;

	while (!s->opaque) {
		enum fos_http_event ev;
		size_t took;

		if (fos_http_idle(&s->f)) {
			if (n == 0)
				return;
			fos_http_answers(&s->f, (enum fos_http_method)(s->methods % 3));
		}
		took = fos_http_step(&s->f, p, n, &ev);
		if (took > n || (took > 0 && ev == FOS_HTTP_BODY_END && s->f.body != FOS_HTTP_CHUNKED))
			abort();
		event(s, ev, p, took);
		s->at += took;
		p += took;
		n -= took;
		idle = took ? 0 : idle + 1;
		if (n == 0 && (ev == FOS_HTTP_MORE || ev == FOS_HTTP_DATA))
			return;
		if (idle > 3)
			abort(); /* no progress */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {.opaque = false}, parts = whole;
	size_t at = 0, step;

	if (size < 2)
		return 0;
	fos_http_begin(&whole.f, data[0] & 1);
	fos_http_begin(&parts.f, data[0] & 1);
	whole.methods = parts.methods = (uint8_t)(data[0] >> 1);
	step = 1 + data[1] % 61;
	data += 2;
	size -= 2;
	run(&whole, data, size);
	while (at < size) {
		size_t n = size - at < step ? size - at : step;
		uint8_t *exact = malloc(n); /* of just this size: the sanitizer sees a step too far */

		if (!exact)
			abort();
		memcpy(exact, data + at, n);
		run(&parts, exact, n);
		free(exact);
		at += n;
	}
	if (whole.events != parts.events || whole.body != parts.body ||
	    whole.opaque != parts.opaque)
		abort();
	fos_http_eof(&whole.f);
	return 0;
}
