"""Calling run and the fallback in this thread."""

from cpython.object cimport PyObject

from hystrixpy._native.life cimport CommandLife

# A new reference. attempt: NULL without an error: no success, recovered() is due. recovered: NULL with the error set.
cdef PyObject *attempt(CommandLife c) except? NULL
cdef PyObject *recovered(CommandLife c) noexcept

cdef bint attempt_kept(CommandLife c) except -1            # True: c.result holds the value; False: recovery is due
cdef void keep(CommandLife c, PyObject *value, object error) noexcept   # settle what run gave, and keep its value
