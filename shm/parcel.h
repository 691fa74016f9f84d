/* shm/parcel.h - packets of a PM's own: may it be sent?
 *
 * A module gives a whole IP packet that belongs to a flow of its window: the flow's 5-tuple one way or
 * the other, or ICMP between its two ends.  The PM's host asks to tell its author at once; egress asks
 * again, of its copy, because what lies in a ring is whatever another process has put there.
 */
#ifndef FOS_SHM_PARCEL_H
#define FOS_SHM_PARCEL_H

#include <stdbool.h>

#include "shm/layout.h"

enum fos_parcel_why {
	FOS_PARCEL_OK = 0,
	FOS_PARCEL_MALFORMED, /* no whole packet of the version that the flow has, or a part of one */
	FOS_PARCEL_FOREIGN,   /* addresses, ports or protocol are not the flow's */
	FOS_PARCEL_GUARDED,   /* bytes or flags for a TCP connection whose bytes the box follows */
	FOS_PARCEL_BARE       /* an acknowledgement and no more, for such a one: the box writes its own */
};

/* Looks at the len bytes at ip, which nobody else may be changing. */
enum fos_parcel_why fos_parcel_check(const struct fos_flow *f, bool back, const uint8_t *ip,
				     uint32_t len);

/* Of one that is OK: where its transport header begins, and the protocol of that. */
uint32_t fos_parcel_l4(const uint8_t *ip, uint8_t *proto);

#endif
