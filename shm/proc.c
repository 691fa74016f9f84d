/* shm/proc.c - a stage's rings, hints and peers; what the simulation shares with real processes
 * (those run by shm/proc_main.c).  See proc.h. */
#include "shm/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/build.h"
#include "shm/killpoint.h"
#include "shm/loop.h"

static const uint32_t slot_size[] = {
	[FOS_RING_FRAME] = sizeof(struct fos_desc),
	[FOS_RING_READY] = sizeof(struct fos_hint),
	[FOS_RING_FREE] = sizeof(struct fos_desc),
	[FOS_RING_MESSAGE] = sizeof(struct fos_msg),
	[FOS_RING_EVENT] = sizeof(struct fos_event_slot),
	[FOS_RING_PARCEL] = sizeof(struct fos_parcel),
};

uint32_t fos_proc_find(const struct fos_dir *dir, enum fos_role role, uint32_t lane,
		       uint32_t index)
{
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		const struct fos_dir_proc *q = &dir->proc[i];

		if (q->role != role)
			continue;
		/* one of each of these per lane; ingress processes serve all lanes */
		if (role == FOS_ROLE_CLASSIFIER || role == FOS_ROLE_EGRESS) {
			if (q->lane == lane)
				return i;
		} else if (q->index == index && (role != FOS_ROLE_PM || q->lane == lane)) {
			return i;
		}
	}
	return FOS_NONE;
}

struct fos_ring_prod *fos_proc_prod(struct fos_proc *p, enum fos_ring_kind kind, uint32_t consumer)
{
	for (uint32_t i = 0; i < p->nr_prod; i++)
		if (p->prod[i].consumer == consumer && p->dir->ring[p->prod[i].id].kind == kind)
			return &p->prod[i];
	return NULL;
}

struct fos_ring_cons *fos_proc_cons(struct fos_proc *p, enum fos_ring_kind kind, uint32_t producer)
{
	for (uint32_t i = 0; i < p->nr_cons; i++)
		if (p->cons[i].producer == producer && p->cons[i].kind == kind)
			return &p->cons[i];
	return NULL;
}

/* ------------------------------------------------------------------ binding */

/* Where a ring's two halves lie in a process's memory; false = not inside their regions. */
static bool locate(const struct fos_box *box, const struct fos_dir_ring *r, uint8_t **ring,
		   uint8_t **cursor)
{
	const struct fos_dir_proc *from = &box->dir->proc[r->producer];
	const struct fos_dir_proc *to = &box->dir->proc[r->consumer];
	const struct fos_map *src = &box->region[from->region], *dst = &box->region[to->region];
	uint64_t at;

	if (!src->base || !dst->base)
		return false;
	at = fos_build_cursors(box->dir, r->consumer) + r->cursor * sizeof(struct fos_cursor);
	if (r->off + sizeof(struct fos_ring) > src->size || r->cursor >= FOS_MAX_RINGS_PER_PROC ||
	    at + sizeof(struct fos_cursor) > dst->size)
		return false;
	*ring = src->base + r->off;
	*cursor = dst->base + at;
	return fos_ring_bytes(fos_build_ring_log2(box->dir, r), slot_size[r->kind]) <=
	       src->size - r->off;
}

/* A PM's half of a ring is damaged: that is not to keep others from starting.  What it sends is
 * ignored, what is for it is not sent; hints are only hints. */
static int attach_anyway(const struct fos_proc *p, const struct fos_dir_ring *r)
{
	uint32_t other = r->producer == p->box.self ? r->consumer : r->producer;

	if (p->dir->proc[other].role != FOS_ROLE_PM)
		return -EINVAL;
	fos_log(FOS_LOG_WARN, "the ring between this process and %s is damaged, and ignored",
		p->dir->proc[other].name);
	return 0;
}

static int attach(struct fos_proc *p, uint32_t id)
{
	const struct fos_dir_ring *r = &p->dir->ring[id];
	uint8_t *ring = NULL, *cursor = NULL;
	int rc;

	if (r->kind < FOS_RING_FRAME || r->kind > FOS_RING_PARCEL ||
	    !locate(&p->box, r, &ring, &cursor))
		return -EPROTO;
	if (r->producer == p->box.self) {
		struct fos_ring_prod *h = &p->prod[p->nr_prod];

		rc = fos_ring_attach_prod(h, (void *)ring, (const void *)cursor,
					  slot_size[r->kind]);
		if (rc == -EINVAL && h->ring)
			rc = attach_anyway(p, r);
		h->consumer = r->consumer;
		h->id = id;
		p->nr_prod += rc == 0;
	} else {
		struct fos_ring_cons *h = &p->cons[p->nr_cons];

		rc = fos_ring_attach_cons(h, (const void *)ring, (void *)cursor,
					  slot_size[r->kind]);
		if (rc == -EINVAL && (rc = attach_anyway(p, r)) == 0) {
			h->ring = (const void *)ring;
			h->cursor = (void *)cursor;
			h->slot_size = slot_size[r->kind];
			h->next = h->cursor->head;
		}
		h->mask = (1ull << fos_build_ring_log2(p->dir, r)) - 1;
		h->producer = r->producer;
		h->id = id;
		h->kind = r->kind;
		p->nr_cons += rc == 0;
	}
	return rc;
}

static int attach_all(struct fos_proc *p, char *err, size_t err_size)
{
	const struct fos_dir *dir = p->dir;

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		int rc;

		if (r->producer != p->box.self && r->consumer != p->box.self)
			continue;
		rc = attach(p, i);
		if (rc < 0) {
			snprintf(err, err_size, "ring %u (%s to %s) is damaged: indices or size",
				 i, dir->proc[r->producer].name, dir->proc[r->consumer].name);
			return rc;
		}
	}
	return 0;
}

/* Behind the producer handles: one byte per ring, hints that did not fit. */
static uint8_t *missed(const struct fos_proc *p)
{
	return (uint8_t *)(p->prod + p->nr_prod);
}

int fos_proc_bind(struct fos_proc *p, const struct fos_proc_hooks *hooks, char *err,
		  size_t err_size)
{
	uint32_t nr_prod = 0, nr_cons = 0;
	int rc = fos_box_bind(&p->box, err, err_size);

	if (rc < 0)
		return rc;
	p->hooks = hooks;
	p->dir = p->box.dir;
	p->me = &p->dir->proc[p->box.self];
	p->counter = fos_box_head(&p->box)->counter;
	p->offline = p->dir->offline != 0;
	p->nr_prod = p->nr_cons = 0;
	for (uint32_t i = 0; i < p->dir->nr_rings; i++) {
		nr_prod += p->dir->ring[i].producer == p->box.self;
		nr_cons += p->dir->ring[i].consumer == p->box.self;
	}
	p->prod = calloc(nr_prod + 1, sizeof(*p->prod) + 1);
	p->cons = calloc(nr_cons + 1, sizeof(*p->cons));
	if (!p->prod || !p->cons) {
		snprintf(err, err_size, "no memory for ring handles");
		rc = -ENOMEM;
	} else {
		rc = attach_all(p, err, err_size);
	}
	if (rc < 0) {
		fos_proc_unbind(p);
		return rc;
	}
	/* a predecessor may have died between a commit and its hints: let all readers walk once */
	for (uint32_t i = 0; i < p->nr_prod; i++)
		missed(p)[i] = p->dir->ring[p->prod[i].id].kind == FOS_RING_READY;
	return 0;
}

void fos_proc_unbind(struct fos_proc *p)
{
	free(p->prod);
	free(p->cons);
	p->prod = NULL;
	p->cons = NULL;
	p->nr_prod = p->nr_cons = 0;
}

/* ------------------------------------------------------------------ hints, work */

static bool post(struct fos_ring_prod *r, uint32_t flow, uint32_t gen)
{
	struct fos_hint *h;

	if (fos_ring_room(r, 1) < 1)
		return false;
	h = fos_ring_slot(r, 0);
	h->flow = flow;
	h->flow_gen = gen;
	fos_ring_advance(r, 1);
	fos_killpoint("hint.filled");
	fos_ring_commit(r);
	fos_killpoint("hint.posted");
	return true;
}

void fos_hint(struct fos_proc *p, struct fos_ring_prod *r, uint32_t flow, uint32_t gen)
{
	uint8_t *lost = &missed(p)[r - p->prod];

	/* one "walk all flows" stands for this hint too */
	if (*lost ? post(r, FOS_NONE, 0) : post(r, flow, gen)) {
		*lost = 0;
		return;
	}
	*lost = 1;
	fos_count(p->counter, FOS_C_hints_missed, 1);
}

uint32_t fos_proc_work(struct fos_proc *p)
{
	uint32_t done = p->hooks->work(p);
	uint8_t *lost = missed(p);

	for (uint32_t i = 0; i < p->nr_prod; i++)
		if (lost[i] && post(&p->prod[i], FOS_NONE, 0))
			lost[i] = 0;
	return done;
}

int fos_proc_watch(struct fos_proc *p, int fd)
{
	return p->loop ? fos_loop_watch(p->loop, fd, false) : 0;
}
