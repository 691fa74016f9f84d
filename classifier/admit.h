/* classifier/admit.h - which flow a packet belongs to, and when a new one begins */
#ifndef FOS_CLASSIFIER_ADMIT_H
#define FOS_CLASSIFIER_ADMIT_H

#include "classifier/batch.h"

/* The packet's flow: found, or opened.  FOS_NONE: the packet belongs to none and has been passed
 * on or dropped. */
uint32_t fos_admit(struct fos_classifier *c, struct fos_packet *pkt,
		   const struct fos_flow_key *key);

/* The same of a packet whose addresses are those of `flow`. */
uint32_t fos_admit_known(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt);

/* The packet begins another connection with the tuple of `flow`: the old one ends, the packet goes
 * to the new one. */
void fos_admit_restart(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt);

#endif
