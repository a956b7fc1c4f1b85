"""The thread-pool bulkhead: who runs what, and who waits for it.

The phases of a work and what submit answers (WORK_QUEUED ..., ACCEPTED ...) are in crew.pxd; deadlines
nobody waits on are in timer.pxd.
"""

from libc.stdint cimport int64_t

from hystrixpy._native.crew cimport (ACCEPTED, POOL_CLOSED, POOL_FULL, WORK_LEFT, WORK_NEW, WORK_QUEUED, WORK_RETURNED,
                                     WORK_RUNNING, Crew, Job, Worker)


ctypedef struct Alarm:   # a place in the timer's heap, part of a Work
    int64_t deadline
    int64_t place        # index + 1; 0: not in the heap
    void *work


cdef class Work:
    """Something a worker can run. The pool holds a reference from submit() until publish() returned."""
    cdef Job job                    # its phase is job.phase
    cdef Alarm alarm
    cdef void *waiter               # the parker of a waiting wait(); PUBLISHED after publish(); else NULL
    cdef readonly Pool pool         # the pool it was given to, else None
    cdef void perform(self) noexcept        # on the worker, GIL held: do it, keep the outcome; overridden
    cdef void publish(self) noexcept        # on the worker, GIL held, when the slot is already free; overridden
    cdef void expire(self) noexcept         # on the timer thread, GIL held: the deadline passed; overridden; must be quick
    cdef bint wait(self, int64_t deadline) except -1   # GIL released; deadline in real_ns(), -1: none. True: published. Raises what a signal handler raises. One waiter at a time
    cdef bint leave(self) noexcept          # the caller gives up a running work: True if it was running and is now WORK_LEFT
    cdef bint is_left(self) noexcept


cdef class Pool:
    cdef Crew *crew
    cdef readonly str key
    cdef dict _threads
    cdef bint _told_of_failure      # that a thread could not be started: logged once, until one starts
    cdef object __weakref__
    cdef int submit(self, Work work) except -1      # ACCEPTED, POOL_FULL or POOL_CLOSED; never waits for a thread
    cdef int submit_now(self, Work work) except -1  # the same, but POOL_FULL rather than queued: for nested commands
    cdef int submit_and_wait(self, Work work, int64_t deadline, bint *published) except -1  # submit and wait() in one: cheaper, the worker is woken when the GIL is free. After an exception: withdraw() or leave()
    cdef bint withdraw(self, Work work) noexcept    # True if it was still queued: it will never run
    cdef bint has_free_thread(self) noexcept        # a thread idle, or one that may be started without asking the queue
    cdef void count_rejected(self) noexcept         # somebody else turned a work away for this pool
    cdef int enter(self, Work work, int flags, Worker **wake) except -1
    cdef bint start_thread_for(self, Work work, int64_t number) except -1
    cdef bint start_thread(self, int64_t number) except -1
    cdef int start_wanted(self) except -1
    cdef int keep(self, int64_t number, object thread) except -1
    cdef int report(self, object error) except -1
    cdef bint join_some(self, int64_t deadline) except -1
    cdef void reborn(self) noexcept


cdef Pool fallback_pool()                           # ten daemon threads hystrix-fallback-<n>, hand-off only; made at first use
