/* pmhost/pm_http.h - HTTP/1 for module authors: part of pmhost/pm.h, include that
 *
 * A module with `.stream = FOS_HTTP_BODY` reads the bodies of HTTP/1.0 and 1.1 messages:
 *
 *	static void on_head(struct fos_window *w)
 *	{
 *		if (!fos_http(w)->response || !fos_http_is(w, "Content-Type", "text/html"))
 *			fos_http_skip(w);
 *	}
 *
 *	FOS_PM(.name = "color", .stream = FOS_HTTP_BODY, .flags = FOS_PM_EDITS | FOS_PM_PLAIN,
 *	       .on_head = on_head, .on_data = on_data);
 *
 * on_head is called when a message's header block is complete, before any of it goes on: look at
 * fields, add, remove or set some, decide whether the body is to be seen.  It commits once, when it
 * returns (no fos_release()).  Interim responses (1xx) and those that turn a connection into
 * something else (101, CONNECT) pass unseen.
 *
 * on_data then sees the body and nothing else.  The window never spans two messages; positions
 * count body bytes that were shown, those of all messages of a direction one after another, from 0;
 * fos_http(w)->start is where this body begins.  Chunk sizes and trailers are not in it.  All calls
 * on windows mean body positions; fos_fin() says that this message's body ends at the tail.  What
 * on_data then leaves goes on unedited at once.  A body of no bytes that was announced
 * (Content-Length: 0, one empty chunk) is shown as an empty window with fos_fin(); where there can
 * be no body (GET, responses to HEAD, 204, 304) on_data is not called.
 *
 * Lengths are mended for modules with FOS_PM_EDITS, for the messages whose bodies they see:
 *
 *	the body was          the receiver     it leaves as
 *	chunked               any              chunks of the box, one per release; trailers stay, chunk
 *	                                       extensions go
 *	with Content-Length   HTTP/1.1         chunked
 *	with Content-Length   HTTP/1.0, and    until the close: the field goes, "Connection: close" is
 *	                      it ends with     there
 *	                      the connection
 *	with Content-Length   HTTP/1.0 that    as long as it was: fixed
 *	                      stays open
 *	until the close       any              as it is
 *	a range (206, or a Content-Range)      as long as it was: fixed, so that ranges still fit
 *
 * A response is HTTP/1.1 to its receiver when both the request and the response say so.  Requests
 * of HTTP/1.1 become chunked too: their server must understand that (RFC 9112 section 7.1 says it
 * must).  In a *fixed* body (fos_http(w)->fixed) fos_delete() leaves blanks, fos_replace() by fewer
 * bytes is filled up with blanks, fos_insert() and fos_replace() by more return FOS_EINVAL.
 *
 * Other fields that speak of the bytes: Content-MD5, Digest, Content-Digest and Repr-Digest are
 * taken off; where the length may change Accept-Ranges goes too, and a strong ETag becomes a weak
 * one (W/"..."), so that nobody puts an edited and an unedited part together.  This happens to
 * every message whose body an editing module sees, edited or not: the fields leave first.
 *
 * Encodings.  A body comes as it was sent, Content-Encoding included.  With FOS_PM_PLAIN (and
 * FOS_PM_EDITS) requests that have an Accept-Encoding get "Accept-Encoding: identity"; the option
 * `accept_encoding: keep` in the configuration turns that off, `identity` turns it on for any module
 * that edits.  Servers may encode all the same: look at Content-Encoding in on_head.
 *
 * Directions.  Requests are read on the connection's forward direction, responses on the reverse
 * one.  `direction:` in the configuration says which of them the handlers see.  fos_bypass() stops
 * the handlers for the rest of a direction.
 *
 * What is not HTTP.  Where bytes cannot be read as HTTP/1 without guessing (pmhost/http_frame.h says
 * which), or a 65th request comes while none is answered, the rest of the direction passes untouched,
 * and so do responses to requests that could not be read (http_malformed, http_switched).  After a
 * switch (101, CONNECT) both directions pass; what a client sends behind a request that may lead to
 * one waits for the answer.  A body that is under way then ends for the module with fos_fin() and
 * fos_http(w)->cut.
 *
 * Waiting.  A header block waits until it is complete, at most as `hold` says; then its message
 * passes unseen (http_heads_missed), those behind it do not.  So does one of more than 512 fields.
 * A response that comes before its request was seen waits, too.  In a flow that goes on without its
 * module (on_failure: bypass, quarantine) a body whose length was being mended is broken.
 */
#ifndef FLOWOS_PM_HTTP_H
#define FLOWOS_PM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The message that is being read.  Strings end in NUL, are never NULL, and are valid until the
 * handler returns. */
struct fos_http {
	bool response;
	bool body;       /* there is one, maybe of no bytes: on_data will be called for it */
	bool fixed;      /* edits must keep the body's length (see above) */
	bool cut;        /* with fos_fin(): the connection ended before the body did */
	uint8_t minor;   /* HTTP/1.minor */
	uint16_t status; /* responses */
	uint64_t number; /* of the request on its connection, from 0; a response has its request's */
	uint64_t length; /* Content-Length; UINT64_MAX: not announced */
	uint64_t start;  /* position of the body's first byte */
	/* Of the request, also for its response (then the first 200 bytes of a target, the first 63 of
	 * a host; "" when the request was not seen, or many others are under way). */
	const char *method;
	const char *target;
	const char *host;
};

/* NULL outside a message (on_open, on_close, and on_timer between messages). */
const struct fos_http *fos_http(struct fos_window *w);

/* ---------------------------------------------------------------- fields: in on_head only
 * Names are compared without regard to case.  Reading shows what came, not what was staged. */

/* Value of the first field of that name, without white space around it; NULL when there is none. */
const char *fos_http_get(struct fos_window *w, const char *name);

/* The i-th field in order; false beyond the last. */
struct fos_http_field {
	const char *name;
	const char *value;
};
bool fos_http_field(struct fos_window *w, unsigned i, struct fos_http_field *field);

/* Is `word` the field's value, up to ';' (as in "text/html; charset=utf-8"), in any case? */
bool fos_http_is(struct fos_window *w, const char *name, const char *word);

/* Staged: at the end of the block; every field of that name; in the place of the first one of that
 * name (the others go), or at the end.  FOS_EPERM: not in on_head, no FOS_PM_EDITS, or a field that
 * the platform keeps true by itself (Content-Length, Transfer-Encoding).  FOS_EINVAL: no token as
 * name, or a line break in a value.  FOS_EFULL: more than 16 KiB.  fos_http_remove() returns how
 * many there were. */
int fos_http_add(struct fos_window *w, const char *name, const char *value);
int fos_http_remove(struct fos_window *w, const char *name);
int fos_http_set(struct fos_window *w, const char *name, const char *value);

/* on_data is not to be called for this message: its body passes as it came, its length fields
 * too. */
void fos_http_skip(struct fos_window *w);

/* ---------------------------------------------------------------- file.transfer
 * The topic "file.transfer/1" (pm_link.h): files on their way, in pieces.  The module `transfer`
 * publishes those of HTTP; modules for other protocols may, too.  Of each file: one BEGIN, DATA in order
 * of `offset`, one END or CUT; a gap between offsets is what passed unseen (a hold that ended).  Messages
 * are as long as their data asks. */
#define FOS_TRANSFER_TOPIC "file.transfer/1"
#define FOS_TRANSFER_DATA 200u

enum fos_transfer_kind {
	FOS_TRANSFER_BEGIN, /* data: name NUL content type NUL, each "" when not known */
	FOS_TRANSFER_DATA_OF,
	FOS_TRANSFER_END, /* it was complete; `length`: its bytes */
	FOS_TRANSFER_CUT  /* it was not; `length`: those that came */
};
struct fos_transfer {
	uint8_t id[16]; /* the same in all messages of a file, another for each file under way */
	uint64_t offset; /* of data in the file */
	uint64_t length; /* BEGIN: announced bytes, UINT64_MAX = not announced */
	uint16_t len;    /* bytes of data */
	uint8_t kind;    /* enum fos_transfer_kind */
	uint8_t upload;  /* to the server */
	uint8_t data[FOS_TRANSFER_DATA];
};
#define FOS_TRANSFER_SIZE(len) (offsetof(struct fos_transfer, data) + (len))

/* ---------------------------------------------------------------- http.request
 * The topic "http.request/1": one message for each request whose header block was seen, committed with the
 * block's way on.  `transfer` publishes it.  Requests of a connection come in order. */
#define FOS_REQUEST_TOPIC "http.request/1"
#define FOS_REQUEST_TEXT 200u

struct fos_request {
	uint64_t flow;     /* as fos_flow()->id of the connection's forward direction */
	uint64_t start_ns; /* of the connection: together with `flow` no other's */
	uint64_t length;   /* Content-Length of its body, UINT64_MAX = not announced */
	uint32_t number;   /* on its connection, from 0 */
	uint16_t len;      /* bytes of text */
	uint8_t minor;     /* HTTP/1.minor */
	uint8_t flags;     /* FOS_REQUEST_* */
	uint8_t text[FOS_REQUEST_TEXT]; /* method NUL host NUL target NUL; "" where there is none */
};
#define FOS_REQUEST_BODY 1u /* it has a body */
#define FOS_REQUEST_CUT 2u  /* host or target are longer than there was room for */
#define FOS_REQUEST_SIZE(len) (offsetof(struct fos_request, text) + (len))

#endif
