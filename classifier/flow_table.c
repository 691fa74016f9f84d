/* classifier/flow_table.c - hash table of directional tuples, slots, lists; see flow_table.h */
#include "classifier/flow_table.h"

#include <string.h>

#include "classifier/batch.h"
#include "classifier/event.h"
#include "shm/bytes.h"
#include "shm/hash.h"

_Static_assert(offsetof(struct fos_flow_key, src) == 12, "what hash_of() takes with the addresses");

#define MAX_CHAIN (1u << 16) /* a longer one is a cycle: our own memory was damaged */

/* Of IPv4 only the addresses' last four bytes differ: they are hashed without those before them. */
static uint64_t hash_of(const struct fos_classifier *c, const struct fos_flow_key *key)
{
	uint8_t v4[20];

	if (key->ip_version != 4)
		return fos_hash_sip13(c->dir->hash_key, key, sizeof(*key));
	memcpy(v4, key, 12);
	memcpy(v4 + 12, key->src + 12, 4);
	memcpy(v4 + 16, key->dst + 12, 4);
	return fos_hash_sip13(c->dir->hash_key, v4, sizeof(v4));
}

/* A tuple that is not found is filed next: its hash is not made twice. */
static uint32_t *bucket_of(struct fos_classifier *c, const struct fos_flow_key *key)
{
	if (memcmp(&c->hashed_key, key, sizeof(*key)) != 0) {
		c->hashed = hash_of(c, key);
		c->hashed_key = *key;
	}
	return &c->buckets[c->hashed & (c->cls->nr_buckets - 1)];
}

struct fos_flow_key fos_flow_key_reverse(const struct fos_flow_key *key)
{
	struct fos_flow_key r = *key;

	memcpy(r.src, key->dst, 16);
	memcpy(r.dst, key->src, 16);
	r.sport = key->dport;
	r.dport = key->sport;
	return r;
}

static uint16_t vlan_id(uint16_t tci)
{
	return tci == 0xffff ? tci : tci & 0xfffu;
}

struct fos_flow_key fos_flow_key_of(const struct fos_classifier *c, uint32_t flow)
{
	const struct fos_flow *f = &c->flows[flow];
	struct fos_flow_key key = {
		.ip_version = f->ip_version,
		.proto = f->proto,
		.vlan_outer = vlan_id(f->vlan_outer),
		.vlan_inner = vlan_id(f->vlan_inner),
		.sport = f->sport,
		.dport = f->dport,
	};

	memcpy(key.src, f->src, 16);
	memcpy(key.dst, f->dst, 16);
	if (f->flags & FOS_FLOW_AGGREGATE) {
		key.type = (uint8_t)(1 + c->dir->pipeline[f->pipeline].key);
		key.pipeline = f->pipeline;
		key.proto = 0;
		key.vlan_outer = 0;
		key.vlan_inner = c->dir->pipeline[f->pipeline].key == FOS_KEY_IN_PORT ? f->port : 0;
	}
	return key;
}

/* ------------------------------------------------------------------ flows of late */

static uint32_t *near_of(const struct fos_classifier *c, const struct fos_flow_key *key)
{
	uint32_t src, dst;

	memcpy(&src, key->src + 12, 4);
	memcpy(&dst, key->dst + 12, 4);
	return fos_flow_near(c, src, dst, key->sport, key->dport);
}

/* Nothing that another process wrote is believed: at worst the wrong memory is brought near. */
static const uint32_t *near_frame(const struct fos_classifier *c, uint32_t frame)
{
	const struct fos_frame_meta *m;
	uint32_t l3, l4, src, dst;
	const uint8_t *f, *addr;
	bool v4;

	if (frame >= c->dir->nr_frames)
		return NULL;
	m = fos_box_meta(c->box, frame);
	f = (const uint8_t *)m;
	l3 = m->l3_off;
	l4 = m->l4_off;
	v4 = m->flags & FOS_PKT_IPV4;
	if (l3 + 40 > c->dir->frame_size || l4 + 4 > c->dir->frame_size)
		return NULL;
	addr = f + l3 + (v4 ? 12 : 20);
	memcpy(&src, addr, 4);
	memcpy(&dst, addr + (v4 ? 4 : 16), 4);
	return fos_flow_near(c, src, dst, fos_get16(f + l4), fos_get16(f + l4 + 2));
}

void fos_flow_expect_near(const struct fos_classifier *c, uint32_t frame)
{
	const uint32_t *near = near_frame(c, frame);

	if (near)
		__builtin_prefetch(near);
}

void fos_flow_expect(const struct fos_classifier *c, uint32_t frame)
{
	const uint32_t *near = near_frame(c, frame);

	if (!near)
		return;
	__builtin_prefetch(&c->conns[*near]);
	fos_box_expect_bytes(&c->local[2 * *near], 2 * sizeof(c->local[0]));
	fos_box_expect_bytes(&c->flows[2 * *near], 2 * sizeof(c->flows[0]));
}

static bool same_bytes(const uint8_t a[16], const uint8_t b[16])
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* As if the flow's key were made and compared. */
static bool is_near(const struct fos_classifier *c, uint32_t flow, const struct fos_flow_key *key)
{
	const struct fos_flow *f = &c->flows[flow];
	uint8_t hashed = flow & 1 ? FOS_CONN_HASHED_R : FOS_CONN_HASHED;

	return c->conns[flow >> 1].flags & hashed && !(f->flags & FOS_FLOW_AGGREGATE) &&
	       key->type == 0 && f->sport == key->sport && f->dport == key->dport &&
	       same_bytes(f->src, key->src) && same_bytes(f->dst, key->dst) &&
	       f->ip_version == key->ip_version && f->proto == key->proto &&
	       vlan_id(f->vlan_outer) == key->vlan_outer && vlan_id(f->vlan_inner) == key->vlan_inner;
}

/* is_near() with the packet's key, which is not made for it. */
uint32_t fos_flow_recent(struct fos_classifier *c, const uint8_t *frame,
			 const struct fos_frame_meta *m)
{
	const uint8_t *l4 = frame + m->l4_off;
	uint32_t sport = fos_get16(l4), dport = fos_get16(l4 + 2), flow, src4, dst4;
	uint16_t outer = m->flags & FOS_PKT_VLAN ? m->vlan_outer & 0xfff : 0xffff;
	uint16_t inner = m->flags & FOS_PKT_QINQ ? m->vlan_inner & 0xfff : 0xffff;
	bool v4 = m->flags & FOS_PKT_IPV4;
	uint8_t src[16], dst[16];
	const struct fos_flow *f;

	fos_flow_addresses(frame + m->l3_off, v4, src, dst);
	memcpy(&src4, src + 12, 4);
	memcpy(&dst4, dst + 12, 4);
	flow = 2 * *fos_flow_near(c, src4, dst4, sport, dport);
	flow += c->flows[flow].sport != sport || !same_bytes(c->flows[flow].src, src);
	f = &c->flows[flow];
	if (f->sport != sport || f->dport != dport || !same_bytes(f->src, src) ||
	    !same_bytes(f->dst, dst) || f->ip_version != (v4 ? 4 : 6) || f->proto != m->proto ||
	    vlan_id(f->vlan_outer) != outer || vlan_id(f->vlan_inner) != inner ||
	    f->flags & FOS_FLOW_AGGREGATE ||
	    !(c->conns[flow >> 1].flags & (flow & 1 ? FOS_CONN_HASHED_R : FOS_CONN_HASHED)))
		return FOS_NONE;
	return flow;
}

uint32_t fos_flow_find(struct fos_classifier *c, const struct fos_flow_key *key)
{
	uint32_t *near = near_of(c, key), i = 2 * *near;

	if (is_near(c, i, key))
		return i;
	if (is_near(c, i + 1, key))
		return i + 1;
	i = *bucket_of(c, key);
	for (uint32_t n = 0; i != FOS_NONE && n < MAX_CHAIN; n++) {
		struct fos_flow_key k = fos_flow_key_of(c, i);

		if (memcmp(&k, key, sizeof(k)) == 0) {
			*near = i >> 1;
			return i;
		}
		i = c->flows[i].hash_next;
	}
	return FOS_NONE;
}

void fos_flow_hash(struct fos_classifier *c, uint32_t flow)
{
	struct fos_flow_key key = fos_flow_key_of(c, flow);
	uint32_t *bucket = bucket_of(c, &key);

	fos_touch(c, flow);
	c->flows[flow].hash_next = *bucket;
	fos_set32(c, bucket, flow);
	fos_save_conn(c, flow >> 1);
	fos_cls_conn(c, flow)->flags |= flow & 1 ? FOS_CONN_HASHED_R : FOS_CONN_HASHED;
	/* one that had the tuple before, and is still in the table, is not found any more */
	*near_of(c, &key) = flow >> 1;
}

void fos_flow_unhash(struct fos_classifier *c, uint32_t flow)
{
	struct fos_cls_conn *conn = fos_cls_conn(c, flow);
	uint8_t bit = flow & 1 ? FOS_CONN_HASHED_R : FOS_CONN_HASHED;
	struct fos_flow_key key;
	uint32_t *at;

	if (!(conn->flags & bit))
		return;
	key = fos_flow_key_of(c, flow);
	at = bucket_of(c, &key);
	for (uint32_t n = 0; *at != FOS_NONE && *at != flow && n < MAX_CHAIN; n++)
		at = &c->flows[*at].hash_next;
	if (*at == flow)
		fos_set32(c, at, c->flows[flow].hash_next);
	fos_save_conn(c, flow >> 1);
	conn->flags &= (uint8_t)~bit;
}

/* ------------------------------------------------------------------ slots */

static void reset_flow(struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];

	s->gen = gen;
	s->state = s->close = 0;
	s->app_first = s->pkt_first = FOS_NONE;
	s->app_tail = s->pkt_tail = s->pkt_tail_l4 = 0;
	s->pkt_done = s->pkt_done_l4 = s->fin_pos = 0;
	s->hint_pms = 0;
	s->hint_egress = s->hint_app = false;
	f->isn = f->last_ack = f->last_tsval = f->ts_recent = 0;
	f->last_wnd = f->mss = 0;
	f->wscale = 0xff;
	f->tcp_state = f->sack_ok = f->ts_ok = 0;
	f->ooo_first = FOS_NONE;
	f->ooo_bytes = f->nr_ooo = f->pass_pos_flags = 0;
	f->again_pos = f->stuck_ns = f->again_ms = 0;
	f->hash_next = FOS_NONE;
	f->last_time_ns = f->start_ns = 0;
	f->pkt.last = f->app.last = FOS_NONE;
	f->packets = f->bytes = f->number = 0;
	c->local[flow].ooo_last = 0;
	fos_event_reset(c, flow);
}

static uint32_t take_slot(struct fos_classifier *c)
{
	struct fos_cls_private *h = fos_touch_header(c);
	uint32_t conn = h->conn_free;

	if (conn != FOS_NONE) {
		h->conn_free = c->conns[conn].next;
		return conn;
	}
	return h->conns_used < c->nr_conns ? h->conns_used++ : FOS_NONE;
}

static void set_live(struct fos_classifier *c, uint32_t conn, bool live)
{
	uint64_t *word = &c->live[conn / 64], bit = 1ull << conn % 64;

	fos_relaxed_store64(word, live ? *word | bit : *word & ~bit);
}

uint32_t fos_conn_new(struct fos_classifier *c)
{
	uint32_t conn = take_slot(c), gen;
	struct fos_cls_conn *k;

	if (conn == FOS_NONE)
		return FOS_NONE;
	k = &c->conns[conn];
	fos_save_conn(c, conn);
	/* line 0 too: the slot may have been freed in this very batch */
	fos_txn_save(&c->txn, &c->flows[2 * conn], 64);
	fos_txn_save(&c->txn, &c->flows[2 * conn + 1], 64);
	gen = k->gen + 1 ? k->gen + 1 : 1;
	memset(k, 0, sizeof(*k));
	k->gen = gen;
	k->prev = k->next = FOS_NONE;
	reset_flow(c, 2 * conn, gen);
	reset_flow(c, 2 * conn + 1, gen);
	c->priv->nr_conns++;
	set_live(c, conn, true);
	fos_cls_count(c, FOS_C_flows_opened);
	return conn;
}

void fos_conn_free(struct fos_classifier *c, uint32_t conn)
{
	struct fos_cls_private *h = fos_touch_header(c);

	fos_flow_unhash(c, 2 * conn);
	fos_flow_unhash(c, 2 * conn + 1);
	fos_conn_list(c, conn, FOS_LIST_NONE);
	fos_touch(c, 2 * conn)->gen = 0;
	fos_touch(c, 2 * conn + 1)->gen = 0;
	fos_save_conn(c, conn);
	c->conns[conn].next = h->conn_free;
	h->conn_free = conn;
	h->nr_conns--;
	set_live(c, conn, false);
	fos_cls_count(c, FOS_C_flows_closed);
}

void fos_flow_table_rebuild_live(struct fos_classifier *c)
{
	uint32_t conn = 0;

	for (; conn < c->priv->conns_used || conn % 64; conn++)
		set_live(c, conn, conn < c->priv->conns_used && c->flows[2 * conn].gen != 0);
	/* a slot that a batch took for the first time and gave back when it was undone */
	for (; conn < c->nr_conns; conn += 64)
		fos_relaxed_store64(&c->live[conn / 64], 0);
}

/* ------------------------------------------------------------------ lists */

static void unlink_conn(struct fos_classifier *c, uint32_t conn)
{
	struct fos_cls_conn *k = &c->conns[conn];
	struct fos_cls_list_head *l = &fos_touch_header(c)->list[k->list];

	if (k->list == FOS_LIST_NONE)
		return;
	if (k->prev != FOS_NONE)
		fos_set32(c, &c->conns[k->prev].next, k->next);
	else
		l->first = k->next;
	if (k->next != FOS_NONE)
		fos_set32(c, &c->conns[k->next].prev, k->prev);
	else
		l->last = k->prev;
}

static void count_lists(struct fos_cls_private *h, uint32_t from, uint32_t to)
{
	h->nr_half_open += (to == FOS_LIST_HANDSHAKE) - (from == FOS_LIST_HANDSHAKE);
	h->nr_closed += (to == FOS_LIST_CLOSED) - (from == FOS_LIST_CLOSED);
	h->nr_linger += (to == FOS_LIST_LINGER) - (from == FOS_LIST_LINGER);
}

void fos_conn_list(struct fos_classifier *c, uint32_t conn, uint32_t list)
{
	struct fos_cls_conn *k = &c->conns[conn];
	struct fos_cls_list_head *l = &fos_touch_header(c)->list[list];

	fos_save_conn(c, conn);
	unlink_conn(c, conn);
	if (list != k->list)
		count_lists(c->priv, k->list, list);
	k->list = (uint8_t)list;
	k->prev = k->next = FOS_NONE;
	if (list == FOS_LIST_NONE)
		return;
	k->prev = l->last;
	if (l->last != FOS_NONE)
		fos_set32(c, &c->conns[l->last].next, conn);
	else
		l->first = conn;
	l->last = conn;
}
