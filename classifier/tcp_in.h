/* classifier/tcp_in.h - segments of connections whose payload PMs read
 *
 * A receiver's half of TCP without its answers: judges a segment (tcp_state.h), places its bytes
 * (reassembly.h), and tells egress what it must know to speak for both ends: acknowledgements,
 * segments without payload, retransmissions, holes.
 */
#ifndef FOS_CLASSIFIER_TCP_IN_H
#define FOS_CLASSIFIER_TCP_IN_H

#include "classifier/batch.h"

/* A sound segment of a flow with FOS_FLOW_TCP and FOS_FLOW_APP that has passed the packet
 * stages. */
void fos_tcp_input(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt);

#endif
