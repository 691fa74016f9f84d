/* classifier/deliver.c - packet streams, the gate, delivery; see deliver.h */
#include "classifier/deliver.h"

#include <netinet/in.h>
#include <string.h>

#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/gate.h"
#include "classifier/packet.h"
#include "classifier/reassembly.h"
#include "classifier/tcp_in.h"
#include "classifier/tcp_side.h"
#include "classifier/tcp_state.h"
#include "classifier/tcp_track.h"

/* ------------------------------------------------------------------ who reads */

bool fos_deliver_has_packet_stage(const struct fos_classifier *c, uint32_t flow)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = 0; k < pl->nr_pkt_stages; k++)
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++)
			if (fos_box_watches(c->dir, pl->stage[k].pm[i], c->flows[flow].flags))
				return true;
	return false;
}

/* Hints the watching PMs of the first stage in [from, to) that has one. */
static bool hint_stages(struct fos_classifier *c, uint32_t flow, const struct fos_dir_pipeline *pl,
			uint32_t from, uint32_t to)
{
	uint32_t flags = c->flows[flow].flags, pms = 0;

	for (uint32_t k = from; k < to && pms == 0; k++)
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++)
			if (fos_box_watches(c->dir, pl->stage[k].pm[i], flags))
				pms |= 1u << pl->stage[k].pm[i];
	fos_touch(c, flow)->hint_pms |= pms;
	return pms != 0;
}

void fos_deliver_hint_app(struct fos_classifier *c, uint32_t flow)
{
	fos_touch(c, flow)->hint_app = true;
}

void fos_deliver_choose(struct fos_classifier *c, uint32_t flow)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	if (!hint_stages(c, flow, pl, pl->nr_pkt_stages, pl->nr_stages))
		fos_hint_egress(c, flow);
}

/* ------------------------------------------------------------------ the packet stream */

static void fill_piece(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		       uint32_t i, uint32_t piece)
{
	struct fos_shadow *s = fos_touch(c, flow);
	const struct fos_part *part = &pkt->part[i];
	struct fos_piece *p = &c->pieces[piece];

	p->pos = s->pkt_tail;
	p->pos_l4 = s->pkt_tail_l4;
	p->number = fos_box_meta(c->box, part->frame)->number;
	p->frame = part->frame;
	p->gen = part->gen;
	p->off = part->l3_off;
	p->len = part->l3_len;
	p->l4_off = part->off;
	p->l4_len = part->len;
	p->flow = flow;
	p->flow_gen = s->gen;
	p->flags = (uint16_t)((i == 0 ? FOS_PIECE_FIRST : 0) |
			      (i + 1 == pkt->nr ? FOS_PIECE_LAST : 0) |
			      (pkt->damage == FOS_C_drop_csum_bad ? FOS_PIECE_BAD_CSUM : 0));
}

static void enqueue(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];

	if (fos_pieces_left(c) < pkt->nr) {
		fos_packet_drop(c, pkt, FOS_C_drop_no_piece);
		return;
	}
	for (uint32_t i = 0; i < pkt->nr; i++) {
		uint32_t piece = fos_piece_new(c);

		fill_piece(c, flow, pkt, i, piece);
		if (s->pkt_first == FOS_NONE)
			s->pkt_first = piece;
		else
			fos_piece_link(c, f->pkt.last, piece);
		f->pkt.last = piece;
		s->pkt_tail += pkt->part[i].l3_len;
		s->pkt_tail_l4 += pkt->part[i].len;
		fos_cls_count(c, FOS_C_pieces_appended);
	}
	hint_stages(c, flow, pl, 0, pl->nr_pkt_stages);
}

/* Has every packet PM that watches the flow released [.., end) (end_l4 for those on `tcp`)? */
static bool passed(const struct fos_classifier *c, uint32_t flow, uint32_t gen, uint64_t end,
		   uint64_t end_l4)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = 0; k < pl->nr_pkt_stages; k++) {
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++) {
			uint32_t pm = pl->stage[k].pm[i];
			uint64_t want = c->dir->pm[pm].stream == FOS_STREAM_TCP ? end_l4 : end;
			uint64_t forced = fos_gate_forced(c, pm, flow, gen);
			struct fos_pm_pub pub;

			if (!fos_box_watches(c->dir, pm, c->flows[flow].flags) || forced >= want)
				continue;
			if (!fos_box_pub(c->box, pm, flow, gen, &pub) || pub.head < want)
				return false;
		}
	}
	return true;
}

/* A reason that is no drop counter's is the PM's mistake; the packet is dropped all the same. */
static uint32_t drop_reason(uint32_t reason)
{
	return reason < FOS_NR_COUNTERS && fos_counter_table[reason].is_drop ? reason :
									       FOS_C_drop_pm;
}

/* Reason of an edit of packet PM `pm` that covers a byte of [from, to); 0 = none. */
static uint32_t edit_covers(const struct fos_classifier *c, uint32_t pm, uint32_t flow,
			    uint32_t gen, uint64_t from, uint64_t to)
{
	struct fos_pm_pub pub;
	uint32_t i, left;

	if (!fos_box_pub(c->box, pm, flow, gen, &pub))
		return 0;
	left = pub.edits - pub.edits_freed;
	i = pub.edit_first;
	for (; left > 0 && left <= c->dir->nr_edits && i < c->dir->nr_edits; left--) {
		struct fos_edit e = c->box->pm_edits[pm][i];

		if (e.flow != flow || e.flow_gen != gen || e.pos >= to)
			return 0;
		if (e.del > 0 && e.pos + e.del > from)
			return drop_reason(e.reason);
		i = e.next;
	}
	return 0;
}

static uint32_t edited_out(const struct fos_classifier *c, uint32_t flow, uint32_t gen,
			   const struct fos_piece *first, const struct fos_piece *last)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = 0; k < pl->nr_pkt_stages; k++) {
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++) {
			uint32_t pm = pl->stage[k].pm[i], reason;
			bool l4 = c->dir->pm[pm].stream == FOS_STREAM_TCP;

			if (!c->dir->pm[pm].edits ||
			    !fos_box_watches(c->dir, pm, c->flows[flow].flags))
				continue;
			reason = edit_covers(c, pm, flow, gen, l4 ? first->pos_l4 : first->pos,
					     l4 ? last->pos_l4 + last->l4_len :
						  last->pos + last->len);
			if (reason)
				return reason;
		}
	}
	return 0;
}

/* Takes the first packet out of the stream into c->queued. */
static void dequeue(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	struct fos_shadow *s = fos_touch(c, flow);
	bool bad = false, last = false;

	pkt->nr = 0;
	pkt->part = c->queued;
	while (!last && s->pkt_first != FOS_NONE && pkt->nr < FOS_MAX_SEGS) {
		uint32_t piece = s->pkt_first;
		const struct fos_piece *p = &c->pieces[piece];
		struct fos_part *part = &c->queued[pkt->nr++];

		*part = fos_part_of(p);
		bad = bad || p->flags & FOS_PIECE_BAD_CSUM;
		last = p->flags & FOS_PIECE_LAST;
		s->pkt_done = p->pos + p->len;
		s->pkt_done_l4 = p->pos_l4 + p->l4_len;
		s->pkt_first = p->next;
		fos_piece_free(c, piece);
	}
	if (!fos_packet_meta(c, c->queued[0].frame, &pkt->meta)) {
		pkt->damage = FOS_C_drop_meta;
		return;
	}
	fos_packet_finish(c, pkt);
	if (bad && !pkt->damage)
		pkt->damage = FOS_C_drop_csum_bad;
}

/* ------------------------------------------------------------------ delivery */

/* last_ack, of no use otherwise here, is the number behind the FIN that the flow has carried. */
static void track_states(struct fos_classifier *c, uint32_t flow, const struct fos_tcp_segment *seg)
{
	struct fos_flow *f = &c->flows[flow], *p = &c->flows[FOS_PEER(flow)];
	struct fos_tcp_seen seen = {
		.flags = seg->flags,
		.acks_fin = seg->flags & FOS_TCP_ACK && p->pass_pos_flags & FOS_NOTE_ACKED &&
			    (int32_t)(seg->ack - p->last_ack) >= 0,
		.fin_taken = seg->flags & FOS_TCP_FIN,
	};

	if (seg->flags & FOS_TCP_FIN) {
		f->last_ack = seg->seq + seg->len + 1;
		f->pass_pos_flags |= FOS_NOTE_ACKED;
	}
	fos_tcp_track(&f->tcp_state, &p->tcp_state, &seen);
}

/* TCP that nobody reads as a stream: enough is noted to know when it is over. */
static void track_light(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	struct fos_shadow *s = fos_touch(c, flow), *peer = fos_touch(c, FOS_PEER(flow));
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	struct fos_tcp_segment seg;
	uint32_t list = FOS_LIST_NONE;

	if (!fos_tcp_parse(pkt->head, pkt->head_len, &seg) || k->list == FOS_LIST_CLOSED)
		return;
	seg.len = pkt->l4_len - seg.header_len;
	track_states(c, flow, &seg);
	if (seg.flags & FOS_TCP_SYN) {
		s->state |= FOS_FLOW_ST_SYN;
		c->flows[flow].isn = seg.seq;
	} else if (k->list == FOS_LIST_HANDSHAKE && seg.flags & FOS_TCP_ACK) {
		s->state |= FOS_FLOW_ST_ESTABLISHED;
		peer->state |= FOS_FLOW_ST_ESTABLISHED;
		list = FOS_LIST_IDLE;
		fos_event_happened(c, flow, FOS_EVENT_ESTABLISHED, 0, 0, pkt->meta.time_ns);
		fos_event_happened(c, FOS_PEER(flow), FOS_EVENT_ESTABLISHED, 0, 0, pkt->meta.time_ns);
	}
	if (seg.flags & FOS_TCP_FIN)
		s->state |= FOS_FLOW_ST_FIN;
	if (seg.flags & FOS_TCP_RST)
		s->state |= FOS_FLOW_ST_RESET;
	if (s->state & FOS_FLOW_ST_RESET || (s->state & peer->state & FOS_FLOW_ST_FIN)) {
		fos_save_conn(c, flow >> 1);
		k->close = s->state & FOS_FLOW_ST_RESET ? FOS_CLOSE_RST : FOS_CLOSE_FIN;
		list = FOS_LIST_CLOSING;
	}
	if (list != FOS_LIST_NONE)
		fos_expire_touch(c, flow, pkt->meta.time_ns, list);
}

/* One datagram: its parts become pieces of the app stream. */
static void deliver_datagram(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	struct fos_shadow *s = fos_touch(c, flow);
	uint32_t skip = 8, left = ((uint32_t)pkt->head[4] << 8 | pkt->head[5]) - 8;

	if (fos_pieces_left(c) < pkt->nr) {
		fos_packet_drop(c, pkt, FOS_C_drop_no_piece);
		return;
	}
	for (uint32_t i = 0; i < pkt->nr; i++) {
		const struct fos_part *part = &pkt->part[i];
		uint32_t n = part->len - skip < left ? part->len - skip : left, piece;
		struct fos_piece *p;

		if (left == 0) { /* beyond the end that the header gives */
			fos_cls_drop(c, part->frame, part->gen, FOS_C_drop_l4_bad);
			continue;
		}
		left -= n;
		piece = fos_piece_new(c);
		p = &c->pieces[piece];
		p->pos = s->app_tail;
		p->number = fos_box_meta(c->box, part->frame)->number;
		p->frame = part->frame;
		p->gen = part->gen;
		p->off = (uint16_t)(part->off + skip);
		p->len = (uint16_t)n;
		p->flags = (uint16_t)((i == 0 ? FOS_PIECE_FIRST : 0) |
				      (left == 0 ? FOS_PIECE_LAST : 0) |
				      (pkt->nr == 1 ? FOS_PIECE_WHOLE : 0));
		fos_reasm_append(c, flow, piece);
		skip = 0;
	}
	fos_deliver_hint_app(c, flow);
}

/* A PM has reset a TCP connection of which egress knows no numbers, because nothing of it went on or
 * nobody reads its bytes: each end is told when it speaks. */
static bool answers_reset(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	const struct fos_cls_conn *k = fos_cls_conn(c, flow);
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_tcp_segment seg;

	if (c->p->offline || !(k->flags & FOS_CONN_REFUSED) || pkt->damage || pkt->nr != 1 ||
	    !(s->flags & FOS_FLOW_TCP) || pkt->meta.link != FOS_LINK_ETHERNET ||
	    (k->flags & FOS_CONN_DELIVERED && !(k->flags & FOS_CONN_LIGHT)) ||
	    !fos_tcp_parse(pkt->head, pkt->head_len, &seg) || seg.flags & FOS_TCP_RST)
		return false;
	return fos_gate_verdict(c, flow, s->gen) == FOS_VERDICT_RESET ||
	       fos_gate_verdict(c, FOS_PEER(flow), s->gen) == FOS_VERDICT_RESET;
}

/* The packet finds its way by what reads the flow. */
static void sort_out(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	const struct fos_shadow *s = fos_touch(c, flow);

	if (s->flags & FOS_FLOW_TCP && s->flags & FOS_FLOW_APP) {
		fos_tcp_input(c, flow, pkt);
		return;
	}
	/* an empty datagram has no place in a stream of bytes: it goes on as it is, like one that
	 * the packet stages held until the stream was closed */
	if (s->flags & FOS_FLOW_UDP && s->flags & FOS_FLOW_APP &&
	    !(s->state & FOS_FLOW_ST_CLOSED) && pkt->head_len > 8 &&
	    ((uint32_t)pkt->head[4] << 8 | pkt->head[5]) > 8) {
		deliver_datagram(c, flow, pkt);
		return;
	}
	if (s->flags & FOS_FLOW_TCP)
		track_light(c, flow, pkt);
	fos_packet_forward(c, pkt, flow);
}

/* The connection is refused, or the packet damaged. */
static void turn_away(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	if (answers_reset(c, flow, pkt)) {
		fos_cls_count(c, FOS_C_drop_pm);
		fos_emit(c, FOS_DESC_REPLY, pkt->part[0].frame, pkt->part[0].gen, FOS_NONE, 0,
			 pkt->meta.port, 0);
		return;
	}
	fos_packet_drop(c, pkt, pkt->damage ? pkt->damage : FOS_C_drop_pm);
}

static void deliver_first(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	fos_save_conn(c, flow >> 1);
	fos_cls_conn(c, flow)->flags |= FOS_CONN_DELIVERED;
	fos_gate_register_reverse(c, flow >> 1);
	if (c->event.nr_rings == 0)
		return;
	fos_event_happened(c, flow, FOS_EVENT_OPEN, 0, 0, pkt->meta.time_ns);
	if (!(c->flows[flow].flags & FOS_FLOW_AGGREGATE))
		fos_event_happened(c, FOS_PEER(flow), FOS_EVENT_OPEN, 0, 0, pkt->meta.time_ns);
}

static inline void deliver(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	const struct fos_cls_conn *k = fos_cls_conn(c, flow);

	if (pkt->damage || k->flags & FOS_CONN_REFUSED) {
		turn_away(c, flow, pkt);
		return;
	}
	if (c->event.nr_rings)
		fos_event_begin(c, flow, pkt);
	if (!(k->flags & FOS_CONN_DELIVERED))
		deliver_first(c, flow, pkt);
	sort_out(c, flow, pkt);
	if (c->event.pkt)
		fos_event_end(c);
}

bool fos_deliver_waiting(struct fos_classifier *c, uint32_t flow)
{
	struct fos_shadow *s;
	struct fos_packet pkt;

	while (c->flows[flow].pkt.first != FOS_NONE || fos_pkt_first_now(c, flow) != FOS_NONE) {
		const struct fos_piece *first, *last;
		uint32_t reason;

		if (!fos_batch_room(c, 0))
			return false;
		s = fos_touch(c, flow);
		if (s->pkt_first == FOS_NONE || !(fos_cls_conn(c, flow)->flags & FOS_CONN_OPEN))
			return true;
		first = last = &c->pieces[s->pkt_first];
		while (!(last->flags & FOS_PIECE_LAST) && last->next != FOS_NONE)
			last = &c->pieces[last->next];
		/* one that is refused goes nowhere: nobody needs to have seen it */
		if (!(fos_cls_conn(c, flow)->flags & FOS_CONN_REFUSED) &&
		    !passed(c, flow, s->gen, last->pos + last->len, last->pos_l4 + last->l4_len))
			return true;
		reason = edited_out(c, flow, s->gen, first, last);
		dequeue(c, flow, &pkt);
		if (reason)
			fos_packet_drop(c, &pkt, reason);
		else
			deliver(c, flow, &pkt);
	}
	return true;
}

/* Is there a packet PM that still looks at packets of this flow?  (One that has stopped watching has
 * passed all that can come; a packet needs no way round by it.) */
static bool watched(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	return fos_cls_pipeline(c, flow)->nr_pkt_stages > 0 && fos_deliver_has_packet_stage(c, flow) &&
	       !passed(c, flow, gen, FOS_POS_MAX, FOS_POS_MAX);
}

void fos_deliver_packet(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	struct fos_flow *f = &c->flows[flow];
	bool closed = s->state & FOS_FLOW_ST_CLOSED;
	bool waits = !(k->flags & FOS_CONN_OPEN) || s->pkt_first != FOS_NONE ||
		     (!closed && watched(c, flow, s->gen));

	f->packets += pkt->nr;
	f->bytes += pkt->part[0].l3_len;
	for (uint32_t i = 1; i < pkt->nr; i++)
		f->bytes += pkt->part[i].l3_len;
	fos_expire_seen(c, flow, pkt->meta.time_ns);
	if (waits && !(k->flags & FOS_CONN_REFUSED))
		enqueue(c, flow, pkt);
	else
		deliver(c, flow, pkt);
}
