/* A program for mOS that changes nothing: tells what it is told.
 *
 *	tell CONF streams          of each connection that has ended, what each side received, as mkcap.py
 *	tell CONF last             the same, the last copies of bytes standing
 *	tell CONF events FILTER    every callback, with the states of both sides
 *	tell CONF raw FILTER       packets by a raw socket, orphans by a stream socket
 *	tell CONF once MARK        as streams; dies once, at a connection's 3rd packet, while MARK exists
 */
#include <errno.h>
#include <mos_api.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct got {
	uint8_t *data[2];
	size_t len[2];
	int packets;
};

static const char *mark;

static const char *event_name(event_t event)
{
	switch (event) {
	case MOS_ON_PKT_IN: return "packet";
	case MOS_ON_CONN_START: return "start";
	case MOS_ON_CONN_SETUP: return "setup";
	case MOS_ON_CONN_NEW_DATA: return "data";
	case MOS_ON_ERROR: return "error";
	case MOS_ON_TCP_STATE_CHANGE: return "state";
	case MOS_ON_ORPHAN: return "orphan";
	case MOS_ON_REXMIT: return "again";
	case MOS_ON_CONN_END: return "end";
	default: return "?";
	}
}

static int state(mctx_t m, int sock, int side)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (mtcp_getsockopt(m, sock, SOL_MONSOCKET,
			    side == MOS_SIDE_CLI ? MOS_TCP_STATE_CLI : MOS_TCP_STATE_SVR, &value, &len))
		return -1;
	return value;
}

/* ---------------------------------------------------------------- streams */

static void on_data(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct got *g = mtcp_get_uctx(m, sock);
	char buf[1000];
	ssize_t n;

	(void)event;
	(void)arg;
	if (!g)
		mtcp_set_uctx(m, sock, g = calloc(1, sizeof(*g)));
	while ((n = mtcp_peek(m, sock, side, buf, sizeof(buf))) != 0) {
		if (n < 0) {
			printf("missed %zd\n", -n);
			continue;
		}
		g->data[side] = realloc(g->data[side], g->len[side] + (size_t)n);
		memcpy(g->data[side] + g->len[side], buf, (size_t)n);
		g->len[side] += (size_t)n;
	}
}

static void put_address(const struct sockaddr_in *a)
{
	printf("%s\t%u\t", inet_ntoa(a->sin_addr), ntohs(a->sin_port));
}

static void on_end(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct got *g = mtcp_get_uctx(m, sock);
	struct sockaddr_in a[2];
	socklen_t len = sizeof(a);
	uint8_t sum[SHA256_DIGEST_LENGTH];

	(void)event;
	(void)arg;
	if (!g || side != MOS_SIDE_CLI || mtcp_getpeername(m, sock, (void *)a, &len, MOS_SIDE_BOTH))
		return;
	/* the client's stream is what the server received */
	for (int from = 0; from < 2; from++) {
		put_address(&a[from]);
		put_address(&a[1 - from]);
		SHA256(g->data[1 - from], g->len[1 - from], sum);
		printf("%zu\t", g->len[1 - from]);
		for (size_t i = 0; i < sizeof(sum); i++)
			printf("%02x", sum[i]);
		printf("\n");
		free(g->data[1 - from]);
	}
	free(g);
	mtcp_set_uctx(m, sock, NULL);
}

static void die_once(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct got *g = mtcp_get_uctx(m, sock);

	(void)side;
	(void)event;
	(void)arg;
	if (!g)
		mtcp_set_uctx(m, sock, g = calloc(1, sizeof(*g)));
	if (++g->packets == 3 && unlink(mark) == 0)
		abort();
}

/* ---------------------------------------------------------------- events */

static void tell(mctx_t m, int sock, int side, event_t event, const char *hook)
{
	struct pkt_info p;
	bool packet = mtcp_getlastpkt(m, sock, side, &p) == 0;

	printf("%s %s %s %d %d", hook, event_name(event),
	       side == MOS_SIDE_CLI ? "client" : side == MOS_SIDE_SVR ? "server" : "both",
	       state(m, sock, MOS_SIDE_CLI), state(m, sock, MOS_SIDE_SVR));
	if (packet && p.tcph)
		printf(" %s%s%s%s at %llu len %u port %u", p.tcph->syn ? "S" : "",
		       p.tcph->fin ? "F" : "", p.tcph->rst ? "R" : "", p.tcph->ack ? "A" : "",
		       (unsigned long long)p.offset, p.payloadlen, ntohs(p.tcph->source));
	else if (packet)
		printf(" proto %u len %u", p.iph->protocol, p.ip_len);
	printf("\n");
}

static void at_snd(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)arg;
	tell(m, sock, side, event, "snd");
}

static void at_rcv(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)arg;
	tell(m, sock, side, event, "rcv");
}

static void at_null(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)arg;
	tell(m, sock, side, event, "nul");
}

/* ---------------------------------------------------------------- main */

static void must(int rc)
{
	if (rc == 0)
		return;
	perror("tell");
	exit(3);
}

static int listener(mctx_t m, int type, char *syn, char *orphan)
{
	int sock = mtcp_socket(m, AF_INET, type, 0);
	union monitor_filter f;

	if (type == MOS_SOCK_MONITOR_RAW) {
		f.raw_pkt_filter = syn;
	} else {
		f.stream_syn_filter = syn;
		f.stream_orphan_filter = orphan;
	}
	must(sock < 0);
	must(mtcp_bind_monitor_filter(m, sock, &f));
	return sock;
}

static void events(mctx_t m, int sock)
{
	static const event_t both[] = {MOS_ON_PKT_IN, MOS_ON_CONN_START, MOS_ON_TCP_STATE_CHANGE,
				       MOS_ON_REXMIT, MOS_ON_CONN_END, MOS_ON_CONN_SETUP};

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		must(mtcp_register_callback(m, sock, both[i], MOS_HK_SND, at_snd));
		must(mtcp_register_callback(m, sock, both[i], MOS_HK_RCV, at_rcv));
	}
	must(mtcp_register_callback(m, sock, MOS_ON_CONN_NEW_DATA, MOS_NULL, at_null));
	must(mtcp_register_callback(m, sock, MOS_ON_ERROR, MOS_NULL, at_null));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	int sock, last = MOS_OVERLAP_POLICY_LAST;
	mctx_t m;

	if (argc < 3 || mtcp_init(argv[1]))
		return 3;
	m = mtcp_create_context(0);
	if (!strcmp(mode, "events")) {
		events(m, listener(m, MOS_SOCK_MONITOR_STREAM, argv[3], NULL));
	} else if (!strcmp(mode, "raw")) {
		sock = listener(m, MOS_SOCK_MONITOR_RAW, argv[3], NULL);
		must(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_NULL, at_null));
		sock = listener(m, MOS_SOCK_MONITOR_STREAM, "port 1", "port 7");
		must(mtcp_register_callback(m, sock, MOS_ON_ORPHAN, MOS_NULL, at_null));
	} else {
		sock = mtcp_socket(m, AF_INET, MOS_SOCK_MONITOR_STREAM, 0);
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_NEW_DATA, MOS_NULL, on_data));
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_END, MOS_HK_SND, on_end));
		mark = argv[3];
		if (!strcmp(mode, "last"))
			must(mtcp_setsockopt(m, sock, SOL_MONSOCKET, MOS_SVROVERLAP, &last, sizeof(last)));
		if (!strcmp(mode, "once"))
			must(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_HK_SND, die_once));
	}
	mtcp_app_join(m);
	mtcp_destroy_context(m);
	mtcp_destroy();
	return 0;
}
