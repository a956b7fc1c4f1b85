"""Daemon threads of compiled code that either serve or never will."""

from libc.stdint cimport int64_t


cdef class Duty:
    """What a daemon thread does, once."""
    cdef int64_t state
    cdef object thread                  # threading.Thread, once it was made
    cdef object error                   # why it could not be started
    cdef void serve(self) noexcept      # on the thread, GIL held; overridden
    cdef bint serving(self) noexcept    # the thread has begun

cdef bint start_daemon(Duty duty, str name) except -1
# True: the thread serves. False: it could not be started (duty.error says why) and never will.
# Raises what ends the wait for its start, as Ctrl-C does: duty.serving() says which of the two holds.
