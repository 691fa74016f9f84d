/* pmhost/http_frame.h - where HTTP/1 messages begin and end in one direction of a connection
 *
 * A framer takes the bytes of one direction at any segmentation and says what they are: header
 * block, body bytes, or framing (chunk sizes, trailers).  It keeps one small struct of values, may
 * be copied and stored at any byte, and goes on from there.  It touches no memory but its struct
 * and the bytes it is given, allocates nothing, and survives any bytes.
 *
 * Source: RFC 9112 (HTTP/1.1) sections 2 to 7, RFC 9110 for methods and status codes.  Where a
 * sender and a receiver might read a message in different ways (two lengths that differ, a length
 * besides a transfer coding in a request, white space before a colon, a bare CR, a chunk size that
 * is none, a folded field that says where the body ends) the framer does not guess: the rest of
 * the direction is FOS_HTTP_OPAQUE, to be passed untouched.  Tolerated as receivers do: a bare LF
 * at the end of a line of a header block, empty lines before a request, folded fields that say
 * nothing of lengths, a Content-Length repeated with the same value, in a response one that stands
 * besides a transfer coding (which wins), "Transfer-Encoding: identity" in a response.
 *
 * A response is read in the light of its request: the owner calls fos_http_answers() before each
 * response, and again after an interim one (1xx).
 */
#ifndef FOS_PMHOST_HTTP_FRAME_H
#define FOS_PMHOST_HTTP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOS_HTTP_HEAD_LIMIT 65536u /* bytes of a header block, and of trailers; more is malformed */
#define FOS_HTTP_LINE_LIMIT 4096u  /* bytes of a chunk-size line with its extensions */
#define FOS_HTTP_NO_LENGTH UINT64_MAX

/* What fos_http_step() found; the order of events of one message is HEAD, any number of DATA,
 * BODY_END, END, with MORE anywhere. */
enum fos_http_event {
	FOS_HTTP_MORE,     /* the bytes taken are part of a header block, or framing */
	FOS_HTTP_HEAD,     /* with the bytes taken the header block is complete */
	FOS_HTTP_DATA,     /* the bytes taken are body bytes (and nothing else) */
	FOS_HTTP_BODY_END, /* with the bytes taken (none, or the line of the last chunk) the body has
			      ended; trailers may follow */
	FOS_HTTP_END,      /* with the bytes taken (none, or the end of the trailers) the message ended */
	FOS_HTTP_OPAQUE    /* nothing that follows is HTTP/1: see `why` */
};

enum fos_http_why {
	FOS_HTTP_WHY_NONE,
	FOS_HTTP_MALFORMED,
	FOS_HTTP_SWITCHED /* 101, a CONNECT that succeeded, the HTTP/2 preface */
};

enum fos_http_method { FOS_HTTP_ANY, FOS_HTTP_HEAD_METHOD, FOS_HTTP_CONNECT };

enum fos_http_body { FOS_HTTP_NO_BODY, FOS_HTTP_LENGTH, FOS_HTTP_CHUNKED, FOS_HTTP_UNTIL_CLOSE };

enum fos_http_flag {
	FOS_HTTP_F_RESPONSE = 1u << 0,
	FOS_HTTP_F_CODED = 1u << 1,      /* there is a Transfer-Encoding field, */
	FOS_HTTP_F_CHUNKED = 1u << 2,    /* its last coding is `chunked`, */
	FOS_HTTP_F_CHUNKED_EARLY = 1u << 3, /* or one before the last was */
	FOS_HTTP_F_CLOSE = 1u << 4,      /* Connection: close */
	FOS_HTTP_F_KEEP_ALIVE = 1u << 5, /* Connection: keep-alive */
	FOS_HTTP_F_UPGRADE = 1u << 6,    /* there is an Upgrade field */
	FOS_HTTP_F_RANGE = 1u << 7       /* there is a Content-Range field */
};

/* struct fos_http_frame - a framer.  Set up by fos_http_begin(); the first group may be read after
 * FOS_HTTP_HEAD and until FOS_HTTP_END. */
struct fos_http_frame {
	uint64_t length;  /* Content-Length, or FOS_HTTP_NO_LENGTH */
	uint64_t left;    /* body (of a chunk) still to come, bytes */
	uint32_t used;    /* bytes of this header block, chunk line or trailer section so far */
	uint16_t status;  /* responses */
	uint8_t minor;    /* of the version: 0 or 1 (higher ones count as 1) */
	uint8_t method;   /* enum fos_http_method; responses: of the request answered */
	uint8_t body;     /* enum fos_http_body */
	uint8_t flags;    /* enum fos_http_flag */
	uint8_t why;      /* enum fos_http_why */
	/* how far it is */
	uint8_t state;
	uint8_t field;    /* which field's value is being read */
	uint8_t nr_word;  /* characters in `word`; one more than it holds = longer */
	uint8_t pad[2];
	char word[20];    /* method, field name or list element, the latter two in lower case */
	uint32_t pad2;
};

void fos_http_begin(struct fos_http_frame *f, bool response);

/* The request that the next response answers had this method. */
void fos_http_answers(struct fos_http_frame *f, enum fos_http_method method);

/* Takes bytes from p and says what they are; returns how many it took (0..n).  Call again with the
 * rest until it has taken all and says FOS_HTTP_MORE or FOS_HTTP_DATA; with n = 0 it says what is
 * due without further bytes. */
size_t fos_http_step(struct fos_http_frame *f, const uint8_t *p, size_t n, enum fos_http_event *ev);

/* The stream has ended: a body that lasts until then is complete (step once more for its events).
 * True when the end is in order: between messages, or such a body. */
bool fos_http_eof(struct fos_http_frame *f);

/* Nothing of the next message has been taken. */
bool fos_http_idle(const struct fos_http_frame *f);
/* At the beginning of a chunk's line, of its data, or of the line end behind those.  A step stops there. */
bool fos_http_between(const struct fos_http_frame *f);
/* Behind the line of the last chunk. */
bool fos_http_in_trailers(const struct fos_http_frame *f);
/* Inside a header block. */
bool fos_http_in_head(const struct fos_http_frame *f);

/* Does the sender say that the connection ends with this message?  (RFC 9112 section 9.3) */
bool fos_http_closes(const struct fos_http_frame *f);

/* May `c` stand in a token (RFC 9110 section 5.6.2): a method, a field name? */
bool fos_http_token_char(uint8_t c);

#endif
