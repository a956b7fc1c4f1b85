"""Which command is running here: in this thread, or in this contextvars context."""

from libc.stdint cimport int64_t

from hystrixpy._native.life cimport CommandLife, Frame


cdef class Place:
    """The same for a contextvars context: what a task or a worker sees as the running command."""
    cdef CommandLife command
    cdef int64_t deadline
    cdef bint active
    cdef bint in_fallback


cdef int find_parent(CommandLife c) except -1             # parent, depth, outer_deadline, begun_in_fallback
cdef void push_frame(Frame *frame, CommandLife command, int64_t deadline) noexcept
cdef void pop_frame(Frame *frame) noexcept
cdef CommandLife innermost(int64_t *deadline, bint *in_fallback)  # or None; deadline: what holds here, -1: none
cdef Place enter_context(CommandLife command, int64_t deadline, bint in_fallback)   # in tasks and workers
cdef void leave_context(Place place) noexcept
