/* pmhost/commit.h - the one way in which anything a PM did becomes real */
#ifndef FOS_PMHOST_COMMIT_H
#define FOS_PMHOST_COMMIT_H

#include "pmhost/pm.h"

struct fos_pm_pub;

/* Commits everything staged, the window's head moving to `head` (FOS_POS_MAX: bypassed).
 * FOS_AGAIN and nothing changed when a message ring or the pool of edit records has no room. */
int fos_commit_window(struct fos_window *w, uint64_t head, uint16_t set_flags);

/* The same without a flow: after init and on_message. */
int fos_commit_pm(struct fos_instance *pm);

/* The host's own release after a limit: what the handler staged is dropped, bytes go unedited. */
void fos_commit_forced(struct fos_window *w, uint64_t head);

/* Publishes only that edit records are no longer kept, and takes them back. */
void fos_commit_collect(struct fos_window *w);

/* Forgets what a handler staged and did not release. */
void fos_commit_discard(struct fos_instance *pm);

/* Loads the private copy of the PM-wide state from its valid slot. */
void fos_state_load(struct fos_instance *pm);

/* Fills the shadow slot of a flow and queues its turn in the transaction under way. */
void fos_commit_pub(struct fos_instance *pm, uint32_t flow, const struct fos_pm_pub *pub);

#endif
