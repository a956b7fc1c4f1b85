"""The thread-pool bulkhead: who runs what, and who waits for it."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

cdef enum:               # Work.phase, moved by compare-and-swap only
    WORK_NEW = 0
    WORK_QUEUED = 1
    WORK_RUNNING = 2
    WORK_LEFT = 3        # running, but its caller has given up (abandoned)
    WORK_RETURNED = 4    # perform() is over, or it never ran and never will

cdef enum:               # Pool.submit
    ACCEPTED = 0
    POOL_FULL = 1        # no thread is free and the queue takes no more
    POOL_CLOSED = 2


cdef class Work:
    """Something a worker can run. The pool holds a reference from submit() until publish() returned."""
    cdef int64_t phase
    cdef int64_t published          # 1 once publish() has begun: what wait() watches
    cdef PyObject *next             # link of the pool's queue
    cdef void *sleeper              # lock that a sleeping wait() blocks on, else NULL
    cdef readonly Pool pool         # the pool it was given to, else None
    cdef void perform(self) noexcept        # on the worker, GIL held: do it, keep the outcome; overridden
    cdef void publish(self) noexcept        # on the worker, GIL held, when the slot is already free; overridden
    cdef void expire(self) noexcept         # on the timer thread, GIL held: the deadline passed; overridden; must be quick
    cdef bint wait(self, int64_t deadline) except -1   # GIL released; deadline in real_ns(), -1: none. True: published. Raises what a signal handler raises
    cdef bint leave(self) noexcept          # the caller gives up a running work: True if it was running and is now WORK_LEFT


cdef class Pool:
    cdef int submit(self, Work work) except -1      # ACCEPTED, POOL_FULL or POOL_CLOSED; never waits for a thread
    cdef bint withdraw(self, Work work) noexcept    # True if it was still queued: it will never run
    cdef bint has_free_thread(self) noexcept        # a thread idle, or one that may still be started


cdef int expire_at(Work work, int64_t deadline) except -1    # have the one native timer call work.expire() at real_ns() >= deadline
cdef void expiry_done(Work work) noexcept                     # the work ended before: its entry may be dropped
cdef Pool fallback_pool()                                      # ten daemon threads hystrix-fallback-<n>, hand-off only; made at first use
