/* shm/csum.h - the Internet checksum: sums, whole checksums, incremental updates
 *
 * Pure functions; any process, any thread.  A checksum is handled here "as stored": a uint16_t
 * whose bytes in memory are those of the header field, so it is copied to and from a packet with
 * memcpy and never byte-swapped.  A *sum* is a 64-bit accumulator that one adds to and folds at
 * the end; it cannot overflow before 2^32 bytes have been added.
 */
#ifndef FOS_SHM_CSUM_H
#define FOS_SHM_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Add `len` bytes at `p` to `sum`.  The bytes start at an even offset of what is summed; an odd
 * `len` is padded with a zero byte, so only the last part may be odd. */
uint64_t fos_csum_add(uint64_t sum, const void *p, size_t len);

/* As fos_csum_add() for a part that starts at byte `pos` of what is summed; parts of any length
 * may follow each other (a segment gathered from pieces). */
uint64_t fos_csum_add_at(uint64_t sum, const void *p, size_t len, size_t pos);

/* Fold to 16 bits; not complemented. */
uint16_t fos_csum_fold(uint64_t sum);

/* The pseudo header's sum.  Addresses in network order, `len` in bytes. */
uint64_t fos_csum_pseudo4(const void *src, const void *dst, uint8_t proto, uint16_t len);
uint64_t fos_csum_pseudo6(const void *src, const void *dst, uint8_t proto, uint32_t len);

/* ~fold(pseudo + bytes): 0 where the bytes contain a right checksum; the value to store where
 * the checksum field in the bytes is zero. */
uint16_t fos_csum_finish(uint64_t pseudo, const void *p, size_t len);

/* Is the IPv4 header of `hlen` bytes intact? */
bool fos_csum_ipv4_ok(const void *hdr, size_t hlen);

/* Compute and store the IPv4 header checksum. */
void fos_csum_ipv4_set(void *hdr, size_t hlen);

/* Compute and store the transport checksum of `l4` (`len` bytes: header and payload); the place of
 * the field follows from `proto` (TCP, UDP, else ICMP or ICMPv6).  A UDP result of 0 is stored as
 * 0xffff.  `pseudo` is 0 for ICMP over IPv4.  Does nothing where the field is not within `len`. */
void fos_csum_transport_set(uint64_t pseudo, uint8_t proto, void *l4, size_t len);

/* RFC 1624 equation 3: the checksum after a field changed from `was` to `now` (all as stored).
 * The old checksum must be a whole one, not a partial one (FOS_CSUM_PARTIAL). */
uint16_t fos_csum_update16(uint16_t csum, uint16_t was, uint16_t now);
uint16_t fos_csum_update32(uint16_t csum, uint32_t was, uint32_t now);

/* The same for `len` bytes, even, at an even offset: 4 for an IPv4 address, 16 for IPv6. */
uint16_t fos_csum_update(uint16_t csum, const void *was, const void *now, size_t len);

#endif
