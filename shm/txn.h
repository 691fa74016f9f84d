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
#include <string.h>

#include "shm/atomic.h"
#include "shm/killpoint.h"
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
static inline bool fos_txn_room(const struct fos_txn *t, uint32_t redo, uint32_t undo_bytes)
{
	return t->log->nr_redo + redo <= FOS_TXN_REDO_MAX &&
	       t->log->undo_bytes + undo_bytes <= FOS_TXN_UNDO_BYTES;
}

/* One saved run in the undo log: this, then `len` bytes, padded to 8, then the entry's total size again
 * so that the log can be walked backwards. */
struct fos_txn_undo {
	uint64_t off;
	uint32_t len;
	uint32_t total;
};

static inline uint32_t fos_txn_undo_bytes(uint32_t len)
{
	return (uint32_t)sizeof(struct fos_txn_undo) + ((len + 7u) & ~7u) + 8u;
}

/* Line by line: what compilers make of a longer memcpy() is a string instruction, which takes longer to
 * begin than the few lines that are saved at a time take in all (measured: 192 bytes 17 ns, now 10). */
static inline void fos_txn_copy(uint8_t *to, const uint8_t *p, uint32_t n)
{
	for (; n >= 64; n -= 64, to += 64, p += 64)
		memcpy(to, p, 64);
	for (; n >= 8; n -= 8, to += 8, p += 8)
		memcpy(to, p, 8);
	if (n >= 4) {
		memcpy(to, p, 4);
		n -= 4, to += 4, p += 4;
	}
	for (; n > 0; n--)
		*to++ = *p++;
}

void fos_txn_abort(void) __attribute__((cold, noreturn));

/* Keeps the current n bytes at p (own region, private words) for the case of death before commit.
 * n <= 4096.  Call before the first change of the batch; saving twice is harmless.  Inline: n is a
 * constant nearly everywhere, and every packet saves ten times. */
static inline void fos_txn_save(struct fos_txn *t, const void *p, uint32_t n)
{
	struct fos_txn_log *log = t->log;
	struct fos_txn_undo h = {.off = (uint64_t)((const uint8_t *)p - t->base), .len = n};
	uint32_t at = log->undo_bytes;
	uint64_t total = fos_txn_undo_bytes(n);
	uint8_t *entry = log->undo + at;

	h.total = (uint32_t)total;
	if (n > 4096 || h.off + n > t->size || at + total > FOS_TXN_UNDO_BYTES)
		fos_txn_abort();
	memcpy(entry, &h, sizeof(h));
	fos_txn_copy(entry + sizeof(h), p, n);
	memcpy(entry + total - 8, &total, 8);
	fos_killpoint("txn.save");
	/* the entry is whole before it counts, and counts before the caller changes the words */
	fos_barrier_compiler();
	log->undo_bytes = at + (uint32_t)total;
	fos_barrier_compiler();
	fos_killpoint("txn.saved");
}

/* `off`: bit 0 set: of 4 bytes */
static inline void fos_txn_queue(struct fos_txn *t, uint64_t off, uint64_t v)
{
	struct fos_txn_log *log = t->log;
	uint32_t n = log->nr_redo;

	if (n >= FOS_TXN_REDO_MAX || (off & ~1ull) + 4 > t->size)
		fos_txn_abort();
	log->redo[n].off = off;
	log->redo[n].value = v;
	log->nr_redo = n + 1;
	fos_killpoint("txn.publish");
}

/* Queues a store of a published word of the own region; later entries win. */
static inline void fos_txn_publish64(struct fos_txn *t, uint64_t *p, uint64_t v)
{
	fos_txn_queue(t, (uint64_t)((uint8_t *)p - t->base), v);
}

static inline void fos_txn_publish32(struct fos_txn *t, uint32_t *p, uint32_t v)
{
	fos_txn_queue(t, (uint64_t)((uint8_t *)p - t->base) | 1u, v);
}

/* Commits: makes all queued stores visible (release, in the order queued) and forgets the undo
 * log.  Cheap when the batch is empty. */
void fos_txn_commit(struct fos_txn *t);

#endif
