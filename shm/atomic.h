/* shm/atomic.h - the only place that spells memory orders
 *
 * Shared words are plain integers in layout.h (the layout must not depend on _Atomic's
 * representation); they are accessed through these helpers and nothing else.
 */
#ifndef FOS_SHM_ATOMIC_H
#define FOS_SHM_ATOMIC_H

#include <stdint.h>

/* acquire load; pairs with fos_release_* of the word's writer */
static inline uint64_t fos_acquire64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline uint32_t fos_acquire32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* release store; everything written before it is visible to who acquires the word */
static inline void fos_release64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void fos_release32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint64_t fos_relaxed64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t fos_relaxed32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void fos_relaxed_store64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void fos_relaxed_store32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* Loads before it stay before loads after it: the second half of a read that is checked by
 * reading its version word again. */
static inline void fos_fence_acquire(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void fos_fence_release(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Full fence of the doorbell protocol (Dekker): sleeper stores `sleeping` then looks at the
 * rings, producer stores the ring then looks at `sleeping`; each needs its store visible before
 * its load.  shm/models/doorbell.pml loses a wake-up without either. */
static inline void fos_fence_seq(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Keeps the compiler from moving stores across it: orders a process's writes to its own region
 * as its successor finds them after SIGKILL (same memory, no other observer). */
static inline void fos_barrier_compiler(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
