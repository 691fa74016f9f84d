/* egress/publish.c - how far a flow has come, for the stages before egress: see flow.h */
#include "egress/edited.h"
#include "egress/flow.h"
#include "egress/out.h"
#include "egress/pieces.h"
#include "egress/rest.h"
#include "egress/retain.h"

bool fos_flow_skip(struct fos_egress *e, uint32_t flow, uint64_t base)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	uint64_t n = base - t->in;

	if (base <= t->in)
		return true;
	if (!fos_out_replace(e, flow, n, 0))
		return false;
	fos_edited_mark(e, flow);
	fos_count(e->p->counter, FOS_C_bytes_deleted, n);
	fos_count(e->p->counter, FOS_C_edits_applied, 1);
	return true;
}

bool fos_flow_publish(struct fos_egress *e, uint32_t flow, const struct fos_view *v, uint64_t in)
{
	uint64_t at = fos_pieces_take(e, flow, in);
	uint64_t pos[FOS_MAX_EDITORS + 1];
	const struct fos_dir *dir = e->p->dir;

	pos[0] = at;
	for (uint32_t i = 1; i <= FOS_MAX_EDITORS; i++)
		pos[i] = 0;
	if (at == in)
		for (uint32_t i = 0; i < v->nr_layers; i++) {
			uint32_t pm = v->layer[i].editor;

			if (pm < dir->nr_pms && fos_dir_editor(dir, v->pipeline, pm) >= 1 &&
			    fos_dir_editor(dir, v->pipeline, pm) <= FOS_MAX_EDITORS)
				pos[fos_dir_editor(dir, v->pipeline, pm)] = v->layer[i].out;
		}
	for (uint32_t i = 0; i <= FOS_MAX_EDITORS; i++)
		fos_out_publish(e, flow, i, pos[i]);
	fos_retain_tell(e, flow);
	return at == in;
}

void fos_flow_drain(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint64_t tail;

	if (!(t->flags & FOS_TCB_TOLD) && !fos_rest_read(e, flow))
		return;
	tail = fos_acquire64(&e->p->box.flows[flow].app.tail);
	fos_pieces_take_all(e, flow);
	for (uint32_t i = 0; i <= FOS_MAX_EDITORS; i++)
		fos_out_publish(e, flow, i, i ? FOS_POS_MAX : tail + (t->ends ? 1 : 0));
	if (t->flags & FOS_TCB_TOLD)
		return;
	fos_out_tcb(e, flow)->flags |= FOS_TCB_TOLD;
	fos_out_tcb(e, flow)->rto_at = 0;
	if (t->flags & FOS_TCB_EDITED)
		fos_txn_publish32(&e->txn, &e->outs[flow].flags, FOS_OUT_EDITED);
	fos_txn_publish32(&e->txn, &e->outs[flow].done, FOS_OUT_DONE);
	fos_egress_tell(e, flow);
}
