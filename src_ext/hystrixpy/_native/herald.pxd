"""Brings the transitions of one breaker into order before anybody is told."""

from libc.stdint cimport int64_t, uint32_t


cdef class Herald:
    cdef dict pending               # generation -> (old, new), or None where there is nothing to tell
    cdef list backlog               # news whose order is settled, told before all others
    cdef int64_t busy               # fork epoch << 1 | 1 while a thread delivers
    cdef uint32_t next              # the generation that is due; changed by the thread that delivers only
    cdef void put(self, uint32_t generation, object news)
    cdef bint begin(self)           # True: you deliver now; take() until it gives nothing, then end()
    cdef object take(self)          # the next news in order, or None
    cdef void end(self)
    cdef bint is_due(self)          # look again after end(): something may have come meanwhile
    cdef bint is_lost(self)
    cdef void skip_gaps(self)
