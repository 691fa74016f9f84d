/* IP fragments: order, duplicates, overlap, bounds, time, and the checksum over the whole. */
#include "classifier/frag.h"
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

static char text[64] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ..";

/* A UDP datagram of 64 bytes, cut every `step` bytes of IP payload. */
struct datagram {
	struct cw_ip ip;
	uint8_t l4[1700];
	uint32_t len;
	uint32_t step;
};

static void make(struct cls_world *t, struct datagram *d, bool v6, uint32_t step)
{
	memset(t, 0, sizeof(*t));
	world_plan(&t->w, false);
	world_pm(&t->w, "reader", 0, FOS_STREAM_APP, false);
	t->w.dir->max_fragments = 4;
	cw_make(t);
	memset(d, 0, sizeof(*d));
	d->ip = (struct cw_ip){.src = 1, .dst = 2, .sport = 7, .dport = 9, .v6 = v6,
			       .proto = IPPROTO_UDP, .id = 77};
	d->len = cw_l4(&d->ip, text, sizeof(text), d->l4);
	d->step = step;
}

static void fragment(struct cls_world *t, struct datagram *d, uint32_t from, uint32_t len)
{
	uint8_t packet[1800];
	uint32_t n;

	if (len > d->len - from)
		len = d->len - from;
	d->ip.frag_off = from;
	d->ip.more = from + len < d->len;
	n = cw_wrap(&d->ip, d->l4 + from, len, packet);
	cw_send(t, packet, n, 0);
}

static void nth(struct cls_world *t, struct datagram *d, uint32_t i)
{
	fragment(t, d, i * d->step, d->step);
}

static bool arrived(struct cls_world *t)
{
	return t->stream[0].len == sizeof(text) &&
	       memcmp(t->stream[0].bytes, text, sizeof(text)) == 0;
}

static void finish(struct cls_world *t, const char *what)
{
	is_u64(t->nr_away + t->twice, 0, "%s: every frame is home once", what);
	cw_free(t);
}

static void test_order(bool v6)
{
	static const uint8_t order[3][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
	struct datagram d;
	struct cls_world t;

	for (uint32_t k = 0; k < 3; k++) {
		make(&t, &d, v6, 16);
		for (uint32_t i = 0; i < 5; i++) {
			nth(&t, &d, order[k][i]);
			if (order[k][i] == 2)
				nth(&t, &d, 2);
		}
		cw_run(&t);
		ok(arrived(&t), "IPv%c, order %u: the datagram is whole", v6 ? '6' : '4', k);
		is_u64(cw_counter(&t, FOS_C_drop_fragment_overlap), 1,
		       "an exact duplicate is dropped");
		is_u64(cw_counter(&t, FOS_C_fragments_joined), 1, "and the datagram counted once");
		is_u64(t.c->priv->nr_frags, 0, "nothing is left behind");
		finish(&t, "order");
	}
}

static void test_overlap(void)
{
	struct datagram d;
	struct cls_world t;

	make(&t, &d, false, 24);
	nth(&t, &d, 0);
	fragment(&t, &d, 16, 24);
	nth(&t, &d, 1);
	nth(&t, &d, 2);
	cw_run(&t);
	is_u64(t.stream[0].len, 0, "an overlap ends the datagram");
	is_u64(cw_counter(&t, FOS_C_drop_fragment_overlap), 4, "all of it, what comes later too");
	d.ip.id++;
	for (uint32_t i = 0; i < 3; i++)
		nth(&t, &d, i);
	cw_run(&t);
	ok(arrived(&t), "another datagram is not touched by that");
	finish(&t, "overlap");

	make(&t, &d, false, 24);
	nth(&t, &d, 1);
	d.l4[30] ^= 1;
	nth(&t, &d, 1);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_fragment_overlap), 2,
	       "the same place with other bytes is an overlap");
	finish(&t, "differing duplicate");

	make(&t, &d, false, 24);
	nth(&t, &d, 2);
	d.len += 32;
	fragment(&t, &d, 80, 16);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_fragment_overlap), 2, "so is a fragment beyond the end");
	finish(&t, "beyond the end");
}

static void test_checksum(void)
{
	struct datagram d;
	struct cls_world t;

	make(&t, &d, false, 24);
	d.l4[40] ^= 1;
	for (uint32_t i = 0; i < 3; i++)
		nth(&t, &d, i);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_csum_bad), 3, "the checksum is that of the whole");
	finish(&t, "checksum");
}

static void test_bounds(void)
{
	struct datagram d;
	struct cls_world t;

	make(&t, &d, false, 24);
	for (uint32_t i = 0; i < 6; i++) {
		d.ip.id = i + 1;
		nth(&t, &d, 0);
	}
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_fragment_limit), 2, "the oldest make way");
	is_u64(t.nr_away, 4, "as many as allowed wait");
	t.p.now_ns += FOS_FRAG_NS;
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_fragment_timeout), 4, "after 30 seconds they are given up");
	finish(&t, "bounds");

	make(&t, &d, false, 8);
	d.len = 65600;
	d.ip.frag_off = 65528;
	d.ip.more = false;
	cw_send(&t, d.l4, cw_wrap(&d.ip, d.l4 + 64, 32, d.l4 + 200), 0);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_fragments_joined), 0, "beyond 65535 bytes nothing is joined");
	finish(&t, "too long");
}

/* A TCP header in two IPv4 fragments is put together; IPv6 must have it in the first. */
static void test_tiny(bool v6)
{
	struct datagram d;
	struct cls_world t;

	make(&t, &d, v6, 8);
	d.ip.proto = IPPROTO_TCP;
	d.ip.flags = CW_SYN;
	d.len = cw_l4(&d.ip, NULL, 0, d.l4);
	d.ip.id = 1;
	nth(&t, &d, 0);
	nth(&t, &d, 1);
	nth(&t, &d, 2);
	cw_run(&t);
	is_u64(cw_counter(&t, FOS_C_drop_fragment_tiny), v6, v6 ? "IPv6: a tiny one is refused" :
								  "IPv4: a tiny one is taken");
	is_u64(cw_counter(&t, FOS_C_flows_opened), !v6, "and the SYN in it seen or not");
	t.p.now_ns += FOS_FRAG_NS;
	cw_run(&t);
	finish(&t, "tiny");
}

/* What goes on as fragments, nobody behind the box shall have to guess (RFC 1858). */
static void test_header_cut(void)
{
	struct datagram d;
	struct cls_world t;

	for (uint32_t step = 16; step <= 24; step += 8) {
		memset(&t, 0, sizeof(t));
		world_plan(&t.w, false); /* no pipeline: all passes */
		t.w.dir->max_fragments = 4;
		cw_make(&t);
		memset(&d, 0, sizeof(d));
		d.ip = (struct cw_ip){.src = 1, .dst = 2, .sport = 7, .dport = 9, .id = 5,
				      .proto = IPPROTO_TCP, .flags = CW_SYN};
		d.len = cw_l4(&d.ip, text, 12, d.l4);
		d.step = step;
		nth(&t, &d, 0);
		nth(&t, &d, 1);
		cw_run(&t);
		is_u64(cw_counter(&t, FOS_C_drop_fragment_tiny), step < 20 ? 2 : 0,
		       "a TCP header in the first %u bytes: %s", step,
		       step < 20 ? "cut, nothing passes" : "whole, passes");
		is_u64(cw_nr_desc(&t, FOS_DESC_FORWARD), step < 20 ? 0 : 2, "as fragments");
		finish(&t, "header in the first fragment");
	}
}

int main(void)
{
	tap_plan(0);
	test_order(false);
	test_order(true);
	test_overlap();
	test_checksum();
	test_bounds();
	test_tiny(false);
	test_tiny(true);
	test_header_cut();
	return done();
}
