/* Datagrams that leave in fragments: changed ones, ones that have grown, ones that came in fragments. */
#include <netinet/in.h>

#include "tests/unit/egress_play.h"

static uint8_t text[6000];
static char stuffing[256];

struct shape {
	const char *what;
	bool v6, qinq, df;
	uint32_t ext;      /* IPv6: bytes of hop-by-hop header; IPv4: of options */
	uint32_t fragment; /* data bytes of each fragment that comes; 0 = one packet */
	uint32_t len;      /* payload that comes */
	uint32_t mtu;      /* of the way out */
	uint32_t grows;    /* insertions of 255 bytes */
	/* expected */
	bool dropped;
	uint32_t packets;
	uint32_t largest; /* IP packet, at most */
};

#define ID 0x12340077u

/* One fragment (or the packet) with `n` bytes of IP payload from `off` on. */
static uint32_t make_part_of(const struct shape *s, const uint8_t *l4, uint32_t off, uint32_t n,
			     bool more)
{
	static const uint64_t key[2] = {1, 2};
	uint32_t frame = W.next_frame++, at = 12;
	uint8_t *base = fos_box_frame(&W.w.box, frame), *k = base + FOS_FRAME_DATA_OFF, *ip, *p;
	const struct fos_flow *f = &W.w.box.flows[0];
	struct fos_frame_meta *m = fos_box_meta(&W.w.box, frame);
	bool frag = off || more;

	memset(base, 0, 2048);
	k[5] = 2;
	k[11] = 1;
	for (uint32_t i = 0; i < (s->qinq ? 2 : 0); i++, at += 4) {
		fos_put16(k + at, i ? 0x8100 : 0x88a8);
		fos_put16(k + at + 2, 5 + i);
	}
	fos_put16(k + at, s->v6 ? 0x86dd : 0x0800);
	ip = k + at + 2;
	if (s->v6) {
		ip[0] = 0x60;
		fos_put16(ip + 4, s->ext + (frag ? 8 : 0) + n);
		ip[6] = s->ext ? IPPROTO_HOPOPTS : frag ? IPPROTO_FRAGMENT : IPPROTO_UDP;
		ip[7] = 61;
		memcpy(ip + 8, f->src, 16);
		memcpy(ip + 24, f->dst, 16);
		p = ip + 40;
		if (s->ext) {
			p[0] = frag ? IPPROTO_FRAGMENT : IPPROTO_UDP;
			p[1] = (uint8_t)(s->ext / 8 - 1);
			p[2] = 1; /* padding */
			p[3] = (uint8_t)(s->ext - 4);
			p += s->ext;
		}
		if (frag) {
			p[0] = IPPROTO_UDP;
			fos_put16(p + 2, off | more);
			fos_put32(p + 4, ID);
			p += 8;
		}
	} else {
		ip[0] = (uint8_t)(0x45 + s->ext / 4);
		fos_put16(ip + 2, 20 + s->ext + n);
		fos_put16(ip + 4, ID);
		fos_put16(ip + 6, (s->df ? 0x4000 : 0) | (more ? 0x2000 : 0) | off / 8);
		ip[8] = 61;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, f->src + 12, 4);
		memcpy(ip + 16, f->dst + 12, 4);
		memset(ip + 20, 1, s->ext);
		if (s->ext)
			memcpy(ip + 20, "\x94\x04\x00\x00", 4); /* router alert, to be copied */
		fos_csum_ipv4_set(ip, 20 + s->ext);
		p = ip + 20 + s->ext;
	}
	memcpy(p, l4 + off, n);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)(p + n - k);
	m->link = FOS_LINK_ETHERNET;
	m->time_ns = W.now;
	m->next_frame = FOS_NONE;
	fos_parse(base, m, key);
	return frame;
}

/* The datagram arrives: as pieces of flow 0, the way the classifier appends them. */
static void arrive(const struct shape *s)
{
	static uint8_t l4[6100];
	const struct fos_flow *f = &W.w.box.flows[0];
	uint32_t total = 8 + s->len, step = s->fragment ? s->fragment : total;
	uint64_t pseudo = s->v6 ? fos_csum_pseudo6(f->src, f->dst, 17, total) :
				  fos_csum_pseudo4(f->src + 12, f->dst + 12, 17, (uint16_t)total);

	fos_put16(l4, 1000);
	fos_put16(l4 + 2, 80);
	fos_put16(l4 + 4, total);
	fos_put16(l4 + 6, 0);
	memcpy(l4 + 8, text, s->len);
	fos_csum_transport_set(pseudo, 17, l4, total);
	for (uint32_t off = 0; off < total; off += step) {
		uint32_t n = total - off < step ? total - off : step, skip = off ? 0 : 8;
		uint32_t frame = make_part_of(s, l4, off, n, off + n < total);

		append_piece(0, frame, n - skip,
			     (uint16_t)((off ? 0 : FOS_PIECE_FIRST) |
					(off + n == total ? FOS_PIECE_LAST : 0) |
					(step == total ? FOS_PIECE_WHOLE : 0)));
		if (s->fragment && !off)
			world_piece(&W.w, W.next_piece - 1)->off += 8;
	}
}

/* What left, put together again as a receiver would. */
struct got {
	uint32_t packets, largest, len, bad, ids, lasts, df, ext, tags;
	uint8_t l4[8000];
	bool whole;
};

static void put_together(const struct shape *s, struct got *g)
{
	struct out_packet *o;
	uint32_t id = 0, end = 0;

	memset(g, 0, sizeof(*g));
	while ((o = next_out()) != NULL) {
		const uint8_t *ip = o->bytes + o->m.l3_off - FOS_FRAME_DATA_OFF;
		bool frag = o->m.flags & FOS_PKT_FRAGMENT;
		uint32_t from = frag ? o->m.payload_off : o->m.l4_off;
		uint32_t n = o->m.l3_off + (uint32_t)o->m.l3_len - from;

		memcpy(g->l4 + o->m.frag_off, o->bytes + from - FOS_FRAME_DATA_OFF, n);
		g->bad += (o->m.flags & (FOS_PKT_IP_BAD | FOS_PKT_L4_BAD | FOS_PKT_TRUNCATED)) != 0;
		g->ids += g->packets && o->m.frag_id != id;
		id = o->m.frag_id;
		g->packets++;
		g->len += n;
		g->largest = o->m.l3_len > g->largest ? o->m.l3_len : g->largest;
		if (!frag || !(o->m.flags & FOS_PKT_FRAG_MORE))
			end = o->m.frag_off + n;
		g->df += !s->v6 && ip[6] & 0x40;
		g->ext += s->v6 ? ip[6] == IPPROTO_HOPOPTS : ip[20] == 0x94;
		g->tags += (o->m.flags & FOS_PKT_QINQ) != 0;
	}
	g->whole = g->len == end;
	if (s->fragment && g->packets > 1)
		g->ids += id != (s->v6 ? ID : (ID & 0xffff));
}

static bool checksum_right(const struct shape *s, const struct got *g)
{
	const struct fos_flow *f = &W.w.box.flows[0];

	return fos_csum_finish(s->v6 ? fos_csum_pseudo6(f->src, f->dst, 17, g->len) :
				       fos_csum_pseudo4(f->src + 12, f->dst + 12, 17,
							(uint16_t)g->len), g->l4, g->len) == 0;
}

static const struct shape table[] = {
	/* what                            v6 qinq DF ext frag  len   mtu  grows drop packets largest */
	{"untouched fragments stay",        0, 0, 0, 0,  1000, 3500, 1500, 0, 0, 4, 1020},
	{"untouched fragments, v6",         1, 0, 0, 0,  1000, 3500, 1500, 0, 0, 4, 1048},
	{"untouched fragments with DF",     0, 0, 1, 0,  1000, 3500, 1500, 0, 0, 4, 1020},
	{"untouched, the way is narrower",  0, 0, 0, 0,  1480, 2900, 1000, 0, 0, 4, 1000},
	{"changed fragments: their size",   0, 0, 0, 0,  1000, 3500, 1500, 1, 0, 4, 1020},
	{"changed fragments, v6",           1, 0, 0, 0,  1240, 3500, 1500, 1, 0, 4, 1288},
	{"changed fragments keep DF",       0, 0, 1, 0,  1000, 3500, 1500, 1, 0, 4, 1020},
	{"changed, tiny ones: not tiny",    0, 0, 0, 0,   64,  1000, 1500, 1, 0, 3, 576},
	{"changed, tiny ones, v6: not tiny",1, 0, 0, 0,   64,  1500, 1500, 1, 0, 2, 1280},
	{"changed, the way is narrower",    0, 0, 0, 0,  1480, 2900, 1000, 1, 0, 4, 1000},
	{"changed fragments, QinQ",         0, 1, 0, 0,  1000, 3500, 1500, 1, 0, 4, 1020},
	{"changed fragments, options",      0, 0, 0, 8,  1000, 3500, 1500, 1, 0, 4, 1028},
	{"changed fragments, hop-by-hop",   1, 0, 0, 8,  1240, 3500, 1500, 1, 0, 4, 1296},
	{"one packet grows and fits",       0, 0, 1, 0,    0,  1200, 1500, 1, 0, 1, 1500},
	{"one packet outgrows the way",     0, 0, 0, 0,    0,  1400, 1500, 1, 0, 2, 1500},
	{"with DF: refused",                0, 0, 1, 0,    0,  1400, 1500, 1, 1, 0, 0},
	{"IPv6: the box is the source",     1, 0, 0, 0,    0,  1400, 1500, 1, 0, 2, 1500},
	{"IPv6 with hop-by-hop",            1, 0, 0, 16,   0,  1400, 1500, 1, 0, 2, 1500},
	{"with options",                    0, 0, 0, 8,    0,  1400, 1500, 1, 0, 2, 1500},
	{"QinQ",                            1, 1, 0, 0,    0,  1400, 1500, 1, 0, 2, 1500},
	{"untouched, too large, cut",       0, 0, 0, 0,    0,  1400, 1000, 0, 0, 2, 1000},
	{"untouched, too large, DF",        0, 0, 1, 0,    0,  1400, 1000, 0, 1, 0, 0},
	{"untouched, too large, v6",        1, 0, 0, 0,    0,  1400, 1300, 0, 1, 0, 0},
};

static void test_row(const struct shape *s)
{
	uint32_t len = s->len + 255 * s->grows;
	struct got g;

	world_start(true, false, s->v6);
	memset(pubs, 0, sizeof(pubs));
	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&W.w, i)->flags = FOS_FLOW_UDP | FOS_FLOW_APP;
		world_flow(&W.w, i)->proto = IPPROTO_UDP;
	}
	W.w.dir->port[1].mtu = s->mtu;
	arrive(s);
	if (s->grows)
		edit(0, 10, 0, stuffing);
	release_to(0, s->len);
	run();
	run();
	put_together(s, &g);
	is_u64(g.packets, s->packets, "%s: packets", s->what);
	is_u64(W.p.counter[FOS_C_drop_mtu] > 0, s->dropped, "%s: refused or not", s->what);
	is_u64(W.nr_pending + W.e->st->nr_in_tx, 0, "%s: every frame is back", s->what);
	if (!s->dropped) {
		ok(g.largest <= s->largest && g.bad == 0 && g.whole && g.ids == 0,
		   "%s: sound fragments of one identification, none larger than %u", s->what,
		   s->largest) || (diag("largest %u bad %u whole %d ids %u", g.largest, g.bad,
					g.whole, g.ids), 0);
		ok(g.len == len + 8 && checksum_right(s, &g), "%s: the datagram's checksum is right",
		   s->what);
		ok(!memcmp(g.l4 + 8, text, 10) &&
			   !memcmp(g.l4 + 18, stuffing, s->grows * 255) &&
			   !memcmp(g.l4 + 18 + s->grows * 255, text + 10, s->len - 10),
		   "%s: and its bytes", s->what);
		is_u64(g.df, s->df ? g.packets : 0, "%s: DF as it came", s->what);
		is_u64(g.ext, s->ext ? g.packets : 0, "%s: options go along", s->what);
		is_u64(g.tags, s->qinq ? g.packets : 0, "%s: both tags go along", s->what);
	}
	world_stop();
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + i % 23);
	memset(stuffing, '#', 255);
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		test_row(&table[i]);
	return done();
}
