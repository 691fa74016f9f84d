/* salvage.h - what a killed supervisor and a killed keeper held */
#ifndef FOS_DEPLOY_CTL_SALVAGE_H
#define FOS_DEPLOY_CTL_SALVAGE_H

#include "deploy/ctl/super.h"

/* No keeper answers at `socket`: copies the descriptors of the box from one of its stages into the
 * store.  1 = a keeper started with them goes on; 0 = there is no such box, or what was left of it has
 * been ended; -EBUSY = it is the box of another file; reported. */
int fos_salvage(struct fos_super *s, const char *socket, const char *file);

#endif
