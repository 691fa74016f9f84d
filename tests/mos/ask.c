/* A program for mOS that asks and defines: prints what it is answered.
 *
 *	ask CONF events    user-defined events: nested, with arguments, raised, of one connection
 *	ask CONF bytes     peek, ppeek, fragments, buffers, on connection "events" of script.py
 *	ask CONF timers    timers of a listener and of a connection
 *	ask CONF calls     calls that must fail, before it joins
 *	ask CONF stop      monitoring stopped: one side, then both
 */
#include <errno.h>
#include <mos_api.h>
#include <mtcp_util.h>
#include <cpu.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static event_t even, big, floating, one_flow;

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(3);
}

/* ---------------------------------------------------------------- events */

static int payload(mctx_t m, int sock, int side)
{
	struct pkt_info p;

	return mtcp_getlastpkt(m, sock, side, &p) ? -1 : p.payloadlen;
}

static bool at_least(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)event;
	return payload(m, sock, side) >= *(const int *)arg->arg;
}

static bool raises(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)event;
	(void)arg;
	if (payload(m, sock, side) == 3)
		must(mtcp_raise_event(m, floating), "raise");
	return true;
}

static const char *name(event_t event)
{
	return event == even ? "some" : event == big ? "five" : event == floating ? "raised" :
	       event == one_flow ? "one" : "packet";
}

static void told(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	printf("%s %d arg %d\n", name(event), payload(m, sock, side),
	       arg ? *(const int *)arg->arg : -1);
	if (event == big && mtcp_register_callback(m, sock, one_flow, MOS_HK_SND, told))
		printf("not registered: %s\n", strerror(errno));
	if (event == one_flow)
		must(mtcp_register_callback(m, sock, one_flow, MOS_HK_SND, NULL), "unregister");
}

static void events(mctx_t m, int sock)
{
	int some = 1, five = 5;
	filter_arg_t a = {&some, sizeof(some)}, b = {&five, sizeof(five)};
	event_t raiser;

	even = mtcp_define_event(MOS_ON_PKT_IN, at_least, &a);
	big = mtcp_define_event(even, at_least, &b);
	raiser = mtcp_define_event(even, raises, NULL);
	floating = mtcp_alloc_event(raiser);
	one_flow = mtcp_define_event(even, at_least, &a);
	printf("identical ones are one: %d\n", even == mtcp_define_event(MOS_ON_PKT_IN, at_least, &a));
	printf("from 4096 on: %d\n", even >= 4096);
	must(mtcp_register_callback(m, sock, even, MOS_HK_SND, told), "register");
	must(mtcp_register_callback(m, sock, big, MOS_HK_SND, told), "register");
	must(mtcp_register_callback(m, sock, raiser, MOS_HK_SND, NULL), "register");
	must(mtcp_register_callback(m, sock, floating, MOS_HK_SND, told), "register");
}

/* ---------------------------------------------------------------- bytes */

static void bytes(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct tcp_ring_fragment f[4];
	struct tcp_buf_info info;
	socklen_t len = sizeof(f);
	struct pkt_info p;
	char buf[64];
	ssize_t n;

	(void)arg;
	if (side != MOS_SIDE_SVR)
		return;
	must(mtcp_getlastpkt(m, sock, side, &p), "getlastpkt");
	if (event == MOS_ON_PKT_IN && p.payloadlen == 0)
		return;
	printf("%s", event == MOS_ON_CONN_NEW_DATA ? "data" : event == MOS_ON_REXMIT ? "again" : "packet");
	n = mtcp_ppeek(m, sock, side, buf, sizeof(buf), p.offset);
	printf(" at %llu: there '%.*s'", (unsigned long long)p.offset, n > 0 ? (int)n : 0, buf);
	must(mtcp_getsockopt(m, sock, SOL_MONSOCKET, MOS_FRAGINFO_SVRBUF, f, &len), "fragments");
	for (socklen_t i = 0; i < len; i++)
		printf(" %llu+%u", (unsigned long long)f[i].offset, f[i].len);
	len = sizeof(info);
	must(mtcp_getsockopt(m, sock, SOL_MONSOCKET, MOS_INFO_SVRBUF, &info, &len), "info");
	printf(" read %u expected %u received %u", info.tcpbi_last_byte_read - info.tcpbi_init_seq,
	       info.tcpbi_next_byte_expected - info.tcpbi_init_seq,
	       info.tcpbi_last_byte_received - info.tcpbi_init_seq);
	n = event == MOS_ON_CONN_NEW_DATA ? mtcp_peek(m, sock, side, buf, sizeof(buf)) : 0;
	printf(" new '%.*s'\n", n > 0 ? (int)n : 0, buf);
}

/* ---------------------------------------------------------------- timers */

static void second(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	static int n;
	struct timeval tv = {1, 0};

	(void)side;
	(void)event;
	(void)arg;
	printf("second %d of %s\n", ++n, mtcp_get_uctx(m, sock) ? "the listener" : "a connection");
	if (n < 4)
		must(mtcp_settimer(m, sock, &tv, second), "settimer");
}

static void flow_timer(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	char buf[16];
	ssize_t n = mtcp_peek(m, sock, MOS_SIDE_SVR, buf, sizeof(buf));
	struct pkt_info p;

	(void)event;
	(void)arg;
	printf("timer: the connection has said '%.*s', no packet is in hand: %d\n", (int)n, buf,
	       mtcp_getlastpkt(m, sock, side, &p) == -1 && errno == EACCES);
}

static void started(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct timeval tv = {2, 500000}, late = {3600, 0};

	(void)side;
	(void)event;
	(void)arg;
	printf("%u connections\n", mtcp_get_connection_cnt(m));
	must(mtcp_settimer(m, sock, &tv, flow_timer), "settimer");
	must(mtcp_settimer(m, sock, &late, flow_timer), "settimer");
}

/* ---------------------------------------------------------------- stopping */

static void stop(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	int len = payload(m, sock, side), what = len == 5 ? MOS_SIDE_SVR : MOS_SIDE_BOTH;

	(void)arg;
	printf("%s side %d len %d\n", event == MOS_ON_PKT_IN ? "packet" : "end", side, len);
	if (len > 0)
		must(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_STOP_MON, &what, sizeof(what)), "stop");
}

/* ---------------------------------------------------------------- calls */

static void say(bool failed, const char *what)
{
	printf("%s: %s\n", what, failed ? strerror(errno) : "done");
}

static void calls(mctx_t m, int sock)
{
	union monitor_filter f = {.stream_syn_filter = "udp"};
	struct sockaddr_in a = {.sin_family = AF_INET};
	int zero = 0, many = 4096, last = MOS_OVERLAP_POLICY_LAST, both = MOS_SIDE_BOTH, ids[2];
	socklen_t len = sizeof(zero);
	struct mtcp_epoll_event ev;
	char text[] = "a b  c", *words[3];
	struct mtcp_conf conf;
	int nr;

	say(mtcp_bind_monitor_filter(m, sock, &f) < 0, "filter of a stream by protocol");
	f.stream_syn_filter = "port x";
	say(mtcp_bind_monitor_filter(m, sock, &f) < 0, "filter that makes no sense");
	say(mtcp_bind_monitor_filter(m, 77, &f) < 0, "filter of no socket");
	say(mtcp_socket(m, AF_INET, MOS_SOCK_STREAM, 0) < 0, "stream socket");
	say(mtcp_socket(m, AF_INET, MOS_SOCK_PROXY, 0) < 0, "proxy socket");
	say(mtcp_register_callback(m, sock, MOS_ON_CONN_NEW_DATA, MOS_HK_SND, told) < 0, "data at SND");
	say(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_NULL, told) < 0, "packets at NULL");
	say(mtcp_register_callback(m, sock, MOS_ON_PKT_OUT, MOS_HK_SND, told) < 0, "packets out");
	say(mtcp_register_callback(m, sock, 5000, MOS_HK_SND, told) < 0, "an event that is none");
	say(mtcp_define_event(5000, raises, NULL) == MOS_NULL_EVENT, "an event of one that is none");
	say(mtcp_define_event(MOS_ON_PKT_IN, NULL, NULL) == MOS_NULL_EVENT, "an event without a filter");
	say(mtcp_raise_event(m, MOS_ON_PKT_IN) < 0, "raise outside of callbacks");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_CLIBUF, &many, sizeof(many)) < 0, "buffer 4096");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_CLIBUF, &zero, sizeof(zero)) < 0, "buffer 0");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_CLIOVERLAP, &zero, sizeof(zero)) < 0, "first copy");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_CLIOVERLAP, &last, sizeof(last)) < 0, "last copy");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_STOP_MON, &both, sizeof(both)) < 0,
	    "stop a listener");
	say(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_SEQ_REMAP, &both, sizeof(both)) < 0, "SEQ_REMAP");
	say(mtcp_setsockopt(m, sock, SOL_SOCKET, 1, &both, sizeof(both)) < 0, "another level");
	say(mtcp_getsockopt(m, sock, SOL_MONSOCKET, MOS_TCP_STATE_CLI, &zero, &len) < 0,
	    "listener's state");
	say(mtcp_getpeername(m, sock, (void *)&a, &len, MOS_SIDE_CLI) < 0, "listener's peer");
	say(mtcp_peek(m, sock, MOS_SIDE_CLI, text, 1) < 0, "listener's bytes");
	say(mtcp_connect(m, sock, (void *)&a, sizeof(a)) < 0, "connect");
	say(mtcp_write(m, sock, "x", 1) < 0, "write");
	say(mtcp_epoll_wait(m, 0, &ev, 1, 0) < 0, "epoll_wait");
	say(mtcp_pipe(m, ids) < 0, "pipe");
	say(mtcp_init("/nowhere/mos.conf") != 0, "init");
	must(mtcp_getconf(&conf), "getconf");
	printf("rmem %d, concurrency %d, cores %d of %d\n", conf.rcvbuf_size, conf.max_concurrency,
	       conf.num_cores, GetNumCPUs());
	must(StrToArgs(text, &nr, words, 3), "words");
	printf("words %d, the last '%s'\n", nr, words[2]);
	printf("%s %s\n", EventToString(MOS_EPOLLIN), EventToString(3));
	say(mtcp_close(m, sock) < 0, "close");
	say(mtcp_close(m, sock) < 0, "close again");
}

static void stopping(int signum)
{
	printf("stopping %d\n", signum == SIGINT);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	struct timeval tv = {1, 0};
	mctx_t m;
	int sock;

	if (argc < 3 || mtcp_init(argv[1]))
		return 3;
	m = mtcp_create_context(0);
	sock = mtcp_socket(m, AF_INET, MOS_SOCK_MONITOR_STREAM, 0);
	if (!strcmp(mode, "events")) {
		events(m, sock);
	} else if (!strcmp(mode, "bytes")) {
		must(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_HK_RCV, bytes), "register");
		must(mtcp_register_callback(m, sock, MOS_ON_REXMIT, MOS_HK_RCV, bytes), "register");
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_NEW_DATA, MOS_NULL, bytes), "register");
	} else if (!strcmp(mode, "timers")) {
		mtcp_set_uctx(m, sock, &tv);
		must(mtcp_settimer(m, sock, &tv, second), "settimer");
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_START, MOS_HK_SND, started), "register");
		mtcp_register_signal(SIGINT, stopping);
	} else if (!strcmp(mode, "stop")) {
		must(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_HK_SND, stop), "register");
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_END, MOS_HK_SND, stop), "register");
	} else {
		calls(m, sock);
	}
	mtcp_app_join(m);
	mtcp_app_join(mtcp_create_context(1));
	mtcp_destroy_context(m);
	return mtcp_destroy();
}
