/* egress/before.h - bytes before the start of a connection that was taken up in the middle
 *
 * The box has not seen them, so nothing was edited there and both ends number them alike.  They pass, but
 * for what reaches into the stream; what they acknowledge is translated like everything else.
 */
#ifndef FOS_EGRESS_BEFORE_H
#define FOS_EGRESS_BEFORE_H

#include "egress/egress.h"

/* FOS_DESC_BEFORE: the first d->len payload bytes of the packet leave. */
void fos_before_send(struct fos_egress *e, const struct fos_desc *d);

#endif
