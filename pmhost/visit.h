/* pmhost/visit.h - looking at one flow: gate, data, close, deadlines */
#ifndef FOS_PMHOST_VISIT_H
#define FOS_PMHOST_VISIT_H

#include "pmhost/host.h"

/* Does what there is to do on a flow, until nothing is left; hints whom it concerns.  Returns
 * whether anything was committed.  Any index is allowed: what is not ours is left alone. */
bool fos_visit(struct fos_instance *pm, uint32_t flow);

/* A step of looking at every live flow, and at flows that ended while we were away, if there is one under
 * way or wanted (pm->walk): a successor finds out first which edit records are free.  A capture does not
 * move on while there is work, so it is one step there.  Returns whether anything was done. */
uint32_t fos_visit_step(struct fos_instance *pm);

/* A deadline has come: on_timer, or the end of a hold. */
bool fos_visit_due(struct fos_instance *pm, const struct fos_deadline *due);

/* Is the flow live and ours?  Notices that the slot has changed hands. */
bool fos_visit_known(struct fos_instance *pm, uint32_t flow, uint32_t *gen);

/* Calls a handler of the module (in: enum fos_handler) on the flow that the window is turned to. */
void fos_visit_call(struct fos_instance *pm, int in, void (*hook)(struct fos_window *));

/* The flow is visited again soon, whether or not there is news. */
void fos_visit_later(struct fos_instance *pm, uint32_t flow);

/* ---- for events (event_call.c) and hints */

/* Turns the window to a flow of which something is to be told; false: it is gone, not watched, or out of
 * the PM's hands. */
bool fos_visit_meet(struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* Around every handler: which flow it works on is known when it never returns. */
void fos_visit_enter(struct fos_instance *pm, enum fos_handler in);
void fos_visit_leave(struct fos_instance *pm);

/* Bytes of the window's flow as far as they may be shown now. */
bool fos_visit_data(struct fos_window *w);
bool fos_visit_stopped(const struct fos_window *w);
bool fos_visit_end_hold(struct fos_window *w, uint64_t old_head);

/* After a handler's commit: limits of the hold, timers, hints. */
void fos_visit_after(struct fos_window *w);
void fos_visit_hint(struct fos_instance *pm);

/* Have the gates of all stages before this one opened for the flow? */
bool fos_visit_earlier_opened(const struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* Visits the flow again if an event kept bytes, or its end, from being seen. */
void fos_visit_cut(struct fos_instance *pm, uint32_t flow);

#endif
