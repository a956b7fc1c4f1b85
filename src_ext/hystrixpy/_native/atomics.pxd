"""Cython's view of atomics.h. None of these can fail or needs the GIL."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef extern from "atomics.h" nogil:
    uint64_t hx_load(const uint64_t *p) noexcept
    uint64_t hx_load_acquire(const uint64_t *p) noexcept
    void hx_store(uint64_t *p, uint64_t v) noexcept
    void hx_store_release(uint64_t *p, uint64_t v) noexcept
    uint64_t hx_add(uint64_t *p, uint64_t v) noexcept
    uint64_t hx_sub(uint64_t *p, uint64_t v) noexcept
    int hx_cas(uint64_t *p, uint64_t *expected, uint64_t desired) noexcept
    int64_t hx_iload(const int64_t *p) noexcept
    void hx_istore(int64_t *p, int64_t v) noexcept
    int64_t hx_iadd(int64_t *p, int64_t v) noexcept
    int hx_icas(int64_t *p, int64_t *expected, int64_t desired) noexcept
    int64_t hx_iswap(int64_t *p, int64_t v) noexcept
    uint8_t hx_bload(const uint8_t *p) noexcept
    void hx_bstore(uint8_t *p, uint8_t v) noexcept
    uint8_t hx_bswap(uint8_t *p, uint8_t v) noexcept
    int hx_bcas(uint8_t *p, uint8_t *expected, uint8_t desired) noexcept
    void *hx_pload(void *const *p) noexcept
    void hx_pstore(void **p, void *v) noexcept
    void *hx_pswap(void **p, void *v) noexcept
    int hx_pcas(void **p, void **expected, void *desired) noexcept
    void hx_pause() noexcept
