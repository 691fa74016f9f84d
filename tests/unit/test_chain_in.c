/* Packets in several frames at the classifier: streams, datagrams, fragments, and what just goes on. */
#include "ingress/chain.h"
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

#define SHARE 1664u

static uint8_t data[40000], packet[41000], l4[40100];

/* Hands a packet over as ingress does with one in buffers of SHARE bytes; returns how many. */
static uint32_t send_chain(struct cls_world *t, const struct cw_ip *ip, const uint8_t *payload,
			   uint32_t n)
{
	uint32_t len = cw_wrap(ip, payload, n, packet), frame[64], nr = 0, used, why;

	for (uint32_t off = 0; off < len; off += SHARE, nr++) {
		uint32_t m = len - off < SHARE ? len - off : SHARE;
		struct fos_frame_meta *meta;

		frame[nr] = cw_frame(t);
		t->away[frame[nr]] = 1;
		t->nr_away++;
		meta = fos_box_meta(&t->w.box, frame[nr]);
		memset(meta, 0, sizeof(*meta));
		meta->data_off = FOS_FRAME_DATA_OFF;
		meta->len = (uint16_t)m;
		meta->orig_len = (uint16_t)(off ? m : len);
		meta->link = FOS_LINK_ETHERNET;
		meta->port = ip->src == 1 ? 0 : 1;
		meta->time_ns = t->now;
		meta->next_frame = FOS_NONE;
		memcpy((uint8_t *)meta + FOS_FRAME_DATA_OFF, packet + off, m);
		if (!off)
			fos_parse((const uint8_t *)meta, meta, t->w.dir->hash_key);
	}
	used = nr > 1 ? fos_chain_complete(&t->w.box, frame, nr, &why) : 1;
	for (uint32_t i = 0; i < used; i++) {
		struct fos_desc *d = fos_ring_slot(&t->in, 0);

		memset(d, 0, sizeof(*d));
		d->frame = frame[i];
		d->gen = ++t->gens[frame[i]] * 4;
		d->flow = FOS_NONE;
		d->kind = i ? FOS_DESC_MORE : FOS_DESC_FRAME;
		d->len = i ? 0 : used - 1;
		fos_ring_advance(&t->in, 1);
	}
	fos_ring_commit(&t->in);
	return used;
}

static void make(struct cls_world *t, bool app, bool packets)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	if (packets)
		world_pm(&t->w, "packets", 0, FOS_STREAM_IP, false);
	if (app)
		world_pm(&t->w, "reader", packets, FOS_STREAM_APP, false);
	cw_make(t);
}

static void finish(struct cls_world *t, const char *what)
{
	is_u64(t->nr_away + t->twice, 0, "%s: every frame is home once", what);
	is_u64(cw_counter(t, FOS_C_drop_meta), 0, "%s: nothing was refused", what);
	cw_free(t);
}

/* Segments of a jumbo network, the later one first, and one again. */
static void test_stream(void)
{
	static const uint32_t order[] = {0, 2, 1, 1, 3};
	struct cls_world t;

	make(&t, true, false);
	cw_handshake(&t);
	for (uint32_t i = 0; i < 5; i++) {
		struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_TCP,
				   .flags = CW_ACK, .seq = CW_ISN_A + 1 + 8948 * order[i],
				   .ack = CW_ISN_B + 1};

		send_chain(&t, &ip, l4, cw_l4(&ip, data + 8948 * order[i], 8948, l4));
		cw_run(&t);
	}
	is_u64(t.stream[0].len, 4 * 8948, "jumbo segments, one early, one again: all bytes");
	ok(t.stream[0].len == 4 * 8948 && !memcmp(t.stream[0].bytes, data, 4 * 8948), "in their order");
	is_u64(cw_counter(&t, FOS_C_tcp_ooo), 1, "the early one was put in its place");
	is_u64(cw_counter(&t, FOS_C_tcp_overlap_differs), 0, "the repeated one was the same");
	finish(&t, "stream");
}

static void test_datagram(bool v6, bool packets)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 7, .dport = 9, .v6 = v6, .proto = IPPROTO_UDP};
	struct cls_world t;

	make(&t, true, packets);
	send_chain(&t, &ip, l4, cw_l4(&ip, data, 8000, l4));
	cw_run(&t);
	if (packets) {
		is_u64(t.w.box.flows[0].pkt.tail, 8000 + 8 + (v6 ? 40 : 20),
		       "an `ip` reader is offered all of the packet");
		cw_pm_says(&t, 0, 0, t.w.box.flows[0].pkt.tail, 0, 0);
	}
	ok(t.stream[0].len == 8000 && !memcmp(t.stream[0].bytes, data, 8000),
	   "a datagram of 8000 bytes over IPv%c%s is whole", v6 ? '6' : '4',
	   packets ? ", behind a packet stage" : "");
	ip.bad_csum = true;
	send_chain(&t, &ip, l4, cw_l4(&ip, data, 8000, l4));
	cw_run(&t);
	if (packets)
		cw_pm_says(&t, 0, 0, t.w.box.flows[0].pkt.tail, 0, 0);
	is_u64(t.stream[0].len, 8000, "one with a wrong checksum is not taken");
	finish(&t, "datagram");
}

/* Fragments of 8192 bytes, in an order, one of them twice. */
static void test_fragments(bool v6)
{
	static const uint8_t order[] = {1, 0, 1, 2};
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 7, .dport = 9, .v6 = v6, .proto = IPPROTO_UDP,
			   .id = 3};
	static uint8_t whole[20100];
	uint32_t len = cw_l4(&ip, data, 20000, whole);
	struct cls_world t;

	make(&t, true, false);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t off = 8192u * order[i], n = len - off < 8192 ? len - off : 8192;

		ip.frag_off = off;
		ip.more = off + n < len;
		send_chain(&t, &ip, whole + off, n);
	}
	cw_run(&t);
	ok(t.stream[0].len == 20000 && !memcmp(t.stream[0].bytes, data, 20000),
	   "jumbo fragments over IPv%c become one datagram", v6 ? '6' : '4');
	is_u64(cw_counter(&t, FOS_C_fragments_joined), 1, "counted once");
	/* one that overlaps by eight bytes */
	ip.id++;
	ip.frag_off = 0;
	ip.more = true;
	send_chain(&t, &ip, whole, 8192);
	ip.frag_off = 8184;
	send_chain(&t, &ip, whole + 8184, 8192);
	cw_run(&t);
	is_u64(t.c->priv->nr_frags, 1, "an overlap leaves a record of the refused datagram");
	is_u64(t.nr_away, 0, "and holds no frame");
	finish(&t, "fragments");
}

/* Without a pipeline: one FORWARD, the frames that follow behind it. */
static void test_forward(void)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 7, .dport = 9, .proto = IPPROTO_UDP};
	struct cls_world t;
	uint32_t nr;

	make(&t, false, false);
	nr = send_chain(&t, &ip, l4, cw_l4(&ip, data, 8000, l4));
	cw_run(&t);
	ok(t.nr_desc == nr && t.desc[0].kind == FOS_DESC_FORWARD && t.desc[0].len == nr - 1 &&
		   cw_nr_desc(&t, FOS_DESC_MORE) == nr - 1,
	   "one FORWARD that says how many follow, %u of them", nr - 1);
	finish(&t, "forward");
}

/* Chains whose frames do not belong together. */
static void test_damaged(void)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 7, .dport = 9, .proto = IPPROTO_UDP};

	for (uint32_t how = 0; how < 5; how++) {
		struct fos_frame_meta *m;
		struct cls_world t;
		uint32_t nr, first;
		struct fos_desc *d;

		make(&t, true, false);
		first = t.next_frame;
		nr = send_chain(&t, &ip, l4, cw_l4(&ip, data, 8000, l4));
		m = fos_box_meta(&t.w.box, first + 2);
		d = (void *)((uint8_t *)(t.in.ring + 1) + sizeof(*d) * ((t.in.next - nr) & t.in.mask));
		if (how == 0)
			m->flags = 0;
		else if (how == 1)
			m->len = 3000;
		else if (how == 2)
			m->next_frame = 7;
		else if (how == 3)
			d->len = 3; /* fewer than there are */
		else
			d->len = 1000;
		cw_run(&t);
		is_u64(t.stream[0].len, 0, "a damaged chain (%u) is not taken", how);
		ok(cw_counter(&t, FOS_C_drop_meta) > 0, "but counted");
		cw_free(&t);
	}
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	test_stream();
	test_datagram(false, false);
	test_datagram(true, false);
	test_datagram(false, true);
	test_fragments(false);
	test_fragments(true);
	test_forward();
	test_damaged();
	return done();
}
