/* egress/header.c - headers of packets that are sent on, see header.h */
#include "egress/header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "egress/ext.h"
#include "egress/icmp.h"
#include "egress/options.h"
#include "shm/atomic.h"
#include "shm/bytes.h"
#include "shm/csum.h"

#define TCP_MIN 20u
#define OPT_MAX 40u
#define ICMP_KEPT 8u /* all of an ICMP packet counts as payload */

/* at FOS_FRAME_SAVED_OFF; `time_ns`, `number` and `gen` say which use of the frame it is of */
struct saved {
	uint64_t time_ns;
	uint64_t number;
	uint32_t gen;
	uint32_t len;
	uint8_t data[FOS_HEADER_KEPT_MAX];
};
_Static_assert(sizeof(struct saved) == FOS_FRAME_SAVED_MAX, "saved headers fill their place");

/* Of a transport header that is not TCP's. */
static uint8_t *csum_field(const struct fos_header *h)
{
	uint32_t off;

	if (h->m->proto == IPPROTO_UDP)
		off = 6;
	else if (h->m->flags & FOS_PKT_ICMP)
		off = 2;
	else
		return NULL;
	if ((uint32_t)(h->l4 - h->frame) + off + 2 > (uint32_t)h->m->data_off + h->m->len)
		return NULL;
	return h->l4 + off;
}

static bool offsets_ok(const struct fos_frame_meta *m, uint32_t frame_size)
{
	uint32_t end = (uint32_t)m->data_off + m->len;
	uint32_t l3_min = m->flags & FOS_PKT_IPV6 ? 40 : 20;

	if (m->data_off < FOS_FRAME_SAVED_OFF + FOS_FRAME_SAVED_MAX || end > frame_size || !m->len)
		return false;
	if (!(m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6)) || !m->l3_off)
		return true;
	if (m->l3_off < m->data_off || m->l3_off + l3_min > end)
		return (m->flags & FOS_PKT_IP_BAD) != 0;
	if (m->l4_off && (m->l4_off < m->l3_off + l3_min || m->l4_off > end))
		return false;
	if ((uint32_t)m->l3_off + m->l3_len > end)
		return false;
	return m->payload_off >= m->l4_off && (uint32_t)m->payload_off + m->payload_len <= end;
}

/* Are the headers kept in the frame those of this use of it? */
static bool kept(const struct saved *s, const struct fos_frame_meta *m, uint32_t gen)
{
	return s->gen == gen && s->time_ns == m->time_ns && s->number == m->number &&
	       s->len <= sizeof(s->data);
}

bool fos_header_open(struct fos_header *h, uint8_t *frame, uint32_t frame_size, uint32_t gen)
{
	struct fos_frame_meta *m = (struct fos_frame_meta *)(void *)frame;
	const struct saved *s = (const struct saved *)(const void *)(frame + FOS_FRAME_SAVED_OFF);

	*h = (struct fos_header){.frame = frame, .m = m};
	if (!offsets_ok(m, frame_size))
		return false;
	/* a batch that was undone may have changed them already: read them as they came */
	if (kept(s, m, gen) && (uint32_t)m->data_off + s->len <= frame_size)
		memcpy(frame + m->data_off, s->data, s->len);
	if (m->flags & FOS_PKT_IP_BAD)
		return true;
	if (m->l3_off && m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6))
		h->l3 = frame + m->l3_off;
	if (h->l3 && m->l4_off && !(m->flags & FOS_PKT_L4_BAD)) {
		h->l4 = frame + m->l4_off;
		if (m->proto != IPPROTO_TCP)
			h->csum = csum_field(h);
		else if (m->payload_off < m->l4_off + TCP_MIN)
			h->l4 = NULL;
		else
			h->csum = h->l4 + 16;
	}
	h->full = m->csum == FOS_CSUM_PARTIAL;
	if (h->csum)
		memcpy(&h->sum, h->csum, 2);
	return true;
}

/* How many bytes of the packet, from its first, may be changed.  All of an ICMP packet and of a
 * fragment counts as payload; the quotation in an error is changed too. */
static uint32_t kept_len(const struct fos_header *h)
{
	const struct fos_frame_meta *m = h->m;

	if (h->l4 && !(m->flags & FOS_PKT_ICMP_ERROR)) {
		if (h->csum && m->flags & FOS_PKT_ICMP)
			return (uint32_t)(m->l4_off - m->data_off) + ICMP_KEPT;
		if (h->csum && m->flags & FOS_PKT_FRAGMENT)
			return (uint32_t)(h->csum - h->frame) + 2 - m->data_off;
		return (uint32_t)(m->payload_off - m->data_off);
	}
	return m->len < FOS_HEADER_KEPT_MAX ? m->len : FOS_HEADER_KEPT_MAX;
}

void fos_header_forget(uint8_t *frame)
{
	((struct saved *)(void *)(frame + FOS_FRAME_SAVED_OFF))->len = UINT32_MAX;
}

bool fos_header_restore(struct fos_header *h, uint32_t gen)
{
	struct saved *s = (struct saved *)(void *)(h->frame + FOS_FRAME_SAVED_OFF);
	uint32_t len = kept_len(h);

	if (len > sizeof(s->data))
		return false;
	if (kept(s, h->m, gen) && s->len == len) {
		memcpy(h->frame + h->m->data_off, s->data, len);
	} else {
		memcpy(s->data, h->frame + h->m->data_off, len);
		s->time_ns = h->m->time_ns;
		s->number = h->m->number;
		s->len = len;
		/* the mark counts only with the copy behind it (a successor reads it) */
		fos_barrier_compiler();
		s->gen = gen;
		fos_barrier_compiler();
	}
	if (h->csum)
		memcpy(&h->sum, h->csum, 2);
	return true;
}

/* Changes n bytes (even, at an even offset of what the transport checksum covers). */
static inline __attribute__((always_inline)) void patch(struct fos_header *h, void *field,
							const void *now, size_t n)
{
	if (!h->full) { /* else it is made anew of all bytes */
		if (!memcmp(field, now, n))
			return;
		h->sum = fos_csum_update(h->sum, field, now, n);
	}
	memcpy(field, now, n);
}

static void patch32(struct fos_header *h, uint8_t *field, uint32_t v)
{
	v = htonl(v);
	patch(h, field, &v, 4);
}

static void patch16(struct fos_header *h, uint8_t *field, uint16_t v)
{
	v = htons(v);
	patch(h, field, &v, 2);
}

/* One SACK option at o (length olen): translated blocks first, NOPs where some are left out.  A block
 * without bytes is none, nor is an option of another length. */
static void translate_sack(const struct fos_header_tcp *w, uint8_t *o, uint32_t olen)
{
	uint32_t kept = 0, nr = (olen - 2) / 8, block[OPT_MAX / 8][2];

	if (nr == 0 || (olen - 2) % 8 != 0) {
		memset(o, 1, olen);
		return;
	}
	for (uint32_t i = 0; i < nr; i++) {
		block[kept][0] = fos_get32(o + 2 + 8 * i);
		block[kept][1] = fos_get32(o + 6 + 8 * i);
		kept += (int32_t)(block[kept][1] - block[kept][0]) > 0;
	}
	if (w->sack && kept)
		kept = w->sack(w->ctx, block, kept);
	for (uint32_t i = 0; i < kept; i++) {
		fos_put32(o + 2 + 8 * i, block[i][0]);
		fos_put32(o + 6 + 8 * i, block[i][1]);
	}
	if (kept == nr)
		return;
	if (kept)
		o[1] = (uint8_t)(2 + 8 * kept);
	else
		o[0] = o[1] = 1;
	memset(o + 2 + 8 * kept, 1, 8 * (nr - kept));
}

/* Next option at *at in a run of n bytes; false at the end or where they are malformed. */
static bool next_option(const uint8_t *o, uint32_t n, uint32_t *at, uint32_t *olen)
{
	while (*at < n && o[*at] == 1)
		(*at)++;
	if (*at + 1 >= n || o[*at] == 0)
		return false;
	*olen = o[*at + 1];
	return *olen >= 2 && *at + *olen <= n;
}

static uint32_t options_len(const struct fos_header *h)
{
	uint32_t hlen = (uint32_t)(h->l4[12] >> 4) * 4;

	if (hlen < TCP_MIN || (uint32_t)h->m->l4_off + hlen > h->m->payload_off)
		return 0;
	return hlen - TCP_MIN;
}

/* Is the option at o one of those in `strip`? */
static uint32_t stripped(const uint8_t *o, uint32_t olen, uint32_t strip)
{
	bool experiment = (o[0] == 253 || o[0] == 254) && olen >= 4 && fos_get16(o + 2) == 0xf989;

	if (o[0] == 30)
		return strip & FOS_STRIP_MPTCP;
	return o[0] == 34 || experiment ? strip & FOS_STRIP_TFO : 0;
}

static uint32_t translate_options(struct fos_header *h, const struct fos_header_tcp *w)
{
	uint32_t n, at = 0, olen = 0, gone = 0, one;
	uint8_t o[OPT_MAX];

	if (fos_header_only_ts(h) && !(w->clean & FOS_CLEAN_TS)) {
		if (w->with_ts)
			patch32(h, h->l4 + TCP_MIN + 4, w->tsval);
		if (w->with_ecr)
			patch32(h, h->l4 + TCP_MIN + 8, w->tsecr);
		return 0;
	}
	n = options_len(h);
	memcpy(o, h->l4 + TCP_MIN, n);
	if (w->clean)
		fos_options_clean(o, n, w->clean);
	for (; next_option(o, n, &at, &olen); at += olen) {
		if (o[at] == 8 && olen == 10) {
			if (w->with_ts)
				fos_put32(o + at + 2, w->tsval);
			if (w->with_ecr)
				fos_put32(o + at + 6, w->tsecr);
		} else if (o[at] == 5) {
			translate_sack(w, o + at, olen);
		} else if (w->strip && (one = stripped(o + at, olen, w->strip)) != 0) {
			memset(o + at, 1, olen);
			gone |= one;
		}
	}
	/* no host reads on behind an option that is none; what reads it otherwise is not misled */
	if (at < n && o[at] != 0)
		memset(o + at, 1, n - at);
	if (n)
		patch(h, h->l4 + TCP_MIN, o, n);
	return gone;
}

uint32_t fos_header_tcp(struct fos_header *h, const struct fos_header_tcp *w)
{
	uint8_t *t = h->l4;
	uint8_t word[2] = {t[12], (uint8_t)((t[13] | w->set) & ~w->clear)};

	if (w->with_urg) {
		word[1] = (uint8_t)(w->urg ? word[1] | FOS_TH_URG : word[1] & ~FOS_TH_URG);
		patch16(h, t + 18, w->urg);
	}
	if (w->with_ace) {
		word[0] = (uint8_t)((word[0] & ~1u) | w->ace >> 2);
		word[1] = (uint8_t)((word[1] & 0x3f) | (w->ace & 3) << 6);
	}
	patch32(h, t + 4, w->seq);
	patch32(h, t + 8, w->ack);
	patch(h, t + 12, word, 2);
	patch16(h, t + 14, w->wnd);
	return translate_options(h, w);
}

void fos_header_trim(struct fos_header *h, uint32_t keep)
{
	struct fos_frame_meta *m = h->m;
	uint16_t total = (uint16_t)(m->payload_off - m->l3_off + keep), field;
	uint8_t *at = h->l3 + (m->flags & FOS_PKT_IPV6 ? 4 : 2);

	field = htons(m->flags & FOS_PKT_IPV6 ? (uint16_t)(total - 40) : total);
	if (memcmp(at, &field, 2) == 0 && m->payload_len == keep)
		return;
	memcpy(at, &field, 2);
	m->payload_len = (uint16_t)keep;
	m->l3_len = total;
	m->len = m->orig_len = (uint16_t)(m->payload_off - m->data_off + keep);
	h->ip_dirty = true;
	h->full = true;
}

void fos_header_mss(struct fos_header *h, uint16_t mss)
{
	uint32_t n = options_len(h), at = 0, olen = 0;
	uint8_t o[OPT_MAX];

	memcpy(o, h->l4 + TCP_MIN, n);
	for (; next_option(o, n, &at, &olen); at += olen)
		if (o[at] == 2 && olen == 4) {
			o[at + 2] = (uint8_t)(mss >> 8);
			o[at + 3] = (uint8_t)mss;
		}
	if (n)
		patch(h, h->l4 + TCP_MIN, o, n);
}

static void rewrite_addr(struct fos_header *h, uint32_t off4, uint32_t off6, const uint8_t *addr)
{
	bool v6 = h->m->flags & FOS_PKT_IPV6;
	uint8_t *field = h->l3 + (v6 ? off6 : off4);

	if (!v6 && h->m->flags & FOS_PKT_ICMP)
		memcpy(field, addr + 12, 4); /* its checksum does not cover the addresses */
	else
		patch(h, field, v6 ? addr : addr + 12, v6 ? 16 : 4);
	h->ip_dirty = true;
}

static void rewrite_dscp(struct fos_header *h, uint8_t dscp)
{
	if (h->m->flags & FOS_PKT_IPV6) {
		uint32_t word = fos_get32(h->l3);

		fos_put32(h->l3, (word & ~(0x3fu << 22)) | (uint32_t)(dscp & 0x3f) << 22);
		return;
	}
	h->l3[1] = (uint8_t)((h->l3[1] & 3) | (dscp << 2));
	h->ip_dirty = true;
}

uint8_t fos_header_ecn(const struct fos_header *h)
{
	return h->m->flags & FOS_PKT_IPV6 ? h->l3[1] >> 4 & 3 : h->l3[1] & 3;
}

void fos_header_set_ecn(struct fos_header *h, uint8_t ecn)
{
	if (!h->l3 || fos_header_ecn(h) == ecn)
		return;
	if (h->m->flags & FOS_PKT_IPV6)
		h->l3[1] = (uint8_t)((h->l3[1] & ~0x30u) | ecn << 4);
	else
		h->l3[1] = (uint8_t)((h->l3[1] & ~3u) | ecn);
	h->ip_dirty = true;
}

void fos_header_raise_ttl(struct fos_header *h, uint8_t least)
{
	uint32_t at = h->m->flags & FOS_PKT_IPV6 ? 7 : 8;

	if (!h->l3 || h->l3[at] >= least)
		return;
	h->l3[at] = least;
	h->ip_dirty = true;
}

uint8_t fos_header_ace(const struct fos_header *h)
{
	return (uint8_t)((h->l4[12] & 1) << 2 | h->l4[13] >> 6);
}

bool fos_header_offers_ace(const struct fos_header *h)
{
	uint8_t ace = fos_header_ace(h);

	return ace == 2 || ace == 3 || ace == 4 || ace == 6;
}

void fos_header_rewrite(struct fos_header *h, const struct fos_rewrite *rw)
{
	bool ports = h->l4 && (h->m->proto == IPPROTO_TCP || h->m->proto == IPPROTO_UDP) &&
		     h->csum;

	if (h->m->link == FOS_LINK_ETHERNET && h->m->len >= 14) {
		if (rw->mask & FOS_RW_DST_MAC)
			memcpy(h->frame + h->m->data_off, rw->dst_mac, 6);
		if (rw->mask & FOS_RW_SRC_MAC)
			memcpy(h->frame + h->m->data_off + 6, rw->src_mac, 6);
	}
	if (!h->l3)
		return;
	if (rw->mask & FOS_RW_SRC_ADDR)
		rewrite_addr(h, 12, 8, rw->src);
	if (rw->mask & FOS_RW_DST_ADDR)
		rewrite_addr(h, 16, 24, rw->dst);
	if (rw->mask & FOS_RW_SRC_PORT && ports)
		patch16(h, h->l4, rw->sport);
	if (rw->mask & FOS_RW_DST_PORT && ports)
		patch16(h, h->l4 + 2, rw->dport);
	fos_icmp_rewrite(h, rw);
	if (rw->mask & FOS_RW_DSCP)
		rewrite_dscp(h, rw->dscp);
	if (rw->mask & FOS_RW_TTL) {
		h->l3[h->m->flags & FOS_PKT_IPV6 ? 7 : 8] = rw->ttl;
		h->ip_dirty = true;
	}
}

uint64_t fos_header_pseudo(const struct fos_header *h, uint32_t len)
{
	const struct fos_frame_meta *m = h->m;

	if (m->flags & FOS_PKT_IPV6)
		return fos_csum_pseudo6(fos_ext_source6(h->l3, h->l4), h->l3 + 24, m->proto, len);
	return m->flags & FOS_PKT_ICMP ? 0 : fos_csum_pseudo4(h->l3 + 12, h->l3 + 16, m->proto,
							      (uint16_t)len);
}

static void compute_full(struct fos_header *h)
{
	const struct fos_frame_meta *m = h->m;
	uint32_t len = (uint32_t)m->l3_off + m->l3_len - m->l4_off;

	if ((uint32_t)m->l3_off + m->l3_len < m->l4_off || m->flags & FOS_PKT_TRUNCATED)
		return;
	fos_csum_transport_set(fos_header_pseudo(h, len), m->proto, h->l4, len);
}

void fos_header_finish(struct fos_header *h)
{
	if (h->ip_dirty && h->l3 && h->m->flags & FOS_PKT_IPV4) {
		uint32_t hlen = (uint32_t)(h->l3[0] & 15) * 4;

		if (hlen >= 20 && h->m->l3_off + hlen <= (uint32_t)h->m->data_off + h->m->len)
			fos_csum_ipv4_set(h->l3, hlen);
	}
	if (!h->csum)
		return;
	if (h->full) {
		compute_full(h);
		return;
	}
	if (h->m->proto == IPPROTO_UDP) {
		uint16_t was;

		memcpy(&was, h->csum, 2);
		if (!was)
			return; /* sent without a checksum */
		if (!h->sum)
			h->sum = 0xffff;
	}
	memcpy(h->csum, &h->sum, 2);
}

uint16_t fos_header_urg(const struct fos_header *h)
{
	return h->l4[13] & FOS_TH_URG ? fos_get16(h->l4 + 18) : 0;
}

static void read_sack(const uint8_t *p, uint32_t olen, struct fos_header_options *o)
{
	o->has_sack = true;
	for (uint32_t i = 2; i + 8 <= olen && o->nr_sack < 4; i += 8) {
		o->sack[o->nr_sack][0] = fos_get32(p + i);
		o->sack[o->nr_sack++][1] = fos_get32(p + i + 4);
	}
}

void fos_header_options(const struct fos_header *h, struct fos_header_options *o)
{
	uint32_t n, at = 0, olen = 0;
	const uint8_t *p = h->l4 + TCP_MIN;

	*o = (struct fos_header_options){.wscale = 0xff};
	if (fos_header_only_ts(h)) {
		o->has_ts = true;
		o->tsval = fos_get32(p + 4);
		o->tsecr = fos_get32(p + 8);
		return;
	}
	n = options_len(h);
	for (; next_option(p, n, &at, &olen); at += olen) {
		if (p[at] == 2 && olen == 4)
			o->mss = fos_get16(p + at + 2);
		else if (p[at] == 3 && olen == 3)
			o->wscale = p[at + 2] > 14 ? 14 : p[at + 2];
		else if (p[at] == 4 && olen == 2)
			o->sack_ok = true;
		else if (p[at] == 5)
			read_sack(p + at, olen, o);
		else if (p[at] == 8 && olen == 10) {
			o->has_ts = true;
			o->tsval = fos_get32(p + at + 2);
			o->tsecr = fos_get32(p + at + 6);
		}
	}
}
