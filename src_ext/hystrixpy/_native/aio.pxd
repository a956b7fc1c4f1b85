"""The asyncio driver, and the time limits of one event loop."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from hystrixpy._native.life cimport CommandLife


cdef class AioCommand(CommandLife):
    cdef object task                 # that drives us, while run is under way
    cdef AioCommand inner            # the command nested directly in us in the same task, while it runs
    cdef list followers              # enclosing commands whose limit passed while ours was still unwinding
    cdef LimitQueue queue_in         # the queue we are linked into, else None
    cdef void *earlier               # links of that queue, which holds a reference to us
    cdef void *later
    cdef int32_t cancelling_before   # outside cancellations of the task that were there when we began
    cdef uint8_t own_task               # runs in a task of its own, because others may share the outcome
    cdef uint8_t unwinding              # our limit cancelled the task, and run has not ended yet
    cdef int watch(self) except -1
    cdef Limits first_limits(self)
    cdef void unwatch(self) noexcept
    cdef object fire(self)
    cdef bint cancelled_outside(self) except -1
    cdef int ended(self, object error) except -1
    cdef object watched_value(self, object value)
    cdef void fallback_over(self) noexcept


cdef class LimitQueue:
    """Commands in the order of their deadlines; nearly always appended at the end."""
    cdef void *first
    cdef void *last
    cdef void insert(self, AioCommand command) noexcept
    cdef void remove(self, AioCommand command) noexcept


cdef class Limits:
    """All time limits of one loop: a queue per limit length, one armed timer."""
    cdef object loop
    cdef object here_runs            # the loop, as long as it runs in the thread that made us
    cdef object __weakref__
    cdef object timer
    cdef dict queues
    cdef LimitQueue latest
    cdef int64_t latest_length
    cdef int64_t armed_for
    cdef LimitQueue queue_for(self, int64_t length)
    cdef int add(self, AioCommand command, int64_t length) except -1
    cdef object _fire_due(self, LimitQueue queue)
    cdef int arm(self, int64_t deadline) except -1
