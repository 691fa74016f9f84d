/* egress/frames.c - frames that egress holds, see frames.h */
#include "egress/frames.h"

#include "shm/build.h"

#define REAP_BATCH 1024u

static void set_claim(struct fos_egress *e, uint32_t frame, uint32_t v)
{
	fos_egress_save(e, &e->claims[frame], sizeof(e->claims[frame]));
	fos_relaxed_store32(&e->claims[frame], v);
}

/* the words that every batch changes are kept once per batch */
void fos_frames_touch(struct fos_egress *e)
{
	if (e->head_batch == e->batch)
		return;
	fos_egress_save(e, &e->st->free_head, FOS_EGR_HEAD_BYTES);
	e->head_batch = e->batch;
}

struct fos_seg *fos_frames_seg(struct fos_egress *e, uint32_t frame)
{
	fos_egress_save(e, &e->segs[frame], sizeof(e->segs[frame]));
	return &e->segs[frame];
}

void fos_frames_retained(struct fos_egress *e, int64_t by)
{
	fos_frames_touch(e);
	e->st->nr_retained += (uint64_t)by;
}

void fos_frames_init(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->own_count; i++) {
		uint32_t frame = e->own_first + i;

		e->free_queue[i & e->free_mask] = frame;
		e->segs[frame].state = FOS_SEG_FREE;
		e->claims[frame] = 1;
	}
	e->st->free_head = 0;
	e->st->free_tail = e->own_count;
}

bool fos_frames_claim(struct fos_egress *e, uint32_t frame, uint32_t gen)
{
	struct fos_seg *s;

	if (frame >= e->p->dir->nr_frames || e->segs[frame].state != FOS_SEG_AWAY) {
		fos_count(e->p->counter, FOS_C_drop_meta, 1);
		return false;
	}
	s = fos_frames_seg(e, frame);
	*s = (struct fos_seg){.state = FOS_SEG_HELD, .flow = FOS_NONE, .next = FOS_NONE};
	set_claim(e, frame, fos_frames_gen(gen));
	return true;
}

uint32_t fos_frames_avail(const struct fos_egress *e)
{
	return (uint32_t)(e->free_limit - e->st->free_head);
}

uint32_t fos_frames_get(struct fos_egress *e)
{
	uint32_t frame;
	struct fos_seg *s;

	if (!fos_frames_avail(e))
		return FOS_NONE;
	fos_frames_touch(e);
	frame = e->free_queue[e->st->free_head++ & e->free_mask];
	s = fos_frames_seg(e, frame);
	*s = (struct fos_seg){
		.state = FOS_SEG_HELD, .flags = FOS_SEG_OWN, .flow = FOS_NONE, .next = FOS_NONE};
	return frame;
}

static bool is_own(const struct fos_egress *e, uint32_t frame)
{
	return frame >= e->own_first && frame - e->own_first < e->own_count;
}

static void to_queue(struct fos_egress *e, uint32_t frame)
{
	fos_frames_seg(e, frame)->state = FOS_SEG_FREE;
	fos_frames_touch(e);
	e->free_queue[e->st->free_tail++ & e->free_mask] = frame;
}

static void go_home(struct fos_egress *e, uint32_t frame)
{
	uint32_t n = e->home_frames ? frame / e->home_frames : 0;
	struct fos_ring_prod *r = n < e->nr_home ? e->home[n] : NULL;
	struct fos_desc *d;

	/* sized for every frame: only a damaged consumer makes it full */
	if (!r || !fos_ring_room(r, 1)) {
		to_queue(e, frame);
		return;
	}
	d = fos_ring_slot(r, 0);
	*d = (struct fos_desc){.frame = frame,
			       .gen = e->claims[frame],
			       .flow = FOS_NONE,
			       .kind = FOS_DESC_HOME};
	fos_ring_advance(r, 1);
	fos_frames_seg(e, frame)->state = FOS_SEG_AWAY;
	set_claim(e, frame, 0);
}

void fos_frames_put(struct fos_egress *e, uint32_t frame)
{
	uint64_t have = e->st->free_tail - e->st->free_head;
	struct fos_seg *s = fos_frames_seg(e, frame);

	if (s->state != FOS_SEG_HELD && s->state != FOS_SEG_RETAINED)
		return;
	if (s->flags & FOS_SEG_IN_TX) {
		s->state = FOS_SEG_HELD;
		s->flags |= FOS_SEG_DROP;
		return;
	}
	if (is_own(e, frame) || have < e->own_count / 4)
		to_queue(e, frame);
	else
		go_home(e, frame);
}

bool fos_frames_tx_room(struct fos_egress *e, uint32_t port, uint32_t n)
{
	if (port >= e->p->dir->nr_ports || e->st->nr_tx + n > FOS_EGR_TX_MAX)
		return false;
	if (e->sink->room(e->sink_ctx, port) >= e->tx_port[port] + n)
		return true;
	fos_count(e->p->counter, FOS_C_tx_full, 1);
	e->starved = true;
	return false;
}

void fos_frames_send(struct fos_egress *e, uint32_t frame, uint32_t port, bool keep)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);
	struct fos_seg *s = fos_frames_seg(e, frame);

	fos_frames_touch(e);
	e->st->tx[e->st->nr_tx++] = (struct fos_tx){
		.number = e->number,
		.time_ns = e->time_ns,
		.frame = frame,
		.off = m->data_off,
		.len = m->len,
		.port = port,
		.wire_len = m->orig_len > m->len ? m->orig_len : m->len,
	};
	e->tx_port[port]++;
	s->flags |= FOS_SEG_IN_TX;
	if (!keep)
		s->flags |= FOS_SEG_DROP;
	e->st->nr_in_tx++;
	fos_count(e->p->counter, FOS_C_tx_packets, 1);
	fos_count(e->p->counter, FOS_C_tx_bytes, m->len);
}

static void take_back(struct fos_egress *e, uint32_t frame)
{
	struct fos_seg *s;

	/* a completion that a predecessor had seen already is ignored */
	if (frame >= e->p->dir->nr_frames || !(e->segs[frame].flags & FOS_SEG_IN_TX))
		return;
	s = fos_frames_seg(e, frame);
	s->flags &= (uint8_t)~FOS_SEG_IN_TX;
	e->st->nr_in_tx--;
	if (s->flags & FOS_SEG_DROP) {
		s->flags &= (uint8_t)~FOS_SEG_DROP;
		fos_frames_put(e, frame);
	}
}

uint32_t fos_frames_reap(struct fos_egress *e)
{
	uint32_t frames[REAP_BATCH];
	uint32_t n;

	if (e->st->nr_in_tx == 0)
		return 0;
	n = e->sink->reap(e->sink_ctx, frames, REAP_BATCH);
	if (n == 0)
		return 0;
	fos_frames_touch(e);
	for (uint32_t i = 0; i < n; i++)
		take_back(e, frames[i]);
	/* committed before the sink forgets them, and before any of them is sent again */
	fos_egress_commit(e);
	e->sink->reap_done(e->sink_ctx);
	return n;
}

void fos_frames_abandon(struct fos_egress *e)
{
	for (uint32_t f = 0; f < e->p->dir->nr_frames && e->st->nr_in_tx > 0; f++) {
		if (!(e->segs[f].flags & FOS_SEG_IN_TX))
			continue;
		if (!fos_egress_room(e))
			fos_egress_commit(e);
		fos_frames_touch(e);
		take_back(e, f);
	}
	fos_egress_commit(e);
}
