"""The running event loop, which on Python 3.11 costs a system call to ask for: more than all else about a request.

There, asyncio is asked instead whether the loop that ran last here has a task now. While a loop runs, its thread is
the only one that sees a task of it.
"""

import sys
from asyncio import current_task, get_running_loop
from weakref import ref

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept

cdef bint is_dear = sys.version_info < (3, 12)
cdef object known = None               # weak: the loop that was found last
cdef unsigned long known_thread = 0    # and where


cdef object running_loop():
    global known, known_thread
    if not is_dear:
        return get_running_loop()
    if known is not None and known_thread == PyThread_get_thread_ident():
        loop = known()
        if loop is not None and current_task(loop) is not None:
            return loop
    loop = get_running_loop()
    known, known_thread = ref(loop), PyThread_get_thread_ident()
    return loop
