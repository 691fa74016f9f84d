/* test_steer.c - the XDP program packet by packet, run by the kernel on packets built by hand
 *
 * Root only.  In a network namespace of its own a socket is bound to the loopback device, so that
 * the program has somewhere to redirect to; every packet must add to the one counter expected.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/steer.h"
#include "shm/xsk.h"
#include "tests/tap.h"

enum { TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132 };

static const uint8_t a4[4] = { 10, 0, 0, 1 }, b4[4] = { 10, 0, 0, 2 };
static const uint8_t a6[16] = { 0xfd, [15] = 1 }, b6[16] = { 0xfd, [15] = 2 };

static struct fos_steer steer;
static struct fos_xsk_umem umem = { .owner_fd = -1, .size = 64 * 4096, .frame_size = 4096 };
static struct fos_xsk_pair pair;
static uint8_t pkt[512];
static uint32_t len;

/* ---- packets --------------------------------------------------------------------------------- */

static void put(const void *p, size_t n)
{
	memcpy(pkt + len, p, n);
	len += (uint32_t)n;
}

static void bytes(const char *p, size_t n)
{
	put(p, n);
}

static void ether(unsigned int type)
{
	memset(pkt, 0, sizeof(pkt));
	len = 12;
	pkt[len++] = (uint8_t)(type >> 8);
	pkt[len++] = (uint8_t)type;
}

static void ipv4(unsigned int proto, unsigned int frag)
{
	uint8_t h[20] = { 0x45, [6] = (uint8_t)(frag >> 8), [7] = (uint8_t)frag, [8] = 64,
			  [9] = (uint8_t)proto };

	memcpy(h + 12, a4, 4);
	memcpy(h + 16, b4, 4);
	put(h, 20);
}

static void ipv6(unsigned int next)
{
	uint8_t h[40] = { 0x60, [6] = (uint8_t)next, [7] = 64 };

	memcpy(h + 8, a6, 16);
	memcpy(h + 24, b6, 16);
	put(h, 40);
}

static void ports(unsigned int a, unsigned int b)
{
	uint8_t h[20] = { (uint8_t)(a >> 8), (uint8_t)a, (uint8_t)(b >> 8), (uint8_t)b };

	put(h, 20);
}

static void icmp(unsigned int type)
{
	uint8_t h[32] = { (uint8_t)type };

	memcpy(h + 8, b6, 16); /* a neighbour solicitation's target */
	put(h, 32);
}

static void arp(unsigned int op)
{
	uint8_t h[28] = { 0, 1, 8, 0, 6, 4, 0, (uint8_t)op };

	memcpy(h + 24, b4, 4);
	put(h, 28);
}

/* ---- running --------------------------------------------------------------------------------- */

static void gives(enum fos_steer_counter want, const char *sentence)
{
	uint64_t before[FOS_STEER_NR], after[FOS_STEER_NR];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = pkt, .data_size_in = len < 64 ? 64 : len,
		    .repeat = 1);
	const char *got = "nothing";
	int nr = 0;

	fos_steer_count(steer.counters_fd, before);
	if (bpf_prog_test_run_opts(steer.prog_fd, &o) < 0)
		got = strerror(errno);
	fos_steer_count(steer.counters_fd, after);
	for (unsigned int i = 0; i < FOS_STEER_NR; i++) {
		if (after[i] != before[i])
			got = fos_steer_name(i);
		nr += (int)(after[i] - before[i]);
	}
	is_str(nr == 1 ? got : "not one counter", fos_steer_name(want), "%s", sentence);
}

static bool load(const struct fos_steer_conf *conf)
{
	char msg[512];

	fos_steer_close(&steer);
	if (fos_steer_open(&steer, conf, NULL, true, msg, sizeof(msg)) == 0 &&
	    fos_steer_bind(&steer, 0, pair.rx_fd) == 0)
		return true;
	diag("%s", msg);
	return false;
}

static bool prepare(void)
{
	struct fos_xsk_conf c = { .ifname = "lo", .ifindex = 1, .sizes = { 64, 64, 64, 64 } };
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char msg[512];

	steer = (struct fos_steer){ -1, -1, -1, -1, -1, -1 };
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	close(s);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ioctl(s, SIOCSIFFLAGS, &up);
	close(s);
	umem.base = mmap(NULL, umem.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	if (umem.base == MAP_FAILED)
		return false;
	if (fos_xsk_open(&umem, &c, &pair, msg, sizeof(msg)) == 0)
		return true;
	diag("%s", msg);
	return false;
}

/* ---- what is taken --------------------------------------------------------------------------- */

static void tcp_only(void)
{
	struct fos_steer_conf conf = { .proto = { 1ull << TCP } };

	ok(load(&conf), "loaded for TCP");
	ether(0x0800), ipv4(TCP, 0), ports(1, 2);
	gives(FOS_STEER_take_proto, "TCP over IPv4");
	ether(0x0800), ipv4(UDP, 0), ports(1, 2);
	gives(FOS_STEER_pass_unmatched, "UDP is not asked for");
	ether(0x8100), bytes("\0\5\x08\0", 4), ipv4(TCP, 0), ports(1, 2);
	gives(FOS_STEER_take_proto, "TCP behind a VLAN tag");
	ether(0x88a8), bytes("\0\5\x81\0\0\6\x86\xdd", 8), ipv6(TCP), ports(1, 2);
	gives(FOS_STEER_take_proto, "TCP over IPv6 behind two");
	ether(0x8100), bytes("\0\5\x81\0\0\6\x81\0\0\7\x08\0", 12), ipv4(TCP, 0), ports(1, 2);
	gives(FOS_STEER_pass_link, "not behind three");
	ether(0x0800), ipv4(UDP, 0x2000), ports(1, 2);
	gives(FOS_STEER_take_fragment, "every IPv4 fragment, first");
	ether(0x0800), ipv4(UDP, 0x0010), ports(1, 2);
	gives(FOS_STEER_take_fragment, "and last");
	ether(0x0800), ipv4(TCP, 0x4000), ports(1, 2);
	gives(FOS_STEER_take_proto, "don't fragment is no fragment");
	ether(0x86dd), ipv6(44), bytes("\x11\0\0\1\0\0\0\1", 8), ports(1, 2);
	gives(FOS_STEER_take_fragment, "every IPv6 fragment");
	ether(0x86dd), ipv6(44), bytes("\x06\0\0\0\0\0\0\1", 8), ports(1, 2);
	gives(FOS_STEER_take_proto, "an atomic fragment is looked into");
	ether(0x86dd), ipv6(0), bytes("\x3c\0\1\4\0\0\0\0\x33\0\1\4\0\0\0\0", 16);
	bytes("\x06\1\0\0\0\0\0\0\0\0\0\0", 12), ports(1, 2);
	gives(FOS_STEER_take_proto, "TCP behind hop-by-hop, destination and AH headers");
	ether(0x86dd), ipv6(60);
	for (int i = 0; i < 9; i++)
		bytes("\x3c\0\1\4\0\0\0\0", 8);
	gives(FOS_STEER_take_malformed, "a chain without end is the classifier's to judge");
	ether(0x0800), ipv4(1, 0), icmp(3);
	gives(FOS_STEER_take_icmp_error, "ICMP errors come with TCP");
	ether(0x0800), ipv4(1, 0), icmp(8);
	gives(FOS_STEER_pass_unmatched, "echo requests do not");
	ether(0x86dd), ipv6(ICMP6), icmp(2);
	gives(FOS_STEER_take_icmp_error, "packet too big");
	ether(0x0800), ipv4(TCP, 0);
	pkt[14] = 0x44;
	gives(FOS_STEER_take_malformed, "a damaged IPv4 header");
	ether(0x88cc);
	gives(FOS_STEER_pass_link, "LLDP");
}

static void control(void)
{
	struct fos_steer_conf all = { .all_ip = 1 }, none = { .all_ip = 0 };

	ok(load(&all), "loaded for all IP");
	ether(0x0800), ipv4(SCTP, 0), ports(1, 2);
	gives(FOS_STEER_take_proto, "any protocol");
	ether(0x86dd), ipv6(ICMP6), icmp(128);
	gives(FOS_STEER_take_proto, "ping over IPv6");
	ether(0x0800), ipv4(2, 0), icmp(0x11);
	gives(FOS_STEER_pass_group, "but not IGMP");
	ether(0x86dd), ipv6(0), bytes("\x3a\0\5\2\0\0\1\0", 8), icmp(143);
	gives(FOS_STEER_pass_group, "nor MLD");
	ether(0x86dd), ipv6(ICMP6), icmp(134);
	gives(FOS_STEER_pass_nd, "nor router advertisements");
	ether(0x86dd), ipv6(ICMP6), icmp(135);
	gives(FOS_STEER_pass_nd, "nor neighbour solicitations");
	fos_steer_own(steer.owned_fd, 6, b6);
	gives(FOS_STEER_take_nd, "unless for an owned address");
	ether(0x0806), arp(1);
	gives(FOS_STEER_pass_arp, "nor ARP");
	fos_steer_own(steer.owned_fd, 4, b4);
	gives(FOS_STEER_take_arp, "unless a request for an owned address");
	ether(0x0806), arp(2);
	gives(FOS_STEER_pass_arp, "replies never");
	fos_steer_disown(steer.owned_fd, 4, b4);
	ether(0x0806), arp(1);
	gives(FOS_STEER_pass_arp, "and no longer once disowned");

	ok(load(&none), "loaded for nothing");
	ether(0x0800), ipv4(TCP, 0), ports(1, 2);
	gives(FOS_STEER_pass_unmatched, "nothing is taken");
	ether(0x0800), ipv4(TCP, 0x2000), ports(1, 2);
	gives(FOS_STEER_pass_unmatched, "fragments neither");
}

/* ---- nobody bound ---------------------------------------------------------------------------- */

static void down(void)
{
	struct fos_steer_conf conf = { .proto = { 1ull << TCP } };
	struct fos_steer_tuple t = { .family = 4, .proto = TCP, .port_a = htons(80),
				     .port_b = htons(1000) };
	struct fos_steer_tuple u;

	memcpy(t.a, b4, 4); /* the direction opposite to the packets' */
	memcpy(t.b, a4, 4);
	u = t;
	u.port_b = htons(1001);
	ok(load(&conf) && fos_steer_unbind(&steer, 0) == 0, "loaded, nobody bound");
	ether(0x0800), ipv4(TCP, 0), ports(1000, 80);
	gives(FOS_STEER_down_pass, "TCP passes");
	fos_steer_edited_add(steer.edited_fd, &t);
	fos_steer_edited_add(steer.edited_fd, &t);
	fos_steer_edited_add(steer.edited_fd, &u);
	gives(FOS_STEER_down_edited, "not of an edited flow, whichever direction was entered");
	ether(0x0800), ipv4(TCP, 0), ports(1002, 80);
	gives(FOS_STEER_down_pass, "another flow of the same hosts does");
	ether(0x0800), ipv4(TCP, 0x0010), ports(0, 0);
	gives(FOS_STEER_down_edited, "but no fragment between them");
	fos_steer_edited_del(steer.edited_fd, &t);
	fos_steer_edited_del(steer.edited_fd, &t);
	gives(FOS_STEER_down_edited, "while one flow of theirs is left");
	fos_steer_edited_del(steer.edited_fd, &u);
	gives(FOS_STEER_down_pass, "and again after the last");
	ether(0x0800), ipv4(TCP, 0), ports(1000, 80);
	gives(FOS_STEER_down_pass, "as the flow itself");
	fos_steer_bind(&steer, 0, pair.rx_fd);
	gives(FOS_STEER_take_proto, "bound again, it is taken");

	conf.drop_when_down = 1;
	ok(load(&conf) && fos_steer_unbind(&steer, 0) == 0, "loaded to drop when down");
	gives(FOS_STEER_down_drop, "what would be taken is dropped");
	ether(0x0800), ipv4(UDP, 0), ports(1, 2);
	gives(FOS_STEER_pass_unmatched, "what would not, passes");
}

int main(void)
{
	if (geteuid() != 0) {
		tap_plan(1);
		skip("needs root (BPF, AF_XDP)");
		return done();
	}
	tap_plan(0);
	if (!ok(prepare(), "an AF_XDP socket on the loopback device"))
		return done();
	tcp_only();
	control();
	down();
	fos_steer_close(&steer);
	fos_xsk_close(&pair);
	return done();
}
