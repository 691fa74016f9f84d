/* egress/direct.c - descriptors from the classifier, see direct.h */
#include "egress/direct.h"

#include "egress/again.h"
#include "egress/ahead.h"
#include "egress/before.h"
#include "egress/early.h"
#include "egress/emit.h"
#include "egress/flow.h"
#include "egress/frames.h"
#include "egress/icmp_error.h"
#include "egress/mss.h"
#include "egress/opaque.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/reply.h"
#include "egress/resend.h"
#include "egress/sack.h"
#include "egress/timer.h"

static void place(struct fos_egress *e, uint32_t frame)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);

	e->number = m->number;
	e->time_ns = m->time_ns;
}

bool fos_direct_room(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t port = FOS_NONE, peer;

	if (!fos_egress_room(e))
		return false;
	if (d->kind == FOS_DESC_FREE || d->kind == FOS_DESC_ACK || d->kind == FOS_DESC_SACK)
		return true;
	if (d->kind == FOS_DESC_REPLY)
		port = d->len;
	else if (d->frame < e->p->dir->nr_frames)
		port = fos_box_meta(&e->p->box, d->frame)->port;
	else if (d->flow < e->p->dir->nr_flows)
		port = e->p->box.flows[d->flow].port;
	if (port >= e->p->dir->nr_ports)
		return true;
	peer = e->p->dir->port[port].peer;
	return fos_frames_tx_room(e, port, 2) &&
	       (peer >= e->p->dir->nr_ports || fos_frames_tx_room(e, peer, 2));
}

static void release(struct fos_egress *e, const struct fos_desc *d)
{
	if (d->frame != FOS_NONE && fos_frames_claim(e, d->frame, d->gen))
		fos_frames_put(e, d->frame);
}

static void forward(struct fos_egress *e, const struct fos_desc *d, uint32_t port)
{
	uint32_t flow = d->flow;

	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	if (flow != FOS_NONE && !fos_out_open(e, flow, d->flow_gen))
		flow = FOS_NONE;
	if (flow != FOS_NONE && fos_box_meta(&e->p->box, d->frame)->flags & FOS_PKT_ICMP_ERROR)
		fos_icmp_error_forward(e, flow, d->frame, port);
	else
		fos_emit_plain(e, flow, d->frame, port);
}

static uint32_t peer_port(const struct fos_egress *e, uint32_t frame)
{
	uint32_t port;

	if (frame >= e->p->dir->nr_frames)
		return FOS_NONE;
	port = fos_box_meta(&e->p->box, frame)->port;
	return port < e->p->dir->nr_ports ? e->p->dir->port[port].peer : FOS_NONE;
}

/* ---- acknowledgements ------------------------------------------------------------------------ */

static void block(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t left = (uint32_t)d->pos, right = (uint32_t)(d->pos >> 32);

	if (!fos_out_open(e, d->flow, d->flow_gen) || e->p->offline)
		return;
	fos_sack_see(e, d->flow, d->flags, left, right);
	fos_ahead_sacked(e, FOS_PEER(d->flow), left, right);
}

static void acknowledge(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_tcb *t = fos_out_open(e, d->flow, d->flow_gen);
	uint32_t ack = (uint32_t)d->pos, now;
	uint16_t wnd = (uint16_t)(d->pos >> 32);
	const struct fos_tcb *g;
	uint64_t edge, una;

	if (!t || fos_opaque(e, d->flow))
		return;
	if (t->flags & FOS_TCB_TS && fos_out_newer(d->len, t->ts_seen))
		t->ts_seen = d->len;
	fos_out_learn_ace(t, ack, (uint8_t)(d->flags & 7));
	fos_out_learn_ack(t, ack, wnd);
	g = fos_out_peer(e, d->flow);
	una = g ? g->una : 0;
	if (!fos_out_acked(e, d->flow, ack, wnd, true)) {
		fos_count(e->p->counter, FOS_C_drop_tcp_ack, 1);
		return;
	}
	if (g)
		fos_ahead_acked(e, FOS_PEER(d->flow), NULL, g->una > una);
	if (e->p->offline || t->flags & FOS_TCB_DONE || !fos_out_ack(e, d->flow, 0, &now))
		return;
	if (!(t->flags & FOS_TCB_ACK_SENT) || t->ack_sent != now ||
	    t->wnd_sent != fos_out_wnd(e, d->flow, &edge) ||
	    fos_sack_pending(e, d->flow))
		fos_timer_ack_due(e, d->flow);
}

/* ---- segments without payload ---------------------------------------------------------------- */

static void learn_syn(struct fos_egress *e, uint32_t flow, struct fos_tcb *t,
		      const struct fos_header *h)
{
	struct fos_tcb_more *m = fos_out_more(e, flow);
	uint32_t bound = fos_mss_bound(e, h->m->flags & FOS_PKT_IPV6);
	struct fos_header_options o;

	if (t->out == 0 && t->una == 0) {
		t->isn = fos_header_seq(h);
		t->flags |= FOS_TCB_ISN;
	}
	fos_header_options(h, &o);
	/* one that comes again may offer less; which of them arrived, the answer tells */
	if (o.mss)
		m->mss = bound && o.mss > bound ? (uint16_t)bound : o.mss;
	if (o.wscale != 0xff)
		t->wscale = o.wscale;
	if (o.sack_ok)
		t->flags |= FOS_TCB_SACK;
	if (h->l4[13] & FOS_TH_ACK ? fos_header_offers_ace(h) : fos_header_ace(h) == 7)
		t->flags |= FOS_TCB_ACCECN;
	if (o.has_ts)
		fos_out_learn_ts(t, o.tsval);
}

/* Did both ends offer the option?  A SYN+ACK that leaves it out takes the SYN's offer back. */
static void agree(struct fos_egress *e, uint32_t flow)
{
	const uint32_t options = FOS_TCB_TS | FOS_TCB_SACK | FOS_TCB_ACCECN;
	struct fos_tcb *t = fos_out_tcb(e, flow), *g;
	uint32_t missing;

	if (!fos_out_peer(e, flow))
		return;
	g = fos_out_tcb(e, FOS_PEER(flow));
	missing = options & ~(t->flags & g->flags);
	t->flags &= ~missing;
	g->flags &= ~missing;
}

static void learn(struct fos_egress *e, uint32_t flow, struct fos_tcb *t,
		  const struct fos_header *h)
{
	struct fos_header_options o;
	uint8_t flags = h->l4[13];

	fos_build_learn(e, flow, h);
	if (flags & FOS_TH_SYN) {
		learn_syn(e, flow, t, h);
		if (flags & FOS_TH_ACK || (fos_out_peer(e, flow) &&
					   fos_out_peer(e, flow)->flags & FOS_TCB_ISN))
			agree(e, flow);
		return;
	}
	if (flags & FOS_TH_ACK && !(flags & FOS_TH_RST))
		fos_out_learn_ace(t, fos_header_ack(h), fos_header_ace(h));
	fos_header_options(h, &o);
	if (o.has_ts && !(flags & FOS_TH_RST) && fos_out_has_ts(e, t))
		fos_out_learn_ts(t, o.tsval);
}

/* Sequence number, in the output, of a segment without payload that came at `seq`. */
static uint32_t translate_seq(const struct fos_egress *e, const struct fos_tcb *t, bool probe,
			      const struct fos_header *h)
{
	uint64_t wire = fos_out_wire(t);
	int64_t pos = fos_out_pos(t, fos_header_seq(h), t->in);
	uint64_t at;

	if (h->l4[13] & FOS_TH_SYN || !(t->flags & FOS_TCB_ISN))
		return fos_header_seq(h);
	if (h->l4[13] & FOS_TH_FIN)
		return fos_out_seq(t, t->out);
	if (e->p->offline) {
		if (pos < 0)
			return fos_header_seq(h);
		at = fos_out_forward(e, t, (uint64_t)pos);
		return fos_out_seq(t, at < wire ? at : wire);
	}
	/* keep-alive, window probe: below what the receiver expects, so that it answers */
	return probe ? fos_out_seq(t, t->una) - 1 : fos_out_seq(t, wire);
}

/* Has the segment no block but the one by which the receiver answers a byte of the box, or bytes that the
 * box has sent ahead? */
static bool answers_box(const struct fos_egress *e, uint32_t flow, struct fos_header_options *o)
{
	const uint32_t only[2] = { o->sack[0][0], o->sack[0][0] + 1 };

	return o->nr_sack == 1 &&
	       (fos_sack_prompt(e, flow, only) || fos_sack_ahead(e, flow, o->sack, 1));
}

/* Does the segment repeat an acknowledgement because of bytes that the box has sent ahead? */
static bool repeats(const struct fos_egress *e, uint32_t flow, const struct fos_header *h)
{
	struct fos_header_options o;

	fos_header_options(h, &o);
	return fos_sack_ahead(e, flow, o.sack, o.nr_sack);
}

/* An acknowledgement that says something new in the receiver's numbers and nothing in the sender's:
 * there it would look like a duplicate. */
static bool absorbed(struct fos_egress *e, uint32_t flow, const struct fos_tcb *t,
		     const struct fos_header *h, bool news)
{
	struct fos_header_options o;
	uint64_t edge;
	uint32_t ack;
	bool ours;

	if (h->l4[13] & (FOS_TH_SYN | FOS_TH_FIN | FOS_TH_RST) || !(t->flags & FOS_TCB_ACK_SENT) ||
	    h->m->payload_len)
		return false;
	/* which few are, and it takes less to know than what options there are */
	if (!fos_out_ack(e, flow, fos_header_ack(h), &ack) || ack != t->ack_sent)
		return false;
	fos_header_options(h, &o);
	ours = answers_box(e, flow, &o);
	if (!news && !ours)
		return false;
	return e->p->offline ||
	       (t->wnd_sent == fos_out_wnd(e, flow, &edge) && (!o.has_sack || ours));
}

/* Left edge of the block nearest to the acknowledgement; without one the acknowledgement. */
static uint32_t nearest_block(const struct fos_header *h, uint32_t ack)
{
	struct fos_header_options o;
	uint32_t at = ack;

	fos_header_options(h, &o);
	for (uint32_t i = 0; i < o.nr_sack; i++)
		if (fos_out_newer(o.sack[i][0], ack) && (at == ack || fos_out_newer(at, o.sack[i][0])))
			at = o.sack[i][0];
	return at;
}

/* One of those that rise through what was told to be here already: the last of them will do. */
static bool rises(struct fos_egress *e, uint32_t flow, const struct fos_header *h, bool news)
{
	struct fos_header_options o;
	uint32_t ack;

	if (e->p->offline || h->l4[13] & (FOS_TH_SYN | FOS_TH_FIN | FOS_TH_RST) ||
	    !fos_out_ack(e, flow, fos_header_ack(h), &ack) ||
	    !fos_sack_rising(e, FOS_PEER(flow), ack))
		return false;
	fos_header_options(h, &o);
	if (!answers_box(e, flow, &o) && (!news || o.has_sack))
		return false;
	fos_timer_ack_due(e, flow);
	return true;
}

/* Takes the acknowledgement of a control segment in; false: it is not valid. */
static bool take_ack(struct fos_egress *e, uint32_t flow, struct fos_tcb *t,
		     const struct fos_header *h, bool *news)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);
	uint32_t ack = fos_header_ack(h), seen = t->ack_seen;
	uint16_t wnd = t->wnd;
	uint64_t una = g ? g->una : 0;

	if (!(h->l4[13] & FOS_TH_ACK))
		return true;
	/* the window of a SYN is never scaled; what the box makes from it is not a SYN */
	if (h->l4[13] & FOS_TH_SYN && t->wscale != 0xff && g && g->wscale != 0xff)
		fos_out_learn_ack(t, ack, (uint16_t)(fos_header_wnd(h) >> t->wscale));
	else if (!(h->l4[13] & FOS_TH_RST))
		fos_out_learn_ack(t, ack, fos_header_wnd(h));
	if (!fos_out_acked(e, flow, ack, fos_header_wnd(h), !(h->l4[13] & FOS_TH_SYN)))
		return h->l4[13] & FOS_TH_RST;
	g = fos_out_peer(e, flow);
	*news = e->p->offline ? fos_out_newer(ack, seen) : g && (g->una > una || t->wnd != wnd);
	if (!g || h->l4[13] & (FOS_TH_SYN | FOS_TH_RST) || g->flags & FOS_TCB_DONE)
		return true;
	if (!*news && !e->p->offline && ack == fos_out_seq(g, g->una) &&
	    !(h->l4[13] & FOS_TH_FIN) && !repeats(e, flow, h))
		fos_resend_dupack(e, FOS_PEER(flow), nearest_block(h, ack));
	fos_ahead_acked(e, FOS_PEER(flow), h, g->una > una);
	return true;
}

static void control(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_tcb *t = fos_out_open(e, d->flow, d->flow_gen);
	enum fos_counter_id why = FOS_C_drop_meta;
	bool news = false;
	struct fos_header h;

	if (!fos_frames_claim(e, d->frame, d->gen))
		return;
	if (t && fos_opaque(e, d->flow)) {
		fos_emit_plain(e, d->flow, d->frame, fos_out_port(e, d->flow));
		return;
	}
	if (!t) {
		why = FOS_C_drop_tcp_closed;
	} else if (fos_header_open(&h, fos_box_frame(&e->p->box, d->frame),
				   e->p->dir->frame_size, e->claims[d->frame]) &&
		   h.l4 && h.m->flags & FOS_PKT_TCP) {
		learn(e, d->flow, t, &h);
		if (t->flags & FOS_TCB_GIVEN_UP && fos_again_given_up(e, d->flow, &h))
			why = FOS_C_drop_tcp_closed;
		else if (!take_ack(e, d->flow, t, &h, &news))
			why = FOS_C_drop_tcp_ack;
		else if (h.l4[13] & FOS_TH_FIN && !(t->flags & FOS_TCB_FIN_SENT))
			why = FOS_C_drop_tcp_duplicate; /* its own copy is still to come */
		else if (absorbed(e, d->flow, t, &h, news) || rises(e, d->flow, &h, news))
			why = FOS_C_drop_ack_absorbed;
		else if (d->flags & FOS_DESC_PROBE && !fos_emit_owed(e, d->flow))
			why = FOS_C_drop_no_frame;
		else {
			fos_emit_translated(e, d->flow, d->frame, &h,
					    translate_seq(e, t, d->flags & FOS_DESC_PROBE, &h), 0);
			return;
		}
	}
	fos_count(e->p->counter, why, 1);
	fos_frames_put(e, d->frame);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void reset_both(struct fos_egress *e, uint32_t flow)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct fos_tcb *t = &e->tcbs[flow ^ i];

		if (i && !fos_out_peer(e, flow))
			break;
		if (!(t->flags & FOS_TCB_ISN) || t->flags & FOS_TCB_DONE)
			continue;
		fos_emit_reset(e, flow ^ i, fos_out_wire(t));
		if (t->una < fos_out_wire(t))
			fos_emit_reset(e, flow ^ i, t->una);
	}
}

void fos_direct_stop(struct fos_egress *e)
{
	for (uint32_t flow = 0; flow + 1 < e->p->dir->nr_flows; flow += 2) {
		uint32_t gen = fos_acquire32(&e->p->box.flows[flow].gen);
		uint32_t either = e->tcbs[flow].flags | e->tcbs[FOS_PEER(flow)].flags;

		if (!gen || e->tcbs[flow].gen != gen || !(either & FOS_TCB_EDITED))
			continue;
		if (!fos_egress_room(e))
			fos_egress_commit(e);
		reset_both(e, flow);
	}
}

/* A connection is given up whose ends do not agree on their numbers without us: what they may still
 * send would pass untranslated. */
static bool abandons_edits(const struct fos_egress *e, const struct fos_desc *d)
{
	const struct fos_tcb *a = &e->tcbs[d->flow], *b = fos_out_peer(e, d->flow);
	uint32_t either = a->flags | (b ? b->flags : 0), both = a->flags & (b ? b->flags : 0);

	return !e->p->offline && (d->flags == FOS_CLOSE_TIMEOUT || d->flags == FOS_CLOSE_EVICTED) &&
	       either & FOS_TCB_EDITED && !(both & FOS_TCB_DONE);
}

/* A reset whose connection is closed in the same batch (its ports are used again) still leaves. */
static void last_reset(struct fos_egress *e, uint32_t flow)
{
	if (!(fos_acquire32(&e->p->box.flows[flow].state) & FOS_FLOW_ST_RESET))
		return;
	if (!e->p->offline)
		fos_flow_run(e, flow);
	else if (e->tcbs[flow].flags & FOS_TCB_ISN)
		fos_tcp_end_reset(e, flow); /* its bytes have left already */
}

static void close_flows(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t gen = d->flow_gen;

	if (!fos_out_open(e, d->flow, gen))
		return;
	if (FOS_PEER(d->flow) < e->p->dir->nr_flows)
		fos_out_open(e, FOS_PEER(d->flow),
			     fos_acquire32(&e->p->box.flows[FOS_PEER(d->flow)].gen));
	if ((d->len == 1 || abandons_edits(e, d)) && e->p->box.flows[d->flow].flags & FOS_FLOW_TCP)
		reset_both(e, d->flow);
	for (uint32_t i = 0; i < 2 && d->flags != FOS_CLOSE_PM; i++)
		if (!i || fos_out_peer(e, d->flow))
			last_reset(e, d->flow ^ i);
	for (uint32_t i = 0; i < 2; i++) {
		if (i && !fos_out_peer(e, d->flow))
			break;
		fos_out_finish(e, d->flow ^ i);
		fos_flow_run(e, d->flow ^ i);
	}
}

/* To be asked before a packet is opened, which takes longer: may it be a SYN?  No header that is kept, or
 * translated, has another answer. */
static bool may_be_syn(const struct fos_egress *e, const uint8_t *frame)
{
	uint32_t l4 = ((const struct fos_frame_meta *)(const void *)frame)->l4_off;

	return l4 + 13 < e->p->dir->frame_size && frame[l4 + 13] & FOS_TH_SYN;
}

void fos_direct_learn(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_header h;
	struct fos_tcb *t;

	if (d->kind != FOS_DESC_TCP_CTL || d->frame >= e->p->dir->nr_frames ||
	    !may_be_syn(e, fos_box_frame(&e->p->box, d->frame)) ||
	    !fos_header_open(&h, fos_box_frame(&e->p->box, d->frame), e->p->dir->frame_size,
			     fos_frames_gen(d->gen)) ||
	    !h.l4 || !(h.m->flags & FOS_PKT_TCP) || !(h.l4[13] & FOS_TH_SYN))
		return;
	t = fos_out_open(e, d->flow, d->flow_gen);
	if (t)
		learn(e, d->flow, t, &h);
}

void fos_direct_do(struct fos_egress *e, const struct fos_desc *d)
{
	if (d->frame < e->p->dir->nr_frames)
		place(e, d->frame);
	switch (d->kind) {
	case FOS_DESC_FORWARD:
		forward(e, d, peer_port(e, d->frame));
		break;
	case FOS_DESC_REPLY:
		fos_reply_send(e, d);
		break;
	case FOS_DESC_TCP_CTL:
		control(e, d);
		break;
	case FOS_DESC_ACK:
		acknowledge(e, d);
		break;
	case FOS_DESC_SACK:
		block(e, d);
		break;
	case FOS_DESC_REXMIT:
		if (!fos_opaque_again(e, d) && !fos_again(e, d))
			release(e, d);
		break;
	case FOS_DESC_EARLY:
		fos_early_send(e, d);
		break;
	case FOS_DESC_OOO:
		fos_again_early(e, d);
		break;
	case FOS_DESC_BEFORE:
		fos_before_send(e, d);
		break;
	case FOS_DESC_CHALLENGE:
		if (fos_out_open(e, d->flow, d->flow_gen) && fos_out_peer(e, d->flow))
			fos_emit_ack(e, FOS_PEER(d->flow));
		release(e, d);
		break;
	case FOS_DESC_FREE:
		release(e, d);
		break;
	case FOS_DESC_CLOSE:
		close_flows(e, d);
		break;
	default:
		fos_count(e->p->counter, FOS_C_drop_meta, 1);
		release(e, d);
	}
}
