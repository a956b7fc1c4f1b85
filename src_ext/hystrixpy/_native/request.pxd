"""One request of a collapser, and its answer."""

cimport cython

from hystrixpy._native.pool cimport Work

cdef enum:
    UNANSWERED = 0
    RESPONSE = 1
    EXCEPTION = 2


cdef class Meeting:
    """What a gatherer is to its requests."""
    cdef cython.pymutex lock       # held while arguments are compared and lists appended to
    cdef readonly object spec


@cython.final
cdef class CollapsedRequest:
    """One argument of a batch, its answer, and everybody who waits for it."""
    cdef readonly object argument
    cdef object answer             # the response or the exception
    cdef object trace              # the traceback with which the exception came
    cdef object first              # a future that waits, or None
    cdef object first_loop         # the loop it belongs to; None: a concurrent future
    cdef list more                 # further (future, loop) pairs, or None
    cdef list links                # the spans in which it was asked for, while a tracer is set; or None
    cdef Meeting gatherer
    cdef object batch              # the Batch; None once delivered: they hold each other
    cdef int state                 # UNANSWERED, RESPONSE, EXCEPTION
    cdef bint delivered            # guarded by gatherer.lock, as are the futures and the batch
    cdef bint left                 # everybody gave up before the batch went; takes nobody any more
    cdef int set_answer(self, int state, object answer) except -1      # CollapserError: there is one
    cdef bint try_answer(self, int state, object answer) except -1
    cdef int add(self, object future, object loop) except -1
    cdef bint is_wanted(self) except -1


cdef class LastWord(Work):
    cdef list requests
    cdef object error


cdef int answer(object future, CollapsedRequest request) except -1     # a future that may have been cancelled
cdef int end(list requests, object error) except -1        # give an error to those without an answer, and deliver
