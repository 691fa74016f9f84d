/* egress/icmp.c - echo identifiers and quoted packets, see icmp.h */
#include "egress/icmp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "shm/csum.h"

enum { ECHO4 = 8, REPLY4 = 0, ECHO6 = 128, REPLY6 = 129, ICMP_HDR = 8, L4_QUOTED = 8 };

static bool is_echo(bool v6, uint8_t type, bool reply)
{
	return type == (v6 ? (reply ? REPLY6 : ECHO6) : (reply ? REPLY4 : ECHO4));
}

/* ---- the quoted packet ----------------------------------------------------------------------- */

struct quote {
	bool v6;
	uint8_t proto;
	uint8_t *ip;
	uint8_t *l4;
	uint8_t *ip_sum; /* NULL: IPv6 has none */
	uint8_t *l4_sum; /* NULL: not quoted, or the sender left it out */
};

static bool find_quote(const struct fos_header *h, struct quote *q)
{
	uint32_t end = (uint32_t)h->m->l3_off + h->m->l3_len;
	uint32_t at = (uint32_t)h->m->l4_off + ICMP_HDR, hlen, sum, left;
	uint16_t given;

	q->v6 = h->m->flags & FOS_PKT_IPV6;
	q->ip = h->frame + at;
	hlen = q->v6 ? 40 : 20;
	if (end > (uint32_t)h->m->data_off + h->m->len || end < at + hlen + L4_QUOTED ||
	    q->ip[0] >> 4 != (q->v6 ? 6 : 4))
		return false;
	if (!q->v6)
		hlen = (q->ip[0] & 15u) * 4;
	if (hlen < 20 || end < at + hlen + L4_QUOTED)
		return false;
	left = end - at - hlen;
	q->proto = q->ip[q->v6 ? 6 : 9];
	q->l4 = q->ip + hlen;
	q->ip_sum = q->v6 ? NULL : q->ip + 10;
	sum = q->proto == IPPROTO_TCP ? 16 : q->proto == IPPROTO_UDP ? 6 : 2;
	q->l4_sum = left >= sum + 2 ? q->l4 + sum : NULL;
	if (q->l4_sum && q->proto == IPPROTO_UDP) {
		memcpy(&given, q->l4_sum, 2);
		if (!given)
			q->l4_sum = NULL;
	}
	return true;
}

static void adjust(uint8_t *sum, const void *was, const void *now, size_t n)
{
	uint16_t c;

	if (!sum)
		return;
	memcpy(&c, sum, 2);
	c = fos_csum_update(c, was, now, n);
	memcpy(sum, &c, 2);
}

static void quote_addr(const struct quote *q, uint32_t off4, uint32_t off6, const uint8_t addr[16])
{
	uint8_t *field = q->ip + (q->v6 ? off6 : off4);
	const uint8_t *now = q->v6 ? addr : addr + 12;
	size_t n = q->v6 ? 16 : 4;

	adjust(q->ip_sum, field, now, n);
	if (q->proto != IPPROTO_ICMP)
		adjust(q->l4_sum, field, now, n);
	memcpy(field, now, n);
}

/* `side` 0: the source's port, 1: the destination's. */
static void quote_port(const struct quote *q, uint32_t side, uint16_t port)
{
	uint8_t *field = q->l4 + 2 * side;
	uint16_t now = htons(port);

	if (q->proto == (q->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		if (!is_echo(q->v6, q->l4[0], side))
			return;
		field = q->l4 + 4;
	} else if (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP) {
		return;
	}
	adjust(q->l4_sum, field, &now, 2);
	memcpy(field, &now, 2);
}

static void rewrite_quote(struct fos_header *h, const struct fos_rewrite *rw)
{
	struct quote q;

	if (!find_quote(h, &q))
		return;
	if (rw->mask & FOS_RW_DST_ADDR)
		quote_addr(&q, 12, 8, rw->dst);
	if (rw->mask & FOS_RW_SRC_ADDR)
		quote_addr(&q, 16, 24, rw->src);
	if (rw->mask & FOS_RW_DST_PORT)
		quote_port(&q, 0, rw->dport);
	if (rw->mask & FOS_RW_SRC_PORT)
		quote_port(&q, 1, rw->sport);
	/* anew, not by difference: the quotation is not among the headers kept for a second time */
	h->full = true;
}

/* ---- echoes ---------------------------------------------------------------------------------- */

static void set_identifier(struct fos_header *h, uint16_t id)
{
	uint16_t now = htons(id);

	h->sum = fos_csum_update(h->sum, h->l4 + 4, &now, 2);
	memcpy(h->l4 + 4, &now, 2);
}

void fos_icmp_rewrite(struct fos_header *h, const struct fos_rewrite *rw)
{
	bool v6 = h->m->flags & FOS_PKT_IPV6;

	if (!(h->m->flags & FOS_PKT_ICMP) || !h->l4 || !h->csum)
		return;
	if ((uint32_t)(h->l4 - h->frame) + ICMP_HDR > (uint32_t)h->m->data_off + h->m->len)
		return;
	if (h->m->flags & FOS_PKT_ICMP_ERROR)
		rewrite_quote(h, rw);
	else if (rw->mask & FOS_RW_SRC_PORT && is_echo(v6, h->l4[0], false))
		set_identifier(h, rw->sport);
	else if (rw->mask & FOS_RW_DST_PORT && is_echo(v6, h->l4[0], true))
		set_identifier(h, rw->dport);
}
