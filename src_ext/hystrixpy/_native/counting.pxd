"""A breaker that counts errors instead of percentages: eapache/go-resiliency's, on the words of decision.pxd.

What differs is only when CLOSED opens. Errors add up as long as no gap between two of them is longer than the
timeout; such a run of errors has a number. Two words, changed one after the other: `latest` says which run the last
error belonged to and when it was, `run` how many errors that run has so far in this generation. An error first
joins or begins a run (that orders it), then counts for it.
"""

from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.breaker cimport CircuitBreaker
from hystrixpy._native.decision cimport Change


cdef class CountingBreaker(CircuitBreaker):
    cdef uint64_t latest            # run number 16 | time 46, as in word.pxd
    cdef uint64_t run               # generation 16 | run number 16 | errors 32
    cdef uint64_t threshold
    cdef uint64_t join_run(self, int64_t now) noexcept
    cdef uint64_t count_error(self, uint64_t generation, uint64_t number) noexcept
    cdef uint64_t errors_in_run(self, int64_t now) noexcept
    cdef bint is_quiet(self, uint64_t latest, int64_t now) noexcept
