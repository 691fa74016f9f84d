/* egress/order.h - numbers in ascending order, the first of equal ones first
 *
 * Pure.  The numbers of a capture's batch lie close together, or are ascending already: sorting by
 * digits costs a few instructions each, comparing them in pairs took a tenth of what egress did for a
 * packet.
 */
#ifndef FOS_EGRESS_ORDER_H
#define FOS_EGRESS_ORDER_H

#include <stdint.h>

/* Indices of key[0..nr) in ascending order of the keys, in `place` or in `spare` (each has room for nr):
 * returned is the one of both.  Neither may overlap key[]. */
const uint32_t *fos_order(const uint64_t *key, uint32_t nr, uint32_t *place, uint32_t *spare);

#endif
