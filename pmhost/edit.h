/* pmhost/edit.h - edits: staged in private memory, then committed as records of the region
 *
 * A staged edit deletes `del` bytes at pos and puts `ins` bytes in their place; the list ascends
 * and does not overlap.  A commit turns those below the new head into records (struct fos_edit,
 * at most FOS_INSERT_MAX inserted bytes each) taken from the pool.  Records are constant once
 * committed; they come back when egress has published that it is past them.
 */
#ifndef FOS_PMHOST_EDIT_H
#define FOS_PMHOST_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/box.h"

struct fos_instance;
struct fos_window;

struct fos_staged_edit {
	uint64_t pos;
	uint64_t del;
	uint32_t ins;
	uint32_t off; /* of the inserted bytes in the list's buffer */
	uint16_t reason;
	bool paired; /* overwrite: byte n of ins stands for byte n of del; may be cut anywhere */
};

struct fos_staged_edits {
	struct fos_staged_edit *e;
	uint32_t nr;
	uint8_t *bytes;
	uint32_t nr_bytes;
	uint32_t cap, cap_bytes;
};

/* Free records, first in first out: a record is reused as late as possible, because a reader may
 * still be looking at an old copy of a published slot. */
struct fos_edit_pool {
	struct fos_edit *rec;
	uint8_t *inserts;
	uint32_t nr;
	uint32_t *ring;
	uint64_t head, tail; /* free ones: tail - head */
	bool known; /* which are free has been found out; none is before that */
	uint8_t *used; /* while that is found out: which are not, and the connection to look at next */
	uint32_t next;
};

/* Room for `cap` edits that insert cap_bytes in all; aborts when memory is out. */
void fos_edits_init(struct fos_staged_edits *s, uint32_t cap, uint32_t cap_bytes);
void fos_edits_fini(struct fos_staged_edits *s);
static inline void fos_edits_clear(struct fos_staged_edits *s)
{
	s->nr = 0;
	s->nr_bytes = 0;
}

/* Stages; 0, FOS_EINVAL (overlap) or FOS_EFULL.  The caller has checked the window's bounds.  Of the
 * e->ins inserted bytes the first n are those at data, the others have the value `fill`. */
int fos_edits_stage(struct fos_staged_edits *s, const struct fos_staged_edit *e, const void *data,
		    size_t n, int fill);

/* The part of a staged edit that a release at `head` commits; false: none of it. */
bool fos_edits_part(const struct fos_staged_edit *e, uint64_t head, struct fos_staged_edit *part);

/* Records that committing up to `head` takes. */
uint32_t fos_edits_records(const struct fos_staged_edits *s, uint64_t head);

/* Writes the records and links them behind those of pub; pub->edits, edit_first, edit_last and
 * *delta (output minus input position) move on.  The pool must have room (fos_edits_records). */
void fos_edits_write(struct fos_instance *pm, struct fos_window *w, uint64_t head,
		     struct fos_pm_pub *pub, uint64_t *delta);

/* Forgets what was committed: edits below `head`. */
void fos_edits_passed(struct fos_staged_edits *s, uint64_t head);

/* The pool.  learn: finds out, once, which records are free, from the lists of all flows whose
 * generation is current; before that there is no room.  It looks at about `conns` connections more;
 * visits may come in between. */
void fos_edit_pool_attach(struct fos_instance *pm);
void fos_edit_pool_learn(struct fos_instance *pm, uint32_t conns);
void fos_edit_pool_detach(struct fos_instance *pm);
static inline bool fos_edit_pool_learning(const struct fos_edit_pool *pool)
{
	return pool->nr > 0 && !pool->known;
}

static inline uint32_t fos_edit_pool_room(const struct fos_edit_pool *pool)
{
	return (uint32_t)(pool->tail - pool->head);
}

/* Moves pub->edits_freed and edit_first past records that egress (packet streams: the classifier)
 * is done with; returns how many.  They stay in use until fos_edit_pool_give() after the commit. */
uint32_t fos_edit_pool_past(const struct fos_instance *pm, uint32_t flow, uint32_t gen,
			    struct fos_pm_pub *pub);
/* Gives n records back, following the list from `first`; not before a commit says so. */
void fos_edit_pool_give(struct fos_instance *pm, uint32_t first, uint32_t n);

#endif
