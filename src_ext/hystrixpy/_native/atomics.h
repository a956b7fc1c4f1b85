/* C11-model atomics on plain 64- and 32-bit words, as the compiler's builtins give them.
 *
 * Plain integers rather than _Atomic types, so that the same words can be declared in Cython structs
 * and, one day, live in memory shared by several processes. "relaxed" is enough for counts; the words
 * that hand something over from one thread to another use acquire and release.
 */
#ifndef HYSTRIXPY_ATOMICS_H
#define HYSTRIXPY_ATOMICS_H

#include <stdint.h>

static inline uint64_t hx_load(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint64_t hx_load_acquire(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void hx_store(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void hx_store_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint64_t hx_add(uint64_t *p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline uint64_t hx_sub(uint64_t *p, uint64_t v) { return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED); }

/* Compare-and-swap: 1 if *p was *expected and is now desired; otherwise 0 and *expected is what was there. */
static inline int hx_cas(uint64_t *p, uint64_t *expected, uint64_t desired) {
    return __atomic_compare_exchange_n(p, expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline int64_t hx_iload(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void hx_istore(int64_t *p, int64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline int64_t hx_iadd(int64_t *p, int64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
static inline int hx_icas(int64_t *p, int64_t *expected, int64_t desired) {
    return __atomic_compare_exchange_n(p, expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static inline int64_t hx_iswap(int64_t *p, int64_t v) { return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL); }

/* The same for flags of a byte. */
static inline uint8_t hx_bload(const uint8_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void hx_bstore(uint8_t *p, uint8_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint8_t hx_bswap(uint8_t *p, uint8_t v) { return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL); }
static inline int hx_bcas(uint8_t *p, uint8_t *expected, uint8_t desired) {
    return __atomic_compare_exchange_n(p, expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline void *hx_pload(void *const *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void hx_pstore(void **p, void *v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void *hx_pswap(void **p, void *v) { return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL); }
static inline int hx_pcas(void **p, void **expected, void *desired) {
    return __atomic_compare_exchange_n(p, expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* What a spinning thread does between two looks: tells the core so, and costs no power to speak of. */
static inline void hx_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
