/* classifier/gate.c - on_open and rewritten tuples, see gate.h */
#include "classifier/gate.h"

#include <string.h>

uint64_t fos_gate_forced(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_box_force f;

	return fos_box_forced(c->box, pm, flow, gen, &f) ? FOS_POS_MAX : 0;
}

/* Has the PM decided nothing of the flow, nor anybody for it?  As nearly always, and found out without a
 * copy of all that it has published; false: it has to be looked at. */
static bool calm(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen)
{
	const struct fos_pm_flow *f = &c->box->pm_flows[pm][flow];
	const struct fos_pm_slot *s;
	uint32_t ver;
	bool passes;

	if (fos_acquire32(&c->box->egr->nr_forced) != 0)
		return false;
	/* pairs with the release of `ver` in fos_txn_commit(), as fos_box_pub() does */
	ver = fos_acquire32(&f->ver);
	s = &f->slot[ver & 1u];
	passes = s->gen != gen || s->verdict == FOS_VERDICT_PASS;
	fos_fence_acquire();
	return passes && fos_relaxed32(&f->ver) == ver;
}

static uint32_t verdict_of(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_pm_pub pub;

	return fos_box_watches(c->dir, pm, c->flows[flow].flags) &&
			       fos_box_pub(c->box, pm, flow, gen, &pub) &&
			       pub.verdict <= FOS_VERDICT_RESET ?
		       pub.verdict :
		       FOS_VERDICT_PASS;
}

uint32_t fos_gate_verdict(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);
	const struct fos_dir_stage *end = pl->stage + pl->nr_stages;
	uint32_t worst = FOS_VERDICT_PASS;

	for (const struct fos_dir_stage *st = pl->stage; st < end; st++) {
		for (uint32_t j = 0; j < st->nr_pms; j++) {
			uint32_t pm = st->pm[j], verdict;

			if (!calm(c, pm, flow, gen) && (verdict = verdict_of(c, pm, flow, gen)) > worst)
				worst = verdict;
		}
	}
	return worst;
}

static bool opened(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen)
{
	struct fos_pm_pub pub;

	if (fos_gate_forced(c, pm, flow, gen) >= FOS_POS_MAX)
		return true;
	return fos_box_pub(c->box, pm, flow, gen, &pub) && pub.flags & FOS_PM_OPENED;
}

/* The PMs of a stage that have not opened yet are told (once per stage).  True: none is left. */
static bool check_stage(struct fos_classifier *c, uint32_t flow, uint32_t stage)
{
	const struct fos_dir_stage *st = &fos_cls_pipeline(c, flow)->stage[stage];
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	bool tell = k->gate_stage != stage + 1, open = true;

	for (uint32_t i = 0; i < st->nr_pms; i++) {
		uint32_t pm = st->pm[i];

		if (!c->dir->pm[pm].gates || !fos_box_watches(c->dir, pm, s->flags) ||
		    opened(c, pm, flow, s->gen))
			continue;
		open = false;
		if (tell)
			fos_hint_pm(c, flow, pm);
	}
	if (!open && tell) {
		s->flags |= FOS_FLOW_OFFERED;
		fos_save_conn(c, flow >> 1);
		k->gate_stage = (uint8_t)(stage + 1);
	}
	return open;
}

bool fos_gate_check(struct fos_classifier *c, uint32_t conn)
{
	struct fos_cls_conn *k = &c->conns[conn];

	if (k->flags & FOS_CONN_OPEN)
		return true;
	for (uint32_t i = 0; i < fos_cls_pipeline(c, 2 * conn)->nr_stages; i++)
		if (!check_stage(c, 2 * conn, i))
			return false;
	fos_save_conn(c, conn);
	k->flags |= FOS_CONN_OPEN;
	return true;
}

/* ------------------------------------------------------------------ rewrites */

/* Applies what PM `pm` has set for the forward flow to its tuple; false: nothing. */
static bool rewrite(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen,
		    struct fos_flow_key *key)
{
	struct fos_rewrite r;
	struct fos_pm_pub pub;

	if (!c->box->pm_rewrites[pm] || !fos_box_pub(c->box, pm, flow, gen, &pub) ||
	    !(pub.flags & FOS_PM_REWRITE))
		return false;
	r = c->box->pm_rewrites[pm][flow];
	if (r.flow_gen != gen)
		return false;
	if (r.mask & FOS_RW_SRC_ADDR)
		memcpy(key->src, r.src, 16);
	if (r.mask & FOS_RW_DST_ADDR)
		memcpy(key->dst, r.dst, 16);
	if (r.mask & FOS_RW_SRC_PORT)
		key->sport = r.sport;
	if (r.mask & FOS_RW_DST_PORT)
		key->dport = r.dport;
	return r.mask &
	       (FOS_RW_SRC_ADDR | FOS_RW_DST_ADDR | FOS_RW_SRC_PORT | FOS_RW_DST_PORT);
}

void fos_gate_register_reverse(struct fos_classifier *c, uint32_t conn)
{
	uint32_t flow = 2 * conn, gen = fos_touch(c, flow)->gen;
	const struct fos_dir_pipeline *pl;
	struct fos_flow *r = &c->flows[flow + 1];
	struct fos_flow_key key;
	bool changed = false;

	if (!c->box->rewriters || !(c->conns[conn].flags & FOS_CONN_HASHED_R))
		return;
	pl = fos_cls_pipeline(c, flow);
	key = fos_flow_key_of(c, flow);
	for (uint32_t i = 0; i < pl->nr_stages; i++)
		for (uint32_t j = 0; j < pl->stage[i].nr_pms; j++)
			if (c->dir->pm[pl->stage[i].pm[j]].rewrites &&
			    rewrite(c, pl->stage[i].pm[j], flow, gen, &key))
				changed = true;
	if (!changed)
		return;
	fos_touch(c, flow + 1);
	fos_flow_unhash(c, flow + 1);
	fos_txn_save(&c->txn, r, offsetof(struct fos_flow, isn));
	memcpy(r->src, key.dst, 16);
	memcpy(r->dst, key.src, 16);
	r->sport = key.dport;
	r->dport = key.sport;
	fos_flow_hash(c, flow + 1);
}
