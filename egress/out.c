/* egress/out.c - the output TCB of a flow, see out.h */
#include "egress/out.h"

#include <string.h>

#include "egress/again.h"
#include "egress/edited.h"
#include "egress/resend.h"
#include "egress/retain.h"
#include "egress/sack.h"
#include "egress/timer.h"

#define RTO_FIRST_US 1000000u /* RFC 6298 section 2.1 */
#define RTO_MIN_US 200000u
#define RTO_MAX_US 60000000u

void fos_out_save(struct fos_egress *e, const struct fos_tcb *t)
{
	fos_egress_save(e, t, sizeof(*t));
}

/* isn is there from the direction's SYN (or first packet) on. */
static void learn_isn(struct fos_tcb *t, const struct fos_flow *f)
{
	if (t->flags & FOS_TCB_ISN || !(f->flags & FOS_FLOW_TCP))
		return;
	/* pairs with the classifier's release of `state`: isn is set */
	if (!(fos_acquire32(&f->state) & FOS_FLOW_ST_SYN))
		return;
	t->isn = f->isn;
	t->flags |= FOS_TCB_ISN;
}

struct fos_tcb_more *fos_out_loss(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb_more *m = fos_out_more(e, flow);
	struct fos_tcb *t = fos_out_tcb(e, flow);

	if (!(t->flags & FOS_TCB_LOSS)) {
		m->recover = 0;
		m->rto_shift = m->dupacks = 0;
		t->flags |= FOS_TCB_LOSS;
	}
	return m;
}

bool fos_out_replace(struct fos_egress *e, uint32_t flow, uint64_t del, uint64_t ins)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_tcb_edit *x;

	if (!e->edits) {
		fos_count(e->p->counter, FOS_C_pm_rules_broken, 1);
		return false;
	}
	x = fos_out_edit(e, flow);
	if (!(t->flags & FOS_TCB_MAPPED))
		x->map = fos_seqmap_same;
	x->map.in = t->in;
	x->map.out = t->out;
	if (!fos_seqmap_replace(&x->map, &e->pool, del, ins))
		return false;
	t->flags |= FOS_TCB_MAPPED;
	t->in = x->map.in;
	t->out = x->map.out;
	return true;
}

void fos_out_prune(struct fos_egress *e, uint32_t flow, uint64_t pos)
{
	struct fos_tcb_edit *x;

	if (!(e->tcbs[flow].flags & FOS_TCB_MAPPED))
		return;
	x = fos_out_edit(e, flow);
	x->map.in = e->tcbs[flow].in;
	x->map.out = e->tcbs[flow].out;
	fos_seqmap_prune(&x->map, &e->pool, pos);
}

static void clear_map(struct fos_egress *e, uint32_t flow)
{
	if (e->tcbs[flow].flags & FOS_TCB_MAPPED)
		fos_seqmap_clear(&fos_out_edit(e, flow)->map, &e->pool);
}

/* The records beside the TCB; of what a flag of the TCB stands for, that flag is gone. */
static void init_rest(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb_more *m = fos_out_more(e, flow);

	memset(m, 0, sizeof(*m));
	m->batch = e->batch;
	if (e->edits) {
		struct fos_tcb_edit *x = fos_out_edit(e, flow);

		memset(x, 0, sizeof(*x));
		x->batch = e->batch;
	}
	if (e->files)
		memset(fos_out_file(e, flow), 0, sizeof(*e->files));
}

static void init(struct fos_egress *e, struct fos_tcb *t, uint32_t flow, uint32_t gen)
{
	struct fos_out *o = &e->outs[flow];

	if (t->gen) {
		fos_retain_drop(e, flow);
		clear_map(e, flow);
	}
	t = fos_out_tcb(e, flow);
	/* those of a slot that is used for the first time are 0 */
	for (uint32_t i = 0; i <= FOS_MAX_EDITORS; i++)
		if (fos_out_passed(e, flow, i))
			fos_txn_publish64(&e->txn, &o->pos[i], 0);
	memset(t, 0, sizeof(*t));
	t->batch = e->batch;
	t->gen = gen;
	t->piece = t->seg_first = t->seg_last = FOS_NONE;
	t->wscale = 0xff;
	fos_sack_none(e, flow);
	init_rest(e, flow);
	fos_txn_publish64(&e->txn, &o->opened_ns, 0);
	fos_out_tell_ack(e, flow, 0);
	fos_txn_publish32(&e->txn, &o->flags, 0);
	fos_txn_publish32(&e->txn, &o->done, 0);
	fos_txn_publish32(&e->txn, &o->gen, gen);
}

struct fos_tcb *fos_out_open(struct fos_egress *e, uint32_t flow, uint32_t gen)
{
	const struct fos_flow *f;
	struct fos_tcb *t;

	if (flow >= e->p->dir->nr_flows || gen == 0)
		return NULL;
	f = &e->p->box.flows[flow];
	/* pairs with the release of a new flow's gen: its identity is filled */
	if (fos_acquire32(&f->gen) != gen || f->pipeline >= e->p->dir->nr_pipelines)
		return NULL;
	t = fos_out_tcb(e, flow);
	if (t->gen != gen) {
		init(e, t, flow, gen);
		t = fos_out_tcb(e, flow);
	}
	learn_isn(t, f);
	return t;
}

bool fos_out_ack(const struct fos_egress *e, uint32_t flow, uint32_t as_came, uint32_t *ack)
{
	const struct fos_tcb *g = fos_out_peer(e, flow);
	uint64_t at;
	int64_t in;

	if (!g || !(g->flags & FOS_TCB_ISN))
		return false;
	if (!e->p->offline) {
		/* taken up in the middle: what lies before the start is its ends' own matter */
		as_came = e->tcbs[flow].ack_seen;
		if (g->una == 0 && e->tcbs[flow].flags & FOS_TCB_ACK_KNOWN &&
		    e->p->box.flows[flow].flags & FOS_FLOW_PICKUP &&
		    fos_out_pos(g, as_came, 0) < 0) {
			*ack = as_came;
			return true;
		}
		*ack = fos_out_seq(g, fos_out_back(e, g, g->una));
		return true;
	}
	/* the recorded end acknowledged unedited bytes; never what has not been written yet */
	in = fos_out_pos(g, as_came, g->in);
	if (in < 0) {
		*ack = as_came;
		return true;
	}
	at = fos_out_forward(e, g, (uint64_t)in);
	*ack = fos_out_seq(g, at < fos_out_wire(g) ? at : fos_out_wire(g));
	return true;
}

static void sample_rtt(struct fos_tcb *t, uint64_t ns)
{
	uint32_t us = ns / 1000 > RTO_MAX_US ? RTO_MAX_US : (uint32_t)(ns / 1000);

	if (!t->srtt_us) {
		t->srtt_us = us ? us : 1;
		t->rttvar_us = us / 2;
	} else {
		uint32_t d = us > t->srtt_us ? us - t->srtt_us : t->srtt_us - us;

		t->rttvar_us = (3 * t->rttvar_us + d) / 4;
		t->srtt_us = (7 * t->srtt_us + us) / 8;
		if (!t->srtt_us)
			t->srtt_us = 1;
	}
}

uint64_t fos_out_rto_us(const struct fos_tcb *t)
{
	uint64_t us = t->srtt_us + 4ull * t->rttvar_us;

	if (!t->srtt_us)
		return RTO_FIRST_US;
	return us < RTO_MIN_US ? RTO_MIN_US : us > RTO_MAX_US ? RTO_MAX_US : us;
}

/* News of the receiver: what was done about losses begins anew, but for what may still be missing. */
static void forget_loss(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *g = fos_out_tcb(e, flow);
	struct fos_tcb_more *m;

	if (!(g->flags & FOS_TCB_LOSS))
		return;
	m = fos_out_more(e, flow);
	m->rto_shift = m->dupacks = 0;
	if (g->una >= m->recover)
		g->flags &= ~(uint32_t)FOS_TCB_LOSS;
}

static void advance(struct fos_egress *e, uint32_t flow, struct fos_tcb *g, uint64_t una)
{
	uint64_t sent_ns;

	g->una = una;
	if (fos_retain_ack(e, flow, &sent_ns))
		fos_egress_run_later(e, flow);
	else if (g->flags & FOS_TCB_LOSS && una < e->mores[flow].recover)
		fos_resend_range(e, flow, una, una + 1); /* NewReno, RFC 6582 */
	if (sent_ns && e->p->now_ns >= sent_ns)
		sample_rtt(g, e->p->now_ns - sent_ns);
	fos_retain_tell(e, flow);
	fos_out_prune(e, flow, una);
	forget_loss(e, flow);
	g->rto_at = 0;
	if (g->seg_first != FOS_NONE && g->flags & FOS_TCB_ANSWERS)
		fos_timer_start(e, flow);
	if (g->flags & FOS_TCB_BLOCKED)
		fos_egress_run_later(e, flow);
}

static void move_edge(struct fos_egress *e, uint32_t flow, struct fos_tcb *g, uint64_t pos,
		      uint32_t wnd)
{
	uint64_t edge = pos + wnd;

	if (wnd > g->wnd_max)
		g->wnd_max = wnd;
	if (g->flags & FOS_TCB_WND && edge <= g->edge)
		return;
	g->edge = edge;
	g->flags |= FOS_TCB_WND;
	if (g->flags & FOS_TCB_BLOCKED)
		fos_egress_run_later(e, flow);
}

void fos_out_tell_ack(struct fos_egress *e, uint32_t flow, uint32_t ack)
{
	if (e->told[flow] != ack)
		fos_txn_publish32(&e->txn, &e->told[flow], ack);
}

void fos_out_learn_ack(struct fos_tcb *t, uint32_t ack, uint16_t wnd)
{
	if (fos_out_newer(t->ack_seen, ack) && t->flags & FOS_TCB_ACK_KNOWN)
		return;
	t->ack_seen = ack;
	t->wnd = wnd;
	t->flags |= FOS_TCB_ACK_KNOWN;
}

bool fos_out_acked(struct fos_egress *e, uint32_t flow, uint32_t ack, uint16_t wnd, bool scaled)
{
	const struct fos_tcb *peer = fos_out_peer(e, flow);
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t to = FOS_PEER(flow);
	struct fos_tcb *g;
	bool advanced;
	int64_t pos;

	if (!peer || !(peer->flags & FOS_TCB_ISN) || peer->flags & FOS_TCB_DONE)
		return true;
	if (e->p->offline) {
		pos = fos_out_pos(peer, ack, peer->in);
		if (pos < 0)
			return true;
		pos = (int64_t)fos_out_forward(e, peer, (uint64_t)pos);
		if ((uint64_t)pos > fos_out_wire(peer))
			pos = (int64_t)fos_out_wire(peer);
	} else {
		pos = fos_out_pos(peer, ack, peer->una);
		if (pos > (int64_t)fos_out_max(e, peer))
			return false;
	}
	if (pos < 0 || (uint64_t)pos < peer->una)
		return true;
	g = fos_out_tcb(e, to);
	if (scaled && t->wscale != 0xff && g->wscale != 0xff)
		move_edge(e, to, g, (uint64_t)pos, (uint32_t)wnd << t->wscale);
	else
		move_edge(e, to, g, (uint64_t)pos, wnd);
	advanced = (uint64_t)pos > g->una;
	if (advanced && e->nr_told_later && e->told_later == to)
		fos_again_told(e); /* of what came before this did */
	if (advanced)
		advance(e, to, g, (uint64_t)pos);
	if (advanced)
		fos_again_hole(e, to);
	fos_out_note_window(e, to);
	fos_out_check_done(e, flow);
	return true;
}

void fos_out_learn_len(struct fos_egress *e, uint32_t flow, uint32_t len)
{
	if (len <= e->mores[flow].longest)
		return;
	fos_out_more(e, flow)->longest = (uint16_t)len;
	if (len > FOS_MSS_LEAST)
		fos_out_tcb(e, flow)->flags |= FOS_TCB_LONGER;
}

uint32_t fos_out_enough(const struct fos_egress *e, const struct fos_tcb *t)
{
	uint32_t enough = t->flags & FOS_TCB_LONGER ? e->mores[t - e->tcbs].longest : FOS_MSS_LEAST;

	if (t->wnd_max / 2 < enough)
		enough = t->wnd_max / 2 ? t->wnd_max / 2 : 1;
	return enough;
}

uint32_t fos_out_segment_max(const struct fos_egress *e, const struct fos_tcb *t)
{
	bool known = fos_out_window(e, t) != UINT32_MAX;

	return known && t->wnd_max > FOS_MSS_LEAST ? t->wnd_max / 2 : UINT32_MAX;
}

void fos_out_note_window(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint64_t *word = &e->outs[flow].opened_ns;
	bool closed = fos_out_window(e, t) < fos_out_enough(e, t);

	if (!e->p->offline && closed != (*word == UINT64_MAX))
		fos_txn_publish64(&e->txn, word, closed ? UINT64_MAX : e->p->now_ns);
}

void fos_out_publish(struct fos_egress *e, uint32_t flow, uint32_t i, uint64_t pos)
{
	/* where nobody edits, nobody asks for editors' positions */
	if ((i && !e->edits) || pos <= fos_out_passed(e, flow, i))
		return;
	fos_out_passed_anew(e, flow, i, pos);
	fos_egress_tell(e, flow);
}

void fos_out_passed_anew(struct fos_egress *e, uint32_t flow, uint32_t i, uint64_t pos)
{
	if (i == 0)
		fos_out_tcb(e, flow)->passed = pos;
	else if (e->edits)
		fos_out_edit(e, flow)->pos[i - 1] = pos;
	fos_txn_publish64(&e->txn, &e->outs[flow].pos[i], pos);
}

void fos_out_finish(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	if (t->flags & FOS_TCB_DONE)
		return;
	fos_retain_drop(e, flow);
	t = fos_out_tcb(e, flow);
	clear_map(e, flow);
	fos_retain_tell(e, flow);
	t->flags |= FOS_TCB_DONE;
	t->flags &= ~(uint32_t)FOS_TCB_BLOCKED;
	t->rto_at = 0;
	fos_edited_unmark(e, flow);
	/* published once its pieces' frames have been taken: fos_flow_run() */
	fos_egress_run_later(e, flow);
}

/* Has the receiver acknowledged this direction's FIN? */
static bool fin_acked(const struct fos_tcb *t)
{
	return t->flags & FOS_TCB_FIN_SENT && t->una > t->out;
}

void fos_out_check_done(struct fos_egress *e, uint32_t flow)
{
	const struct fos_tcb *a = &e->tcbs[flow], *b = fos_out_peer(e, flow);

	if (!b || !fin_acked(a) || !fin_acked(b) || a->flags & b->flags & FOS_TCB_DONE)
		return;
	fos_out_finish(e, flow);
	fos_out_finish(e, FOS_PEER(flow));
}

static bool read_rewrite(struct fos_egress *e, uint32_t pm, uint32_t flow, struct fos_rewrite *rw)
{
	uint32_t gen = e->tcbs[flow].gen;
	struct fos_pm_pub pub;

	if (!e->p->box.pm_rewrites[pm] || !fos_box_pub(&e->p->box, pm, flow, gen, &pub) ||
	    !(pub.flags & FOS_PM_REWRITE))
		return false;
	*rw = e->p->box.pm_rewrites[pm][flow];
	return rw->flow_gen == gen;
}

uint32_t fos_out_rewrites(struct fos_egress *e, uint32_t flow, struct fos_rewrite *rw, uint32_t max)
{
	const struct fos_dir *dir = e->p->dir;
	const struct fos_dir_pipeline *pl;
	uint32_t n = 0;

	if (!e->p->box.rewriters)
		return 0;
	pl = &dir->pipeline[fos_box_pipeline(&e->p->box, flow, e->tcbs[flow].gen)];
	for (uint32_t s = 0; s < pl->nr_stages; s++)
		for (uint32_t i = 0; i < pl->stage[s].nr_pms && n < max; i++) {
			uint32_t pm = pl->stage[s].pm[i];

			if (pm < FOS_MAX_PMS && dir->pm[pm].rewrites &&
			    read_rewrite(e, pm, flow, &rw[n]))
				n++;
		}
	return n;
}
