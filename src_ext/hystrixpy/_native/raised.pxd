"""Cython's view of raised.h, and references that are passed by hand.

An exception that goes up through Cython gets a traceback entry at each step, and making those costs more than all
else about a refused call. So where calls are counted in nanoseconds, functions give PyObject *: a new reference, or
NULL with the error indicator set, and callers pass it on by hand.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef extern from "raised.h":
    PyObject *hx_take_error() noexcept           # a new reference, cleared from the thread; NULL: none
    void hx_put_error(object error) noexcept
    void hx_give_error(object error) noexcept    # with the traceback that it has
    void hx_drop_locals(object error, int ours) noexcept
    object hx_pass(PyObject *value)

cdef extern from "Python.h":
    bint matches "PyErr_GivenExceptionMatches"(object error, object kinds) noexcept    # as an except clause would


cdef inline PyObject *given(object value) noexcept:
    """A reference for a caller in C."""
    Py_INCREF(value)
    return <PyObject *>value


cdef inline object owned(PyObject *value):
    """Take over a reference that was given."""
    cdef object result = <object>value
    Py_DECREF(result)
    return result


cdef inline object taken_error():
    """The exception that is set as the error indicator, as an object; to be called where there is one."""
    return owned(hx_take_error())
