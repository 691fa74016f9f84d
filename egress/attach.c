/* egress/attach.c - egress finds its region as it, or its predecessor, left it: see attach.h */
#include "egress/attach.h"

#include <errno.h>
#include <stdlib.h>

#include "egress/frames.h"
#include "egress/offline.h"
#include "egress/parcel.h"
#include "egress/sack.h"
#include "shm/build.h"

static int lay_out(struct fos_egress *e)
{
	uint8_t *own = fos_box_own(&e->p->box);
	struct fos_egr *r = (void *)own;
	const struct fos_dir *dir = e->p->dir;
	uint8_t *base = own + r->private_off;
	struct fos_egr_places at;

	fos_egr_places(dir, &at);
	if (at.end > r->private_size)
		abort(); /* FOS_EGR_PRIVATE_BYTES does not hold what state.h lays out */
	e->st = (void *)base;
	e->tcbs = (void *)(base + at.tcbs);
	e->segs = (void *)(base + at.segs);
	e->mores = (void *)(base + at.mores);
	e->edits = at.edits ? (void *)(base + at.edits) : NULL;
	e->files = at.files ? (void *)(base + at.files) : NULL;
	e->free_queue = (void *)(base + at.queue);
	e->free_mask = at.queue_size - 1;
	e->pool.node = (void *)(base + at.nodes);
	e->pool.free = &e->st->nodes;
	e->claims = (void *)(own + r->claims_off);
	e->outs = (void *)(own + r->outs_off);
	e->told = (void *)(own + r->told_off);
	return 0;
}

int fos_attach_lists(struct fos_egress *e)
{
	uint32_t nr = e->p->dir->nr_flows, words = nr / 64 + 1;

	e->run = calloc(words, 8);
	e->run_list = calloc(nr + 1, 4);
	e->timed_bits = calloc(words, 8);
	e->timed = calloc(nr + 1, 4);
	e->due_bits = calloc(words, 8);
	e->due = calloc(nr + 1, sizeof(*e->due));
	e->sacks = calloc(nr + 1, sizeof(*e->sacks));
	e->sack_bits = calloc(words, 8);
	e->hinted = calloc(nr + 1, 4);
	e->hinted_bits = calloc(words, 8);
	e->big = aligned_alloc(FOS_CACHE_LINE, FOS_BIG_SIZE);
	if (e->p->offline)
		e->offline = fos_offline_new(e->p->dir);
	if (!e->run || !e->run_list || !e->timed_bits || !e->timed || !e->due_bits || !e->due ||
	    !e->sacks || !e->sack_bits || !e->hinted || !e->hinted_bits || !e->big ||
	    (e->p->offline && !e->offline)) {
		fos_log(FOS_LOG_ERROR, "egress: no memory for the lists of %u flows", nr);
		return -ENOMEM;
	}
	return 0;
}

/* A committed batch may just have been completed: the handles were bound before that. */
static void rebind_rings(struct fos_egress *e)
{
	struct fos_proc *p = e->p;

	for (uint32_t i = 0; i < p->nr_prod; i++)
		p->prod[i].next = p->prod[i].ring->tail;
	for (uint32_t i = 0; i < p->nr_cons; i++)
		p->cons[i].next = p->cons[i].cursor->head;
	e->in = fos_proc_cons(p, FOS_RING_FRAME,
			      fos_proc_find(p->dir, FOS_ROLE_CLASSIFIER, p->box.lane, 0));
	e->cls = fos_proc_prod(p, FOS_RING_READY,
			       fos_proc_find(p->dir, FOS_ROLE_CLASSIFIER, p->box.lane, 0));
	for (uint32_t i = 0; i < p->dir->nr_pms && i < FOS_MAX_PMS; i++)
		e->pm[i] = fos_proc_prod(p, FOS_RING_READY,
					 fos_proc_find(p->dir, FOS_ROLE_PM, p->box.lane, i));
	fos_parcel_attach(e);
}

static int find_homes(struct fos_egress *e)
{
	const struct fos_dir *dir = e->p->dir;

	e->home = calloc(dir->nr_procs, sizeof(*e->home));
	if (!e->home) {
		fos_log(FOS_LOG_ERROR, "egress: no memory for a list of %u processes", dir->nr_procs);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < dir->nr_procs; i++)
		if (dir->proc[i].role == FOS_ROLE_INGRESS)
			e->home[e->nr_home++] = (struct fos_home){
				.ring = fos_proc_prod(e->p, FOS_RING_FREE, i),
				.region = (const void *)e->p->box.region[dir->proc[i].region].base,
			};
	return 0;
}

static void share_frames(struct fos_egress *e)
{
	const struct fos_dir *dir = e->p->dir;
	uint32_t lanes = dir->nr_lanes ? dir->nr_lanes : 1, first;

	fos_build_ingress_frames(dir, 0, &first, &e->home_frames);
	e->reserve = dir->egress_frames / lanes;
}

/* The list's head lies among what is kept once a batch. */
static void touch_node(void *ctx, const void *p, uint32_t n)
{
	struct fos_egress *e = ctx;

	if (p == e->pool.free)
		fos_frames_touch(e);
	else
		fos_egress_save(e, p, n);
}

int fos_attach(struct fos_egress *e)
{
	struct fos_egr *r = (void *)fos_box_own(&e->p->box);
	int did = fos_txn_attach(&e->txn, (void *)((uint8_t *)r + r->txn_off), r, r->head.size);

	if (did < 0) {
		fos_log(FOS_LOG_ERROR, "egress: the transaction log of its region is damaged; "
				       "stop the box and start it again");
		return -EPROTO;
	}
	fos_count(e->p->counter, FOS_C_txn_rolled_forward, did == 1);
	fos_count(e->p->counter, FOS_C_txn_rolled_back, did == 2);
	lay_out(e);
	share_frames(e);
	rebind_rings(e);
	if (find_homes(e) < 0)
		return -ENOMEM;
	if (e->st->magic != FOS_EGR_MAGIC) {
		fos_frames_init(e);
		fos_seqmap_pool_init(&e->pool, 2 * e->p->dir->nr_frames);
		for (uint32_t i = 0; i < e->p->dir->nr_flows; i++)
			e->tcbs[i].seg_first = e->tcbs[i].seg_last = FOS_NONE;
		fos_barrier_compiler();
		e->st->magic = FOS_EGR_MAGIC;
	}
	e->pool.touch = touch_node;
	e->pool.ctx = e;
	return 0;
}

void fos_attach_free(struct fos_egress *e)
{
	free(e->run);
	free(e->run_list);
	free(e->timed_bits);
	free(e->timed);
	free(e->due_bits);
	free(e->due);
	free(e->sacks);
	free(e->sack_bits);
	free(e->hinted);
	free(e->hinted_bits);
	free(e->big);
	free(e->home);
	fos_offline_free(e->offline);
}
