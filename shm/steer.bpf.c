/* shm/steer.bpf.c - the XDP program: takes what the configuration can match, leaves the rest
 *
 * Runs on every frame that a device of the box receives.  It takes a superset (whole protocols,
 * all fragments, ICMP errors); the classifier decides.  What is not taken, and everything while
 * no stage is bound to the queue, goes on to the Linux bridge of the same devices, except for
 * flows that have been edited: their peers live in another sequence space, raw packets would
 * break them, so they are dropped while the box is down.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shm/steer_abi.h"

enum { PROTO_ICMP = 1, PROTO_IGMP = 2, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58 };
enum { EXT_HOP = 0, EXT_ROUTING = 43, EXT_FRAGMENT = 44, EXT_AH = 51, EXT_DST = 60, EXT_MAX = 8 };

const volatile struct fos_steer_conf conf;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, FOS_STEER_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FOS_STEER_OWNED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fos_steer_addr);
	__type(value, __u32);
} owned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FOS_STEER_EDITED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fos_steer_tuple);
	__type(value, __u32);
} edited SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FOS_STEER_NR);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *v = bpf_map_lookup_elem(&counters, &which);

	if (v)
		(*v)++;
}

static __always_inline int configured(__u8 proto)
{
	return conf.all_ip || conf.proto[proto >> 6] >> (proto & 63) & 1;
}

static __always_inline int anything(void)
{
	return conf.all_ip || conf.proto[0] | conf.proto[1] | conf.proto[2] | conf.proto[3];
}

static __always_inline int transport(void)
{
	return configured(PROTO_TCP) || configured(PROTO_UDP);
}

static __always_inline __u32 take_if(int yes, __u32 reason)
{
	return yes ? reason : FOS_STEER_pass_unmatched;
}

static __always_inline int is_owned(const void *addr, __u32 len)
{
	struct fos_steer_addr key = { .family = len == 4 ? 4 : 6 };

	__builtin_memcpy(key.addr, addr, len);
	return bpf_map_lookup_elem(&owned, &key) != 0;
}

static __always_inline __u32 arp(const __u8 *p, const __u8 *end)
{
	/* Ethernet and IPv4, a request */
	if (p + 28 > end || p[4] != 6 || p[5] != 4 || p[6] != 0 || p[7] != 1)
		return FOS_STEER_pass_arp;
	return is_owned(p + 24, 4) ? FOS_STEER_take_arp : FOS_STEER_pass_arp;
}

static __always_inline void ports(struct fos_steer_tuple *t, const __u8 *p, const __u8 *end)
{
	if ((t->proto != PROTO_TCP && t->proto != PROTO_UDP) || p + 4 > end)
		return;
	__builtin_memcpy(&t->port_a, p, 2);
	__builtin_memcpy(&t->port_b, p + 2, 2);
}

static __always_inline __u32 ipv4(const __u8 *p, const __u8 *end, struct fos_steer_tuple *t)
{
	const __u8 *l4;
	__u8 proto;

	if (p + 20 > end || p[0] >> 4 != 4 || (p[0] & 15) < 5)
		return take_if(anything(), FOS_STEER_take_malformed);
	proto = p[9];
	t->family = 4;
	t->proto = proto;
	__builtin_memcpy(t->a, p + 12, 4);
	__builtin_memcpy(t->b, p + 16, 4);
	if (proto == PROTO_IGMP)
		return FOS_STEER_pass_group;
	if ((p[6] & 0x3f) | p[7])
		return take_if(anything(), FOS_STEER_take_fragment);
	l4 = p + (p[0] & 15) * 4;
	if (proto == PROTO_ICMP && !configured(proto)) {
		if (l4 + 1 > end)
			return FOS_STEER_pass_unmatched;
		if ((l4[0] >= 3 && l4[0] <= 5) || l4[0] == 11 || l4[0] == 12)
			return take_if(transport(), FOS_STEER_take_icmp_error);
	}
	ports(t, l4, end);
	return take_if(configured(proto), FOS_STEER_take_proto);
}

static __always_inline __u32 icmp6(const __u8 *p, const __u8 *end)
{
	__u8 type;

	if (p + 1 > end)
		return take_if(configured(PROTO_ICMP6), FOS_STEER_take_proto);
	type = p[0];
	if (type == 135 && p + 24 <= end && is_owned(p + 8, 16))
		return FOS_STEER_take_nd;
	if (type >= 133 && type <= 137)
		return FOS_STEER_pass_nd;
	if ((type >= 130 && type <= 132) || type == 143)
		return FOS_STEER_pass_group;
	if (type >= 1 && type < 128 && !configured(PROTO_ICMP6))
		return take_if(transport(), FOS_STEER_take_icmp_error);
	return take_if(configured(PROTO_ICMP6), FOS_STEER_take_proto);
}

static __always_inline __u32 ipv6(const __u8 *p, const __u8 *end, struct fos_steer_tuple *t)
{
	__u8 proto;

	if (p + 40 > end || p[0] >> 4 != 6)
		return take_if(anything(), FOS_STEER_take_malformed);
	t->family = 6;
	__builtin_memcpy(t->a, p + 8, 16);
	__builtin_memcpy(t->b, p + 24, 16);
	proto = p[6];
	p += 40;
	for (int i = 0; i < EXT_MAX; i++) {
		__u32 len;

		t->proto = proto;
		if (proto != EXT_HOP && proto != EXT_ROUTING && proto != EXT_FRAGMENT &&
		    proto != EXT_AH && proto != EXT_DST) {
			if (proto == PROTO_ICMP6)
				return icmp6(p, end);
			ports(t, p, end);
			return take_if(configured(proto), FOS_STEER_take_proto);
		}
		if (p + 8 > end)
			break;
		if (proto == EXT_FRAGMENT) {
			if (p[2] | (p[3] & 0xf9)) {
				t->proto = p[0];
				return take_if(anything(), FOS_STEER_take_fragment);
			}
			len = 8;
		} else {
			len = proto == EXT_AH ? (p[1] + 2) * 4 : (p[1] + 1) * 8;
		}
		proto = p[0];
		p += len;
	}
	return take_if(anything(), FOS_STEER_take_malformed);
}

static __always_inline __u32 classify(struct xdp_md *ctx, struct fos_steer_tuple *t)
{
	const __u8 *p = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u16 type;

	if (p + 14 > end)
		return FOS_STEER_pass_link;
	type = p[12] << 8 | p[13];
	p += 14;
	for (int i = 0; i < 2; i++) {
		if (type != ETH_P_8021Q && type != ETH_P_8021AD && type != 0x9100)
			break;
		if (p + 4 > end)
			return FOS_STEER_pass_link;
		type = p[2] << 8 | p[3];
		p += 4;
	}
	if (type == ETH_P_IP)
		return ipv4(p, end, t);
	if (type == ETH_P_IPV6)
		return ipv6(p, end, t);
	if (type == ETH_P_ARP)
		return arp(p, end);
	return FOS_STEER_pass_link;
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	struct fos_steer_tuple t = { 0 };
	__u32 reason = classify(ctx, &t);
	int verdict;

	if (reason >= FOS_STEER_pass_link) {
		count(reason);
		return XDP_PASS;
	}
	verdict = bpf_redirect_map(&xsks, ctx->rx_queue_index,
				   conf.drop_when_down ? XDP_DROP : XDP_PASS);
	if (verdict == XDP_REDIRECT) {
		count(reason);
		return verdict;
	}
	if (verdict == XDP_DROP) {
		count(FOS_STEER_down_drop);
		return verdict;
	}
	fos_steer_normalise(&t);
	if (t.family && bpf_map_lookup_elem(&edited, &t)) {
		count(FOS_STEER_down_edited);
		return XDP_DROP;
	}
	count(FOS_STEER_down_pass);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
