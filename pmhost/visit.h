/* pmhost/visit.h - looking at one flow: gate, data, close, deadlines */
#ifndef FOS_PMHOST_VISIT_H
#define FOS_PMHOST_VISIT_H

#include <stdbool.h>
#include <stdint.h>

struct fos_instance;
struct fos_deadline;

/* Does what there is to do on a flow, until nothing is left; hints whom it concerns.  Returns
 * whether anything was committed.  Any index is allowed: what is not ours is left alone. */
bool fos_visit(struct fos_instance *pm, uint32_t flow);

/* Every live flow, and flows that ended while we were away. */
void fos_visit_all(struct fos_instance *pm);

/* A deadline has come: on_timer, or the end of a hold. */
bool fos_visit_due(struct fos_instance *pm, const struct fos_deadline *due);

#endif
