/* refuse.c - calls that are not offered: those of the program's own connections, and packets sent into
 * other people's; README.md says why */
#include <errno.h>

#include "pms/mos/mos.h"

#define REFUSED(name, ...)                                                                         \
	int name(__VA_ARGS__)                                                                      \
	{                                                                                          \
		return fos_mos_fail(EOPNOTSUPP);                                                   \
	}
#define REFUSED_SIZE(name, ...)                                                                    \
	ssize_t name(__VA_ARGS__)                                                                  \
	{                                                                                          \
		return fos_mos_fail(EOPNOTSUPP);                                                   \
	}

#pragma GCC diagnostic ignored "-Wunused-parameter"

REFUSED(mtcp_sendpkt, mctx_t mctx, int sock, const struct pkt_info *pkt)
REFUSED(mtcp_pipe, mctx_t mctx, int pipeid[2])
REFUSED(mtcp_ioctl, mctx_t mctx, int sock, int request, void *argp)
REFUSED(mtcp_bind, mctx_t mctx, int sock, const struct sockaddr *addr, socklen_t addrlen)
REFUSED(mtcp_listen, mctx_t mctx, int sock, int backlog)
REFUSED(mtcp_accept, mctx_t mctx, int sock, struct sockaddr *addr, socklen_t *addrlen)
REFUSED(mtcp_init_rss, mctx_t mctx, in_addr_t saddr_base, int num_addr, in_addr_t daddr,
	in_addr_t dport)
REFUSED(mtcp_connect, mctx_t mctx, int sock, const struct sockaddr *addr, socklen_t addrlen)
REFUSED(mtcp_abort, mctx_t mctx, int sock)
REFUSED(mtcp_getsockname, mctx_t mctx, int sock, struct sockaddr *addr, socklen_t *addrlen)
REFUSED(mtcp_epoll_create, mctx_t mctx, int size)
REFUSED(mtcp_epoll_ctl, mctx_t mctx, int epid, int op, int sock, struct mtcp_epoll_event *event)
REFUSED(mtcp_epoll_wait, mctx_t mctx, int epid, struct mtcp_epoll_event *events, int maxevents,
	int timeout)
REFUSED_SIZE(mtcp_recv, mctx_t mctx, int sock, char *buf, size_t len, int flags)
REFUSED_SIZE(mtcp_read, mctx_t mctx, int sock, char *buf, size_t len)
REFUSED_SIZE(mtcp_readv, mctx_t mctx, int sock, const struct iovec *iov, int num)
REFUSED_SIZE(mtcp_write, mctx_t mctx, int sock, const char *buf, size_t len)
REFUSED_SIZE(mtcp_writev, mctx_t mctx, int sock, const struct iovec *iov, int num)
