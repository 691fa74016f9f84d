/* packet.c - the packet in hand */
#include <errno.h>
#include <string.h>

#include "pms/mos/mos.h"

#define IP_MIN 20u
#define TCP_MIN 20u

void fos_mos_packet_take(struct fos_window *w, bool first)
{
	struct fos_mos_packet *p = &fos_mos.packet;

	p->built = false;
	p->first = first;
	p->there = fos_event_packet(w, &p->raw) == FOS_OK && p->raw.flags & FOS_IS_IPV4 &&
		   p->raw.l3_off + IP_MIN <= p->raw.len;
}

void fos_mos_packet_forget(void)
{
	fos_mos.packet.there = fos_mos.packet.built = false;
}

/* Copies it, without VLAN tags, and with an Ethernet header where its link has another. */
bool fos_mos_packet_build(void)
{
	struct fos_mos_packet *p = &fos_mos.packet;
	const struct fos_packet *r = &p->raw;
	uint32_t len;

	if (!p->there || p->built)
		return p->there;
	/* the IP header lies at a multiple of 4 */
	p->frame = p->room + (4 - ((uintptr_t)p->room + ETH_HLEN) % 4) % 4;
	memset(p->frame, 0, ETH_HLEN);
	if (r->link == 1 && r->l3_off >= ETH_HLEN)
		memcpy(p->frame, r->data, 2 * ETH_ALEN);
	p->frame[12] = ETH_P_IP >> 8;
	p->frame[13] = ETH_P_IP & 0xff;
	len = r->len - r->l3_off;
	if (len > r->l3_len)
		len = r->l3_len;
	if (len > FOS_MOS_FRAME - ETH_HLEN)
		len = FOS_MOS_FRAME - ETH_HLEN;
	memcpy(p->frame + ETH_HLEN, r->data + r->l3_off, len);
	p->len = ETH_HLEN + len;
	p->l4 = r->l4_off > r->l3_off ? ETH_HLEN + r->l4_off - r->l3_off : 0;
	p->payload = r->payload_off > r->l3_off ? ETH_HLEN + r->payload_off - r->l3_off : 0;
	if (p->l4 && (!(r->flags & FOS_IS_TCP) || p->l4 + TCP_MIN > p->len))
		p->l4 = p->payload = 0;
	p->built = true;
	return true;
}

void fos_mos_packet_make(const struct fos_mos_conn *c)
{
	struct fos_mos_packet *p = &fos_mos.packet;
	struct iphdr *ip;
	struct tcphdr *tcp;

	memset(p, 0, sizeof(*p));
	p->there = p->built = true;
	p->frame = p->room + (4 - ((uintptr_t)p->room + ETH_HLEN) % 4) % 4;
	p->len = p->payload = ETH_HLEN + IP_MIN + TCP_MIN;
	p->l4 = ETH_HLEN + IP_MIN;
	ip = (void *)(p->frame + ETH_HLEN);
	ip->version = 4;
	ip->ihl = IP_MIN / 4;
	ip->tot_len = htons(IP_MIN + TCP_MIN);
	ip->protocol = IPPROTO_TCP;
	ip->saddr = c->addr[MOS_SIDE_CLI].sin_addr.s_addr;
	ip->daddr = c->addr[MOS_SIDE_SVR].sin_addr.s_addr;
	tcp = (void *)(p->frame + p->l4);
	tcp->source = c->addr[MOS_SIDE_CLI].sin_port;
	tcp->dest = c->addr[MOS_SIDE_SVR].sin_port;
	tcp->doff = TCP_MIN / 4;
	tcp->syn = 1;
}

uint64_t fos_mos_position(const struct fos_mos_conn *c, int from, const struct tcphdr *tcp)
{
	uint64_t near = c->shown[1 - from];
	uint32_t seq = ntohl(tcp->seq) + tcp->syn - c->init_seq[from];

	return near + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)near);
}

int mtcp_getlastpkt(mctx_t mctx, int sock, int side, struct pkt_info *out)
{
	static uint8_t room[FOS_MOS_FRAME + 4];
	struct fos_mos_packet *p = &fos_mos.packet;
	uint8_t *frame;

	(void)side;
	if (!fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW))
		return -1;
	if (!fos_mos_packet_build())
		return fos_mos_fail(EACCES);
	/* the program's own copy: what it writes there stays there */
	frame = room + (4 - ((uintptr_t)room + ETH_HLEN) % 4) % 4;
	memcpy(frame, p->frame, p->len);
	memset(out, 0, sizeof(*out));
	out->cur_ts = (uint32_t)(p->raw.time_ns / 1000000);
	out->in_ifidx = (int8_t)p->raw.in_port;
	out->eth_len = (uint16_t)p->len;
	out->ip_len = (uint16_t)p->raw.l3_len;
	out->ethh = (void *)frame;
	out->iph = (void *)(frame + ETH_HLEN);
	if (!p->l4)
		return 0;
	out->tcph = (void *)(frame + p->l4);
	out->payload = frame + (p->payload ? p->payload : p->len);
	out->payloadlen = (uint16_t)p->raw.payload_len;
	out->seq = ntohl(out->tcph->seq);
	out->ack_seq = ntohl(out->tcph->ack_seq);
	out->window = ntohs(out->tcph->window);
	if (fos_mos.conn && fos_mos.conn->known[fos_mos.from])
		out->offset = fos_mos_position(fos_mos.conn, fos_mos.from, out->tcph);
	return 0;
}
