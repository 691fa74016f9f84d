/* audit_egress.c - egress's own records of its frames; see audit.h */
#include "deploy/audit/audit.h"
#include "egress/state.h"

struct parts {
	const struct fos_egr_state *st;
	const struct fos_tcb *tcbs;
	const struct fos_seg *segs;
	const uint32_t *queue;
	uint64_t queue_mask;
	const uint32_t *claims;
};

static bool find_parts(const struct fos_audit *a, uint32_t proc, struct parts *p)
{
	const struct fos_egr *r = fos_audit_table(a, proc, 0, sizeof(*r));
	const uint8_t *base;
	struct fos_egr_places at;

	if (!r)
		return false;
	base = fos_audit_table(a, proc, r->private_off, r->private_size);
	p->claims = fos_audit_table(a, proc, r->claims_off, a->dir->nr_frames * 4ull);
	fos_egr_places(a->dir, &at);
	if (!base || !p->claims || at.end > r->private_size)
		return false;
	p->st = (const void *)base;
	p->tcbs = (const void *)(base + at.tcbs);
	p->segs = (const void *)(base + at.segs);
	p->queue = (const void *)(base + at.queue);
	p->queue_mask = at.queue_size - 1;
	return p->st->magic == FOS_EGR_MAGIC;
}

static void look_at_frames(struct fos_audit *a, uint32_t proc, const struct parts *p)
{
	uint64_t nr[4] = {0}, in_tx = 0;

	for (uint32_t i = 0; i < a->dir->nr_frames; i++) {
		const struct fos_seg *s = &p->segs[i];
		struct fos_audit_frame *f = &a->frame[i];
		bool claimed = fos_relaxed32(&p->claims[i]) != 0;
		uint8_t state = s->state, flags = s->flags;

		if (claimed != (state != FOS_SEG_AWAY) || state > FOS_SEG_RETAINED) {
			fos_audit_add(a, FOS_AUDIT_EGR_STATE, proc, i);
			continue;
		}
		nr[state]++;
		in_tx += (flags & FOS_SEG_IN_TX) != 0;
		if (state == FOS_SEG_HELD && !(flags & (FOS_SEG_IN_TX | FOS_SEG_WAITS)))
			fos_audit_add(a, FOS_AUDIT_EGR_IDLE, proc, i);
		if (f->place != FOS_PLACE_EGRESS || f->top_proc != proc)
			continue;
		if (flags & FOS_SEG_IN_TX)
			f->place = FOS_PLACE_TX;
		else if (state == FOS_SEG_FREE)
			f->place = FOS_PLACE_FREE;
	}
	if (nr[FOS_SEG_FREE] != p->st->free_tail - p->st->free_head ||
	    nr[FOS_SEG_RETAINED] != p->st->nr_retained || in_tx != p->st->nr_in_tx)
		fos_audit_add(a, FOS_AUDIT_EGR_COUNT, proc, proc);
}

/* Each entry of the free queue is free, and there once. */
static void look_at_queue(struct fos_audit *a, uint32_t proc, const struct parts *p)
{
	uint64_t n = p->st->free_tail - p->st->free_head;

	for (uint64_t i = 0; i < n && i <= p->queue_mask; i++) {
		uint32_t frame = p->queue[(p->st->free_head + i) & p->queue_mask];

		if (frame >= a->dir->nr_frames || p->segs[frame].state != FOS_SEG_FREE)
			fos_audit_add(a, FOS_AUDIT_EGR_COUNT, proc, proc);
	}
}

/* A flow's retained segments: as many as it says, each its own, positions ascending. */
static void look_at_retained(struct fos_audit *a, uint32_t proc, const struct parts *p)
{
	for (uint32_t flow = 0; flow < a->dir->nr_flows; flow++) {
		const struct fos_tcb *t = &p->tcbs[flow];
		uint32_t n = 0, i = t->gen ? t->seg_first : FOS_NONE;
		uint64_t pos = 0;

		while (i < a->dir->nr_frames && n <= t->nr_seg) {
			const struct fos_seg *s = &p->segs[i];

			if (s->state != FOS_SEG_RETAINED || s->flow != flow || s->pos < pos)
				break;
			pos = s->pos + s->len;
			n++;
			i = s->next;
		}
		if (t->gen && (i != FOS_NONE || n != t->nr_seg))
			fos_audit_add(a, FOS_AUDIT_EGR_LIST, proc, flow);
	}
}

void fos_audit_egress(struct fos_audit *a, uint32_t proc)
{
	struct parts p;

	if (!find_parts(a, proc, &p))
		return;
	look_at_frames(a, proc, &p);
	look_at_queue(a, proc, &p);
	look_at_retained(a, proc, &p);
}
