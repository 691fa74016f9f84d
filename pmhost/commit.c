/* pmhost/commit.c - shadow slots, then one store: see commit.h and shm/txn.h
 *
 * Order of a commit: room in every target is checked; edit records, shadow slots (context, PM-wide
 * state, published values), rewrites and message slots are filled, all of which nobody reads yet;
 * output is written behind the committed length; then `ver`, `state_ver`, ring tails and the
 * message head become visible by fos_txn_commit().  Killed anywhere before its first store, none
 * of it has happened.
 */
#include "pmhost/commit.h"

#include <string.h>

#include "pmhost/host.h"
#include "shm/killpoint.h"

static uint8_t *state_slot(const struct fos_instance *pm, uint64_t ver)
{
	return pm->states + (ver & 1u) * pm->d->state_size;
}

void fos_state_load(struct fos_instance *pm)
{
	memcpy(pm->state, state_slot(pm, pm->region->state_ver), pm->d->state_size);
	pm->state_touched = false;
}

void fos_commit_discard(struct fos_instance *pm)
{
	if (pm->state_touched)
		fos_state_load(pm);
	pm->outbox.nr = 0;
	fos_parcels_clear(pm);
	fos_keys_clear(pm);
	fos_files_clear(pm);
}

/* Fills the slots that `ver` does not name and queues the turn of it. */
static void publish_pub(struct fos_instance *pm, uint32_t flow, const struct fos_pm_pub *pub)
{
	struct fos_pm_flow *f = &pm->flows[flow];
	uint32_t ver = f->ver + 1;

	/* pairs with the acquire fence in fos_box_pub(): a reader of the old slot sees that `ver`
	 * has moved on before it sees this slot change */
	fos_fence_release();
	fos_pub_write(f, pm->edited ? &pm->edited[flow] : NULL, ver, pub);
	fos_killpoint("pm.slot");
	fos_txn_publish32(&pm->txn, &f->ver, ver);
}

static void publish_state(struct fos_instance *pm)
{
	uint64_t ver = pm->region->state_ver + 1;

	memcpy(state_slot(pm, ver), pm->state, pm->d->state_size);
	fos_killpoint("pm.state");
	fos_txn_publish64(&pm->txn, &pm->region->state_ver, ver);
	pm->state_touched = false;
}

/* What does not belong to a flow. */
static void publish_common(struct fos_instance *pm)
{
	fos_outbox_publish(pm);
	fos_parcels_publish(pm);
	fos_keys_publish(pm);
	fos_killpoint("pm.messages");
	fos_files_write(pm);
	fos_killpoint("pm.files");
	if (pm->state_touched)
		publish_state(pm);
	if (pm->events)
		fos_events_publish(pm);
	if (pm->consumed)
		fos_txn_publish64(&pm->txn, &pm->consumed->cursor->head, pm->consumed->next);
}

static uint32_t count_packets(const struct fos_window *w, uint64_t head)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->nr_seg && w->seg[i].pos < head; i++)
		n += w->seg[i].pos >= w->head && (w->seg[i].flags & FOS_PIECE_FIRST);
	return n;
}

static void publish_ctx(struct fos_window *w, struct fos_pm_pub *pub)
{
	if (!w->ctx_touched && !w->fresh)
		return;
	pub->ctx ^= 1u;
	memcpy(fos_host_ctx_slot(w->pm, w->flow, pub->ctx), w->ctx, w->pm->d->ctx_size);
}

void fos_commit_pub(struct fos_instance *pm, uint32_t flow, const struct fos_pm_pub *pub)
{
	publish_pub(pm, flow, pub);
}

/* The other direction of the connection is rewritten, too. */
static void publish_peer(struct fos_window *w)
{
	struct fos_pm_pub pub;
	bool known = fos_host_pub(w->pm, FOS_PEER(w->flow), w->gen, &pub);

	if (!known) /* its context begins as zeros */
		memset(fos_host_ctx_slot(w->pm, FOS_PEER(w->flow), pub.ctx), 0, w->pm->d->ctx_size);
	pub.flags |= FOS_PM_REWRITE;
	publish_pub(w->pm, FOS_PEER(w->flow), &pub);
}

void fos_commit_collect(struct fos_window *w)
{
	struct fos_instance *pm = w->pm;
	struct fos_pm_pub pub = w->pub;
	uint32_t first = pub.edit_first;
	uint32_t n = w->fresh ? 0 : fos_edit_pool_past(pm, w->flow, w->gen, &pub);

	if (n == 0)
		return;
	publish_pub(pm, w->flow, &pub);
	fos_txn_commit(&pm->txn);
	w->pub = pub;
	fos_edit_pool_give(pm, first, n);
}

static bool room(struct fos_window *w, uint64_t head)
{
	struct fos_instance *pm = w->pm;
	uint32_t records = fos_edits_records(&w->edits, head);

	if (records > fos_edit_pool_room(&pm->edits)) {
		fos_commit_collect(w);
		if (records > fos_edit_pool_room(&pm->edits)) {
			pm->walk = true; /* other flows may have some to give back */
			return false;
		}
	}
	return fos_outbox_room(pm) && fos_parcels_room(pm);
}

static void make_pub(struct fos_window *w, uint64_t head, uint16_t set_flags,
		     struct fos_pm_pub *pub)
{
	uint64_t delta = pub->out_head - pub->head;

	pub->gen = w->gen;
	if (head > pub->head && pub->head < FOS_POS_MAX && head <= w->open_tail) {
		fos_count(w->pm->p->counter, FOS_C_pm_released_bytes, head - pub->head);
		if (w->pm->d->stream != FOS_STREAM_APP)
			pub->seen += count_packets(w, head);
	}
	if (w->pm->d->stream == FOS_STREAM_APP && head != pub->head)
		pub->seen++;
	fos_edits_write(w->pm, w, head, pub, &delta);
	if (w->pm->d->stream != FOS_STREAM_APP)
		delta = 0; /* packet streams keep their numbering */
	if (w->pm->events && (w->asks || w->fresh))
		pub->events = fos_events_mask(w);
	if (w->verdict != FOS_VERDICT_PASS)
		pub->verdict = w->verdict;
	if (w->verdict == FOS_VERDICT_MOVE)
		pub->flags |= (uint16_t)(FOS_PM_CLOSED | w->move_to << FOS_PM_MOVE_SHIFT);
	pub->head = w->verdict == FOS_VERDICT_BYPASS ? FOS_POS_MAX : head;
	pub->out_head = pub->head + delta;
	pub->flags |= set_flags;
	if (w->resend == FOS_RESEND_ON)
		pub->flags |= FOS_PM_RESEND;
	else if (w->resend == FOS_RESEND_OFF)
		pub->flags &= (uint16_t)~FOS_PM_RESEND;
}

static void done(struct fos_window *w, uint64_t head, uint16_t set_flags)
{
	if (w->verdict != FOS_VERDICT_PASS || w->rewrites || w->rewrites_peer || set_flags || w->asks)
		w->wake_classifier = true;
	w->asks = false;
	w->verdict = FOS_VERDICT_PASS;
	w->resend = FOS_RESEND_AS_IT_IS;
	w->rewrites = w->rewrites_peer = false;
	w->ctx_touched = false;
	w->fresh = false;
	w->moved = true;
	w->head = w->pub.head < FOS_POS_MAX ? w->pub.head : w->tail;
	if (w->pub.verdict == FOS_VERDICT_MOVE)
		w->tail = w->head;
	fos_edits_passed(&w->edits, head);
	if (w->pub.head >= FOS_POS_MAX)
		fos_edits_clear(&w->edits);
	fos_outbox_sent(w->pm);
	fos_parcels_clear(w->pm);
	fos_keys_clear(w->pm);
}

int fos_commit_window(struct fos_window *w, uint64_t head, uint16_t set_flags)
{
	struct fos_instance *pm = w->pm;
	struct fos_pm_pub pub;
	uint32_t first, freed;

	if (!room(w, head < FOS_POS_MAX ? head : w->tail)) {
		fos_count(pm->p->counter, FOS_C_pm_again, 1);
		w->again = true;
		w->tail = w->head;
		return FOS_AGAIN;
	}
	pub = w->pub;
	first = pub.edit_first;
	freed = fos_edit_pool_past(pm, w->flow, w->gen, &pub);
	make_pub(w, head, set_flags | (w->rewrites ? FOS_PM_REWRITE : 0), &pub);
	fos_killpoint("pm.edits");
	publish_ctx(w, &pub);
	fos_killpoint("pm.context");
	publish_pub(pm, w->flow, &pub);
	if (w->rewrites_peer)
		publish_peer(w);
	if (w->verdict == FOS_VERDICT_MOVE)
		fos_move_peer(w);
	publish_common(pm);
	fos_txn_commit(&pm->txn);
	fos_edit_pool_give(pm, first, freed);
	w->pub = pub;
	done(w, head, set_flags);
	return FOS_OK;
}

int fos_commit_pm(struct fos_instance *pm)
{
	if (!fos_outbox_room(pm) || !fos_parcels_room(pm)) {
		fos_count(pm->p->counter, FOS_C_pm_again, 1);
		return FOS_AGAIN;
	}
	publish_common(pm);
	fos_txn_commit(&pm->txn);
	fos_outbox_sent(pm);
	fos_parcels_clear(pm);
	fos_keys_clear(pm);
	return FOS_OK;
}

void fos_commit_forced(struct fos_window *w, uint64_t head)
{
	struct fos_pm_pub pub = w->pub;

	fos_commit_discard(w->pm);
	fos_edits_clear(&w->edits);
	w->verdict = FOS_VERDICT_PASS;
	w->resend = FOS_RESEND_AS_IT_IS;
	w->rewrites = w->rewrites_peer = false;
	w->again = w->asks = false;
	if (w->ctx_touched || w->fresh) {
		/* the context as of the last release */
		if (w->fresh)
			memset(w->ctx, 0, w->pm->d->ctx_size);
		w->ctx_touched = false;
	}
	make_pub(w, head, 0, &pub);
	publish_ctx(w, &pub);
	publish_pub(w->pm, w->flow, &pub);
	fos_txn_commit(&w->pm->txn);
	w->pub = pub;
	done(w, head, 0);
}
