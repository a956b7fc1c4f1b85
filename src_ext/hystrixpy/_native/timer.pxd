"""The one native timer: ends what nobody waits for. One daemon thread, `hystrix-timer`, started at first use."""

from libc.stdint cimport int64_t

from hystrixpy._native.pool cimport Work

cdef int expire_at(Work work, int64_t deadline) except -1    # have work.expire() called on the timer thread at real_ns() >= deadline
cdef void expiry_done(Work work) noexcept                     # the work ended before: its entry goes at once; harmless if there is none
