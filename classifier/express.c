/* classifier/express.c - the straight way of a plain segment, see express.h */
#include "classifier/express.h"

#include <string.h>

#include "classifier/deliver.h"
#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/tcp_side.h"
#include "shm/bytes.h"

#define HEADER 20u
#define HEADER_TS 32u       /* with timestamps and nothing else, as most segments have them: */
#define TS_ALONE 0x0101080au /* padding of two bytes, then timestamps */
#define LEAP (1 << 30)      /* fos_tcp_ts_leaps() */

/* struct plain - a packet that may be a plain segment, and all that counts of it */
struct plain {
	const struct fos_frame_meta *meta;
	uint32_t flow;
	uint32_t seq;
	uint32_t ack;
	uint32_t tsval;
	uint32_t header; /* bytes */
	uint32_t len;    /* bytes of payload */
	uint16_t wnd;
	uint8_t flags;
	uint8_t ace;
	bool has_ts;
};

/* ------------------------------------------------------------------ is it plain? */

static bool parse(struct plain *p, const uint8_t *h)
{
	uint32_t l4 = (uint32_t)p->meta->l3_off + p->meta->l3_len - p->meta->l4_off;

	p->header = (h[12] >> 4) * 4u;
	p->flags = h[13];
	p->has_ts = p->header == HEADER_TS;
	if ((p->header != HEADER && !p->has_ts) || l4 < p->header ||
	    (p->has_ts && fos_get32(h + 20) != TS_ALONE))
		return false;
	p->seq = fos_get32(h + 4);
	p->ack = fos_get32(h + 8);
	p->wnd = (uint16_t)fos_get16(h + 14);
	p->ace = (uint8_t)((h[12] & 1) << 2 | h[13] >> 6);
	p->tsval = p->has_ts ? fos_get32(h + 24) : 0;
	p->len = l4 - p->header;
	return true;
}

/* The other direction, which nothing is done to. */
struct peer {
	uint32_t state;
	uint32_t flags;
	uint32_t gen;
	uint64_t tail;
};

static void look(const struct fos_classifier *c, uint32_t flow, struct peer *peer)
{
	const struct fos_shadow *s = fos_touched(c, flow);
	const struct fos_flow *f = &c->flows[flow];

	if (s)
		*peer = (struct peer){s->state, s->flags, s->gen, s->app_tail};
	else
		*peer = (struct peer){f->state, f->flags, f->gen, f->app.tail};
}

/* Is the connection under way, in both directions, and nothing but bytes of it waited for? */
static bool under_way(struct fos_classifier *c, const struct plain *p,
		      const struct fos_shadow *s, const struct peer *peer)
{
	const uint32_t state = FOS_FLOW_ST_SYN | FOS_FLOW_ST_ESTABLISHED;
	const uint32_t notes = FOS_NOTE_ACKED | FOS_NOTE_ONE_WAY | FOS_NOTE_MD5;
	const uint8_t conn = FOS_CONN_OPEN | FOS_CONN_DELIVERED;
	const struct fos_flow *f = &c->flows[p->flow];
	const struct fos_cls_conn *k = fos_cls_conn(c, p->flow);

	return s->state == state && peer->state == state &&
	       (s->flags & (FOS_FLOW_TCP | FOS_FLOW_APP)) == (FOS_FLOW_TCP | FOS_FLOW_APP) &&
	       !((s->flags | peer->flags) & FOS_FLOW_PICKUP) &&
	       (f->pass_pos_flags & notes) == FOS_NOTE_ACKED &&
	       (k->flags & (conn | FOS_CONN_LIGHT | FOS_CONN_REFUSED)) == conn &&
	       k->close == FOS_CLOSE_NONE && f->ooo_first == FOS_NONE && s->pkt_first == FOS_NONE;
}

/* Its bytes are the next ones, and neither acknowledgement nor window nor timestamp says anything
 * that would have to be looked at. */
static bool numbers(struct fos_classifier *c, const struct plain *p, const struct fos_shadow *s,
		    const struct peer *peer)
{
	const struct fos_flow *f = &c->flows[p->flow], *pf = &c->flows[FOS_PEER(p->flow)];
	uint32_t next = pf->isn + 1 + (uint32_t)peer->tail;
	int32_t later = (int32_t)(p->tsval - f->ts_recent);

	if (p->seq != f->isn + 1 + (uint32_t)s->app_tail || p->wnd == 0 ||
	    (int32_t)(p->ack - f->last_ack) < 0)
		return false;
	if (!c->p->offline)
		next += fos_tcp_edited_by(c, FOS_PEER(p->flow), peer->gen);
	if ((int32_t)(p->ack - next) > 0)
		return false;
	return !(p->has_ts && f->ts_ok && pf->ts_ok) || (later >= 0 && later <= LEAP);
}

/* Room for its bytes, at the receiver and here. */
static bool fits(struct fos_classifier *c, const struct plain *p, const struct fos_shadow *s)
{
	return p->len == 0 || (c->priv->fifo_head != c->fifo_limit &&
			       (c->p->offline || fos_tcp_over_quota(c, p->flow) == 0) &&
			       !fos_tcp_overruns(c, p->flow, (int64_t)(s->app_tail + p->len), NULL));
}

/* ------------------------------------------------------------------ what it does */

/* True: the acknowledgement or the window says something new. */
static bool note(struct fos_classifier *c, const struct plain *p)
{
	struct fos_flow *f = &c->flows[p->flow], *pf = &c->flows[FOS_PEER(p->flow)];
	bool says = f->last_ack != p->ack || f->last_wnd != p->wnd;

	f->packets++;
	f->bytes += p->meta->l3_len;
	fos_expire_seen(c, p->flow, p->meta->time_ns);
	if (p->has_ts && f->ts_ok && pf->ts_ok)
		f->ts_recent = p->tsval;
	f->last_ack = p->ack;
	f->last_wnd = p->wnd;
	f->last_tsval = p->tsval;
	return says;
}

static void append(struct fos_classifier *c, const struct plain *p, struct fos_shadow *s)
{
	const struct fos_part *part = &c->part[0];
	struct fos_flow *f = &c->flows[p->flow];
	uint32_t piece = fos_piece_take(c);

	c->pieces[piece] = (struct fos_piece){
		.pos = s->app_tail,
		.number = p->meta->number,
		.frame = part->frame,
		.gen = part->gen,
		.off = (uint16_t)(p->meta->l4_off + p->header),
		.len = (uint16_t)p->len,
		.flow = p->flow,
		.flow_gen = s->gen,
		.next = FOS_NONE,
		.flags = FOS_PIECE_WHOLE | (p->flags & FOS_TCP_PSH ? FOS_PIECE_PSH : 0),
	};
	if (s->app_first == FOS_NONE)
		s->app_first = piece;
	else if (f->app.last == s->fresh)
		c->pieces[s->fresh].next = piece; /* nobody reaches that one if the batch is undone */
	else
		fos_piece_link(c, f->app.last, piece);
	f->app.last = s->fresh = piece;
	s->app_tail += p->len;
	s->hint_app = true;
	fos_cls_count(c, FOS_C_pieces_appended);
}

bool fos_express_take(struct fos_classifier *c, uint32_t flow, const struct fos_frame_meta *meta)
{
	const uint8_t *frame = fos_box_frame(c->box, c->part[0].frame);
	struct plain p = { .meta = meta, .flow = flow };
	struct fos_shadow *s;
	struct peer peer;
	bool says;

	if (fos_cls_pipeline(c, flow)->nr_pkt_stages > 0 || meta->csum == FOS_CSUM_BAD ||
	    !parse(&p, frame + meta->l4_off))
		return false;
	s = fos_touch(c, flow);
	look(c, FOS_PEER(flow), &peer);
	if (!under_way(c, &p, s, &peer) || !numbers(c, &p, s, &peer) || !fits(c, &p, s) ||
	    (c->event.nr_rings && (fos_event_wanted(c, flow, FOS_EVENT_PACKET) ||
				   fos_event_wanted(c, flow, FOS_EVENT_NEW_DATA))))
		return false;
	says = note(c, &p);
	if (p.len == 0) {
		fos_emit(c, FOS_DESC_TCP_CTL, c->part[0].frame, c->part[0].gen, flow, s->app_tail,
			 0, 0);
		return true;
	}
	if (says)
		fos_emit(c, FOS_DESC_ACK, FOS_NONE, 0, flow, p.ack | (uint64_t)p.wnd << 32,
			 p.tsval, p.ace);
	append(c, &p, s);
	return true;
}
