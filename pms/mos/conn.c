/* conn.c - connections: from FlowOS's events, a flow for each direction, to mOS's, a socket for both
 *
 * A packet is told of twice: at MOS_HK_SND when its sender is in its new state, at MOS_HK_RCV when its
 * receiver is.  The first packet is told of in on_open when the module has it, while the packet waits,
 * so that dropping it and changing its addresses take effect on it; else in its event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

#define BOTH 3u
#define SYN 0x02u

static struct fos_mos_conn **conns; /* by flow / 2 */
static uint32_t nr_places;

/* ---------------------------------------------------------------- the table */

static struct fos_mos_conn *find(uint64_t id)
{
	return id / 2 < nr_places ? conns[id / 2] : NULL;
}

static struct fos_mos_conn **place(uint64_t id)
{
	if (id / 2 >= nr_places) {
		uint32_t nr = nr_places ? nr_places : 64;
		struct fos_mos_conn **more;

		while (nr <= id / 2)
			nr *= 2;
		more = realloc(conns, nr * sizeof(*conns));
		if (!more)
			return NULL;
		memset(more + nr_places, 0, (nr - nr_places) * sizeof(*conns));
		conns = more;
		nr_places = nr;
	}
	return &conns[id / 2];
}

static void forget(struct fos_mos_conn *c)
{
	conns[c->flow / 2] = NULL;
	fos_mos.nr_conns -= c->socks != NULL;
	while (c->socks) {
		struct fos_mos_sock *s = c->socks;

		c->socks = s->next;
		fos_mos_sock_free(s);
	}
	for (int side = 0; side < 2; side++) {
		while (c->edits[side]) {
			struct fos_mos_edit *e = c->edits[side];

			c->edits[side] = e->next;
			free(e);
		}
		fos_mos_bytes_free(&c->bytes[side]);
	}
	free(c);
}

/* ---------------------------------------------------------------- telling */

/* In the order of registration, what the server sends in the opposite one. */
static void each(struct fos_mos_sock *s, int hook, int side, uint32_t events)
{
	if (!s)
		return;
	if (fos_mos.from == MOS_SIDE_SVR)
		each(s->next, hook, side, events);
	if (s->watch[side])
		fos_mos_walk(s, hook, side, events);
	if (fos_mos.from == MOS_SIDE_CLI)
		each(s->next, hook, side, events);
}

/* Of one end: its new state, and what else there is. */
static void tell(struct fos_mos_conn *c, int hook, int side, int state, uint32_t events)
{
	if (c->state[side] != state)
		events |= MOS_ON_TCP_STATE_CHANGE;
	c->state[side] = state;
	if (events)
		each(c->socks, hook, side, events);
}

static void tell_end(struct fos_mos_conn *c)
{
	if (c->told_end)
		return;
	c->told_end = true;
	fos_mos_packet_forget();
	for (int side = 0; side < 2; side++) {
		c->state[side] = TCP_CLOSED;
		each(c->socks, FOS_MOS_RCV, side, MOS_ON_CONN_END | MOS_ON_TCP_STATE_CHANGE);
		each(c->socks, FOS_MOS_SND, side, MOS_ON_CONN_END | MOS_ON_TCP_STATE_CHANGE);
	}
}

static void tell_raw(uint32_t type, uint32_t event, int side)
{
	for (struct fos_mos_sock *s = fos_mos.listeners; s; s = s->next)
		if ((uint32_t)s->type == type && s->set && s->set->roots[FOS_MOS_NULL] & event &&
		    fos_mos_filter_pass(s->filter[type == MOS_SOCK_MONITOR_STREAM]))
			fos_mos_walk(s, FOS_MOS_NULL, side, event);
}

/* ---------------------------------------------------------------- a connection begins */

static void set_addresses(struct fos_mos_conn *c, const struct fos_flow_info *f)
{
	struct sockaddr_in *from = &c->addr[f->reverse ? MOS_SIDE_SVR : MOS_SIDE_CLI];
	struct sockaddr_in *to = &c->addr[f->reverse ? MOS_SIDE_CLI : MOS_SIDE_SVR];

	from->sin_family = to->sin_family = AF_INET;
	from->sin_port = htons(f->sport);
	to->sin_port = htons(f->dport);
	memcpy(&from->sin_addr, f->src + 12, 4);
	memcpy(&to->sin_addr, f->dst + 12, 4);
}

/* A socket for each listener whose filter lets the first packet pass. */
static void add_socks(struct fos_mos_conn *c)
{
	struct fos_mos_sock **at = &c->socks;

	for (struct fos_mos_sock *l = fos_mos.listeners; l; l = l->next) {
		struct fos_mos_sock *s;

		if (l->type != MOS_SOCK_MONITOR_STREAM || !fos_mos_filter_pass(l->filter[0]))
			continue;
		s = fos_mos.nr_conns < (uint32_t)fos_mos.conf.max_concurrency ?
			    fos_mos_sock_new(MOS_SOCK_MONITOR_STREAM_ACTIVE) : NULL;
		if (!s)
			return;
		s->listener = l;
		s->conn = c;
		s->set = fos_mos_set_hold(l->set);
		memcpy(s->keeps, l->keeps, sizeof(s->keeps));
		memcpy(s->limit, l->limit, sizeof(s->limit));
		memcpy(s->last, l->last, sizeof(s->last));
		*at = s;
		at = &s->next;
	}
	fos_mos.nr_conns += c->socks != NULL;
}

/* NULL: not one that mOS knows of. */
static struct fos_mos_conn *begin(struct fos_window *w, bool adopted)
{
	const struct fos_flow_info *f = fos_flow(w);
	struct fos_mos_conn **at, *c;

	if (f->proto != IPPROTO_TCP || f->ip_version != 4)
		return NULL;
	at = place(f->id);
	c = at ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->flow = (uint32_t)f->id & ~1u;
	c->adopted = adopted;
	c->state[MOS_SIDE_SVR] = TCP_LISTEN;
	c->asked[0] = c->asked[1] = FOS_MOS_EVENTS;
	set_addresses(c, f);
	*at = c;
	if (!fos_mos_packet_build())
		fos_mos_packet_make(c);
	add_socks(c);
	return c;
}

/* ---------------------------------------------------------------- what is asked for */

static bool any_raw(void)
{
	for (const struct fos_mos_sock *s = fos_mos.listeners; s; s = s->next)
		if (s->type == MOS_SOCK_MONITOR_RAW)
			return true;
	return false;
}

/* Of the direction that `from` sends; *data: are its bytes wanted? */
static uint32_t wants(const struct fos_mos_conn *c, int from, bool *data)
{
	const uint32_t packet = MOS_ON_PKT_IN | MOS_ON_TCP_STATE_CHANGE;
	uint32_t mask = any_raw() ? FOS_BIT(FOS_ON_PACKET) : 0;

	*data = false;
	for (const struct fos_mos_sock *s = c->socks; s; s = s->next) {
		uint32_t roots = 0;

		if (!s->watch[0] && !s->watch[1])
			continue;
		for (int hook = 0; s->set && hook < FOS_MOS_HOOKS; hook++)
			roots |= s->set->roots[hook];
		/* states can be asked for at any time */
		mask |= FOS_BIT(FOS_ON_STATE) | FOS_BIT(FOS_ON_END) | FOS_BIT(FOS_ON_REPLAY);
		if (roots & packet || !c->known[from])
			mask |= FOS_BIT(FOS_ON_PACKET);
		if (roots & MOS_ON_CONN_SETUP)
			mask |= FOS_BIT(FOS_ON_SETUP);
		if (roots & MOS_ON_REXMIT)
			mask |= FOS_BIT(FOS_ON_RETRANSMISSION);
		if (s->keeps[1 - from])
			mask |= FOS_BIT(FOS_ON_OUT_OF_ORDER);
		if (roots & MOS_ON_ERROR)
			mask |= FOS_BIT(FOS_ON_WINDOW_OVERRUN);
		if (s->keeps[1 - from] || (fos_mos_changes && roots & MOS_ON_PKT_IN))
			*data = true;
	}
	return *data ? mask | FOS_BIT(FOS_ON_NEW_DATA) : mask;
}

/* Which copies stand of what `from` sends: one socket that wants the last suffices. */
static void ask_overlap(struct fos_window *w, struct fos_mos_conn *c, int from)
{
	bool last = false;

	for (const struct fos_mos_sock *s = c->socks; s; s = s->next)
		last |= s->watch[1 - from] && s->last[1 - from];
	if (last == c->last[from])
		return;
	c->last[from] = last;
	fos_overlap(w, last ? FOS_OVERLAP_LAST : FOS_OVERLAP_FIRST);
}

static void ask(struct fos_window *w, struct fos_mos_conn *c)
{
	int from = fos_mos.from;
	bool data;
	uint32_t mask = wants(c, from, &data);

	if (!data)
		fos_mos_bytes_free(&c->bytes[1 - from]);
	if (mask)
		ask_overlap(w, c, from);
	if (mask == c->asked[from] || c->asked[from] == 0)
		return;
	c->asked[from] = mask;
	if (mask == 0) {
		fos_stop(w);
		return;
	}
	if (!data && !c->quiet[from]) {
		c->quiet[from] = true;
		fos_bypass(w);
	}
	fos_subscribe(w, mask);
}

/* ---------------------------------------------------------------- around each hook */

static struct fos_mos_conn *enter(struct fos_window *w, bool first)
{
	const struct fos_flow_info *f = fos_flow(w);

	fos_mos.w = w;
	fos_mos.from = f->reverse ? MOS_SIDE_SVR : MOS_SIDE_CLI;
	fos_mos.conn = find(f->id);
	fos_mos.drop = false;
	fos_mos_packet_take(w, first);
	return fos_mos.conn;
}

static void leave(struct fos_window *w)
{
	struct fos_mos_conn *c = fos_mos.conn;

	if (fos_mos.drop)
		fos_drop(w);
	if (c && c->reset) {
		c->reset = false;
		fos_reset(w);
	}
	fos_mos_packet_forget();
	fos_mos.w = NULL;
	fos_mos.conn = NULL;
}

/* ---------------------------------------------------------------- packets and bytes */

static void learn(struct fos_mos_conn *c, const struct fos_event *ev)
{
	const struct tcphdr *tcp;
	int from = fos_mos.from;

	/* other events may come with the other end's packet */
	if (c->known[from] || (ev->base != FOS_ON_PACKET && ev->base != FOS_ON_NEW_DATA) ||
	    !fos_mos_packet_build() || !fos_mos.packet.l4)
		return;
	tcp = (const void *)(fos_mos.packet.frame + fos_mos.packet.l4);
	/* of a connection picked up, from a packet whose place in the stream is known */
	if (!tcp->syn && (ev->base != FOS_ON_NEW_DATA || ev->len != fos_mos.packet.raw.payload_len))
		return;
	c->init_seq[from] = ntohl(tcp->seq) + (tcp->syn ? 1u : (uint32_t)-ev->pos);
	c->known[from] = true;
}

static void told_packet(struct fos_mos_conn *c, int state, int peer_state, uint32_t events)
{
	int from = fos_mos.from;

	tell(c, FOS_MOS_SND, from, state, events);
	tell(c, FOS_MOS_RCV, 1 - from, peer_state, events);
}

static uint32_t limit(const struct fos_mos_conn *c, int side)
{
	uint32_t most = 0;

	for (const struct fos_mos_sock *s = c->socks; s; s = s->next) {
		uint32_t one = s->limit[side] ? s->limit[side] : (uint32_t)fos_mos.conf.rcvbuf_size;

		if (s->keeps[side] && one > most)
			most = one;
	}
	return most;
}

/* The packet's bytes from where the receiver has none. */
static void out_of_order(struct fos_mos_conn *c, const struct fos_event *ev)
{
	const struct fos_mos_packet *p = &fos_mos.packet;
	struct fos_mos_bytes *b = &c->bytes[1 - fos_mos.from];
	uint64_t at;
	uint32_t off, len;

	if (!c->known[fos_mos.from] || !fos_mos_packet_build() || !p->l4)
		return;
	at = fos_mos_position(c, fos_mos.from, (const void *)(p->frame + p->l4));
	if (ev->pos < at || ev->pos - at >= p->len - p->payload)
		return;
	off = p->payload + (uint32_t)(ev->pos - at);
	len = p->len - off < ev->len ? p->len - off : (uint32_t)ev->len;
	b->limit = limit(c, 1 - fos_mos.from);
	fos_mos_ahead_add(b, ev->pos, p->frame + off, len, c->last[fos_mos.from]);
}

static void new_data(struct fos_window *w, struct fos_mos_conn *c, const struct fos_event *ev)
{
	int from = fos_mos.from, to = 1 - from;
	uint64_t delta = ev->pos + ev->len - fos_tail(w), at = fos_head(w);
	struct fos_mos_bytes *b = &c->bytes[to];
	struct fos_iov v[16];
	bool again = ev->pos + ev->len <= c->shown[to]; /* there was no room for what came of it */
	int n;

	b->limit = limit(c, to);
	if (c->adopted && c->shown[to] == 0)
		for (struct fos_mos_sock *s = c->socks; s; s = s->next)
			s->peeked[to] = at + delta;
	if (at + delta < c->shown[to])
		at = c->shown[to] - delta;
	while (!again && b->limit && at < fos_tail(w) && (n = fos_iov(w, at, SIZE_MAX, v, 16)) > 0)
		for (int i = 0; i < n; i++) {
			fos_mos_bytes_add(b, v[i].pos + delta, v[i].data, v[i].len);
			at = v[i].pos + v[i].len;
		}
	if (!again) {
		c->shown[to] = ev->pos + ev->len;
		each(c->socks, FOS_MOS_NULL, to, MOS_ON_CONN_NEW_DATA);
	}
	if (fos_mos_changes)
		fos_mos_changes->data(w, c, delta);
}

/* ---------------------------------------------------------------- hooks */

void fos_mos_on_open(struct fos_window *w)
{
	struct fos_mos_conn *c = enter(w, true);
	bool syn;

	if (c)
		forget(c); /* its end was missed */
	fos_mos.conn = c = begin(w, false);
	if (c) {
		syn = fos_mos.packet.raw.tcp_flags & SYN;
		c->told_first = true;
		c->last_ns = fos_now_ns(fos_mos.pm);
		learn(c, &(struct fos_event){.base = FOS_ON_PACKET});
		told_packet(c, syn ? TCP_SYN_SENT : TCP_ESTABLISHED,
			    syn ? TCP_SYN_RCVD : TCP_ESTABLISHED, MOS_ON_PKT_IN | MOS_ON_CONN_START);
		if (!fos_mos.drop)
			fos_mos_changes->open(w, c);
		ask(w, c);
	}
	leave(w);
}

static void of_conn(struct fos_window *w, struct fos_mos_conn *c, const struct fos_event *ev,
		    bool first)
{
	int from = fos_mos.from;

	learn(c, ev);
	switch (ev->base) {
	case FOS_ON_PACKET:
		if (c->told_first && from == MOS_SIDE_CLI) {
			c->told_first = false;
			told_packet(c, ev->state, ev->peer_state, 0);
			break;
		}
		told_packet(c, ev->state, ev->peer_state,
			    MOS_ON_PKT_IN | (first ? MOS_ON_CONN_START : 0));
		break;
	case FOS_ON_STATE:
		tell(c, FOS_MOS_SND, from, ev->state, 0);
		break;
	case FOS_ON_SETUP:
		tell(c, FOS_MOS_SND, from, ev->state, MOS_ON_CONN_SETUP);
		break;
	case FOS_ON_RETRANSMISSION:
		told_packet(c, ev->state, ev->peer_state, MOS_ON_REXMIT);
		break;
	case FOS_ON_WINDOW_OVERRUN:
		each(c->socks, FOS_MOS_NULL, 1 - from, MOS_ON_ERROR);
		break;
	case FOS_ON_OUT_OF_ORDER:
		out_of_order(c, ev);
		break;
	case FOS_ON_NEW_DATA:
		new_data(w, c, ev);
		break;
	case FOS_ON_END:
		c->ended |= (uint8_t)(1u << from);
		if (c->ended == BOTH)
			tell_end(c);
		break;
	default:
		break;
	}
}

static void orphan(const struct fos_event *ev)
{
	(void)ev;
	tell_raw(MOS_SOCK_MONITOR_RAW, MOS_ON_PKT_IN, MOS_SIDE_CLI);
	tell_raw(MOS_SOCK_MONITOR_STREAM, MOS_ON_ORPHAN, MOS_SIDE_BOTH);
}

void fos_mos_on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct fos_mos_conn *c = enter(w, false);
	bool first = false;

	if (ev->base == FOS_ON_ORPHAN) {
		fos_mos.conn = NULL;
		orphan(ev);
		leave(w);
		return;
	}
	if (ev->base == FOS_ON_PACKET)
		tell_raw(MOS_SOCK_MONITOR_RAW, MOS_ON_PKT_IN, fos_mos.from);
	if (!c && (ev->base == FOS_ON_PACKET || ev->base == FOS_ON_REPLAY)) {
		uint32_t own, peer;

		first = ev->base == FOS_ON_PACKET;
		fos_mos.conn = c = begin(w, !first);
		fos_tcp_states(w, &own, &peer);
		if (c && !first) {
			c->state[fos_mos.from] = (int)own;
			c->state[1 - fos_mos.from] = (int)peer;
		}
	}
	if (c) {
		c->last_ns = ev->time_ns;
		of_conn(w, c, ev, first);
		ask(w, c);
	} else if (!any_raw()) {
		fos_stop(w);
	}
	leave(w);
}

void fos_mos_on_close(struct fos_window *w, uint32_t why)
{
	struct fos_mos_conn *c = enter(w, false);

	(void)why;
	fos_mos_packet_forget();
	if (c) {
		c->closed |= (uint8_t)(1u << fos_mos.from);
		c->ended |= c->closed;
		if (c->ended == BOTH)
			tell_end(c);
		if (c->closed == BOTH) {
			forget(c);
			fos_mos.conn = NULL;
		}
	}
	leave(w);
}
