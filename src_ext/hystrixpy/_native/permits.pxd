"""Counting permits: one word, one compare-and-swap, never a wait."""

from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_iadd, hx_icas, hx_iload


cdef inline bint permit_try(int64_t *in_use, int64_t limit) noexcept nogil:
    """Take a permit; 0 when `limit` of them are taken. The limit may change between calls."""
    cdef int64_t seen = hx_iload(in_use)
    while seen < limit:
        if hx_icas(in_use, &seen, seen + 1):
            return True
    return False


cdef inline void permit_give(int64_t *in_use) noexcept nogil:
    """Give back a permit that was taken; never more than once per permit_try."""
    hx_iadd(in_use, -1)


cdef class Semaphore:
    cdef int64_t taken
    cdef int64_t _limit
