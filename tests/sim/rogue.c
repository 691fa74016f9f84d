/* tests/sim/rogue.c - what a hostile endpoint sends besides, see peer.h (`rogue`)
 *
 * A rogue end keeps an ordinary connection going and, around its packets, sends others with its own
 * numbers: overlaps, copies that differ, bytes outside the window, RST, SYN, FIN and ACK out of place,
 * windows that shrink, options that are none or that nobody agreed on.
 */
#include <string.h>

#include "tests/sim/peer.h"
#include "tests/world.h"

#define ODD 9u /* one packet in so many gets company */
#define DATA_MAX 600u

struct odd { /* a packet under way */
	uint32_t seq, ack, wnd, len, opt_len;
	uint8_t flags, opt[40], data[DATA_MAX];
};

static uint32_t below(struct peer *p, uint32_t n)
{
	return (uint32_t)world_below(&p->seed, n);
}

static void fill(struct peer *p, uint8_t *to, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = (uint8_t)world_rand(&p->seed);
}

/* Other bytes at places that may hold some, or will. */
static void odd_data(struct peer *p, struct odd *o)
{
	uint32_t back;

	o->len = 1 + below(p, DATA_MAX - 1);
	fill(p, o->data, o->len);
	switch (below(p, 4)) {
	case 0: /* here */
		break;
	case 1: /* across what was */
		back = below(p, DATA_MAX);
		o->seq -= back;
		break;
	case 2: /* behind a hole */
		o->seq += 1 + below(p, 3000);
		break;
	default: /* outside any window */
		o->seq += 100000 + below(p, 1u << 24);
	}
}

static void odd_control(struct peer *p, struct odd *o)
{
	static const uint8_t kinds[] = {WIRE_RST, WIRE_RST | WIRE_ACK, WIRE_SYN, WIRE_SYN | WIRE_ACK,
					WIRE_FIN | WIRE_ACK, WIRE_FIN, WIRE_SYN | WIRE_FIN, 0};

	o->flags = kinds[below(p, sizeof(kinds))];
	o->seq += below(p, 3) ? 1 + below(p, 2000) : below(p, 2) ? (uint32_t)-1 - below(p, 3000)
								  : (uint32_t)world_rand(&p->seed);
	if (below(p, 4) == 0) {
		o->len = below(p, 50);
		fill(p, o->data, o->len);
	}
}

static void odd_ack(struct peer *p, struct odd *o)
{
	o->flags = WIRE_ACK;
	o->ack += below(p, 2) ? 1 + below(p, 200000) : (uint32_t)-1 - below(p, 1u << 28);
	if (below(p, 3) == 0)
		o->wnd = below(p, 65536);
}

/* Well-formed, but nobody may have agreed on it, or it has no place here. */
static void out_of_place(struct peer *p, struct odd *o)
{
	static const char *const list[] = {"\1\1\10\12", "\2\4\0\100\3\3\16\4\2\1\1\1",
					   "\3\4\1\1\4\3\1\1\2\2\1\1"};
	uint32_t which = below(p, 3);

	o->opt_len = 12;
	if (which) {
		memcpy(o->opt, list[which], 12);
		return;
	}
	memcpy(o->opt, list[0], 4);
	fos_put32(o->opt + 4, peer_ts_now(p) + below(p, 2000) - 1000);
	fos_put32(o->opt + 8, below(p, 2) ? (uint32_t)world_rand(&p->seed) : p->ts_recent);
}

static void odd_options(struct peer *p, struct odd *o)
{
	o->flags = WIRE_ACK;
	o->opt_len = 4 + 4 * below(p, 10);
	fill(p, o->opt, o->opt_len);
	if (below(p, 2) && o->opt_len >= 12) { /* blocks of nothing */
		memcpy(o->opt, "\1\1\5\12", 4);
		o->opt_len = 12;
		fos_put32(o->opt + 4, o->ack + below(p, 4000) - 2000);
		fos_put32(o->opt + 8, o->ack + below(p, 4000) - 2000);
	} else if (below(p, 2)) {
		out_of_place(p, o);
	}
	if (below(p, 2)) {
		o->len = below(p, 100);
		fill(p, o->data, o->len);
	}
}

static void odd_packet(struct peer *p, const struct wire *w)
{
	struct odd o = {.seq = w->seq, .ack = w->ack, .wnd = w->wnd, .flags = WIRE_ACK};

	switch (below(p, 6)) {
	case 0:
		odd_control(p, &o);
		break;
	case 1:
		odd_ack(p, &o);
		break;
	case 2:
		odd_options(p, &o);
		break;
	case 3: /* the window shrinks, perhaps to nothing */
		o.wnd = below(p, 2) ? 0 : below(p, w->wnd + 1u);
		break;
	default:
		odd_data(p, &o);
	}
	if (o.flags & WIRE_ACK && o.ack - (p->peer_isn + 1) <= p->odd_ack_limit &&
	    o.ack - (p->peer_isn + 1) > p->odd_ack)
		p->odd_ack = o.ack - (p->peer_isn + 1);
	p->c.rogue = false; /* it is not alone, but has no company */
	peer_raw(p, o.flags, o.seq, o.ack, o.wnd, o.opt, o.opt_len, o.data, o.len);
	p->c.rogue = true;
}

void peer_rogue(struct peer *p, const uint8_t *packet, uint32_t len, bool after)
{
	struct wire w;

	if (below(p, ODD) || !wire_parse(&w, packet, len, false) || w.wrong)
		return;
	/* the beginning is left alone: there would be no connection */
	if ((w.flags & WIRE_SYN && !after) || p->state == PEER_SYN_SENT)
		return;
	odd_packet(p, &w);
}
