/* pmhost/http_frame.c - where bodies and messages end, see http_frame.h */
#include "pmhost/http_frame.h"

#include <string.h>

#include "pmhost/http_machine.h"

static void next_message(struct fos_http_frame *f)
{
	f->length = FOS_HTTP_NO_LENGTH;
	f->left = 0;
	f->used = 0;
	f->status = 0;
	f->body = FOS_HTTP_NO_BODY;
	f->flags &= FOS_HTTP_F_RESPONSE;
	f->state = START;
	f->nr_word = 0;
	f->field = CODING; /* before the first field line nothing can be folded */
	f->method = FOS_HTTP_ANY;
}

void fos_http_begin(struct fos_http_frame *f, bool response)
{
	memset(f, 0, sizeof(*f));
	f->flags = response ? FOS_HTTP_F_RESPONSE : 0;
	next_message(f);
}

void fos_http_answers(struct fos_http_frame *f, enum fos_http_method method)
{
	f->method = (uint8_t)method;
}

/* ---------------------------------------------------------------- what kind of body */

static enum fos_http_event has_body(struct fos_http_frame *f, enum fos_http_body body)
{
	f->body = (uint8_t)body;
	f->left = body == FOS_HTTP_LENGTH ? f->length : 0;
	f->used = 0;
	to(f, body == FOS_HTTP_LENGTH	   ? BODY_LENGTH :
	      body == FOS_HTTP_CHUNKED	   ? CHUNK_SIZE :
	      body == FOS_HTTP_UNTIL_CLOSE ? BODY_CLOSE :
					     BODY_ENDED);
	return FOS_HTTP_MORE;
}

/* RFC 9112 section 6.3. */
static enum fos_http_event decide(struct fos_http_frame *f)
{
	bool coded = (f->flags & FOS_HTTP_F_CODED) != 0, response = is_response(f);
	bool chunked = (f->flags & FOS_HTTP_F_CHUNKED) && !(f->flags & FOS_HTTP_F_CHUNKED_EARLY);
	uint16_t kind = f->status / 100;

	if (response && (f->status == 101 || (f->method == FOS_HTTP_CONNECT && kind == 2)))
		return opaque(f, FOS_HTTP_SWITCHED);
	if (response && (kind == 1 || f->status == 204 || f->status == 304 ||
			 f->method == FOS_HTTP_HEAD_METHOD))
		return has_body(f, FOS_HTTP_NO_BODY);
	if (coded && f->minor == 0)
		return malformed(f);
	if (coded && !response && (!chunked || f->length != FOS_HTTP_NO_LENGTH))
		return malformed(f);
	if (coded)
		return has_body(f, chunked ? FOS_HTTP_CHUNKED : FOS_HTTP_UNTIL_CLOSE);
	if (f->length != FOS_HTTP_NO_LENGTH)
		return has_body(f, FOS_HTTP_LENGTH);
	return has_body(f, response ? FOS_HTTP_UNTIL_CLOSE : FOS_HTTP_NO_BODY);
}

/* ---------------------------------------------------------------- body framing */

static enum fos_http_event chunk_line_end(struct fos_http_frame *f)
{
	f->used = 0;
	if (f->left > 0)
		return to(f, CHUNK_DATA);
	to(f, TRAILERS);
	return FOS_HTTP_BODY_END;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum fos_http_event chunk_size(struct fos_http_frame *f, uint8_t c)
{
	int digit = hex(c);

	if (digit >= 0) {
		if (f->nr_word++ >= 15)
			return malformed(f);
		f->left = f->left << 4 | (uint64_t)digit;
		return FOS_HTTP_MORE;
	}
	if (f->nr_word == 0)
		return malformed(f);
	if (c == '\r')
		return to(f, CHUNK_LF);
	return c == ';' || c == ' ' || c == '\t' ? to(f, CHUNK_EXT) : malformed(f);
}

static enum fos_http_event trailer_byte(struct fos_http_frame *f, uint8_t c)
{
	switch ((enum state)f->state) {
	case TRAILERS:
		return to(f, c == '\r' ? TRAILERS_LF : TRAILER);
	case TRAILER:
		if (c == '\n' || c == 0)
			return malformed(f);
		return c == '\r' ? to(f, TRAILER_LF) : FOS_HTTP_MORE;
	case TRAILER_LF:
		return c == '\n' ? to(f, TRAILERS) : malformed(f);
	default: /* TRAILERS_LF */
		if (c != '\n')
			return malformed(f);
		next_message(f);
		return FOS_HTTP_END;
	}
}

/* One byte of chunk sizes and trailers. */
static enum fos_http_event framing_byte(struct fos_http_frame *f, uint8_t c)
{
	f->used++;
	switch ((enum state)f->state) {
	case CHUNK_SIZE:
		return chunk_size(f, c);
	case CHUNK_EXT:
		if (c == '\n' || c == 0 || f->used > FOS_HTTP_LINE_LIMIT)
			return malformed(f);
		return c == '\r' ? to(f, CHUNK_LF) : FOS_HTTP_MORE;
	case CHUNK_LF:
		return c == '\n' ? chunk_line_end(f) : malformed(f);
	case DATA_CR:
		return c == '\r' ? to(f, DATA_LF) : malformed(f);
	case DATA_LF:
		f->used = 0;
		return c == '\n' ? to(f, CHUNK_SIZE) : malformed(f);
	default:
		return f->used > FOS_HTTP_HEAD_LIMIT ? malformed(f) : trailer_byte(f, c);
	}
}

static size_t body_bytes(struct fos_http_frame *f, size_t n, enum fos_http_event *ev)
{
	*ev = n > 0 ? FOS_HTTP_DATA : FOS_HTTP_MORE;
	if (f->state == BODY_CLOSE)
		return n;
	if (n > f->left)
		n = (size_t)f->left;
	f->left -= n;
	if (f->left == 0)
		to(f, f->state == CHUNK_DATA ? DATA_CR : BODY_ENDED);
	return n;
}

/* ---------------------------------------------------------------- interface */

/* Events for which no byte is needed; false: none is due. */
static bool due(struct fos_http_frame *f, enum fos_http_event *ev)
{
	if (f->state == BODY_LENGTH && f->left == 0)
		f->state = BODY_ENDED;
	if (f->state == BODY_ENDED) {
		f->state = MESSAGE_ENDED;
		*ev = FOS_HTTP_BODY_END;
		return true;
	}
	if (f->state == MESSAGE_ENDED) {
		next_message(f);
		*ev = FOS_HTTP_END;
		return true;
	}
	*ev = FOS_HTTP_OPAQUE;
	return f->state == OPAQUE;
}

size_t fos_http_step(struct fos_http_frame *f, const uint8_t *p, size_t n, enum fos_http_event *ev)
{
	size_t i = 0;

	if (due(f, ev))
		return 0;
	if (f->state == BODY_LENGTH || f->state == BODY_CLOSE || f->state == CHUNK_DATA)
		return body_bytes(f, n, ev);
	*ev = FOS_HTTP_MORE;
	while (i < n && *ev == FOS_HTTP_MORE) {
		if (f->state < BODY_LENGTH)
			*ev = fos_http_head_byte(f, p[i++]);
		else if (f->state == CHUNK_DATA || (i > 0 && fos_http_between(f)))
			return i; /* data begins here, or a chunk's line */
		else
			*ev = framing_byte(f, p[i++]);
	}
	/* the kind of body is known as soon as the block is complete */
	if (*ev == FOS_HTTP_HEAD && decide(f) == FOS_HTTP_OPAQUE && f->why == FOS_HTTP_MALFORMED)
		*ev = FOS_HTTP_OPAQUE;
	return i;
}

bool fos_http_eof(struct fos_http_frame *f)
{
	if (f->state == BODY_CLOSE)
		f->state = BODY_ENDED;
	return f->state == BODY_ENDED || f->state == MESSAGE_ENDED || fos_http_idle(f);
}

bool fos_http_between(const struct fos_http_frame *f)
{
	return (f->state == CHUNK_SIZE && f->nr_word == 0) || f->state == CHUNK_DATA ||
	       f->state == DATA_CR;
}

bool fos_http_in_trailers(const struct fos_http_frame *f)
{
	return f->state >= TRAILERS && f->state <= TRAILERS_LF;
}

bool fos_http_idle(const struct fos_http_frame *f)
{
	return f->state == START && f->used == 0;
}

bool fos_http_in_head(const struct fos_http_frame *f)
{
	return f->state < BODY_LENGTH;
}

bool fos_http_closes(const struct fos_http_frame *f)
{
	if (f->flags & FOS_HTTP_F_CLOSE)
		return true;
	return f->minor == 0 && !(f->flags & FOS_HTTP_F_KEEP_ALIVE);
}
