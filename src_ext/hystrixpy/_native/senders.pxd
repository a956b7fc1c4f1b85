"""The threads that send what no event loop sends."""

from hystrixpy._native.pool cimport Pool

cdef Pool sending_pool()
