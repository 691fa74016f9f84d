/* ingress/ingress.c - frame ownership and the hooks of the ingress process */
#include "ingress/ingress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/killpoint.h"

#define PRIVATE_MAGIC 0x53534552474e49ull /* "INGRESS" */
#define COLLECT_BATCH 256u

static uint32_t claim_state(uint32_t claim)
{
	return claim & 3u;
}

static void set_claim(struct fos_ingress *g, uint32_t frame, uint32_t state)
{
	fos_relaxed_store32(&g->claims[frame], (g->claims[frame] & ~3u) | state);
}

/* Is the frame, in this generation, in a slot of one of our own rings?  Then the predecessor had
 * passed it on and died before it cleared the claim.  Half a ring is far more than a batch; further
 * back are the slots that it may have been filling anew, and what is in those nobody has seen. */
static bool was_passed(const struct fos_ingress *g, uint32_t frame, uint32_t gen)
{
	for (uint32_t i = 0; i < g->proc->nr_prod; i++) {
		const struct fos_ring_prod *r = &g->proc->prod[i];
		const struct fos_desc *slots = (const void *)(r->ring + 1);
		uint64_t half = (r->mask + 1) / 2, from = r->next > half ? r->next - half : 0;

		for (uint64_t s = from; s < r->next; s++)
			if (slots[s & r->mask].frame == frame && slots[s & r->mask].gen == gen)
				return true;
	}
	return false;
}

/* Frames that came or went: told to egress, which gives to who is short. */
static void have_free(struct fos_ingress *g, int by)
{
	struct fos_ing *region = (void *)fos_box_own(&g->proc->box);

	g->nr_free = (uint32_t)((int)g->nr_free + by);
	fos_relaxed_store32(&region->nr_free, g->nr_free);
}

static void rebuild_stack(struct fos_ingress *g)
{
	const struct fos_dir *dir = g->proc->dir;
	int nr = 0;

	for (uint32_t f = 0; f < dir->nr_frames; f++) {
		nr += claim_state(g->claims[f]) >= FOS_ING_KERNEL;
		if (claim_state(g->claims[f]) != FOS_ING_HELD)
			continue;
		if (was_passed(g, f, g->claims[f] >> 2)) {
			set_claim(g, f, FOS_ING_AWAY);
			continue;
		}
		g->stack[g->nr_stack++] = f;
		nr++;
	}
	have_free(g, nr);
}

static void claim_initial(struct fos_ingress *g)
{
	uint32_t first, count;

	fos_build_ingress_frames(g->proc->dir, g->proc->me->index, &first, &count);
	for (uint32_t f = first; f < first + count; f++)
		set_claim(g, f, FOS_ING_HELD);
	g->priv->magic = PRIVATE_MAGIC;
}

static int ingress_init(struct fos_proc *p)
{
	struct fos_ingress *g = p->state;
	uint8_t *own = fos_box_own(&p->box);
	struct fos_ing *region = (void *)own;
	uint32_t first, count;
	bool again;

	g->proc = p;
	g->priv = (void *)(own + region->private_off);
	g->claims = (void *)(own + region->claims_off);
	g->frame_size = p->dir->frame_size;
	g->stack = calloc(p->dir->nr_frames, sizeof(*g->stack));
	if (!g->stack) {
		fos_log(FOS_LOG_ERROR, "no memory for a list of %u frames", p->dir->nr_frames);
		return -ENOMEM;
	}
	for (uint32_t lane = 0; lane < p->dir->nr_lanes; lane++) {
		uint32_t cls = fos_proc_find(p->dir, FOS_ROLE_CLASSIFIER, lane, lane);

		g->lane[lane] = fos_proc_prod(p, FOS_RING_FRAME, cls);
		if (!g->lane[lane])
			return -EPROTO;
	}
	fos_build_ingress_frames(p->dir, p->me->index, &first, &count);
	g->low = count / 8;
	again = g->priv->magic == PRIVATE_MAGIC;
	if (!again)
		claim_initial(g);
	rebuild_stack(g);
	if (again)
		fos_count(p->counter, FOS_C_frames_swept, g->nr_stack);
	return p->offline ? fos_ingress_replay_init(g) : fos_ingress_live_init(g);
}

uint32_t fos_ingress_collect(struct fos_ingress *g)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < g->proc->nr_cons; i++) {
		struct fos_ring_cons *r = &g->proc->cons[i];
		uint64_t n = fos_ring_peek(r);
		int taken = 0;

		if (r->kind != FOS_RING_FREE)
			continue;
		if (n > COLLECT_BATCH)
			n = COLLECT_BATCH;
		for (uint64_t k = 0; k < n; k++) {
			const struct fos_desc *d = fos_ring_at(r, k);

			/* claimed before the ring's head moves: always somebody's; and newer than
			 * any claim that others still have on it */
			if (d->frame >= g->proc->dir->nr_frames ||
			    claim_state(g->claims[d->frame]) != FOS_ING_AWAY) {
				fos_count(g->proc->counter, FOS_C_drop_meta, 1);
				continue;
			}
			fos_relaxed_store32(&g->claims[d->frame], d->gen << 2 | FOS_ING_HELD);
			fos_killpoint("home.claimed");
			g->stack[g->nr_stack++] = d->frame;
			taken++;
		}
		if (n == 0)
			continue;
		/* before the ring's head moves: egress may count a frame twice, not overlook it */
		have_free(g, taken);
		fos_ring_take(r, n);
		fos_killpoint("home.counted");
		fos_ring_release(r);
		fos_killpoint("home.released");
		total += (uint32_t)n;
	}
	return total;
}

/* The hash decides about lanes only: with one there is nothing to decide. */
void fos_ingress_parse(const struct fos_ingress *g, struct fos_frame_meta *m)
{
	const struct fos_dir *dir = g->proc->dir;
	uint32_t by = dir->port[m->port % FOS_MAX_PORTS].lane_by;
	const uint8_t *frame = (const uint8_t *)m;

	if (dir->nr_lanes > 1 && by == FOS_LANE_BY_BOTH) {
		fos_parse(frame, m, dir->hash_key);
		return;
	}
	fos_parse(frame, m, NULL);
	if (dir->nr_lanes > 1)
		m->hash = fos_parse_end_hash(frame, m, by == FOS_LANE_BY_DST, dir->hash_key);
}

struct fos_ring_prod *fos_ingress_lane(struct fos_ingress *g, const struct fos_frame_meta *m)
{
	return g->lane[m->hash % g->proc->dir->nr_lanes];
}

void fos_ingress_reclaim(struct fos_ingress *g, uint32_t frame)
{
	set_claim(g, frame, FOS_ING_HELD);
	g->stack[g->nr_stack++] = frame;
}

void fos_ingress_pass(struct fos_ingress *g, struct fos_ring_prod *ring, uint32_t frame,
		      enum fos_desc_kind kind, uint32_t follow)
{
	struct fos_desc *d = fos_ring_slot(ring, 0);
	uint32_t gen = (g->claims[frame] >> 2) + 1;

	fos_relaxed_store32(&g->claims[frame], gen << 2 | FOS_ING_HELD);
	memset(d, 0, sizeof(*d));
	d->frame = frame;
	d->gen = gen & (UINT32_MAX >> 2);
	d->flow = FOS_NONE;
	d->kind = (uint16_t)kind;
	d->len = follow;
	fos_killpoint("frame.filled");
	fos_ring_advance(ring, 1);
}

void fos_ingress_passed(struct fos_ingress *g, uint32_t frame)
{
	set_claim(g, frame, FOS_ING_AWAY);
	fos_killpoint("frame.away");
	have_free(g, -1);
}

void fos_ingress_refuse(struct fos_ingress *g, uint32_t frame)
{
	set_claim(g, frame, FOS_ING_HELD);
	g->stack[g->nr_stack++] = frame;
	fos_count(g->proc->counter, FOS_C_drop_no_frame, 1);
}

void fos_ingress_count(struct fos_ingress *g, const struct fos_frame_meta *m)
{
	uint64_t *c = g->proc->counter;

	fos_count(c, FOS_C_rx_packets, 1);
	fos_count(c, FOS_C_rx_bytes, m->flags & FOS_PKT_CHAIN ? m->orig_len : m->len);
	if (m->flags & FOS_PKT_VLAN)
		fos_count(c, FOS_C_rx_vlan, 1);
	if (m->csum == FOS_CSUM_PARTIAL)
		fos_count(c, FOS_C_rx_partial_csum, 1);
}

static uint32_t ingress_work(struct fos_proc *p)
{
	struct fos_ingress *g = p->state;

	return p->offline ? fos_ingress_replay(g) : fos_ingress_live(g);
}

static uint64_t ingress_idle(struct fos_proc *p)
{
	(void)p;
	return UINT64_MAX;
}

static int ingress_renew(struct fos_proc *p)
{
	struct fos_ingress *g = p->state;

	fos_xsk_leave_rx(&g->xsk);
	return fos_ingress_live_init(g);
}

static void ingress_fini(struct fos_proc *p)
{
	struct fos_ingress *g = p->state;

	if (g->has_xsk)
		fos_xsk_leave_rx(&g->xsk);
	if (g->capture)
		fos_capture_close(g->capture);
	free(g->stack);
	g->has_xsk = false;
	g->capture = NULL;
	g->stack = NULL;
}

const struct fos_proc_hooks fos_ingress_hooks = {
	.program = "flowos-ingress",
	.init = ingress_init,
	.work = ingress_work,
	.idle = ingress_idle,
	.fini = ingress_fini,
	.renew = ingress_renew,
};

struct fos_ingress *fos_ingress_new(void)
{
	return calloc(1, sizeof(struct fos_ingress));
}

void fos_ingress_free(struct fos_ingress *g)
{
	free(g);
}
