/* egress/udp.c - datagrams after the last stage: whole, rebuilt, or gone */
#include <string.h>

#include "egress/chain.h"
#include "egress/emit.h"
#include "egress/flow.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/refrag.h"

#define DATAGRAMS_PER_RUN 128u
#define PIECES_MAX 256u /* of one datagram, as the classifier bounds them */

/* a datagram of the input */
struct datagram {
	uint64_t end;           /* input position after it */
	struct fos_piece first; /* piece that the output stands in */
	uint32_t idx;           /* that piece */
	uint32_t nr;            /* pieces from there on */
	uint32_t largest;       /* of the IP packets that it came in, where they were fragments */
	bool whole;             /* from its first byte, each piece with a frame of its own */
};

/* Finds the datagram that input position `pos` lies in; false: not wholly there. */
static bool find(const struct fos_egress *e, uint32_t flow, uint32_t gen, uint64_t pos,
		 struct datagram *d)
{
	const struct fos_box *box = &e->p->box;
	struct fos_piece pc;
	uint32_t idx = fos_piece_find(box, flow, gen, true, false, pos, FOS_NONE, &pc);
	uint64_t tail = fos_acquire64(&box->flows[flow].app.tail);

	*d = (struct datagram){.idx = idx, .whole = true};
	while (idx != FOS_NONE && d->nr < PIECES_MAX) {
		const struct fos_frame_meta *m;

		if (!fos_piece_get(box, idx, flow, gen, &pc) || pc.frame >= e->p->dir->nr_frames)
			return false;
		m = fos_box_meta(box, pc.frame);
		if (d->nr++ == 0) {
			d->first = pc;
			d->whole = pos == pc.pos && pc.flags & FOS_PIECE_FIRST;
		}
		d->whole = d->whole && !(pc.flags & FOS_PIECE_BORROWED);
		if (m->flags & FOS_PKT_FRAGMENT && m->l3_len > d->largest)
			d->largest = m->l3_len;
		d->end = pc.pos + pc.len;
		if (pc.flags & FOS_PIECE_LAST)
			return true;
		idx = d->end < tail ? pc.next : FOS_NONE;
	}
	return false;
}

/* Walks v over the datagram, copying to `to` when it is given.  False: PMs have not passed all of
 * it yet.  An insertion between two datagrams belongs to the second. */
static bool walk(struct fos_view *v, const struct datagram *d, uint8_t *to, uint32_t room,
		 uint32_t *len, bool *touched)
{
	uint64_t base = fos_view_base(v);
	struct fos_span span;

	*len = 0;
	for (;;) {
		if (fos_view_settle(v) && fos_view_base(v) != base)
			*touched = true;
		if (fos_view_base(v) >= d->end)
			return true;
		if (!fos_view_next(v, UINT16_MAX, &span))
			return false;
		if (span.kind != FOS_SPAN_PIECE || span.base_pos != base)
			*touched = true;
		if (to && span.len <= room - *len)
			memcpy(to + *len, span.data, span.len);
		*len += span.len;
		if (*len > UINT16_MAX)
			return false;
		base = fos_view_base(v);
	}
}

/* Nothing of it was changed: it leaves in the packets that it came in.  False: no room now. */
static bool send_own(struct fos_egress *e, uint32_t flow, uint32_t gen, const struct datagram *d)
{
	uint32_t frame[PIECES_MAX], nr = 0, idx = d->idx;
	struct fos_piece pc;

	if (!fos_frames_tx_room(e, fos_out_port(e, flow), d->nr))
		return false;
	for (uint32_t i = 0; i < d->nr && fos_piece_get(&e->p->box, idx, flow, gen, &pc); i++) {
		struct fos_seg *s;

		idx = pc.next;
		if (!fos_frames_claim(e, pc.frame, pc.gen))
			continue;
		s = fos_frames_seg(e, pc.frame);
		s->flow = flow;
		s->in_pos = pc.pos;
		s->gen = pc.gen;
		frame[nr++] = pc.frame;
		/* the packet ends here, or its next piece lies in the next of its frames */
		if (fos_box_meta(&e->p->box, pc.frame)->next_frame != FOS_NONE && i + 1 < d->nr)
			continue;
		if (nr == 1)
			fos_emit_plain(e, flow, frame[0], fos_out_port(e, flow));
		else
			fos_chain_send(e, flow, frame, nr, fos_out_port(e, flow));
		nr = 0;
	}
	return true;
}

/* One that one packet of the box's does not hold.  False: no room now. */
static bool send_cut(struct fos_egress *e, uint32_t flow, const struct datagram *d,
		     const struct fos_header *like, struct fos_view *v, uint32_t len)
{
	struct fos_refrag r = {.flow = flow};
	enum fos_refrag_end end = FOS_REFRAG_REFUSED;
	bool touched;

	if (fos_refrag_udp(e, flow, like, &r) && len <= r.room) {
		r.size = d->largest;
		walk(v, d, r.payload, r.room, &len, &touched);
		end = fos_refrag_finish(e, &r, len);
	}
	fos_count(e->p->counter, FOS_C_drop_mtu, end == FOS_REFRAG_REFUSED);
	return end != FOS_REFRAG_LATER;
}

/* False: no room now. */
static bool send_built(struct fos_egress *e, uint32_t flow, const struct datagram *d,
		       struct fos_view v, uint32_t len)
{
	bool touched = false, fits;
	struct fos_header h;
	struct fos_build b;

	if (fos_header_open(&h, fos_box_frame(&e->p->box, d->first.frame),
			    e->p->dir->frame_size, fos_frames_gen(d->first.gen)) && h.l3)
		fos_build_learn(e, flow, &h);
	if (!fos_build_udp(e, flow, &b))
		return false;
	/* fragments that it came in say how much the path takes */
	fits = len <= b.room && (!d->largest || b.head + len <= d->largest);
	if (!fits) {
		fos_frames_put(e, b.frame);
		return send_cut(e, flow, d, &h, &v, len);
	}
	walk(&v, d, b.payload, b.room, &len, &touched);
	fos_build_end(e, &b, len);
	fos_emit_plain(e, flow, b.frame, fos_out_port(e, flow));
	fos_count(e->p->counter, FOS_C_segments_built, 1);
	return true;
}

/* One datagram.  False: nothing more now. */
static bool step(struct fos_egress *e, uint32_t flow, struct fos_view *v)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_view ahead = *v;
	struct datagram d;
	bool touched = false;
	uint32_t len;

	if (!fos_egress_room(e) || !fos_frames_tx_room(e, fos_out_port(e, flow), 1)) {
		fos_egress_run_later(e, flow);
		return false;
	}
	if (!find(e, flow, t->gen, t->in, &d) || !walk(&ahead, &d, NULL, 0, &len, &touched))
		return false;
	e->number = d.first.number;
	e->time_ns = fos_box_meta(&e->p->box, d.first.frame)->time_ns;
	if (len == 0) {
		fos_count(e->p->counter, FOS_C_drop_pm, 1);
	} else if (d.whole && !touched ? !send_own(e, flow, t->gen, &d) :
					 !send_built(e, flow, &d, *v, len)) {
		fos_egress_run_later(e, flow);
		return false;
	}
	if (touched)
		fos_count(e->p->counter, FOS_C_edits_applied, 1);
	t->in = fos_view_base(&ahead);
	t->out += len;
	*v = ahead;
	return true;
}

void fos_udp_run(struct fos_egress *e, uint32_t flow, struct fos_view *v)
{
	uint32_t n = 0;

	while (n < DATAGRAMS_PER_RUN && step(e, flow, v))
		n++;
	if (n == DATAGRAMS_PER_RUN)
		fos_egress_run_later(e, flow);
	fos_flow_publish(e, flow, v, e->tcbs[flow].in);
}
