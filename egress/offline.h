/* egress/offline.h - a capture as input: nothing leaves before its batch is whole
 *
 * Descriptors are taken from the ring at once (ingress waits for empty rings) and kept in the
 * region; when ingress bumps `flush`, everything upstream rests, so that what is found then does
 * not depend on how the processes were scheduled.  It is worked off in the order of input frames.
 */
#ifndef FOS_EGRESS_OFFLINE_H
#define FOS_EGRESS_OFFLINE_H

#include "egress/egress.h"
#include "egress/header.h"

struct fos_offline;

/* NULL: no memory. */
struct fos_offline *fos_offline_new(const struct fos_dir *dir);
void fos_offline_free(struct fos_offline *o);

/* A segment that was built or retained leaves when its frame number is reached. */
void fos_offline_defer(struct fos_egress *e, uint32_t flow, uint32_t frame);

/* The bytes of a packet of this direction have been passed: what the box makes from now on
 * acknowledges what it did.  The flow's records, to be changed. */
void fos_offline_passed(struct fos_tcb_file *x, struct fos_tcb *t, const struct fos_header *h);

/* What the packet in s's frame acknowledges and offers, as it came. */
void fos_offline_read(struct fos_seg *s, const struct fos_header *h);

/* Keeps a descriptor for the flush; false: the stash is full, work it off first. */
bool fos_offline_stash(struct fos_egress *e, const struct fos_desc *d);

/* Works everything off.  Returns how much. */
uint32_t fos_offline_work(struct fos_egress *e);

#endif
