/* egress/again.c - what came again, what came early: see again.h */
#include "egress/again.h"

#include "egress/early.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/opaque.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/resend.h"
#include "egress/retain.h"
#include "egress/sack.h"
#include "egress/timer.h"

#define DUPACKS 3u /* that a sender takes for a loss (RFC 5681) */
#define TOGETHER 16u /* segments behind a hole of which one acknowledgement may tell */
#define LOOK_FIRST 4u /* ms */
#define LOOK_LAST 64u
/* Told too early of what lies beyond a hole, a sender takes what is still on its way to the receiver
 * for lost, finds by its timestamps that it was not, and Linux (6.18), having undone that, does not see
 * the true loss any more until its timer runs out. */
#define WAIT_RECEIVER_NS 20000000u
#define WAIT_PIPELINE_NS 32000000u
#define WAIT_MOST_NS 64000000u

static void learn_again(struct fos_egress *e, struct fos_tcb *t, uint32_t frame)
{
	struct fos_header_options o;
	struct fos_header h;

	if (frame >= e->p->dir->nr_frames ||
	    !fos_header_open(&h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size, 0) ||
	    !h.l4 || !(h.m->flags & FOS_PKT_TCP))
		return;
	fos_header_options(&h, &o);
	if (o.has_ts && t->flags & FOS_TCB_TS)
		fos_out_learn_ts(t, o.tsval);
}

/* The connection was reset and this end does not know: as its peer would, with the number that it
 * expects (RFC 9293 section 3.10.7.1): the classifier keeps from the peer what comes after a reset, and
 * the peer's own answer would name a number that only it and this end know. */
static void reset_again(struct fos_egress *e, uint32_t flow, const struct fos_tcb *t, uint32_t ack)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);
	int64_t pos;

	if (e->p->offline || !g || t->flags & FOS_TCB_RESET || !(g->flags & FOS_TCB_ISN) ||
	    fos_opaque(e, flow))
		return;
	pos = fos_out_pos(g, ack, g->una);
	if (pos >= 0)
		fos_emit_reset(e, FOS_PEER(flow), (uint64_t)pos);
}

bool fos_again_given_up(struct fos_egress *e, uint32_t flow, const struct fos_header *h)
{
	const struct fos_tcb *t = &e->tcbs[flow];

	if (!(t->flags & FOS_TCB_GIVEN_UP) || !(h->l4[13] & FOS_TH_ACK) ||
	    h->l4[13] & (FOS_TH_RST | FOS_TH_SYN))
		return false;
	reset_again(e, flow, t, fos_header_ack(h));
	return true;
}

/* In a capture: a keep-alive with a byte leaves as one without, or its recorded answer would read as a
 * duplicate.  It stands one before the end of what its sender had sent by then; the map, and the end of
 * the stream, may belong to what comes later in the batch. */
static bool probe_again(struct fos_egress *e, const struct fos_desc *d, struct fos_tcb *t)
{
	uint64_t next = fos_out_wire(t);
	struct fos_seqmap_fwd end;

	if (!e->p->offline || d->frame == FOS_NONE || d->len != 1 || d->pos >= t->in)
		return false;
	for (uint32_t f = t->seg_first; f != FOS_NONE; f = e->segs[f].next)
		if (e->segs[f].flags & FOS_SEG_WAITS) {
			next = e->segs[f].pos;
			break;
		}
	end = fos_seqmap_forward(fos_out_map(e, t), &e->pool, d->pos + 1);
	if (next < end.lo || next > end.hi)
		return false;
	learn_again(e, t, d->frame);
	fos_emit_probe_at(e, d->flow, next);
	return true;
}

bool fos_again(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_tcb *t = fos_out_open(e, d->flow, d->flow_gen);
	const struct fos_flow *f;
	uint64_t lo, hi;

	if (!t || d->len > INT32_MAX || d->pos > FOS_POS_MAX || probe_again(e, d, t))
		return false;
	if (d->flags & FOS_PIECE_RST) {
		reset_again(e, d->flow, t, (uint32_t)d->pos);
		return false;
	}
	/* the box has given the connection up, and its reset was lost */
	if (t->flags & FOS_TCB_DONE && (t->una < fos_out_wire(t) || t->flags & FOS_TCB_GIVEN_UP)) {
		reset_again(e, d->flow, t, t->ack_seen);
		return false;
	}
	/* a recorded packet that also brought new bytes stands for itself */
	if (e->p->offline && d->frame == FOS_NONE)
		return false;
	learn_again(e, t, d->frame);
	f = &e->p->box.flows[d->flow];
	if (d->pos > t->in || (d->pos == t->in && !(t->flags & FOS_TCB_FIN_SENT))) {
		/* still in the pipeline; a sender that probes a closed window asks for us (it also
		 * keeps a module's hold from running out) */
		if (!e->p->offline && t->seg_first == FOS_NONE &&
		    (t->flags & FOS_TCB_BLOCKED || e->outs[d->flow].opened_ns == UINT64_MAX))
			fos_emit_probe(e, d->flow);
		return false;
	}
	lo = fos_seqmap_forward(fos_out_map(e, t), &e->pool, d->pos).lo;
	hi = fos_seqmap_forward(fos_out_map(e, t), &e->pool, d->pos + d->len).hi;
	if (t->flags & FOS_TCB_FIN_SENT && d->pos + d->len >= f->fin_pos)
		hi = fos_out_wire(t);
	if (hi > fos_out_wire(t))
		hi = fos_out_wire(t);
	if (hi > t->una && fos_early_again(e, d, lo > t->una ? lo : t->una, hi))
		return true;
	if (hi > t->una)
		fos_resend_range(e, d->flow, lo > t->una ? lo : t->una, hi);
	else if (!e->p->offline && d->len == 1 && d->pos + 1 == t->in &&
		 !(t->flags & FOS_TCB_FIN_SENT))
		fos_emit_probe(e, d->flow); /* a keep-alive with a byte: the other end answers */
	else if (!e->p->offline && fos_out_peer(e, d->flow))
		fos_emit_ack(e, FOS_PEER(d->flow));
	return false;
}

/* Is what the sender would be told now a step through bytes of which it knows? */
static bool rises(const struct fos_egress *e, uint32_t flow)
{
	uint32_t ack;

	return fos_out_peer(e, flow) && e->tcbs[FOS_PEER(flow)].flags & FOS_TCB_ACK_SENT &&
	       fos_out_ack(e, FOS_PEER(flow), 0, &ack) && fos_sack_rising(e, flow, ack);
}

bool fos_again_rises(struct fos_egress *e, uint32_t flow)
{
	struct fos_sack *s = &e->sacks[flow];
	uint64_t since;

	if (!fos_sack_any(e, flow))
		return false;
	since = s->rise_ns ? s->rise_ns : e->p->now_ns;
	s->rise_ns = 0;
	if (e->p->now_ns - since >= WAIT_MOST_NS || !rises(e, flow))
		return false;
	s->rise_ns = since;
	return true;
}

/* Has all that comes before a hole before the box been sent, but for the end of a packet of which a PM
 * has let the beginning go?  It holds that, and what it waits for may be what was lost. */
static bool all_sent(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint64_t tail = fos_acquire64(&e->p->box.flows[flow].app.tail);
	struct fos_piece pc;

	return t->in == tail ||
	       (!(t->flags & FOS_TCB_BLOCKED) && fos_pieces_peek(e, flow, &pc) &&
		pc.pos < t->in && pc.pos + pc.len == tail);
}

/* Has the receiver acknowledged all up to a hole before the box, as far as it can? */
static bool at_hole(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];

	return !e->p->offline && fos_out_peer(e, flow) &&
	       !(t->flags & (FOS_TCB_DONE | FOS_TCB_FIN_SENT)) && t->una == t->out &&
	       fos_sack_holds(e, flow) && all_sent(e, flow);
}

/* Or all up to the hole behind which something came, which may have been filled since?  One of which the
 * sender does not know is not worth telling then. */
static bool reached(struct fos_egress *e, uint32_t flow, uint64_t hole)
{
	const struct fos_tcb *t = &e->tcbs[flow];

	if (at_hole(e, flow))
		return true;
	return fos_sack_known(e, flow) && !(t->flags & (FOS_TCB_DONE | FOS_TCB_FIN_SENT)) &&
	       fos_seqmap_back(fos_out_map(e, t), &e->pool, t->una) >= hole;
}

static bool sack(const struct fos_egress *e, uint32_t flow)
{
	return e->tcbs[flow].flags & e->tcbs[FOS_PEER(flow)].flags & FOS_TCB_SACK;
}

/* The receiver may be on its way through bytes of which the sender was told: then what is told is what a
 * receiver would say that held them itself, and whose first hole is the one at `hole`. */
static void keep_ack(struct fos_egress *e, uint32_t flow, uint64_t hole)
{
	uint32_t ack, at = fos_out_seq(&e->tcbs[flow], hole), sent = e->tcbs[FOS_PEER(flow)].ack_sent;
	struct fos_sack *s = &e->sacks[flow];
	uint64_t edge;
	uint16_t wnd;

	if (!rises(e, flow) || !fos_out_ack(e, FOS_PEER(flow), 0, &ack) || ack == at)
		return;
	s->keep = fos_out_newer(ack, at) && fos_out_newer(at, sent) &&
				  fos_out_kept_wnd(e, FOS_PEER(flow), at, &wnd, &edge)
			  ? at
			  : sent;
	e->kept = flow + 1;
}

/* Tells the sender of all runs that it does not know, the newest last. */
static void tell(struct fos_egress *e, uint32_t flow, uint64_t hole)
{
	struct fos_sack *s = &e->sacks[flow];
	uint32_t most = fos_sack_most(e, FOS_PEER(flow));
	uint32_t from = s->nr_fresh ? (s->nr_fresh - 1) / most * most : 0;

	s->telling = 1;
	keep_ack(e, flow, hole);
	for (;; from -= most) {
		s->from = (uint8_t)from;
		if (!fos_egress_room(e) || !fos_emit_ack(e, FOS_PEER(flow)))
			break;
		s->nr_fresh = (uint8_t)from;
		if (from == 0)
			break;
	}
	s->from = 0;
	s->telling = 0;
	e->kept = 0;
}

/* Another segment has come behind the hole.  A sender without SACK counts the duplicates; others may,
 * up to what is a loss, and then read the blocks: one acknowledgement tells of all that come in a
 * batch, as a receiver's do (Linux makes one of up to 44, tcp_comp_sack_nr). */
static void tell_next(struct fos_egress *e, uint32_t flow, uint64_t hole)
{
	struct fos_sack *s = &e->sacks[flow];

	if (!sack(e, flow) || s->gen != e->tcbs[flow].gen) {
		fos_emit_ack(e, FOS_PEER(flow));
		return;
	}
	if (s->dups_at != hole + 1)
		s->dups = 0;
	s->dups_at = hole + 1;
	if (s->dups < DUPACKS) {
		s->dups++;
		tell(e, flow, hole);
		return;
	}
	if (e->nr_told_later && e->told_later != flow)
		fos_again_told(e);
	e->told_later = flow;
	if (++e->nr_told_later >= TOGETHER)
		fos_again_told(e);
}

void fos_again_told(struct fos_egress *e)
{
	uint32_t flow = e->told_later;
	const struct fos_tcb *t = &e->tcbs[flow];

	if (e->nr_told_later && t->gen == e->sacks[flow].gen && !(t->flags & FOS_TCB_DONE) &&
	    fos_out_peer(e, flow))
		tell(e, flow, e->sacks[flow].dups_at - 1);
	e->nr_told_later = 0;
}

/* Segments beyond the hole have waited for the receiver: now the sender is told, of each by a duplicate
 * where it counts them.  `first`: the first acknowledgement is none, it is new. */
static void tell_early(struct fos_egress *e, uint32_t flow, uint64_t hole, bool first)
{
	struct fos_sack *s = &e->sacks[flow];
	uint32_t nr = s->early + first;

	s->early = 0; /* from now on their blocks are told */
	if (sack(e, flow)) {
		tell(e, flow, hole);
		return;
	}
	for (uint32_t n = 0; n < nr && fos_egress_room(e); n++)
		fos_emit_ack(e, FOS_PEER(flow));
}

void fos_again_prompt(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	struct fos_sack *s = &e->sacks[flow];
	const struct fos_frame_meta *m;

	if (!fos_sack_any(e, flow) || !s->early || s->prompted == 1 || s->gen != t->gen ||
	    t->seg_last == FOS_NONE ||
	    t->una >= t->out || t->flags & (FOS_TCB_DONE | FOS_TCB_FIN_SENT) ||
	    !all_sent(e, flow) || !fos_egress_room(e) || e->segs[t->seg_last].len == 0 ||
	    fos_retain_end(&e->segs[t->seg_last]) != t->out)
		return;
	m = fos_box_meta(&e->p->box, t->seg_last);
	s->prompt = fos_out_seq(t, t->out - 1);
	s->prompted = 1;
	fos_emit_byte(e, flow, t->out - 1,
		      ((const uint8_t *)m)[m->payload_off + e->segs[t->seg_last].len - 1]);
}

/* How long the receiver's acknowledgement is waited for. */
static uint64_t patience_ns(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint64_t ns = t->srtt_us * 1500ull;

	/* what the box itself has not sent yet comes later still; but a PM may hold it */
	if (!all_sent(e, flow))
		return WAIT_PIPELINE_NS;
	return ns < WAIT_RECEIVER_NS ? WAIT_RECEIVER_NS : ns > WAIT_MOST_NS ? WAIT_MOST_NS : ns;
}

/* Where the stream ended when the segment came: the classifier may be further by now. */
static uint64_t hole_before(const struct fos_egress *e, const struct fos_desc *d)
{
	uint64_t tail = fos_acquire64(&e->p->box.flows[d->flow].app.tail);
	uint64_t hole = d->gen && d->gen <= d->pos ? d->pos - d->gen : tail;

	return hole < tail ? hole : tail;
}

/* A hole before the box: the receiver cannot see it, so the box tells the sender.  Not before the
 * receiver has acknowledged what comes before the hole, or the sender would take that for lost too;
 * it is asked to, lest it delay that.  But not for ever: a PM may hold those bytes. */
void fos_again_early(struct fos_egress *e, const struct fos_desc *d)
{
	struct fos_tcb *t = fos_out_open(e, d->flow, d->flow_gen);
	const struct fos_tcb *g = fos_out_peer(e, d->flow);
	struct fos_sack *s = &e->sacks[d->flow];
	uint64_t end, hole;

	if (!t || !g || e->p->offline || t->flags & FOS_TCB_DONE || fos_opaque(e, d->flow))
		return;
	end = d->pos + d->len + (d->flags & FOS_PIECE_FIN ? 1 : 0);
	hole = hole_before(e, d);
	if (e->nr_told_later && e->told_later == d->flow && s->dups_at != hole + 1)
		fos_again_told(e); /* of this one maybe not yet */
	if (end > d->pos && d->pos > t->in) {
		fos_sack_hold(e, d->flow, fos_out_seq(t, d->pos), fos_out_seq(t, end));
		if (sack(e, d->flow))
			t->flags |= FOS_TCB_VOUCHED;
	}
	if (reached(e, d->flow, hole) || s->gen != t->gen || s->given_up == hole + 1) {
		tell_next(e, d->flow, hole);
		return;
	}
	if (!fos_sack_holds(e, d->flow) && !fos_sack_known(e, d->flow)) {
		/* filled before the sender knew of it: blocks would make it look for what is on its way */
		if (!sack(e, d->flow))
			tell_next(e, d->flow, hole);
		return;
	}
	fos_sack_rise(e, d->flow, fos_out_seq(t, end));
	if (s->early++ == 0) {
		s->prompted = s->prompted ? 2 : 0;
		s->early_ns = e->p->now_ns;
		s->early_una = t->una;
		s->early_hole = hole;
		fos_timer_look(e, FOS_PEER(d->flow));
	} else if (s->early == 0) {
		s->early = UINT8_MAX;
	}
	fos_again_prompt(e, d->flow);
}

void fos_again_hole(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	struct fos_sack *s = &e->sacks[flow];

	if (s->early && s->gen == t->gen && reached(e, flow, s->early_hole)) {
		tell_early(e, flow, s->early_hole, true);
		if (sack(e, flow))
			return;
	}
	if (!at_hole(e, flow))
		return;
	if (sack(e, flow)) {
		tell_early(e, flow, fos_acquire64(&e->p->box.flows[flow].app.tail), true);
		return;
	}
	s->hole = t->una;
	s->looks = s->wait = LOOK_FIRST;
	fos_timer_look(e, FOS_PEER(flow));
}

/* A millisecond of the time for the first word of a hole is over. */
static void look_early(struct fos_egress *e, uint32_t flow)
{
	struct fos_sack *s = &e->sacks[flow];
	uint64_t una = e->tcbs[flow].una;
	bool here = reached(e, flow, s->early_hole);

	/* one that gets on gets there */
	if (s->early_una != una)
		s->early_ns = e->p->now_ns;
	s->early_una = una;
	if (!here && e->p->now_ns - s->early_ns < patience_ns(e, flow)) {
		fos_timer_look(e, FOS_PEER(flow));
		return;
	}
	if (fos_sack_holds(e, flow)) {
		if (!here)
			s->given_up = s->early_hole + 1;
		tell_early(e, flow, s->early_hole, false);
	}
	s->early = 0;
}

void fos_again_look(struct fos_egress *e, uint32_t flow)
{
	struct fos_sack *s = &e->sacks[flow];

	if (s->early && s->gen == e->tcbs[flow].gen)
		look_early(e, flow);
	if (!s->looks)
		return;
	if (s->gen != e->tcbs[flow].gen || s->hole != e->tcbs[flow].una || !at_hole(e, flow)) {
		s->looks = 0;
		return;
	}
	if (--s->looks == 0) {
		for (uint32_t n = 0; n < DUPACKS && fos_egress_room(e); n++)
			fos_emit_ack(e, FOS_PEER(flow));
		s->wait *= 2;
		s->looks = s->wait <= LOOK_LAST ? s->wait : 0;
	}
	if (s->looks)
		fos_timer_look(e, FOS_PEER(flow));
}
