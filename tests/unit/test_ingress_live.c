/* The ingress process over AF_XDP rings in ordinary memory: what it takes, what it leaves, and what a
 * successor makes of a killed one's rings */
#include <errno.h>

#include "ingress/ingress.h"
#include "tests/tap.h"
#include "tests/unit/cls_craft.h"
#include "tests/world.h"

#define NR 2048u

struct rings {
	uint32_t rx_prod, rx_cons, rx_flags, fill_prod, fill_cons, fill_flags;
	struct xdp_desc rx[NR];
	uint64_t fill[NR];
};

struct live {
	struct world w;
	struct fos_proc p;
	struct fos_ingress *g;
	struct fos_ring_cons in; /* the classifier's end */
	struct fos_ring_prod home; /* egress's end */
	struct rings r;
	uint32_t full;
};

static struct live L;

static void map_rings(void)
{
	struct fos_xsk_rx *x = &L.g->xsk;

	memset(x, 0, sizeof(*x));
	x->fd = -1;
	x->rx.mask = x->fill.mask = NR - 1;
	x->rx.size = x->fill.size = NR;
	x->rx.producer = &L.r.rx_prod;
	x->rx.consumer = &L.r.rx_cons;
	x->rx.flags = &L.r.rx_flags;
	x->rx.ring = L.r.rx;
	x->rx.cached_cons = L.r.rx_cons;
	x->rx.cached_prod = L.r.rx_prod;
	x->fill.producer = &L.r.fill_prod;
	x->fill.consumer = &L.r.fill_cons;
	x->fill.flags = &L.r.fill_flags;
	x->fill.ring = L.r.fill;
	x->fill.cached_prod = L.r.fill_prod;
	x->fill.cached_cons = L.r.fill_cons + NR;
}

static void start(void)
{
	char err[256];

	memset(&L.p, 0, sizeof(L.p));
	memcpy(&L.p.box, &L.w.box, sizeof(L.p.box));
	L.p.box.self = fos_proc_find(L.w.dir, FOS_ROLE_INGRESS, 0, 0);
	L.p.fds.xsk = -1;
	L.g = fos_ingress_new();
	L.p.state = L.g;
	/* there is no socket: init stops where it would map one, and that is done here */
	if (fos_proc_bind(&L.p, &fos_ingress_hooks, err, sizeof(err)) < 0 ||
	    fos_ingress_hooks.init(&L.p) != -EIO)
		abort();
	map_rings();
	fos_ingress_live_resume(L.g);
}

static void kill_it(void)
{
	free(L.g->stack);
	fos_ingress_free(L.g);
	fos_proc_unbind(&L.p);
}

static void attach(const struct fos_dir_ring *r, uint32_t self)
{
	uint8_t *src = L.w.box.region[L.w.dir->proc[r->producer].region].base;
	uint8_t *dst = L.w.box.region[L.w.dir->proc[r->consumer].region].base;
	struct fos_cursor *c = (void *)(dst + fos_build_cursors(L.w.dir, r->consumer));

	if (r->kind == FOS_RING_FRAME && r->producer == self)
		fos_ring_attach_cons(&L.in, (void *)(src + r->off), &c[r->cursor],
				     sizeof(struct fos_desc));
	if (r->kind == FOS_RING_FREE && r->consumer == self)
		fos_ring_attach_prod(&L.home, (void *)(src + r->off), &c[r->cursor].head,
				     sizeof(struct fos_desc));
}

static void begin(void)
{
	uint32_t self, first;

	memset(&L, 0, sizeof(L));
	world_plan(&L.w, false);
	world_make(&L.w);
	self = fos_proc_find(L.w.dir, FOS_ROLE_INGRESS, 0, 0);
	for (uint32_t i = 0; i < L.w.dir->nr_rings; i++)
		attach(&L.w.dir->ring[i], self);
	fos_build_ingress_frames(L.w.dir, 0, &first, &L.full);
	start();
	fos_ingress_live(L.g);
}

static void end(void)
{
	kill_it();
	world_free(&L.w);
}

/* The kernel receives a TCP packet with n bytes of payload; false: no frame to receive into. */
static bool receive(uint32_t n)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_TCP,
			   .flags = CW_ACK};
	uint8_t l4[1600], packet[1700], data[1400] = {0};
	uint64_t addr;
	uint32_t len;

	if (L.r.fill_cons == L.r.fill_prod)
		return false;
	addr = L.r.fill[L.r.fill_cons++ % NR] + FOS_FRAME_DATA_OFF;
	len = cw_wrap(&ip, l4, cw_l4(&ip, data, n, l4), packet);
	memcpy(L.w.box.packets + addr, packet, len);
	L.r.rx[L.r.rx_prod++ % NR] = (struct xdp_desc){.addr = addr, .len = len};
	return true;
}

/* The same packet in buffers of `share` bytes (multi-buffer), `pad` bytes behind it; the kernel gives
 * all of them or nothing. */
static uint32_t receive_chain(uint32_t n, uint32_t share, uint32_t pad)
{
	static uint8_t l4[66000], packet[66100], data[65000];
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 1, .dport = 2, .proto = IPPROTO_TCP,
			   .flags = CW_ACK};
	uint32_t len, nr = 0;

	for (uint32_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7);
	len = cw_wrap(&ip, l4, cw_l4(&ip, data, n, l4), packet) + pad;
	for (uint32_t off = 0; off < len; off += share, nr++) {
		uint64_t addr = L.r.fill[L.r.fill_cons++ % NR] + FOS_FRAME_DATA_OFF;
		uint32_t m = len - off < share ? len - off : share;

		memcpy(L.w.box.packets + addr, packet + off, m);
		L.r.rx[L.r.rx_prod++ % NR] = (struct xdp_desc){
			.addr = addr,
			.len = m,
			.options = off + m < len ? XDP_PKT_CONTD : 0,
		};
	}
	return nr;
}

static uint32_t passed(void)
{
	return (uint32_t)fos_ring_peek(&L.in);
}

static uint32_t told_free(void)
{
	const struct fos_ing *ing = (const void *)fos_box_own(&L.p.box);

	return ing->nr_free;
}

/* The classifier takes all and gives nothing back yet. */
static void take_all(void)
{
	fos_ring_take(&L.in, passed());
	fos_ring_release(&L.in);
}

static void test_frames_told(void)
{
	uint32_t first;

	begin();
	first = L.full;
	is_u64(L.r.fill_prod, first, "all its frames are lent to the kernel");
	is_u64(told_free(), first, "and told as free");
	for (int i = 0; i < 3; i++)
		receive(100);
	fos_ingress_live(L.g);
	is_u64(passed(), 3, "packets are passed on");
	is_u64(told_free(), first - 3, "their frames are no longer free");
	end();
}

/* Frames come from egress that were another's before; their generation goes on. */
static void test_adopts(void)
{
	uint32_t frame;
	struct fos_desc *d;

	begin();
	frame = L.full + 5;
	d = fos_ring_slot(&L.home, 0);
	*d = (struct fos_desc){.frame = frame, .gen = 70, .kind = FOS_DESC_HOME};
	fos_ring_advance(&L.home, 1);
	fos_ring_commit(&L.home);
	fos_ingress_live(L.g);
	is_u64(told_free(), L.full + 1, "a spare frame is taken in");
	is_u64(L.r.fill_prod, L.full + 1, "and lent to the kernel");
	while (receive(0))
		fos_ingress_live(L.g);
	fos_ingress_live(L.g);
	d = NULL;
	for (uint32_t i = 0; i < passed(); i++)
		if (((const struct fos_desc *)fos_ring_at(&L.in, i))->frame == frame)
			d = (struct fos_desc *)(uintptr_t)fos_ring_at(&L.in, i);
	ok(d && d->gen == 71, "its generation goes on from the one it had");
	end();
}

static void test_low(void)
{
	uint32_t data = 0, acks = 0, before;

	begin();
	for (uint32_t i = 0; i < 3 * L.full && receive(1000); i++) {
		fos_ingress_live(L.g);
		data += passed();
		take_all();
	}
	is_u64(data, L.full - L.full / 8 + 1, "data are taken until few frames are left");
	ok(L.p.counter[FOS_C_drop_no_frame] > L.full, "then they are refused, and counted");
	before = told_free();
	for (uint32_t i = 0; i < 50 && receive(0); i++) {
		fos_ingress_live(L.g);
		acks += passed();
		take_all();
	}
	is_u64(acks, 50, "acknowledgements are taken with what is left");
	is_u64(told_free(), before - 50, "one frame each");
	end();
}

/* Everything that was passed on comes home. */
static void bring_home(void)
{
	for (uint32_t i = 0; i < passed(); i++) {
		const struct fos_desc *from = fos_ring_at(&L.in, i);

		*(struct fos_desc *)fos_ring_slot(&L.home, 0) = (struct fos_desc){
			.frame = from->frame, .gen = from->gen + 1, .kind = FOS_DESC_HOME};
		fos_ring_advance(&L.home, 1);
	}
	fos_ring_commit(&L.home);
	take_all();
}

static void test_fill_empty(void)
{
	uint64_t before;

	begin();
	before = L.p.counter[FOS_C_rx_fill_empty];
	while (receive(0))
		fos_ingress_live(L.g);
	fos_ingress_live(L.g);
	ok(L.p.counter[FOS_C_rx_fill_empty] > before, "a FILL ring that has run empty is counted");
	is_u64(told_free(), 0, "no frame is left");
	bring_home();
	fos_ingress_live(L.g);
	ok(receive(0), "when frames come home the kernel has some again");
	fos_ingress_live(L.g);
	is_u64(passed(), 1, "and packets come");
	end();
}

/* Killed with slots of its ring filled and not published, when the ring has gone round: they lie where
 * the oldest published ones were. */
static void test_killed_filling(void)
{
	begin();
	for (uint32_t i = 0; i <= L.g->lane[0]->mask + 70; i++) {
		receive(10);
		fos_ingress_live(L.g);
		bring_home();
	}
	fos_ingress_live(L.g);
	ok(L.g->lane[0]->next > L.g->lane[0]->mask, "the ring has gone round");
	is_u64(told_free(), L.full, "all frames are home");
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t f;

		receive(10);
		f = (uint32_t)(L.r.rx[(L.r.rx_prod - 1) % NR].addr / L.w.dir->frame_size);
		fos_ingress_pass(L.g, L.g->lane[0], f, FOS_DESC_FRAME, 0);
	}
	kill_it();
	start();
	fos_ingress_live(L.g);
	is_u64(told_free(), L.full, "the successor has the frames of slots that were not published");
	is_u64(passed(), 0, "which nobody sees");
	is_u64(L.r.fill_prod - L.r.fill_cons, L.full, "and lends them again");
	end();
}

/* Killed lending a frame, before or after the FILL ring's producer moved. */
static void test_killed_lending(void)
{
	for (uint32_t moved = 0; moved < 2; moved++) {
		uint32_t f, before;

		begin();
		before = L.r.fill_prod;
		f = (uint32_t)(L.r.fill[(before - 1) % NR] / L.w.dir->frame_size);
		L.g->claims[f] = (L.g->claims[f] & ~3u) | FOS_ING_LENDING;
		L.g->priv->lend_from = before - 1;
		L.r.fill_prod -= !moved;
		kill_it();
		start();
		fos_ingress_live(L.g);
		is_u64(L.r.fill_prod, before, "killed lending, the ring %s: lent once",
		       moved ? "moved" : "not moved");
		is_u64(told_free(), L.full, "told as free");
		receive(10);
		fos_ingress_live(L.g);
		is_u64(passed(), 1, "and packets go on");
		end();
	}
}

/* Killed between passing packets on and releasing the RX ring; before the successor looks at the ring
 * the frames have come home and are lent again. */
static void test_killed(void)
{
	uint32_t again = 0;

	begin();
	for (int i = 0; i < 10; i++)
		receive(100);
	fos_ingress_live(L.g);
	is_u64(passed(), 10, "ten packets are passed on");
	L.r.rx_cons -= 10; /* as if it had died just before */
	for (uint32_t i = 0; i < 10; i++) {
		const struct fos_desc *from = fos_ring_at(&L.in, i);
		struct fos_desc *d = fos_ring_slot(&L.home, 0);

		*d = (struct fos_desc){.frame = from->frame, .gen = from->gen + 1,
				       .kind = FOS_DESC_HOME};
		fos_ring_advance(&L.home, 1);
	}
	take_all();
	fos_ring_commit(&L.home);
	kill_it();
	start();
	for (int i = 0; i < 3; i++) {
		fos_ingress_live(L.g);
		again += passed();
	}
	is_u64(again, 0, "the successor passes none of them on again");
	is_u64(L.r.rx_cons, L.r.rx_prod, "the RX ring is empty");
	is_u64(told_free(), L.full, "and all frames are told as free");
	receive(7);
	fos_ingress_live(L.g);
	is_u64(passed(), 1, "what comes then is passed on");
	end();
}

/* ------------------------------------------------------------------ packets in several frames */

/* The descriptors from `at` on are one packet's: FRAME, then MORE, linked frames, all of its bytes. */
static bool is_chain(uint32_t at, uint32_t nr, uint32_t payload)
{
	const struct fos_desc *d = fos_ring_at(&L.in, at);
	const struct fos_frame_meta *m = fos_box_meta(&L.w.box, d->frame);
	uint32_t bytes = m->payload_len;

	if (d->kind != FOS_DESC_FRAME || d->len != nr - 1 || m->csum != FOS_CSUM_VALID ||
	    !!(m->flags & FOS_PKT_CHAIN) != (nr > 1) || m->flags & FOS_PKT_TRUNCATED)
		return false;
	for (uint32_t i = 1; i < nr; i++) {
		const struct fos_desc *q = fos_ring_at(&L.in, at + i);

		if (q->kind != FOS_DESC_MORE || m->next_frame != q->frame)
			return false;
		m = fos_box_meta(&L.w.box, q->frame);
		if (!(m->flags & FOS_PKT_CONT))
			return false;
		bytes += m->len;
	}
	return m->next_frame == FOS_NONE && bytes == payload;
}

static void test_chains(void)
{
	static const struct {
		uint32_t payload, share, pad, frames, total;
		const char *what;
	} rows[] = {
		{8960, 1664, 0, 6, 9014, "MTU 9000"},
		{1700, 1664, 0, 2, 1754, "just more than a frame"},
		{1610, 1664, 0, 1, 1664, "just a frame"},
		{8961, 1664, 0, 6, 9015, "an odd length"},
		{8960, 777, 0, 12, 9014, "frames of odd lengths"},
		{1500, 1664, 400, 1, 1954, "only padding in the second frame: it is left out"},
		{3000, 1664, 600, 2, 3654, "padding in the third"},
		{60000, 1664, 0, 37, 60054, "a segment of 60 KB"},
	};
	uint32_t n;

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		receive(100);
		receive_chain(rows[i].payload, rows[i].share, rows[i].pad);
		receive(100);
		while (fos_ingress_live(L.g) > 64)
			;
		n = passed();
		ok(n == rows[i].frames + 2 && is_chain(0, 1, 100) &&
			   is_chain(1, rows[i].frames, rows[i].payload) &&
			   is_chain(1 + rows[i].frames, 1, 100),
		   "%s: %u frames, between its neighbours", rows[i].what, rows[i].frames) ||
			(diag("%u were passed on", n), 0);
		is_u64(L.full - told_free(), n, "%s: every other frame is free", rows[i].what);
		end();
	}
}

/* What is wrong with a chain costs this packet and no frame. */
static void test_bad_chains(void)
{
	uint32_t nr;

	begin();
	nr = receive_chain(8960, 1664, 0);
	L.r.rx_prod--; /* the last buffer is not there yet */
	fos_ingress_live(L.g);
	is_u64(passed(), 0, "a packet whose end has not come is left in the ring");
	L.r.rx_prod++;
	fos_ingress_live(L.g);
	is_u64(passed(), nr, "and taken with it");
	receive_chain(8960, 1664, 0);
	L.w.box.packets[L.r.rx[(L.r.rx_prod - nr) % NR].addr + 16] = 0xff; /* IP length */
	receive(10);
	fos_ingress_live(L.g);
	is_u64(passed(), nr + 1, "longer than it is: dropped");
	is_u64(L.p.counter[FOS_C_drop_truncated] + L.p.counter[FOS_C_drop_ip_bad], 1, "counted");
	is_u64(L.full - told_free(), nr + 1, "its frames are free");
	receive_chain(8960, 1664, 0);
	L.w.box.packets[L.r.rx[(L.r.rx_prod - 1) % NR].addr + 5] ^= 1;
	fos_ingress_live(L.g);
	is_u64(fos_box_meta(&L.w.box,
			    ((const struct fos_desc *)fos_ring_at(&L.in, nr + 1))->frame)->csum,
	       FOS_CSUM_BAD, "a byte wrong in the last frame: the checksum is bad");
	end();
}

/* Killed between passing on and releasing, or in the midst of passing on. */
static void test_chain_kills(void)
{
	for (uint32_t held = 0; held <= 6; held++) {
		uint32_t nr, first, frames;

		begin();
		first = L.r.rx_prod;
		nr = receive_chain(8960, 1664, 0);
		receive(10);
		/* the first `held` frames were made ready for a ring that was not committed */
		for (uint32_t i = 0; i < held; i++) {
			uint32_t f = (uint32_t)(L.r.rx[(first + i) % NR].addr /
						L.w.dir->frame_size);

			L.g->claims[f] = (L.g->claims[f] & ~3u) | FOS_ING_HELD;
		}
		kill_it();
		start();
		fos_ingress_live(L.g);
		frames = held ? 1 : nr + 1;
		is_u64(passed(), frames, "killed with %u of %u frames in its hands: %s", held, nr,
		       held ? "the packet is lost, the next one not" : "nothing is lost");
		ok(is_chain(held ? 0 : nr, 1, 10), "no part of it is taken for a packet");
		is_u64(L.full - told_free(), frames, "and no frame is lost");
		end();
	}
}

int main(void)
{
	tap_plan(0);
	test_frames_told();
	test_adopts();
	test_low();
	test_fill_empty();
	test_killed();
	test_killed_filling();
	test_killed_lending();
	test_chains();
	test_bad_chains();
	test_chain_kills();
	return done();
}
