/* pmhost/http_head.c - start lines and fields, byte by byte, see http_frame.h */
#include <string.h>

#include "pmhost/http_machine.h"

#define LEADING_EMPTY 8u /* CR and LF before a request line */
#define WORD_MAX ((uint8_t)sizeof(((struct fos_http_frame *)0)->word))

/* ---------------------------------------------------------------- characters */

bool fos_http_token_char(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void word_add(struct fos_http_frame *f, uint8_t c)
{
	if (f->nr_word < WORD_MAX)
		f->word[f->nr_word] = (char)c;
	if (f->nr_word <= WORD_MAX)
		f->nr_word++;
}

static bool word_is(const struct fos_http_frame *f, const char *text)
{
	return strlen(text) == f->nr_word && memcmp(f->word, text, f->nr_word) == 0;
}

/* ---------------------------------------------------------------- start line */

static enum fos_http_event start(struct fos_http_frame *f, uint8_t c)
{
	if (is_response(f)) {
		to(f, VERSION);
		f->nr_word = 1;
		return c == 'H' ? FOS_HTTP_MORE : malformed(f);
	}
	if (c == '\r' || c == '\n')
		return f->used <= LEADING_EMPTY ? FOS_HTTP_MORE : malformed(f);
	if (!fos_http_token_char(c))
		return malformed(f);
	to(f, METHOD);
	word_add(f, c);
	return FOS_HTTP_MORE;
}

static enum fos_http_event method(struct fos_http_frame *f, uint8_t c)
{
	if (c != ' ') {
		word_add(f, c);
		return fos_http_token_char(c) && f->nr_word <= WORD_MAX ? FOS_HTTP_MORE :
									  malformed(f);
	}
	f->method = word_is(f, "HEAD")    ? FOS_HTTP_HEAD_METHOD :
		    word_is(f, "CONNECT") ? FOS_HTTP_CONNECT :
					    FOS_HTTP_ANY;
	return to(f, TARGET);
}

static enum fos_http_event target(struct fos_http_frame *f, uint8_t c)
{
	if (c == ' ' && f->nr_word > 0)
		return to(f, VERSION);
	f->nr_word = 1;
	return c > ' ' && c != 0x7f ? FOS_HTTP_MORE : malformed(f);
}

static enum fos_http_event version(struct fos_http_frame *f, uint8_t c)
{
	static const char text[] = "HTTP/1.";

	if (c == '2' && f->nr_word == 5 && !is_response(f))
		return opaque(f, FOS_HTTP_SWITCHED);
	if (c != (uint8_t)text[f->nr_word++])
		return malformed(f);
	return text[f->nr_word] ? FOS_HTTP_MORE : to(f, MINOR);
}

/* The minor version, and what follows it in this kind of start line. */
static enum fos_http_event minor(struct fos_http_frame *f, uint8_t c)
{
	if (f->nr_word == 0) {
		f->minor = c != '0';
		f->nr_word = 1;
		return is_digit(c) ? FOS_HTTP_MORE : malformed(f);
	}
	if (is_response(f))
		return c == ' ' ? to(f, STATUS) : malformed(f);
	if (c == '\r')
		return to(f, START_CR);
	return c == '\n' ? to(f, LINE) : malformed(f);
}

static enum fos_http_event status(struct fos_http_frame *f, uint8_t c)
{
	if (f->nr_word < 3) {
		f->status = (uint16_t)(f->status * 10 + (c - '0'));
		f->nr_word++;
		return is_digit(c) && f->status > 0 ? FOS_HTTP_MORE : malformed(f);
	}
	if (c == ' ')
		return to(f, REASON);
	if (c == '\r')
		return to(f, START_CR);
	return c == '\n' ? to(f, LINE) : malformed(f);
}

static enum fos_http_event reason(struct fos_http_frame *f, uint8_t c)
{
	if (c == '\r')
		return to(f, START_CR);
	if (c == '\n')
		return to(f, LINE);
	return c != 0 ? FOS_HTTP_MORE : malformed(f);
}

/* ---------------------------------------------------------------- fields */

static enum field field_of(const struct fos_http_frame *f)
{
	return word_is(f, "content-length")	   ? LENGTH :
	       word_is(f, "transfer-encoding") ? CODING :
	       word_is(f, "connection")	   ? CONNECTION :
	       word_is(f, "upgrade")	   ? UPGRADE :
	       word_is(f, "content-range")	   ? RANGE :
						     OTHER;
}

static bool add_length(struct fos_http_frame *f)
{
	uint64_t n = 0;

	if (f->nr_word == 0 || f->nr_word > 18)
		return false;
	for (uint8_t i = 0; i < f->nr_word; i++) {
		if (!is_digit((uint8_t)f->word[i]))
			return false;
		n = n * 10 + (uint64_t)(f->word[i] - '0');
	}
	if (f->length != FOS_HTTP_NO_LENGTH && f->length != n)
		return false;
	f->length = n;
	return true;
}

static void add_coding(struct fos_http_frame *f)
{
	if (f->nr_word == 0 || (is_response(f) && word_is(f, "identity")))
		return;
	if (f->flags & FOS_HTTP_F_CHUNKED)
		f->flags |= FOS_HTTP_F_CHUNKED_EARLY;
	f->flags |= FOS_HTTP_F_CODED;
	if (word_is(f, "chunked"))
		f->flags |= FOS_HTTP_F_CHUNKED;
	else
		f->flags &= (uint8_t)~FOS_HTTP_F_CHUNKED;
}

/* An element of a field's list is complete. */
static enum fos_http_event element(struct fos_http_frame *f)
{
	bool good = true;

	/* white space behind it */
	while (f->nr_word > 0 && f->nr_word <= WORD_MAX && f->word[f->nr_word - 1] == ' ')
		f->nr_word--;
	if (f->field == LENGTH)
		good = add_length(f);
	else if (f->field == CODING)
		add_coding(f);
	else if (f->field == CONNECTION && word_is(f, "close"))
		f->flags |= FOS_HTTP_F_CLOSE;
	else if (f->field == CONNECTION && word_is(f, "keep-alive"))
		f->flags |= FOS_HTTP_F_KEEP_ALIVE;
	else if (f->field == UPGRADE)
		f->flags |= FOS_HTTP_F_UPGRADE;
	else if (f->field == RANGE)
		f->flags |= FOS_HTTP_F_RANGE;
	f->nr_word = 0;
	return good ? FOS_HTTP_MORE : malformed(f);
}

static enum fos_http_event line(struct fos_http_frame *f, uint8_t c)
{
	if (c == '\r')
		return to(f, HEAD_CR);
	if (c == '\n')
		return FOS_HTTP_HEAD;
	if (c == ' ' || c == '\t') /* folded: goes on with a field, and none that matters */
		return f->field == OTHER ? to(f, VALUE) : malformed(f);
	to(f, NAME);
	word_add(f, lower(c));
	return fos_http_token_char(c) ? FOS_HTTP_MORE : malformed(f);
}

static enum fos_http_event name(struct fos_http_frame *f, uint8_t c)
{
	if (c != ':') {
		word_add(f, lower(c));
		return fos_http_token_char(c) ? FOS_HTTP_MORE : malformed(f);
	}
	f->field = (uint8_t)field_of(f);
	return to(f, VALUE);
}

static enum fos_http_event value(struct fos_http_frame *f, uint8_t c)
{
	enum fos_http_event ev = FOS_HTTP_MORE;

	if (c == '\r' || c == '\n') {
		if (f->field != OTHER)
			ev = element(f);
		if (ev == FOS_HTTP_MORE)
			to(f, c == '\n' ? LINE : VALUE_CR);
		return ev;
	}
	if (c == 0)
		return malformed(f);
	if (f->field == OTHER)
		return FOS_HTTP_MORE;
	if (c == ',')
		return element(f);
	if (c == '\t')
		c = ' ';
	if (c != ' ' || f->nr_word > 0)
		word_add(f, lower(c));
	return FOS_HTTP_MORE;
}

/* One byte of a header block. */
enum fos_http_event fos_http_head_byte(struct fos_http_frame *f, uint8_t c)
{
	if (++f->used > FOS_HTTP_HEAD_LIMIT)
		return malformed(f);
	switch ((enum state)f->state) {
	case START:
		return start(f, c);
	case METHOD:
		return method(f, c);
	case TARGET:
		return target(f, c);
	case VERSION:
		return version(f, c);
	case MINOR:
		return minor(f, c);
	case STATUS:
		return status(f, c);
	case REASON:
		return reason(f, c);
	case START_CR:
		return c == '\n' ? to(f, LINE) : malformed(f);
	case LINE:
		return line(f, c);
	case NAME:
		return name(f, c);
	case VALUE:
		return value(f, c);
	case VALUE_CR:
		return c == '\n' ? to(f, LINE) : malformed(f);
	default: /* HEAD_CR */
		return c == '\n' ? FOS_HTTP_HEAD : malformed(f);
	}
}
