/* Reassembly against a byte map: whatever order, overlap, cutting and fragmentation the bytes come
 * in, and however often the classifier is killed, the first copy of each byte is what is read. */
#include "classifier/batch.h"
#include "classifier/packet.h"
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

#define LENGTH 20000u
#define NEAR 6000u /* how far ahead of the first gap segments come */

struct model {
	uint8_t byte[LENGTH];
	bool set[LENGTH];
	uint32_t next; /* first byte not set */
};

static void model_take(struct model *m, uint32_t from, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (m->set[from + i])
			continue;
		m->set[from + i] = true;
		m->byte[from + i] = data[i];
	}
	while (m->next < LENGTH && m->set[m->next])
		m->next++;
}

static void send_fragments(struct cls_world *t, struct cw_ip *ip, const uint8_t *data,
			   uint32_t len, uint64_t *seed)
{
	uint8_t l4[1700], packet[1800];
	uint32_t n = cw_l4(ip, data, len, l4), at = 0, cut[64], nr = 0;
	static uint32_t id;

	ip->id = ++id & 0xffff;
	while (at < n) {
		cut[nr++] = at;
		at += 8 * (1 + (uint32_t)world_below(seed, 80));
	}
	cut[nr] = n;
	for (uint32_t k = 0; k < nr; k++) {
		/* forwards or backwards */
		uint32_t i = id & 1 ? k : nr - 1 - k;
		uint32_t size;

		ip->frag_off = cut[i];
		ip->more = i + 1 < nr;
		size = cw_wrap(ip, l4 + cut[i], cut[i + 1] - cut[i], packet);
		cw_send(t, packet, size, 0);
	}
}

static void send_segment(struct cls_world *t, uint32_t pos, const uint8_t *data, uint32_t len,
			 uint64_t *seed)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_TCP,
			   .flags = CW_ACK, .seq = CW_ISN_A + 1 + pos, .ack = CW_ISN_B + 1};

	if (world_below(seed, 4) == 0)
		send_fragments(t, &ip, data, len, seed);
	else
		cw_packet(t, &ip, data, len);
}

/* Takes packets as work() does and dies before the commit. */
static void die_uncommitted(struct cls_world *t)
{
	struct fos_classifier *c = t->c;
	struct fos_ring_cons *in = fos_proc_cons(&t->p, FOS_RING_FRAME,
						 cw_proc(t, FOS_ROLE_INGRESS, 0));

	fos_batch_begin(c);
	while (fos_ring_peek(in) > 0 && fos_batch_room(c, 0)) {
		const struct fos_desc *d = fos_ring_at(in, 0);

		c->part[0].frame = d->frame;
		c->part[0].gen = d->gen + 1;
		fos_packet_frames(c, 1);
		fos_ring_take(in, 1);
	}
	cw_kill(t);
	cw_start(t);
}

static void one_run(uint64_t seed, bool kills)
{
	static struct model m;
	struct cls_world t;
	uint64_t s = seed;
	uint32_t sent = 0;

	memset(&m, 0, sizeof(m));
	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	cw_handshake(&t);
	cw_run(&t);
	while (m.next < LENGTH && sent++ < 100000) {
		uint32_t lo = m.next > 200 ? m.next - 200 : 0, len, pos;
		uint8_t data[1400];

		pos = world_below(&s, 3) ? lo + (uint32_t)world_below(&s, NEAR) : m.next;
		len = 20 + (uint32_t)world_below(&s, 700);
		if (pos >= LENGTH)
			continue;
		if (len > LENGTH - pos)
			len = LENGTH - pos;
		for (uint32_t i = 0; i < len; i++)
			data[i] = (uint8_t)world_rand(&s);
		send_segment(&t, pos, data, len, &s);
		model_take(&m, pos, data, len);
		if (kills && world_below(&s, 5) == 0)
			die_uncommitted(&t);
		t.lazy = world_below(&s, 3) == 0;
		if (world_below(&s, 4) == 0)
			cw_run(&t);
		if (t.nr_away > 1500) {
			t.lazy = false;
			cw_run(&t);
		}
	}
	t.lazy = false;
	cw_run(&t);
	is_u64(t.stream[0].len, LENGTH, "seed %llu: all bytes", (unsigned long long)seed);
	ok(t.stream[0].len == LENGTH && memcmp(t.stream[0].bytes, m.byte, LENGTH) == 0,
	   "seed %llu: each is the first copy that came", (unsigned long long)seed);
	is_u64(t.nr_away + t.twice, 0, "seed %llu: every frame is home once",
	       (unsigned long long)seed);
	is_u64(t.c->priv->ooo_total, 0, "seed %llu: the queue's account is even",
	       (unsigned long long)seed);
	is_u64(t.c->priv->fifo_tail - t.c->priv->fifo_head, t.w.dir->nr_pieces,
	       "seed %llu: all pieces are free", (unsigned long long)seed);
	if (kills)
		ok(cw_counter(&t, FOS_C_txn_rolled_back) > 5, "seed %llu: batches were undone",
		   (unsigned long long)seed);
	cw_free(&t);
}

/* The queue's bounds: what lies too far ahead is refused, and others go furthest first. */
static void test_bounds(void)
{
	struct cls_world t;
	char block[1000];

	memset(&t, 0, sizeof(t));
	memset(block, 'x', sizeof(block));
	world_plan(&t.w, false);
	t.w.dir->ooo_per_flow = 100000;
	t.w.dir->ooo_total = 5000;
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 99500, 0, block, 1000);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_ooo_limit), 1, "beyond the flow's bound: refused");
	for (uint32_t i = 10; i > 2; i--)
		cw_tcp(&t, true, CW_ACK, i * 1000, 0, block, 1000);
	cw_run(&t);
	is_u64(t.w.box.flows[0].nr_ooo, 5, "the total bound holds");
	is_u64(cw_counter(&t, FOS_C_drop_ooo_limit), 4, "the furthest made way");
	for (uint32_t i = 0; i < 3; i++)
		cw_tcp(&t, true, CW_ACK, i * 1000, 0, block, 1000);
	cw_run(&t);
	is_u64(t.stream[0].len, 8000, "the nearest were kept");
	is_u64(t.nr_away + t.twice, 0, "every frame is home once");
	cw_free(&t);
}

int main(void)
{
	tap_plan(0);
	for (uint64_t seed = 1; seed <= 12; seed++)
		one_run(seed, false);
	for (uint64_t seed = 101; seed <= 112; seed++)
		one_run(seed, true);
	test_bounds();
	return done();
}
