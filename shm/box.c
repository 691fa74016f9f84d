/* shm/box.c - from region offsets to pointers, and consistent reads of what PMs publish */
#include "shm/box.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/build.h"

static int check_head(const struct fos_box *box, uint32_t i, char *err, size_t n)
{
	const struct fos_dir_region *r = &box->dir->region[i];
	const struct fos_region_head *h = (const void *)box->region[i].base;

	/* what a wild PM has made of the head of its region keeps nobody else from starting */
	if (r->kind == FOS_REGION_PM && r->proc != box->self &&
	    r->size <= box->region[i].size)
		return 0;
	if (h->magic != FOS_LAYOUT_MAGIC) {
		snprintf(err, n, "region %s is not a FlowOS region (or not finished)", r->name);
		return -EPROTO;
	}
	if (h->version != FOS_LAYOUT_VERSION) {
		snprintf(err, n, "region %s has layout version %u, this program speaks %u", r->name,
			 h->version, FOS_LAYOUT_VERSION);
		return -EPROTO;
	}
	if (h->kind != r->kind || h->size != r->size || h->size > box->region[i].size ||
	    h->box_id != box->dir->head.box_id) {
		snprintf(err, n, "region %s does not belong to this box (kind %u size %llu)", r->name,
			 h->kind, (unsigned long long)h->size);
		return -EPROTO;
	}
	return 0;
}

static void bind_pm(struct fos_box *box, uint32_t pm, const uint8_t *base)
{
	struct fos_pm_tables t;

	fos_build_pm(box->dir, pm, &t);
	box->pm[pm] = (const void *)base;
	box->pm_flows[pm] = (const void *)(base + t.flows_off);
	box->pm_edited[pm] = t.edited_off ? (const void *)(base + t.edited_off) : NULL;
	box->pm_edits[pm] = (const void *)(base + t.edits_off);
	box->pm_inserts[pm] = base + t.inserts_off;
	box->pm_contexts[pm] = base + t.contexts_off;
	box->pm_keyed[pm] = t.keyed_off ? base + t.keyed_off : NULL;
	box->pm_rewrites[pm] = t.rewrites_off ? (const void *)(base + t.rewrites_off) : NULL;
	box->rewriters |= t.rewrites_off != 0;
}

static void bind_forced(struct fos_box *box, const uint8_t *base)
{
	const struct fos_forced_edits *row = (const void *)(base + box->egr->forced_edits_off);

	box->forced = (const void *)(base + box->egr->forced_off);
	for (uint32_t i = 0; i < box->dir->nr_pms; i++)
		box->forced_edits[i] =
			box->dir->pm[i].edits ?
				row + (uint64_t)fos_build_edits_index(box->dir, i) * box->dir->nr_flows :
				NULL;
}

static void bind_lane_member(struct fos_box *box, const struct fos_dir_proc *proc)
{
	const uint8_t *base = box->region[proc->region].base;

	if (proc->role == FOS_ROLE_CLASSIFIER) {
		box->cls = (const void *)base;
		box->flows = (const void *)(base + box->cls->flows_off);
		box->pieces = (const void *)(base + box->cls->pieces_off);
	} else if (proc->role == FOS_ROLE_EGRESS) {
		box->egr = (const void *)base;
		box->outs = (const void *)(base + box->egr->outs_off);
		bind_forced(box, base);
	} else if (proc->role == FOS_ROLE_PM) {
		bind_pm(box, proc->index, base);
	}
}

int fos_box_bind(struct fos_box *box, char *err, size_t err_size)
{
	const struct fos_dir *dir = box->dir;

	box->lane = dir->proc[box->self].lane;
	box->frame_shift = 0;
	while ((1u << box->frame_shift) < dir->frame_size)
		box->frame_shift++;
	for (uint32_t i = 0; i < dir->nr_regions; i++) {
		if (dir->region[i].kind == FOS_REGION_PACKETS) {
			box->packets = box->region[i].base;
			continue;
		}
		/* regions of other lanes are not mapped */
		if (box->region[i].base && check_head(box, i, err, err_size) < 0)
			return -EPROTO;
	}
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		const struct fos_dir_proc *proc = &dir->proc[i];

		if (proc->lane == box->lane && proc->role != FOS_ROLE_KEEPER &&
		    box->region[proc->region].base)
			bind_lane_member(box, proc);
	}
	return 0;
}

bool fos_box_forced(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		    struct fos_box_force *out)
{
	const struct fos_forced *f;
	uint64_t pms;

	if (!box->egr || fos_acquire32(&box->egr->nr_forced) == 0 || gen == 0)
		return false;
	f = &box->forced[flow];
	/* pairs with egress's release: what belongs to the bit was written before */
	pms = fos_acquire64(&f->pms);
	if (pms >> 32 != gen || !(pms >> pm & 1u))
		return false;
	*out = (struct fos_box_force){.reset = fos_relaxed32(&f->reset) >> pm & 1u};
	if (box->forced_edits[pm]) {
		const struct fos_forced_edits *e = &box->forced_edits[pm][flow];

		out->edits = fos_relaxed32(&e->edits);
		out->delta = fos_relaxed64(&e->delta);
	}
	/* pairs with the same release: these are not those of the slot's next connection */
	fos_fence_acquire();
	return fos_relaxed64(&f->pms) >> 32 == gen;
}

void fos_box_route(const struct fos_box *box, uint32_t flow, uint32_t gen,
		   struct fos_route_slot *out)
{
	const struct fos_route *r;

	for (int tries = 0; box->egr && fos_acquire32(&box->egr->nr_routes) && tries < 64; tries++) {
		uint32_t ver;

		r = (const void *)((const uint8_t *)box->egr + box->egr->routes_off);
		r += flow;
		/* pairs with the release of `ver` in egress's commit: slot (ver & 1) is filled */
		ver = fos_acquire32(&r->ver);
		*out = r->slot[ver & 1u];
		fos_fence_acquire();
		if (fos_relaxed32(&r->ver) != ver)
			continue;
		if (out->gen == gen && gen && out->pipeline < box->dir->nr_pipelines)
			return;
		break;
	}
	*out = (struct fos_route_slot){.gen = gen, .pipeline = box->flows[flow].pipeline};
}

/* Edits beyond those that stood when the head was forced are as if they had never been. */
static void apply_forced(const struct fos_box_force *f, uint32_t gen, struct fos_pm_pub *pub)
{
	if (pub->gen != gen)
		memset(pub, 0, sizeof(*pub));
	pub->gen = gen;
	if (!f->reset && pub->edits > f->edits)
		pub->edits = f->edits;
	if ((int32_t)(pub->edits - pub->edits_freed) < 0)
		pub->edits = pub->edits_freed; /* what is left of them nobody needs */
	pub->head = FOS_POS_MAX;
	pub->out_head = FOS_POS_MAX + f->delta;
	if (f->reset)
		pub->verdict = FOS_VERDICT_RESET;
	else if (pub->verdict == FOS_VERDICT_PASS)
		pub->verdict = FOS_VERDICT_BYPASS;
	/* nobody waits for it, neither at the gate nor at the end */
	pub->flags |= FOS_PM_OPENED | FOS_PM_CLOSED;
}

bool fos_box_pub(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		 struct fos_pm_pub *out)
{
	bool known = fos_box_pub_own(box, pm, flow, gen, out);
	struct fos_box_force f;

	if (!fos_box_forced(box, pm, flow, gen, &f))
		return known;
	apply_forced(&f, gen, out);
	return true;
}

bool fos_box_pub_own(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		     struct fos_pm_pub *out)
{
	const struct fos_pm_flow *f = &box->pm_flows[pm][flow];
	const struct fos_pm_edited *e = box->pm_edited[pm];

	e = e ? e + flow : NULL;
	for (int tries = 0; tries < 8; tries++) {
		/* pairs with the release of `ver` in fos_txn_commit(): slot (ver & 1) of both is filled */
		uint32_t ver = fos_acquire32(&f->ver);

		fos_pub_read(f, e, ver, out);
		fos_fence_acquire();
		if (fos_relaxed32(&f->ver) == ver)
			return out->gen == gen;
	}
	return false;
}

bool fos_box_watches(const struct fos_dir *dir, uint32_t pm, uint32_t flow_flags)
{
	if (flow_flags & FOS_FLOW_OPAQUE && dir->pm[pm].edits &&
	    dir->pm[pm].stream == FOS_STREAM_APP)
		return false;
	switch (dir->pm[pm].direction) {
	case FOS_DIR_FORWARD:
		return !(flow_flags & FOS_FLOW_REVERSE);
	case FOS_DIR_REVERSE:
		return flow_flags & FOS_FLOW_REVERSE;
	default:
		return true;
	}
}
