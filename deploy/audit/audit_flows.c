/* audit_flows.c - positions in order, from the stream through every PM to egress; see audit.h */
#include <string.h>

#include "deploy/audit/audit.h"
#include "shm/view.h"

/* Tail of the stream that a PM reads, in its own positions; false = cannot be told. */
static bool tail_of(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		    uint64_t head, uint64_t *tail)
{
	const struct fos_dir_pm *d = &box->dir->pm[pm];
	const struct fos_flow *f = &box->flows[flow];
	struct fos_view view;

	if (d->stream == FOS_STREAM_IP) {
		*tail = fos_acquire64(&f->pkt.tail);
		return true;
	}
	if (d->stream == FOS_STREAM_TCP) {
		*tail = fos_acquire64(&f->pkt.tail_l4);
		return true;
	}
	if (!fos_view_open(&view, box, flow, gen,
			   fos_dir_place(box->dir, fos_box_pipeline(box, flow, gen), pm), head))
		return false;
	*tail = fos_view_tail(&view);
	return true;
}

/* A PM's kept edits of a flow: numbered one by one, ascending, below the head, each with its place in
 * the output, and nobody else's. */
static void look_at_edits(struct fos_audit *a, uint32_t proc, uint32_t pm, uint32_t flow,
			  const struct fos_pm_pub *pub)
{
	const struct fos_edit *edits = a->box.pm_edits[pm];
	uint32_t i = pub->edit_first, left = pub->edits - pub->edits_freed;
	uint64_t in = 0, out = 0;
	bool app = a->dir->pm[pm].stream == FOS_STREAM_APP;

	if (left > a->dir->nr_edits) {
		fos_audit_add(a, FOS_AUDIT_EDITS, proc, flow);
		return;
	}
	for (uint32_t n = 0; n < left; n++) {
		struct fos_edit e;

		if (i >= a->dir->nr_edits) {
			fos_audit_add(a, FOS_AUDIT_EDITS, proc, flow);
			return;
		}
		e = edits[i];
		if (e.flow != flow || e.flow_gen != pub->gen || e.nr != pub->edits_freed + 1 + n ||
		    e.ins > FOS_INSERT_MAX || e.pos + e.del < e.pos || e.pos + e.del > pub->head ||
		    e.pos < in || (app && n > 0 && e.out_pos - out != e.pos - in)) {
			fos_audit_add(a, FOS_AUDIT_EDITS, proc, flow);
			return;
		}
		if (a->edit_user[i] != 0)
			fos_audit_add(a, FOS_AUDIT_EDIT_TWICE, proc, i);
		a->edit_user[i] = flow + 1;
		in = e.pos + e.del;
		out = e.out_pos + e.ins;
		i = e.next;
	}
}

static void look_at_pm(struct fos_audit *a, uint32_t proc)
{
	uint32_t pm = a->dir->proc[proc].index;
	const struct fos_box *box = &a->box;

	memset(a->edit_user, 0, a->dir->nr_edits * sizeof(*a->edit_user));
	for (uint32_t flow = 0; flow < a->dir->nr_flows && box->pm_flows[pm]; flow++) {
		const struct fos_flow *f = &box->flows[flow];
		uint32_t gen = fos_acquire32(&f->gen);
		struct fos_pm_pub pub;
		uint64_t tail;

		if (gen == 0 || fos_dir_place(a->dir, fos_box_pipeline(box, flow, gen), pm) == FOS_NONE ||
		    !fos_box_watches(a->dir, pm, f->flags) ||
		    !fos_box_pub(box, pm, flow, gen, &pub))
			continue;
		if (a->dir->pm[pm].edits)
			look_at_edits(a, proc, pm, flow, &pub);
		/* what egress has given up is nowhere: edits are forgotten before all have read them */
		if (fos_acquire32(&box->outs[flow].gen) == gen && fos_acquire32(&box->outs[flow].done))
			continue;
		if (pub.head < FOS_POS_MAX && (f->flags & FOS_FLOW_APP ||
					       a->dir->pm[pm].stream != FOS_STREAM_APP) &&
		    (!tail_of(box, pm, flow, gen, pub.head, &tail) || pub.head > tail))
			fos_audit_add(a, FOS_AUDIT_POSITION, proc, flow);
	}
}

/* Egress is not beyond the end of the stream (its FIN counting one), nor of what PMs released. */
static void look_at_out(struct fos_audit *a, uint32_t proc, uint32_t flow)
{
	const struct fos_flow *f = &a->box.flows[flow];
	const struct fos_out *out = &a->box.outs[flow];
	uint32_t gen = fos_acquire32(&f->gen);
	uint64_t pos;

	if (gen == 0 || fos_acquire32(&out->gen) != gen || fos_acquire32(&out->done))
		return;
	pos = fos_acquire64(&out->pos[0]);
	if (pos > fos_acquire64(&f->app.tail) + 1)
		fos_audit_add(a, FOS_AUDIT_POSITION, proc, flow);
}

void fos_audit_flows(struct fos_audit *a)
{
	for (uint32_t i = 0; i < a->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &a->dir->proc[i];

		if (p->lane != a->box.lane)
			continue;
		if (p->role == FOS_ROLE_PM)
			look_at_pm(a, i);
		for (uint32_t flow = 0; p->role == FOS_ROLE_EGRESS && flow < a->dir->nr_flows;
		     flow++)
			look_at_out(a, i, flow);
	}
}
