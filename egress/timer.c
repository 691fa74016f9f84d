/* egress/timer.c - what happens when nothing comes, see timer.h */
#include "egress/timer.h"

#include "egress/again.h"
#include "egress/emit.h"
#include "egress/out.h"
#include "egress/resend.h"
#include "egress/retain.h"

#define TICK_NS 10000000ull
#define ACK_DELAY_NS 1000000ull
#define GIVE_UP 15u /* timeouts in a row */
#define RTO_MAX_US 60000000ull

static bool bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t i, bool on)
{
	if (on)
		bits[i / 64] |= 1ull << (i % 64);
	else
		bits[i / 64] &= ~(1ull << (i % 64));
}

static uint64_t deadline(const struct fos_egress *e, const struct fos_tcb *t)
{
	uint32_t shift = t->flags & FOS_TCB_LOSS ? e->mores[t - e->tcbs].rto_shift : 0;
	uint64_t us = fos_out_rto_us(t) << shift;

	return e->p->now_ns + (us > RTO_MAX_US ? RTO_MAX_US : us) * 1000;
}

void fos_timer_start(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	if (e->p->offline)
		return;
	if (!t->rto_at)
		t->rto_at = deadline(e, t);
	if (bit(e->timed_bits, flow))
		return;
	set_bit(e->timed_bits, flow, true);
	e->timed[e->nr_timed++] = flow;
	if (e->nr_timed == 1 || e->tick_ns < e->p->now_ns)
		e->tick_ns = e->p->now_ns + TICK_NS;
}

void fos_timer_ack_due(struct fos_egress *e, uint32_t flow)
{
	if (e->p->offline)
		return;
	fos_out_tcb(e, flow)->flags |= FOS_TCB_ACK_DUE;
	fos_timer_look(e, flow);
}

void fos_timer_look(struct fos_egress *e, uint32_t flow)
{
	if (bit(e->due_bits, flow))
		return; /* an older entry comes due sooner: as well */
	set_bit(e->due_bits, flow, true);
	e->due[e->due_tail++ % e->p->dir->nr_flows] = (struct fos_due){
		.at_ns = e->p->now_ns + ACK_DELAY_NS,
		.flow = flow,
		.gen = e->tcbs[flow].gen,
	};
}

/* The entry stays in the queue until its time; the bit says whether it still counts. */
void fos_timer_ack_done(struct fos_egress *e, uint32_t flow)
{
	fos_out_tcb(e, flow)->flags &= ~(uint32_t)FOS_TCB_ACK_DUE;
}

static uint32_t run_due(struct fos_egress *e)
{
	uint32_t n = 0;

	while (e->due_head != e->due_tail) {
		const struct fos_due d = e->due[e->due_head % e->p->dir->nr_flows];
		const struct fos_tcb *t = &e->tcbs[d.flow];

		if (d.at_ns > e->p->now_ns || !fos_egress_room(e))
			break;
		set_bit(e->due_bits, d.flow, false);
		e->due_head++;
		n++;
		if (t->gen != d.gen || t->flags & FOS_TCB_DONE)
			continue;
		if (t->flags & FOS_TCB_ACK_DUE && fos_out_peer(e, d.flow) &&
		    fos_again_rises(e, FOS_PEER(d.flow))) {
			fos_timer_look(e, d.flow);
		} else if (t->flags & FOS_TCB_ACK_DUE) {
			fos_timer_ack_done(e, d.flow);
			fos_emit_ack(e, d.flow);
		}
		if (fos_out_peer(e, d.flow))
			fos_again_look(e, FOS_PEER(d.flow));
	}
	return n;
}

/* The receiver is gone: nothing that the ends could still agree on. */
static void give_up(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);

	fos_emit_reset(e, flow, e->tcbs[flow].una);
	if (g)
		fos_emit_reset(e, FOS_PEER(flow), fos_out_wire(g));
	for (uint32_t i = 0; i < 2; i++) {
		if (i && !g)
			break;
		fos_out_finish(e, flow ^ i);
		fos_out_tcb(e, flow ^ i)->flags |= FOS_TCB_GIVEN_UP;
		fos_egress_run_later(e, flow ^ i);
	}
}

/* RFC 6298 section 5; returns whether the flow's timer is to go on. */
static bool expire(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	bool waiting = t->seg_first != FOS_NONE;
	struct fos_tcb_more *m;

	if (t->flags & FOS_TCB_DONE) {
		fos_egress_run_later(e, flow); /* the time for its rest is over */
		return false;
	}
	if (!waiting && !(t->flags & FOS_TCB_BLOCKED))
		return false;
	if (t->rto_at > e->p->now_ns)
		return true;
	m = fos_out_loss(e, flow);
	/* a closed window is probed for ever, but not when the connection is over otherwise */
	if (m->rto_shift >= GIVE_UP &&
	    (waiting || fos_acquire32(&e->p->box.flows[flow].state) & FOS_FLOW_ST_CLOSED)) {
		give_up(e, flow);
		return false;
	}
	if (waiting) {
		fos_resend_first(e, flow);
		m->recover = fos_out_wire(t);
	} else {
		fos_emit_probe(e, flow);
	}
	if (m->rto_shift < GIVE_UP)
		m->rto_shift++;
	t->rto_at = deadline(e, t);
	return true;
}

static uint32_t tick(struct fos_egress *e)
{
	uint32_t n = 0, kept = 0;

	if (!e->nr_timed || e->p->now_ns < e->tick_ns)
		return 0;
	e->tick_ns = e->p->now_ns + TICK_NS;
	for (uint32_t i = 0; i < e->nr_timed; i++) {
		uint32_t flow = e->timed[i];
		const struct fos_tcb *t = &e->tcbs[flow];
		bool stay = t->gen && !(t->flags & FOS_TCB_TOLD) && t->rto_at;

		if (stay && t->rto_at <= e->p->now_ns && fos_egress_room(e)) {
			stay = expire(e, flow);
			n++;
		}
		if (stay)
			e->timed[kept++] = flow;
		else
			set_bit(e->timed_bits, flow, false);
	}
	e->nr_timed = kept;
	return n;
}

uint32_t fos_timer_run(struct fos_egress *e)
{
	if (e->p->offline)
		return 0;
	return run_due(e) + tick(e);
}

uint64_t fos_timer_next(const struct fos_egress *e)
{
	uint64_t at = UINT64_MAX;

	if (e->p->offline)
		return at;
	if (e->due_head != e->due_tail)
		at = e->due[e->due_head % e->p->dir->nr_flows].at_ns;
	if (e->nr_timed && e->tick_ns < at)
		at = e->tick_ns;
	return at;
}
