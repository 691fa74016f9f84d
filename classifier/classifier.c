/* classifier/classifier.c - hooks of the classifier process, see classifier.h */
#include "classifier/classifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier/batch.h"
#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/flow_table.h"
#include "classifier/neighbour.h"
#include "classifier/packet.h"
#include "classifier/progress.h"
#include "shm/killpoint.h"
#include "shm/table.h"

#define FRAMES_PER_RING 64u
#define HINTS_PER_RING 64u
#define AHEAD 4u /* what comes next is brought near meanwhile */
#define FEW_CONNS 2048u

struct fos_classifier *fos_classifier_new(void)
{
	return calloc(1, sizeof(struct fos_classifier));
}

void fos_classifier_free(struct fos_classifier *c)
{
	if (!c)
		return;
	fos_matcher_destroy(c->match);
	fos_event_detach(c);
	fos_table_free(c->local, c->local_bytes);
	fos_table_free(c->near, sizeof(*c->near) << c->near_bits);
	free(c);
}

/* ------------------------------------------------------------------ attaching */

static void *carve(uint64_t *at, uint8_t *base, uint64_t bytes)
{
	void *p = base + *at;

	*at += (bytes + FOS_CACHE_LINE - 1) / FOS_CACHE_LINE * FOS_CACHE_LINE;
	return p;
}

static bool lay_private(struct fos_classifier *c, uint8_t *own)
{
	uint8_t *base = own + c->cls->private_off;
	uint64_t at = 0;

	c->nr_conns = c->cls->nr_flows / 2;
	c->max_frags = c->dir->max_fragments;
	if (c->max_frags > FOS_FRAG_MAX || c->max_frags == 0)
		c->max_frags = FOS_FRAG_MAX;
	c->priv = carve(&at, base, sizeof(*c->priv));
	c->frag_bucket = carve(&at, base, FOS_FRAG_BUCKETS * sizeof(uint32_t));
	c->frags = carve(&at, base, FOS_FRAG_MAX * sizeof(*c->frags));
	c->conns = carve(&at, base, (uint64_t)c->nr_conns * sizeof(*c->conns));
	c->fifo = carve(&at, base, 2ull * c->cls->nr_pieces * sizeof(uint32_t));
	return at <= c->cls->private_size;
}

static void first_start(struct fos_classifier *c)
{
	struct fos_cls_private *h = c->priv;

	for (uint32_t i = 0; i < FOS_FRAG_BUCKETS; i++)
		c->frag_bucket[i] = FOS_NONE;
	for (uint32_t i = 0; i < c->cls->nr_pieces; i++)
		c->fifo[i] = i;
	memset(h, 0, sizeof(*h));
	h->fifo_tail = c->cls->nr_pieces;
	h->conn_free = FOS_NONE;
	h->purge_first = h->purge_last = FOS_NONE;
	h->frag_first = h->frag_last = h->frag_free = FOS_NONE;
	for (uint32_t i = 0; i < FOS_NR_LISTS; i++)
		h->list[i].first = h->list[i].last = FOS_NONE;
	/* last: killed before it, the successor starts over; all stores above can be repeated */
	fos_barrier_compiler();
	h->magic = FOS_CLS_MAGIC;
}

static int attach_memory(struct fos_classifier *c)
{
	uint8_t *own = fos_box_own(c->box);
	int rc;

	c->cls = (void *)own;
	c->flows = (void *)(own + c->cls->flows_off);
	c->pieces = (void *)(own + c->cls->pieces_off);
	c->events = (void *)(own + c->cls->events_off);
	c->buckets = (void *)(own + c->cls->buckets_off);
	c->live = (void *)(own + c->cls->live_off);
	c->claims = (void *)(own + c->cls->claims_off);
	if (!lay_private(c, own)) {
		fos_log(FOS_LOG_ERROR,
			"the classifier region's private area is too small: %u flows, %u pieces",
			c->cls->nr_flows, c->cls->nr_pieces);
		return -EPROTO;
	}
	rc = fos_txn_attach(&c->txn, (void *)(own + c->cls->txn_off), own,
			    c->box->region[c->p->me->region].size);
	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "the classifier region's transaction log is damaged: "
				       "restart the box");
		return rc;
	}
	if (rc > 0)
		fos_count(c->p->counter,
			  rc == 1 ? FOS_C_txn_rolled_forward : FOS_C_txn_rolled_back, 1);
	if (c->priv->magic != FOS_CLS_MAGIC)
		first_start(c);
	fos_flow_table_rebuild_live(c);
	return 0;
}

/* Handles were bound before a committed batch was rolled forward: its tails and heads count. */
static void rebind_rings(struct fos_classifier *c)
{
	struct fos_proc *p = c->p;

	for (uint32_t i = 0; i < p->nr_prod; i++)
		p->prod[i].next = p->prod[i].ring->tail;
	for (uint32_t i = 0; i < p->nr_cons; i++)
		p->cons[i].next = p->cons[i].cursor->head;
}

static int attach_rings(struct fos_classifier *c)
{
	struct fos_proc *p = c->p;
	uint32_t lane = c->box->lane;
	uint32_t egress = fos_proc_find(c->dir, FOS_ROLE_EGRESS, lane, lane);

	rebind_rings(c);
	c->out = fos_proc_prod(p, FOS_RING_FRAME, egress);
	c->egress_ready = fos_proc_prod(p, FOS_RING_READY, egress);
	for (uint32_t pm = 0; pm < c->dir->nr_pms; pm++)
		c->pm_ready[pm] = fos_proc_prod(p, FOS_RING_READY,
						fos_proc_find(c->dir, FOS_ROLE_PM, lane, pm));
	if (!c->out || !c->egress_ready || !c->box->egr) {
		fos_log(FOS_LOG_ERROR, "lane %u has no egress", lane);
		return -EPROTO;
	}
	return 0;
}

static int classifier_init(struct fos_proc *p)
{
	struct fos_classifier *c = p->state;
	char err[320];
	int rc;

	c->p = p;
	c->box = &p->box;
	c->dir = p->dir;
	rc = attach_memory(c);
	if (rc == 0)
		rc = attach_rings(c);
	if (rc < 0)
		return rc;
	for (c->near_bits = FOS_NEAR_BITS; 1u << c->near_bits < 2 * c->cls->nr_flows;)
		c->near_bits++;
	c->near = fos_table_new(sizeof(*c->near) << c->near_bits);
	c->local_bytes = c->cls->nr_flows * sizeof(*c->local);
	c->local = fos_table_new(c->local_bytes);
	if (!c->near || !c->local || fos_event_attach(c) < 0) {
		fos_log(FOS_LOG_ERROR, "no memory for %u flows", c->cls->nr_flows);
		return -ENOMEM;
	}
	c->hashed_key.pipeline = 0xff; /* no key has that */
	c->match = fos_matcher_create(c->dir, err, sizeof(err));
	if (!c->match) {
		fos_log(FOS_LOG_ERROR, "%s", err);
		return -EINVAL;
	}
	return 0;
}

/* ------------------------------------------------------------------ one pass */

static void note_broken(struct fos_classifier *c, struct fos_ring_cons *r)
{
	if (!r->broken)
		return;
	fos_cls_count(c, FOS_C_ring_broken);
	r->broken = false;
}

/* Takes the frame of the ring's i-th entry over as the i-th of a packet. */
static bool take_frame(struct fos_classifier *c, struct fos_ring_cons *r, uint32_t i)
{
	const struct fos_desc *at = fos_ring_at(r, i);
	const struct fos_desc d = {.frame = at->frame, .gen = at->gen, .kind = at->kind};

	if (d.frame >= c->dir->nr_frames || d.kind != (i ? FOS_DESC_MORE : FOS_DESC_FRAME))
		return false;
	/* an older claim: it ends in this batch, whose commit must not end the new one */
	if (c->claims[d.frame])
		fos_txn_publish32(&c->txn, &c->claims[d.frame], d.gen + 1);
	/* ours before the cursor moves: the frame always has an owner */
	fos_relaxed_store32(&c->claims[d.frame], d.gen + 1);
	fos_killpoint("frame.claimed");
	c->part[i].frame = d.frame;
	c->part[i].gen = d.gen + 1;
	return true;
}

/* One packet, of the `have` entries that are there; returns how many it took. */
static uint32_t take_packet(struct fos_classifier *c, struct fos_ring_cons *r, uint64_t have)
{
	uint32_t follow = ((const struct fos_desc *)fos_ring_at(r, 0))->len, nr = 0;

	if (follow >= FOS_MAX_SEGS || follow >= have)
		follow = 0; /* then its own metadata refuse it */
	while (nr <= follow && take_frame(c, r, nr))
		nr++;
	if (nr == 0) {
		fos_cls_count(c, FOS_C_drop_meta);
		return 1;
	}
	fos_packet_frames(c, nr);
	return nr;
}

static uint32_t frame_at(const struct fos_ring_cons *r, uint32_t i)
{
	return ((const struct fos_desc *)fos_ring_at(r, i))->frame;
}

/* Each step reads what the one before has brought near.  Few connections are near anyhow. */
static void expect_frames(const struct fos_classifier *c, const struct fos_ring_cons *r, uint64_t left)
{
	if (left > 3 * AHEAD)
		fos_box_expect(c->box, frame_at(r, 3 * AHEAD));
	if (c->priv->nr_conns < FEW_CONNS)
		return;
	if (left > 2 * AHEAD)
		fos_flow_expect_near(c, frame_at(r, 2 * AHEAD));
	if (left > AHEAD)
		fos_flow_expect(c, frame_at(r, AHEAD));
}

static uint32_t take_frames(struct fos_classifier *c, struct fos_ring_cons *r)
{
	uint64_t n = fos_ring_peek(r);
	uint32_t done = 0;

	while (done < n && done < FRAMES_PER_RING && fos_batch_room(c, 0)) {
		uint32_t nr;

		expect_frames(c, r, n - done);
		nr = take_packet(c, r, n - done);

		fos_ring_take(r, nr);
		done += nr;
	}
	return done;
}

/* The flow of a hint that comes soon. */
static void expect_flow(const struct fos_classifier *c, uint32_t flow)
{
	if (flow >= c->cls->nr_flows)
		return;
	fos_box_expect_bytes(&c->flows[flow], sizeof(c->flows[flow]));
	fos_box_expect_bytes(&c->local[flow], sizeof(c->local[flow]));
	fos_box_expect_bytes(&c->box->outs[flow], sizeof(c->box->outs[flow]));
}

static uint32_t take_hints(struct fos_classifier *c, struct fos_ring_cons *r)
{
	uint64_t n = fos_ring_peek(r);
	uint32_t done = 0;

	if (n > HINTS_PER_RING)
		n = HINTS_PER_RING;
	for (; done < n && fos_batch_room(c, FOS_SHADOWS / 2); done++) {
		struct fos_hint h = *(const struct fos_hint *)fos_ring_at(r, 0);

		if (n - done > AHEAD)
			expect_flow(c, ((const struct fos_hint *)fos_ring_at(r, AHEAD))->flow);
		/* a PM may have asked for other events, egress have moved the flow to others */
		if ((r->producer != c->out->consumer || c->dir->nr_pipelines > 1) &&
		    h.flow < c->cls->nr_flows)
			fos_event_forget(c, h.flow);
		if (h.flow == FOS_NONE)
			c->walk = 0;
		else if (!fos_progress_flow(c, h.flow, h.flow_gen))
			return done + 1; /* stays in the ring: the rest follows in the next batch */
		fos_ring_take(r, 1);
	}
	return done;
}

/* Hints first: they give back what frames need. */
static uint32_t take_rings(struct fos_classifier *c)
{
	struct fos_proc *p = c->p;
	uint32_t done = 0;

	c->turn++;
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < p->nr_cons; i++) {
			struct fos_ring_cons *r = &p->cons[(c->turn + i) % p->nr_cons];

			if (pass == 0 && r->kind == FOS_RING_READY)
				done += take_hints(c, r);
			if (pass == 1 && r->kind == FOS_RING_FRAME)
				done += take_frames(c, r);
			note_broken(c, r);
		}
	}
	return done;
}

/* No more packets will come: the capture is through, or the box is about to stop. */
static bool input_ended(const struct fos_classifier *c)
{
	/* pairs with the keeper's release: from now on packets go past the box */
	if (!c->p->offline)
		return fos_acquire32(&c->dir->stopping);
	for (uint32_t i = 0; i < c->dir->nr_procs; i++) {
		const struct fos_dir_proc *q = &c->dir->proc[i];
		const uint8_t *base = c->box->region[q->region].base;

		if (q->role != FOS_ROLE_INGRESS || !base)
			continue;
		/* pairs with ingress's release: all packets of the capture went before */
		if (!fos_acquire32(&((const struct fos_region_head *)(const void *)base)->eof))
			return false;
	}
	return true;
}

static bool input_empty(struct fos_classifier *c)
{
	for (uint32_t i = 0; i < c->p->nr_cons; i++)
		if (c->p->cons[i].kind == FOS_RING_FRAME && fos_ring_peek(&c->p->cons[i]) > 0)
			return false;
	return true;
}

static uint32_t classifier_work(struct fos_proc *p)
{
	struct fos_classifier *c = p->state;
	uint32_t done;

	c->now_ns = p->now_ns;
	fos_neighbour_publish(c);
	fos_batch_begin(c);
	done = take_rings(c);
	done += fos_progress_walk(c);
	done += fos_expire_work(c);
	if (!c->eof_done && input_ended(c) && input_empty(c)) {
		uint32_t closed = fos_expire_eof(c);

		c->eof_done = closed == 0;
		done += closed;
	}
	done += fos_purge_work(c);
	fos_batch_commit(c);
	return done;
}

static uint64_t classifier_idle(struct fos_proc *p)
{
	return fos_expire_next(p->state);
}

const struct fos_proc_hooks fos_classifier_hooks = {
	.program = "flowos-classifier",
	.init = classifier_init,
	.work = classifier_work,
	.idle = classifier_idle,
};
