/* pmhost/fault.h - last words of a host whose module did something deadly */
#ifndef FOS_PMHOST_FAULT_H
#define FOS_PMHOST_FAULT_H

struct fos_instance;

/* From now on a deadly signal of the process's own making (a wild access, abort(), ...), and an exit()
 * inside a handler, is noted in the region before the process ends.  Real processes only. */
void fos_fault_watch(struct fos_instance *pm);

/* Before the instance is freed: an exit() after that is no handler's. */
void fos_fault_end(const struct fos_instance *pm);

#endif
