/* shm/bytes.h - numbers as packets have them: most significant byte first, at any address
 *
 * Pure functions; any process, any thread.  The caller answers for the bytes being there.
 */
#ifndef FOS_SHM_BYTES_H
#define FOS_SHM_BYTES_H

#include <stdint.h>

static inline uint16_t fos_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t fos_get32(const uint8_t *p)
{
	return (uint32_t)fos_get16(p) << 16 | fos_get16(p + 2);
}

/* The low 16 bits of `v`. */
static inline void fos_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void fos_put32(uint8_t *p, uint32_t v)
{
	fos_put16(p, v >> 16);
	fos_put16(p + 2, v);
}

#endif
