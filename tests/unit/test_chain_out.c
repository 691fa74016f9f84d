/* Packets in several frames at egress: sent on as they came, rewritten, refused, or built anew. */
#include <netinet/in.h>

#include "ingress/chain.h"
#include "tests/unit/egress_play.h"

#define SHARE 1664u

static uint8_t bytes[30000];
static char stuffing[256];

static struct row {
	const char *what;
	bool v6, vlan, partial, rewrites;
	uint32_t len, mtu;
	bool refused;
} table[] = {
	{"8000 bytes", false, false, false, false, 8000, 9000, false},
	{"8000 bytes, IPv6", true, false, false, false, 8000, 9000, false},
	{"8000 bytes, VLAN", false, true, false, false, 8000, 9000, false},
	{"partial checksum", false, false, true, false, 8001, 9000, false},
	{"partial checksum, IPv6", true, false, true, false, 8001, 9000, false},
	{"translated addresses", false, false, false, true, 8000, 9000, false},
	{"translated, partial, IPv6", true, true, true, true, 8001, 9000, false},
	{"just the MTU", false, false, false, false, 8972, 9000, false},
	{"one more", false, false, false, false, 8973, 9000, true},
	{"out of a port with MTU 1500", false, false, false, false, 8000, 1500, true},
	{"more frames than a packet may have", false, false, false, false, 29000, 60000, true},
};

/* A UDP datagram of flow 0 in frames of SHARE bytes; returns how many. */
static uint32_t make_chain(const struct row *r, uint32_t *frame)
{
	static const uint64_t key[2] = {1, 2};
	static uint8_t k[31000];
	const struct fos_flow *f = &W.w.box.flows[0];
	uint32_t total = 8 + r->len, at = 12, len, nr = 0, why;
	uint64_t pseudo = r->v6 ? fos_csum_pseudo6(f->src, f->dst, 17, total) :
				  fos_csum_pseudo4(f->src + 12, f->dst + 12, 17, (uint16_t)total);
	uint16_t sum = fos_csum_fold(pseudo);
	uint8_t *ip, *l4;

	memset(k, 0, 100);
	k[5] = 2;
	if (r->vlan) {
		fos_put16(k + at, 0x8100);
		fos_put16(k + at + 2, 5);
		at += 4;
	}
	fos_put16(k + at, r->v6 ? 0x86dd : 0x0800);
	ip = k + at + 2;
	l4 = ip + (r->v6 ? 40 : 20);
	if (r->v6) {
		ip[0] = 0x60;
		fos_put16(ip + 4, total);
		ip[6] = 17;
		ip[7] = 61;
		memcpy(ip + 8, f->src, 16);
		memcpy(ip + 24, f->dst, 16);
	} else {
		ip[0] = 0x45;
		fos_put16(ip + 2, 20 + total);
		ip[6] = 0x40;
		ip[8] = 61;
		ip[9] = 17;
		memcpy(ip + 12, f->src + 12, 4);
		memcpy(ip + 16, f->dst + 12, 4);
		fos_csum_ipv4_set(ip, 20);
	}
	fos_put16(l4, 1000);
	fos_put16(l4 + 2, 80);
	fos_put16(l4 + 4, total);
	memcpy(l4 + 8, bytes, r->len);
	fos_csum_transport_set(pseudo, 17, l4, total);
	if (r->partial)
		memcpy(l4 + 6, &sum, 2);
	len = (uint32_t)(l4 - k) + total;
	for (uint32_t off = 0; off < len; off += SHARE, nr++) {
		uint32_t n = len - off < SHARE ? len - off : SHARE;
		struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame[nr] = W.next_frame++);

		memset(m, 0, FOS_FRAME_DATA_OFF);
		m->data_off = FOS_FRAME_DATA_OFF;
		m->len = (uint16_t)n;
		m->orig_len = (uint16_t)(off ? n : len);
		m->link = FOS_LINK_ETHERNET;
		m->time_ns = W.now;
		m->next_frame = FOS_NONE;
		memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, k + off, n);
		if (!off)
			fos_parse((const uint8_t *)m, m, key);
	}
	return fos_chain_complete(&W.w.box, frame, nr, &why);
}

static void forward(const uint32_t *frame, uint32_t nr, uint32_t len)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct fos_desc *d = fos_ring_slot(&W.descs, 0);

		*d = (struct fos_desc){.frame = frame[i], .gen = ++W.gen, .flow = 0, .flow_gen = GEN,
				       .kind = i ? FOS_DESC_MORE : FOS_DESC_FORWARD,
				       .len = i ? 0 : len};
		fos_ring_advance(&W.descs, 1);
	}
	fos_ring_commit(&W.descs);
}

/* What left, joined as the network joins it. */
static uint32_t join(uint8_t *to, uint32_t *packets)
{
	struct out_packet *o;
	uint32_t n = 0;

	*packets = 0;
	while ((o = next_out()) != NULL) {
		memcpy(to + n, o->bytes, o->len);
		n += o->len;
		*packets += !o->more;
	}
	return n;
}

static bool sound(const struct row *r, const uint8_t *k, uint32_t n, uint32_t len)
{
	const uint8_t *ip = k + 14 + (r->vlan ? 4 : 0), *l4 = ip + (r->v6 ? 40 : 20);
	uint32_t total = 8 + len;

	return n == (uint32_t)(l4 - k) + total && (r->v6 || fos_csum_ipv4_ok(ip, 20)) &&
	       fos_csum_finish(r->v6 ? fos_csum_pseudo6(ip + 8, ip + 24, 17, total) :
				       fos_csum_pseudo4(ip + 12, ip + 16, 17, (uint16_t)total),
			       l4, total) == 0;
}

static void open_world(const struct row *r)
{
	rewriting = r->rewrites;
	world_start(true, false, r->v6);
	rewriting = false;
	memset(pubs, 0, sizeof(pubs));
	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&W.w, i)->flags = FOS_FLOW_UDP | FOS_FLOW_APP;
		world_flow(&W.w, i)->proto = IPPROTO_UDP;
	}
	W.w.dir->port[1].mtu = r->mtu;
	if (r->rewrites) {
		struct fos_rewrite rw = {.sport = 5555, .flow_gen = GEN,
					 .mask = FOS_RW_SRC_ADDR | FOS_RW_SRC_PORT};

		memcpy(rw.src, W.w.box.flows[0].src, 16);
		rw.src[15] = 77;
		((struct fos_rewrite *)(uintptr_t)W.w.box.pm_rewrites[0])[0] = rw;
		pubs[0].flags |= FOS_PM_REWRITE;
	}
	release_to(0, 0);
	run();
}

static void close_world(const struct row *r)
{
	run();
	run();
	is_u64(W.nr_pending + W.e->st->nr_in_tx, 0, "%s: every frame is back", r->what);
	world_stop();
}

/* Sent on; `app`: as untouched pieces of a stream, else by FORWARD. */
static void test_row(const struct row *r, bool app)
{
	static uint8_t k[40000];
	uint32_t frame[64], nr, packets, n, at = (r->vlan ? 18u : 14u) + (r->v6 ? 40 : 20);

	open_world(r);
	nr = make_chain(r, frame);
	if (app) {
		for (uint32_t i = 0; i < nr; i++) {
			const struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame[i]);

			append_piece(0, frame[i], i ? m->len : m->payload_len,
				     (uint16_t)((i ? 0 : FOS_PIECE_FIRST) |
						(i + 1 == nr ? FOS_PIECE_LAST : 0)));
			if (i)
				world_piece(&W.w, W.next_piece - 1)->off = m->data_off;
		}
		release_to(0, r->len);
	} else {
		forward(frame, nr, nr - 1);
	}
	run();
	n = join(k, &packets);
	is_u64(packets, r->refused ? 0 : 1, "%s, %s: leaves as one packet or not at all", r->what,
	       app ? "read" : "not read");
	is_u64(W.p.counter[FOS_C_drop_mtu], r->refused, "%s: refused or not", r->what);
	if (!r->refused) {
		ok(sound(r, k, n, r->len) && !memcmp(k + at + 8, bytes, r->len),
		   "%s: its bytes, checksums right", r->what);
		is_u64((uint32_t)k[at] << 8 | k[at + 1], r->rewrites ? 5555 : 1000,
		       "%s: its port", r->what);
	}
	close_world(r);
}

/* A changed datagram leaves in one packet where that fits, in frames of the box's. */
static void test_changed(const struct row *r)
{
	static uint8_t k[40000];
	uint32_t frame[64], nr, packets, n, at = (r->vlan ? 18u : 14u) + (r->v6 ? 40 : 20);

	open_world(r);
	nr = make_chain(r, frame);
	for (uint32_t i = 0; i < nr; i++) {
		const struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame[i]);

		append_piece(0, frame[i], i ? m->len : m->payload_len,
			     (uint16_t)((i ? 0 : FOS_PIECE_FIRST) |
					(i + 1 == nr ? FOS_PIECE_LAST : 0)));
		if (i)
			world_piece(&W.w, W.next_piece - 1)->off = m->data_off;
	}
	edit(0, 100, 0, stuffing);
	release_to(0, r->len);
	run();
	n = join(k, &packets);
	is_u64(packets, 1, "%s, changed: one packet", r->what);
	ok(sound(r, k, n, r->len + 255) && !memcmp(k + at + 8, bytes, 100) &&
		   !memcmp(k + at + 108, stuffing, 255) &&
		   !memcmp(k + at + 363, bytes + 100, r->len - 100),
	   "%s, changed: all bytes in their places, checksums right", r->what);
	close_world(r);
}

/* A chain that is not one: no byte of it leaves, no frame stays. */
static void test_damaged(void)
{
	for (uint32_t how = 0; how < 4; how++) {
		uint32_t frame[64], nr;
		struct fos_frame_meta *m;

		open_world(&table[0]);
		nr = make_chain(&table[0], frame);
		m = fos_box_meta(&W.w.box, frame[2]);
		if (how == 0)
			m->next_frame = 1;
		else if (how == 1)
			m->len = 4000;
		else if (how == 2)
			m->flags = 0;
		forward(frame, nr, how == 3 ? 700 : nr - 1);
		run();
		ok(W.nr_out == 0 && W.p.counter[FOS_C_drop_meta] > 0,
		   "a damaged chain (%u) is counted, nothing of it leaves", how);
		close_world(&table[0]);
	}
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	memset(stuffing, '#', 255);
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		test_row(&table[i], false);
		test_row(&table[i], true);
	}
	for (uint32_t i = 0; i < 7; i++)
		test_changed(&table[i]);
	test_damaged();
	return done();
}
