/* pmhost/visit.h - looking at one flow: gate, data, close, deadlines */
#ifndef FOS_PMHOST_VISIT_H
#define FOS_PMHOST_VISIT_H

#include <stdbool.h>
#include <stdint.h>

struct fos_instance;
struct fos_deadline;
struct fos_window;

/* Does what there is to do on a flow, until nothing is left; hints whom it concerns.  Returns
 * whether anything was committed.  Any index is allowed: what is not ours is left alone. */
bool fos_visit(struct fos_instance *pm, uint32_t flow);

/* Every live flow, and flows that ended while we were away. */
void fos_visit_all(struct fos_instance *pm);

/* A deadline has come: on_timer, or the end of a hold. */
bool fos_visit_due(struct fos_instance *pm, const struct fos_deadline *due);

/* Calls a handler of the module (in: enum fos_handler) on the flow that the window is turned to. */
void fos_visit_call(struct fos_instance *pm, int in, void (*hook)(struct fos_window *));

/* The flow is visited again soon, whether or not there is news. */
void fos_visit_later(struct fos_instance *pm, uint32_t flow);

#endif
