/* egress_script.h - what happens to egress, and what leaves, as a table
 *
 * Positions count a direction's bytes from 0: those of its input in what the sender is told, those of
 * its output in what the receiver says.  Direction 0 goes from the client to the server.  Rows:
 *
 *	DATA(dir, text)              the next bytes arrive, in order
 *	CUT(dir, pos, n)             the PM deletes input bytes
 *	ADD(dir, pos, text)          the PM inserts before input position pos
 *	PASS(dir, pos)               the PM has released everything below input position pos
 *	ENDS(dir)                    a FIN arrives, in order
 *	ACKS(dir, n, wnd, blocks)    a pure ACK of direction dir acknowledges n bytes of the other's output
 *	TELLS(dir, n, wnd, blocks)   so does a segment of direction dir whose bytes stay behind
 *	PROBES(dir)                  a keep-alive: no byte, one before the next
 *	AGAIN(dir, pos, n)           input bytes come again (AGAIN_FIN: with the FIN)
 *	EARLY(dir, pos, n)           input bytes come ahead of a hole
 *	SOON(dir, pos, n)            so do these, in one batch with the row that follows
 *	ABORTS(dir)                  a RST arrives, in order
 *	LATE(dir, n)                 after that: a segment that acknowledges n bytes of the other's output
 *	WAIT(ms)                     time passes
 *	LEAVES(dir)                  the PM watches the direction no longer
 *	KILL                         egress is killed, and another one goes on
 *	MARK(tos, th)                packets have this TOS byte and these TCP flags from here on
 * and what is expected to leave after that, in this order:
 *	OUT(dir, pos, text, what)    a segment of direction dir at output position pos
 *	OUT_FIN(dir, pos, text, what)   the same with FIN
 *	TOLD(dir, n, wnd, what, blocks) a pure ACK that acknowledges n input bytes; wnd < 0: any window
 *	ASKED(dir, pos, what)        a segment without bytes at output position pos: a probe
 *	RESET(dir, pos, what)        a reset at output position pos
 *	MARKED(tos, th, what)        of the packet before: TOS byte; flags AE (0x100), CWR, ECE
 *	NOTHING(what)
 */
#ifndef TESTS_UNIT_EGRESS_SCRIPT_H
#define TESTS_UNIT_EGRESS_SCRIPT_H

#include "tests/unit/egress_play.h"

enum step_op {
	S_DATA, S_CUT, S_ADD, S_PASS, S_ENDS, S_ACKS, S_TELLS, S_PROBES, S_AGAIN, S_AGAIN_FIN,
	S_EARLY, S_SOON, S_WAIT, S_OUT, S_OUT_FIN, S_TOLD, S_ASKED, S_RESET, S_NOTHING,
	S_MARK, S_MARKED, S_ABORTS, S_LATE, S_LEAVES, S_KILL
};

struct step {
	enum step_op op;
	uint32_t dir;
	int64_t pos, n;
	const char *text, *what;
	int64_t block[4][2]; /* both 0: no more */
	int64_t hole; /* 0: where the stream ends */
};

#define DATA(d, t) { .op = S_DATA, .dir = d, .text = t }
#define CUT(d, p, k) { .op = S_CUT, .dir = d, .pos = p, .n = k }
#define ADD(d, p, t) { .op = S_ADD, .dir = d, .pos = p, .text = t }
#define PASS(d, p) { .op = S_PASS, .dir = d, .pos = p }
#define ENDS(d) { .op = S_ENDS, .dir = d }
#define ACKS(d, p, w, ...) { .op = S_ACKS, .dir = d, .pos = p, .n = w, .block = { __VA_ARGS__ } }
#define TELLS(d, p, w, ...) { .op = S_TELLS, .dir = d, .pos = p, .n = w, .block = { __VA_ARGS__ } }
#define PROBES(d) { .op = S_PROBES, .dir = d }
#define AGAIN(d, p, k) { .op = S_AGAIN, .dir = d, .pos = p, .n = k }
#define AGAIN_FIN(d, p, k) { .op = S_AGAIN_FIN, .dir = d, .pos = p, .n = k }
#define EARLY(d, p, k) { .op = S_EARLY, .dir = d, .pos = p, .n = k }
/* the hole before it was at `h`, whatever has come since */
#define BEHIND(d, p, k, h) { .op = S_EARLY, .dir = d, .pos = p, .n = k, .hole = h }
#define SOON(d, p, k) { .op = S_SOON, .dir = d, .pos = p, .n = k }
#define WAIT(ms) { .op = S_WAIT, .n = ms }
#define OUT(d, p, t, w) { .op = S_OUT, .dir = d, .pos = p, .text = t, .what = w }
#define OUT_FIN(d, p, t, w) { .op = S_OUT_FIN, .dir = d, .pos = p, .text = t, .what = w }
#define TOLD(d, p, k, w, ...) \
	{ .op = S_TOLD, .dir = d, .pos = p, .n = k, .what = w, .block = { __VA_ARGS__ } }
#define ASKED(d, p, w) { .op = S_ASKED, .dir = d, .pos = p, .what = w }
#define RESET(d, p, w) { .op = S_RESET, .dir = d, .pos = p, .what = w }
#define ABORTS(d) { .op = S_ABORTS, .dir = d }
#define LEAVES(d) { .op = S_LEAVES, .dir = d }
#define KILL { .op = S_KILL }
#define LATE(d, p) { .op = S_LATE, .dir = d, .pos = p }
#define MARK(t, f) { .op = S_MARK, .pos = t, .n = f }
#define MARKED(t, f, w) { .op = S_MARKED, .pos = t, .n = f, .what = w }
#define NOTHING(w) { .op = S_NOTHING, .what = w }

#define WND 60000 /* a window that does not matter */

/* How the connection begins. */
struct script {
	const char *name;
	bool ts, sack, v6, vlan, accecn;
	bool resends; /* the PM has asked for its tail to be sent ahead (both directions) */
	bool may_not; /* but it may not */
	uint8_t scale[2];
	uint16_t wnd; /* of the server; 0 = 60000 */
	uint64_t base; /* both streams begin there: beyond what 32 bits hold */
};

static const char *script_name;
static uint64_t script_base;

static inline uint32_t script_seq(uint32_t dir, int64_t pos)
{
	return isn(dir) + 1 + (uint32_t)script_base + (uint32_t)pos;
}

static inline void script_blocks(const struct step *s)
{
	for (W.nr_block = 0; W.nr_block < 4; W.nr_block++) {
		const int64_t *b = s->block[W.nr_block];

		if (!b[0] && !b[1])
			break;
		W.block[W.nr_block][0] = script_seq(1 - s->dir, b[0]);
		W.block[W.nr_block][1] = script_seq(1 - s->dir, b[1]);
	}
}

static inline void script_tells(const struct step *s)
{
	uint32_t nr;

	script_blocks(s);
	nr = W.nr_block;
	W.nr_block = 0;
	for (uint32_t i = 0; i < nr; i++) {
		send_desc(FOS_DESC_SACK, s->dir, FOS_NONE,
			  W.block[i][0] | (uint64_t)W.block[i][1] << 32, 0);
		((struct fos_desc *)(void *)fos_ring_slot(&W.descs, UINT64_MAX))->flags = (uint16_t)i;
	}
	acked(s->dir, script_base + (uint64_t)s->pos, (uint16_t)s->n);
}

static inline void script_again(const struct step *s)
{
	struct fos_desc *d;

	bool early = s->op == S_EARLY || s->op == S_SOON;

	send_desc(early ? FOS_DESC_OOO : FOS_DESC_REXMIT, s->dir, FOS_NONE,
		  script_base + (uint64_t)s->pos, (uint32_t)s->n);
	d = fos_ring_slot(&W.descs, UINT64_MAX);
	d->flags = s->op == S_AGAIN_FIN ? FOS_PIECE_FIN : 0;
	d->gen = s->hole ? (uint32_t)(s->pos - s->hole) : 0;
}

/* The next sequence number of a direction, in its input. */
static inline uint64_t script_next(uint32_t dir)
{
	const struct fos_flow *f = &W.w.box.flows[dir];

	return f->app.tail + (f->state & FOS_FLOW_ST_FIN ? 1 : 0);
}

static inline void script_probe(uint32_t dir)
{
	struct fos_desc *d;

	control(dir, ACK, script_next(dir) - 1, script_base, WND);
	d = fos_ring_slot(&W.descs, UINT64_MAX);
	d->flags = FOS_DESC_PROBE;
}

static inline bool script_has_blocks(const struct out_packet *o, const struct step *s)
{
	uint32_t at = 20, end = (uint32_t)(o->tcp[12] >> 4) * 4, nr = 0, want = 0;

	while (want < 4 && (s->block[want][0] || s->block[want][1]))
		want++;
	while (at + 1 < end) {
		uint32_t n = o->tcp[at] == 1 ? 1 : o->tcp[at + 1];

		for (uint32_t i = 2; o->tcp[at] == 5 && i < n; i += 8, nr++) {
			uint32_t l, r;

			memcpy(&l, o->tcp + at + i, 4);
			memcpy(&r, o->tcp + at + i + 4, 4);
			if (nr < want && ntohl(l) == script_seq(1 - s->dir, s->block[nr][0]) &&
			    ntohl(r) == script_seq(1 - s->dir, s->block[nr][1]))
				continue;
			diag("block %d-%d", (int)(ntohl(l) - script_seq(1 - s->dir, 0)),
			     (int)(ntohl(r) - script_seq(1 - s->dir, 0)));
			return false;
		}
		at += n ? n : 1;
	}
	return nr == want;
}

static inline void script_told(const struct step *s, const struct out_packet *o)
{
	bool good = o && o->m.payload_len == 0 && o->port == 1 - s->dir && (o->tcp[13] & 0x3f) == ACK &&
		    o->ack == script_seq(1 - s->dir, s->pos) && (s->n < 0 || o->wnd == s->n) &&
		    script_has_blocks(o, s);

	if (!ok(good, "%s: %s", script_name, s->what) && o)
		diag("dir %u seq %d ack %d wnd %u flags %x len %u, want ack %d wnd %d", 1 - o->port,
		     (int)(o->seq - script_seq(1 - o->port, 0)),
		     (int)(o->ack - script_seq(o->port, 0)), o->wnd, o->tcp[13], o->m.payload_len,
		     (int)s->pos, (int)s->n);
}

static inline void script_segment(const struct step *s, const struct out_packet *o)
{
	const char *text = s->text ? s->text : "";
	uint8_t flag = s->op == S_OUT_FIN ? FIN : s->op == S_RESET ? RST : 0;
	size_t n = strlen(text);
	bool good = o && o->port == 1 - s->dir && o->seq == script_seq(s->dir, s->pos) &&
		    o->m.payload_len == n && memcmp(o->payload, text, n) == 0 &&
		    (o->tcp[13] & (FIN | RST | SYN)) == flag;

	if (!ok(good, "%s: %s", script_name, s->what) && o)
		diag("dir %u seq %d flags %x '%.*s', want %d", 1 - o->port,
		     (int)(o->seq - script_seq(1 - o->port, 0)), o->tcp[13], o->m.payload_len,
		     (const char *)o->payload, (int)s->pos);
}

static inline void script_abort(uint32_t dir)
{
	struct fos_flow *f = world_flow(&W.w, dir);
	uint32_t frame = make_packet(dir, RST | ACK, isn(dir) + 1 + (uint32_t)f->app.tail,
				     script_seq(1 - dir, 0), 0, NULL, 0);

	append_piece(dir, frame, 0, FOS_PIECE_RST);
	f->fin_pos = f->app.tail;
	f->state |= FOS_FLOW_ST_RESET | FOS_FLOW_ST_CLOSED;
	world_flow(&W.w, 1 - dir)->state |= FOS_FLOW_ST_CLOSED;
	hint(dir);
}

static inline void script_marked(const struct step *s, const struct out_packet *o)
{
	const uint8_t *ip = o->bytes + o->m.l3_off - FOS_FRAME_DATA_OFF;
	uint32_t tos = W.v6 ? (uint32_t)(ip[0] << 4 | ip[1] >> 4) & 0xff : ip[1];
	uint32_t th = (uint32_t)(o->tcp[12] & 1) << 8 | (o->tcp[13] & 0xc0);

	if (!ok(tos == s->pos && th == s->n, "%s: %s", script_name, s->what))
		diag("TOS %02x flags %03x, want %02x %03x", tos, th, (uint32_t)s->pos,
		     (uint32_t)s->n);
}

static inline void script_late(const struct step *s)
{
	send_desc(FOS_DESC_REXMIT, s->dir, FOS_NONE, script_seq(1 - s->dir, s->pos), 0);
	((struct fos_desc *)(void *)fos_ring_slot(&W.descs, UINT64_MAX))->flags = FOS_PIECE_RST;
}

/* The PM leaves, or egress does and comes back. */
static inline void script_leaves(const struct step *s)
{
	if (s->op == S_KILL) {
		kill_egress();
		start_egress();
		return;
	}
	pubs[s->dir].verdict = FOS_VERDICT_BYPASS;
	release_to(s->dir, FOS_POS_MAX);
}

static inline void script_step(const struct step *s)
{
	uint64_t pos = script_base + (uint64_t)s->pos;

	switch (s->op) {
	case S_DATA:
		data(s->dir, s->text, (uint32_t)strlen(s->text), script_base);
		break;
	case S_CUT: case S_ADD:
		edit(s->dir, pos, (uint64_t)s->n, s->text ? s->text : "");
		break;
	case S_PASS:
		release_to(s->dir, pos);
		break;
	case S_ENDS:
		fin(s->dir, script_base);
		break;
	case S_ACKS:
		script_blocks(s);
		control(s->dir, ACK, script_next(s->dir), pos, (uint16_t)s->n);
		break;
	case S_TELLS:
		script_tells(s);
		break;
	case S_PROBES:
		script_probe(s->dir);
		break;
	case S_AGAIN: case S_AGAIN_FIN: case S_EARLY: case S_SOON:
		script_again(s);
		if (s->op == S_SOON)
			return;
		break;
	case S_WAIT:
		W.now += (uint64_t)s->n * 1000000ull;
		break;
	case S_ABORTS:
		script_abort(s->dir);
		break;
	case S_LATE:
		script_late(s);
		break;
	case S_LEAVES: case S_KILL:
		script_leaves(s);
		break;
	case S_MARK:
		W.tos = (uint8_t)s->pos;
		W.th = (uint16_t)s->n;
		return;
	case S_MARKED:
		script_marked(s, &W.out[(W.taken - 1) % MAX_OUT]);
		return;
	case S_TOLD:
		script_told(s, next_out());
		return;
	case S_NOTHING:
		expect_nothing(s->what);
		return;
	default:
		script_segment(s, next_out());
		return;
	}
	run();
}

/* Both streams stand at `base`, as after that many bytes. */
static inline void script_move(uint64_t base)
{
	for (uint32_t dir = 0; dir < 2; dir++) {
		struct fos_tcb *t = &W.e->tcbs[dir];

		world_flow(&W.w, dir)->app.tail = base;
		t->in = t->out = t->una = t->taken = base;
		t->edge += base;
		t->ack_seen += (uint32_t)base;
		pubs[dir].head = pubs[dir].out_head = base;
		release_to(dir, base);
	}
}

static inline void script_play(const struct script *c, const struct step *s, size_t n)
{
	script_name = c->name;
	script_base = c->base;
	resending = c->resends && !c->may_not;
	world_start(true, false, c->v6);
	W.vlan = c->vlan;
	W.sack = c->sack;
	W.ts[0] = c->ts ? 1000 : 0;
	W.ts[1] = c->ts ? 9000 : 0;
	memcpy(W.scale, c->scale, 2);
	W.accecn = c->accecn;
	handshake();
	pubs[0].flags = pubs[1].flags = c->resends ? FOS_PM_RESEND : 0;
	if (c->base)
		script_move(c->base);
	if (c->wnd) {
		uint32_t shift = c->scale[0] ? c->scale[1] : 0;

		W.e->tcbs[0].edge = c->base + ((uint64_t)c->wnd << shift);
		W.e->tcbs[0].wnd_max = (uint32_t)c->wnd << shift;
	}
	run();
	W.taken = W.nr_out;
	for (size_t i = 0; i < n; i++)
		script_step(&s[i]);
	all_sound(c->name);
	world_stop();
}

static inline void script_free(void)
{
	free(W.out);
}

#define PLAY(steps, ...)                                                                       \
	script_play(&(struct script){ __VA_ARGS__ }, steps, sizeof(steps) / sizeof(*(steps)))

#endif
