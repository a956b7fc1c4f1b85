"""The life of a command, written once as steps; the drivers (inline, threaded, asyncio) only call and wait.

In the order of DESIGN section 5.
"""

from libc.stdint cimport int64_t

from hystrixpy._native.life cimport CommandLife

cdef int begin(CommandLife c) except -1                        # one shot, circuit, one snapshot of settings, deadline
cdef bint let_in(CommandLife c) except -1                      # breaker, permit, time: run is due; False: settled
cdef bint admit(CommandLife c) except -1                       # breaker; False: refused, error kept
cdef bint out_of_time(CommandLife c) except -1                 # nothing left of an enclosing limit: settled as TIMEOUT
cdef void refuse(CommandLife c, int event, object error) noexcept  # rejected by a bulkhead after the breaker let it in

cdef int settle_value(CommandLife c) except -1                 # run returned; returns the event that it amounts to
cdef int settle_raised(CommandLife c, object error) except -1  # run raised
cdef void settle_timeout(CommandLife c, int64_t real) noexcept
cdef void settle_cancelled(CommandLife c, object error) noexcept
cdef bint is_late(CommandLife c, int64_t real) noexcept

cdef bint fallback_due(CommandLife c) except -1                # True: its permit is taken, run it; False: final_error() is due
cdef void fallback_returned(CommandLife c) noexcept
cdef void fallback_raised(CommandLife c, object error) noexcept
cdef void no_room_for_fallback(CommandLife c) noexcept
cdef void finish(CommandLife c) noexcept                       # total latency; nothing of the command is counted after it

cdef void note(CommandLife c, int event, int64_t now) noexcept # count one event
cdef void count_waiting(CommandLife c) noexcept                # THREAD or fallback: its caller waits
cdef void count_waited(CommandLife c) noexcept
