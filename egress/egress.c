/* egress/egress.c - attaching to the region, the batch, and the hooks of the egress process */
#include "egress/egress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "egress/again.h"
#include "egress/attach.h"
#include "egress/chain.h"
#include "egress/direct.h"
#include "egress/flow.h"
#include "egress/forced.h"
#include "egress/frames.h"
#include "egress/offline.h"
#include "egress/out.h"
#include "egress/parcel.h"
#include "egress/route.h"
#include "egress/timer.h"
#include "shm/killpoint.h"

#define DESCS_PER_BATCH 256u
#define HINTS_PER_RING 512u
#define RUNS_PER_BATCH 256u
#define POLL_NS 1000000ull      /* while the sink has frames, or a flow waits for room */

struct fos_egress *fos_egress_new(const struct fos_sink_ops *ops, void *ctx)
{
	struct fos_egress *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->sink = ops;
	e->sink_ctx = ctx;
	return e;
}

void fos_egress_free(struct fos_egress *e)
{
	if (!e)
		return;
	if (e->sink_open)
		e->sink->close(e->sink_ctx);
	fos_attach_free(e);
	free(e);
}

/* ------------------------------------------------------------------ lists of flows */

static bool add_once(uint64_t *bits, uint32_t flow)
{
	uint64_t b = 1ull << (flow % 64);

	if (bits[flow / 64] & b)
		return false;
	bits[flow / 64] |= b;
	return true;
}

static void take_out(uint64_t *bits, uint32_t flow)
{
	bits[flow / 64] &= ~(1ull << (flow % 64));
}

void fos_egress_run_later(struct fos_egress *e, uint32_t flow)
{
	if (flow < e->p->dir->nr_flows && add_once(e->run, flow))
		e->run_list[e->nr_run++] = flow;
}

void fos_egress_run_clear(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->nr_run; i++)
		take_out(e->run, e->run_list[i]);
	e->nr_run = 0;
}

void fos_egress_tell(struct fos_egress *e, uint32_t flow)
{
	if (add_once(e->hinted_bits, flow))
		e->hinted[e->nr_hinted++] = flow;
}

static void hint_editors(struct fos_egress *e, uint32_t flow, uint32_t gen)
{
	const struct fos_dir *dir = e->p->dir;
	uint32_t pipeline = fos_box_pipeline(&e->p->box, flow, gen);

	if (!(e->tcbs[flow].flags & FOS_TCB_EDITED))
		return;
	for (uint32_t pm = 0; pm < dir->nr_pms; pm++)
		if (fos_dir_editor(dir, pipeline, pm) && e->pm[pm])
			fos_hint(e->p, e->pm[pm], flow, gen);
}

static void send_hints(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->nr_hinted; i++) {
		uint32_t flow = e->hinted[i], gen = e->tcbs[flow].gen;

		take_out(e->hinted_bits, flow);
		if (e->cls)
			fos_hint(e->p, e->cls, flow, gen);
		hint_editors(e, flow, gen);
	}
	e->nr_hinted = 0;
}

/* ------------------------------------------------------------------ the batch */

static void begin(struct fos_egress *e)
{
	e->batch = e->txn.log->committed + 1;
	e->free_limit = e->free_kept = e->st->free_tail;
	memset(e->tx_port, 0, sizeof(e->tx_port));
}

/* Gives the packets that the region names to the sink, one call per port. */
static void send_packets(struct fos_egress *e)
{
	static _Thread_local struct fos_tx of_port[FOS_EGR_TX_MAX];

	for (uint32_t port = 0; port < e->p->dir->nr_ports; port++) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < e->st->nr_tx; i++)
			if (e->st->tx[i].port == port)
				of_port[n++] = e->st->tx[i];
		if (n)
			e->sink->send(e->sink_ctx, port, of_port, n);
	}
	fos_killpoint("tx.given");
	fos_barrier_compiler();
	e->st->nr_tx = 0;
	fos_killpoint("tx.forgotten");
}

static void mark_sink(struct fos_egress *e)
{
	for (uint32_t port = 0; port < e->p->dir->nr_ports; port++)
		if (e->tx_port[port])
			e->st->mark[port] = e->sink->mark(e->sink_ctx, port);
}

static void tell_retained(struct fos_egress *e)
{
	struct fos_egr *own = (void *)fos_box_own(&e->p->box);

	if (own->retained != e->st->nr_retained)
		fos_txn_publish64(&e->txn, &own->retained, e->st->nr_retained);
}

void fos_egress_commit(struct fos_egress *e)
{
	if (e->st->nr_tx)
		mark_sink(e);
	fos_killpoint("tx.marked");
	for (uint32_t i = 0; i < e->nr_home; i++)
		if (e->home[i].ring && e->home[i].ring->next != *fos_ring_tail_word(e->home[i].ring))
			fos_txn_publish64(&e->txn, fos_ring_tail_word(e->home[i].ring),
					  e->home[i].ring->next);
	if (e->in && e->in->next != e->in->cursor->head)
		fos_txn_publish64(&e->txn, &e->in->cursor->head, e->in->next);
	fos_parcel_publish(e);
	tell_retained(e);
	fos_txn_commit(&e->txn);
	if (e->st->nr_tx)
		send_packets(e);
	begin(e);
	send_hints(e);
}

/* ------------------------------------------------------------------ work */

static void walk_all(struct fos_egress *e)
{
	const struct fos_cls *c = e->p->box.cls;
	const uint64_t *live = (const uint64_t *)(const void *)((const uint8_t *)c + c->live_off);

	e->walk_all = false;
	for (uint32_t at = 0; at < e->p->dir->nr_flows / 2; at += 64)
		for (uint64_t bits = fos_relaxed64(&live[at / 64]); bits; bits &= bits - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctzll(bits);

			/* (bits behind the last flow are nobody's, and ignored) */
			fos_egress_run_later(e, 2 * i);
			fos_egress_run_later(e, 2 * i + 1);
		}
}

static uint32_t take_hints(struct fos_egress *e)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < e->p->nr_cons; i++) {
		struct fos_ring_cons *r = &e->p->cons[i];
		uint64_t n = r->kind == FOS_RING_READY ? fos_ring_peek(r) : 0;

		if (r->broken)
			fos_count(e->p->counter, FOS_C_ring_broken, 1);
		r->broken = false;
		if (n > HINTS_PER_RING)
			n = HINTS_PER_RING;
		for (uint64_t k = 0; k < n; k++) {
			const struct fos_hint *h = fos_ring_at(r, k);

			if (h->flow == FOS_NONE)
				e->walk_all = true;
			else
				fos_egress_run_later(e, h->flow);
		}
		if (n) {
			fos_ring_take(r, n);
			total += (uint32_t)n;
		}
	}
	if (e->walk_all)
		walk_all(e);
	return total;
}

/* Heads move once what the hints caused is visible ("all rings empty" means at rest). */
static void release_hints(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->p->nr_cons; i++)
		if (e->p->cons[i].kind == FOS_RING_READY &&
		    e->p->cons[i].next != e->p->cons[i].cursor->head)
			fos_ring_release(&e->p->cons[i]);
}

static uint32_t take_descs(struct fos_egress *e)
{
	uint64_t n = e->in ? fos_ring_peek(e->in) : 0;
	uint32_t done = 0;

	if (n > DESCS_PER_BATCH)
		n = DESCS_PER_BATCH;
	while (done < n) {
		struct fos_desc d = *(const struct fos_desc *)fos_ring_at(e->in, 0);

		if (d.kind == FOS_DESC_FORWARD && d.len && !e->p->offline) {
			uint32_t used = fos_chain_forward(e, &d);

			if (!used)
				break;
			fos_ring_take(e->in, used);
			done += used;
			continue;
		}
		if (e->p->offline ? !fos_offline_stash(e, &d) : !fos_direct_room(e, &d))
			break;
		if (!e->p->offline)
			fos_direct_do(e, &d);
		fos_ring_take(e->in, 1);
		done++;
	}
	return done;
}

static void run_flows(struct fos_egress *e)
{
	uint32_t n = e->nr_run < RUNS_PER_BATCH ? e->nr_run : RUNS_PER_BATCH;
	uint32_t flows[RUNS_PER_BATCH];

	memcpy(flows, e->run_list, n * sizeof(*flows));
	memmove(e->run_list, e->run_list + n, (e->nr_run - n) * sizeof(*flows));
	e->nr_run -= n;
	for (uint32_t i = 0; i < n; i++) {
		take_out(e->run, flows[i]);
		if (fos_egress_room(e))
			fos_flow_run(e, flows[i]);
		else
			fos_egress_run_later(e, flows[i]);
	}
}

static const struct fos_region_head *ingress_head(const struct fos_egress *e)
{
	uint32_t i = fos_proc_find(e->p->dir, FOS_ROLE_INGRESS, 0, 0);

	if (i == FOS_NONE || !e->p->box.region[e->p->dir->proc[i].region].base)
		return NULL;
	return (const void *)e->p->box.region[e->p->dir->proc[i].region].base;
}

static uint32_t work_offline(struct fos_egress *e)
{
	struct fos_region_head *own = fos_box_head(&e->p->box);
	const struct fos_region_head *ing = ingress_head(e);
	uint64_t clock, flush;
	uint32_t n;

	if (!ing)
		return 0;
	/* pairs with ingress's release: the batch before it rests */
	flush = fos_acquire64(&ing->flush);
	clock = fos_acquire64(&ing->clock_ns);
	n = fos_forced_work(e);
	n += take_descs(e) + take_hints(e) + fos_parcel_work(e);
	fos_egress_commit(e);
	release_hints(e);
	if (flush != own->flush_seen || e->st->nr_stash == FOS_EGR_STASH_MAX) {
		n += 1 + fos_offline_work(e);
		if (flush != own->flush_seen) {
			e->sink->flush(e->sink_ctx);
			((struct fos_egr *)(void *)own)->flush_more = fos_route_tell(e);
			fos_release64(&own->flush_seen, flush);
		}
	}
	if (own->clock_seen_ns != clock) {
		fos_release64(&own->clock_seen_ns, clock);
		n++;
	}
	return n;
}

static uint32_t work(struct fos_proc *p)
{
	struct fos_egress *e = p->state;
	uint32_t n, runs;
	uint64_t sent;

	if (p->offline)
		return work_offline(e);
	e->starved = false;
	fos_frames_share(e);
	n = fos_frames_reap(e);
	n += fos_forced_work(e);
	n += take_descs(e);
	n += fos_timer_run(e); /* what has come is not waited for */
	fos_again_told(e);
	n += take_hints(e);
	n += fos_parcel_work(e);
	runs = e->nr_run;
	run_flows(e);
	sent = e->st->nr_tx;
	/* flows that only wait for room or frames are no reason to go on at once */
	n += e->nr_run < runs ? runs - e->nr_run : 0;
	fos_egress_commit(e);
	release_hints(e);
	fos_killpoint("tx.kick");
	if (sent || e->kick_again)
		e->kick_again = e->sink->kick(e->sink_ctx);
	return n + (uint32_t)sent;
}

static uint64_t idle(struct fos_proc *p)
{
	struct fos_egress *e = p->state;
	uint64_t at = fos_timer_next(e), look = fos_forced_next(e);

	if (p->offline)
		return UINT64_MAX;
	if (look < at)
		at = look;
	if (e->st->nr_in_tx || e->kick_again || e->nr_run) {
		/* also what the kernel refused for the moment is tried again */
		e->kick_again = e->st->nr_in_tx > 0;
		if (p->now_ns + POLL_NS < at)
			at = p->now_ns + POLL_NS;
	}
	return at;
}

/* ------------------------------------------------------------------ start and end */

/* What the predecessor committed and perhaps did not send: the sink's mark tells. */
static void send_rest(struct fos_egress *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->st->nr_tx; i++) {
		uint32_t port = e->st->tx[i].port;

		if (port < e->p->dir->nr_ports &&
		    e->sink->mark(e->sink_ctx, port) == e->st->mark[port])
			e->st->tx[n++] = e->st->tx[i];
	}
	e->st->nr_tx = n;
	send_packets(e);
	e->kick_again = true;
}

/* New sockets (Linux before 6.4): what the old ones had not sent yet is lost, and mended by TCP. */
static void forget_sent(struct fos_egress *e)
{
	e->st->nr_tx = 0;
	fos_frames_abandon(e);
}

/* Timers of flows go on. */
static void restart_timers(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->p->dir->nr_flows; i++)
		if (e->tcbs[i].gen && e->tcbs[i].rto_at)
			fos_timer_start(e, i);
	e->walk_all = true;
}

static int init(struct fos_proc *p)
{
	struct fos_egress *e = p->state;
	int rc;

	e->p = p;
	if (!e->sink) {
		e->sink = p->offline ? &fos_sink_capture_ops : &fos_sink_xsk_ops;
		e->sink_ctx = p->offline ? fos_sink_capture_new() : fos_sink_xsk_new();
		if (!e->sink_ctx) {
			fos_log(FOS_LOG_ERROR, "egress: no memory for its output");
			return -ENOMEM;
		}
	}
	rc = fos_attach(e);
	if (rc == 0)
		rc = fos_attach_lists(e);
	if (rc == 0)
		rc = e->sink->open(e->sink_ctx, p);
	if (rc < 0)
		return rc;
	e->sink_open = true;
	e->blind = e->sink == &fos_sink_capture_ops && !p->dir->output_off;
	begin(e);
	if (p->fds.sockets)
		forget_sent(e);
	else if (e->st->nr_tx)
		send_rest(e);
	restart_timers(e);
	e->failures_seen = UINT64_MAX; /* what the predecessor did about them is in the region */
	return 0;
}

static int renew(struct fos_proc *p)
{
	struct fos_egress *e = p->state;
	int rc = e->sink->renew(e->sink_ctx);

	if (rc == 0)
		forget_sent(e);
	return rc;
}

static void fini(struct fos_proc *p)
{
	struct fos_egress *e = p->state;

	/* pairs with the keeper's release: not a restart of this process alone */
	if (!p->offline && fos_acquire32(&p->dir->stopping))
		fos_direct_stop(e);
	fos_egress_commit(e);
	e->sink->kick(e->sink_ctx);
	e->sink->finish(e->sink_ctx);
	e->sink->close(e->sink_ctx);
	e->sink_open = false;
}

const struct fos_proc_hooks fos_egress_hooks = {
	.program = "flowos-egress",
	.init = init,
	.work = work,
	.idle = idle,
	.fini = fini,
	.renew = renew,
};
