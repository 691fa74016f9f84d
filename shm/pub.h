/* shm/pub.h - what a PM has published of a flow: its two records in shared memory, and both in one struct
 *
 * A record is one cache line for every flow (struct fos_pm_flow); what edits add lies in a second one
 * (struct fos_pm_edited) that nobody looks at while the flow is not edited.  Both have two slots, and
 * the version of the first says which of them count: one store turns both.
 */
#ifndef FOS_SHM_PUB_H
#define FOS_SHM_PUB_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shm/layout.h"

/* struct fos_pm_pub - in private memory: the fields of struct fos_pm_slot, then those of struct
 * fos_pm_edited_slot, where they are described.  out_head is head, and the rest 0, of a flow that is not
 * edited; flags are without FOS_PM_EDITED. */
struct fos_pm_pub {
	uint32_t gen;
	uint8_t verdict;
	uint8_t ctx;
	uint16_t flags;
	uint64_t head;
	uint32_t events;
	uint32_t seen;
	uint64_t out_head;
	uint32_t edit_first;
	uint32_t edits;
	uint32_t edits_freed;
	uint32_t edit_last;
};
#define FOS_PUB_EDITED offsetof(struct fos_pm_pub, out_head)
_Static_assert(FOS_PUB_EDITED == sizeof(struct fos_pm_slot) &&
		       offsetof(struct fos_pm_pub, flags) == offsetof(struct fos_pm_slot, flags) &&
		       offsetof(struct fos_pm_pub, head) == offsetof(struct fos_pm_slot, head) &&
		       offsetof(struct fos_pm_pub, seen) == offsetof(struct fos_pm_slot, seen) &&
		       sizeof(struct fos_pm_pub) ==
			       FOS_PUB_EDITED + sizeof(struct fos_pm_edited_slot) &&
		       offsetof(struct fos_pm_pub, edits) ==
			       FOS_PUB_EDITED + offsetof(struct fos_pm_edited_slot, edits) &&
		       offsetof(struct fos_pm_pub, edit_last) ==
			       FOS_PUB_EDITED + offsetof(struct fos_pm_edited_slot, edit_last),
	       "one slot, then the other");

/* Copies the slot of version `ver`.  `e` = the PM's second record of the flow, NULL: it may not edit.
 * Who reads another process's records compares `ver` before and after (fos_box_pub_own). */
static inline void fos_pub_read(const struct fos_pm_flow *f, const struct fos_pm_edited *e,
				uint32_t ver, struct fos_pm_pub *out)
{
	memcpy(out, &f->slot[ver & 1u], FOS_PUB_EDITED);
	if (e && out->flags & FOS_PM_EDITED) {
		memcpy((uint8_t *)out + FOS_PUB_EDITED, &e->slot[ver & 1u],
		       sizeof(*out) - FOS_PUB_EDITED);
	} else {
		memset((uint8_t *)out + FOS_PUB_EDITED, 0, sizeof(*out) - FOS_PUB_EDITED);
		out->out_head = out->head;
	}
	out->flags &= (uint16_t)~FOS_PM_EDITED;
}

/* Fills the slot of version `ver`, which must not be the valid one; the caller publishes `ver`.  Own
 * region.  Edits of a PM that may not edit are our own bug. */
static inline void fos_pub_write(struct fos_pm_flow *f, struct fos_pm_edited *e, uint32_t ver,
				 const struct fos_pm_pub *pub)
{
	struct fos_pm_slot *s = &f->slot[ver & 1u];

	memcpy(s, pub, sizeof(*s));
	if (pub->edits == 0 && pub->edits_freed == 0 && pub->out_head == pub->head)
		return;
	if (!e)
		abort();
	s->flags |= FOS_PM_EDITED;
	memcpy(&e->slot[ver & 1u], (const uint8_t *)pub + FOS_PUB_EDITED,
	       sizeof(*pub) - FOS_PUB_EDITED);
}

#endif
