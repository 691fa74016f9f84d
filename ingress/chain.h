/* ingress/chain.h - a received packet that lies in several frames (AF_XDP multi-buffer) */
#ifndef FOS_INGRESS_CHAIN_H
#define FOS_INGRESS_CHAIN_H

#include <stdint.h>

#include "shm/box.h"

/* Completes the metadata of a packet in `nr` frames, whose first one's were filled by fos_parse() with
 * its own len and the whole length as orig_len; data_off and len of the others are set.  Links the
 * frames, cuts what lies behind the IP packet, and checks the checksum over all of it.  Returns how
 * many frames the packet needs (1: no chain); 0: damaged or not IP, *why = drop counter id. */
uint32_t fos_chain_complete(const struct fos_box *box, const uint32_t *frame, uint32_t nr,
			    uint32_t *why);

#endif
