"""Collapsers: the part that every request passes through."""

from hystrixpy._native.batch cimport Gatherer


cdef class Spec:
    """What is the same for every request of one collapser class or function."""
    cdef readonly str key
    cdef readonly bint is_global
    cdef readonly object code      # CollapserProperties given in code, or None
    cdef readonly dict shared           # GLOBAL: {None: the gatherer}
    cdef object __weakref__
    cdef Gatherer gatherer(self)
    cpdef object future_on_loop(self, object face, object argument, object cache_key=*)
    cdef int ask(self, object face, object argument, object cache_key, object future, object loop,
                 object blocked) except -1
