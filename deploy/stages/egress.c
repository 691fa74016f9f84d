/* deploy/stages/egress.c - egress with a NIC of the simulation, see stage.h */
#include <stdio.h>
#include <string.h>

#include "egress/egress.h"
#include "egress/out.h"
#include "egress/sink.h"
#include "deploy/stages/stage.h"

#define NIC_QUEUE 8192u

static int nic_open(void *ctx, struct fos_proc *p)
{
	struct sim_nic *nic = ctx;

	nic->box = &p->box;
	nic->nr_shown = 0; /* what a predecessor had not acknowledged is shown again */
	return 0;
}

static uint32_t nic_room(void *ctx, uint32_t port)
{
	struct sim_nic *nic = ctx;

	(void)port;
	return NIC_QUEUE - nic->nr_done;
}

static void nic_send(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n)
{
	struct sim_nic *nic = ctx;

	nic->busy = true;
	fos_barrier_compiler();
	for (uint32_t i = 0; i < n; i++) {
		nic->send(nic->arg, port, fos_box_frame(nic->box, tx[i].frame) + tx[i].off,
			  tx[i].len);
		nic->done[nic->nr_done++] = tx[i].frame;
	}
	nic->sent[port % FOS_MAX_PORTS] += n;
	fos_barrier_compiler();
	nic->busy = false;
}

static bool nic_kick(void *ctx)
{
	(void)ctx;
	return false;
}

static uint32_t nic_reap(void *ctx, uint32_t *frames, uint32_t max)
{
	struct sim_nic *nic = ctx;
	uint32_t n = nic->nr_done < max ? nic->nr_done : max;

	for (uint32_t i = 0; i < n; i++)
		frames[i] = nic->done[i];
	nic->nr_shown = n;
	return n;
}

static void nic_reap_done(void *ctx)
{
	struct sim_nic *nic = ctx;

	nic->busy = true;
	fos_barrier_compiler();
	nic->nr_done -= nic->nr_shown;
	memmove(nic->done, nic->done + nic->nr_shown, nic->nr_done * sizeof(nic->done[0]));
	nic->nr_shown = 0;
	fos_barrier_compiler();
	nic->busy = false;
}

static uint64_t nic_mark(void *ctx, uint32_t port)
{
	return ((struct sim_nic *)ctx)->sent[port % FOS_MAX_PORTS];
}

static void nic_nothing(void *ctx)
{
	(void)ctx;
}

static const struct fos_sink_ops ops = {
	.open = nic_open,
	.room = nic_room,
	.send = nic_send,
	.kick = nic_kick,
	.reap = nic_reap,
	.reap_done = nic_reap_done,
	.mark = nic_mark,
	.flush = nic_nothing,
	.close = nic_nothing,
};

static void *make(void *arg)
{
	return fos_egress_new(&ops, arg);
}

static void drop(void *state)
{
	fos_egress_free(state);
}

uint32_t sim_egress_frames(const void *state)
{
	const struct fos_egress *e = state;

	return (uint32_t)(e->st->free_tail - e->st->free_head);
}

void sim_egress_report(const void *state)
{
	const struct fos_egress *e = state;

	for (uint32_t i = 0; i < e->p->dir->nr_flows; i++) {
		const struct fos_tcb *t = &e->tcbs[i];

		if (!t->gen)
			continue;
		fprintf(stderr, "# tcb %u gen %u flags %x una %llu in %llu out %llu\n", i, t->gen,
			t->flags, (unsigned long long)t->una, (unsigned long long)t->in,
			(unsigned long long)t->out);
		for (uint32_t f = t->seg_first; f != FOS_NONE; f = e->segs[f].next)
			fprintf(stderr, "#   segment %u pos %llu len %u flags %x\n", f,
				(unsigned long long)e->segs[f].pos, e->segs[f].len,
				e->segs[f].flags);
	}
}

static void far_edit(struct fos_tcb_edit *x, uint64_t by)
{
	x->edge_in += x->edge_in ? by : 0;
	x->map.open_in += by;
	x->map.open_out += by;
	x->map.lo_in += by;
	x->map.lo_out += by;
	for (uint32_t i = 0; i < FOS_MAX_EDITORS; i++)
		x->pos[i] += by;
}

void sim_egress_far(const void *state, uint32_t flow, uint64_t by)
{
	const struct fos_egress *e = state;
	struct fos_tcb *t = &e->tcbs[flow];

	if (!t->gen)
		return;
	fos_out_copy(t, by);
	t->una += by;
	t->edge += by;
	if (t->flags & FOS_TCB_LOSS && e->mores[flow].recover)
		e->mores[flow].recover += by;
	t->taken += by;
	t->passed += by;
	if (e->edits)
		far_edit(&e->edits[flow], by);
	t->isn -= (uint32_t)by;
}

const struct sim_stage sim_egress = {&fos_egress_hooks, make, drop};
