/* bytes.c - what each end has received: a ring that grows up to its limit, and the calls that read it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

#define FIRST_SIZE 1024u

/* ---------------------------------------------------------------- the ring */

static bool grow(struct fos_mos_bytes *b, uint64_t want)
{
	uint32_t size = b->size ? b->size : FIRST_SIZE;
	uint8_t *data;

	while (size < want && size < b->limit)
		size *= 2;
	if (size > b->limit)
		size = b->limit;
	if (size <= b->size)
		return b->size > 0;
	data = malloc(size);
	if (!data)
		return b->size > 0;
	for (uint64_t at = b->begin; at < b->end; at++)
		data[at % size] = b->data[at % b->size];
	free(b->data);
	b->data = data;
	b->size = size;
	return true;
}

void fos_mos_bytes_add(struct fos_mos_bytes *b, uint64_t pos, const void *data, size_t len)
{
	const uint8_t *from = data;

	if (pos != b->end)
		b->begin = b->end = pos; /* what lies between was not shown */
	if (!grow(b, pos + len - b->begin)) {
		b->begin = b->end = pos + len;
		return;
	}
	b->end = pos + len;
	if (len > b->size) {
		from += len - b->size;
		pos += len - b->size;
		len = b->size;
	}
	for (size_t done = 0; done < len;) {
		size_t at = (pos + done) % b->size, n = b->size - at;

		if (n > len - done)
			n = len - done;
		memcpy(b->data + at, from + done, n);
		done += n;
	}
	if (b->end - b->begin > b->size)
		b->begin = b->end - b->size;
	fos_mos_ahead_trim(b);
}

size_t fos_mos_bytes_copy(const struct fos_mos_bytes *b, uint64_t pos, void *to, size_t len)
{
	if (pos < b->begin || pos >= b->end)
		return 0;
	if (len > b->end - pos)
		len = b->end - pos;
	for (size_t done = 0; done < len;) {
		size_t at = (pos + done) % b->size, n = b->size - at;

		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)to + done, b->data + at, n);
		done += n;
	}
	return len;
}

void fos_mos_bytes_free(struct fos_mos_bytes *b)
{
	free(b->data);
	b->data = NULL;
	b->size = 0;
	b->begin = b->end;
	while (b->ahead) {
		b->end = fos_mos_ahead_end(b);
		fos_mos_ahead_trim(b);
	}
	b->end = b->begin;
}

/* ---------------------------------------------------------------- reading */

/* The socket, when it keeps that side's bytes. */
static struct fos_mos_sock *reader(mctx_t mctx, int sock, int side)
{
	struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE);

	if (!s)
		return NULL;
	if ((side != MOS_SIDE_CLI && side != MOS_SIDE_SVR) || !s->keeps[side]) {
		errno = EINVAL;
		return NULL;
	}
	return s;
}

ssize_t mtcp_peek(mctx_t mctx, int sock, int side, char *buf, size_t len)
{
	struct fos_mos_sock *s = reader(mctx, sock, side);
	const struct fos_mos_bytes *b;
	size_t n;

	if (!s)
		return -1;
	b = &s->conn->bytes[side];
	if (s->peeked[side] < b->begin) {
		uint64_t missed = b->begin - s->peeked[side];

		s->peeked[side] = b->begin;
		errno = ENODATA;
		return -(ssize_t)missed;
	}
	n = fos_mos_bytes_copy(b, s->peeked[side], buf, len);
	s->peeked[side] += n;
	return (ssize_t)n;
}

ssize_t mtcp_ppeek(mctx_t mctx, int sock, int side, char *buf, size_t count, uint64_t off)
{
	struct fos_mos_sock *s = reader(mctx, sock, side);
	size_t n;

	if (!s)
		return -1;
	n = fos_mos_bytes_copy(&s->conn->bytes[side], off, buf, count);
	if (n < count && off + n >= s->conn->bytes[side].end)
		n += fos_mos_ahead_copy(&s->conn->bytes[side], off + n, buf + n, count - n);
	return n || count == 0 ? (ssize_t)n : fos_mos_fail(ENODATA);
}
