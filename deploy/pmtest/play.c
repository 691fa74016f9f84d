/* deploy/pmtest/play.c - the packets of one way of playing a recording, as a pcap file */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/pmtest/variant.h"
#include "shm/bytes.h"
#include "shm/csum.h"

#define SYN 0x02
#define FIN 0x01
#define RST 0x04
#define ACK 0x10
#define PSH 0x08
#define LONGEST 1460u
#define SPACE_NS 1000u
#define SPACE_SLOW_NS 101000000u /* ingress waits for the box after 100 ms of a capture's time */
#define PCAP_NS 0xa1b23c4du

struct segment {
	uint64_t off, from; /* bytes [from, off + len): from < off repeats what came before */
	uint64_t place;	    /* order in which they come */
	uint32_t len;
	uint32_t tie;
};

struct player {
	const struct variant *v;
	const struct recording *r;
	FILE *out;
	uint64_t now, space;
	uint32_t nr;
	uint64_t (*sent)[2]; /* by connection: bytes of each direction, FIN counts one */
	struct segment *seg;
	uint64_t nr_segs, cap_segs;
};

static void emit(struct player *p, const uint8_t *data, uint32_t len, uint64_t time_ns)
{
	uint32_t head[4];

	p->now = time_ns > p->now ? time_ns : p->now + p->space;
	head[0] = (uint32_t)(p->now / 1000000000u);
	head[1] = (uint32_t)(p->now % 1000000000u);
	head[2] = head[3] = len;
	fwrite(head, sizeof(head), 1, p->out);
	fwrite(data, len, 1, p->out);
	p->nr++;
}

/* A segment with bytes [off, off + len) of the stream. */
static void segment(struct player *p, uint32_t conn, uint32_t dir, uint32_t flags, uint64_t off,
		    uint32_t len, uint64_t time_ns)
{
	const struct recorded_conn *c = &p->r->conn[conn];
	const struct recorded_dir *d = &c->dir[dir], *peer = &c->dir[1 - dir];
	uint8_t f[RECORDING_HEAD_MAX + 60 + LONGEST], *ip = f + d->l3_off;
	uint8_t *t = f + d->head_len;
	uint32_t n = flags & SYN ? 32 : 20, total;

	memcpy(f, d->head, d->head_len);
	memset(t, 0, 40);
	fos_put16(t, d->sport);
	fos_put16(t + 2, d->dport);
	fos_put32(t + 4, d->isn + (flags & SYN ? 0 : 1 + (uint32_t)off));
	if (flags & ACK)
		fos_put32(t + 8, peer->isn + 1 + (uint32_t)p->sent[conn][1 - dir]);
	t[12] = (uint8_t)(n / 4 << 4);
	t[13] = (uint8_t)flags;
	fos_put16(t + 14, 0xffff);
	if (flags & SYN) /* MSS 1460, window scale 10, SACK */
		memcpy(t + 20, "\x02\x04\x05\xb4\x01\x03\x03\x0a\x01\x01\x04\x02", 12);
	if (len)
		memcpy(t + n, d->data + off, len);
	total = n + len;
	if (c->ip6) {
		fos_put16(ip + 4, total);
		ip[6] = 6;
	} else {
		ip[0] = 0x45;
		fos_put16(ip + 2, 20 + total);
		fos_put16(ip + 6, 0x4000);
		ip[9] = 6;
		fos_csum_ipv4_set(ip, 20);
	}
	fos_csum_transport_set(c->ip6 ? fos_csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, total) :
				       fos_csum_pseudo4(ip + 12, ip + 16, IPPROTO_TCP, (uint16_t)total),
			       IPPROTO_TCP, t, total);
	emit(p, f, d->head_len + total, time_ns);
}

static void open_conn(struct player *p, const struct step *s)
{
	segment(p, s->conn, 0, SYN, 0, 0, s->time_ns);
	segment(p, s->conn, 1, SYN | ACK, 0, 0, s->time_ns);
	segment(p, s->conn, 0, ACK, 0, 0, s->time_ns);
}

/* ------------------------------------------------------------------ a burst */

static uint32_t segment_size(const struct variant *v)
{
	uint32_t most = v->segment;

	for (uint32_t i = 0; i < v->nr; i++)
		if (v->disturb[i].kind == DISTURB_SIZE && !v->off[i])
			most = v->disturb[i].n;
	return most && most < VARIANT_MSS ? most : VARIANT_MSS;
}

static bool is_slow(const struct variant *v)
{
	for (uint32_t i = 0; i < v->nr; i++)
		if (v->disturb[i].kind == DISTURB_SLOW && !v->off[i])
			return true;
	return v->slow;
}

static bool is_cut(const struct variant *v, const struct step *s, uint64_t off)
{
	for (uint32_t i = 0; i < v->nr; i++) {
		const struct disturb *d = &v->disturb[i];

		if (d->kind == DISTURB_CUT && !v->off[i] && d->conn == s->conn &&
		    d->dir == s->dir && d->off == off)
			return true;
	}
	return false;
}

static bool has_cuts(const struct variant *v, const struct step *s)
{
	for (uint32_t i = 0; i < v->nr; i++)
		if (v->disturb[i].kind == DISTURB_CUT && !v->off[i] &&
		    v->disturb[i].conn == s->conn && v->disturb[i].dir == s->dir)
			return true;
	return false;
}

static void cut(struct player *p, const struct step *s)
{
	uint32_t most = segment_size(p->v);
	uint64_t off = s->off, end = s->off + s->len;
	bool cuts = has_cuts(p->v, s);

	p->nr_segs = 0;
	while (off < end) {
		uint32_t n = end - off < most ? (uint32_t)(end - off) : most, len = n;

		for (uint32_t k = 1; cuts && k < n; k++)
			if (is_cut(p->v, s, off + k)) {
				len = k;
				break;
			}
		p->seg = pmtest_grow(p->seg, &p->cap_segs, p->nr_segs + 1, sizeof(*p->seg));
		p->seg[p->nr_segs] = (struct segment){.off = off, .from = off, .len = len,
						      .place = p->nr_segs * 2};
		p->nr_segs++;
		off += len;
	}
}

static struct segment *with_byte(struct player *p, const struct step *s, const struct disturb *d)
{
	if (d->conn != s->conn || d->dir != s->dir)
		return NULL;
	for (uint64_t i = 0; i < p->nr_segs; i++)
		if (d->off >= p->seg[i].off && d->off < p->seg[i].off + p->seg[i].len)
			return &p->seg[i];
	return NULL;
}

static void disturb(struct player *p, const struct step *s)
{
	for (uint32_t i = 0; i < p->v->nr; i++) {
		const struct disturb *d = &p->v->disturb[i];
		struct segment *g, copy;
		uint32_t n;

		if (p->v->off[i] || d->kind < DISTURB_LATE || d->kind == DISTURB_KILL)
			continue;
		g = with_byte(p, s, d); /* the original: copies stand behind all of them */
		if (g && d->kind == DISTURB_LATE) {
			g->place += 2 * d->n + 1;
		} else if (g && d->kind == DISTURB_OVERLAP) {
			n = g->off < d->n ? (uint32_t)g->off : d->n;
			n = n + g->len > LONGEST ? LONGEST - g->len : n;
			g->from = g->off - n;
		} else if (g && d->kind == DISTURB_AGAIN) {
			copy = *g;
			copy.place += 2 * d->n + 1;
			p->seg = pmtest_grow(p->seg, &p->cap_segs, p->nr_segs + 1, sizeof(*p->seg));
			p->seg[p->nr_segs++] = copy;
		}
	}
}

static int by_place(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->tie < y->tie ? -1 : x->tie > y->tie;
}

static void burst(struct player *p, const struct step *s)
{
	cut(p, s);
	disturb(p, s);
	for (uint64_t i = 0; i < p->nr_segs; i++)
		p->seg[i].tie = (uint32_t)i;
	qsort(p->seg, p->nr_segs, sizeof(*p->seg), by_place);
	for (uint64_t i = 0; i < p->nr_segs; i++) {
		const struct segment *g = &p->seg[i];

		segment(p, s->conn, s->dir, ACK | (g->off + g->len == s->off + s->len ? PSH : 0),
			g->from, g->len + (uint32_t)(g->off - g->from), s->time_ns);
	}
	p->sent[s->conn][s->dir] = s->off + s->len;
	segment(p, s->conn, 1 - s->dir, ACK, p->sent[s->conn][1 - s->dir], 0, s->time_ns);
}

static void play_step(struct player *p, const struct step *s)
{
	if (s->kind == STEP_PACKET) {
		emit(p, p->r->packets + s->off, (uint32_t)s->len, s->time_ns);
		return;
	}
	if (s->kind == STEP_OPEN) {
		open_conn(p, s);
	} else if (s->kind == STEP_BYTES) {
		burst(p, s);
	} else if (s->kind == STEP_FIN) {
		segment(p, s->conn, s->dir, FIN | ACK, p->sent[s->conn][s->dir], 0, s->time_ns);
		p->sent[s->conn][s->dir]++;
		segment(p, s->conn, 1 - s->dir, ACK, p->sent[s->conn][1 - s->dir], 0, s->time_ns);
	} else {
		segment(p, s->conn, s->dir, RST | ACK, p->sent[s->conn][s->dir], 0, s->time_ns);
	}
}

uint32_t variant_play(const struct variant *v, const struct recording *r, int fd)
{
	const uint32_t head[] = {PCAP_NS, 2u | 4u << 16, 0, 0, 262144, r->link};
	struct player p = {.v = v, .r = r};
	int copy;

	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 || (copy = dup(fd)) < 0)
		return 0;
	p.space = is_slow(v) ? SPACE_SLOW_NS : SPACE_NS;
	p.out = fdopen(copy, "w");
	p.sent = calloc(r->nr_conns + 1u, sizeof(*p.sent));
	if (!p.out || !p.sent)
		abort();
	fwrite(head, sizeof(head), 1, p.out);
	for (uint32_t i = 0; i < r->nr_steps; i++)
		play_step(&p, &r->step[i]);
	fclose(p.out);
	free(p.sent);
	free(p.seg);
	return p.nr;
}
