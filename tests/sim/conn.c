/* tests/sim/conn.c - one connection and its judge, see conn.h */
#include "tests/sim/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROGUE_MORE (1u << 17) /* bytes that a hostile end may make up behind its own */

static void fail(struct conn *c, const char *what, uint64_t got, uint64_t want)
{
	if (!c->error[0])
		snprintf(c->error, sizeof(c->error), "%s (%lld, %lld)", what, (long long)got,
			 (long long)want);
}

static void *get(size_t n)
{
	void *p = calloc(1, n + 1);

	if (!p)
		abort();
	return p;
}

/* The script of one stage for one direction. */
static uint64_t key_of(const struct conn *c, uint32_t dir, uint32_t stage)
{
	const struct peer_config *p = &c->end[dir].c;

	return script_key(c->stages[stage].seed, p->port, p->remote_port);
}

uint32_t conn_moved_at(const struct conn *c, uint32_t dir)
{
	const struct conn_dir *d = &c->dir[dir];

	return d->second_at < d->len ? (uint32_t)d->second_at : d->len;
}

/* One module up to a byte, another from there on; *out is allocated. */
static uint32_t edited_in_turn(const struct conn *c, uint32_t dir, const uint8_t *in, uint32_t len,
			       uint8_t **out)
{
	const struct conn_dir *d = &c->dir[dir];
	uint32_t at = conn_moved_at(c, dir) < len ? conn_moved_at(c, dir) : len, n[2];
	uint8_t *part[2];

	for (uint32_t s = 0; s < 2; s++) {
		uint32_t upto = s ? len : at;

		n[s] = script_apply(key_of(c, dir, s), c->stages[s].profile, in, upto, d->jump[s],
				    d->nr_jumps[s], NULL, NULL);
		part[s] = get(n[s]);
		script_apply(key_of(c, dir, s), c->stages[s].profile, in, upto, d->jump[s],
			     d->nr_jumps[s], part[s], NULL);
	}
	/* what comes before it the second finds passed, a jump as any other: unchanged in the model */
	n[1] = at < len ? n[1] - at : 0;
	*out = get(n[0] + n[1]);
	memcpy(*out, part[0], n[0]);
	memcpy(*out + n[0], part[1] + at, n[1]);
	free(part[0]);
	free(part[1]);
	return n[0] + n[1];
}

/* Through all stages; *out is allocated. */
static uint32_t edited(const struct conn *c, uint32_t dir, const uint8_t *in, uint32_t len,
		       uint8_t **out, uint32_t *need)
{
	const struct conn_dir *d = &c->dir[dir];
	uint8_t *from, *to;
	uint32_t n = len;

	if (c->moves)
		return edited_in_turn(c, dir, in, len, out);
	from = get(len);
	memcpy(from, in, len);
	for (uint32_t i = 0; need && i <= len; i++)
		need[i] = i;
	for (uint32_t s = 0; s < c->nr_stages; s++) {
		uint32_t k = script_apply(key_of(c, dir, s), c->stages[s].profile, from, n,
					  d->jump[s], d->nr_jumps[s], NULL, NULL);
		uint32_t *map = get((n + 1u) * sizeof(*map));

		to = get(k);
		script_apply(key_of(c, dir, s), c->stages[s].profile, from, n, d->jump[s],
			     d->nr_jumps[s], to, map);
		for (uint32_t i = 0; need && i <= len; i++)
			need[i] = map[need[i]];
		free(map);
		free(from);
		from = to;
		n = k;
	}
	*out = from;
	return n;
}

void conn_plain(struct peer_config c[2], uint16_t port)
{
	static const struct peer_config plain = {
		.mss = 1000, .segment = 1000, .scale = 0xff, .window = 30000,
		.abort_at = UINT32_MAX};

	for (uint32_t k = 0; k < 2; k++) {
		c[k] = plain;
		c[k].name = k ? "server" : "client";
		c[k].active = k == 0;
		memcpy(c[k].addr, (const uint8_t[]){10, 77, 0, k ? 1 : 2}, 4);
		memcpy(c[k].remote_addr, (const uint8_t[]){10, 77, 0, k ? 2 : 1}, 4);
		memcpy(c[k].mac, (const uint8_t[]){2, 0, 0, 0, 0, k ? 1 : 2}, 6);
		memcpy(c[k].remote_mac, (const uint8_t[]){2, 0, 0, 0, 0, k ? 2 : 1}, 6);
		c[k].port = k ? 80 : port;
		c[k].remote_port = k ? port : 80;
	}
}

void conn_init(struct conn *c, const struct peer_config conf[2], const struct conn_stage *stages,
	       uint32_t nr_stages, peer_emit *emit, void *arg)
{
	struct peer_config pc[2] = {conf[0], conf[1]};

	memset(c, 0, sizeof(*c));
	c->stages = stages;
	c->nr_stages = nr_stages;
	for (uint32_t i = 0; i < 2; i++) {
		struct conn_dir *d = &c->dir[i];
		uint8_t *out;

		c->end[i].c = pc[i]; /* for key_of() */
		d->len = pc[i].len;
		d->in = get(d->len);
		if (d->len)
			memcpy(d->in, pc[i].data, d->len);
		d->need = get((d->len + 1u) * sizeof(*d->need));
		d->second_at = UINT64_MAX;
		d->saw_max = d->len + (pc[i].rogue ? ROGUE_MORE : 0);
		d->saw = get(d->saw_max);
		d->saw_map = get(d->saw_max);
		d->acked_at = get((d->saw_max + 2u) * sizeof(*d->acked_at));
		d->out_len = edited(c, i, d->in, d->len, &out, d->need);
		free(out);
		pc[i].data = d->in;
		/* a module that misses something may let more through */
		pc[1 - i].rcv_max = 6 * (d->out_len + d->len) + 65536 +
				    (pc[i].rogue ? 8 * ROGUE_MORE : 0);
	}
	for (uint32_t i = 0; i < 2; i++) {
		peer_init(&c->end[i], &pc[i], emit, arg);
		c->end[i].c.facing_rogue = pc[1 - i].rogue;
		c->end[i].odd_ack_limit = c->dir[1 - i].out_len + 1u;
		c->aborts |= pc[i].abort_at != UINT32_MAX;
		c->rogue |= pc[i].rogue;
	}
}

void conn_fini(struct conn *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		peer_fini(&c->end[i]);
		free(c->dir[i].in);
		free(c->dir[i].need);
		free(c->dir[i].acked_at);
		free(c->dir[i].saw);
		free(c->dir[i].saw_map);
	}
}

/* What is known only in the end, by which bytes a module missed or a hostile end made up, is judged
 * then: verify_acks(). */
static void note_ack(struct conn *c, uint32_t to, const struct wire *w)
{
	const struct peer *from = &c->end[1 - to], *sender = &c->end[to];
	struct conn_dir *d = &c->dir[to];
	uint32_t off = w->ack - (sender->c.isn + 1);
	uint64_t most = from->odd_ack > from->last_ack ? from->odd_ack : from->last_ack;

	/* of another connection, or after this one */
	if (!(w->flags & WIRE_ACK) || w->flags & (WIRE_RST | WIRE_SYN) || c->replaced ||
	    c->reset[0] || c->reset[1] || sender->state != PEER_OPEN || off > d->saw_max + 1)
		return;
	if (d->acked_at[off] == 0)
		d->acked_at[off] = (uint32_t)most + 1;
}

/* Nothing that the receiver has not acknowledged in its edited form is acknowledged to the
 * sender (`to` is the sender). */
static void judge_ack(struct conn *c, uint32_t to, const struct wire *w)
{
	const struct peer *from = &c->end[1 - to], *sender = &c->end[to];
	struct conn_dir *d = &c->dir[to];
	uint32_t off = w->ack - (sender->c.isn + 1);
	uint64_t wnd, edge;

	if (!(w->flags & WIRE_ACK) || w->flags & (WIRE_RST | WIRE_SYN) ||
	    sender->state == PEER_SYN_SENT || sender->state == PEER_LISTEN)
		return;
	if (off > d->len + 1u) {
		fail(c, "the box acknowledges what does not exist", off, d->len);
		return;
	}
	if (!c->missed && off <= d->len && from->last_ack < d->need[off])
		fail(c, "acknowledged before its edited form was, byte, missing", off,
		     d->need[off] - from->last_ack);
	if (!c->missed && off > d->len && from->last_ack < d->out_len + 1u)
		fail(c, "the FIN is acknowledged too early", from->last_ack, d->out_len + 1u);
	wnd = sender->scale_on ? (uint64_t)w->wnd << sender->peer_scale : w->wnd;
	edge = off + wnd;
	if (c->fifo && off >= d->told && d->edge_known && edge < d->edge && !c->aborts &&
	    off <= d->len)
		fail(c, "the window's right edge goes back", edge, d->edge);
	if (!d->edge_known || edge > d->edge)
		d->edge = edge;
	d->edge_known = true;
	if (off > d->told)
		d->told = off;
}

void conn_judge(struct conn *c, uint32_t to, const uint8_t *packet, uint32_t len)
{
	const struct peer *p = &c->end[to];
	struct wire w;
	uint32_t mss;

	if (!wire_parse(&w, packet, len, true)) {
		fail(c, "the box emits something else than TCP", len, 0);
		return;
	}
	/* a hostile SYN has begun another connection, which the other end knows nothing of; that end has
	 * taken the FIN, and the acknowledgement of its own may still be under way */
	if (c->rogue && !p->c.rogue && (w.flags & (WIRE_SYN | WIRE_ACK)) == WIRE_SYN &&
	    p->fin_taken)
		c->replaced = true;
	c->reset[to] |= (w.flags & WIRE_RST) != 0;
	/* so has a half-open end, whose answer to a SYN goes on as it came (RFC 9293 section 3.5.1) */
	if (w.wrong && c->rogue && strcmp(w.wrong, WIRE_BAD_SUM) != 0 &&
	    (c->replaced || peer_done(p) ||
	     (p->state == PEER_SYN_SENT && !(w.flags & WIRE_SYN))))
		return;
	if (w.wrong) {
		fail(c, w.wrong, len, w.flags);
		return;
	}
	if (memcmp(packet, p->c.mac, 6) != 0 || memcmp(packet + 6, p->c.remote_mac, 6) != 0)
		fail(c, "wrong link addresses", packet[5], packet[11]);
	if (w.v6 != p->c.v6 || w.vlan != p->c.vlan)
		fail(c, "another kind of packet than the ends send", w.v6, w.vlan);
	if (w.ip[w.v6 ? 7 : 8] != 64)
		fail(c, "wrong TTL", w.ip[w.v6 ? 7 : 8], 64);
	if (!w.v6 && fos_get16(w.ip + 6) & 0x3fff)
		fail(c, "a fragment", fos_get16(w.ip + 6), 0);
	mss = p->c.mss ? p->c.mss : w.v6 ? 1220 : 536; /* RFC 9293 section 3.7.1 */
	if ((uint32_t)(w.data - w.tcp) - 20 + w.len > mss && !(w.flags & WIRE_SYN) &&
	    !c->end[1 - to].c.rogue)
		fail(c, "a segment longer than the receiver's MSS", w.len, mss);
	if (!c->rogue)
		judge_ack(c, to, &w);
	note_ack(c, to, &w);
}

void conn_saw(struct conn *c, uint32_t dir, uint64_t pos, const uint8_t *data, size_t len)
{
	struct conn_dir *d = &c->dir[dir];

	if (pos + len > d->saw_max) {
		fail(c, "a module saw more bytes than there are", pos + len, d->len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (d->saw_map[pos + i] && d->saw[pos + i] != data[i])
			fail(c, "a module saw another byte than before", pos + i, data[i]);
		d->saw[pos + i] = data[i];
		d->saw_map[pos + i] = 1;
	}
	if (pos + len > d->saw_end)
		d->saw_end = pos + len;
}

void conn_jumped(struct conn *c, uint32_t dir, uint32_t stage, uint64_t from, uint64_t to)
{
	struct conn_dir *d = &c->dir[dir];
	struct script_jump *j = d->jump[stage];
	uint32_t n = d->nr_jumps[stage];

	c->missed = true;
	/* it would have let the rest go, but was killed */
	if (n && j[n - 1].to == UINT64_MAX && j[n - 1].from != from)
		n = --d->nr_jumps[stage];
	if (n && j[n - 1].from == from) {
		j[n - 1].to = to;
		return;
	}
	if (n == CONN_JUMPS || (n && from < j[n - 1].to)) {
		fail(c, "a module's head goes back, or is forced too often", from, n);
		return;
	}
	j[n].from = from;
	j[n].to = to;
	d->nr_jumps[stage]++;
}

bool conn_done(const struct conn *c)
{
	return c->started && peer_done(&c->end[0]) && peer_done(&c->end[1]);
}

/* The first module had let the side go, so nobody told where the stream ended that the others saw. */
static bool verify_cut(struct conn *c, uint32_t dir)
{
	const struct peer *to = &c->end[1 - dir];
	const struct conn_dir *d = &c->dir[dir];
	bool ok = false;

	for (uint32_t len = (uint32_t)d->saw_end; len < d->len && !ok; len++) {
		uint8_t *want;

		ok = edited(c, dir, d->in, len, &want, NULL) >= to->rcv_nxt &&
		     memcmp(want, to->rcv, to->rcv_nxt) == 0;
		free(want);
	}
	return ok;
}

static bool verify_dir(struct conn *c, uint32_t dir)
{
	const struct peer *to = &c->end[1 - dir];
	struct conn_dir *d = &c->dir[dir];
	uint8_t *want;
	bool ok;
	/* a stream that was cut short by a reset is edited as far as it went */
	uint32_t len = c->aborts && d->saw_end < d->len ? (uint32_t)d->saw_end : d->len;
	uint32_t n = edited(c, dir, d->in, len, &want, NULL);
	uint64_t at = 0;

	while (at < n && at < to->rcv_nxt && to->rcv[at] == want[at])
		at++;
	ok = at == to->rcv_nxt && (at == n || c->aborts);
	if (!ok && c->aborts) {
		/* the end may not have come to pass: what follows the last byte is then missing */
		free(want);
		n = edited(c, dir, d->in, d->len, &want, NULL);
		for (at = 0; at < n && at < to->rcv_nxt && to->rcv[at] == want[at];)
			at++;
		ok = at == to->rcv_nxt || (c->missed && verify_cut(c, dir));
	}
	if (!ok)
		snprintf(c->error, sizeof(c->error),
			 "%s received %llu bytes, %u are right; the first difference is at %llu",
			 to->c.name, (unsigned long long)to->rcv_nxt, n, (unsigned long long)at);
	free(want);
	for (uint64_t i = 0; ok && i < d->len; i++)
		if (d->saw_map[i] && d->saw[i] != d->in[i]) {
			fail(c, "a module saw another byte than was sent", i, d->saw[i]);
			ok = false;
		}
	return ok;
}

/* What an honest end received from a hostile one: what the first module saw, edited, as far as it
 * goes. */
static bool verify_rogue(struct conn *c, uint32_t dir)
{
	const struct peer *to = &c->end[1 - dir];
	const struct conn_dir *d = &c->dir[dir];
	uint8_t *want;
	uint32_t n = edited(c, dir, d->saw, (uint32_t)d->saw_end, &want, NULL);
	uint64_t at = 0;

	while (at < n && at < to->rcv_nxt && to->rcv[at] == want[at])
		at++;
	/* what a module was late for, nobody has seen */
	if (at != to->rcv_nxt && !c->missed)
		fail(c, "an honest end received bytes that were not seen, from, of", at, to->rcv_nxt);
	free(want);
	return !c->error[0];
}

/* Was anything acknowledged to the sender before its edited form was, with the edits as they came to be? */
static void verify_acks(struct conn *c, uint32_t dir)
{
	const struct conn_dir *d = &c->dir[dir];
	bool rogue = c->end[dir].c.rogue;
	uint32_t len = rogue ? (uint32_t)d->saw_end : d->len, n;
	uint32_t *need = get((len + 2u) * sizeof(*need));
	uint8_t *out;

	/* an edit that was not told, or acknowledgements of what does not exist: what then had to arrive is
	 * not known */
	if (c->moves || (c->missed && c->rogue)) {
		free(need);
		return;
	}
	n = edited(c, dir, rogue ? d->saw : d->in, len, &out, need);
	need[len + 1] = n + 1; /* the FIN */
	for (uint32_t off = 0; off <= d->saw_max + 1 && !c->error[0]; off++) {
		if (!d->acked_at[off])
			continue;
		if (off > len + 1)
			fail(c, "the box acknowledged what no module has seen, of", off, len);
		else if (d->acked_at[off] - 1 < need[off])
			fail(c, "acknowledged before its edited form was, byte, of", off,
			     need[off] - (d->acked_at[off] - 1));
	}
	free(need);
	free(out);
}

bool conn_verify(struct conn *c)
{
	for (uint32_t i = 0; i < 2 && c->rogue && !c->error[0]; i++) {
		if (c->end[i].error[0])
			snprintf(c->error, sizeof(c->error), "%s", c->end[i].error);
		else if (!c->end[1 - i].c.rogue)
			verify_rogue(c, i);
	}
	for (uint32_t i = 0; i < 2 && !c->rogue && !c->error[0]; i++) {
		if (c->end[i].error[0])
			snprintf(c->error, sizeof(c->error), "%s", c->end[i].error);
		else if (c->end[i].state == PEER_DEAD && !c->aborts)
			fail(c, i ? "the server was reset" : "the client was reset", 0, 0);
		else
			verify_dir(c, i);
	}
	for (uint32_t i = 0; i < 2 && !c->error[0]; i++)
		verify_acks(c, i);
	return !c->error[0];
}
