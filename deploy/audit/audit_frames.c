/* audit_frames.c - processes, rings, and who has each frame; see audit.h */
#include <stddef.h>
#include <string.h>

#include "deploy/audit/audit.h"
#include "ingress/ingress.h"
#include "shm/build.h"
#include "shm/ring.h"

#define GEN_MASK (UINT32_MAX >> 2) /* ingress keeps its state in the other two bits */

/* Generations run round; is a newer than b (or the same)? */
static bool newer(uint32_t a, uint32_t b, bool or_same)
{
	uint32_t d = (a - b) & GEN_MASK;

	return d == 0 ? or_same : d < GEN_MASK / 2;
}

/* ------------------------------------------------------------------ processes */

uint64_t fos_audit_log(const struct fos_audit *a, uint32_t proc)
{
	const struct fos_dir_proc *p = &a->dir->proc[proc];
	const void *base = fos_audit_region(a, proc);
	struct fos_pm_tables t;

	if (!base)
		return 0;
	if (p->role == FOS_ROLE_CLASSIFIER)
		return ((const struct fos_cls *)base)->txn_off;
	if (p->role == FOS_ROLE_EGRESS)
		return ((const struct fos_egr *)base)->txn_off;
	if (p->role != FOS_ROLE_PM)
		return 0;
	fos_build_pm(a->dir, p->index, &t);
	return t.txn_off;
}

static void look_at_log(struct fos_audit *a, uint32_t proc)
{
	uint64_t off = fos_audit_log(a, proc), committed, applied;
	const struct fos_txn_log *log = off ? fos_audit_table(a, proc, off, sizeof(*log)) : NULL;

	if (!log)
		return;
	committed = fos_acquire64(&log->committed);
	applied = fos_acquire64(&log->applied);
	if (fos_relaxed32(&log->nr_redo) > FOS_TXN_REDO_MAX ||
	    fos_relaxed32(&log->undo_bytes) > FOS_TXN_UNDO_BYTES || committed - applied > 1)
		fos_audit_add(a, FOS_AUDIT_LOG, proc, proc);
	else if (committed != applied || fos_relaxed32(&log->nr_redo) ||
		 fos_relaxed32(&log->undo_bytes))
		fos_audit_add(a, FOS_AUDIT_BATCH, proc, proc);
}

void fos_audit_procs(struct fos_audit *a)
{
	for (uint32_t i = 0; i < a->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &a->dir->proc[i];
		const struct fos_dir_region *r = &a->dir->region[p->region];
		const struct fos_region_head *h = fos_audit_region(a, i);

		if (!h || p->role == FOS_ROLE_KEEPER)
			continue;
		if (h->magic != FOS_LAYOUT_MAGIC || h->version != FOS_LAYOUT_VERSION ||
		    h->kind != r->kind || h->size != r->size ||
		    h->box_id != a->dir->head.box_id)
			fos_audit_add(a, FOS_AUDIT_REGION, i, i);
		look_at_log(a, i);
	}
}

/* ------------------------------------------------------------------ rings */

static void put_slot(struct fos_audit *a, uint32_t ring, const struct fos_desc *d)
{
	struct fos_audit_frame *f;
	uint32_t frame = fos_relaxed32(&d->frame);

	if (frame == FOS_NONE)
		return; /* it says something and brings no frame */
	if (frame >= a->dir->nr_frames) {
		fos_audit_add(a, FOS_AUDIT_DESC, a->dir->ring[ring].producer, ring);
		return;
	}
	f = &a->frame[frame];
	f->nr_slots++;
	f->ring = ring;
	f->slot_gen = fos_relaxed32(&d->gen) & GEN_MASK;
}

static void look_at_ring(struct fos_audit *a, uint32_t i)
{
	const struct fos_dir_ring *r = &a->dir->ring[i];
	uint32_t log2_nr = fos_build_ring_log2(a->dir, r), slot = fos_build_slot_size(r->kind);
	uint64_t size = 1ull << log2_nr, head, tail;
	const struct fos_ring *ring = fos_audit_table(a, r->producer, r->off,
						      fos_ring_bytes(log2_nr, slot));
	const struct fos_cursor *c = fos_audit_table(
		a, r->consumer,
		fos_build_cursors(a->dir, r->consumer) + r->cursor * sizeof(*c), sizeof(*c));

	if (!ring || !c)
		return;
	/* head first: the tail that is read after it can only be further on */
	head = fos_acquire64(&c->head);
	tail = fos_acquire64(&ring->tail);
	if (ring->log2_nr != log2_nr || ring->slot_size != slot || tail - head > size) {
		fos_audit_add(a, FOS_AUDIT_RING, r->producer, i);
		return;
	}
	if (r->kind != FOS_RING_FRAME && r->kind != FOS_RING_FREE)
		return;
	for (; head != tail; head++)
		put_slot(a, i, (const struct fos_desc *)(const void *)(ring + 1) +
				       (head & (size - 1)));
}

/* ------------------------------------------------------------------ claims */

static void put_claim(struct fos_audit *a, uint32_t frame, uint32_t proc, uint32_t gen)
{
	struct fos_audit_frame *f = &a->frame[frame];

	gen &= GEN_MASK;
	if (f->nr_slots > 0) {
		const struct fos_dir_ring *r = &a->dir->ring[f->ring];

		if (proc != r->producer && proc != r->consumer && newer(gen, f->slot_gen, true))
			f->foreign = 1;
	}
	if (f->top_proc == FOS_NONE || newer(gen, f->top_gen, false)) {
		f->top_proc = proc;
		f->top_gen = gen;
		f->tie = 0;
	} else if (gen == f->top_gen) {
		f->tie = 1;
	}
}

static uint64_t claims_of(const struct fos_audit *a, uint32_t proc)
{
	const void *base = fos_audit_region(a, proc);

	switch (base ? a->dir->proc[proc].role : FOS_ROLE_KEEPER) {
	case FOS_ROLE_INGRESS:
		return ((const struct fos_ing *)base)->claims_off;
	case FOS_ROLE_CLASSIFIER:
		return ((const struct fos_cls *)base)->claims_off;
	case FOS_ROLE_EGRESS:
		return ((const struct fos_egr *)base)->claims_off;
	default:
		return 0;
	}
}

static void look_at_claims(struct fos_audit *a, uint32_t proc)
{
	uint64_t off = claims_of(a, proc);
	const uint32_t *claim =
		off ? fos_audit_table(a, proc, off, a->dir->nr_frames * 4ull) : NULL;
	bool ingress = a->dir->proc[proc].role == FOS_ROLE_INGRESS;

	for (uint32_t f = 0; claim && f < a->dir->nr_frames; f++) {
		uint32_t v = fos_relaxed32(&claim[f]);

		if (ingress ? (v & 3u) != FOS_ING_AWAY : v != 0)
			put_claim(a, f, proc, ingress ? v >> 2 : v);
	}
}

/* ------------------------------------------------------------------ verdict on each frame */

static uint8_t place_of(const struct fos_audit *a, uint32_t frame, uint32_t proc)
{
	const uint32_t *claim;

	switch (a->dir->proc[proc].role) {
	case FOS_ROLE_INGRESS:
		claim = fos_audit_table(a, proc, claims_of(a, proc), a->dir->nr_frames * 4ull);
		return (fos_relaxed32(&claim[frame]) & 3u) >= FOS_ING_KERNEL ? FOS_PLACE_RX :
									       FOS_PLACE_FREE;
	case FOS_ROLE_CLASSIFIER:
		return FOS_PLACE_CLASSIFIER;
	default:
		return FOS_PLACE_EGRESS; /* audit_egress.c says more */
	}
}

static void judge(struct fos_audit *a, uint32_t frame)
{
	struct fos_audit_frame *f = &a->frame[frame];
	uint32_t about = f->nr_slots ? a->dir->ring[f->ring].producer : f->top_proc;

	if (f->nr_slots > 1)
		fos_audit_add(a, FOS_AUDIT_FRAME_SLOTS, about, frame);
	else if (f->nr_slots == 1 && f->foreign)
		fos_audit_add(a, FOS_AUDIT_FRAME_CLAIM, about, frame);
	else if (f->nr_slots == 1)
		f->place = FOS_PLACE_RING;
	else if (f->top_proc == FOS_NONE)
		fos_audit_add(a, FOS_AUDIT_FRAME_LOST, FOS_NONE, frame);
	else if (f->tie)
		fos_audit_add(a, FOS_AUDIT_FRAME_TIE, about, frame);
	else
		f->place = place_of(a, frame, f->top_proc);
}

void fos_audit_frames(struct fos_audit *a)
{
	memset(a->frame, 0, a->dir->nr_frames * sizeof(*a->frame));
	for (uint32_t f = 0; f < a->dir->nr_frames; f++)
		a->frame[f].top_proc = FOS_NONE;
	for (uint32_t i = 0; i < a->dir->nr_rings; i++)
		look_at_ring(a, i);
	for (uint32_t i = 0; i < a->dir->nr_procs; i++)
		look_at_claims(a, i);
	for (uint32_t f = 0; f < a->dir->nr_frames; f++)
		judge(a, f);
}
