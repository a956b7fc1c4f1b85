"""The clock of the native core: monotonic nanoseconds, or a hand-moved time for tests.

Two words make the whole state, so that reading the time takes no lock: the time of the manual clock
(OFF while there is none), and what a manual clock that was taken off left behind as an offset.
"""

from libc.stdint cimport INT64_MAX, int64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from hystrixpy._native.atomics cimport hx_icas, hx_iload, hx_istore

cdef enum:
    SECOND = 1_000_000_000
    OFF = -1

cdef int64_t manual = OFF
cdef int64_t offset = 0


cpdef int64_t real_ns() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return <int64_t>at.tv_sec * SECOND + at.tv_nsec


cpdef int64_t now_ns() noexcept nogil:
    cdef int64_t held = hx_iload(&manual)
    return held if held >= 0 else now_of(real_ns())


cdef int64_t now_of(int64_t real) noexcept nogil:
    cdef int64_t held = hx_iload(&manual)
    cdef int64_t time
    if held >= 0:
        return held
    time = real + hx_iload(&offset)
    # A manual clock may have been put on since the first look; real time read after that could lie ahead
    # of it, and this thread's next look would then go back.
    held = hx_iload(&manual)
    return held if held >= 0 else time


cpdef bint is_manual() noexcept nogil:
    return hx_iload(&manual) >= 0


def manual_start() -> int:
    """Put a manual clock on, at the next whole second; the time in nanoseconds it starts at.

    Raises RuntimeError while another one is on: time is one for the whole process.
    """
    cdef int64_t off = OFF
    cdef int64_t start = (now_ns() + SECOND - 1) // SECOND * SECOND
    if not hx_icas(&manual, &off, start):
        raise RuntimeError("a manual clock is already on in this process; take it off before putting on another")
    return start


def manual_advance(int64_t ns) -> int:
    """Move the manual clock forward by ``ns`` nanoseconds; the new time.

    Raises RuntimeError while none is on, ValueError if it would go back or beyond 292 years.
    """
    cdef int64_t held = hx_iload(&manual)
    while held >= 0:
        if not 0 <= ns <= INT64_MAX - held:
            raise ValueError(f"a clock cannot be moved by {ns} ns: 0 to {INT64_MAX - held} are possible")
        if hx_icas(&manual, &held, held + ns):
            return held + ns
    raise RuntimeError("no manual clock is on")


def manual_stop() -> None:
    """Take the manual clock off: time runs on by itself from where the manual clock stood.

    Raises RuntimeError while none is on.
    """
    cdef int64_t held = hx_iload(&manual)
    while held >= 0:
        hx_istore(&offset, held - real_ns())  # first, so that whoever sees OFF also sees the offset
        if hx_icas(&manual, &held, OFF):
            return
    raise RuntimeError("no manual clock is on")
