/* egress/edited.h - flows with edits must not pass unprocessed while the box is down
 *
 * Before the first edited byte of a connection leaves, its tuples enter a map that the XDP program
 * reads; they are taken out when the connection is finished.
 */
#ifndef FOS_EGRESS_EDITED_H
#define FOS_EGRESS_EDITED_H

#include "egress/egress.h"

void fos_edited_mark(struct fos_egress *e, uint32_t flow);
void fos_edited_unmark(struct fos_egress *e, uint32_t flow);

#endif
