/* shm/parcel.c - packets of a PM's own, see parcel.h */
#include "shm/parcel.h"

#include <netinet/in.h>
#include <string.h>

#define IP4_LEN 20u
#define IP6_LEN 40u
#define TCP_LEN 20u
#define L4_LEN 8u /* of UDP and ICMP */

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

uint32_t fos_parcel_l4(const uint8_t *ip, uint8_t *proto)
{
	bool v4 = ip[0] >> 4 == 4;

	*proto = ip[v4 ? 9 : 6];
	return v4 ? IP4_LEN : IP6_LEN;
}

/* One whole packet without options, extension headers or hops that are used up. */
static bool whole(const struct fos_flow *f, const uint8_t *ip, uint32_t len)
{
	if (len < IP4_LEN || len > FOS_PARCEL_MAX || ip[0] >> 4 != f->ip_version)
		return false;
	if (f->ip_version == 4)
		return ip[0] == 0x45 && get16(ip + 2) == len && !(get16(ip + 6) & 0x3fff) && ip[8] != 0;
	return f->ip_version == 6 && len >= IP6_LEN && get16(ip + 4) == len - IP6_LEN && ip[7] != 0;
}

static bool transport(uint8_t proto, const uint8_t *l4, uint32_t len)
{
	if (proto == IPPROTO_UDP)
		return len >= L4_LEN && get16(l4 + 4) == len;
	if (proto == IPPROTO_TCP)
		return len >= TCP_LEN && l4[12] >> 4 >= 5 && (l4[12] >> 4) * 4u <= len;
	return len >= L4_LEN;
}

static bool is_address(const uint8_t *p, const uint8_t addr[16], bool v4)
{
	return v4 ? memcmp(p, addr + 12, 4) == 0 : memcmp(p, addr, 16) == 0;
}

/* Echo, and errors about packets; nothing that changes routes, neighbours or groups. */
static bool icmp_type(bool v4, uint8_t type)
{
	if (v4)
		return type == 0 || type == 3 || type == 8 || type == 11 || type == 12;
	return (type >= 1 && type <= 4) || type == 128 || type == 129;
}

static bool own(const struct fos_flow *f, bool back, const uint8_t *ip, const uint8_t *l4, uint8_t proto)
{
	bool v4 = f->ip_version == 4;
	uint32_t at = v4 ? 12 : 8, n = v4 ? 4 : 16;

	if (!is_address(ip + at, back ? f->dst : f->src, v4) ||
	    !is_address(ip + at + n, back ? f->src : f->dst, v4))
		return false;
	if (proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return icmp_type(v4, l4[0]);
	return proto == f->proto && (proto == IPPROTO_UDP || proto == IPPROTO_TCP) &&
	       get16(l4) == (back ? f->dport : f->sport) && get16(l4 + 2) == (back ? f->sport : f->dport);
}

static bool bare(const uint8_t *tcp, uint32_t len)
{
	return (tcp[12] >> 4) * 4u == len && (tcp[13] & 0x3f) == 0x10 /* ACK */;
}

enum fos_parcel_why fos_parcel_check(const struct fos_flow *f, bool back, const uint8_t *ip,
				     uint32_t len)
{
	uint8_t proto;
	uint32_t l4;

	if (!whole(f, ip, len))
		return FOS_PARCEL_MALFORMED;
	l4 = fos_parcel_l4(ip, &proto);
	if (!transport(proto, ip + l4, len - l4))
		return FOS_PARCEL_MALFORMED;
	if (f->flags & FOS_FLOW_AGGREGATE || !own(f, back, ip, ip + l4, proto))
		return FOS_PARCEL_FOREIGN;
	/* its numbers are the box's to keep */
	if (f->flags & FOS_FLOW_TCP && f->flags & FOS_FLOW_APP && !(f->flags & FOS_FLOW_OPAQUE))
		return proto == IPPROTO_TCP && bare(ip + l4, len - l4) ? FOS_PARCEL_BARE :
									 FOS_PARCEL_GUARDED;
	return FOS_PARCEL_OK;
}
