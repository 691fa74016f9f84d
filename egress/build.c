/* egress/build.c - packets that the box makes, see build.h */
#include "egress/build.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "egress/ext.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "shm/bytes.h"
#include "shm/csum.h"

#define LINK_MAX 24u
#define LINK_ONE_TAG 18u
#define MSS_DEFAULT4 536u /* RFC 9293 section 3.7.1 */
#define MSS_DEFAULT6 1220u
#define TTL_DEFAULT 64u
#define ID_APART 0x4000u

/* Place of the TTL in the template. */
static uint32_t ttl_at(const struct fos_tcb_more *m)
{
	return m->tmpl_l3 + (m->tmpl_len - m->tmpl_l3 == 40 ? 7u : 8u);
}

uint8_t fos_build_ttl(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb_more *m = &e->mores[flow];

	return e->tcbs[flow].flags & FOS_TCB_TMPL ? m->tmpl[ttl_at(m)] : 0;
}

/* Has the template these lengths and link?  More of it does not matter to packets that nobody gets. */
static bool same_shape(const struct fos_egress *e, uint32_t flow, const struct fos_header *h,
		       uint32_t link, uint32_t ip)
{
	const struct fos_tcb_more *m = &e->mores[flow];

	return e->tcbs[flow].flags & FOS_TCB_TMPL && m->tmpl_l3 == link &&
	       m->tmpl_len == link + ip && m->link == h->m->link &&
	       m->tmpl_proto == h->m->proto && !(h->m->flags & FOS_PKT_OPTIONS) &&
	       !(e->tcbs[flow].flags & FOS_TCB_EXT);
}

void fos_build_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	uint32_t link = (uint32_t)h->m->l3_off - h->m->data_off;
	uint32_t ip = h->m->flags & FOS_PKT_IPV6 ? 40 : 20;
	uint8_t ttl = fos_build_ttl(e, flow);
	struct fos_tcb_more *m;

	if (!h->l3 || link > LINK_MAX || (e->blind && same_shape(e, flow, h, link, ip)))
		return;
	m = fos_out_more(e, flow);
	memcpy(m->tmpl, h->frame + h->m->data_off, link + ip);
	m->tmpl_l3 = (uint8_t)link;
	m->tmpl_len = (uint8_t)(link + ip);
	t->flags |= FOS_TCB_TMPL;
	if (m->tmpl[ttl_at(m)] < ttl)
		m->tmpl[ttl_at(m)] = ttl;
	m->link = h->m->link;
	m->tmpl_proto = h->m->proto;
	if (h->m->flags & FOS_PKT_OPTIONS)
		fos_ext_learn(e, flow, h, &m->tmpl_proto);
	else
		t->flags &= ~(uint32_t)FOS_TCB_EXT;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t x[16];

	memcpy(x, a, n);
	memcpy(a, b, n);
	memcpy(b, x, n);
}

uint32_t fos_build_template(struct fos_egress *e, uint32_t flow, uint8_t *to, uint32_t *l3,
			     uint16_t *link)
{
	const struct fos_tcb *t = &e->tcbs[flow], *g = fos_out_peer(e, flow);
	bool mirror = !(t->flags & FOS_TCB_TMPL);
	const struct fos_tcb_more *m = &e->mores[mirror ? FOS_PEER(flow) : flow];

	if (mirror)
		t = g;
	if (!t || !(t->flags & FOS_TCB_TMPL))
		return 0;
	memcpy(to, m->tmpl, m->tmpl_len);
	*l3 = m->tmpl_l3;
	*link = m->link;
	if (!mirror) {
		uint32_t ext = fos_ext_put(e, flow, to + m->tmpl_len);

		/* now: when the segment is closed the template may be another packet's */
		if (ext && m->tmpl_len - m->tmpl_l3 == 40)
			to[m->tmpl_l3 + 6] = m->tmpl_proto;
		return m->tmpl_len + ext;
	}
	if (m->link == FOS_LINK_ETHERNET)
		swap(to, to + 6, 6);
	if (m->tmpl_len - m->tmpl_l3 == 40) {
		swap(to + *l3 + 8, to + *l3 + 24, 16);
		to[*l3 + 7] = TTL_DEFAULT;
		to[*l3 + 1] &= 0xc0; /* the label and marks are the other direction's */
		to[*l3 + 2] = to[*l3 + 3] = 0;
	} else {
		swap(to + *l3 + 12, to + *l3 + 16, 4);
		to[*l3 + 8] = TTL_DEFAULT;
		to[*l3 + 1] &= 0xfc;
	}
	return m->tmpl_len;
}

uint32_t fos_build_mtu(const struct fos_egress *e, uint32_t flow)
{
	uint32_t path = e->tcbs[flow].flags & FOS_TCB_PMTU ? e->mores[flow].pmtu : 0;
	uint32_t port = fos_out_port(e, flow);
	uint32_t mtu = port == FOS_NONE ? 0 : e->p->dir->port[port].mtu;

	if (!mtu)
		mtu = 1500;
	return path && path < mtu ? path : mtu;
}

static bool begin(struct fos_egress *e, uint32_t flow, uint8_t proto, uint32_t l4_len,
		  struct fos_build *b)
{
	struct fos_frame_meta *m;
	uint32_t l3 = 0, head, mtu;
	uint16_t link = 0;
	uint8_t *frame;

	b->flow = flow;
	b->frame = fos_frames_get(e);
	if (b->frame == FOS_NONE)
		return false;
	frame = fos_box_frame(&e->p->box, b->frame);
	head = fos_build_template(e, flow, frame + FOS_FRAME_DATA_OFF, &l3, &link);
	if (!head || head + 60 > e->p->dir->frame_size - FOS_FRAME_DATA_OFF) {
		fos_frames_put(e, b->frame);
		return false;
	}
	fos_header_forget(frame);
	m = fos_box_meta(&e->p->box, b->frame);
	memset(m, 0, sizeof(*m));
	m->time_ns = e->p->offline ? e->time_ns : e->p->now_ns;
	m->number = e->number;
	m->link = link;
	m->data_off = FOS_FRAME_DATA_OFF;
	m->l3_off = (uint16_t)(FOS_FRAME_DATA_OFF + l3);
	m->l4_off = (uint16_t)(FOS_FRAME_DATA_OFF + head);
	m->payload_off = (uint16_t)(m->l4_off + l4_len);
	m->proto = proto;
	m->csum = FOS_CSUM_PARTIAL;
	m->flags = frame[m->l3_off] >> 4 == 6 ? FOS_PKT_IPV6 : FOS_PKT_IPV4;
	if (e->tcbs[flow].flags & FOS_TCB_EXT)
		m->flags |= FOS_PKT_OPTIONS;
	m->flags |= proto == IPPROTO_TCP ? FOS_PKT_TCP : FOS_PKT_UDP;
	m->port = e->p->box.flows[flow].port;
	m->next_frame = FOS_NONE;
	b->payload = frame + m->payload_off;
	b->room = e->p->dir->frame_size - m->payload_off;
	mtu = fos_build_mtu(e, flow);
	if (l3 > LINK_ONE_TAG)
		mtu -= 4; /* a device's MTU allows for one tag */
	head = b->head = (uint32_t)m->payload_off - m->l3_off;
	if (b->room > mtu - head)
		b->room = mtu > head ? mtu - head : 1;
	return true;
}

/* Bytes of IP options or extension headers in a packet under construction. */
static uint32_t ext_len(const struct fos_frame_meta *m)
{
	return (uint32_t)(m->l4_off - m->l3_off) - (m->flags & FOS_PKT_IPV6 ? 40 : 20);
}

static void put_ports(struct fos_egress *e, uint32_t flow, uint8_t *l4)
{
	fos_put16(l4, e->p->box.flows[flow].sport);
	fos_put16(l4 + 2, e->p->box.flows[flow].dport);
}

/* What the receiver of this direction takes in one segment, options included. */
static uint32_t segment_limit(const struct fos_egress *e, uint32_t flow, bool v6)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);
	uint32_t mss = g ? e->mores[FOS_PEER(flow)].mss : 0;

	if (!mss)
		mss = v6 ? MSS_DEFAULT6 : MSS_DEFAULT4;
	return mss > 64 ? mss : 64;
}

bool fos_build_tcp(struct fos_egress *e, uint32_t flow, uint32_t (*sack)[2], uint32_t nr,
		   struct fos_build *b)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t opts = (t->flags & FOS_TCB_TS ? 12 : 0) + (nr ? 4 + 8 * nr : 0);
	uint32_t limit, seen = e->mores[flow].longest;
	uint8_t *l4;

	if (!begin(e, flow, IPPROTO_TCP, 20 + opts, b))
		return false;
	l4 = b->payload - 20 - opts;
	memset(l4, 0, 20 + opts);
	put_ports(e, flow, l4);
	l4[12] = (uint8_t)((20 + opts) / 4 << 4);
	l4[13] = FOS_TH_ACK;
	l4 += 20;
	if (t->flags & FOS_TCB_TS) {
		memcpy(l4, "\x01\x01\x08\x0a", 4);
		l4 += 12;
	}
	if (nr) {
		memcpy(l4, "\x01\x01\x05", 3);
		l4[3] = (uint8_t)(2 + 8 * nr);
	}
	for (uint32_t i = 0; i < nr; i++) {
		fos_put32(l4 + 4 + 8 * i, sack[i][0]);
		fos_put32(l4 + 8 + 8 * i, sack[i][1]);
	}
	limit = segment_limit(e, flow, fos_box_meta(&e->p->box, b->frame)->flags & FOS_PKT_IPV6);
	/* the MSS counts no options of either kind (RFC 6691) */
	opts += ext_len(fos_box_meta(&e->p->box, b->frame));
	limit = limit > opts ? limit - opts : 1;
	/* where the handshake was not seen, what the sender uses is what the receiver takes */
	if (!(fos_out_peer(e, flow) && e->mores[FOS_PEER(flow)].mss) && limit < seen)
		limit = seen;
	if (limit > fos_out_segment_max(e, t))
		limit = fos_out_segment_max(e, t);
	if (b->room > limit)
		b->room = limit;
	return true;
}

bool fos_build_udp(struct fos_egress *e, uint32_t flow, struct fos_build *b)
{
	uint8_t *l4;

	if (!begin(e, flow, IPPROTO_UDP, 8, b))
		return false;
	l4 = b->payload - 8;
	memset(l4, 0, 8);
	put_ports(e, flow, l4);
	return true;
}

uint8_t fos_build_marks(const struct fos_egress *e, const struct fos_build *b)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, b->frame);
	const uint8_t *ip = (const uint8_t *)m + m->l3_off;

	return m->flags & FOS_PKT_IPV6 ? ip[1] >> 4 & 3 : ip[1] & 3;
}

void fos_build_ecn(struct fos_egress *e, const struct fos_build *b, uint8_t ecn)
{
	struct fos_frame_meta *m = fos_box_meta(&e->p->box, b->frame);
	uint8_t *ip = (uint8_t *)m + m->l3_off;
	uint32_t shift = m->flags & FOS_PKT_IPV6 ? 4 : 0;

	ip[1] = (uint8_t)((ip[1] & ~(3u << shift)) | ecn << shift);
}

/* Its own numbers lie half the range away from those of the direction's own packets: where routers
 * fragment, two datagrams in flight must not share one (RFC 6864). */
static uint16_t next_id(struct fos_tcb_more *m, const uint8_t *ip)
{
	uint16_t newest = (uint16_t)(ip[4] << 8 | ip[5]), ahead = (uint16_t)(m->ip_id - newest);

	if (ahead < ID_APART || ahead > 0x10000 - ID_APART)
		m->ip_id = (uint16_t)(newest + 0x8000);
	return m->ip_id++;
}

static void end_ipv4(struct fos_egress *e, struct fos_build *b, uint8_t *ip, uint8_t proto,
		     uint32_t hlen, uint32_t total)
{
	ip[0] = (uint8_t)(0x40 | hlen / 4);
	fos_put16(ip + 2, total);
	fos_put16(ip + 4, next_id(fos_out_more(e, b->flow), ip));
	ip[6] &= e->tcbs[b->flow].flags & FOS_TCB_NODF ? 0 : 0x40; /* don't fragment */
	ip[7] = 0;
	ip[9] = proto;
	fos_csum_ipv4_set(ip, hlen);
}

void fos_build_end(struct fos_egress *e, struct fos_build *b, uint32_t len)
{
	struct fos_frame_meta *m = fos_box_meta(&e->p->box, b->frame);
	uint8_t *frame = (uint8_t *)m, *ip = frame + m->l3_off, *l4 = frame + m->l4_off;
	uint32_t total = (uint32_t)m->payload_off - m->l3_off + len;

	m->payload_len = (uint16_t)len;
	m->l3_len = (uint16_t)total;
	m->len = (uint16_t)(m->payload_off - m->data_off + len);
	m->orig_len = m->len;
	if (m->flags & FOS_PKT_IPV6) {
		fos_put16(ip + 4, total - 40);
		if (!ext_len(m))
			ip[6] = m->proto;
	} else {
		end_ipv4(e, b, ip, m->proto, 20 + ext_len(m), total);
	}
	if (m->proto == IPPROTO_UDP)
		fos_put16(l4 + 4, 8 + len);
}
