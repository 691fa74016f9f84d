/* egress/emit.c - the last step of every packet, see emit.h */
#include "egress/emit.h"

#include <string.h>

#include "egress/blind.h"
#include "egress/frames.h"
#include "egress/mss.h"
#include "egress/options.h"
#include "egress/out.h"
#include "egress/refrag.h"
#include "egress/sack.h"
#include "egress/timer.h"
#include "egress/urgent.h"

#define MAX_REWRITES 4u

static bool open_header(struct fos_egress *e, uint32_t frame, struct fos_header *h)
{
	return fos_header_open(h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size,
			       e->claims[frame]);
}

static void drop(struct fos_egress *e, uint32_t frame, enum fos_counter_id why)
{
	fos_count(e->p->counter, why, 1);
	fos_frames_put(e, frame);
}

static void rewrite_and_finish(struct fos_egress *e, uint32_t flow, struct fos_header *h)
{
	struct fos_rewrite rw[MAX_REWRITES];
	uint32_t n = fos_out_rewrites(e, flow, rw, MAX_REWRITES);

	for (uint32_t i = 0; i < n; i++)
		fos_header_rewrite(h, &rw[i]);
	fos_header_finish(h);
}

/* SACK blocks of a packet of direction `flow` count the peer's output. */
struct sack_ctx {
	const struct fos_egress *e;
	uint32_t flow;
	uint32_t ack; /* as it will be sent */
};

static uint32_t translate_sack(void *ctx, uint32_t (*block)[2], uint32_t n)
{
	const struct sack_ctx *c = ctx;

	return fos_sack_translate(c->e, c->flow, c->ack, block, n);
}

/* What must not reach the other end: the box could not keep it true. */
static uint8_t unwanted(const struct fos_egress *e, bool syn)
{
	if (e->p->offline)
		return 0;
	return (uint8_t)((e->p->dir->tcp_mptcp_pass ? 0 : FOS_STRIP_MPTCP) |
			 (syn ? FOS_STRIP_TFO : 0));
}

/* Have both handshakes passed here?  Then it is known what the ends have agreed on. */
static bool agreed_here(const struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);

	return !e->p->offline && g && g->flags & e->tcbs[flow].flags & FOS_TCB_ISN &&
	       !(e->p->box.flows[flow].flags & FOS_FLOW_PICKUP);
}

/* What no end agreed on, or cannot be read, is not the other end's to sort out. */
static uint8_t unclean(const struct fos_egress *e, uint32_t flow, bool syn)
{
	uint32_t both, what = FOS_CLEAN_LENGTH;

	if (e->p->offline)
		return 0;
	if (syn)
		return FOS_CLEAN_LENGTH | FOS_CLEAN_SACK; /* there is nothing yet that could have come */
	if (!agreed_here(e, flow))
		return FOS_CLEAN_LENGTH;
	both = e->tcbs[flow].flags & fos_out_peer(e, flow)->flags;
	what |= FOS_CLEAN_HANDSHAKE;
	what |= both & FOS_TCB_SACK ? 0 : FOS_CLEAN_SACK;
	what |= both & FOS_TCB_TS ? 0 : FOS_CLEAN_TS;
	return (uint8_t)what;
}

static void count_stripped(struct fos_egress *e, uint32_t gone)
{
	if (gone & FOS_STRIP_MPTCP)
		fos_count(e->p->counter, FOS_C_mptcp_stripped, 1);
	if (gone & FOS_STRIP_TFO)
		fos_count(e->p->counter, FOS_C_tfo_stripped, 1);
}

/* Bytes deleted at the end of the stream are about to be acknowledged: what is inserted at that place
 * later must not take it back. */
static void pin_ack(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *g = &e->tcbs[flow];
	const struct fos_seqmap *map = fos_out_map(e, g);

	if (e->p->offline || g->una < map->open_out || g->in != map->open_in ||
	    map->lo_in == map->open_in)
		return;
	fos_out_prune(e, flow, g->una);
}

/* The sender is not to see how far the receiver is (sack.h): the window's edge stays where it was told. */
static void keep_ack(struct fos_egress *e, uint32_t flow, struct fos_header_tcp *w)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	uint64_t edge;

	w->ack = e->sacks[FOS_PEER(flow)].keep;
	fos_out_kept_wnd(e, flow, w->ack, &w->wnd, &edge);
	fos_out_tell_edge(e, flow, edge);
	w->with_ace = t->flags & FOS_TCB_ACCECN;
	w->ace = t->ace;
	t->ack_sent = w->ack;
	t->wnd_sent = w->wnd;
	fos_out_tell_ack(e, FOS_PEER(flow), w->ack);
}

/* Sets the acknowledgement side of w for a packet of direction `flow`. */
static void fill_ack(struct fos_egress *e, uint32_t flow, uint32_t as_came,
		     struct fos_header_tcp *w, struct sack_ctx *c)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	const struct fos_tcb *g;
	uint64_t edge;
	uint16_t wnd;

	if (e->kept == FOS_PEER(flow) + 1 && fos_out_peer(e, flow)) {
		keep_ack(e, flow, w);
		return;
	}
	w->ack = as_came;
	if (!fos_out_ack(e, flow, as_came, &w->ack))
		return;
	*c = (struct sack_ctx){.e = e, .flow = flow, .ack = w->ack};
	pin_ack(e, FOS_PEER(flow));
	g = fos_out_peer(e, flow);
	/* where the peer's stream began elsewhere and is untouched, blocks are taken as they are */
	if (agreed_here(e, flow) || g->flags & FOS_TCB_MAPPED)
		w->sack = translate_sack;
	w->ctx = c;
	if (!e->p->offline) {
		wnd = fos_out_wnd(e, flow, &edge);
		if (edge)
			w->wnd = wnd;
		fos_out_tell_edge(e, flow, edge);
	}
	/* a counter: what is held back must not take it back */
	w->with_ace = !e->p->offline && t->flags & FOS_TCB_ACCECN;
	w->ace = t->ace;
	if (t->ack_sent != w->ack && t->flags & FOS_TCB_ACK_DUE && fos_sack_any(e, FOS_PEER(flow)))
		e->sacks[FOS_PEER(flow)].rise_ns = 0;
	t->ack_sent = w->ack;
	fos_out_tell_ack(e, FOS_PEER(flow), w->ack);
	t->wnd_sent = w->wnd;
	t->flags |= FOS_TCB_ACK_SENT;
	if (t->flags & FOS_TCB_ACK_DUE && !fos_sack_pending(e, flow))
		fos_timer_ack_done(e, flow);
}

/* Timestamps never go back in what leaves (PAWS at the receiver). */
static void fill_ts(struct fos_egress *e, uint32_t flow, const struct fos_header *h, bool newest,
		    struct fos_header_tcp *w)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	const struct fos_tcb *g = fos_out_peer(e, flow);
	struct fos_header_options o;

	if (!(t->flags & FOS_TCB_TS))
		return;
	if (fos_header_only_ts(h)) {
		o.tsval = fos_get32(h->l4 + 24);
	} else {
		fos_header_options(h, &o);
		if (!o.has_ts)
			return;
	}
	w->tsval = newest ? t->ts_seen : o.tsval;
	if (t->flags & FOS_TCB_TS_SENT && fos_out_newer(t->ts_sent, w->tsval))
		w->tsval = t->ts_sent;
	w->with_ts = true;
	if (newest && g && g->flags & FOS_TCB_TS) {
		w->tsecr = g->ts_seen;
		w->with_ecr = true;
	}
	t->ts_sent = w->tsval;
	t->flags |= FOS_TCB_TS_SENT;
}

static bool tells_sack(const struct fos_header *h)
{
	struct fos_header_options o;

	if (fos_header_only_ts(h))
		return false;
	fos_header_options(h, &o);
	return o.has_sack;
}

void fos_emit_segment(struct fos_egress *e, uint32_t flow, uint32_t frame, bool again)
{
	struct fos_seg *s = fos_frames_seg(e, frame);
	bool own = s->flags & FOS_SEG_OWN;
	struct fos_header_tcp w;
	struct sack_ctx c;
	struct fos_header h;
	uint32_t as_came;
	struct fos_tcb *t;

	if (e->blind && !again && (own || s->read)) {
		fos_blind_segment(e, flow, frame);
		return;
	}
	if (!open_header(e, frame, &h) || !h.l4 ||
	    (!own && !fos_header_restore(&h, e->claims[frame]))) {
		fos_count(e->p->counter, FOS_C_drop_meta, 1);
		return;
	}
	t = fos_out_tcb(e, flow);
	w = (struct fos_header_tcp){.seq = fos_out_seq(t, s->pos)};
	w.wnd = !e->p->offline ? t->wnd : own ? s->wnd : fos_header_wnd(&h);
	as_came = !own ? fos_header_ack(&h) : e->p->offline ? s->ack : t->ack_seen;
	if (e->p->offline)
		fos_out_learn_ack(t, as_came, w.wnd);
	w.set = (uint8_t)(s->ecn | (s->flags & FOS_SEG_FIN ? FOS_TH_FIN : 0) |
			  (s->flags & FOS_SEG_PSH ? FOS_TH_PSH : 0));
	w.clear = s->flags & FOS_SEG_FIN ? 0 : FOS_TH_FIN;
	if (!own && tells_sack(&h))
		fos_sack_told(e, flow);
	fill_ack(e, flow, as_came, &w, &c);
	if (again && !e->p->offline) {
		fos_header_set_ecn(&h, FOS_ECN_NONE); /* RFC 3168 section 6.1.5 */
		fos_header_raise_ttl(&h, fos_build_ttl(e, flow));
	}
	fill_ts(e, flow, &h, own || again, &w);
	fos_urgent_fill(e, flow, &h, own ? UINT64_MAX : s->in_pos, s->pos, &w);
	w.strip = own ? 0 : unwanted(e, false);
	w.clean = own ? 0 : unclean(e, flow, false);
	count_stripped(e, fos_header_tcp(&h, &w));
	rewrite_and_finish(e, flow, &h);
	if (again) {
		s->flags |= FOS_SEG_RESENT;
		s->sent_ns = e->p->now_ns;
		fos_count(e->p->counter, FOS_C_segments_resent, 1);
	}
	fos_frames_send(e, frame, fos_out_port(e, flow), s->state == FOS_SEG_RETAINED);
}

static void send_made(struct fos_egress *e, struct fos_build *b, uint64_t pos, uint8_t flags,
		      uint32_t len)
{
	struct fos_tcb *t = fos_out_tcb(e, b->flow);
	struct fos_header_tcp w = {.seq = fos_out_seq(t, pos), .wnd = t->wnd, .set = flags};
	struct sack_ctx c;
	struct fos_header h;

	fos_build_end(e, b, len);
	if (!open_header(e, b->frame, &h) || !h.l4) {
		drop(e, b->frame, FOS_C_drop_meta);
		return;
	}
	/* neither acknowledgements nor resets are marked (section 6.1.4); they report, though */
	fos_header_set_ecn(&h, FOS_ECN_NONE);
	if (!(flags & FOS_TH_RST))
		w.set |= t->ace & 1 ? FOS_TH_ECE : 0;
	fill_ack(e, b->flow, t->ack_seen, &w, &c);
	w.sack = NULL; /* what we put in is right already */
	fill_ts(e, b->flow, &h, true, &w);
	fos_header_tcp(&h, &w);
	rewrite_and_finish(e, b->flow, &h);
	fos_frames_send(e, b->frame, fos_out_port(e, b->flow), false);
}

void fos_emit_control(struct fos_egress *e, struct fos_build *b, uint64_t pos, uint8_t flags)
{
	send_made(e, b, pos, flags, 0);
}

static bool begin_control(struct fos_egress *e, uint32_t flow, uint32_t (*sack)[2], uint32_t nr,
			  struct fos_build *b)
{
	return e->tcbs[flow].flags & FOS_TCB_ISN &&
	       fos_frames_tx_room(e, fos_out_port(e, flow), 1) &&
	       fos_build_tcp(e, flow, sack, nr, b);
}

bool fos_emit_ack(struct fos_egress *e, uint32_t flow)
{
	uint32_t sack[FOS_SACK_MAX][2], nr = 0, ack;
	struct fos_build b;
	bool acks;

	acks = fos_out_ack(e, flow, e->tcbs[flow].ack_seen, &ack);
	if (acks) {
		if (e->kept == FOS_PEER(flow) + 1)
			ack = e->sacks[FOS_PEER(flow)].keep;
		nr = fos_sack_list(e, flow, ack, sack);
	}
	if (!begin_control(e, flow, sack, nr, &b))
		return false;
	fos_sack_told(e, flow);
	if (acks)
		fos_sack_listed(e, FOS_PEER(flow), ack);
	fos_emit_control(e, &b, fos_out_wire(&e->tcbs[flow]), 0);
	fos_count(e->p->counter, FOS_C_acks_made, 1);
	return true;
}

bool fos_emit_owed(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t now;

	if (e->p->offline || t->flags & FOS_TCB_DONE || !fos_out_ack(e, flow, 0, &now))
		return true;
	if (t->flags & FOS_TCB_ACK_SENT && t->ack_sent == now && !(t->flags & FOS_TCB_ACK_DUE))
		return true;
	return fos_emit_ack(e, flow);
}

bool fos_emit_probe_at(struct fos_egress *e, uint32_t flow, uint64_t next)
{
	struct fos_build b;

	if (!begin_control(e, flow, NULL, 0, &b))
		return false;
	fos_emit_control(e, &b, next - 1, 0);
	fos_count(e->p->counter, FOS_C_acks_made, 1);
	return true;
}

bool fos_emit_probe(struct fos_egress *e, uint32_t flow)
{
	return fos_emit_owed(e, flow) &&
	       fos_emit_probe_at(e, flow, fos_out_wire(&e->tcbs[flow]));
}

bool fos_emit_byte(struct fos_egress *e, uint32_t flow, uint64_t pos, uint8_t byte)
{
	struct fos_build b;

	if (!begin_control(e, flow, NULL, 0, &b))
		return false;
	b.payload[0] = byte;
	send_made(e, &b, pos, 0, 1);
	return true;
}

bool fos_emit_reset(struct fos_egress *e, uint32_t flow, uint64_t pos)
{
	struct fos_build b;

	if (!begin_control(e, flow, NULL, 0, &b))
		return false;
	fos_emit_control(e, &b, pos, FOS_TH_RST);
	fos_count(e->p->counter, FOS_C_rsts_made, 1);
	return true;
}

/* It carries the newest acknowledgement, so an older window would promise room that there is not. */
static bool overtaken(const struct fos_egress *e, const struct fos_tcb *t, const struct fos_header *h)
{
	return !e->p->offline && t->flags & FOS_TCB_ACK_KNOWN &&
	       (h->l4[13] & (FOS_TH_SYN | FOS_TH_RST | FOS_TH_ACK)) == FOS_TH_ACK &&
	       fos_out_newer(t->ack_seen, fos_header_ack(h));
}

void fos_emit_translated(struct fos_egress *e, uint32_t flow, uint32_t frame,
			 struct fos_header *h, uint32_t seq, uint32_t keep)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	uint32_t as_came = fos_header_ack(h);
	struct fos_header_tcp w;
	struct sack_ctx c;

	if (e->blind && !(h->l4[13] & FOS_TH_SYN) && h->m->payload_len == keep &&
	    (uint32_t)(h->m->payload_off - h->m->data_off) <= FOS_HEADER_KEPT_MAX) {
		fos_blind_control(e, flow, frame, h);
		return;
	}
	if (!fos_header_restore(h, e->claims[frame])) {
		drop(e, frame, FOS_C_drop_meta);
		return;
	}
	w = (struct fos_header_tcp){
		.seq = seq,
		.wnd = overtaken(e, t, h) || keep == FOS_EMIT_WHOLE ? t->wnd : fos_header_wnd(h),
		.clear = keep && keep != FOS_EMIT_WHOLE ? FOS_TH_FIN : 0,
	};
	fos_sack_told(e, flow);
	/* the connection is over for us: it shall be for the receiver, however far that is */
	if (h->l4[13] & FOS_TH_RST && !e->p->offline)
		fos_header_raise_ttl(h, fos_build_ttl(e, flow));
	if (h->l4[13] & FOS_TH_ACK)
		fill_ack(e, flow, as_came, &w, &c);
	else
		w.ack = as_came;
	if (!(h->l4[13] & FOS_TH_SYN))
		fill_ts(e, flow, h, false, &w);
	if (t->flags & FOS_TCB_ISN)
		fos_urgent_fill(e, flow, h, (uint64_t)fos_out_pos(t, fos_header_seq(h), t->in),
				(uint64_t)fos_out_pos(t, seq, t->out), &w);
	w.strip = unwanted(e, h->l4[13] & FOS_TH_SYN);
	w.clean = unclean(e, flow, h->l4[13] & FOS_TH_SYN);
	count_stripped(e, fos_header_tcp(h, &w));
	fos_mss_clamp(e, h);
	/* only a SYN's or a keep-alive's: no module has seen it, so no end may take it for data */
	if (keep != FOS_EMIT_WHOLE)
		fos_header_trim(h, keep);
	rewrite_and_finish(e, flow, h);
	if (e->files)
		fos_out_file(e, flow)->time_ns = e->time_ns;
	fos_frames_send(e, frame, fos_out_port(e, flow), false);
}

void fos_emit_opened(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port,
		     struct fos_header *h)
{
	rewrite_and_finish(e, flow, h);
	fos_frames_send(e, frame, port, false);
}

bool fos_emit_rewrites(struct fos_egress *e, uint32_t flow)
{
	struct fos_rewrite rw[MAX_REWRITES];

	return fos_out_rewrites(e, flow, rw, MAX_REWRITES) > 0;
}

void fos_emit_rewrite(struct fos_egress *e, uint32_t flow, struct fos_header *h, uint8_t *link_head,
		      uint16_t link)
{
	struct fos_rewrite rw[MAX_REWRITES];
	uint32_t n = fos_out_rewrites(e, flow, rw, MAX_REWRITES);

	for (uint32_t i = 0; i < n; i++) {
		fos_header_rewrite(h, &rw[i]);
		if (link_head && link == FOS_LINK_ETHERNET && rw[i].mask & FOS_RW_DST_MAC)
			memcpy(link_head, rw[i].dst_mac, 6);
		if (link_head && link == FOS_LINK_ETHERNET && rw[i].mask & FOS_RW_SRC_MAC)
			memcpy(link_head + 6, rw[i].src_mac, 6);
	}
	fos_header_finish(h);
}

static bool too_big(const struct fos_egress *e, const struct fos_frame_meta *m, uint32_t port)
{
	uint32_t mtu = e->p->dir->port[port].mtu;

	return !e->p->offline && mtu && m->l3_off && m->l3_len > mtu;
}

void fos_emit_plain(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port)
{
	struct fos_rewrite rw[MAX_REWRITES];
	struct fos_header h;
	uint32_t n = 0;

	/* a part of a packet is none */
	if (port >= e->p->dir->nr_ports || !open_header(e, frame, &h) ||
	    h.m->flags & (FOS_PKT_CHAIN | FOS_PKT_CONT)) {
		drop(e, frame, FOS_C_drop_meta);
		return;
	}
	if (flow != FOS_NONE)
		n = fos_out_rewrites(e, flow, rw, MAX_REWRITES);
	if ((n || h.full || (flow != FOS_NONE && fos_mss_exceeds(e, &h))) &&
	    fos_header_restore(&h, e->claims[frame])) {
		if (flow != FOS_NONE)
			fos_mss_clamp(e, &h);
		for (uint32_t i = 0; i < n; i++)
			fos_header_rewrite(&h, &rw[i]);
		fos_header_finish(&h);
	}
	if (!too_big(e, h.m, port))
		fos_frames_send(e, frame, port, false);
	else if (fos_refrag_packet(e, &h, port, e->p->dir->port[port].mtu))
		fos_frames_put(e, frame);
	else
		drop(e, frame, FOS_C_drop_mtu);
}
