"""Where the breaker is used: its Python face, and by re-export all of decision.pxd, where it decides."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.decision cimport (
    CLOSED, ENDED_ERROR, ENDED_NEUTRAL, ENDED_OK, GENERATION_ONLY, HALF_OPEN, NOTHING, OPEN, REFUSED, STEER_CLOSED,
    STEER_OPEN, TRANSITION, Breaker, BreakerRules, Change, Counts, Health, breaker_admit, breaker_allows,
    breaker_health, breaker_is_open, breaker_reset, breaker_retry_ns, breaker_settle, breaker_settle_at,
    breaker_state, breaker_steer,
)
from hystrixpy._native.herald cimport Herald
from hystrixpy._native.refusal cimport open_error

cdef enum:
    OWN_BUCKETS = 10  # of a stand-alone breaker's window


cdef class CircuitBreaker:
    """The Python face of a Breaker; its own one, or (owner set) that of a command's circuit."""
    cdef Breaker *b
    cdef Health health_cells
    cdef object owner               # keeps the memory of b alive; None when it is ours
    cdef Herald herald
    cdef readonly str name
    cdef readonly tuple ignore
    cdef object on_transition       # callable(name, old, new) or None
    cdef bint complained            # a raising on_transition is logged once
    cdef BreakerRules own_rules
    cdef Breaker own
    cdef uint64_t own_cells[2 * OWN_BUCKETS]
    cdef void rules_now(self, BreakerRules *out) noexcept   # overridden for a command's circuit
    cdef object told(self, Change *change)                  # take a Change; calls deliver() in order, outside any lock
    cdef object deliver(self, int old, int new)             # one transition: log it, call on_transition; a command's circuit adds its listeners
    cdef int64_t admit(self, int64_t now, Change *change) noexcept
    cdef void settle(self, int64_t admission, int ended, int64_t now, Change *change) noexcept
    cdef int64_t enter(self) except -2                      # an admission, or REFUSED
    cdef object leave(self, int64_t admission, int ended)
    cdef object leave_raising(self, int64_t admission)
    cdef PyObject *guard(self, object fn, tuple args, dict kwargs) except? NULL
    cdef object told_admitted(self, int64_t admission, Change *change)
    cdef object configure(self, name, ignore, on_transition)
    cdef int current(self)                                  # the state
    cdef str explain_state(self, const BreakerRules *rules, int64_t now)
    cdef str opens_when(self, const BreakerRules *rules)
    cdef int ending_of(self, object error) noexcept         # ENDED_ERROR or ENDED_NEUTRAL, for an exception or its type
    cdef str reason(self, int64_t now)                      # why it is open, with numbers
    cdef object refusal(self)
