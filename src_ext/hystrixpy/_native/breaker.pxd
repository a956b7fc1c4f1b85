"""Where the breaker decides.

The breaker is one atomic word: state (2 bits), generation (16), time (46, microseconds since the module was
loaded). Every transition is one compare-and-swap that adds one to the generation. An admission carries the
generation it was given under; a result of another generation decides nothing. Time means: opened at (OPEN),
last trial admitted at (HALF_OPEN). A second word counts the trials of one half-open generation, tagged with it.
No function here can fail, wait, or needs the GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hystrixpy._native.window cimport Shape

cdef enum:
    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2

cdef enum:            # how a guarded call ended, for breaker_settle
    ENDED_OK = 0
    ENDED_ERROR = 1
    ENDED_NEUTRAL = 2   # bad request, cancelled: counts nowhere, hands a trial back

cdef enum:
    REFUSED = -1      # an admission otherwise: generation << 1 | (1 if a trial)

ctypedef struct BreakerRules:     # one consistent copy per call
    int64_t sleep_ns
    int64_t volume_threshold
    int64_t error_threshold       # percent
    int64_t trials                # concurrent trials while half-open
    int64_t successes             # needed to close
    int32_t enabled
    int32_t force_open            # by property; by hand: Breaker.steer
    int32_t force_closed

ctypedef struct Breaker:          # plain words, zero-initialised = CLOSED, generation 0
    uint64_t word
    uint64_t trials
    uint64_t closed_generation    # of the present or last CLOSED period: what health counts are tagged with
    uint64_t steer                # bit 0: forced open by hand, bit 1: forced closed by hand
    uint64_t transitions[3]       # how often each state was entered

ctypedef struct Health:           # where the breaker counts: two rows of cells of one shape
    uint64_t *ok
    uint64_t *errors
    Shape shape

ctypedef struct Change:           # a transition, for whoever must be told; happened = 0: none
    int32_t happened
    int32_t old
    int32_t new
    uint32_t generation           # the new one: orders the transitions of one breaker

ctypedef struct Counts:
    uint64_t total
    uint64_t errors

cdef int64_t breaker_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil
cdef void breaker_settle(Breaker *b, const BreakerRules *rules, Health *health, int64_t admission, int ended,
                         int64_t now, Change *change) noexcept nogil
# a rejection after admission (bulkhead full) is ENDED_ERROR; an admission is settled exactly once
cdef bint breaker_allows(Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil   # a question, changes nothing
cdef int breaker_state(const Breaker *b) noexcept nogil
cdef bint breaker_is_open(const Breaker *b, const BreakerRules *rules) noexcept nogil
cdef int64_t breaker_retry_ns(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil  # until the next trial; -1: unknown (forced open)
cdef Counts breaker_health(const Breaker *b, const Health *health, int64_t now) noexcept nogil
cdef void breaker_reset(Breaker *b, Change *change) noexcept nogil     # closed, health from zero, forcing by hand kept


cdef class CircuitBreaker:
    """The Python face of a Breaker; its own one, or (owner set) that of a command's circuit."""
    cdef Breaker *b
    cdef Health health
    cdef BreakerRules own_rules
    cdef object owner               # keeps the memory of b alive; None when it is ours
    cdef readonly str name
    cdef readonly tuple ignore
    cdef object on_transition       # callable(name, old, new) or None
    cdef void rules_now(self, BreakerRules *out) noexcept   # overridden for a command's circuit
    cdef object told(self, Change *change)                  # deliver a transition; overridden for a command's circuit
