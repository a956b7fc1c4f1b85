"""Monotonic time in integer nanoseconds; a manual clock may stand in for it in tests.

Windows, breakers and latencies read now_ns(); timeouts, queue waits, collapser delays and keep-alives
read real_ns(), which no manual clock moves. Neither can fail.
"""

from libc.stdint cimport int64_t

cpdef int64_t now_ns() noexcept nogil    # manual time while a manual clock is on; never goes back when it is taken off
cdef int64_t now_of(int64_t real) noexcept nogil   # what now_ns() says of a real_ns() just read: one system call for both
cpdef int64_t real_ns() noexcept nogil   # CLOCK_MONOTONIC
cpdef bint is_manual() noexcept nogil    # whether a manual clock is on
