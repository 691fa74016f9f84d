/* mtcp_api.h - mOS's socket calls, on FlowOS: contexts, sockets, options, the end-host calls
 *
 * Names, numbers and meanings are mOS's; README.md beside this file says of each call whether it means
 * the same, more, or is refused.  Calls return -1 with errno set when they fail.  All are for the
 * program's only thread.
 */
#ifndef MTCP_API_H
#define MTCP_API_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef UNUSED
#define UNUSED(x) (void)x
#endif
#ifndef INPORT_ANY
#define INPORT_ANY ((uint16_t)0)
#endif

typedef unsigned char byte;

#ifdef __cplusplus
extern "C" {
#endif

struct mtcp_context {
	int cpu;
};
typedef struct mtcp_context *mctx_t;
typedef void (*mtcp_sighandler_t)(int);

enum socket_type {
	MOS_SOCK_UNUSED,
	MOS_SOCK_STREAM_LISTEN,
	MOS_SOCK_PROXY_LISTEN,
	MOS_SOCK_MONITOR_STREAM,
	MOS_SOCK_STREAM,
	MOS_SOCK_PROXY,
	MOS_SOCK_MONITOR_STREAM_ACTIVE,
	MOS_SOCK_MONITOR_RAW,
	MOS_SOCK_EPOLL,
	MOS_SOCK_PIPE
};

#define APP_NAME_LEN 40
#define MOS_APP 20
#define MOS_APP_ARGC 20

/* What mos.conf said; see mtcp_setconf() in README.md for what takes effect. */
struct mtcp_conf {
	int num_cores;
	int max_concurrency; /* sockets of flows at a time */
	uint64_t cpu_mask;
	int max_num_buffers;
	int rcvbuf_size; /* bytes kept for each end of a flow */
	int sndbuf_size;
	int tcp_timewait;
	int tcp_timeout;
	uint64_t app_cpu_mask[MOS_APP];
	char *app_argv[MOS_APP][MOS_APP_ARGC];
	int app_argc[MOS_APP];
	int num_app;
};

struct app_context {
	mctx_t mctx;
	int socket_id;
	struct conn_filter *cf;
	int ep_id;
};

int mtcp_init(const char *config_file);
int mtcp_destroy(void);
int mtcp_getconf(struct mtcp_conf *conf);
int mtcp_setconf(const struct mtcp_conf *conf);
int mtcp_core_affinitize(int cpu);
mctx_t mtcp_create_context(int cpu);
int mtcp_destroy_context(mctx_t mctx);
mtcp_sighandler_t mtcp_register_signal(int signum, mtcp_sighandler_t handler);

int mtcp_socket(mctx_t mctx, int domain, int type, int protocol);
int mtcp_close(mctx_t mctx, int sock);
int mtcp_getsockopt(mctx_t mctx, int sock, int level, int optname, void *optval,
		    socklen_t *optlen);
int mtcp_setsockopt(mctx_t mctx, int sock, int level, int optname, const void *optval,
		    socklen_t optlen);
int mtcp_setsock_nonblock(mctx_t mctx, int sock);
uint32_t mtcp_get_connection_cnt(mctx_t mctx);

/* The program's own connections: not offered, all fail with EOPNOTSUPP. */
int mtcp_pipe(mctx_t mctx, int pipeid[2]);
int mtcp_ioctl(mctx_t mctx, int sock, int request, void *argp);
int mtcp_bind(mctx_t mctx, int sock, const struct sockaddr *addr, socklen_t addrlen);
int mtcp_listen(mctx_t mctx, int sock, int backlog);
int mtcp_accept(mctx_t mctx, int sock, struct sockaddr *addr, socklen_t *addrlen);
int mtcp_init_rss(mctx_t mctx, in_addr_t saddr_base, int num_addr, in_addr_t daddr,
		  in_addr_t dport);
int mtcp_connect(mctx_t mctx, int sock, const struct sockaddr *addr, socklen_t addrlen);
int mtcp_abort(mctx_t mctx, int sock);
int mtcp_getsockname(mctx_t mctx, int sock, struct sockaddr *addr, socklen_t *addrlen);
ssize_t mtcp_recv(mctx_t mctx, int sock, char *buf, size_t len, int flags);
ssize_t mtcp_read(mctx_t mctx, int sock, char *buf, size_t len);
ssize_t mtcp_readv(mctx_t mctx, int sock, const struct iovec *iov, int num);
ssize_t mtcp_write(mctx_t mctx, int sock, const char *buf, size_t len);
ssize_t mtcp_writev(mctx_t mctx, int sock, const struct iovec *iov, int num);

#ifdef __cplusplus
}
#endif
#endif
