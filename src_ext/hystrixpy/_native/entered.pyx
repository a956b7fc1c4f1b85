"""A chain of entries in one context variable, for all breakers together: a variable of each one's own would never be freed."""

from cpython.contextvars cimport PyContextVar_Get, PyContextVar_New, PyContextVar_Set
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_icas, hx_iload

cdef extern from *:
    """
    #define hx_own_entry(found) (found)
    """
    object own "hx_own_entry"(PyObject *found)      # takes over a new reference

cdef object ENTERED = PyContextVar_New("hystrixpy breakers entered", NULL)


cdef class Entry:
    """One `with breaker:` that is not left yet."""
    cdef object breaker
    cdef int64_t admission
    cdef Entry below
    cdef int64_t left               # 1 once settled: a task that inherited the chain must not settle it again


cdef object push(object breaker, int64_t admission):
    cdef Entry entry = Entry.__new__(Entry)
    entry.breaker = breaker
    entry.admission = admission
    entry.below = innermost()
    PyContextVar_Set(ENTERED, entry)


cdef int64_t pop(object breaker) except -1:
    cdef Entry top = innermost()
    cdef Entry entry = top
    while entry is not None and not (entry.breaker is breaker and claim(entry)):
        entry = entry.below
    if entry is None:
        raise RuntimeError(f"circuit breaker {breaker.name!r} is left in another context than it was entered in "
                           "(another task or thread), so the result cannot be counted; use call() or acall() there")
    while top is not None and hx_iload(&top.left):
        top = top.below
    PyContextVar_Set(ENTERED, top)
    return entry.admission


cdef inline Entry innermost():
    cdef PyObject *found = NULL
    PyContextVar_Get(ENTERED, NULL, &found)
    return <Entry>own(found) if found is not NULL else None


cdef inline bint claim(Entry entry) noexcept:
    cdef int64_t no = 0
    return hx_icas(&entry.left, &no, 1)
