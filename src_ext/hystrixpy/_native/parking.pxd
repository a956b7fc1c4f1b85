"""Cython's view of parking.h: mutex, parker, spin. None of these can fail or needs the GIL."""

from libc.stdint cimport int64_t

cdef extern from "parking.h" nogil:
    enum:
        HX_TOLD      # somebody called hx_unpark
        HX_LATE      # the deadline passed
        HX_SIGNAL    # a signal handler may be waiting to run

    ctypedef struct hx_mutex:
        pass
    ctypedef struct hx_parker:
        pass

    int64_t hx_monotonic() noexcept
    void hx_mutex_init(hx_mutex *m) noexcept
    void hx_lock(hx_mutex *m) noexcept
    void hx_unlock(hx_mutex *m) noexcept
    void hx_parker_init(hx_parker *p) noexcept
    bint hx_is_told(hx_parker *p) noexcept
    void hx_unpark(hx_parker *p) noexcept
    int hx_park(hx_parker *p, int64_t deadline) noexcept
    bint hx_spin(hx_parker *p, int64_t ns) noexcept
    bint hx_on_main_thread() noexcept
    int hx_cores() noexcept
