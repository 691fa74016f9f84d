/* egress/parcel.h - packets that PMs send of their own (pmhost/pm_packet.h)
 *
 * They come in a ring of each PM that may, whose contents are checked as if nobody had: copied, and only
 * then looked at.  What is not a packet of the flow that it names goes nowhere, and is counted.
 */
#ifndef FOS_EGRESS_PARCEL_H
#define FOS_EGRESS_PARCEL_H

#include "egress/egress.h"

/* Finds the rings; at attach. */
void fos_parcel_attach(struct fos_egress *e);

/* Takes what lies in the rings, a bounded number of each; returns how many.  Within a batch: they leave
 * with it. */
uint32_t fos_parcel_work(struct fos_egress *e);

/* Queues the rings' heads in the transaction: what was taken is used up with the commit. */
void fos_parcel_publish(struct fos_egress *e);

#endif
