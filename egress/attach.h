/* egress/attach.h - where everything lies in the region, and what lives in the process only */
#ifndef FOS_EGRESS_ATTACH_H
#define FOS_EGRESS_ATTACH_H

#include "egress/egress.h"

/* Binds the region and its rings; rolls the predecessor's last batch forward or back; on the first
 * start fills in the tables.  -EPROTO after one fos_log line: the region is damaged. */
int fos_attach(struct fos_egress *e);

/* Lists that are rebuilt at every start.  -ENOMEM after one fos_log line. */
int fos_attach_lists(struct fos_egress *e);
void fos_attach_free(struct fos_egress *e);

#endif
