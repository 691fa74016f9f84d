/* egress/frames.c - frames that egress holds, see frames.h */
#include "egress/frames.h"

#include "shm/build.h"
#include "shm/killpoint.h"

#define REAP_BATCH 1024u
#define SHARE_BATCH 1024u

static void set_claim(struct fos_egress *e, uint32_t frame, uint32_t v)
{
	fos_egress_save(e, &e->claims[frame], sizeof(e->claims[frame]));
	fos_relaxed_store32(&e->claims[frame], v);
}

void fos_frames_retained(struct fos_egress *e, int64_t by)
{
	fos_frames_touch(e);
	e->st->nr_retained += (uint64_t)by;
}

void fos_frames_init(struct fos_egress *e)
{
	uint32_t first, count;

	fos_build_egress_frames(e->p->dir, e->p->box.lane, &first, &count);
	for (uint32_t i = 0; i < count; i++) {
		e->free_queue[i & e->free_mask] = first + i;
		e->segs[first + i].state = FOS_SEG_FREE;
		e->claims[first + i] = 1;
	}
	e->st->free_head = 0;
	e->st->free_tail = count;
}

bool fos_frames_claim(struct fos_egress *e, uint32_t frame, uint32_t gen)
{
	struct fos_seg *s;

	if (frame >= e->p->dir->nr_frames || e->segs[frame].state != FOS_SEG_AWAY) {
		fos_count(e->p->counter, FOS_C_drop_meta, 1);
		return false;
	}
	s = fos_frames_seg(e, frame);
	*s = (struct fos_seg){
		.state = FOS_SEG_HELD, .flow = FOS_NONE, .next = FOS_NONE, .batch = e->batch};
	set_claim(e, frame, fos_frames_gen(gen));
	return true;
}

uint32_t fos_frames_avail(const struct fos_egress *e)
{
	return (uint32_t)(e->free_limit - e->st->free_head);
}

/* A slot of the queue changes; one that the last commit reaches is kept first. */
static void set_slot(struct fos_egress *e, uint64_t at, uint32_t frame)
{
	uint32_t *slot = &e->free_queue[at & e->free_mask];

	if (at < e->free_kept)
		fos_egress_save(e, slot, sizeof(*slot));
	*slot = frame;
}

/* Takes the one out that was freed last (before this batch), as it may still be in a near cache; the last
 * of those freed since takes its place. */
static uint32_t newest(struct fos_egress *e)
{
	uint64_t at = --e->free_limit, last;
	uint32_t frame = e->free_queue[at & e->free_mask];

	fos_frames_touch(e);
	last = --e->st->free_tail;
	if (last != at)
		set_slot(e, at, e->free_queue[last & e->free_mask]);
	return frame;
}

uint32_t fos_frames_get(struct fos_egress *e)
{
	uint32_t frame;
	struct fos_seg *s;

	if (!fos_frames_avail(e))
		return FOS_NONE;
	frame = newest(e);
	s = fos_frames_seg(e, frame);
	*s = (struct fos_seg){.state = FOS_SEG_HELD,
			      .flags = FOS_SEG_OWN,
			      .flow = FOS_NONE,
			      .next = FOS_NONE,
			      .batch = e->batch};
	return frame;
}

static uint64_t level(const struct fos_egress *e)
{
	return e->st->free_tail - e->st->free_head;
}

static void to_queue(struct fos_egress *e, uint32_t frame)
{
	fos_frames_seg(e, frame)->state = FOS_SEG_FREE;
	fos_frames_touch(e);
	set_slot(e, e->st->free_tail++, frame);
}

/* False: no room.  The ring is sized for every frame: only a damaged consumer makes it full. */
static bool give(struct fos_egress *e, struct fos_home *h, uint32_t frame)
{
	struct fos_desc *d;

	if (!h->ring || !fos_ring_room(h->ring, 1))
		return false;
	d = fos_ring_slot(h->ring, 0);
	*d = (struct fos_desc){.frame = frame,
			       .gen = e->claims[frame],
			       .flow = FOS_NONE,
			       .kind = FOS_DESC_HOME};
	fos_ring_advance(h->ring, 1);
	fos_frames_seg(e, frame)->state = FOS_SEG_AWAY;
	fos_killpoint("home.given");
	set_claim(e, frame, 0);
	h->have++;
	return true;
}

/* The ingress that the frame's packet came in by; NULL: none. */
static struct fos_home *origin(const struct fos_egress *e, uint32_t frame)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);
	const struct fos_dir *dir = e->p->dir;
	uint32_t proc;

	if (e->p->offline)
		return e->nr_home ? &e->home[0] : NULL;
	/* what the box made came in nowhere; its record would have to be fetched from far */
	if (e->segs[frame].flags & FOS_SEG_OWN)
		return NULL;
	if (m->port >= dir->nr_ports || m->queue >= dir->port[m->port].nr_queues)
		return NULL;
	proc = dir->port[m->port].first_ingress + m->queue;
	if (proc >= dir->nr_procs || dir->proc[proc].role != FOS_ROLE_INGRESS ||
	    dir->proc[proc].index >= e->nr_home)
		return NULL;
	return &e->home[dir->proc[proc].index];
}

/* The ingress that is shortest of frames; NULL: all have about what they are to have (the rest is on
 * its way home anyhow). */
static struct fos_home *neediest(const struct fos_egress *e)
{
	struct fos_home *min = NULL;

	for (uint32_t i = 0; i < e->nr_home; i++)
		if (e->home[i].have < (min ? min->have : e->home_frames / 8 * 7))
			min = &e->home[i];
	return min;
}

/* To where it came in by while that is short: so each ingress has frames to go on with, whatever
 * becomes of those of the others.  Else to who needs one, else it is spare. */
static void go_home(struct fos_egress *e, uint32_t frame)
{
	struct fos_home *h = origin(e, frame);

	if (!h || (h->have >= e->home_frames && !e->p->offline))
		h = neediest(e);
	if (!h || !give(e, h, frame))
		to_queue(e, frame);
}

void fos_frames_share(struct fos_egress *e)
{
	struct fos_home *h;

	for (uint32_t i = 0; i < e->nr_home; i++) {
		const struct fos_ring_prod *r = e->home[i].ring;

		/* what lies in the ring first: what is taken meanwhile counts twice, not never */
		e->home[i].have = r ? (uint32_t)(r->next - fos_acquire64(r->head)) : 0;
		e->home[i].have += fos_relaxed32(&e->home[i].region->nr_free);
	}
	for (uint32_t i = 0; i < SHARE_BATCH && level(e) > e->reserve && fos_frames_avail(e) &&
			     (h = neediest(e)) != NULL; i++) {
		uint32_t frame = e->free_queue[e->st->free_head & e->free_mask];

		if (!give(e, h, frame))
			break;
		fos_frames_touch(e);
		e->st->free_head++;
	}
}

void fos_frames_put(struct fos_egress *e, uint32_t frame)
{
	struct fos_seg *s = fos_frames_seg(e, frame);

	if (s->state != FOS_SEG_HELD && s->state != FOS_SEG_RETAINED)
		return;
	if (s->flags & FOS_SEG_IN_TX) {
		s->state = FOS_SEG_HELD;
		s->flags |= FOS_SEG_DROP;
		return;
	}
	if (level(e) < (s->flags & FOS_SEG_OWN ? e->reserve : e->reserve / 4))
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

static void queue_tx(struct fos_egress *e, uint32_t frame, uint32_t port, bool keep, bool more)
{
	const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);
	struct fos_seg *s;

	fos_count(e->p->counter, FOS_C_tx_packets, !more);
	fos_count(e->p->counter, FOS_C_tx_bytes, m->len);
	if (e->blind) {
		if (!keep)
			fos_frames_put(e, frame);
		return;
	}
	s = fos_frames_seg(e, frame);
	fos_frames_touch(e);
	e->st->tx[e->st->nr_tx++] = (struct fos_tx){
		.number = e->number,
		.time_ns = e->time_ns,
		.frame = frame,
		.off = m->data_off,
		.len = m->len,
		.port = port,
		.wire_len = m->orig_len > m->len ? m->orig_len : m->len,
		.more = more,
	};
	e->tx_port[port]++;
	s->flags |= FOS_SEG_IN_TX;
	if (!keep)
		s->flags |= FOS_SEG_DROP;
	e->st->nr_in_tx++;
}

void fos_frames_send(struct fos_egress *e, uint32_t frame, uint32_t port, bool keep)
{
	queue_tx(e, frame, port, keep, false);
}

void fos_frames_send_part(struct fos_egress *e, uint32_t frame, uint32_t port, bool more)
{
	queue_tx(e, frame, port, false, more);
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
	fos_killpoint("tx.reaping");
	fos_frames_touch(e);
	for (uint32_t i = 0; i < n; i++)
		take_back(e, frames[i]);
	/* committed before the sink forgets them, and before any of them is sent again */
	fos_egress_commit(e);
	fos_killpoint("tx.reaped");
	e->sink->reap_done(e->sink_ctx);
	fos_killpoint("tx.released");
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
