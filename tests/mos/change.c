/* A program for mOS that changes packets.
 *
 *	change CONF edits          "one two three": two to TWO (port 81), out (82), "and " before it (83)
 *	change CONF drop PORT      first packets to PORT go nowhere
 *	change CONF late PORT      nor do packets with payload
 *	change CONF nat ADDRESS    connections come from ADDRESS, ports from 40000 on; which port follows
 *	                           from the client's, so that a successor never gives one that is in use
 *	change CONF refused        what cannot be done to a packet, and what errno says
 *	change CONF reset PORT     connections to PORT are reset when they say something
 */
#include <errno.h>
#include <mos_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t the_port;
static in_addr_t the_address;

static uint16_t server_port(mctx_t m, int sock)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	return mtcp_getpeername(m, sock, (void *)&a, &len, MOS_SIDE_SVR) ? 0 : ntohs(a.sin_port);
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(3);
}

static void edits(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct pkt_info p;

	(void)event;
	(void)arg;
	must(mtcp_getlastpkt(m, sock, side, &p), "getlastpkt");
	if (side != MOS_SIDE_CLI || p.payloadlen < 8 || memcmp(p.payload, "one two", 7))
		return;
	switch (server_port(m, sock)) {
	case 81:
		must(mtcp_setlastpkt(m, sock, side, 4, (byte *)"TWO", 3,
				     MOS_TCP_PAYLOAD | MOS_OVERWRITE | MOS_UPDATE_TCP_CHKSUM),
		     "overwrite");
		break;
	case 82:
		must(mtcp_setlastpkt(m, sock, side, 4, NULL, 4, MOS_TCP_PAYLOAD | MOS_CHOMP), "chomp");
		break;
	case 83:
		must(mtcp_setlastpkt(m, sock, side, 4, (byte *)"and ", 4, MOS_TCP_PAYLOAD | MOS_INSERT),
		     "insert");
		break;
	}
}

static void drop(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)event;
	(void)arg;
	if (server_port(m, sock) == the_port)
		must(mtcp_setlastpkt(m, sock, side, 0, NULL, 0, MOS_DROP), "drop");
}

static void late(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct pkt_info p;

	must(mtcp_getlastpkt(m, sock, side, &p), "getlastpkt");
	if (p.payloadlen)
		drop(m, sock, side, event, arg);
}

static void nat(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	struct sockaddr_in a[2];
	socklen_t len = sizeof(a);
	int client = side == MOS_SIDE_CLI;
	uint16_t port;
	in_addr_t address = the_address;

	(void)event;
	(void)arg;
	must(mtcp_getpeername(m, sock, (void *)a, &len, MOS_SIDE_BOTH), "getpeername");
	port = htons((uint16_t)(40000 + ntohs(a[0].sin_port) % 20000));
	if (!client) {
		address = a[0].sin_addr.s_addr;
		port = a[0].sin_port;
	}
	must(mtcp_setlastpkt(m, sock, side, client ? 12 : 16, (byte *)&address, 4,
			     MOS_IP_HDR | MOS_OVERWRITE | MOS_UPDATE_IP_CHKSUM), "address");
	must(mtcp_setlastpkt(m, sock, side, client ? 0 : 2, (byte *)&port, 2,
			     MOS_TCP_HDR | MOS_OVERWRITE | MOS_UPDATE_TCP_CHKSUM), "port");
}

static void reset(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)side;
	(void)event;
	(void)arg;
	if (server_port(m, sock) == the_port)
		must(mtcp_reset_conn(m, sock), "reset");
}

static void say(int rc, const char *what)
{
	printf("%s: %s\n", what, rc == 0 ? "done" : strerror(errno));
}

static void refused(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	const int both = MOS_OVERWRITE | MOS_DROP;
	int packets = (int)(intptr_t)mtcp_get_uctx(m, sock) + 1;
	byte other[20], same[40];
	struct pkt_info p;

	(void)event;
	(void)arg;
	must(mtcp_getlastpkt(m, sock, side, &p), "getlastpkt");
	memset(other, 0x55, sizeof(other));
	memcpy(same, p.iph, sizeof(same));
	mtcp_set_uctx(m, sock, (void *)(intptr_t)packets);
	if (server_port(m, sock) != 81)
		return;
	if (packets == 1) {
		say(mtcp_setlastpkt(m, sock, side, 0, same, 20, MOS_IP_HDR | MOS_OVERWRITE), "same");
		say(mtcp_setlastpkt(m, sock, side, 2, other, 2, MOS_IP_HDR | MOS_OVERWRITE), "length");
		say(mtcp_setlastpkt(m, sock, side, 4, other, 4, MOS_TCP_HDR | MOS_OVERWRITE), "seq");
		say(mtcp_setlastpkt(m, sock, side, 12, other, 2, MOS_ETH_HDR | MOS_OVERWRITE), "type");
		say(mtcp_setlastpkt(m, sock, side, 0, other, 4, MOS_IP_HDR | both), "two things");
		say(mtcp_setlastpkt(m, sock, side, 0, other, 4, MOS_OVERWRITE), "nowhere");
		say(mtcp_setlastpkt(m, sock, side, 0, other, 4, MOS_IP_HDR | MOS_INSERT), "longer header");
		say(mtcp_setlastpkt(m, sock, side, 0, other, 4, MOS_TCP_PAYLOAD | MOS_OVERWRITE),
		    "beyond the payload");
		say(mtcp_sendpkt(m, sock, &p), "sendpkt");
		say(mtcp_setlastpkt(m, 999, side, 0, other, 4, MOS_IP_HDR | MOS_OVERWRITE), "no socket");
	} else if (packets == 2) {
		say(mtcp_setlastpkt(m, sock, side, 12, other, 4, MOS_IP_HDR | MOS_OVERWRITE),
		    "address of a later packet");
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	callback_t cb = !strcmp(mode, "edits") ? edits : !strcmp(mode, "drop") ? drop :
			!strcmp(mode, "late") ? late : !strcmp(mode, "nat") ? nat :
			!strcmp(mode, "refused") ? refused : reset;
	mctx_t m;
	int sock;

	if (argc < 3 || mtcp_init(argv[1]))
		return 3;
	if (argc > 3) {
		the_port = (uint16_t)atoi(argv[3]);
		the_address = inet_addr(argv[3]);
	}
	m = mtcp_create_context(0);
	sock = mtcp_socket(m, AF_INET, MOS_SOCK_MONITOR_STREAM, 0);
	if (cb == reset)
		must(mtcp_register_callback(m, sock, MOS_ON_CONN_NEW_DATA, MOS_NULL, cb), "register");
	else
		must(mtcp_register_callback(m, sock, MOS_ON_PKT_IN, MOS_HK_SND, cb), "register");
	mtcp_app_join(m);
	return 0;
}
