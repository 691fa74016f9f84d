/* egress/recut.c - retained segments that the path has become too small for, see recut.h */
#include "egress/recut.h"

#include <string.h>

#include "egress/build.h"
#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"

#define PARTS_MAX 64u

bool fos_recut_needed(const struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	return !e->p->offline && e->segs[frame].len > 1 &&
	       fos_box_meta(&e->p->box, frame)->l3_len > fos_build_mtu(e, flow);
}

/* One part: bytes [off, off+n) of the segment in `old`.  FOS_NONE: no frame. */
static uint32_t make_part(struct fos_egress *e, uint32_t flow, uint32_t old, uint32_t off)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, old);
	uint32_t left = e->segs[old].len - off, n;
	struct fos_build b;
	struct fos_seg *s;

	if (!fos_build_tcp(e, flow, NULL, 0, &b))
		return FOS_NONE;
	n = left < b.room ? left : b.room;
	memcpy(b.payload, (const uint8_t *)m + m->payload_off + off, n);
	fos_build_end(e, &b, n);
	s = fos_frames_seg(e, b.frame);
	s->pos = e->segs[old].pos + off;
	s->in_pos = e->segs[old].in_pos;
	s->sent_ns = e->segs[old].sent_ns;
	s->flow = flow;
	s->len = n;
	s->state = FOS_SEG_RETAINED;
	s->flags |= e->segs[old].flags & FOS_SEG_AHEAD;
	if (off == 0)
		s->ecn = e->segs[old].ecn;
	if (n == left)
		s->flags |= FOS_SEG_PSH | (e->segs[old].flags & FOS_SEG_FIN);
	return b.frame;
}

static uint32_t before(const struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	uint32_t prev = FOS_NONE;

	for (uint32_t f = e->tcbs[flow].seg_first; f != frame && f != FOS_NONE; f = e->segs[f].next)
		prev = f;
	return prev;
}

/* Puts the chain first..last where `old` was in the flow's list. */
static void put_in_place(struct fos_egress *e, uint32_t flow, uint32_t old, uint32_t first,
			 uint32_t last, uint32_t nr)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	uint32_t prev = before(e, flow, old);

	fos_frames_seg(e, last)->next = e->segs[old].next;
	if (prev == FOS_NONE)
		t->seg_first = first;
	else
		fos_frames_seg(e, prev)->next = first;
	if (t->seg_last == old)
		t->seg_last = last;
	t->nr_seg += nr - 1;
	fos_frames_retained(e, (int64_t)nr - 1);
	fos_frames_put(e, old);
}

uint32_t fos_recut(struct fos_egress *e, uint32_t flow, uint32_t frame)
{
	uint32_t part[PARTS_MAX], nr = 0, off = 0;

	while (off < e->segs[frame].len) {
		part[nr] = nr < PARTS_MAX - 1 && fos_egress_room(e) ?
				   make_part(e, flow, frame, off) : FOS_NONE;
		if (part[nr] == FOS_NONE)
			break;
		off += e->segs[part[nr++]].len;
	}
	if (off < e->segs[frame].len) {
		while (nr > 0)
			fos_frames_put(e, part[--nr]);
		return FOS_NONE;
	}
	for (uint32_t i = 0; i + 1 < nr; i++)
		fos_frames_seg(e, part[i])->next = part[i + 1];
	put_in_place(e, flow, frame, part[0], part[nr - 1], nr);
	fos_count(e->p->counter, FOS_C_segments_recut, nr);
	return part[0];
}

void fos_recut_resend(struct fos_egress *e, uint32_t flow)
{
	uint32_t f = e->tcbs[flow].seg_first;

	while (f != FOS_NONE && fos_egress_room(e)) {
		uint32_t next = e->segs[f].next;

		if (fos_recut_needed(e, flow, f)) {
			f = fos_recut(e, flow, f);
			for (; f != FOS_NONE && f != next; f = e->segs[f].next) {
				if (!fos_egress_room(e) ||
				    !fos_frames_tx_room(e, fos_out_port(e, flow), 1))
					return;
				fos_emit_segment(e, flow, f, true);
			}
		}
		f = next;
	}
}
