/* tests/sim/peer_recv.c - an endpoint's receiving half, see peer.h */
#include <string.h>

#include "tests/sim/peer.h"
#include "tests/world.h"

#define DELAYED_ACK_NS 40000000ull

uint32_t peer_window(struct peer *p)
{
	uint64_t used = p->rcv_nxt - p->read_pos, edge = p->rcv_nxt + p->fin_taken;
	uint64_t room = p->c.window > used ? p->c.window - used : 0;
	uint32_t unit = p->scale_on ? 1u << p->c.scale : 1u, max = 65535u * unit;

	/* silly windows are avoided, by those who do */
	if (!p->c.simple && edge + room < p->rcv_edge + (p->c.window / 2 < 536 ? p->c.window / 2 : 536))
		room = p->rcv_edge > edge ? p->rcv_edge - edge : 0;
	room -= room % unit;
	if (edge + room < p->rcv_edge) /* the right edge never goes back */
		room = (p->rcv_edge - edge + unit - 1) / unit * unit;
	if (room > max)
		room = max;
	if (edge + room > p->rcv_edge)
		p->rcv_edge = edge + room;
	return (uint32_t)room;
}

void peer_read(struct peer *p)
{
	uint64_t n = p->rcv_nxt - p->read_pos;
	bool was_closed = p->rcv_edge < p->rcv_nxt + 536;

	p->read_at = 0;
	if (p->c.read_max && n > p->c.read_max)
		n = p->c.read_max;
	p->read_pos += n;
	if (p->read_pos < p->rcv_nxt)
		p->read_at = p->now + p->c.read_ns;
	if (p->state == PEER_OPEN && was_closed && n) {
		uint64_t edge = p->rcv_edge;

		peer_window(p);
		if (p->rcv_edge > edge)
			peer_ack_now(p);
	}
}

/* Enters [lo, hi) into the list of what came early; newest first. */
static void note_ooo(struct peer *p, uint64_t lo, uint64_t hi)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nr_ooo; i++) {
		if (p->ooo[i][1] >= lo && p->ooo[i][0] <= hi) {
			lo = p->ooo[i][0] < lo ? p->ooo[i][0] : lo;
			hi = p->ooo[i][1] > hi ? p->ooo[i][1] : hi;
			continue;
		}
		memmove(p->ooo[n++], p->ooo[i], sizeof(p->ooo[0]));
	}
	if (n == PEER_OOO_MAX)
		n--;
	memmove(p->ooo[1], p->ooo[0], n * sizeof(p->ooo[0]));
	p->ooo[0][0] = lo;
	p->ooo[0][1] = hi;
	p->nr_ooo = n + 1;
}

static void advance(struct peer *p)
{
	uint32_t n = 0;

	while (p->rcv_nxt < p->c.rcv_max && p->rcv_map[p->rcv_nxt])
		p->rcv_nxt++;
	for (uint32_t i = 0; i < p->nr_ooo; i++)
		if (p->ooo[i][1] > p->rcv_nxt)
			memmove(p->ooo[n++], p->ooo[i], sizeof(p->ooo[0]));
	p->nr_ooo = n;
}

/* Bytes that were here are compared; true: some are new. */
static bool store(struct peer *p, uint64_t off, const uint8_t *data, uint32_t len)
{
	bool new = false;

	for (uint32_t i = 0; i < len; i++) {
		if (!p->rcv_map[off + i]) {
			p->rcv[off + i] = data[i];
			p->rcv_map[off + i] = 1;
			new = true;
		} else if (p->rcv[off + i] != data[i] && !p->c.exposed) {
			peer_fault(p, "a byte changed between two copies, at, became", off + i,
				   data[i]);
			return new;
		}
	}
	return new;
}

static void take_fin(struct peer *p, uint64_t at)
{
	if (p->fin_at != PEER_NEVER && p->fin_at != at && !p->c.exposed)
		peer_fault(p, "the FIN moved", at, p->fin_at);
	p->fin_at = at;
}

/* When to acknowledge: at once what is not plain and in order, else every other segment. */
static void acknowledge(struct peer *p, bool at_once, uint32_t len)
{
	p->unacked += len ? 1 : 0;
	if (at_once || !p->c.delayed_ack || p->unacked >= 2)
		peer_ack_now(p);
	else if (!p->ack_at)
		p->ack_at = p->now + DELAYED_ACK_NS;
}

static void taken(struct peer *p, uint64_t off, uint32_t len, bool fin)
{
	uint64_t before = p->rcv_nxt;
	bool had_fin = p->fin_taken, hole = p->nr_ooo > 0;

	if (len && off > p->rcv_nxt)
		note_ooo(p, off, off + len);
	if (fin)
		take_fin(p, off + len);
	advance(p);
	if (p->rcv_nxt > p->fin_at && !p->c.exposed)
		peer_fault(p, "data after the FIN", p->rcv_nxt, p->fin_at);
	if (p->rcv_nxt == p->fin_at)
		p->fin_taken = true;
	if (p->rcv_nxt > before || p->fin_taken != had_fin)
		p->progress_ns = p->now;
	if (!p->c.read_ns)
		peer_read(p);
	else if (!p->read_at && p->rcv_nxt > p->read_pos)
		p->read_at = p->now + p->c.read_ns;
	acknowledge(p, fin || hole || p->nr_ooo || p->rcv_nxt == before, len);
}

void peer_take_data(struct peer *p, const struct wire *w)
{
	int64_t off = (int64_t)p->rcv_nxt + (int32_t)(w->seq - (p->peer_isn + 1 + (uint32_t)p->rcv_nxt));
	const uint8_t *data = w->data;
	uint32_t len = w->len;
	bool fin = w->flags & WIRE_FIN;

	if (!len && !fin) {
		/* a keep-alive, a window probe */
		if (off < (int64_t)(p->rcv_nxt + p->fin_taken))
			peer_ack_now(p);
		return;
	}
	if (off < 0) { /* a keep-alive with a byte, at the very beginning */
		if (len + off <= 0) {
			peer_ack_now(p);
			return;
		}
		data -= off;
		len -= (uint32_t)-off;
		off = 0;
	}
	if ((uint64_t)off + len > p->rcv_edge) {
		if (!p->c.exposed && (len > 1 || (uint64_t)off != p->rcv_edge)) {
			peer_fault(p, "data beyond the window", (uint64_t)off + len, p->rcv_edge);
			return;
		}
		peer_ack_now(p); /* a probe of the closed window */
		return;
	}
	if ((uint64_t)off + len > p->c.rcv_max) {
		peer_fault(p, "more bytes than there are", (uint64_t)off + len, p->c.rcv_max);
		return;
	}
	if (!store(p, (uint64_t)off, data, len) && (len || p->fin_taken)) {
		p->dsack[0] = (uint64_t)off;
		p->dsack[1] = (uint64_t)off + len + fin;
	}
	taken(p, (uint64_t)off, len, fin);
}
