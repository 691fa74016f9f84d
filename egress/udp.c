/* egress/udp.c - datagrams after the last stage: whole, rebuilt, or gone */
#include <string.h>

#include "egress/emit.h"
#include "egress/flow.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "egress/pieces.h"

#define DATAGRAMS_PER_RUN 128u

/* a datagram of the input */
struct datagram {
	uint64_t end;           /* input position after it */
	struct fos_piece first; /* piece that the output stands in */
	bool whole;             /* one piece, untouched so far */
};

/* Finds the datagram that input position `pos` lies in; false: not wholly there. */
static bool find(const struct fos_egress *e, uint32_t flow, uint32_t gen, uint64_t pos,
		 struct datagram *d)
{
	const struct fos_box *box = &e->p->box;
	uint32_t idx = fos_piece_find(box, flow, gen, true, false, pos, FOS_NONE);
	uint64_t tail = fos_acquire64(&box->flows[flow].app.tail);
	struct fos_piece pc;

	for (uint32_t i = 0; idx != FOS_NONE && i < 256; i++) {
		if (!fos_piece_get(box, idx, flow, gen, &pc))
			return false;
		if (i == 0) {
			d->first = pc;
			d->whole = pos == pc.pos && pc.flags & FOS_PIECE_WHOLE &&
				   !(pc.flags & FOS_PIECE_BORROWED);
		}
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

static void send_own(struct fos_egress *e, uint32_t flow, const struct datagram *d)
{
	struct fos_seg *s;

	if (!fos_frames_claim(e, d->first.frame, d->first.gen))
		return;
	s = fos_frames_seg(e, d->first.frame);
	s->flow = flow;
	s->in_pos = d->first.pos;
	s->gen = d->first.gen;
	fos_emit_plain(e, flow, d->first.frame, fos_out_port(e, flow));
}

static bool send_built(struct fos_egress *e, uint32_t flow, const struct datagram *d,
		       struct fos_view v, uint32_t len)
{
	bool touched = false;
	struct fos_header h;
	struct fos_build b;

	if (fos_header_open(&h, fos_box_frame(&e->p->box, d->first.frame),
			    e->p->dir->frame_size, fos_frames_gen(d->first.gen)) && h.l3)
		fos_build_learn(e, flow, &h);
	if (!fos_build_udp(e, flow, &b))
		return false;
	if (len > b.room) {
		fos_frames_put(e, b.frame);
		fos_count(e->p->counter, FOS_C_drop_mtu, 1);
		return true;
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
	if (!find(e, flow, t->gen, t->map.in, &d) || !walk(&ahead, &d, NULL, 0, &len, &touched))
		return false;
	e->number = d.first.number;
	e->time_ns = fos_box_meta(&e->p->box, d.first.frame)->time_ns;
	if (d.whole && !touched) {
		send_own(e, flow, &d);
	} else if (len == 0) {
		fos_count(e->p->counter, FOS_C_drop_pm, 1);
	} else if (!send_built(e, flow, &d, *v, len)) {
		fos_egress_run_later(e, flow);
		return false;
	}
	if (touched)
		fos_count(e->p->counter, FOS_C_edits_applied, 1);
	t->map.in = fos_view_base(&ahead);
	t->map.out += len;
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
	fos_flow_publish(e, flow, v);
}
