"""Starting a thread has three ends: it serves, it cannot be started, or Ctrl-C comes while its start is awaited.

In the last case the thread may or may not begin later. One compare-and-swap decides: the thread moves its duty
from FRESH to SERVING, the interrupted starter from FRESH to CALLED_OFF, and who loses stands back. So the
numbers that count a thread are right whatever happens.
"""

import threading

from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_icas, hx_iload

cdef enum:
    FRESH = 0
    SERVING = 1
    CALLED_OFF = 2


cdef class Duty:
    def __call__(self) -> None:
        cdef int64_t fresh = FRESH
        if hx_icas(&self.state, &fresh, SERVING):
            self.serve()

    cdef void serve(self) noexcept:
        pass

    cdef bint serving(self) noexcept:
        return hx_iload(&self.state) == SERVING


cdef bint start_daemon(Duty duty, str name) except -1:
    cdef int64_t fresh = FRESH
    duty.thread = threading.Thread(target=duty, name=name, daemon=True)
    try:
        duty.thread.start()
    except (RuntimeError, MemoryError) as error:
        hx_icas(&duty.state, &fresh, CALLED_OFF)
        duty.error = error
        return False
    except BaseException:
        hx_icas(&duty.state, &fresh, CALLED_OFF)
        raise
    return True
