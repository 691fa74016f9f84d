/* shm/ring.h - SPSC descriptor ring over two regions
 *
 *   producer:  p = fos_ring_slot(r, i) ... i < fos_ring_room(r);  fos_ring_commit(r, n)
 *   consumer:  n = fos_ring_peek(r);  p = fos_ring_at(r, i), i < n;  fos_ring_release(r, n)
 *
 * commit and release may instead be deferred to a transaction (shm/txn.h): take the word and the
 * value from fos_ring_tail_word()/`next` and store them with fos_txn_publish64().
 *
 * Producer dies: slots past the tail were never published; its successor starts from the tail.
 * Consumer dies: its successor starts from the head, so each slot is seen at least once and the
 * head moves only after what it caused is visible.
 * A ring whose indices are not in order (0 <= tail - head <= size) was damaged by its writer: the
 * reader treats it as empty and counts it (fos_ring_peek returns 0, `broken` is set).
 * Checked with both sides dying before every step by shm/models/ring.pml.
 */
#ifndef FOS_SHM_RING_H
#define FOS_SHM_RING_H

#include <stdbool.h>

#include "shm/atomic.h"
#include "shm/layout.h"

/* a side's private handle; lives in the process, not in shared memory */
struct fos_ring_prod {
	struct fos_ring *ring;   /* own region, writable */
	const uint64_t *head;    /* consumer's region */
	uint64_t next;           /* first slot not yet committed by us (>= ring->tail) */
	uint64_t head_seen;      /* last head loaded: saves the consumer's cache line */
	uint64_t mask;
	uint32_t slot_size;
	uint32_t consumer;       /* proc index, for the doorbell */
	uint32_t id;             /* ring index in the directory */
	bool dirty;              /* committed since the last doorbell */
};

struct fos_ring_cons {
	const struct fos_ring *ring; /* producer's region */
	struct fos_cursor *cursor;   /* own region, writable */
	uint64_t next;               /* first slot not yet taken (>= cursor->head) */
	uint64_t mask;
	uint32_t slot_size;
	uint32_t producer;
	uint32_t id;
	uint32_t kind;
	bool broken;
};

static inline uint64_t fos_ring_bytes(uint32_t log2_nr, uint32_t slot_size)
{
	return sizeof(struct fos_ring) + ((uint64_t)slot_size << log2_nr);
}

/* Writes an empty ring's header.  Caller: creator of the region. */
void fos_ring_init(struct fos_ring *ring, uint32_t log2_nr, uint32_t slot_size);

/* Binds a handle; resumes at the published index.  Returns -EINVAL when the two indices are out
 * of order or the geometry is not what `slot_size` says. */
int fos_ring_attach_prod(struct fos_ring_prod *r, struct fos_ring *ring, const uint64_t *head,
			 uint32_t slot_size);
int fos_ring_attach_cons(struct fos_ring_cons *r, const struct fos_ring *ring,
			 struct fos_cursor *cursor, uint32_t slot_size);

/* Free slots for the producer, counting uncommitted ones as taken. */
static inline uint64_t fos_ring_room(struct fos_ring_prod *r, uint64_t want)
{
	uint64_t size = r->mask + 1;

	if (size - (r->next - r->head_seen) < want)
		/* pairs with the release of the consumer's head: the slot's reads are over */
		r->head_seen = fos_acquire64(r->head);
	if (r->next - r->head_seen > size)
		return 0; /* head beyond tail: consumer broke its word; never overwrite */
	return size - (r->next - r->head_seen);
}

/* The i-th slot after those already claimed; fill it, then fos_ring_advance. */
static inline void *fos_ring_slot(struct fos_ring_prod *r, uint64_t i)
{
	return (uint8_t *)(r->ring + 1) + ((r->next + i) & r->mask) * r->slot_size;
}

/* Claims n filled slots without publishing them (the caller publishes `next` by transaction). */
static inline void fos_ring_advance(struct fos_ring_prod *r, uint64_t n)
{
	r->next += n;
	r->dirty = true;
}

static inline uint64_t *fos_ring_tail_word(struct fos_ring_prod *r)
{
	return &r->ring->tail;
}

/* Publishes every claimed slot.  Release; pairs with the acquire in fos_ring_peek(). */
static inline void fos_ring_commit(struct fos_ring_prod *r)
{
	fos_release64(&r->ring->tail, r->next);
}

/* Slots ready for the consumer. */
static inline uint64_t fos_ring_peek(struct fos_ring_cons *r)
{
	/* pairs with the release of the tail: slots below it are filled */
	uint64_t tail = fos_acquire64(&r->ring->tail);
	uint64_t n = tail - r->next;

	if (n > r->mask + 1) {
		r->broken = true;
		return 0;
	}
	return n;
}

static inline const void *fos_ring_at(const struct fos_ring_cons *r, uint64_t i)
{
	return (const uint8_t *)(r->ring + 1) + ((r->next + i) & r->mask) * r->slot_size;
}

/* Takes n slots without giving them back (the head is published by transaction). */
static inline void fos_ring_take(struct fos_ring_cons *r, uint64_t n)
{
	r->next += n;
}

/* Gives back every taken slot.  Release; pairs with the acquire in fos_ring_room(): our reads of
 * the slots are done, and all that they caused is visible. */
static inline void fos_ring_release(struct fos_ring_cons *r)
{
	fos_release64(&r->cursor->head, r->next);
}

#endif
