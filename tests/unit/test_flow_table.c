/* The flow table against a list: random opening, finding, refiling and freeing, with batches that
 * are undone. */
#include "classifier/batch.h"
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

#define NR 128u

struct entry {
	bool used;
	uint32_t conn;
	struct fos_flow_key key[2];
};

struct model {
	struct entry e[NR];
	uint32_t nr;
};

static struct fos_flow_key random_key(uint64_t *s)
{
	struct fos_flow_key k = {.ip_version = 4, .proto = 6, .vlan_outer = 0xffff,
				 .vlan_inner = 0xffff};

	k.src[15] = (uint8_t)world_below(s, 8);
	k.dst[15] = (uint8_t)world_below(s, 8);
	k.sport = (uint16_t)world_below(s, 16);
	k.dport = (uint16_t)(1000 + world_below(s, 16));
	if (world_below(s, 4) == 0)
		k.vlan_outer = (uint16_t)world_below(s, 3);
	return k;
}

static void set_identity(struct cls_world *t, uint32_t flow, const struct fos_flow_key *k)
{
	struct fos_flow *f = &t->c->flows[flow];

	memcpy(f->src, k->src, 16);
	memcpy(f->dst, k->dst, 16);
	f->sport = k->sport;
	f->dport = k->dport;
	f->ip_version = k->ip_version;
	f->proto = k->proto;
	f->vlan_outer = k->vlan_outer;
	f->vlan_inner = k->vlan_inner;
	f->flags = fos_touch(t->c, flow)->flags = 0;
}

static bool known(const struct model *m, const struct fos_flow_key *k, uint32_t *flow)
{
	for (uint32_t i = 0; i < NR; i++)
		for (uint32_t d = 0; d < 2 && m->e[i].used; d++)
			if (memcmp(&m->e[i].key[d], k, sizeof(*k)) == 0) {
				*flow = 2 * m->e[i].conn + d;
				return true;
			}
	return false;
}

static void open_one(struct cls_world *t, struct model *m, const struct fos_flow_key *key)
{
	struct fos_flow_key back = fos_flow_key_reverse(key);
	uint32_t other, conn, i = 0;

	if (known(m, key, &other) || known(m, &back, &other))
		return;
	conn = fos_conn_new(t->c);
	if (conn == FOS_NONE)
		return;
	while (m->e[i].used)
		i++;
	set_identity(t, 2 * conn, key);
	set_identity(t, 2 * conn + 1, &back);
	fos_flow_hash(t->c, 2 * conn);
	fos_flow_hash(t->c, 2 * conn + 1);
	fos_conn_list(t->c, conn, 1 + conn % 3);
	m->e[i] = (struct entry){.used = true, .conn = conn, .key = {*key, back}};
	m->nr++;
}

/* The answers get another tuple, as behind an address translation. */
static void refile(struct cls_world *t, struct model *m, struct entry *e, uint64_t *s)
{
	struct fos_flow_key k = random_key(s);
	uint32_t other;

	if (known(m, &k, &other))
		return;
	fos_flow_unhash(t->c, 2 * e->conn + 1);
	fos_txn_save(&t->c->txn, &t->c->flows[2 * e->conn + 1], 64);
	set_identity(t, 2 * e->conn + 1, &k);
	fos_flow_hash(t->c, 2 * e->conn + 1);
	e->key[1] = k;
}

static void step(struct cls_world *t, struct model *m, uint64_t *s)
{
	struct entry *e = &m->e[world_below(s, NR)];
	struct fos_flow_key k = random_key(s);

	switch (world_below(s, 5)) {
	case 0:
		if (e->used) {
			fos_conn_free(t->c, e->conn);
			e->used = false;
			m->nr--;
		}
		break;
	case 1:
		if (e->used)
			refile(t, m, e, s);
		break;
	case 2:
		if (e->used)
			fos_conn_list(t->c, e->conn, 1 + (uint32_t)world_below(s, 4));
		break;
	default:
		open_one(t, m, &k);
	}
}

static bool agrees(struct cls_world *t, const struct model *m, uint64_t *s)
{
	uint32_t linked = 0;

	for (uint32_t i = 0; i < 400; i++) {
		struct fos_flow_key k = random_key(s);
		uint32_t want = FOS_NONE;

		known(m, &k, &want);
		if (fos_flow_find(t->c, &k) != want)
			return false;
	}
	for (uint32_t i = 0; i < NR; i++)
		for (uint32_t d = 0; d < 2 && m->e[i].used; d++)
			if (fos_flow_find(t->c, &m->e[i].key[d]) != 2 * m->e[i].conn + d)
				return false;
	for (uint32_t l = 1; l < FOS_NR_LISTS; l++) {
		uint32_t prev = FOS_NONE, conn = t->c->priv->list[l].first;

		for (; conn != FOS_NONE; conn = t->c->conns[conn].next, linked++) {
			if (t->c->conns[conn].prev != prev || t->c->conns[conn].list != l)
				return false;
			prev = conn;
		}
		if (t->c->priv->list[l].last != prev)
			return false;
	}
	return linked == m->nr && t->c->priv->nr_conns == m->nr;
}

/* Between batches. */
static bool live_agrees(const struct cls_world *t)
{
	bool live = true;

	for (uint32_t c = 0; c < t->c->nr_conns; c++)
		live = live && (t->c->live[c / 64] >> c % 64 & 1) == (t->c->flows[2 * c].gen != 0);
	return live;
}

static void one_run(uint64_t seed)
{
	static struct model m, before;
	struct cls_world t;
	uint64_t s = seed;
	bool good = true, live = true;

	memset(&m, 0, sizeof(m));
	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	for (uint32_t batch = 0; batch < 200 && good; batch++) {
		before = m;
		fos_batch_begin(t.c);
		for (uint32_t i = 0; i < 20 && fos_batch_room(t.c, 0); i++)
			step(&t, &m, &s);
		good = agrees(&t, &m, &s);
		if (world_below(&s, 4) == 0) {
			m = before;
			cw_kill(&t);
			cw_start(&t);
			good = good && agrees(&t, &m, &s);
			live = live && live_agrees(&t);
		} else {
			fos_batch_commit(t.c);
		}
	}
	live = live && live_agrees(&t);
	ok(good, "seed %llu: table, lists and slots agree with the model",
	   (unsigned long long)seed);
	ok(live, "seed %llu: so does the map of live connections", (unsigned long long)seed);
	cw_free(&t);
}

static void test_generations(void)
{
	struct cls_world t;
	uint32_t gen, conn;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	fos_batch_begin(t.c);
	conn = fos_conn_new(t.c);
	fos_batch_commit(t.c);
	gen = t.w.box.flows[2 * conn].gen;
	ok(gen != 0 && gen == t.w.box.flows[2 * conn + 1].gen, "both flows have one generation");
	fos_batch_begin(t.c);
	fos_conn_free(t.c, conn);
	fos_batch_commit(t.c);
	is_u64(t.w.box.flows[2 * conn].gen, 0, "a free slot has none");
	fos_batch_begin(t.c);
	is_u64(fos_conn_new(t.c), conn, "a slot is used again");
	fos_batch_commit(t.c);
	ok(t.w.box.flows[2 * conn].gen > gen, "under another generation");
	cw_free(&t);
}

int main(void)
{
	tap_plan(0);
	for (uint64_t seed = 1; seed <= 10; seed++)
		one_run(seed);
	test_generations();
	return done();
}
