"""What the caller of a command that did not succeed is told."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from hystrixpy._native.life cimport CommandLife

cdef extern from "Python.h":
    bint PyCoro_CheckExact(object o)

cdef object final_error(CommandLife c)                    # the exception that the caller gets
cdef object used_error(CommandLife c)
cdef object timeout_error(CommandLife c, int64_t real)
cdef object no_permit_error(CommandLife c)
cdef object pool_error(CommandLife c, int answer, bint nested)   # answer: the pool's, see crew.pxd
cdef PyObject *refused_coroutine(CommandLife c, PyObject *value, str part) noexcept


cdef inline PyObject *no_coroutine(CommandLife c, PyObject *value, str part) noexcept:
    """The value of a plain def; NULL with a TypeError if it is a coroutine, whose work has not even begun."""
    if value != NULL and PyCoro_CheckExact(<object>value):
        return refused_coroutine(c, value, part)
    return value
