/* classifier/gate.h - what must happen before a connection's first packet goes on
 *
 * PMs with an on_open handler see the forward flow before its first packet is delivered, stage by
 * stage; until each has opened, all packets of the connection wait.  What they rewrite in the
 * tuple is known then, so the answers' tuple can be registered.
 */
#ifndef FOS_CLASSIFIER_GATE_H
#define FOS_CLASSIFIER_GATE_H

#include "classifier/batch.h"

/* Tells the PMs whose turn it is.  True once the gate is open. */
bool fos_gate_check(struct fos_classifier *c, uint32_t conn);

/* Files the reverse flow under the tuple that answers to the rewritten packets will carry. */
void fos_gate_register_reverse(struct fos_classifier *c, uint32_t conn);

/* What its PMs have decided about a flow's connection: the worst of enum fos_verdict. */
uint32_t fos_gate_verdict(const struct fos_classifier *c, uint32_t flow, uint32_t gen);

/* Head that egress imposes on a PM for a flow; 0 = none. */
uint64_t fos_gate_forced(const struct fos_classifier *c, uint32_t pm, uint32_t flow, uint32_t gen);

#endif
