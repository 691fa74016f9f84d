/* shm/txn.h - a process's transaction log: one store commits
 *
 * A stage works in batches.  Inside a batch it changes two kinds of words of its own region:
 *   private words (read by nobody else): saved to the undo log first, then changed in place;
 *   published words (tails, heads, versions): queued in the redo list, stored at commit.
 * fos_txn_commit() stores `committed` (THE commit), then each published word with release order,
 * then `applied`.  Killed before `committed`: the successor restores the saved private words and
 * nothing was published.  Killed after: the successor stores the redo values again (absolute, own
 * region, idempotent).  New memory that no published word reaches yet needs neither.
 *
 * Checked with a death before every step by shm/models/txn.pml.
 *
 * Caller: the region's owner, single-threaded.  Nothing here blocks or allocates.
 */
#ifndef FOS_SHM_TXN_H
#define FOS_SHM_TXN_H

#include <stdbool.h>

#include "shm/atomic.h"
#include "shm/layout.h"

struct fos_txn {
	struct fos_txn_log *log;
	uint8_t *base; /* of the owner's region */
	uint64_t size;
};

/* Binds the log and recovers from a predecessor's death: rolls a committed batch forward or an
 * uncommitted one back.  Returns 1 = rolled forward, 2 = rolled back, 0 = nothing to do, -EINVAL =
 * the log is not plausible (region must be rebuilt). */
int fos_txn_attach(struct fos_txn *t, struct fos_txn_log *log, void *base, uint64_t size);

/* Room for that many more redo entries and undo bytes?  A stage ends its batch when there is
 * not; saving or publishing without room aborts (our own bug). */
bool fos_txn_room(const struct fos_txn *t, uint32_t redo, uint32_t undo_bytes);

/* Keeps the current n bytes at p (own region, private words) for the case of death before commit.
 * n <= 4096.  Call before the first change of the batch; saving twice is harmless. */
void fos_txn_save(struct fos_txn *t, const void *p, uint32_t n);

/* Queues a store of a published word of the own region; later entries win. */
void fos_txn_publish64(struct fos_txn *t, uint64_t *p, uint64_t v);
void fos_txn_publish32(struct fos_txn *t, uint32_t *p, uint32_t v);

/* Commits: makes all queued stores visible (release, in the order queued) and forgets the undo
 * log.  Cheap when the batch is empty. */
void fos_txn_commit(struct fos_txn *t);

#endif
