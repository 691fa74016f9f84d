/* ingress/replay.c - a capture file as input: batches, each followed to its end
 *
 * A batch is at most 512 packets (an eighth of the frames) or 100 ms of capture time: its packets
 * share what it takes to come to rest, and fit into a processor's cache.  The clock moves to its first
 * packet; when all have seen that, the batch is sent; when the lane has come to rest the clock moves to
 * the batch's last packet and timers run; when it rests again egress is told to emit; then the next
 * batch.  So what leaves depends on the capture alone, not on how the processes were scheduled.
 *
 * "At rest": every ring is empty.  Consumers move a head only after what the entry caused is
 * visible, and tails only grow, so if all tails read in a second pass equal the heads read in a
 * first one, all rings were empty at the moment between and nobody had work in hand.
 *
 * Killed anywhere, ingress goes on with the packet after the last one that is in a ring: one ring
 * entry is one packet, so the rings' tails count them.  What a phase begins with can be done twice.
 */
#include <errno.h>
#include <string.h>

#include "ingress/ingress.h"
#include "shm/build.h"
#include "shm/killpoint.h"

#define BATCH_PACKETS 512u /* none of the rings may overflow by one batch */
#define BATCH_LEAST 64u
#define BATCH_NS 100000000ull

enum phase { READ = 0, SENT, CLOCK, FLUSH, EOF_SENT, EOF_FLUSH, FINISHED, BEGIN, SEND };

/* The i-th packet is the batch's, if the batch does not lie after it. */
static void in_batch(struct fos_ingress *g, uint64_t i)
{
	if (i == g->priv->batch_from)
		g->batch_start = g->pending.time_ns;
	/* capture clocks step back now and then; ours does not */
	if (i >= g->priv->batch_from && g->pending.time_ns > g->priv->batch_end)
		g->priv->batch_end = g->pending.time_ns;
}

int fos_ingress_replay_init(struct fos_ingress *g)
{
	const struct fos_dir *dir = g->proc->dir;
	char err[256];

	g->capture = fos_capture_open(fos_dir_string(dir, dir->input_off), err, sizeof(err));
	if (!g->capture) {
		fos_log(FOS_LOG_ERROR, "%s", err);
		return -EIO;
	}
	/* a successor reads on where its predecessor stood */
	g->nr_read = g->priv->nr_refused;
	for (uint32_t lane = 0; lane < dir->nr_lanes; lane++)
		g->nr_read += g->lane[lane]->ring->tail;
	for (uint64_t i = 0; i < g->nr_read; i++) {
		if (fos_capture_next(g->capture, &g->pending) != 1)
			break;
		in_batch(g, i);
	}
	fos_relaxed_store64(&g->proc->counter[FOS_C_rx_packets], g->nr_read);
	return 0;
}

static const uint64_t *head_word(const struct fos_proc *p, const struct fos_dir_ring *r)
{
	const uint8_t *base = p->box.region[p->dir->proc[r->consumer].region].base;
	uint64_t off = fos_build_cursors(p->dir, r->consumer);

	return &((const struct fos_cursor *)(const void *)(base + off))[r->cursor].head;
}

static const uint64_t *tail_word(const struct fos_proc *p, const struct fos_dir_ring *r)
{
	const uint8_t *base = p->box.region[p->dir->proc[r->producer].region].base;

	return &((const struct fos_ring *)(const void *)(base + r->off))->tail;
}

static bool at_rest(const struct fos_proc *p)
{
	static uint64_t heads[FOS_MAX_RINGS];

	for (uint32_t i = 0; i < p->dir->nr_rings; i++)
		heads[i] = fos_acquire64(head_word(p, &p->dir->ring[i]));
	for (uint32_t i = 0; i < p->dir->nr_rings; i++)
		if (fos_acquire64(tail_word(p, &p->dir->ring[i])) != heads[i])
			return false;
	return true;
}

/* Has every other process run its timers for the clock? */
static bool clock_seen(const struct fos_proc *p, uint64_t clock)
{
	for (uint32_t i = 0; i < p->dir->nr_procs; i++) {
		const struct fos_dir_proc *q = &p->dir->proc[i];
		const struct fos_region_head *h = (const void *)p->box.region[q->region].base;

		if (q->role == FOS_ROLE_KEEPER || q->role == FOS_ROLE_INGRESS)
			continue;
		if (fos_acquire64(&h->clock_seen_ns) != clock)
			return false;
	}
	return true;
}

static bool flush_seen(const struct fos_proc *p)
{
	uint64_t flush = fos_box_head(&p->box)->flush;

	for (uint32_t i = 0; i < p->dir->nr_procs; i++) {
		const struct fos_dir_proc *q = &p->dir->proc[i];
		const struct fos_region_head *h = (const void *)p->box.region[q->region].base;

		if (q->role == FOS_ROLE_EGRESS && fos_acquire64(&h->flush_seen) != flush)
			return false;
	}
	return true;
}

/* Has egress, in the flush that it has seen, moved flows, of which there may now be more to send? */
static bool flush_more(const struct fos_proc *p)
{
	for (uint32_t i = 0; i < p->dir->nr_procs; i++) {
		const struct fos_dir_proc *q = &p->dir->proc[i];

		if (q->role == FOS_ROLE_EGRESS &&
		    ((const struct fos_egr *)(const void *)p->box.region[q->region].base)->flush_more)
			return true;
	}
	return false;
}

static bool next_packet(struct fos_ingress *g)
{
	int r;

	if (g->has_pending || g->at_end)
		return g->has_pending;
	r = fos_capture_next(g->capture, &g->pending);
	if (r < 0) {
		fos_log(FOS_LOG_ERROR, "%s; what comes before was processed, "
			"`pcapfix %s` may mend the rest", fos_capture_error(g->capture),
			fos_dir_string(g->proc->dir, g->proc->dir->input_off));
		g->proc->failed = true;
	}
	g->has_pending = r == 1;
	g->at_end = r != 1;
	return g->has_pending;
}

static void describe(struct fos_ingress *g, uint32_t frame)
{
	struct fos_frame_meta *m = fos_box_meta(&g->proc->box, frame);
	const struct fos_capture_packet *c = &g->pending;

	memset(m, 0, sizeof(*m));
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = (uint16_t)c->caplen;
	m->orig_len = c->origlen > UINT16_MAX ? UINT16_MAX : (uint16_t)c->origlen;
	m->link = (uint16_t)c->link;
	m->port = (uint8_t)(c->interface < g->proc->dir->nr_ports ? c->interface : 0);
	m->time_ns = c->time_ns;
	m->number = g->nr_read + 1;
	m->next_frame = FOS_NONE;
	memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, c->data, c->caplen);
	fos_ingress_parse(g, m);
}

/* Sends the pending packet, or drops it with a reason.  False: no frame or no room now. */
static bool send_pending(struct fos_ingress *g)
{
	uint64_t *c = g->proc->counter;
	struct fos_ring_prod *ring;
	uint32_t frame;

	if (g->pending.caplen > g->frame_size - FOS_FRAME_DATA_OFF ||
	    !fos_parse_link_known(g->pending.link)) {
		bool mtu = fos_parse_link_known(g->pending.link);

		g->priv->nr_refused++;
		fos_killpoint("replay.refused");
		fos_count(c, FOS_C_rx_packets, 1);
		fos_count(c, mtu ? FOS_C_drop_mtu : FOS_C_drop_link_type, 1);
		g->has_pending = false;
		g->nr_read++;
		return true;
	}
	if (g->nr_stack == 0)
		return false;
	frame = g->stack[g->nr_stack - 1];
	describe(g, frame);
	ring = fos_ingress_lane(g, fos_box_meta(&g->proc->box, frame));
	if (fos_ring_room(ring, 1) == 0)
		return false;
	g->nr_stack--;
	fos_ingress_pass(g, ring, frame, FOS_DESC_FRAME, 0);
	fos_ingress_count(g, fos_box_meta(&g->proc->box, frame));
	fos_killpoint("replay.filled");
	fos_ring_commit(ring);
	fos_killpoint("replay.committed");
	fos_ingress_passed(g, frame);
	g->has_pending = false;
	g->nr_read++;
	return true;
}

static uint32_t batch_packets(const struct fos_ingress *g)
{
	uint32_t n = g->proc->dir->nr_frames / 8;

	return n < BATCH_LEAST ? BATCH_LEAST : n < BATCH_PACKETS ? n : BATCH_PACKETS;
}

/* One batch, or the rest of it; returns packets sent.  batch_end grows to the last packet's time. */
static uint64_t send_batch(struct fos_ingress *g)
{
	uint32_t max = batch_packets(g);

	while (g->nr_read - g->priv->batch_from < max && next_packet(g)) {
		if (g->nr_read > g->priv->batch_from &&
		    g->pending.time_ns > g->batch_start + BATCH_NS)
			break;
		in_batch(g, g->nr_read);
		if (!send_pending(g))
			break;
	}
	return g->nr_read - g->priv->batch_from;
}

static void set_clock(struct fos_ingress *g, uint64_t clock)
{
	g->proc->now_ns = clock;
	/* pairs with the acquire of the stages' skeleton: timers may run up to here */
	fos_release64(&fos_box_head(&g->proc->box)->clock_ns, clock);
}

/* What the next phase begins with has been stored. */
static void set_phase(struct fos_ingress *g, uint32_t next)
{
	fos_barrier_compiler();
	g->priv->phase = next;
	fos_killpoint("replay.phase");
}

/* Moves to `next` when the lane rests; returns whether it did. */
static bool rested(struct fos_ingress *g, uint32_t next)
{
	if (!at_rest(g->proc))
		return false;
	set_phase(g, next);
	return true;
}

static uint32_t read_phase(struct fos_ingress *g)
{
	struct fos_region_head *h = fos_box_head(&g->proc->box);

	if (next_packet(g)) {
		/* what waits since then counts its time from this batch, not from the last one */
		if (g->pending.time_ns > h->clock_ns)
			set_clock(g, g->pending.time_ns);
		g->priv->batch_from = g->nr_read;
		set_phase(g, BEGIN);
		return 1;
	}
	fos_release32(&h->eof, 1);
	fos_killpoint("replay.eof");
	set_clock(g, g->priv->batch_end + 1);
	set_phase(g, EOF_SENT);
	return 1;
}

uint32_t fos_ingress_replay(struct fos_ingress *g)
{
	struct fos_proc *p = g->proc;
	uint64_t clock = fos_box_head(&p->box)->clock_ns;
	uint32_t done = fos_ingress_collect(g);

	switch (g->priv->phase) {
	case READ:
		return done + read_phase(g);
	case BEGIN:
		if (clock_seen(p, clock) && rested(g, SEND))
			return done + 1;
		break;
	case SEND:
		/* 0: frames are on their way home */
		if (send_batch(g) > 0) {
			set_phase(g, SENT);
			return done + 1;
		}
		if (g->at_end && !g->has_pending)
			set_phase(g, READ);
		break;
	case SENT:
		if (rested(g, CLOCK))
			return done + 1;
		break;
	case CLOCK:
		if (g->priv->batch_end > clock) {
			set_clock(g, g->priv->batch_end);
			return done + 1;
		}
		/* fall through */
	case EOF_SENT:
		g->priv->flush = fos_box_head(&p->box)->flush + 1;
		if (clock_seen(p, clock) &&
		    rested(g, g->priv->phase == CLOCK ? FLUSH : EOF_FLUSH))
			return done + 1;
		break;
	case FLUSH:
	case EOF_FLUSH:
		if (fos_box_head(&p->box)->flush != g->priv->flush) {
			fos_release64(&fos_box_head(&p->box)->flush, g->priv->flush);
			return done + 1;
		}
		/* looked at once: who comes to rest between two looks may have left more to flush */
		if (!flush_seen(p) || !at_rest(p))
			break;
		if (flush_more(p))
			g->priv->flush++;
		else
			set_phase(g, g->priv->phase == FLUSH ? READ : FINISHED);
		return done + 1;
	default:
		/* 2 tells the supervisor that everything has been delivered */
		fos_release32(&fos_box_head(&p->box)->eof, 2);
	}
	return done;
}
