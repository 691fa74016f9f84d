/* shm/txn.c - transaction log of one process, see txn.h */
#include "shm/txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/killpoint.h"

static void apply_redo(struct fos_txn *t)
{
	for (uint32_t i = 0; i < t->log->nr_redo; i++) {
		const struct fos_txn_store *s = &t->log->redo[i];
		uint8_t *p = t->base + (s->off & ~1ull);

		/* release: pairs with the acquire of whoever reads this published word */
		if (s->off & 1u)
			fos_release32((uint32_t *)(void *)p, (uint32_t)s->value);
		else
			fos_release64((uint64_t *)(void *)p, s->value);
		fos_killpoint("txn.apply");
	}
}

static int roll_back(struct fos_txn *t)
{
	uint32_t end = t->log->undo_bytes;

	while (end > 0) {
		uint64_t total;
		struct fos_txn_undo h;

		memcpy(&total, t->log->undo + end - 8, 8);
		if (total > end || total < sizeof(h) + 8)
			return -EINVAL;
		memcpy(&h, t->log->undo + end - total, sizeof(h));
		if (h.off > t->size || h.len > t->size - h.off || fos_txn_undo_bytes(h.len) != total)
			return -EINVAL;
		memcpy(t->base + h.off, t->log->undo + end - total + sizeof(h), h.len);
		fos_killpoint("txn.roll_back");
		end -= (uint32_t)total;
		fos_barrier_compiler();
	}
	return 0;
}

static bool redo_plausible(const struct fos_txn *t)
{
	if (t->log->nr_redo > FOS_TXN_REDO_MAX || t->log->undo_bytes > FOS_TXN_UNDO_BYTES)
		return false;
	for (uint32_t i = 0; i < t->log->nr_redo; i++)
		if ((t->log->redo[i].off & ~1ull) + 8 > t->size)
			return false;
	return true;
}

static void finish(struct fos_txn *t)
{
	fos_killpoint("txn.applied");
	fos_barrier_compiler();
	t->log->undo_bytes = 0;
	fos_barrier_compiler();
	fos_killpoint("txn.undo_forgotten");
	t->log->nr_redo = 0;
	fos_release64(&t->log->applied, t->log->committed);
	/* later plain stores (the next shadow slot) stay behind the versions just published; pairs
	 * with the acquire fence between the two version reads in fos_box_pub() */
	fos_fence_release();
}

int fos_txn_attach(struct fos_txn *t, struct fos_txn_log *log, void *base, uint64_t size)
{
	int did = 0;

	t->log = log;
	t->base = base;
	t->size = size;
	if (!redo_plausible(t) || log->committed - log->applied > 1)
		return -EINVAL;
	if (log->committed != log->applied) {
		apply_redo(t);
		did = 1;
	} else if (log->undo_bytes > 0) {
		if (roll_back(t) < 0)
			return -EINVAL;
		did = 2;
	}
	if (did)
		fos_killpoint("txn.recovered");
	finish(t);
	return did;
}

void fos_txn_abort(void)
{
	abort();
}

void fos_txn_commit(struct fos_txn *t)
{
	if (t->log->nr_redo == 0 && t->log->undo_bytes == 0)
		return;
	/* THE commit.  Everything the batch prepared is in place before it (same process, same
	 * memory: program order is what a successor sees), nothing is visible before it. */
	fos_killpoint("txn.commit");
	fos_release64(&t->log->committed, t->log->applied + 1);
	fos_killpoint("txn.committed");
	apply_redo(t);
	finish(t);
}
