/* shm/hash.h - keyed hash of short keys (SipHash-1-3)
 *
 * Pure; any process.  The key is drawn at random once by the keeper and lies in the directory
 * region, so that nobody outside can choose addresses that meet in one lane or one bucket.
 */
#ifndef FOS_SHM_HASH_H
#define FOS_SHM_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 of `len` bytes at `p`. */
uint64_t fos_hash_sip13(const uint64_t key[2], const void *p, size_t len);

/* The same for both orders of two addresses of `len` bytes each (4 or 16): lane choice. */
uint32_t fos_hash_addrs(const uint64_t key[2], const void *a, const void *b, size_t len);

#endif
