"""Cython's view of building.h."""

from libc.stdint cimport uint8_t

cdef extern from "building.h":
    bint HX_FREE_THREADED
    uint8_t hx_once(uint8_t *flag) noexcept      # sets a flag that was 0; what it was before
