/* egress/icmp.c - echo identifiers and quoted packets, see icmp.h */
#include "egress/icmp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "shm/csum.h"
#include "shm/quote.h"

enum { ECHO4 = 8, REPLY4 = 0, ECHO6 = 128, REPLY6 = 129, ICMP_HDR = 8 };
enum { UNREACHABLE4 = 3, TOO_BIG4 = 4, TOO_BIG6 = 2 };

#define TCP_NUMBERS 18u /* up to the checksum */

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
	uint32_t l4_len;
	uint32_t total;
};

static bool find_quote(const struct fos_header *h, struct quote *q)
{
	uint32_t end = (uint32_t)h->m->l3_off + h->m->l3_len;
	uint32_t at = (uint32_t)h->m->l4_off + ICMP_HDR, sum;
	struct fos_quote found;
	uint16_t given;

	q->v6 = h->m->flags & FOS_PKT_IPV6;
	if (end > (uint32_t)h->m->data_off + h->m->len || end < at ||
	    !fos_quote_find(h->frame + at, end - at, q->v6, &found))
		return false;
	q->proto = found.proto;
	q->total = found.total;
	q->ip = h->frame + at;
	q->l4 = q->ip + found.l4;
	q->l4_len = found.l4_len;
	q->ip_sum = q->v6 ? NULL : q->ip + 10;
	sum = q->proto == IPPROTO_TCP ? 16 : q->proto == IPPROTO_UDP ? 6 : 2;
	q->l4_sum = q->l4_len >= sum + 2 ? q->l4 + sum : NULL;
	if (q->l4_sum && q->proto == IPPROTO_UDP) {
		memcpy(&given, q->l4_sum, 2);
		if (!given)
			q->l4_sum = NULL;
	}
	/* what is changed must be among the bytes that are kept for doing it again */
	return (uint32_t)(q->l4 - h->frame) + TCP_NUMBERS <= h->m->data_off + FOS_HEADER_KEPT_MAX;
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

/* ---- numbers --------------------------------------------------------------------------------- */

bool fos_icmp_quoted(const struct fos_header *h, struct fos_icmp_quoted *out)
{
	struct quote q;
	uint32_t n;

	if (!(h->m->flags & FOS_PKT_ICMP_ERROR) || !h->l4 || !find_quote(h, &q))
		return false;
	*out = (struct fos_icmp_quoted){.proto = q.proto, .v6 = q.v6, .total = q.total};
	if (q.proto == IPPROTO_TCP) {
		memcpy(&n, q.l4 + 4, 4);
		out->seq = ntohl(n);
		out->has_ack = q.l4_len >= 14 && q.l4[13] & FOS_TH_ACK;
	}
	if (out->has_ack) {
		memcpy(&n, q.l4 + 8, 4);
		out->ack = ntohl(n);
	}
	if (q.v6 ? h->l4[0] == TOO_BIG6 : h->l4[0] == UNREACHABLE4 && h->l4[1] == TOO_BIG4) {
		memcpy(&n, h->l4 + 4, 4);
		out->too_big = true;
		out->mtu = q.v6 ? ntohl(n) : ntohl(n) & 0xffff;
	}
	return true;
}

static void quote_number(const struct quote *q, uint32_t off, uint32_t v)
{
	v = htonl(v);
	adjust(q->l4_sum, q->l4 + off, &v, 4);
	memcpy(q->l4 + off, &v, 4);
}

void fos_icmp_requote(struct fos_header *h, const struct fos_icmp_quoted *now)
{
	struct quote q;

	if (!find_quote(h, &q) || q.proto != IPPROTO_TCP)
		return;
	quote_number(&q, 4, now->seq);
	if (now->has_ack)
		quote_number(&q, 8, now->ack);
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
