/* classifier/deliver.h - packet streams, the gate, and what follows the packet stages */
#ifndef FOS_CLASSIFIER_DELIVER_H
#define FOS_CLASSIFIER_DELIVER_H

#include "classifier/batch.h"

/* A packet has found its flow: it waits in the packet stream, or is delivered. */
void fos_deliver_packet(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt);

/* Delivers what waits and may go.  False: room ran out, call again in the next batch. */
bool fos_deliver_waiting(struct fos_classifier *c, uint32_t flow);

/* The PMs of the first app stage that watches the flow, or egress, are to look at it after the commit. */
void fos_deliver_hint_app(struct fos_classifier *c, uint32_t flow);

/* Which these are: hints them.  Caller: the commit. */
void fos_deliver_choose(struct fos_classifier *c, uint32_t flow);

/* Does some PM of the flow's pipeline wait for packets of this direction? */
bool fos_deliver_has_packet_stage(const struct fos_classifier *c, uint32_t flow);

#endif
