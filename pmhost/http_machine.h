/* pmhost/http_machine.h - what the two halves of the HTTP framer share: http_head.c reads header
 * blocks, http_frame.c all else */
#ifndef FOS_PMHOST_HTTP_MACHINE_H
#define FOS_PMHOST_HTTP_MACHINE_H

#include "pmhost/http_frame.h"

enum state {
	START, /* before the first byte of a message */
	METHOD,
	TARGET,
	VERSION, /* nr_word characters of "HTTP/1." have been seen */
	MINOR,
	STATUS, /* nr_word digits have been seen */
	REASON,
	START_CR, /* CR at the end of the start line */
	LINE,     /* at the beginning of a field line */
	NAME,
	VALUE,
	VALUE_CR,
	HEAD_CR, /* CR of the empty line */
	BODY_LENGTH,
	BODY_CLOSE,
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_LF,
	CHUNK_DATA,
	DATA_CR,
	DATA_LF,
	TRAILERS, /* the last chunk's line has been told of: at the beginning of a trailer line */
	TRAILER,
	TRAILER_LF,
	TRAILERS_LF, /* LF of the empty line */
	BODY_ENDED,  /* without trailers */
	MESSAGE_ENDED,
	OPAQUE
};

enum field { OTHER, LENGTH, CODING, CONNECTION, UPGRADE, RANGE };

/* One byte of a header block: MORE, HEAD (the block is complete) or OPAQUE. */
enum fos_http_event fos_http_head_byte(struct fos_http_frame *f, uint8_t c);

static inline bool is_response(const struct fos_http_frame *f)
{
	return (f->flags & FOS_HTTP_F_RESPONSE) != 0;
}

static inline enum fos_http_event opaque(struct fos_http_frame *f, enum fos_http_why why)
{
	f->why = (uint8_t)why;
	f->state = OPAQUE;
	return FOS_HTTP_OPAQUE;
}

static inline enum fos_http_event malformed(struct fos_http_frame *f)
{
	return opaque(f, FOS_HTTP_MALFORMED);
}

static inline enum fos_http_event to(struct fos_http_frame *f, enum state state)
{
	f->state = (uint8_t)state;
	f->nr_word = 0;
	return FOS_HTTP_MORE;
}

#endif
