/* egress/refrag.c - datagrams that do not fit one packet, see refrag.h */
#include "egress/refrag.h"

#include <netinet/in.h>
#include <string.h>

#include "egress/build.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "shm/bytes.h"
#include "shm/csum.h"
#include "shm/hash.h"

#define DF 0x4000u
#define MF 0x2000u
#define FRAGMENT_MIN4 576u /* no smaller fragments, however small those were that came (RFC 1858) */
#define FRAGMENT_MIN6 1280u
#define LINK_RAW 101u
#define LINK_ONE_TAG 18u

/* One IP packet that is to leave in parts. */
struct cut {
	struct fos_egress *e;
	const struct fos_frame_meta *like; /* time, number, link type */
	const uint8_t *link;
	uint32_t link_len;
	const uint8_t *ip;
	uint32_t hlen;  /* IPv4: header; IPv6: what every fragment repeats */
	uint32_t total;
	uint32_t size;  /* largest IP packet */
	uint32_t port;
	uint32_t id;    /* IPv6 */
	uint32_t name;  /* IPv6: offset of the field that names what follows the repeated part */
};

/* ---- one fragment ---------------------------------------------------------------------------- */

/* A frame with the link header in place; returns where the IP header goes. */
static uint8_t *begin_part(const struct cut *c, uint32_t *frame)
{
	struct fos_frame_meta *m;

	*frame = fos_frames_get(c->e);
	if (*frame == FOS_NONE)
		return NULL;
	m = fos_box_meta(&c->e->p->box, *frame);
	memset(m, 0, sizeof(*m));
	m->time_ns = c->like->time_ns;
	m->number = c->like->number;
	m->link = c->like->link;
	m->port = c->like->port;
	m->data_off = FOS_FRAME_DATA_OFF;
	m->l3_off = (uint16_t)(FOS_FRAME_DATA_OFF + c->link_len);
	m->next_frame = FOS_NONE;
	memcpy((uint8_t *)m + m->data_off, c->link, c->link_len);
	return (uint8_t *)m + m->l3_off;
}

static void end_part(const struct cut *c, uint32_t frame, uint32_t total)
{
	struct fos_frame_meta *m = fos_box_meta(&c->e->p->box, frame);

	m->l3_len = (uint16_t)total;
	m->len = m->orig_len = (uint16_t)(c->link_len + total);
	fos_frames_send(c->e, frame, c->port, false);
	fos_count(c->e->p->counter, FOS_C_fragments_made, 1);
}

/* The options that every fragment repeats (RFC 791: those with the copied bit); returns the header's
 * length. */
static uint32_t later_header(const uint8_t *ip, uint32_t hlen, uint8_t *to)
{
	uint32_t n = 20, at = 20;

	memcpy(to, ip, 20);
	while (at + 1 < hlen && ip[at] != 0) {
		uint32_t len = ip[at] == 1 ? 1 : ip[at + 1];

		if (len == 0 || at + len > hlen)
			break;
		if (ip[at] & 0x80) {
			memcpy(to + n, ip + at, len);
			n += len;
		}
		at += len;
	}
	while (n % 4)
		to[n++] = 0;
	to[0] = (uint8_t)(0x40 | n / 4);
	return n;
}

static bool part4(const struct cut *c, uint32_t off, uint32_t n, const uint8_t *head, uint32_t hlen)
{
	uint32_t word = fos_get16(c->ip + 6), frame;
	uint32_t more = off + n < c->total - c->hlen ? MF : word & MF;
	uint8_t *ip = begin_part(c, &frame);

	if (!ip)
		return false;
	memcpy(ip, head, hlen);
	memcpy(ip + hlen, c->ip + c->hlen + off, n);
	fos_put16(ip + 2, hlen + n);
	fos_put16(ip + 6, (word & DF) | more | ((word & 0x1fff) + off / 8));
	fos_csum_ipv4_set(ip, hlen);
	end_part(c, frame, hlen + n);
	return true;
}

static bool part6(const struct cut *c, uint32_t off, uint32_t n)
{
	uint32_t frame;
	uint8_t *ip = begin_part(c, &frame), *fh;

	if (!ip)
		return false;
	memcpy(ip, c->ip, c->hlen);
	ip[c->name] = IPPROTO_FRAGMENT;
	fh = ip + c->hlen;
	fh[0] = c->ip[c->name];
	fh[1] = 0;
	fos_put16(fh + 2, off | (off + n < c->total - c->hlen));
	fos_put16(fh + 4, c->id >> 16);
	fos_put16(fh + 6, c->id & 0xffff);
	memcpy(fh + 8, c->ip + c->hlen + off, n);
	fos_put16(ip + 4, c->hlen - 40 + 8 + n);
	end_part(c, frame, c->hlen + 8 + n);
	return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Sends all parts, or none for want of frames or room. */
static bool send_parts(const struct cut *c)
{
	bool v6 = c->ip[0] >> 4 == 6;
	uint32_t left = c->total - c->hlen, head = c->hlen + (v6 ? 8 : 0), step, off = 0, later, nr;
	uint8_t rest[60];

	if (c->size < head + 8)
		return false;
	step = (c->size - head) & ~7u;
	nr = (left + step - 1) / step;
	if (nr > fos_frames_avail(c->e) || !fos_frames_tx_room(c->e, c->port, nr))
		return false;
	later = v6 ? 0 : later_header(c->ip, c->hlen, rest);
	while (off < left) {
		uint32_t n = left - off < step ? left - off : step;

		if (v6 ? !part6(c, off, n) :
			 !part4(c, off, n, off ? rest : c->ip, off ? later : c->hlen))
			return false;
		off += n;
	}
	return true;
}

/* As one packet in several frames: it fits the way out, but no frame. */
static bool send_chain(const struct cut *c)
{
	uint32_t share = c->e->p->dir->frame_size - FOS_FRAME_DATA_OFF, head = share - c->link_len;
	uint32_t nr = 1 + (c->total - head + share - 1) / share, off = 0;

	if (nr > fos_frames_avail(c->e) || !fos_frames_tx_room(c->e, c->port, nr))
		return false;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t n = c->total - off < (i ? share : head) ? c->total - off : i ? share : head;
		uint32_t frame, skip;
		uint8_t *to = begin_part(c, &frame);
		struct fos_frame_meta *m;

		if (!to)
			return false;
		skip = i ? c->link_len : 0;
		memcpy(to - skip, c->ip + off, n);
		m = fos_box_meta(&c->e->p->box, frame);
		m->len = m->orig_len = (uint16_t)(n + c->link_len - skip);
		fos_frames_send_part(c->e, frame, c->port, i + 1 < nr);
		off += n;
	}
	fos_count(c->e->p->counter, FOS_C_segments_built, 1);
	return true;
}

static uint32_t frame_room(const struct fos_egress *e, uint32_t link_len)
{
	return e->p->dir->frame_size - FOS_FRAME_DATA_OFF - link_len;
}

bool fos_refrag_packet(struct fos_egress *e, const struct fos_header *h, uint32_t port, uint32_t mtu)
{
	struct cut c = {.e = e, .like = h->m, .link = h->frame + h->m->data_off, .ip = h->l3,
			.total = h->m->l3_len, .size = mtu, .port = port};

	if (!h->l3 || !(h->m->flags & FOS_PKT_IPV4) || fos_get16(h->l3 + 6) & DF)
		return false;
	c.link_len = (uint32_t)h->m->l3_off - h->m->data_off;
	c.hlen = (h->l3[0] & 15u) * 4;
	if (c.size > frame_room(e, c.link_len))
		c.size = frame_room(e, c.link_len);
	return c.hlen >= 20 && c.hlen < c.total && send_parts(&c);
}

/* ---- a datagram built in private memory ------------------------------------------------------- */

/* The part of an IPv6 chain before a fragment header: hop-by-hop, routing, and destination options in
 * front of a routing header.  Returns its length, *name the field that names what follows. */
static uint32_t repeated6(const uint8_t *ip, uint32_t end, uint32_t *name)
{
	uint32_t at = 40, keep = 40, field = 6;
	uint8_t kind = ip[6];

	*name = 6;
	while (at + 8 <= end && (kind == IPPROTO_HOPOPTS || kind == IPPROTO_ROUTING ||
				 kind == IPPROTO_DSTOPTS)) {
		uint32_t len = (ip[at + 1] + 1u) * 8;

		field = at;
		if (kind != IPPROTO_DSTOPTS) {
			keep = at + len;
			*name = field;
		}
		kind = ip[at];
		at += len;
	}
	return keep;
}

bool fos_refrag_udp(struct fos_egress *e, uint32_t flow, const struct fos_header *like,
		    struct fos_refrag *r)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	struct fos_frame_meta *m = (void *)e->big;
	uint8_t head[256], *ip = e->big + FOS_FRAME_DATA_OFF, *l4;
	uint16_t link;
	uint32_t l3 = 0, n = fos_build_template(e, flow, head, &l3, &link);

	if (!n || !like->l3)
		return false;
	memset(e->big, 0, FOS_FRAME_DATA_OFF);
	memcpy(ip, head + l3, n - l3);
	m->time_ns = like->m->time_ns;
	m->number = e->number;
	m->link = LINK_RAW;
	m->port = f->port;
	m->data_off = m->l3_off = FOS_FRAME_DATA_OFF;
	m->l4_off = (uint16_t)(FOS_FRAME_DATA_OFF + n - l3);
	m->payload_off = (uint16_t)(m->l4_off + 8);
	m->proto = IPPROTO_UDP;
	m->csum = FOS_CSUM_PARTIAL;
	m->flags = FOS_PKT_UDP | (ip[0] >> 4 == 6 ? FOS_PKT_IPV6 : FOS_PKT_IPV4);
	m->next_frame = FOS_NONE;
	l4 = e->big + m->l4_off;
	fos_put16(l4, f->sport);
	fos_put16(l4 + 2, f->dport);
	fos_put16(l4 + 6, 0);
	r->flow = flow;
	r->payload = e->big + m->payload_off;
	r->room = UINT16_MAX - (n - l3) - 8;
	r->size = 0;
	r->id = like->m->flags & FOS_PKT_IPV6 ? like->m->frag_id : 0;
	return true;
}

static void fill_lengths(struct fos_egress *e, uint32_t len)
{
	struct fos_frame_meta *m = (void *)e->big;
	uint8_t *ip = e->big + m->l3_off, *l4 = e->big + m->l4_off;
	uint32_t head = (uint32_t)m->l4_off - m->l3_off, total = head + 8 + len;

	m->l3_len = m->len = m->orig_len = (uint16_t)total;
	m->payload_len = (uint16_t)len;
	fos_put16(l4 + 4, 8 + len);
	if (m->flags & FOS_PKT_IPV6) {
		fos_put16(ip + 4, total - 40);
		if (head == 40)
			ip[6] = IPPROTO_UDP;
		return;
	}
	ip[0] = (uint8_t)(0x40 | head / 4);
	fos_put16(ip + 2, total);
	ip[6] &= 0x40;
	ip[7] = 0;
	ip[9] = IPPROTO_UDP;
	fos_csum_ipv4_set(ip, head);
}

static uint32_t new_id(const struct fos_egress *e, uint32_t flow)
{
	uint64_t at[3] = {flow, e->tcbs[flow].out, e->tcbs[flow].gen};

	/* nobody outside can guess it (RFC 7739) */
	return (uint32_t)fos_hash_sip13(e->p->dir->hash_key, at, sizeof(at)) | 1;
}

enum fos_refrag_end fos_refrag_finish(struct fos_egress *e, struct fos_refrag *r, uint32_t len)
{
	struct fos_frame_meta *m = (void *)e->big;
	uint8_t link_head[256];
	uint16_t link = 0;
	uint32_t l3 = 0, floor = m->flags & FOS_PKT_IPV6 ? FRAGMENT_MIN6 : FRAGMENT_MIN4;
	struct cut c = {.e = e, .like = m, .link = link_head, .ip = e->big + m->l3_off,
			.size = fos_build_mtu(e, r->flow), .port = fos_out_port(e, r->flow)};
	struct fos_header h;
	bool whole;

	if (c.port == FOS_NONE || len > r->room)
		return FOS_REFRAG_REFUSED;
	fos_build_template(e, r->flow, link_head, &l3, &link);
	fill_lengths(e, len);
	if (r->size && r->size < c.size)
		c.size = r->size > floor ? r->size : floor;
	c.link_len = l3;
	c.total = m->l3_len;
	if (c.link_len > LINK_ONE_TAG)
		c.size -= 4; /* a device's MTU allows for one tag */
	c.hlen = (c.ip[0] & 15u) * 4;
	whole = c.total <= c.size && c.total > frame_room(e, c.link_len) &&
		c.total + c.link_len <= FOS_CHAIN_MAX * (e->p->dir->frame_size - FOS_FRAME_DATA_OFF);
	if (m->flags & FOS_PKT_IPV6)
		c.hlen = repeated6(c.ip, (uint32_t)m->l4_off - m->l3_off, &c.name);
	else if (fos_get16(c.ip + 6) & DF && !r->size && !whole)
		return FOS_REFRAG_REFUSED;
	c.id = r->id ? r->id : new_id(e, r->flow);
	if (c.size > frame_room(e, c.link_len))
		c.size = frame_room(e, c.link_len);
	if (!fos_header_open(&h, e->big, FOS_BIG_SIZE, 0))
		return FOS_REFRAG_REFUSED;
	fos_emit_rewrite(e, r->flow, &h, link_head, link);
	m->link = link;
	return (whole ? send_chain(&c) : send_parts(&c)) ? FOS_REFRAG_SENT : FOS_REFRAG_LATER;
}
