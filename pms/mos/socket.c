/* socket.c - sockets: made, closed, asked */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

#define BUFFER_MIN 1024
#define BUFFER_MAX (1 << 24)

static struct fos_mos_sock **socks;
static uint32_t nr_socks, cap_socks;
static int *spare; /* numbers to be given again */
static uint32_t nr_spare;

int fos_mos_fail(int error)
{
	errno = error;
	return -1;
}

struct fos_mos_sock *fos_mos_sock(mctx_t mctx, int id, uint32_t types)
{
	struct fos_mos_sock *s;

	if (mctx != &fos_mos.ctx) {
		errno = EACCES;
		return NULL;
	}
	s = id >= 0 && (uint32_t)id < nr_socks ? socks[id] : NULL;
	if (!s || !(FOS_MOS_TYPE(s->type) & types)) {
		errno = EBADF;
		return NULL;
	}
	return s;
}

struct fos_mos_sock *fos_mos_sock_new(int type)
{
	static uint64_t serial;
	struct fos_mos_sock *s = calloc(1, sizeof(*s));
	int id;

	if (!s)
		return NULL;
	if (!nr_spare && nr_socks == cap_socks) {
		uint32_t cap = cap_socks ? 2 * cap_socks : 64;
		struct fos_mos_sock **more = realloc(socks, cap * sizeof(*socks));
		int *room = more ? realloc(spare, cap * sizeof(*spare)) : NULL;

		socks = more ? more : socks;
		spare = room ? room : spare;
		if (!room) {
			free(s);
			return NULL;
		}
		cap_socks = cap;
	}
	id = nr_spare ? spare[--nr_spare] : (int)nr_socks++;
	s->id = id;
	s->serial = ++serial;
	s->type = type;
	s->watch[0] = s->watch[1] = true;
	s->keeps[0] = s->keeps[1] = !fos_mos.no_bytes;
	socks[id] = s;
	return s;
}

void fos_mos_sock_free(struct fos_mos_sock *s)
{
	fos_mos_set_drop(s->set);
	fos_mos_filter_free(s->filter[0]);
	fos_mos_filter_free(s->filter[1]);
	socks[s->id] = NULL;
	spare[nr_spare++] = s->id;
	free(s);
}

int mtcp_socket(mctx_t mctx, int domain, int type, int protocol)
{
	struct fos_mos_sock **at = &fos_mos.listeners, *s;

	(void)domain;
	(void)protocol;
	if (mctx != &fos_mos.ctx)
		return fos_mos_fail(EACCES);
	if (type != MOS_SOCK_MONITOR_STREAM && type != MOS_SOCK_MONITOR_RAW)
		return fos_mos_fail(type == MOS_SOCK_STREAM ? EOPNOTSUPP : EINVAL);
	s = fos_mos_sock_new(type);
	if (!s)
		return fos_mos_fail(ENOMEM);
	while (*at)
		at = &(*at)->next;
	*at = s;
	return s->id;
}

int mtcp_close(mctx_t mctx, int sock)
{
	struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_LISTENER | FOS_MOS_RAW);
	struct fos_mos_sock **at = &fos_mos.listeners;

	if (!s)
		return -1;
	if (fos_mos.w)
		return fos_mos_fail(EBUSY); /* its callbacks may be those that run */
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	fos_mos_sock_free(s);
	return 0;
}

/* ---------------------------------------------------------------- what belongs to a socket */

void mtcp_set_uctx(mctx_t mctx, int sock, void *uctx)
{
	struct fos_mos_sock *s =
		fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW);

	if (s)
		s->uctx = uctx;
}

void *mtcp_get_uctx(mctx_t mctx, int sock)
{
	const struct fos_mos_sock *s =
		fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW);

	return s ? s->uctx : NULL;
}

int mtcp_getpeername(mctx_t mctx, int sock, struct sockaddr *saddr, socklen_t *addrlen, int side)
{
	const struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE);
	const struct sockaddr_in *a;
	socklen_t one = sizeof(*a), want;

	if (!s)
		return -1;
	if (!saddr || !addrlen || side < MOS_SIDE_CLI || side > MOS_SIDE_BOTH)
		return fos_mos_fail(EINVAL);
	a = s->conn->addr;
	want = side == MOS_SIDE_BOTH ? 2 * one : one;
	if (*addrlen < want)
		return fos_mos_fail(EINVAL);
	if (side == MOS_SIDE_SVR) {
		memcpy(saddr, &a[1], one);
	} else {
		/* the other end as well where there is room: programs look there */
		want = *addrlen >= 2 * one ? 2 * one : one;
		memcpy(saddr, a, want);
	}
	*addrlen = want;
	return 0;
}

uint32_t mtcp_get_connection_cnt(mctx_t mctx)
{
	return mctx == &fos_mos.ctx ? fos_mos.nr_conns : 0;
}

/* ---------------------------------------------------------------- options that are read */

static int fragments(const struct fos_mos_sock *s, int side, void *optval, socklen_t *optlen)
{
	const struct fos_mos_bytes *b = &s->conn->bytes[side];
	struct tcp_ring_fragment *out = optval;
	socklen_t max = *optlen / sizeof(*out), n = 0;

	if (max == 0 || !s->keeps[side])
		return fos_mos_fail(EINVAL);
	if (b->end > b->begin)
		out[n++] = (struct tcp_ring_fragment){b->begin, (uint32_t)(b->end - b->begin)};
	n += fos_mos_ahead_list(b, out + n, max - n);
	if (n < max)
		out[n] = (struct tcp_ring_fragment){0, 0};
	*optlen = n;
	return 0;
}

static int buf_info(const struct fos_mos_sock *s, int side, void *optval, socklen_t *optlen)
{
	const struct fos_mos_bytes *b = &s->conn->bytes[side];
	uint32_t base = s->conn->init_seq[1 - side];
	struct tcp_buf_info *out = optval;

	if (*optlen != sizeof(*out))
		return fos_mos_fail(EINVAL);
	if (!s->conn->known[1 - side])
		return fos_mos_fail(ENODATA);
	out->tcpbi_init_seq = base;
	out->tcpbi_last_byte_read = base + (uint32_t)s->peeked[side];
	out->tcpbi_next_byte_expected = base + (uint32_t)b->end;
	out->tcpbi_last_byte_received = base + (uint32_t)fos_mos_ahead_end(b);
	return 0;
}

static int word(uint32_t value, void *optval, socklen_t *optlen)
{
	if (*optlen < sizeof(value))
		return fos_mos_fail(EINVAL);
	memcpy(optval, &value, sizeof(value));
	*optlen = sizeof(value);
	return 0;
}

int mtcp_getsockopt(mctx_t mctx, int sock, int level, int optname, void *optval, socklen_t *optlen)
{
	const struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE);

	if (!s)
		return -1;
	if (level != SOL_MONSOCKET)
		return fos_mos_fail(ENOPROTOOPT);
	if (!optval || !optlen)
		return fos_mos_fail(EFAULT);
	switch (optname) {
	case MOS_FRAGINFO_CLIBUF:
	case MOS_FRAGINFO_SVRBUF:
		return fragments(s, optname - MOS_FRAGINFO_CLIBUF, optval, optlen);
	case MOS_INFO_CLIBUF:
	case MOS_INFO_SVRBUF:
		return buf_info(s, optname - MOS_INFO_CLIBUF, optval, optlen);
	case MOS_TCP_STATE_CLI:
	case MOS_TCP_STATE_SVR:
		return word((uint32_t)s->conn->state[optname - MOS_TCP_STATE_CLI], optval, optlen);
	case MOS_TIMESTAMP:
		return word((uint32_t)(s->conn->last_ns / 1000), optval, optlen);
	default:
		return fos_mos_fail(ENOPROTOOPT);
	}
}

/* ---------------------------------------------------------------- options that are set */

static int set_buffer(struct fos_mos_sock *s, int side, int bytes)
{
	if (bytes < 0 || bytes > BUFFER_MAX)
		return fos_mos_fail(EINVAL);
	s->keeps[side] = bytes > 0;
	s->limit[side] = bytes && bytes < BUFFER_MIN ? BUFFER_MIN : (uint32_t)bytes;
	return 0;
}

static int stop(struct fos_mos_sock *s, int side)
{
	if (s->type != MOS_SOCK_MONITOR_STREAM_ACTIVE)
		return fos_mos_fail(EINVAL);
	if (side != MOS_SIDE_CLI && side != MOS_SIDE_SVR && side != MOS_SIDE_BOTH)
		return fos_mos_fail(EINVAL);
	if (side != MOS_SIDE_SVR)
		s->watch[MOS_SIDE_CLI] = s->keeps[MOS_SIDE_CLI] = false;
	if (side != MOS_SIDE_CLI)
		s->watch[MOS_SIDE_SVR] = s->keeps[MOS_SIDE_SVR] = false;
	return 0;
}

int mtcp_setsockopt(mctx_t mctx, int sock, int level, int optname, const void *optval,
		    socklen_t optlen)
{
	struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER);
	int value;

	if (!s)
		return -1;
	if (level != SOL_MONSOCKET)
		return fos_mos_fail(ENOPROTOOPT);
	if (!optval || optlen != sizeof(value))
		return fos_mos_fail(EINVAL);
	memcpy(&value, optval, sizeof(value));
	switch (optname) {
	case MOS_CLIBUF:
	case MOS_SVRBUF:
		return set_buffer(s, optname - MOS_CLIBUF, value);
	case MOS_CLIOVERLAP:
	case MOS_SVROVERLAP:
		if (value != MOS_OVERLAP_POLICY_FIRST && value != MOS_OVERLAP_POLICY_LAST)
			return fos_mos_fail(EINVAL);
		s->last[optname - MOS_CLIOVERLAP] = value == MOS_OVERLAP_POLICY_LAST;
		return 0;
	case MOS_STOP_MON:
		return stop(s, value);
	case MOS_SEQ_REMAP:
		return fos_mos_fail(ENOSYS);
	default:
		return fos_mos_fail(ENOPROTOOPT);
	}
}

int mtcp_setsock_nonblock(mctx_t mctx, int sock)
{
	return fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW) ? 0 : -1;
}
