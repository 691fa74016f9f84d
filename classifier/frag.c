/* classifier/frag.c - IP fragments become a packet, see frag.h */
#include "classifier/frag.h"

#include <netinet/in.h>
#include <string.h>

#include "classifier/packet.h"
#include "shm/csum.h"
#include "shm/hash.h"

static uint32_t *bucket_of(struct fos_classifier *c, const struct fos_frag *key)
{
	/* the key is the head of the record: src, dst, id, vlan, version, proto */
	uint64_t h = fos_hash_sip13(c->dir->hash_key, key, offsetof(struct fos_frag, first));

	return &c->frag_bucket[h & (FOS_FRAG_BUCKETS - 1)];
}

static void make_key(const struct fos_classifier *c, const struct fos_frame_meta *m,
		     uint32_t frame, struct fos_frag *key)
{
	const uint8_t *ip = fos_box_frame(c->box, frame) + m->l3_off;
	bool v4 = m->flags & FOS_PKT_IPV4;

	memset(key, 0, sizeof(*key));
	memcpy(key->src, ip + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(key->dst, ip + (v4 ? 16 : 24), v4 ? 4 : 16);
	key->id = m->frag_id;
	key->vlan = m->flags & FOS_PKT_VLAN ? m->vlan_outer & 0xfffu : 0xffff;
	key->version = v4 ? 4 : 6;
	key->proto = v4 ? m->proto : 0;
}

static struct fos_frag *touch(struct fos_classifier *c, uint32_t i)
{
	fos_txn_save(&c->txn, &c->frags[i], sizeof(c->frags[i]));
	return &c->frags[i];
}

/* ------------------------------------------------------------------ table */

static uint32_t find(struct fos_classifier *c, const struct fos_frag *key)
{
	uint32_t i = *bucket_of(c, key);

	while (i != FOS_NONE &&
	       memcmp(&c->frags[i], key, offsetof(struct fos_frag, first)) != 0)
		i = c->frags[i].hash_next;
	return i;
}

static void forget(struct fos_classifier *c, uint32_t i)
{
	struct fos_cls_private *h = fos_touch_header(c);
	struct fos_frag *g = touch(c, i);
	uint32_t *at = bucket_of(c, g);

	while (*at != i && *at != FOS_NONE)
		at = &c->frags[*at].hash_next;
	if (*at == i)
		fos_set32(c, at, g->hash_next);
	if (g->prev != FOS_NONE)
		fos_set32(c, &c->frags[g->prev].next, g->next);
	else
		h->frag_first = g->next;
	if (g->next != FOS_NONE)
		fos_set32(c, &c->frags[g->next].prev, g->prev);
	else
		h->frag_last = g->prev;
	g->version = 0;
	g->next = h->frag_free;
	h->frag_free = i;
	h->nr_frags--;
}

static void give_up(struct fos_classifier *c, uint32_t i, uint32_t reason)
{
	fos_purge_add(c, c->frags[i].first, reason);
	forget(c, i);
}

/* Keeps the record, so that what is yet to come of the datagram is refused too. */
static void kill_datagram(struct fos_classifier *c, uint32_t i, uint32_t reason)
{
	struct fos_frag *g = touch(c, i);

	fos_purge_add(c, g->first, reason);
	g->first = FOS_NONE;
	g->nr = g->bytes = 0;
	g->dead = reason;
}

static uint32_t create(struct fos_classifier *c, const struct fos_frag *key, uint64_t time_ns)
{
	struct fos_cls_private *h = fos_touch_header(c);
	uint32_t *bucket = bucket_of(c, key), i;
	struct fos_frag *g;

	if (h->nr_frags >= c->max_frags)
		give_up(c, h->frag_first, FOS_C_drop_fragment_limit);
	i = h->frag_free;
	if (i != FOS_NONE)
		h->frag_free = c->frags[i].next;
	else
		i = h->frags_used++;
	g = touch(c, i);
	*g = *key;
	g->first = FOS_NONE;
	g->start_ns = time_ns;
	g->hash_next = *bucket;
	fos_set32(c, bucket, i);
	g->next = FOS_NONE;
	g->prev = h->frag_last;
	if (h->frag_last != FOS_NONE)
		fos_set32(c, &c->frags[h->frag_last].next, i);
	else
		h->frag_first = i;
	h->frag_last = i;
	h->nr_frags++;
	return i;
}

/* ------------------------------------------------------------------ one fragment */

enum fit { FITS, SAME, OVERLAPS };

static enum fit compare(const struct fos_classifier *c, const struct fos_piece *p,
			const struct fos_frame_meta *m, uint32_t frame)
{
	if (p->pos != m->frag_off || p->l4_len != m->payload_len)
		return OVERLAPS;
	return memcmp(fos_box_frame(c->box, p->frame) + p->l4_off,
		      fos_box_frame(c->box, frame) + m->payload_off, m->payload_len) == 0 ?
		       SAME :
		       OVERLAPS;
}

/* Where the fragment goes: *prev = the piece before it. */
static enum fit place(const struct fos_classifier *c, const struct fos_frag *g,
		      const struct fos_frame_meta *m, uint32_t frame, uint32_t *prev)
{
	uint32_t end = (uint32_t)m->frag_off + m->payload_len, i = g->first;

	*prev = FOS_NONE;
	while (i != FOS_NONE && c->pieces[i].pos + c->pieces[i].l4_len <= m->frag_off) {
		*prev = i;
		i = c->pieces[i].next;
	}
	if (i != FOS_NONE && c->pieces[i].pos < end)
		return compare(c, &c->pieces[i], m, frame);
	if (g->total && end > g->total)
		return OVERLAPS;
	/* the last fragment says where the datagram ends: nothing may lie beyond */
	if (!(m->flags & FOS_PKT_FRAG_MORE) && (i != FOS_NONE || (g->total && g->total != end)))
		return OVERLAPS;
	return FITS;
}

static void keep(struct fos_classifier *c, struct fos_frag *g, const struct fos_frame_meta *m,
		 uint32_t frame, uint32_t gen, uint32_t prev, uint32_t piece)
{
	struct fos_piece *p = &c->pieces[piece];

	p->pos = m->frag_off;
	p->number = m->number;
	p->frame = frame;
	p->gen = gen;
	p->off = m->l3_off;
	p->len = m->l3_len;
	p->l4_off = m->payload_off;
	p->l4_len = m->payload_len;
	p->flow = FOS_NONE;
	if (prev == FOS_NONE) {
		p->next = g->first;
		g->first = piece;
	} else {
		p->next = c->pieces[prev].next;
		fos_piece_link(c, prev, piece);
	}
	g->nr++;
	g->bytes += m->payload_len;
	if (!(m->flags & FOS_PKT_FRAG_MORE))
		g->total = (uint32_t)m->frag_off + m->payload_len;
}

/* ------------------------------------------------------------------ the whole datagram */

static bool checksum_good(const struct fos_classifier *c, const struct fos_packet *pkt)
{
	const struct fos_frame_meta *m = &pkt->meta;
	const uint8_t *ip = fos_box_frame(c->box, pkt->part[0].frame) + m->l3_off;
	bool v4 = m->flags & FOS_PKT_IPV4;
	uint32_t len = pkt->l4_len, at = 0;
	uint64_t sum = 0;

	if (m->proto != IPPROTO_TCP && m->proto != IPPROTO_UDP && m->proto != IPPROTO_ICMPV6 &&
	    m->proto != IPPROTO_ICMP)
		return true;
	if (m->proto == IPPROTO_UDP) {
		if (pkt->head[6] == 0 && pkt->head[7] == 0)
			return v4;
		len = (uint32_t)pkt->head[4] << 8 | pkt->head[5];
	}
	if (v4 && m->proto != IPPROTO_ICMP)
		sum = fos_csum_pseudo4(ip + 12, ip + 16, m->proto, (uint16_t)len);
	else if (!v4)
		sum = fos_csum_pseudo6(ip + 8, ip + 24, m->proto, len);
	for (uint32_t i = 0; i < pkt->nr && at < len; i++) {
		uint32_t n = pkt->part[i].len < len - at ? pkt->part[i].len : len - at;

		sum = fos_csum_add_at(
			sum, fos_box_frame(c->box, pkt->part[i].frame) + pkt->part[i].off, n, at);
		at += n;
	}
	return fos_csum_fold(sum) == 0xffff;
}

static void complete(struct fos_classifier *c, uint32_t i)
{
	struct fos_packet pkt = { .part = c->part };
	uint32_t piece = c->frags[i].first;

	if (!fos_packet_meta(c, c->pieces[piece].frame, &pkt.meta)) {
		give_up(c, i, FOS_C_drop_meta);
		return;
	}
	while (piece != FOS_NONE) {
		const struct fos_piece *p = &c->pieces[piece];

		c->part[pkt.nr++] = fos_part_of(p);
		fos_piece_free(c, piece);
		piece = p->next;
	}
	forget(c, i);
	fos_cls_count(c, FOS_C_fragments_joined);
	fos_packet_finish(c, &pkt);
	if (pkt.damage == 0 && !checksum_good(c, &pkt))
		pkt.damage = FOS_C_drop_csum_bad;
	fos_packet_classify(c, &pkt);
}

/* Reason to refuse the fragment by itself; 0 = none. */
static uint32_t refusal(const struct fos_frame_meta *m)
{
	if (m->flags & FOS_PKT_IP_BAD)
		return FOS_C_drop_ip_bad;
	if (m->flags & FOS_PKT_TRUNCATED)
		return FOS_C_drop_truncated;
	/* IPv6 must have all headers in the first fragment (RFC 7112); in IPv4 the second one may
	 * bring the rest of a TCP header, which is put together before anything looks at it */
	if (m->flags & FOS_PKT_FRAG_FIRST &&
	    (m->payload_len < 8 || (m->flags & FOS_PKT_IPV6 && m->flags & FOS_PKT_L4_BAD)))
		return FOS_C_drop_fragment_tiny;
	return m->payload_len == 0 ? FOS_C_drop_ip_bad : 0;
}

/* One frame's share of a fragment: kept, or refused and what there is of the datagram with it.  May
 * complete the datagram. */
static void take_share(struct fos_classifier *c, uint32_t i, const struct fos_frame_meta *m,
		       uint32_t frame, uint32_t gen)
{
	uint32_t prev, piece;
	enum fit fit;

	if (c->frags[i].dead) {
		fos_cls_drop(c, frame, gen, c->frags[i].dead);
		return;
	}
	fit = place(c, &c->frags[i], m, frame, &prev);
	if (fit != FITS) {
		if (fit == OVERLAPS)
			kill_datagram(c, i, FOS_C_drop_fragment_overlap);
		fos_cls_drop(c, frame, gen, FOS_C_drop_fragment_overlap);
		return;
	}
	piece = c->frags[i].nr < FOS_MAX_SEGS ? fos_piece_new(c) : FOS_NONE;
	if (piece == FOS_NONE) {
		kill_datagram(c, i, FOS_C_drop_fragment_limit);
		fos_cls_drop(c, frame, gen, FOS_C_drop_fragment_limit);
		return;
	}
	keep(c, touch(c, i), m, frame, gen, prev, piece);
	if (c->frags[i].total && c->frags[i].bytes == c->frags[i].total)
		complete(c, i);
}

void fos_frag_input(struct fos_classifier *c, const struct fos_packet *pkt)
{
	struct fos_frame_meta m = pkt->meta;
	uint32_t reason = refusal(&m), i, nr = pkt->nr;
	struct fos_part part[FOS_MAX_SEGS]; /* c->part is overwritten when a datagram is complete */
	struct fos_frag key;

	fos_cls_count(c, FOS_C_fragments_in);
	if (reason) {
		fos_packet_drop(c, pkt, reason);
		return;
	}
	make_key(c, &m, pkt->part[0].frame, &key);
	i = find(c, &key);
	if (i == FOS_NONE)
		i = create(c, &key, m.time_ns);
	memcpy(part, pkt->part, nr * sizeof(part[0]));
	/* in several frames: as if it were as many fragments */
	for (uint32_t k = 0; k < nr; k++) {
		if (k > 0) {
			m.frag_off = (uint16_t)(m.frag_off + m.payload_len);
			m.l3_off = m.payload_off = part[k].off;
			m.l3_len = m.payload_len = part[k].len;
		}
		m.flags = pkt->meta.flags | (k + 1 < nr ? FOS_PKT_FRAG_MORE : 0);
		if (c->frags[i].version == 0) /* complete: these bytes were there before */
			fos_cls_drop(c, part[k].frame, part[k].gen, FOS_C_drop_fragment_overlap);
		else
			take_share(c, i, &m, part[k].frame, part[k].gen);
	}
}

/* ------------------------------------------------------------------ time */

uint32_t fos_frag_expire(struct fos_classifier *c, bool all)
{
	uint32_t done = 0;

	while (c->priv->frag_first != FOS_NONE && fos_batch_room(c, 0)) {
		uint32_t i = c->priv->frag_first;
		uint64_t start = c->frags[i].start_ns;

		if (!all && (c->now_ns < start || c->now_ns - start < FOS_FRAG_NS))
			break;
		give_up(c, i, FOS_C_drop_fragment_timeout);
		done++;
	}
	return done;
}

uint64_t fos_frag_next(const struct fos_classifier *c)
{
	return c->priv->frag_first == FOS_NONE ?
		       UINT64_MAX :
		       c->frags[c->priv->frag_first].start_ns + FOS_FRAG_NS;
}
