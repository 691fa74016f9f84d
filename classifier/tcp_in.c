/* classifier/tcp_in.c - segments of connections whose payload PMs read, see tcp_in.h */
#include "classifier/tcp_in.h"

#include <string.h>

#include "classifier/admit.h"
#include "classifier/challenge.h"
#include "classifier/deliver.h"
#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/goodbye.h"
#include "classifier/packet.h"
#include "classifier/pickup.h"
#include "classifier/reassembly.h"
#include "classifier/stuck.h"
#include "classifier/successor.h"
#include "classifier/tcp_side.h"
#include "classifier/timestamp.h"
#include "classifier/unread.h"

#define PURE_ACK_SPAN (1 << 26) /* sequence numbers that a segment without bytes may be off */

struct input {
	struct fos_classifier *c;
	uint32_t flow;
	struct fos_packet *pkt;
	struct fos_tcp_segment seg;
	struct fos_flow *f;
	struct fos_shadow *s;
	struct fos_shadow *peer;
	struct fos_cls_conn *conn;
	bool refused; /* the receiver would not take it either */
};

/* ------------------------------------------------------------------ judging */

static enum fos_tcp_action judge(struct input *in)
{
	struct fos_tcp_side own, peer;
	enum fos_tcp_action what;
	struct fos_tcp_conn conn = {
		.established = in->s->state & FOS_FLOW_ST_ESTABLISHED,
		.reset = in->conn->close != FOS_CLOSE_NONE && in->conn->close != FOS_CLOSE_FIN,
		.finished = in->conn->close == FOS_CLOSE_FIN,
		.over = in->seg.flags & FOS_TCP_SYN && in->conn->close == FOS_CLOSE_FIN &&
			fos_tcp_over(in->c, in->flow, in->pkt->meta.time_ns),
		.one_sided = in->c->p->offline,
		.one_way = in->f->pass_pos_flags & FOS_NOTE_ONE_WAY,
		.midstream = in->s->flags & FOS_FLOW_PICKUP,
		.after = !(in->s->state & in->peer->state & FOS_FLOW_ST_SYN) &&
			 fos_successor_is(in->c, in->flow),
	};

	if (in->peer->flags & FOS_FLOW_PICKUP && fos_pickup_failed(in->c, in->flow, &in->seg))
		return FOS_TCP_DO_RESTART;
	fos_tcp_side_of(in->c, in->flow, in->s, &own);
	fos_tcp_side_of(in->c, FOS_PEER(in->flow), in->peer, &peer);
	if (in->seg.flags & FOS_TCP_RST && fos_tcp_told(in->c, in->flow, in->s->gen)) {
		own.una = fos_tcp_told(in->c, in->flow, in->s->gen);
		own.una_known = true;
	}
	peer.max += fos_tcp_edited_by(in->c, FOS_PEER(in->flow), in->peer->gen);
	what = fos_tcp_judge(&conn, &own, &peer, &in->seg);
	if (what == FOS_TCP_DO_JOIN)
		fos_pickup_join(in->c, in->flow, &in->seg);
	return what;
}

/* ------------------------------------------------------------------ small answers */

static void refuse(struct input *in, uint32_t reason)
{
	in->refused |= reason >= FOS_C_drop_tcp_invalid && reason <= FOS_C_drop_tcp_payload;
	fos_packet_drop(in->c, in->pkt, reason);
}

static void note(struct input *in, enum fos_event_kind kind, uint64_t pos, uint32_t len)
{
	fos_event_note(in->c, in->flow, kind, pos, len, in->pkt->meta.time_ns);
}

/* Notes the acknowledgement and window; true when they say something new. */
static bool note_ack(struct input *in)
{
	struct fos_flow *f = in->f;
	bool first = !(f->pass_pos_flags & FOS_NOTE_ACKED);
	bool changed = first || f->last_ack != in->seg.ack || f->last_wnd != in->seg.wnd;

	if (!(in->seg.flags & FOS_TCP_ACK))
		return false;
	/* an older one that was overtaken says nothing */
	if (!first && (int32_t)(in->seg.ack - f->last_ack) < 0)
		return false;
	/* (a RST offers nothing, and means nothing by it) */
	if (in->seg.wnd == 0 && (first || f->last_wnd != 0) && !(in->seg.flags & FOS_TCP_RST))
		note(in, FOS_EVENT_ZERO_WINDOW, in->peer->app_tail, 0);
	f->pass_pos_flags |= FOS_NOTE_ACKED;
	f->last_ack = in->seg.ack;
	f->last_wnd = in->seg.wnd;
	f->last_tsval = in->seg.tsval;
	return changed;
}

/* The segment goes on without its payload, translated by egress. */
static void pass_control(struct input *in, uint32_t flags)
{
	struct fos_classifier *c = in->c;
	uint64_t pos = (uint64_t)fos_tcp_position(in->f->isn, in->s->app_tail, in->seg.seq);

	note_ack(in);
	fos_emit(c, FOS_DESC_TCP_CTL, in->pkt->part[0].frame, in->pkt->part[0].gen, in->flow, pos,
		 0, flags);
	for (uint32_t i = 1; i < in->pkt->nr; i++)
		fos_cls_drop(c, in->pkt->part[i].frame, in->pkt->part[i].gen, FOS_C_drop_tcp_payload);
}

/* The segment's frame stays here or goes home: what it acknowledges is told by itself. */
static void announce_ack(struct input *in)
{
	bool says = note_ack(in);

	for (uint32_t i = 0; i < in->seg.nr_sack; i++)
		fos_emit(in->c, FOS_DESC_SACK, FOS_NONE, 0, in->flow,
			 in->seg.sack[i][0] | (uint64_t)in->seg.sack[i][1] << 32, 0, i);
	if (says || in->seg.nr_sack)
		fos_emit(in->c, FOS_DESC_ACK, FOS_NONE, 0, in->flow,
			 in->seg.ack | (uint64_t)in->seg.wnd << 32, in->seg.tsval, in->seg.ace);
}

/* ------------------------------------------------------------------ handshake and reset */

static void take_syn(struct input *in)
{
	struct fos_flow *f = in->f;

	/* its data cannot be taken off where nothing may be changed; it comes again without */
	if (in->s->flags & FOS_FLOW_OPAQUE && in->seg.len > 0 && !in->c->p->offline) {
		refuse(in, FOS_C_drop_tcp_payload);
		return;
	}
	f->isn = in->seg.seq;
	f->mss = in->seg.mss;
	f->wscale = in->seg.wscale;
	f->sack_ok = in->seg.sack_ok;
	f->ts_ok = in->seg.has_ts;
	f->ts_recent = in->seg.tsval;
	if (in->seg.md5)
		f->pass_pos_flags |= FOS_NOTE_MD5;
	in->s->state |= FOS_FLOW_ST_SYN;
	pass_control(in, 0);
}

/* A refusal comes from a side that has no stream yet: it goes on as the segment that it is. */
static bool reset_goes_by_itself(struct input *in)
{
	if (in->s->state & FOS_FLOW_ST_SYN)
		return false;
	in->f->isn = in->seg.seq - 1;
	pass_control(in, 0);
	return true;
}

/* The reset takes its place after the bytes that came before it. */
static bool append_reset(struct input *in)
{
	struct fos_classifier *c = in->c;
	const struct fos_part *part = &in->pkt->part[0];
	uint32_t piece = fos_piece_new(c);
	struct fos_piece *p;

	if (piece == FOS_NONE) {
		refuse(in, FOS_C_drop_no_piece);
		return false;
	}
	announce_ack(in);
	p = &c->pieces[piece];
	p->pos = in->s->app_tail;
	p->number = in->pkt->meta.number;
	p->frame = part->frame;
	p->gen = part->gen;
	p->off = (uint16_t)(part->off + in->seg.header_len);
	p->flags = FOS_PIECE_RST;
	fos_reasm_append(c, in->flow, piece);
	for (uint32_t i = 1; i < in->pkt->nr; i++)
		fos_cls_drop(c, in->pkt->part[i].frame, in->pkt->part[i].gen, FOS_C_drop_tcp_payload);
	return true;
}

static void take_reset(struct input *in)
{
	struct fos_classifier *c = in->c;

	if (!reset_goes_by_itself(in) && !append_reset(in))
		return;
	if (!(in->s->state & FOS_FLOW_ST_FIN))
		in->s->fin_pos = in->s->app_tail;
	in->s->state |= FOS_FLOW_ST_RESET;
	fos_save_conn(c, in->flow >> 1);
	in->conn->close = FOS_CLOSE_RST;
	fos_expire_publish_closed(c, in->flow >> 1, FOS_CLOSE_RST);
	fos_expire_touch(c, in->flow, in->pkt->meta.time_ns, FOS_LIST_CLOSING);
}

/* ------------------------------------------------------------------ data */

static void establish(struct input *in)
{
	if (in->s->flags & FOS_FLOW_PICKUP)
		fos_pickup_settle(in->c, in->flow, in->pkt->meta.time_ns);
	if (in->s->state & FOS_FLOW_ST_ESTABLISHED || !(in->s->state & in->peer->state & FOS_FLOW_ST_SYN))
		return;
	in->s->state |= FOS_FLOW_ST_ESTABLISHED;
	in->peer->state |= FOS_FLOW_ST_ESTABLISHED;
	fos_event_happened(in->c, in->flow, FOS_EVENT_ESTABLISHED, 0, 0, in->pkt->meta.time_ns);
	fos_event_happened(in->c, FOS_PEER(in->flow), FOS_EVENT_ESTABLISHED, 0, 0,
			in->pkt->meta.time_ns);
	fos_expire_touch(in->c, in->flow, in->pkt->meta.time_ns, FOS_LIST_IDLE);
}

static void differing(struct input *in, uint64_t pos, uint32_t len)
{
	fos_cls_count(in->c, FOS_C_tcp_overlap_differs);
	note(in, FOS_EVENT_DIFFERING_COPY, pos, len);
}

/* Bytes [pos, pos+len) came before.  The frame, if there is one to give, goes home. */
static void repeat(struct input *in, uint64_t pos, uint32_t len, uint32_t off, bool fin,
		   bool give_frame)
{
	struct fos_classifier *c = in->c;
	const struct fos_part *part = &in->pkt->part[0];

	fos_cls_count(c, FOS_C_tcp_retransmitted);
	note(in, FOS_EVENT_RETRANSMISSION, pos, len);
	fos_stuck_again(c, in->flow, pos, len, in->pkt->meta.time_ns);
	if (fos_reasm_differs(c, in->flow, in->pkt, pos, off, len))
		differing(in, pos, len);
	if (give_frame && in->pkt->nr > 1 && in->s->flags & FOS_FLOW_OPAQUE && !c->p->offline)
		return fos_packet_forward(c, in->pkt, in->flow); /* as it came */
	fos_emit(c, FOS_DESC_REXMIT, give_frame ? part->frame : FOS_NONE, part->gen, in->flow, pos,
		 len, fin ? FOS_PIECE_FIN : 0);
	if (!give_frame)
		return;
	fos_cls_count(c, FOS_C_drop_tcp_duplicate);
	for (uint32_t i = 1; i < in->pkt->nr; i++)
		fos_cls_drop(c, in->pkt->part[i].frame, in->pkt->part[i].gen,
			 FOS_C_drop_tcp_duplicate);
}

/* New bytes at [pos, pos+len), not below the tail; the frame finds its place here. */
static void place(struct input *in, uint64_t pos, uint32_t off, uint32_t len, bool fin)
{
	struct fos_classifier *c = in->c;
	uint64_t tail = in->s->app_tail;
	bool hole = in->f->ooo_first != FOS_NONE;
	uint64_t waits = hole ? c->pieces[in->f->ooo_first].pos : 0;
	bool goes = pos > tail && fos_unread_ahead(c, in->flow, in->pkt, pos, pos + len);
	struct fos_reasm_in run = {
		.pkt = in->pkt,
		.pos = pos,
		.off = off,
		.len = len,
		.flags = (in->seg.flags & FOS_TCP_PSH && len ? FOS_PIECE_PSH : 0) |
			 (fin ? FOS_PIECE_FIN : 0),
		.whole = in->pkt->nr == 1 && off == in->seg.header_len && len == in->seg.len,
		.gone = goes,
	};
	bool differs = false;
	enum fos_reasm_result r = fos_reasm_place(c, in->flow, &run, &differs);

	if (differs)
		differing(in, pos, len);
	if (r == FOS_REASM_NO_PIECE || r == FOS_REASM_TOO_FAR)
		refuse(in, r == FOS_REASM_NO_PIECE ? FOS_C_drop_no_piece : FOS_C_drop_ooo_limit);
	if (r == FOS_REASM_NOTHING) {
		fos_cls_count(c, FOS_C_tcp_retransmitted);
		note(in, FOS_EVENT_RETRANSMISSION, pos, len);
		if (!goes)
			refuse(in, FOS_C_drop_tcp_duplicate);
	}
	if (pos > tail && (r == FOS_REASM_TAKEN || r == FOS_REASM_NOTHING)) {
		fos_cls_count(c, FOS_C_tcp_ooo);
		if (r == FOS_REASM_TAKEN)
			note(in, FOS_EVENT_OUT_OF_ORDER, pos, len);
		if (!hole)
			note(in, FOS_EVENT_GAP, tail, (uint32_t)(pos - tail));
		if (goes)
			fos_unread_send(c, in->flow, &in->pkt->part[0]);
		else
			fos_emit(c, FOS_DESC_OOO, FOS_NONE, (uint32_t)(pos - tail), in->flow,
				 pos, len, run.flags & FOS_PIECE_FIN);
	}
	if (hole && pos == tail && in->s->app_tail >= waits)
		note(in, FOS_EVENT_GAP_FILLED, pos, len);
	if (in->s->app_tail != tail || in->s->state & FOS_FLOW_ST_FIN)
		fos_deliver_hint_app(c, in->flow);
	if (in->s->state & FOS_FLOW_ST_FIN)
		fos_goodbye_fin(c, in->flow, in->pkt->meta.time_ns);
}

/* After this direction's FIN: only repetitions have a meaning. */
static void after_fin(struct input *in, int64_t pos)
{
	uint64_t fin = in->s->fin_pos;
	int64_t end = pos + in->seg.len;
	bool again = in->seg.flags & FOS_TCP_FIN && end == (int64_t)fin;
	uint32_t skip = pos < 0 ? (uint32_t)-pos : 0;

	if (pos >= (int64_t)fin && in->seg.len > 0) {
		refuse(in, FOS_C_drop_tcp_after_end);
		return;
	}
	if (end > (int64_t)fin)
		end = (int64_t)fin;
	if (end < pos + skip)
		skip = (uint32_t)(end - pos);
	if (pos + skip < 0) {
		refuse(in, FOS_C_drop_tcp_sequence);
		return;
	}
	repeat(in, (uint64_t)(pos + skip), (uint32_t)(end - pos - skip), in->seg.header_len + skip,
	       again, true);
}

/* Payload or FIN at position pos, which may lie before the tail and even before the start. */
static void take_data(struct input *in, int64_t pos)
{
	struct fos_classifier *c = in->c;
	uint64_t tail = in->s->app_tail, pinned = fos_reasm_pinned_fin(c, in->flow);
	int64_t end = pos + in->seg.len;
	uint32_t off = in->seg.header_len;
	bool fin = in->seg.flags & FOS_TCP_FIN;

	if (fin && (end < (int64_t)tail ||
		    !fos_reasm_fin_fits(c, in->flow, (uint64_t)end, pos <= (int64_t)tail)))
		fin = false; /* it stands on bytes that were taken as data */
	if (end > 0 && (uint64_t)end > pinned) {
		end = (int64_t)pinned;
		fin = false;
	}
	if (end < pos || (end == pos && !fin) || end < 0) {
		refuse(in, in->seg.len && end <= pos ? FOS_C_drop_tcp_after_end :
						       FOS_C_drop_tcp_sequence);
		return;
	}
	if (pos < (int64_t)tail) {
		uint32_t skip = pos < 0 ? (uint32_t)-pos : 0;
		int64_t stop = end < (int64_t)tail ? end : (int64_t)tail;
		bool all_old = end <= (int64_t)tail && !fin;

		if (stop > pos + skip || all_old)
			repeat(in, (uint64_t)(pos + skip),
			       stop > pos + skip ? (uint32_t)(stop - pos - skip) : 0, off + skip,
			       false, all_old);
		if (all_old)
			return;
		off += (uint32_t)((int64_t)tail - pos);
		pos = (int64_t)tail;
	}
	place(in, (uint64_t)pos, off, (uint32_t)(end - pos), fin);
}

static void take_segment(struct input *in)
{
	struct fos_classifier *c = in->c;
	int64_t pos = fos_tcp_position(in->f->isn, in->s->app_tail, in->seg.seq);
	uint32_t over;
	bool bytes = in->seg.len > 0 || in->seg.flags & FOS_TCP_FIN;

	if (in->seg.md5 || !fos_timestamp_ok(c, in->flow, &in->seg, bytes)) {
		refuse(in, in->seg.md5 ? FOS_C_drop_tcp_signature : FOS_C_drop_tcp_old);
		return;
	}
	/* before the stream's start: no end takes it for the handshake's last segment */
	if (!(in->s->state & FOS_FLOW_ST_ESTABLISHED) && pos < 0) {
		refuse(in, FOS_C_drop_tcp_sequence);
		return;
	}
	establish(in);
	if (pos <= (int64_t)in->s->app_tail)
		fos_timestamp_take(c, in->flow, &in->seg);
	if (in->seg.len <= 1 && fos_tcp_keepalive(c, in->flow, &in->seg, pos)) {
		pass_control(in, FOS_DESC_PROBE);
	} else if (bytes && pos < 0 && fos_pickup_before(c, in->flow, in->pkt, &in->seg, pos)) {
		note_ack(in);
	} else if (!bytes) {
		int64_t away = pos - (int64_t)in->s->app_tail;

		if (away > PURE_ACK_SPAN || away < -PURE_ACK_SPAN)
			refuse(in, FOS_C_drop_tcp_sequence);
		else
			pass_control(in, 0);
	} else {
		announce_ack(in);
		fos_event_window(c, in->flow, pos + in->seg.len, in->pkt->meta.time_ns);
		if (in->s->state & FOS_FLOW_ST_FIN)
			after_fin(in, pos);
		else if ((over = fos_tcp_over_quota(c, in->flow)) != 0)
			refuse(in, over);
		else
			take_data(in, pos);
	}
	if (fos_tcp_acks_fin(c, in->flow, &in->seg))
		fos_goodbye_ack(c, in->flow);
}

/* ------------------------------------------------------------------ the way in */

/* Passes as it is, counted, unless it is (now) taken up: then both ends must have been established. */
static bool pass_or_take(struct input *in, bool taken, uint32_t counter)
{
	if (taken) {
		in->f->tcp_state = in->c->flows[FOS_PEER(in->flow)].tcp_state = FOS_TCP_ST_ESTABLISHED;
		in->seg.md5 = false;
		take_segment(in);
		return true;
	}
	fos_pickup_passed(in->c, in->flow, &in->seg);
	fos_pickup_settle(in->c, in->flow, in->pkt->meta.time_ns);
	fos_cls_count(in->c, counter);
	fos_packet_forward(in->c, in->pkt, in->flow);
	return false;
}

/* Does what was judged, but for what leads elsewhere; true: the segment counts for the ends. */
static bool act(struct input *in, enum fos_tcp_action what)
{
	switch (what) {
	case FOS_TCP_DO_START:
	case FOS_TCP_DO_SYN:
		take_syn(in);
		return in->s->state & FOS_FLOW_ST_SYN;
	case FOS_TCP_DO_CTL:
		pass_control(in, 0);
		return true;
	case FOS_TCP_DO_JOIN:
	case FOS_TCP_DO_DATA:
		take_segment(in);
		return true;
	case FOS_TCP_DO_RESET:
		take_reset(in);
		return in->conn->close == FOS_CLOSE_RST;
	case FOS_TCP_DO_MIDSTREAM:
		return pass_or_take(in, fos_pickup_midstream(in->c, in->flow, &in->seg),
				    FOS_C_packets_midstream);
	case FOS_TCP_DO_ONE_WAY:
		return pass_or_take(in, fos_pickup_one_way(in->c, in->flow, &in->seg),
				    FOS_C_packets_one_way);
	case FOS_TCP_DO_RAW:
		fos_packet_forward(in->c, in->pkt, in->flow);
		return false;
	case FOS_TCP_DO_CHALLENGE:
		fos_challenge(in->c, in->flow, in->pkt, in->seg.flags);
		return false;
	case FOS_TCP_DO_REFUSE:
		fos_successor_answer(in->c, in->pkt);
		return false;
	case FOS_TCP_DO_CLOSED:
		fos_goodbye_late(in->c, in->flow, in->pkt, &in->seg);
		return false;
	case FOS_TCP_DO_BAD_ACK:
		refuse(in, FOS_C_drop_tcp_ack);
		return false;
	default:
		refuse(in, FOS_C_drop_tcp_invalid);
		return false;
	}
}

void fos_tcp_input(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	struct input in;
	enum fos_tcp_action what;

	in.c = c;
	in.flow = flow;
	in.pkt = pkt;
	in.f = &c->flows[flow];
	in.s = fos_touch(c, flow);
	in.peer = fos_touch(c, FOS_PEER(flow));
	in.conn = fos_cls_conn(c, flow);
	in.refused = false;
	if (!fos_packet_segment(pkt)) {
		refuse(&in, FOS_C_drop_l4_bad);
		return;
	}
	in.seg = pkt->seg;
	in.seg.len = pkt->l4_len - in.seg.header_len;
	/* a signature is suspect unless the connection began with one: then its lack is */
	if (in.f->pass_pos_flags & FOS_NOTE_MD5 && !(in.seg.flags & FOS_TCP_SYN))
		in.seg.md5 = !in.seg.md5;
	what = (in.seg.flags & (FOS_TCP_SYN | FOS_TCP_RST)) == 0 && fos_tcp_plain(c, flow, &in.seg) ?
		       FOS_TCP_DO_DATA :
		       judge(&in);
	if (what == FOS_TCP_DO_RESTART)
		fos_admit_restart(c, flow, pkt);
	else if (act(&in, what) && !in.refused)
		fos_tcp_follow(c, flow, &in.seg);
}
