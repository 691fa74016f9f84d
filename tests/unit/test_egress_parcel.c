/* Packets that a PM sends of its own: what leaves of them, with which headers; that what is none, or not
 * the flow's, does not leave and is counted; that a kill of egress at any point sends each once.  A seed
 * as argument repeats the random part. */
#include <stdlib.h>

#include "shm/parcel.h"
#include "tests/unit/egress_play.h"
#include "tests/unit/mortal.h"

#define UDP 17
#define RANDOM 20000u

static struct fos_ring_prod ring;

static void attach(void)
{
	const struct fos_dir *dir = W.w.dir;

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		uint8_t *src = W.w.box.region[dir->proc[r->producer].region].base;
		uint8_t *dst = W.w.box.region[dir->proc[r->consumer].region].base;
		struct fos_cursor *c;

		if (r->kind != FOS_RING_PARCEL)
			continue;
		c = (void *)(dst + ((struct fos_egr *)(void *)dst)->cursors_off);
		fos_ring_attach_prod(&ring, (void *)(src + r->off), &c[r->cursor].head,
				     sizeof(struct fos_parcel));
	}
}

/* One flow of UDP each way, of a PM that may send. */
static void begin(bool v6)
{
	sending = true;
	world_start(true, false, v6);
	sending = false;
	for (uint32_t i = 0; i < 2; i++) {
		struct fos_flow *f = world_flow(&W.w, i);

		f->flags = FOS_FLOW_UDP | FOS_FLOW_APP | (i ? FOS_FLOW_REVERSE : 0);
		f->proto = UDP;
		f->vlan_outer = f->vlan_inner = 0xffff;
		f->src_mac[5] = (uint8_t)(i ? 2 : 1);
		f->dst_mac[5] = (uint8_t)(i ? 1 : 2);
	}
	attach();
}

/* A datagram of flow 0 (`back`: against it) with n bytes of payload. */
static struct fos_parcel datagram(bool back, uint32_t n)
{
	struct fos_parcel p = {.flow = 0, .flow_gen = GEN, .back = back};
	const struct fos_flow *f = &W.w.box.flows[back];
	bool v6 = f->ip_version == 6;
	uint8_t *l4 = p.ip + (v6 ? 40 : 20);

	p.len = (uint16_t)((v6 ? 48 : 28) + n);
	p.ip[0] = v6 ? 0x60 : 0x45;
	fos_put16(p.ip + (v6 ? 4 : 2), v6 ? 8 + n : p.len);
	p.ip[v6 ? 7 : 8] = 64;
	p.ip[v6 ? 6 : 9] = UDP;
	memcpy(p.ip + (v6 ? 8 : 12), f->src + (v6 ? 0 : 12), v6 ? 16 : 4);
	memcpy(p.ip + (v6 ? 24 : 16), f->dst + (v6 ? 0 : 12), v6 ? 16 : 4);
	fos_put16(l4, f->sport);
	fos_put16(l4 + 2, f->dport);
	fos_put16(l4 + 4, 8 + n);
	memset(l4 + 8, 'x', n);
	return p;
}

static void put(const struct fos_parcel *p)
{
	if (!fos_ring_room(&ring, 1))
		abort();
	memcpy(fos_ring_slot(&ring, 0), p, sizeof(*p));
	fos_ring_advance(&ring, 1);
	fos_ring_commit(&ring);
}

/* Is it that datagram as it must leave? */
static bool leaves(const struct out_packet *o, bool back, uint32_t n, uint32_t link)
{
	return o && o->port == !back && o->bytes[5] == (back ? 1 : 2) && o->bytes[11] == (back ? 2 : 1) &&
	       o->m.flags & FOS_PKT_UDP && o->m.csum == FOS_CSUM_VALID && !(o->m.flags & FOS_PKT_IP_BAD) &&
	       o->m.payload_len == n && o->m.l3_off == FOS_FRAME_DATA_OFF + link &&
	       o->tcp[0] << 8 == ((back ? 80 : 1000) & 0xff00) && o->payload[n - 1] == 'x';
}

static void both_ways(bool v6)
{
	struct fos_parcel p;

	begin(v6);
	p = datagram(true, 100);
	put(&p);
	p = datagram(false, 7);
	put(&p);
	run();
	ok(leaves(next_out(), true, 100, 14), "IPv%d: an answer goes back to the source", v6 ? 6 : 4);
	ok(leaves(next_out(), false, 7, 14), "and a datagram on to the destination");
	ok(!next_out(), "once each");
	is_u64(W.p.counter[FOS_C_packets_sent_by_pm], 2, "and they are counted");
	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&W.w, i)->vlan_outer = 9;
		world_flow(&W.w, i)->vlan_inner = 5;
	}
	p = datagram(true, 3);
	put(&p);
	run();
	ok(leaves(next_out(), true, 3, 22) && W.out[W.taken - 1].m.vlan_outer == 9 &&
		   W.out[W.taken - 1].m.vlan_inner == 5, "in the connection's VLANs");
	world_stop();
}

/* One that is changed by `what` is counted there, and does not leave. */
#define REFUSED(counter_, text, what)                                                               \
	do {                                                                                        \
		struct fos_parcel p;                                                                \
		begin(false);                                                                       \
		p = datagram(true, 40);                                                             \
		what;                                                                               \
		put(&p);                                                                            \
		run();                                                                              \
		ok(!next_out() && W.p.counter[FOS_C_##counter_] == 1 &&                             \
			   W.p.counter[FOS_C_packets_sent_by_pm] == 0, "%s (%s)", text, #counter_);  \
		world_stop();                                                                       \
	} while (0)

static void test_refused(void)
{
	REFUSED(pm_sends_malformed, "a length that is not the packet's", p.len--);
	REFUSED(pm_sends_malformed, "one beyond the slot", p.len = 0xffff);
	REFUSED(pm_sends_malformed, "IP options", p.ip[0] = 0x46);
	REFUSED(pm_sends_malformed, "a fragment", p.ip[6] = 0x20);
	REFUSED(pm_sends_malformed, "no hops", p.ip[8] = 0);
	REFUSED(pm_sends_malformed, "a UDP length that is not the packet's", p.ip[25]++);
	REFUSED(pm_sends_malformed, "the other version", p.ip[0] = 0x60);
	REFUSED(pm_sends_foreign, "another's source", p.ip[15]++);
	REFUSED(pm_sends_foreign, "another's destination", p.ip[19]++);
	REFUSED(pm_sends_foreign, "another source port", p.ip[21]++);
	REFUSED(pm_sends_foreign, "another destination port", p.ip[23]++);
	REFUSED(pm_sends_foreign, "the wrong way", p.back = 0);
	REFUSED(pm_sends_foreign, "a protocol that is not the flow's", p.ip[9] = 47);
	REFUSED(pm_sends_foreign, "an ICMP redirect", (p.ip[9] = 1, p.ip[20] = 5));
	REFUSED(pm_sends_gone, "a flow of another generation", p.flow_gen++);
	REFUSED(pm_sends_gone, "no flow", p.flow = 0x10000000);
	REFUSED(pm_sends_gone, "a PM that may not send", W.w.dir->pm[0].sends = 0);
	REFUSED(pm_sends_foreign, "a flow of many connections",
		world_flow(&W.w, 0)->flags |= FOS_FLOW_AGGREGATE);
}

/* A TCP segment of flow 0, its flags as given: does it leave? */
static bool segment_leaves(uint32_t flags)
{
	struct fos_parcel p;
	bool left;

	begin(false);
	W.w.dir->pm[0].edits = 0; /* or it would not watch what is never edited */
	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&W.w, i)->flags = FOS_FLOW_TCP | flags | (i ? FOS_FLOW_REVERSE : 0);
		world_flow(&W.w, i)->proto = 6;
	}
	p = datagram(true, 32); /* 20 bytes of them are data */
	p.ip[9] = 6;
	p.ip[32] = 0x50;
	p.ip[33] = ACK;
	put(&p);
	run();
	left = next_out() != NULL;
	ok(W.p.counter[FOS_C_pm_sends_guarded] == !left && W.p.counter[FOS_C_packets_sent_by_pm] == left,
	   "(counted)");
	world_stop();
	return left;
}

/* A segment of the module's into a connection whose bytes are read, before and after it is over. */
static struct out_packet *into_stream(bool back, uint32_t n, uint8_t flags)
{
	struct fos_parcel p = datagram(back, 12 + n);

	p.ip[9] = 6;
	memset(p.ip + 24, 0x5a, 8); /* numbers that are nobody's */
	p.ip[32] = 0x50;
	p.ip[33] = flags;
	put(&p);
	run();
	return next_out();
}

static void test_bare(void)
{
	struct out_packet *o;

	sending = true;
	world_start(true, false, false);
	sending = false;
	attach();
	handshake();
	W.taken = W.nr_out;
	o = into_stream(true, 0, ACK);
	ok(o && o->port == 0 && o->seq == ISN1 + 1 && o->ack == ISN0 + 1 && o->m.payload_len == 0 &&
		   o->tcp[13] == ACK, "a bare acknowledgement to the source, with the box's numbers");
	o = into_stream(false, 0, ACK);
	ok(o && o->port == 1 && o->seq == ISN0 + 1 && o->ack == ISN1 + 1, "and to the destination");
	is_u64(W.p.counter[FOS_C_packets_sent_by_pm], 2, "both are counted");
	ok(!into_stream(true, 1, ACK) && !into_stream(true, 0, ACK | FIN) && !into_stream(true, 0, RST) &&
		   !into_stream(true, 0, ACK | PSH) && !into_stream(true, 0, SYN),
	   "nothing with data or another flag");
	is_u64(W.p.counter[FOS_C_pm_sends_guarded], 5, "which is counted, too");
	W.e->tcbs[1].flags |= FOS_TCB_DONE;
	ok(!into_stream(true, 0, ACK) && W.p.counter[FOS_C_pm_sends_gone] == 1, "none once it is over");
	world_stop();
}

static void test_tcp(void)
{
	ok(!segment_leaves(FOS_FLOW_APP), "no segment into a TCP connection whose bytes are read");
	ok(segment_leaves(FOS_FLOW_APP | FOS_FLOW_OPAQUE), "but into one that is never edited");
	ok(segment_leaves(FOS_FLOW_PKT), "or of which packets alone are");
}

static void test_icmp(void)
{
	struct fos_parcel p;
	const struct out_packet *o;

	begin(false);
	p = datagram(true, 28);
	p.ip[9] = 1;
	p.ip[20] = p.ip[21] = 3; /* port unreachable */
	put(&p);
	run();
	o = next_out();
	ok(o && o->port == 0 && o->m.flags & FOS_PKT_ICMP && o->m.csum == FOS_CSUM_VALID &&
		   o->m.l3_len == 56, "an ICMP error between the ends");
	world_stop();
}

static void test_bounded(void)
{
	struct fos_parcel p;
	uint32_t n;

	begin(false);
	p = datagram(true, 20);
	for (n = 0; n < FOS_PARCEL_BURST + 40; n++) {
		put(&p);
		if (n % 32 == 31)
			run();
	}
	run();
	is_u64(W.p.counter[FOS_C_packets_sent_by_pm], FOS_PARCEL_BURST, "a burst leaves");
	is_u64(W.p.counter[FOS_C_pm_sends_bounded], 40, "and what is beyond it does not");
	W.now += 1000000;
	for (n = 0; n < 40; n++)
		put(&p);
	run();
	is_u64(W.p.counter[FOS_C_packets_sent_by_pm], FOS_PARCEL_BURST + 20,
	       "20 in the next millisecond do");
	ok(fos_ring_room(&ring, 64) == 64, "the ring is given back");
	while (next_out())
		;
	W.room = 0;
	W.now += 1000000000;
	put(&p);
	run();
	ok(!next_out() && fos_ring_room(&ring, 64) == 63, "without room it waits");
	W.room = 1000;
	run();
	ok(leaves(next_out(), true, 20, 14), "until there is some");
	world_stop();
}

/* Whatever lies in the ring, and whatever its indices say. */
static void test_hostile(uint64_t seed)
{
	const enum fos_counter_id why[] = {FOS_C_packets_sent_by_pm, FOS_C_pm_sends_malformed,
		FOS_C_pm_sends_foreign, FOS_C_pm_sends_guarded, FOS_C_pm_sends_gone,
		FOS_C_pm_sends_bounded};
	uint32_t wrong = 0, left = 0;
	uint64_t sum = 0;

	begin(false);
	for (uint32_t i = 0; i < RANDOM; i++) {
		bool back = world_rand(&seed) % 2;
		struct fos_parcel p = datagram(back, (uint32_t)(world_rand(&seed) % 200));
		const struct out_packet *o;

		for (uint64_t k = world_rand(&seed) % 4; k > 0; k--)
			((uint8_t *)&p)[world_rand(&seed) % (k == 3 ? sizeof(p) : 64)] =
				(uint8_t)world_rand(&seed);
		put(&p);
		W.now += 100000;
		run();
		while ((o = next_out())) {
			left++;
			wrong += memcmp(o->bytes + 26, W.w.box.flows[o->port == 0].src + 12, 4) ||
				 memcmp(o->bytes + 30, W.w.box.flows[o->port == 0].dst + 12, 4) ||
				 o->m.flags & (FOS_PKT_IP_BAD | FOS_PKT_L4_BAD | FOS_PKT_FRAGMENT) ||
				 o->m.csum != FOS_CSUM_VALID;
		}
	}
	for (uint32_t i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		sum += W.p.counter[why[i]];
	is_u64(sum, RANDOM, "random bytes: each is sent or refused, and counted");
	is_u64(wrong, 0, "what leaves is sound and the flow's");
	ok(left > RANDOM / 5 && left == W.p.counter[FOS_C_packets_sent_by_pm], "(%u left)", left);
	fos_release64(&ring.ring->tail, ring.next + 4000);
	run();
	ok(!next_out() && W.p.counter[FOS_C_ring_broken] > 0,
	   "a ring out of order is ignored, and counted");
	world_stop();
}

static void work(void *ctx)
{
	(void)ctx;
	run();
}

static void test_killed(void)
{
	uint32_t n, wrong = 0;

	for (n = 1; n < 1000; n++) {
		struct fos_parcel p;
		bool died;

		begin(false);
		for (uint32_t i = 1; i <= 3; i++) {
			p = datagram(true, i);
			put(&p);
		}
		died = mortal(work, NULL, (int)n);
		if (died) {
			kill_egress();
			start_egress();
			run();
		}
		for (uint32_t i = 1; i <= 3; i++)
			wrong += !leaves(next_out(), true, i, 14);
		wrong += next_out() != NULL || fos_ring_room(&ring, 64) != 64;
		world_stop();
		if (!died)
			break;
	}
	ok(n > 5 && n < 1000, "(%u kill points)", n);
	is_u64(wrong, 0, "killed at any point: each left once");
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;

	tap_plan(0);
	diag("seed %llu", (unsigned long long)seed);
	both_ways(false);
	both_ways(true);
	test_refused();
	test_tcp();
	test_bare();
	test_icmp();
	test_bounded();
	test_hostile(seed);
	test_killed();
	return done();
}
