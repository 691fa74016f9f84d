/* shm/ring.c - creating and attaching SPSC rings; the hot path is inline in ring.h */
#include "shm/ring.h"

#include <errno.h>
#include <string.h>

void fos_ring_init(struct fos_ring *ring, uint32_t log2_nr, uint32_t slot_size)
{
	memset(ring, 0, sizeof(*ring));
	ring->log2_nr = log2_nr;
	ring->slot_size = slot_size;
}

static bool indices_ok(uint64_t tail, uint64_t head, uint64_t mask)
{
	return tail - head <= mask + 1;
}

int fos_ring_attach_prod(struct fos_ring_prod *r, struct fos_ring *ring, const uint64_t *head,
			 uint32_t slot_size)
{
	memset(r, 0, sizeof(*r));
	if (ring->slot_size != slot_size || ring->log2_nr > 31)
		return -EINVAL;
	r->ring = ring;
	r->head = head;
	r->mask = (1ull << ring->log2_nr) - 1;
	r->slot_size = slot_size;
	r->next = ring->tail;
	r->head_seen = fos_acquire64(head);
	return indices_ok(r->next, r->head_seen, r->mask) ? 0 : -EINVAL;
}

int fos_ring_attach_cons(struct fos_ring_cons *r, const struct fos_ring *ring,
			 struct fos_cursor *cursor, uint32_t slot_size)
{
	memset(r, 0, sizeof(*r));
	if (ring->slot_size != slot_size || ring->log2_nr > 31)
		return -EINVAL;
	r->ring = ring;
	r->cursor = cursor;
	r->mask = (1ull << ring->log2_nr) - 1;
	r->slot_size = slot_size;
	r->next = cursor->head;
	return indices_ok(fos_acquire64(&ring->tail), r->next, r->mask) ? 0 : -EINVAL;
}
