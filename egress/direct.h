/* egress/direct.h - descriptors from the classifier */
#ifndef FOS_EGRESS_DIRECT_H
#define FOS_EGRESS_DIRECT_H

#include "egress/egress.h"

/* Is there room to carry this descriptor out now (ports, frames, transaction)? */
bool fos_direct_room(struct fos_egress *e, const struct fos_desc *d);

/* Offline: takes in what a handshake says before the same batch's bytes are made into segments. */
void fos_direct_learn(struct fos_egress *e, const struct fos_desc *d);

/* Carries one descriptor out; everything in it is checked. */
void fos_direct_do(struct fos_egress *e, const struct fos_desc *d);

/* The box is about to stop: connections whose bytes were edited are reset at both ends, for the ends
 * do not agree on their numbers without us.  Everything else lives on past the box. */
void fos_direct_stop(struct fos_egress *e);

#endif
